"""learn on transforms with scaled or scrambled rows and columns, transposed, under noise; convolutions of any shape."""

import numpy as np
import pytest
import scipy.linalg

import pyfly
from pyfly import targets
from pyfly._learn._convolution import diagonal_means
from pyfly._learn._scaling import balance

pytestmark = pytest.mark.filterwarnings("error")


def skew_circulant(c):
    k = np.subtract.outer(np.arange(len(c)), np.arange(len(c)))
    return np.where(k >= 0, 1, -1) * c[k % len(c)]


REAL = {
    "hadamard": targets.hadamard,
    "walsh": targets.walsh,
    "hartley": targets.hartley,
    **{f"dct {t}": (lambda n, t=t: targets.dct(n, t)) for t in (2, 3, 4)},
    **{f"dst {t}": (lambda n, t=t: targets.dst(n, t)) for t in (2, 3, 4)},
}


def check(target, case, tol=1e-13):
    found = pyfly.learn(target)
    assert found.converged and found.relative_error < tol, (case, found)
    return found


@pytest.mark.parametrize("name", [*REAL, "dft", "idft"])
@pytest.mark.parametrize("n", [16, 64])
def test_scaled_and_scrambled_transforms(name, n):
    target = REAL[name](n) if name in REAL else getattr(targets, name)(n)
    rng = np.random.default_rng(n)
    rows, columns = rng.standard_normal((2, n))
    if np.iscomplexobj(target):
        rows, columns = rows * np.exp(2j * rng.random(n)), columns * np.exp(2j * rng.random(n))
    order = rng.permutation(n)
    scaled = rows[:, None] * target * columns
    for case, matrix in {
        "transposed": target.T,
        "scaled": scaled,
        "scaled, transposed": scaled.T,
        "rows permuted": target[order],
        "columns permuted": target[:, order],
        "rows permuted and all scaled": scaled[order],
        "columns permuted and all scaled": scaled[:, order],
    }.items():
        found = check(matrix, case)
        assert found.n_parameters <= 2 * n * np.log2(n) + 2 * n


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("n", [16, 64])
def test_convolutions(n, dtype):
    rng = np.random.default_rng(n)
    c, d, rows, columns = rng.standard_normal((4, n)) + (1j * rng.standard_normal((4, n)) if dtype is complex else 0)
    order = rng.permutation(n)
    for name, target in (("circulant", scipy.linalg.circulant(c)), ("skew", skew_circulant(c))):
        for case, matrix in {
            "plain": target,
            "scaled": rows[:, None] * target * columns,
            "rows permuted": target[order],
            "columns permuted": target[:, order],
        }.items():
            assert "BPBP" in check(matrix, (name, case)).model
    toeplitz = scipy.linalg.toeplitz(c, d)
    for case, matrix in {
        "toeplitz": toeplitz,
        "transposed": toeplitz.T,
        "scaled": rows[:, None] * toeplitz * columns,
        "hankel": toeplitz[:, ::-1],
    }.items():
        assert "(BP)^2_2" in check(matrix, case, 1e-12).model


@pytest.mark.parametrize("shape", [(96, 96), (40, 100), (100, 40), (3, 3), (12, 7)])
def test_convolutions_of_any_shape(shape):
    rng = np.random.default_rng(1)
    c = rng.standard_normal(shape[0])
    for target in (scipy.linalg.toeplitz(c, rng.standard_normal(shape[1])), scipy.linalg.circulant(c)[:, : shape[1]]):
        found = check(target, shape)
        assert found.operator.shape == target.shape
        x = rng.standard_normal((target.shape[1], 3))
        np.testing.assert_allclose(found.operator @ x, target @ x, atol=1e-12)
        y = rng.standard_normal(target.shape[0])
        np.testing.assert_allclose(found.operator.T @ y, target.T @ y, atol=1e-12)


def test_mean_of_diagonals():
    matrix = np.random.default_rng(0).standard_normal((37, 70))
    expected = [np.diagonal(matrix, -k).mean() for k in range(-69, 37)]
    np.testing.assert_allclose(diagonal_means(matrix), expected, atol=1e-15)


def test_balance_recovers_the_scaling_of_an_orthogonal_matrix():
    rng = np.random.default_rng(0)
    q = scipy.linalg.qr(rng.standard_normal((32, 32)))[0]
    d = 10.0 ** rng.uniform(-3, 3, (2, 32))
    r, c = balance(d[0][:, None] * q * d[1])
    np.testing.assert_allclose(np.outer(r * d[0], c * d[1]), 1, rtol=1e-10)
    assert balance(np.eye(4)[[0, 0, 1, 2]]) is None


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1])
@pytest.mark.parametrize("n", [64, 256])
def test_noise(n, size):
    rng = np.random.default_rng(n)
    for make in (targets.dft, *REAL.values(), targets.convolution) if n < 100 else (targets.dft, targets.dct):
        clean = make(n)
        noise = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if np.iscomplexobj(clean) else 0)
        noisy = clean + size * np.linalg.norm(clean) / np.linalg.norm(noise) * noise
        exact, found = pyfly.learn(clean), pyfly.learn(noisy)
        assert not found.converged
        assert found.relative_error < 1.02 * size, (make, found)
        assert found.verify(clean) < size
        if make not in (targets.hadamard, targets.walsh):
            # a Walsh-Hadamard matrix is one for many orders of its columns
            assert found.permutation_in_words == exact.permutation_in_words
