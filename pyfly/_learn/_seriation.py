"""Like rows next to each other, like columns next to each other: kernels k(x_i, y_j) at scattered points become smooth.

    N = R^(-1/2) T C^(-1/2),  R, C the sums of |T| along rows and columns;     N ~ s_1 u_1 v_1^H + s_2 u_2 v_2^H + ...

Rows are ordered by u_2 / u_1, columns by v_2 / v_1. For a totally positive kernel (Gaussian, Cauchy, exponential) the
second ratio is monotone in x, for a local one it is the slowest vibration: spectral seriation, as for graphs.
"""

from __future__ import annotations

import numpy as np

# Energy of the differences between neighbours, over that before: an order that leaves more is none.
_SMOOTHER = 0.9
# Accuracy of the singular vectors, and steps of the Lanczos method for them.
_ACCURACY, _STEPS = 1e-2, 20


def seriated(target):
    """Orders of rows and columns in which the matrix varies slowly.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)

    Returns
    -------
    rows, columns : ndarray of int64 or None
        Gather indices: ``target[rows][:, columns]`` is smoother. None where the given order is as good.

    Notes
    -----
    Some dozens of products with a vector.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly._learn._seriation import seriated
    >>> x = np.random.default_rng(0).random(32)
    >>> rows, columns = seriated(np.exp(-np.subtract.outer(x, np.sort(x)) ** 2))
    >>> bool((np.diff(x[rows]) > 0).all() or (np.diff(x[rows]) < 0).all()), columns is None
    (True, True)
    """
    from scipy.sparse.linalg import ArpackError, svds

    if min(target.shape) < 4:
        return None, None
    sizes = np.abs(target)
    scales = [1 / np.sqrt(np.where(sums > 0, sums, 1)) for sums in (sizes.sum(axis=1), sizes.sum(axis=0))]
    # in the place of the sizes
    matrix = np.multiply(sizes if np.iscomplexobj(target) else target, scales[0][:, None], out=sizes)
    matrix *= scales[1]
    try:
        left, values, right = svds(matrix, 2, v0=np.ones(min(matrix.shape)), tol=_ACCURACY, maxiter=_STEPS)
    except ArpackError:
        return None, None
    del sizes, matrix
    first, second = np.argsort(values)[::-1]
    with np.errstate(all="ignore"):
        rows, columns = (np.argsort(vectors[second] / vectors[first]) for vectors in (left.T, right))
    return _better(target, rows), _better(target.T, columns)


def _better(target, order):
    """The order if rows next to each other are closer in it."""
    return order if _roughness(target[order]) < _SMOOTHER * _roughness(target) else None


def _roughness(target):
    """Energy of the differences between rows next to each other."""
    return float(np.square(np.abs(np.diff(target, axis=0))).sum())
