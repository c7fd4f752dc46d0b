"""Convolutions over groups Z_a x Z_b x ...: T_ij = t(i - j), the difference taken in each of some groups of bits.

Block circulant matrices with circulant blocks, in any number of dimensions, and t(i xor j), groups of one bit each.
F (x) F (x) ... diagonalises them. Whether a carry passes between two neighbouring bits shows on a few entries:

    T_ij = T_(i+s, j+s)     s = 2^k,  bit k of i is set,  bit k + 1 of i and bit k of j are not
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy

from pyfly._learn._bases import Basis, bit_reversal, fourier_twiddle

# Rows looked at for each bit, the largest entries in each, and share of their energy in the differences.
_ROWS, _LARGEST, _SHARE = 8, 4, 0.2


def group_bases(target):
    """The basis of the group with some carries, not all, under whose shifts the matrix does not change.

    Returns
    -------
    list of Basis
        One, or none.
    """
    starts = _starts(target)
    bits = len(target).bit_length() - 1
    return [_basis(len(target), starts)] if starts is not None and 1 < len(starts) < bits else []


def _starts(target):
    """Lowest bits of the groups, None where shifts change the matrix either way."""
    n, starts = len(target), [0]
    rng = np.random.default_rng(n)
    for k in range(n.bit_length() - 2):
        step = 1 << k
        # zeros below bit k, so that the next column to the left, in a kernel of few entries, has bit k unset
        rows = rng.integers(n, size=_ROWS) // (4 * step) * (4 * step) + step
        columns = np.flatnonzero(~np.arange(n) & step)
        sizes = np.abs(target[rows][:, columns])
        largest = columns[np.argsort(-sizes, axis=1, kind="stable")[:, :_LARGEST]]
        here = target[rows[:, None], largest]
        carried, wrapped = (
            float(np.square(np.abs(target[moved[:, None], largest + step] - here)).sum())
            for moved in (rows + step, rows - step)
        )
        if min(carried, wrapped) > _SHARE * np.square(np.abs(here)).sum():
            return None
        if wrapped < carried:
            starts.append(k + 1)
    return tuple(starts)


def _basis(n, starts):
    from pyfly._operators import Butterfly, Permutation

    sizes = tuple(1 << (end - start) for start, end in pairwise((*starts, n.bit_length() - 1)))[::-1]

    def transform(x, axis, back):
        axis %= x.ndim
        digits = x.reshape(x.shape[:axis] + sizes + x.shape[axis + 1 :])
        axes = tuple(range(axis, axis + len(sizes)))
        return (scipy.fft.ifftn if back else scipy.fft.fftn)(digits, axes=axes, norm="ortho").reshape(x.shape)

    return Basis(
        " x ".join(f"{size}" for size in sizes) + " Fourier",
        False,
        lambda x, axis: transform(x, axis, False),
        lambda x, axis: transform(x, axis, True),
        lambda n: (
            (Butterfly(fourier_twiddle(n, starts=starts), tied=True), Permutation(bit_reversal(n, starts))),
            "BP",
        ),
        True,
        starts,
    )
