"""Products of two butterfly matrices, factored by algebra."""

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn._bases import bit_reversal
from pyfly._learn._kaleidoscope import polished, turned, two_butterflies


def normal(rng, shape, kind):
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind == "D" else x


def shape(n, tied):
    return (2, n - 1, 2, 2) if tied else (2, n.bit_length() - 1, n // 2, 2, 2)


def product(twiddles, tied):
    n = len(twiddles[0]) + 1 if tied else 2 * twiddles.shape[2]
    reversal = pyfly.Permutation(bit_reversal(n))
    first, second = (pyfly.Butterfly(twiddle, tied=tied) for twiddle in twiddles)
    return pyfly.Product(second, reversal, first, reversal) @ np.eye(n)


def distance(x, y):
    return np.linalg.norm(x - y) / np.linalg.norm(y)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", "dD")
@pytest.mark.parametrize("n", [4, 8, 16, 128])
def test_random_factors_are_found_again(n, kind, tied):
    for seed in range(3):
        target = product(normal(np.random.default_rng([n, seed]), shape(n, tied), kind), tied)
        found = two_butterflies(target, tied=tied)
        assert found.dtype == target.dtype and found.shape == shape(n, tied)
        assert distance(product(polished(target, found, tied=tied)[0], tied), target) < 1e-8


def test_other_matrices_are_refused_at_once():
    rng = np.random.default_rng(0)
    for kind in "dD":
        assert two_butterflies(normal(rng, (64, 64), kind)) is None
    assert two_butterflies(rng.standard_normal((64, 2)) @ rng.standard_normal((2, 64))) is None


@pytest.mark.parametrize("tied", [False, True])
def test_noise_is_fitted_around(tied):
    rng = np.random.default_rng(5)
    target = product(np.linalg.qr(normal(rng, shape(32, tied), "D"))[0], tied)
    noisy = target + 1e-3 * np.linalg.norm(target) / 45 * normal(rng, (32, 32), "D")
    found, error = polished(noisy, two_butterflies(noisy, tied=tied), tied=tied)
    assert error == pytest.approx(distance(product(found, tied), noisy), rel=1e-6)
    assert error < 2e-3


def test_a_reversed_butterfly_has_decreasing_strides():
    twiddle = np.random.default_rng(1).standard_normal((4, 8, 2, 2))
    reversal = pyfly.Permutation(bit_reversal(16))
    want = pyfly.Product(reversal, pyfly.Butterfly(twiddle), reversal) @ np.eye(16)
    got = pyfly.Butterfly(turned(twiddle), increasing_stride=False) @ np.eye(16)
    assert distance(got, want) < 1e-14


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", "dD")
def test_learn_finds_two_butterflies(kind, tied):
    rng = np.random.default_rng(7)
    reversal = bit_reversal(32)
    target = 1e8 * product(normal(rng, shape(32, tied), kind), tied)
    transposed = target.T
    for matrix in (target, target[:, reversal], target[reversal], transposed):
        found = pyfly.learn(matrix)
        assert found.converged and found.model.endswith("BPBP")
        assert found.tied == (tied and matrix is not transposed)  # blocks of the transpose vary
        assert np.iscomplexobj(found.operator @ np.eye(32)) == (kind == "D")
        assert distance(found.operator @ np.eye(32), matrix) < 1e-10
    single = pyfly.learn(target.astype("f" if kind == "d" else "F"))
    assert single.converged and single.model == "BPBP"


@pytest.mark.parametrize("n", [8, 16, 64])
def test_a_diagonal_between_hadamard_and_fourier_matrices(n):
    rng = np.random.default_rng(n)
    hadamard, fourier = targets.hadamard(n), targets.dft(n)
    for diagonal in (rng.standard_normal(n), np.exp(2j * np.pi * rng.random(n))):
        for left, right in ((hadamard, fourier), (fourier, hadamard)):
            found = pyfly.learn(left * diagonal @ right)
            assert found.converged and found.tied
            assert found.relative_error < 1e-13
    assert not pyfly.learn(rng.standard_normal((8, 8))).converged
