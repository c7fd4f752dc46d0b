"""The compression experiment: readers of the data files, layers against dense matrices, the command end to end."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of the bench folder by name."""
    monkeypatch.syspath_prepend(str(BENCH))

    def module(name):
        return importlib.import_module(name)

    yield module
    for name in [name for name in sys.modules if name.startswith("compression")]:
        del sys.modules[name]


def write_cifar(folder, count=4):
    """Files in CIFAR-10's binary layout; returns what they hold."""
    random = np.random.default_rng(0)
    held = {}
    for name in [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]:
        labels = random.integers(0, 10, count).astype(np.uint8)
        pixels = random.integers(0, 256, (count, 3072)).astype(np.uint8)
        (folder / name).write_bytes(np.column_stack((labels, pixels)).tobytes())
        held[name] = (labels, pixels)
    return held


def write_amat(path, count):
    """A file in the layout of the MNIST variants; returns what it holds."""
    random = np.random.default_rng(count)
    labels, pixels = random.integers(0, 10, count), random.random((count, 784)).round(4)
    lines = (" ".join(f"{value:.4f}" for value in (*row, label)) for row, label in zip(pixels, labels, strict=True))
    path.write_text("\n".join(lines) + "\n")
    return labels, pixels


def test_cifar_files_are_read(tmp_path, bench):
    held = write_cifar(tmp_path)
    data = bench("compression_data").load("cifar10", tmp_path)
    assert data.train_images.shape == (20, 3, 32, 32) and data.test_images.shape == (4, 3, 32, 32)
    labels, pixels = held["data_batch_2.bin"]
    assert np.array_equal(data.train_labels[4:8], labels)
    # red, green and blue planes, each row by row
    assert data.train_images[5, 1, 2, 3] == np.float32(pixels[1, 1024 + 2 * 32 + 3]) / np.float32(255)


def test_damaged_cifar_files_are_refused(tmp_path, bench):
    write_cifar(tmp_path)
    read = bench("compression_data").read_cifar
    path = tmp_path / "test_batch.bin"
    whole = path.read_bytes()
    for bad, text in ((whole[:-1], "multiple of 3073"), (b"", "0 bytes"), (b"\x0b" + whole[1:], "label 11")):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=text):
            read(path)


def test_amat_files_are_read_and_padded(tmp_path, bench):
    data = bench("compression_data")
    labels, pixels = write_amat(tmp_path / "mnist_all_background_images_rotation_normalized_train_valid.amat", 6)
    write_amat(tmp_path / "mnist_all_background_images_rotation_normalized_test.amat", 3)
    for part in ("train_valid", "test"):  # digits that are only rotated are another set
        write_amat(tmp_path / f"mnist_all_rotation_normalized_float_{part}.amat", 2)
    rotated = data.load("mnist-bg-rot", tmp_path)
    assert rotated.train_images.shape == (6, 1, 32, 32) and rotated.test_images.shape == (3, 1, 32, 32)
    assert np.array_equal(rotated.train_labels, labels)
    assert np.allclose(rotated.train_images[:, 0, 2:-2, 2:-2].reshape(6, -1), pixels)
    assert not rotated.train_images[:, :, :2].any() and not rotated.train_images[..., -2:].any()
    with pytest.raises(FileNotFoundError, match="noise"):
        data.load("mnist-noise", tmp_path)
    labels, _ = write_amat(tmp_path / "mnist_noise_variations_all_1.amat", 9)
    noise = data.mnist_noise(tmp_path, test=2)
    assert len(noise.train_labels) == 7 and len(noise.test_labels) == 2
    assert sorted([*noise.train_labels, *noise.test_labels]) == sorted(labels)
    with pytest.raises(ValueError, match="9 rows"):
        data.load("mnist-noise", tmp_path)
    (tmp_path / "short.amat").write_text("0 1 2\n")
    with pytest.raises(ValueError, match="3 numbers a line"):
        data.read_amat(tmp_path / "short.amat")


def test_files_are_needed_where_they_are_not_shipped(bench):
    with pytest.raises(ValueError, match="--folder"):
        bench("compression_data").load("cifar10")


@pytest.mark.parametrize(
    "command, arguments, text",
    [
        ("compression", ["--data", "cifar10"], "--folder"),
        ("compression", ["--data", "cifar10", "--folder", "/nowhere"], "--folder"),
        ("compression", ["--data", "mnist-noise", "--folder", "/nowhere"], "--folder"),
        ("compression", ["--json", "/nowhere/rows.json"], "--json"),
        ("compression", ["--epochs", "0"], "--epochs"),
        ("compression_resnet", ["--data", "cifar10", "--folder", "/nowhere"], "--folder"),
        ("compression_resnet", ["--epochs", "0"], "--epochs"),
        ("compression_resnet", ["--limit", "0"], "--limit"),
        ("compression_resnet", ["--width", "12"], "--width"),
    ],
)
def test_wrong_arguments_of_the_commands_are_named(bench, capsys, command, arguments, text):
    with pytest.raises(SystemExit, match="2"):
        bench(command).parse(arguments)
    assert f"argument {text}" in capsys.readouterr().err


def test_shipped_data_keep_training_and_test_apart(bench):
    pytest.importorskip("sklearn")
    data = bench("compression_data")
    digits = data.load("digits")
    assert digits.classes == 10 and len(digits.train_labels) + len(digits.test_labels) == 1797
    assert np.array_equal(digits.train_images[0, 0, ::4, ::4], digits.train_images[0, 0, 3::4, 3::4])
    patches = data.load("patches")
    assert patches.classes == 8 and patches.train_images.shape[1:] == (3, 32, 32)
    for labels in (patches.train_labels, patches.test_labels):
        assert len(set(np.bincount(labels))) == 1
    train = {image.tobytes() for image in patches.train_images}
    assert not any(image.tobytes() in train for image in patches.test_images)
    features, other = data.grey_features(patches)
    assert features.shape[1] == other.shape[1] == 1024
    assert np.allclose(features.mean(0), 0, atol=1e-4) and np.allclose(features.std(0), 1, atol=1e-4)


def test_structured_layers_are_the_matrices_they_claim_to_be(bench):
    layers = bench("compression_layers")
    n = 16
    torch.manual_seed(0)
    eye = torch.eye(n)
    shift = torch.roll(eye, 1, 0)
    circulant = layers.Circulant(n)
    want = sum(circulant.c[k] * torch.linalg.matrix_power(shift, k) for k in range(n))
    assert torch.allclose(circulant(eye).T, want, atol=1e-5)
    signed = shift.clone()
    signed[0] *= -1
    krylov = sum(circulant.c[k] * torch.linalg.matrix_power(signed, k) for k in range(n))
    assert torch.allclose(layers.skew_circulant_product(circulant.c, eye).T, krylov, atol=1e-5)
    toeplitz = layers.ToeplitzLike(n, rank=2)
    matrix = toeplitz(eye).T
    # its displacement Z1 W - W Z-1 has rank 2 at most
    assert torch.linalg.matrix_rank(shift @ matrix - matrix @ signed, atol=1e-4).item() <= 2
    assert torch.linalg.matrix_rank(layers.LowRank(n, 3)(eye), atol=1e-4).item() == 3
    monarch = layers.Monarch(n)
    left, right = (torch.block_diag(*blocks) for blocks in (monarch.left, monarch.right))
    transposition = eye[torch.arange(n).view(4, 4).T.flatten()]
    assert torch.allclose(monarch(eye).T, transposition @ left @ transposition @ right, atol=1e-5)
    wide = layers.Monarch(2 * n)
    assert wide(torch.eye(2 * n)).count_nonzero() == 4 * n * n and layers.parameters_of(wide) == 32 * (4 + 8)
    fastfood = layers.Fastfood(n)
    hadamard = torch.ones(1, 1)
    while len(hadamard) < n:
        hadamard = torch.kron(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), hadamard)
    want = fastfood.s[:, None] * hadamard @ (fastfood.g[:, None] * eye[fastfood.perm]) @ hadamard * fastfood.d / n
    assert torch.allclose(fastfood(eye).T, want, atol=1e-5)


def test_compression_is_that_of_the_paper(bench):
    layers = bench("compression_layers")
    published = {
        "dense": 1.0,
        "BPBP complex": 39.4,
        "BPBP real": 56.9,
        "Toeplitz-like": 56.9,
        "Fastfood": 78.7,
        "circulant": 93.0,
        "low-rank": 56.9,
    }
    got = {name: layers.compression(layers.parameters_of(layers.HIDDEN[name](1024))) for name in published}
    assert {name: round(value, 1) for name, value in got.items()} == published


def test_the_experiment_runs_and_learns(tmp_path, bench, capsys):
    write_cifar(tmp_path, 40)
    result = tmp_path / "rows.json"
    command = ["--data", "cifar10", "--folder", str(tmp_path), "--epochs", "1", "--rates", "0.005", "--seeds", "0", "1"]
    bench("compression").main([*command, "--methods", "BPBP real", "low-rank", "--json", str(result)])
    out = capsys.readouterr().out
    assert "CIFAR-10: 200 training and 40 test images" in out
    rows = json.loads(result.read_text())
    assert [(row["method"], row["parameters"], row["compression"]) for row in rows] == [
        ("BPBP real", 8184, 56.9),
        ("low-rank", 8192, 56.9),
    ]
    assert all(len(row["accuracy"]) == 2 and 0 <= min(row["accuracy"]) <= 100 for row in rows)


def test_a_network_with_a_butterfly_learns_digits(bench):
    pytest.importorskip("sklearn")
    experiment, data = bench("compression"), bench("compression_data")
    digits = data.load("digits")
    features = [torch.from_numpy(part) for part in data.grey_features(digits)]
    labels = [torch.from_numpy(part) for part in (digits.train_labels, digits.test_labels)]
    parts = {"train": (features[0], labels[0]), "test": (features[1], labels[1]), "classes": 10}
    reached = experiment.train("BPBP real", parts, 0.01, 4, 0)
    assert reached["validation"] > 85 and reached["test"] > 80


def test_the_residual_network_takes_every_extra_layer(bench, tmp_path, capsys):
    resnet = bench("compression_resnet")
    counts = {
        extra: sum(p.numel() for p in resnet.resnet18(3, 10, extra).parameters()) for extra in ("none", "BPBP complex")
    }
    # as published, complex BPBP adds 0.07 % to ResNet18
    assert counts["none"] == 11173962
    assert (counts["BPBP complex"] - counts["none"]) / counts["none"] == pytest.approx(0.0007, abs=5e-5)
    for extra in resnet.EXTRA:
        assert resnet.resnet18(1, 4, extra, width=4)(torch.randn(2, 1, 32, 32)).shape == (2, 4)
    write_cifar(tmp_path, 4)
    resnet.main(
        [
            "--data",
            "cifar10",
            "--folder",
            str(tmp_path),
            "--width",
            "4",
            "--epochs",
            "1",
            "--seeds",
            "0",
            "--batch",
            "10",
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| ") for line in lines) == 4
