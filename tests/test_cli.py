"""The command line as a user meets it: what is printed, written, refused, and with which status."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import pyfly
from pyfly.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *argv, match):
    """Status 2, one line on standard error that says why, nothing printed and no new file."""
    before = sorted(os.listdir("."))
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("pyfly: error: ") and err.count("\n") == 1
    assert match in err, err
    assert sorted(os.listdir(".")) == before


def test_learn_prints_what_it_found_and_saves_it(here, capsys):
    k = np.arange(64)
    np.save("F.npy", np.exp(-2j * np.pi * np.outer(k, k) / 64))
    assert main(["learn", "F.npy", "-o", "factors.npz", "--plot", "found.png"]) == 0
    out, err = capsys.readouterr()
    assert "64 x 64 matrix = BP" in out and "bit reversal" in out and "of 4096" in out
    assert out.count("us a vector") == 2 and err == ""
    assert (here / "found.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(".")) == ["F.npy", "factors.npz", "found.png"]
    found = pyfly.load("factors.npz")
    x = np.random.default_rng(0).standard_normal((3, 64))
    assert np.allclose(found.operator.apply(x), np.fft.fft(x), atol=1e-12)


def test_learn_by_name_as_json(here, capsys):
    assert main(["learn", "hadamard", "-n", "32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"model", "converged", "relative_error", "rmse", "n_parameters", "seconds"} <= set(found)
    assert found["converged"] is True and found["relative_error"] < 1e-14 and found["shape"] == [32, 32]


def test_learn_by_gradients(here, capsys):
    assert main(["learn", "dft", "-n", "16", "--method", "gradient", "--seed", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["converged"] and found["relative_error"] < 1e-10 and found["permutation"] == "bit reversal"


def test_an_honest_no_has_status_1_and_is_saved(here, capsys):
    assert main(["learn", "randn", "-n", "32", "-o", "best.npz"]) == 1
    out = capsys.readouterr().out
    assert "no exact form" in out
    found = pyfly.load("best.npz")
    assert not found.converged and 0.1 < found.relative_error < 1


def test_apply_multiplies_the_last_axis(here, capsys):
    assert main(["learn", "dct", "-n", "16", "-o", "f.npz", "--json"]) == 0
    x = np.random.default_rng(0).standard_normal((2, 3, 16)).astype("f")
    np.save("x.npy", x)
    assert main(["apply", "f.npz", "x.npy", "-o", "y.npy"]) == 0
    y = np.load("y.npy")
    assert y.dtype == np.float32 and np.allclose(y, x @ pyfly.targets.dct(16).T, atol=1e-5)
    capsys.readouterr()
    np.save("x.npy", x[..., :8])
    refused(capsys, "apply", "f.npz", "x.npy", "-o", "z.npy", match="length 16")
    refused(capsys, "apply", "f.npz", "missing.npy", "-o", "z.npy", match="no such file")
    refused(capsys, "apply", "x.npy", "x.npy", "-o", "z.npy", match="x.npy")


def test_show_recomputes_the_error(here, capsys):
    np.save("T.npy", pyfly.targets.hartley(32))
    np.save("U.npy", pyfly.targets.hadamard(32))
    assert main(["learn", "T.npy", "-o", "f.npz"]) == 0
    capsys.readouterr()
    assert main(["show", "f.npz"]) == 0
    assert "Butterfly" in capsys.readouterr().out
    assert main(["show", "f.npz", "--target", "T.npy", "--plot", "p.png"]) == 0
    assert "recomputed" in capsys.readouterr().out and os.path.getsize("p.png") > 1000
    assert main(["show", "f.npz", "--target", "U.npy", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["recomputed_relative_error"] > 0.1
    np.save("small.npy", np.eye(4))
    refused(capsys, "show", "f.npz", "--target", "small.npy", match="shape")


def test_bad_targets_are_refused(here, capsys):
    cases = {
        "nan": (np.full((4, 4), np.nan), "NaN"),
        "inf": (np.array([[1.0, np.inf], [0, 1]]), "infinity"),
        "zero": (np.zeros((4, 4)), "zero"),
        "empty": (np.zeros((0, 4)), "empty"),
        "vector": (np.ones(4), "matrix"),
        "text": (np.array([["a", "b"]]), "dtype"),
        "long": (np.eye(4, dtype="g"), "dtype"),
    }
    for name, (array, match) in cases.items():
        np.save(f"{name}.npy", array)
        refused(capsys, "learn", f"{name}.npy", "-o", "out.npz", match=match)
    np.save("objects.npy", np.array([[object()]]), allow_pickle=True)
    refused(capsys, "learn", "objects.npy", match="objects")


def test_damaged_files_are_refused_before_memory_is_asked_for(here, capsys):
    np.save("good.npy", np.eye(8))
    good = (here / "good.npy").read_bytes()
    (here / "short.npy").write_bytes(good[:-8])
    (here / "long.npy").write_bytes(good + b"12345678")
    (here / "garbage.npy").write_bytes(os.urandom(200))
    (here / "nothing.npy").write_bytes(b"")
    (here / "huge.npy").write_bytes(good.replace(b"(8, 8)", b"(99999999999, 9999)".ljust(6))[: len(good)])
    for name, match in (
        ("short", "damaged"),
        ("long", "damaged"),
        ("garbage", "not a .npy"),
        ("nothing", "not a .npy"),
        ("huge", "npy"),
    ):
        refused(capsys, "learn", f"{name}.npy", match=match)
    assert main(["learn", "good.npy", "-o", "f.npz", "--json"]) == 0
    capsys.readouterr()
    whole = (here / "f.npz").read_bytes()
    np.save("x.npy", np.ones(8))
    for damage in (whole[: len(whole) // 2], b"", os.urandom(500), whole[:100] + os.urandom(300) + whole[400:]):
        (here / "bad.npz").write_bytes(damage)
        refused(capsys, "apply", "bad.npz", "x.npy", "-o", "y.npy", match="bad.npz")
        refused(capsys, "show", "bad.npz", match="bad.npz")


def test_wrong_use_has_status_2(here, capsys):
    refused(capsys, "learn", "nosuch.npy", match="no such file")
    refused(capsys, "learn", "nosuch", match="neither")
    refused(capsys, "learn", ".", match="folder")
    refused(capsys, "learn", "dft", "-n", "0", match="n")
    refused(capsys, "learn", "dft", "-n", "-8", match="n")
    refused(capsys, "learn", "dft", "-n", "8", "-o", "no/such/folder.npz", match="does not exist")
    refused(capsys, "learn", "dft", "-n", "8", "--tol", "-1", match="tol")
    refused(capsys, "learn", "dft", "-n", "8", "--model", "XYZ", match="model")
    np.save("F.npy", np.eye(4))
    refused(capsys, "learn", "F.npy", "-n", "8", match="-n 8")
    for argv in ([], ["learn"], ["dance"], ["learn", "dft", "--method", "magic"], ["learn", "dft", "-n", "x"]):
        with pytest.raises(SystemExit) as stop:
            main(argv)
        assert stop.value.code == 2
    capsys.readouterr()


def test_info_as_text_and_json(here, capsys):
    assert main(["info"]) == 0
    assert "isa" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["isa"] == pyfly.get_isa() and os.path.exists(info["library"])


def test_a_fresh_process_runs_the_command(here):
    done = subprocess.run(
        [sys.executable, "-m", "pyfly", "learn", "dft", "-n", "8"], capture_output=True, text=True, timeout=60, cwd=here
    )
    assert done.returncode == 0 and "8 x 8 matrix" in done.stdout and done.stderr == ""


def test_heavy_imports_wait_until_they_are_needed(here):
    code = "import sys, pyfly, pyfly.cli; pyfly.cli._parser(); heavy = {'scipy', 'matplotlib', 'tqdm', 'torch'}"
    code += "; print(sorted(heavy & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
