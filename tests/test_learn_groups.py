"""Convolutions over groups of bits: block circulant matrices with circulant blocks, t(i xor j), and others."""

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn._groups import group_bases

pytestmark = pytest.mark.filterwarnings("error")

SIZES = [(2, 4), (4, 2), (8, 4), (8, 8), (4, 32), (64, 4), (2, 2, 8), (8, 2, 2), (4, 2, 8), (2, 8, 2, 4), (4, 4, 4)]


def convolution(kernel):
    """T[i, j] = kernel[i - j], digit by digit."""
    digits = np.unravel_index(np.arange(kernel.size), kernel.shape)
    return kernel[tuple(np.subtract.outer(d, d) % size for d, size in zip(digits, kernel.shape, strict=True))]


@pytest.mark.parametrize("sizes", SIZES)
def test_convolutions_over_groups(sizes):
    rng = np.random.default_rng(sizes)
    real, imaginary = rng.standard_normal((2, *sizes))
    for kernel, model in ((real, "Re(BPBP)"), (real + 1j * imaginary, "BPBP")):
        for target in (convolution(kernel), convolution(kernel).T, 1e-200 * convolution(kernel)):
            found = pyfly.learn(target)
            assert found.model == model and found.tied and found.relative_error < 1e-13, found
            assert found.n_parameters <= 8 * (kernel.size - 1) and found.operator.dtype == target.dtype
    found = pyfly.learn(convolution(real).astype("f"))
    assert found.converged and found.model == "Re(BPBP)"
    noise = rng.standard_normal((real.size, real.size)) / np.sqrt(real.size)
    target = convolution(real)
    found = pyfly.learn(target + 1e-3 * np.linalg.norm(real) * noise)
    assert np.linalg.norm(found.operator @ np.eye(real.size) - target) < 1e-3 * np.linalg.norm(target)


@pytest.mark.parametrize("sizes", [(8, 8), (16, 4), (4, 32)])
def test_kernels_of_few_entries(sizes):
    rng = np.random.default_rng(sizes)
    smooth = np.outer([1, 2, 1], [1, 2, 1])
    for entries in (np.ones((3, 3)), smooth, rng.standard_normal((3, 3)), [[0, 1, 0], [1, -4, 1], [0, 1, 0]]):
        kernel = np.zeros(sizes)
        kernel[:3, :3] = entries
        found = pyfly.learn(convolution(np.roll(kernel, (-1, -1), (0, 1))))
        assert found.converged and found.relative_error < 1e-13


def test_no_group_elsewhere():
    rng = np.random.default_rng(0)
    for target in (rng.standard_normal((64, 64)), targets.dft(64), targets.dct(64), targets.legendre(64)):
        assert not group_bases(target)
    # blocks that are no circulants themselves
    blocks = rng.standard_normal((8, 8, 8))
    i, j = np.divmod(np.arange(64), 8)
    target = blocks[np.subtract.outer(i, i) % 8, j[:, None], j]
    assert not group_bases(target) and not pyfly.learn(target).converged


@pytest.mark.parametrize("sizes", [(4, 8), (8, 8), (16, 4), (4, 16), (8, 32), (32, 8), (4, 4, 4), (16, 16)])
def test_real_parts_of_fourier_matrices_of_groups(sizes):
    rng = np.random.default_rng(sizes)
    fourier = np.ones((1, 1))
    for size in sizes:
        fourier = np.kron(fourier, targets.dft(size))
    n = len(fourier)
    for target in (fourier.real - fourier.imag, fourier.real, fourier.imag):
        d = rng.standard_normal((2, n))
        for matrix in (target.copy(), -1e-30 * target.T, d[0][:, None] * target * d[1]):
            found = pyfly.learn(matrix)
            assert found.converged and found.relative_error < 1e-12, found
            assert found.model in ("Re(BP)", "(Re(BP))^T", "BP", "(BP)^T"), found.model


def test_a_two_dimensional_hartley_transform_in_noise():
    fourier = np.kron(targets.dft(4), targets.dft(4))
    target = fourier.real - fourier.imag
    noise = np.random.default_rng(0).standard_normal((16, 16))
    for size in (1e-6, 1e-3):
        found = pyfly.learn(target + size / np.linalg.norm(noise) * np.linalg.norm(target) * noise)
        assert found.relative_error < size, found
