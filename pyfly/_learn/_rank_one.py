"""Best rank-one approximation of many two-row blocks at once, the only arithmetic of the algebraic search.

    [x0]     [d0]                                             X : two rows, possibly with weights o0, o1
    [x1]  ~  [d1] w      minimising  o0 |x0 - d0 w|^2 + o1 |x1 - d1 w|^2

in closed form from the 2x2 Gram matrix. The larger entry of d is scaled to exactly 1, so that w stays in the range
of the rows and nothing grows or underflows from level to level; the weights then carry the lengths of d, which keeps
the errors of all levels orthogonal: their squares add up to the squared error of the product.
"""

from __future__ import annotations

import numpy as np

# Entries of equal size up to rounding must not swap the pivot from one block to the next.
_PIVOT_MARGIN = 1 + 2.0**-20
_TINY = 2.0**-1000


def rank_one(x0, x1, o0, o1):
    """Approximate every pair of rows by one row.

    Parameters
    ----------
    x0, x1 : ndarray, shape (..., m)
        The rows, float64 or complex128.
    o0, o1 : ndarray of float64, broadcastable to (...)
        Positive weights of the rows.

    Returns
    -------
    d0, d1 : ndarray, shape (...)
        Coefficients; the larger is 1, and a block of zeros has (1, 0).
    w : ndarray, shape (..., m)
        The common row, the weighted least squares solution.
    weight : ndarray of float64, shape (...)
        ``o0 |d0|^2 + o1 |d1|^2``: what an error in w costs.
    residual : float
        Weighted squared distance, summed over all blocks. It is computed from the part of X orthogonal to d, since
        a Gram determinant would lose half of the digits.
    """
    d0, d1 = _directions(np.vecdot(x0, x0).real, np.vecdot(x1, x1).real, np.vecdot(x0, x1), o0, o1)
    p0, p1 = o0 * d0.conj(), o1 * d1.conj()
    weight = (p0 * d0 + p1 * d1).real
    w = (p0 / weight)[..., None] * x0
    across = (p1 / weight)[..., None] * x1
    w += across
    np.multiply(d0[..., None], x1, out=across)
    across -= d1[..., None] * x0
    residual = float(np.sum(np.vecdot(across, across).real * (o0 * o1 / weight)))
    return d0, d1, w, weight, residual


def _directions(g00, g11, g10, o0, o1):
    """Leading left singular vectors from the Gram entries, larger entry 1.

    The formula adds the root to the half difference of like sign: no cancellation, hence each entry of d is accurate
    relative to itself even when the rows differ by many orders of magnitude.
    """
    s0, s1 = np.sqrt(o0), np.sqrt(o1)
    difference = (g00 * o0 - g11 * o1) / 2
    g10 = g10 * (s0 * s1)
    upper = difference >= 0
    below = np.abs(difference) + np.hypot(difference, np.abs(g10))
    # below the normal numbers a Gram entry has no digits left, and its reciprocal no room
    ratio = np.where(below > _TINY, g10, 0) / np.where(below > _TINY, below, 1)
    d0 = np.where(upper, 1, ratio.conj()) / s0
    d1 = np.where(upper, ratio, 1) / s1
    second = np.abs(d1) > np.abs(d0) * _PIVOT_MARGIN
    pivot = np.where(second, d1, d0)
    return np.where(second, d0 / pivot, 1), np.where(second, 1, d1 / pivot)
