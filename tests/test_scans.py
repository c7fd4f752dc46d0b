"""Scans of dense matrices, against NumPy."""

import numpy as np
import pytest
from pyfly._scans import rowwise, spread, transposed, walk


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (16, 16), (33, 7), (64, 100)])
def test_transposed_and_rowwise(dtype, shape):
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(dtype)
    x = x[0] + x[1] * (1j if x.dtype.kind == "c" else 0)
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        turned, rows = transposed(given), rowwise(given)
        assert turned.flags.c_contiguous and turned.dtype == dtype
        assert rows.flags.c_contiguous and rows.dtype == dtype
        np.testing.assert_array_equal(turned, given.T)
        np.testing.assert_array_equal(rows, given)
    assert rowwise(x) is x


def test_a_walk_follows_the_largest_free_entries():
    steps = np.zeros((6, 6), np.float32)
    for here, there, size in ((0, 3, -0.5), (0, 1, 0.4), (3, 0, 9), (3, 2, 0.6), (2, 5, 0.1), (1, 4, 0.5)):
        steps[here, there] = size
    free = np.ones(6, np.float32)
    rows, signs = walk([steps], 0, free, 0.3)
    assert rows.tolist() == [0, 3, 2] and signs.tolist() == [1, -1, -1]
    assert free.tolist() == [0, 1, 0, 0, 1, 1]
    rows, signs = walk([steps], 0, np.ones(6, np.float32), 0.3, second=True)
    assert rows.tolist() == [0, 1, 4] and signs.tolist() == [1, 1, 1]
    # a step over one row where there is none to the next
    over = np.zeros((6, 6), np.float32)
    over[2, 4] = -0.7
    rows, signs = walk([steps, over], 0, np.ones(6, np.float32), 0.3)
    assert rows.tolist() == [0, 3, 2, -1, 4] and signs.tolist() == [1, -1, -1, 0, 1]


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize(("count", "m", "most"), [(1, 80, 80), (3, 40, 16), (2, 8, 32)])
def test_spread_is_the_energy_beside_the_largest_axis(dtype, count, m, most):
    rng = np.random.default_rng(0)
    nodes = rng.standard_normal((count, m, m)).astype(dtype)
    if nodes.dtype.kind == "c":
        nodes += 1j * rng.standard_normal(nodes.shape)
    nodes *= rng.random(nodes.shape) < 0.5
    nodes[:, 2], nodes[0, 5] = 3 * nodes[:, 3], 0
    scale, rows = rng.random(m) + 0.5, np.array([0, 2, 3, 5, 7])
    got = spread(nodes, scale, rows, most)
    for r, row in enumerate(rows):
        for other in range(m):
            across = energy = 0.0
            for node in nodes * scale[:, None]:
                u, v = node[row], node[other]
                some = np.argsort(-np.abs(u))[:most]
                rest = np.setdiff1d(np.arange(m), some)
                u, v = np.r_[u[some], 0], np.r_[v[some], np.linalg.norm(v[rest])]
                size, product = np.abs(u) ** 2 + np.abs(v) ** 2, 2 * u.conj() * v
                points = np.stack([np.abs(u) ** 2 - np.abs(v) ** 2, product.real, product.imag])
                mean = points.sum(axis=1)
                moments = points / np.where(size > 0, size, 1) @ points.T - np.outer(mean, mean) / max(size.sum(), 1e-9)
                across += np.linalg.eigvalsh(moments)[:-1].sum()
                energy += size.sum()
            np.testing.assert_allclose(got[r, other], across / max(energy, 1e-9), atol=1e-14)
    # rows without a common column, and a row and its multiple
    assert got[1, 3] < 1e-14
