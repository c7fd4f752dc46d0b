"""Unitary matrices behind unknown row and column scalings: T = D1 Q D2.

The squares of the entries of a unitary Q are doubly stochastic, and a matrix has only one scaling that is (Sinkhorn):
balancing |T_ij|^2 by rows and columns gives |D1| and |D2| at once, whatever the order of rows and columns. What is left
of D1 and D2 are signs or phases.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._factorization import slabs, square
from pyfly._learn._found import Found
from pyfly._learn._monomial import rows_scaled

_ROUNDS = 30
# Rounds of scaling rows and columns in turn; rows worked on at a time.
_SCALING, _SLAB = 30, 64


def rescaled(found, target):
    """A product with its rows and columns scaled so that it is closest to the target, by least squares in turn."""
    model = dense(found)
    left, right, _ = scales(model, target, np.ones(len(target)))
    found = between(found, left, right)
    found.note = found.note[:-1] + ", rows and columns rescaled by least squares."
    return found


def between(found, left, right):
    """diag(left) A diag(right), A what was found; a diagonal goes into a factor that takes it."""
    from pyfly._operators import Diagonal

    factors, name = found.factors, found.model
    if np.ptp(left) > 1e-12 * np.abs(left).max():
        factors, name = rows_scaled(factors, name, left)
    else:
        right = right * left[0]
    if isinstance(factors[-1], Diagonal):
        factors = (*factors[:-1], Diagonal(factors[-1].d * right))
    elif np.ptp(right) > 1e-12 * np.abs(right).max():
        factors, name = (*factors, Diagonal(right)), name + " D"
    else:
        factors = (factors[0]._scaled(complex(right[0]) if np.iscomplexobj(right) else float(right[0])), *factors[1:])
    return Found(factors, name, found.permutation, found.tied, [], found.note)


def dense(found):
    """The square matrix of what was found, in double precision."""
    from pyfly._learn._corner import assemble

    n = found.factors[0].shape[0]
    operator = assemble(found, (n, n))
    model = np.empty((n, n), np.result_type(operator.dtype, np.float64))
    for rows, part in slabs(operator):
        model[rows] = part
    return model


def scales(model, target, right):
    """Diagonals with T = diag(left) M diag(right), by least squares in turn from a first guess, and what they leave.

    Returns
    -------
    left, right : ndarray, shape (m,), (n,)
    rest : float
        Frobenius norm of the difference.
    """
    m, n = target.shape
    slabs = [slice(start, start + _SLAB) for start in range(0, m, _SLAB)]
    left, rest = np.empty(m, np.result_type(model, target)), np.inf
    for _ in range(_SCALING):
        across, size = np.zeros(n, left.dtype), np.full(n, 1e-300)
        for part in slabs:
            product, squares = model[part].conj() * target[part], np.square(np.abs(model[part]))
            left[part] = product @ right.conj() / np.maximum(squares @ np.abs(right) ** 2, 1e-300)
            across += left[part].conj() @ product
            size += np.abs(left[part]) ** 2 @ squares
        before, right = right, across / size
        was, rest = rest, 1 - float(np.vdot(right, across).real) / square(target)
        if np.abs(right - before).max() <= 1e-15 * np.abs(right).max() or rest > max(0.999 * was, 1e-12):
            break
    rest = sum(square(left[part, None] * model[part] * right - target[part]) for part in slabs)
    return left, right, float(np.sqrt(rest))


def balance(target):
    """Factors r, c with the squares of r_i T_ij c_j doubly stochastic; None if they do not exist or come too slowly."""
    squares = np.square(target) if not np.iscomplexobj(target) else (target * target.conj()).real
    c = np.ones(len(squares))
    r = squares @ c
    with np.errstate(all="ignore"):
        before = np.inf
        for _ in range(max(_ROUNDS, min(1000, (1 << 22) // squares.size))):
            r = 1 / (squares @ c)
            sums = c * (r @ squares)
            change = np.abs(sums - 1).max()
            c = c / sums
            if not np.isfinite(change):
                return None
            if change < 1e-15 or (change < 1e-12 and change > before / 2):
                break
            before = change
        else:
            if change > 1e-2:
                return None
    return np.sqrt(r), np.sqrt(c)


def in_order(balanced, rows, columns):
    """What `balance` gives for the matrix with rows and columns in another order; None: as they are."""
    if balanced is None:
        return None
    return tuple(x if order is None else x[order] for x, order in zip(balanced, (rows, columns), strict=True))


def phase(x):
    """x / |x|, 0 where x is 0."""
    return x / np.maximum(np.abs(x), np.finfo(x.dtype).tiny)


def reliability(factors):
    """Weights of rows or columns by their factors: a small one says little where there is noise."""
    return (1 / (1 + (factors / np.median(factors)) ** 2)).astype(np.float32)


def unitary(target, rows, columns):
    """Q = r_i T_ij c_j in single precision, and how far Q^H Q is from the identity, relative, tried on two vectors."""
    x = np.random.default_rng(len(target)).standard_normal((len(target), 2))
    single, image = np.complex64 if np.iscomplexobj(target) else np.float32, np.zeros(x.shape, target.dtype)
    even = np.empty(target.shape, single)
    for start in range(0, len(target), _SLAB):
        part = target[start : start + _SLAB] * rows[start : start + _SLAB, None]
        part *= columns
        even[start : start + _SLAB] = part
        image += part.conj().T @ (part @ x)
    return even, float(np.linalg.norm(image - x) / np.linalg.norm(x))
