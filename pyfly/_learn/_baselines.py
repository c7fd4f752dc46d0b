"""Other compressed forms of a matrix with as many numbers: what a butterfly product has to beat.

low rank             U V^H, truncated SVD               r (m + n) numbers
sparse               the largest entries                k values (their positions come on top)
sparse + low rank    S + U V^H, robust PCA: principal component pursuit,

    min ||L||_* + lambda ||S||_1   subject to   T = L + S,

by the inexact augmented Lagrangian method; then cut to the budget, S and L fitted to what the other leaves, in turn
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._factorization import Alternative

# Shares of the budget that the low-rank part gets; the best is kept.
_SHARES = (0.25, 0.5, 0.75)
# Rounds of the pursuit and growth of its penalty, for small and for large matrices; rounds in turn after it.
_ROUNDS, _GROWTH, _TURNS = 30, (1.5, 2.0), 3
# Entries from which singular vectors are iterated on instead of decomposed, and the pursuit is in single precision.
_LARGE = 1 << 17


def alternatives(target, numbers):
    """Errors of the other forms at a budget of numbers.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)
    numbers : int
        Numbers allowed; for a complex target, complex ones.

    Returns
    -------
    list of Alternative
        Best first.

    Notes
    -----
    A few dozen products with a block of r vectors, r the rank allowed: O(m n r) a round. Principal component pursuit
    is that of Candes, Li, Ma and Wright (arXiv:0912.3599); the method, of Lin, Chen and Ma (arXiv:1009.5055).

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly._learn._baselines import alternatives
    >>> best = alternatives(np.outer(np.arange(1.0, 9), np.ones(8)), 16)[0]
    >>> best.name, best.relative_error < 1e-14, best.n_parameters
    ('low rank', True, 16)
    """
    norm = float(np.linalg.norm(target))
    m, n = target.shape
    rank = min(numbers // (m + n), m, n)
    found = [
        Alternative("low rank", truncated(target, rank) / norm, rank * (m + n)),
        Alternative("sparse", float(np.linalg.norm(rest_of_largest(target, numbers))) / norm, min(numbers, m * n)),
    ]
    work = target if target.size < _LARGE else _single(target)
    best, used = np.inf, 0
    low = None
    for share in _SHARES:
        rank = int(share * numbers) // (m + n)
        keep = numbers - rank * (m + n)
        if rank < 1 or keep < 1 or keep >= m * n:
            continue
        if low is None:
            low, basis = pursuit(work, min(2 * numbers // (m + n) + 2, m, n))
        error = robust(work, low, basis[:, :rank], keep)
        if error < best:
            best, used = error, rank * (m + n) + keep
    if used:
        found.append(Alternative("sparse + low rank", best / norm, used))
    # below rounding they are all exact, and the simplest is meant
    return sorted(found, key=lambda other: max(other.relative_error, 1e-12))


def _single(target):
    return target.astype(np.complex64 if np.iscomplexobj(target) else np.float32)


def truncated(target, rank):
    """Frobenius distance to the closest matrix of a rank."""
    if rank < 1:
        return float(np.linalg.norm(target))
    if target.size < _LARGE or rank > min(target.shape) // 8:
        return _beyond(target, rank)
    from scipy.sparse.linalg import ArpackError, svds

    try:
        left, values, right = svds(target, rank, v0=np.random.default_rng(0).standard_normal(min(target.shape)))
    except ArpackError:
        # singular values that are all the same few leave Krylov spaces no dimension to grow by
        return _beyond(target, rank)
    rest = float(np.linalg.norm(target)) ** 2 - float(np.square(values).sum())
    if rest > 1e-8 * float(values.max()) ** 2:
        return float(np.sqrt(rest))
    return float(np.linalg.norm(target - (left * values) @ right))


def _beyond(target, rank):
    """Norm of the singular values beyond the first few."""
    return float(np.linalg.norm(np.linalg.svd(target, compute_uv=False)[rank:]))


def rest_of_largest(matrix, count):
    """The matrix without its `count` largest entries."""
    if count <= 0:
        return matrix
    if count >= matrix.size:
        return np.zeros_like(matrix)
    sizes = np.abs(matrix)
    level = np.partition(sizes, matrix.size - count, axis=None)[matrix.size - count]
    rest = np.where(sizes > level, 0, matrix)
    # of the entries of exactly this size, as many as are still to go
    equal = np.flatnonzero(sizes == level)
    rest.flat[equal[: count - np.count_nonzero(sizes > level)]] = 0
    return rest


def pursuit(target, rank):
    """Robust PCA: the low-rank part of T = L + S.

    Parameters
    ----------
    target : ndarray, shape (m, n)
    rank : int
        Most singular values that are looked at.

    Returns
    -------
    low : ndarray, shape (m, n)
    basis : ndarray, shape (n, rank)
        Right singular vectors of the last round, the leading ones first.
    """
    m, n = target.shape
    weight = 1 / float(np.sqrt(max(m, n)))
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, rank)).astype(target.dtype))[0]
    for _ in range(4):
        basis = np.linalg.qr(target.conj().T @ (target @ basis))[0]
    spectral = float(np.linalg.norm(target @ basis[:, :1]))
    largest, size = float(np.abs(target).max()), float(np.linalg.norm(target))
    dual = target / max(spectral, largest / weight)
    penalty = 1.25 / spectral
    sparse = np.zeros_like(target)
    for _ in range(_ROUNDS):
        shifted = dual / penalty
        shifted += target
        low, basis = _shrunk(np.subtract(shifted, sparse, out=sparse), basis, 1 / penalty)
        # what is left, made smaller; the place of the sparse part before serves for the rest
        rest, sparse = sparse, np.subtract(shifted, low, out=shifted)
        share = np.abs(sparse, out=None if np.iscomplexobj(rest) else rest)
        share *= penalty / weight
        np.divide(-1, np.maximum(share, 1, out=share), out=share)
        share += 1
        sparse *= share
        np.subtract(target, low, out=rest)
        rest -= sparse
        if np.linalg.norm(rest) < 1e-6 * size:
            break
        rest *= penalty
        dual += rest
        penalty *= _GROWTH[target.size >= _LARGE]
    return low, basis


def _shrunk(matrix, basis, by):
    """Singular values made smaller by a number, those left; one step of subspace iteration where a SVD is too dear."""
    rank = basis.shape[1]
    if matrix.size < _LARGE:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        left, values, right = left[:, :rank], values[:rank], right[:rank]
    else:
        columns = np.linalg.qr(matrix @ basis)[0]
        left, values, right = np.linalg.svd(columns.conj().T @ matrix, full_matrices=False)
        left = columns @ left
    return (left * np.maximum(values - values.dtype.type(by), 0)) @ right, right.conj().T


def robust(target, low, basis, keep):
    """Error of S + L after alternating: S the largest entries of T - L, L of fixed rank closest to T - S.

    Parameters
    ----------
    target : ndarray, shape (m, n)
    low : ndarray, shape (m, n)
        First L.
    basis : ndarray, shape (n, r)
        Its row space; each round turns it towards that of T - S by one step of subspace iteration.
    keep : int
        Entries in S.

    Returns
    -------
    float
        The least Frobenius norm of T - S - L met, L of rank r.
    """
    best, first = np.inf, True
    for _ in range(_TURNS + 1):
        rest = rest_of_largest(target - low, keep)
        if not first:
            best = min(best, float(np.linalg.norm(rest)))
        first = False
        # T - S is L plus what S left
        dense = low + rest
        columns = np.linalg.qr(dense @ basis)[0]
        product = columns.conj().T @ dense
        basis = np.linalg.qr(product.conj().T)[0]
        low = columns @ product
    return min(best, float(np.linalg.norm(rest_of_largest(target - low, keep))))
