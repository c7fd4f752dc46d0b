"""Scans of dense matrices, against NumPy."""

import numpy as np
import pytest
from pyfly._scans import largest, rowwise, transposed, walk


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_largest_is_the_first_of_several(dtype):
    sizes = np.random.default_rng(0).integers(0, 4, (17, 40)).astype(dtype)
    for given in (sizes, np.asfortranarray(sizes)):
        np.testing.assert_array_equal(largest(given), given.argmax(axis=0))


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
