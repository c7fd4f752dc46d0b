"""Target matrices against scipy.fft and their defining properties, at sizes from 1 and for every bad size."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from numpy.polynomial import legendre

from pyfly import targets

SIZES = [1, 2, 3, 8, 64, 96, 256]
POWERS = [1, 2, 4, 8, 64, 256]
EPS = np.finfo(float).eps


@pytest.mark.parametrize("n", SIZES)
def test_fourier(n):
    identity = np.eye(n)
    forward, backward = targets.dft(n), targets.idft(n)
    assert forward.dtype == backward.dtype == np.complex128
    np.testing.assert_allclose(forward, scipy.fft.fft(identity, axis=0, norm="ortho"), rtol=0, atol=4 * EPS)
    np.testing.assert_array_equal(backward, forward.conj())


@pytest.mark.parametrize("n", [8, 1024])
def test_fourier_entries_are_rounded_once(n):
    k = np.arange(n)
    angle = (k[:, None] * k % n).astype(np.longdouble) * 8 * np.arctan(np.longdouble(1)) / n
    root = np.sqrt(np.longdouble(n))
    t = targets.dft(n)
    half_ulp = np.spacing(np.abs(t.real)) * np.longdouble(0.502) + np.longdouble(1e-18)
    assert (np.abs(np.cos(angle) / root - t.real) <= half_ulp).all()
    half_ulp = np.spacing(np.abs(t.imag)) * np.longdouble(0.502) + np.longdouble(1e-18)
    assert (np.abs(-np.sin(angle) / root - t.imag) <= half_ulp).all()


@pytest.mark.parametrize("n", [4, 64, 1024])
def test_fourier_has_exact_zeros_and_symmetries(n):
    t = targets.dft(n)
    assert t[1, n // 4] == -1j * t[0, 0].real
    assert t[n // 2, 1] == -t[0, 0]
    np.testing.assert_array_equal(t, t.T)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "dst"])
def test_cosine_and_sine(name, type, n):
    if (name, type, n) == ("dct", 1, 1):
        with pytest.raises(ValueError, match="n = 1"):
            targets.dct(n, type)
        return
    expected = getattr(scipy.fft, name)(np.eye(n), type, axis=0) / np.sqrt(n)
    matrix = getattr(targets, name)(n, type)
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=8 * EPS)


@pytest.mark.parametrize("name", ["dct", "dst"])
def test_type_two_is_the_default(name):
    np.testing.assert_array_equal(getattr(targets, name)(16), getattr(targets, name)(16, 2))


@pytest.mark.parametrize("type", [0, 5, "2", True, None])
def test_unknown_types(type):
    for transform in (targets.dct, targets.dst):
        with pytest.raises(ValueError, match="type = "):
            transform(8, type)


@pytest.mark.parametrize("n", POWERS)
def test_hadamard(n):
    np.testing.assert_allclose(targets.hadamard(n), scipy.linalg.hadamard(n) / np.sqrt(n), rtol=EPS)


@pytest.mark.parametrize("n", POWERS)
def test_walsh_is_hadamard_by_sequency(n):
    walsh = targets.walsh(n)
    assert (np.diff(np.sign(walsh), axis=1) != 0).sum(axis=1).tolist() == list(range(n))
    assert sorted(map(tuple, walsh)) == sorted(map(tuple, targets.hadamard(n)))


@pytest.mark.parametrize("n", SIZES)
def test_hartley(n):
    matrix = targets.hartley(n)
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix, ((1 + 1j) * targets.dft(n)).real, rtol=0, atol=2 * EPS)
    np.testing.assert_allclose(matrix @ matrix, np.eye(n), atol=n * EPS)


@pytest.mark.parametrize("n", SIZES)
def test_legendre(n):
    grid = np.linspace(-1, 1, n + 2)[1:-1]
    np.testing.assert_allclose(targets.legendre(n), legendre.legvander(grid, n - 1).T / np.sqrt(n), rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_convolution(n):
    matrix, x = targets.convolution(n), np.random.default_rng(1).standard_normal(n)
    np.testing.assert_array_equal(matrix, scipy.linalg.circulant(matrix[:, 0]))
    expected = scipy.fft.ifft(scipy.fft.fft(matrix[:, 0]) * scipy.fft.fft(x)).real
    np.testing.assert_allclose(matrix @ x, expected, atol=1e-13)


@pytest.mark.parametrize("name", ["convolution", "randn"])
def test_random_targets(name):
    make = getattr(targets, name)
    np.testing.assert_array_equal(make(64), make(64, seed=0))
    np.testing.assert_array_equal(make(64, seed=5), make(64, seed=np.random.default_rng(5)))
    assert not np.array_equal(make(64), make(64, seed=1))
    assert np.linalg.norm(make(1024)[:, 0]) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", targets.__all__)
def test_bad_sizes(name):
    make = getattr(targets, name)
    for n in (0, -8):
        with pytest.raises(ValueError, match=f"n = {n}"):
            make(n)
    for n in (8.0, "8", None, True):
        with pytest.raises(TypeError, match="n = "):
            make(n)
    assert make(np.int32(8)).shape == (8, 8)


@pytest.mark.parametrize("name", ["hadamard", "walsh"])
def test_sizes_between_powers_of_two(name):
    with pytest.raises(ValueError, match="8 and 16"):
        getattr(targets, name)(12)
