"""Other compressed forms of a matrix with as many numbers: what a butterfly product has to beat.

low rank             U V^H, truncated SVD               r (m + n) numbers
sparse               the largest entries                k values (their positions come on top)
sparse + low rank    S + U V^H, robust PCA: each is fitted to what the other leaves, in turn
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._factorization import Alternative

_ROUNDS = 12
# Shares of the budget that the low-rank part gets; the best is kept.
_SHARES = (0.25, 0.5, 0.75)


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
    One SVD, and a few dozen products with a block of r vectors: O(m n min(m, n)) once, O(m n r) a round.

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
    left, values, right = np.linalg.svd(target, full_matrices=False)
    found = [
        Alternative("low rank", float(np.linalg.norm(values[rank:])) / norm, rank * (m + n)),
        Alternative("sparse", float(np.linalg.norm(rest_of_largest(target, numbers))) / norm, min(numbers, m * n)),
    ]
    best, used = np.inf, 0
    for share in _SHARES:
        rank = int(share * numbers) // (m + n)
        keep = numbers - rank * (m + n)
        if rank < 1 or keep < 1 or keep >= m * n:
            continue
        start = (left[:, :rank] * values[:rank]) @ right[:rank]
        error = robust(target, start, right[:rank].conj().T, keep)
        if error < best:
            best, used = error, rank * (m + n) + keep
    if used:
        found.append(Alternative("sparse + low rank", best / norm, used))
    # below rounding they are all exact, and the simplest is meant
    return sorted(found, key=lambda other: max(other.relative_error, 1e-12))


def rest_of_largest(matrix, count):
    """The matrix without its `count` largest entries."""
    if count <= 0:
        return matrix
    if count >= matrix.size:
        return np.zeros_like(matrix)
    rest = matrix.copy().ravel()
    rest[np.argpartition(np.abs(rest), matrix.size - count)[matrix.size - count :]] = 0
    return rest.reshape(matrix.shape)


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
        The least Frobenius norm of T - S - L met.
    """
    best = np.inf
    for _ in range(_ROUNDS):
        rest = rest_of_largest(target - low, keep)
        best = min(best, float(np.linalg.norm(rest)))
        # T - S is L plus what S left
        dense = low + rest
        columns = np.linalg.qr(dense @ basis)[0]
        product = columns.conj().T @ dense
        basis = np.linalg.qr(product.conj().T)[0]
        low = columns @ product
    return min(best, float(np.linalg.norm(rest_of_largest(target - low, keep))))
