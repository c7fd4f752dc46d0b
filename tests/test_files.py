"""Operators in files: what is written comes back; damaged or hostile files are refused before they cost anything."""

import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest

from pyfly import Butterfly, Diagonal, Operator, Permutation, RealPart, Scaled
from pyfly._files import load_operator, save_operator


def example():
    rng = np.random.default_rng(0)
    b = Butterfly(rng.standard_normal((3, 4, 2, 2)) + 1j * rng.standard_normal((3, 4, 2, 2)))
    t = Butterfly(rng.standard_normal((7, 2, 2)).astype(np.float32), tied=True, increasing_stride=False)
    p = Permutation(rng.permutation(8))
    return RealPart(b @ p) @ t @ Scaled(p, 2 - 1j) @ Diagonal(rng.standard_normal(8))


def test_what_is_saved_is_loaded(tmp_path):
    op, path = example(), tmp_path / "f.npz"
    metadata = {
        "model": "Re(BP)",
        "errors": [1.0, 1e-3, float("inf")],
        "nested": {"none": None, "yes": True, "complex": 1 + 2j, "count": 3},
        "permutation": np.arange(5),
        "weights": np.ones((2, 3), np.complex64),
        "number": np.float64(2.5),
    }
    save_operator(path, op, metadata)
    other, read = load_operator(path)
    assert repr(other) == repr(op)
    np.testing.assert_array_equal(other.todense(), op.todense())
    assert read.keys() == metadata.keys()
    for key in ("model", "errors", "nested", "number"):
        assert read[key] == metadata[key]
    np.testing.assert_array_equal(read["weights"], metadata["weights"])
    assert read["permutation"].dtype == np.int64


def test_sizes_one(tmp_path):
    for op in (Butterfly(np.ones((0, 0, 2, 2))), Butterfly(np.ones((0, 2, 2)), tied=True), Permutation([0])):
        save_operator(tmp_path / "f.npz", op)
        other, metadata = load_operator(tmp_path / "f.npz")
        assert repr(other) == repr(op) and metadata == {}


def test_arrays_can_be_read_by_numpy(tmp_path):
    save_operator(tmp_path / "f.npz", Diagonal([1.0, 2.0]))
    with np.load(tmp_path / "f.npz", allow_pickle=False) as archive:
        assert archive["a0"].tolist() == [1.0, 2.0]
        assert json.loads(archive["header"].tobytes())["operator"] == {"class": "Diagonal", "d": {"array": "a0"}}


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.npz"
    save_operator(path, Diagonal([1.0]))
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"metadata\['x'\] is object"):
        save_operator(path, Diagonal([2.0]), {"x": object()})
    with pytest.raises(TypeError, match="only pyfly operators"):
        save_operator(path, np.eye(2))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["f.npz"]
    with pytest.raises(FileNotFoundError):
        save_operator(tmp_path / "missing" / "f.npz", Diagonal([1.0]))


def test_links_stay_and_pipes_are_written_to(tmp_path):
    operator = Diagonal([2.0, 3.0])
    real, link, pipe = tmp_path / "real.npz", tmp_path / "link.npz", tmp_path / "pipe"
    save_operator(real, Diagonal([1.0]))
    link.symlink_to(real)
    save_operator(link, operator)
    assert link.is_symlink() and load_operator(real)[0].shape == (2, 2)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save_operator(pipe, operator)
        assert stat.S_ISFIFO(os.stat(pipe).st_mode) and os.read(reader, 2) == b"PK"
    finally:
        os.close(reader)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.npz", "pipe", "real.npz"]


def test_operators_of_other_classes_are_refused(tmp_path):
    class Mine(Operator):
        _fields = ("d",)

    with pytest.raises(TypeError, match="Mine, which is no class of pyfly"):
        save_operator(tmp_path / "f.npz", Mine(np.float64, (2, 2)))


def test_permissions_follow_the_umask_or_the_old_file(tmp_path):
    path = tmp_path / "f.npz"
    old = os.umask(0o027)
    try:
        save_operator(path, Diagonal([1.0]))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        save_operator(path, Diagonal([1.0]))
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(old)


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(tree, version=1):
    text = tree if isinstance(tree, str) else json.dumps({"format": "pyfly operator", "version": version, **tree})
    return npy(np.frombuffer(text.encode(), np.uint8))


DIAGONAL = {"operator": {"class": "Diagonal", "d": {"array": "a0"}}, "metadata": {"dict": {}}}


@pytest.mark.parametrize(
    "contents, message",
    [
        ({}, "header"),
        ({"header.npy": header(DIAGONAL)}, "'a0' is missing"),
        ({"header.npy": header(DIAGONAL, 9), "a0.npy": npy(np.ones(2))}, "version 9"),
        ({"header.npy": header("{}"), "a0.npy": npy(np.ones(2))}, "does not say"),
        ({"header.npy": header("no json"), "a0.npy": npy(np.ones(2))}, "cannot be read"),
        ({"header.npy": header("[" * 100000), "a0.npy": npy(np.ones(2))}, "cannot be read"),
        ({"header.npy": header(DIAGONAL), "a0.npy": npy(np.ones((2, 2)))}, "d has shape"),
        ({"header.npy": header(DIAGONAL), "a0.npy": npy(np.array([None]))}, "unexpected type"),
        ({"header.npy": header(DIAGONAL), "a0.npy": b"rubbish"}, "cannot be read"),
        ({"header.npy": header({"operator": {"class": "os.system"}, "metadata": {"dict": {}}})}, "not known"),
        ({"header.npy": header({"operator": {"class": "Diagonal"}, "metadata": {"dict": {}}})}, "not known"),
        ({"header.npy": header({"operator": {"what": 1}, "metadata": {"dict": {}}})}, "unknown entry"),
        ({"header.npy": header({"operator": [], "metadata": {"dict": {}}})}, "bare list"),
        ({"header.npy": header({"operator": 3, "metadata": {"dict": {}}})}, "holds none"),
        ({"header.npy": header({"operator": {"class": "Product", "factors": {"list": [1]}}})}, "no pyfly operator"),
    ],
)
def test_strange_contents(tmp_path, contents, message):
    path = tmp_path / "f.npz"
    write(path, contents)
    with pytest.raises(ValueError, match=message):
        load_operator(path)


def test_nesting_is_limited(tmp_path):
    tree = {"class": "Diagonal", "d": {"array": "a0"}}
    for _ in range(200):
        tree = {"class": "RealPart", "op": tree}
    write(tmp_path / "f.npz", {"header.npy": header({"operator": tree, "metadata": {"dict": {}}})})
    with pytest.raises(ValueError, match="nested too deeply"):
        load_operator(tmp_path / "f.npz")


def test_sizes_are_checked_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "f.npz"
    data = npy(np.ones(4))
    huge = data.replace(b"(4,), }" + b" " * 12, b"(%d,), }" % 10**12)
    assert len(huge) == len(data)
    write(path, {"header.npy": header(DIAGONAL), "a0.npy": huge})
    with pytest.raises(ValueError, match="claims shape"):
        load_operator(path)
    write(path, {"header.npy": header(DIAGONAL), "a0.npy": npy(np.zeros(10**6))}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        load_operator(path)


def test_damaged_files(tmp_path):
    path, broken = tmp_path / "f.npz", tmp_path / "g.npz"
    save_operator(path, example(), {"note": "x" * 100})
    good = path.read_bytes()
    rng = np.random.default_rng(1)
    for cut in (0, 1, 100, len(good) // 2, len(good) - 1):
        broken.write_bytes(good[:cut])
        with pytest.raises(ValueError, match="cannot be read as a pyfly operator"):
            load_operator(broken)
    refused = 0
    for _ in range(200):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        broken.write_bytes(data)
        try:
            op, metadata = load_operator(broken)
        except ValueError:
            refused += 1
        else:
            assert op.shape == (8, 8) and metadata == {"note": "x" * 100}
    assert refused > 150


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_operator(tmp_path / "none.npz")
