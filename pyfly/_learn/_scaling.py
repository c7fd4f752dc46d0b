"""Unitary matrices behind unknown row and column scalings: T = D1 Q D2.

The squares of the entries of a unitary Q are doubly stochastic, and a matrix has only one scaling that is (Sinkhorn):
balancing |T_ij|^2 by rows and columns gives |D1| and |D2| at once, whatever the order of rows and columns. What is left
of D1 are signs; with the columns in unknown order these come from matching magnitudes with those of a basis U,

    |Q|^2 = |U|^2 P:   columns are paired by correlation, one pair gives the signs of the rows, U^H (signs Q) the rest.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._bases import HADAMARD, bases
from pyfly._learn._found import Found
from pyfly._learn._monomial import basis_factors, first_permutation, left_scaled, outside, probes

_ROUNDS = 30
_CLOSE = 0.9
# Distance from a unitary matrix up to which one is meant.
_UNITARY = 0.4


def scaled_unitary(target):
    """Find T = D1 U D2 with a basis U and diagonal D1, D2, rows or columns in any order.

    Parameters
    ----------
    target : ndarray of float64, shape (n, n)

    Returns
    -------
    Found or None
    """
    balanced = unitary_within(target)
    if balanced is None:
        return None
    rows, columns, unitary, _ = balanced
    found = _matched(unitary)
    if found is None:
        found = _matched(unitary.T)
        if found is None:
            return None
        (basis, turned), right, where, left = found
        # T^T = diag(left) U M: T = M^T U^T diag(left)
        return _rows_found(basis, not turned if not basis.symmetric else False, right / rows, where, left / columns)
    (basis, turned), right, where, left = found
    return _columns_found(basis, turned, left / rows, where, right / columns)


def rescaled(found, target):
    """A product with its rows and columns scaled so that it is closest to the target, by least squares in turn."""
    from pyfly._learn._corner import assemble
    from pyfly._operators import Diagonal

    model = assemble(found, target.shape).todense()
    right, signed = np.ones(len(target)), model
    for _ in range(3):
        left = np.vecdot(signed, target) / np.maximum(np.vecdot(signed, signed).real, 1e-300)
        signed = left[:, None] * model
        right = _column_dots(signed.conj(), target) / np.maximum(_column_dots(signed.conj(), signed).real, 1e-300)
        signed = model * right
    factors, name = found.factors, found.model
    if np.ptp(left) > 1e-12 * np.abs(left).max():
        scaled = left_scaled(factors[0], left)
        factors, name = ((scaled, *factors[1:]), name) if scaled else ((Diagonal(left), *factors), "D " + name)
    else:
        right = right * left[0]
    if isinstance(factors[-1], Diagonal):
        factors = (*factors[:-1], Diagonal(factors[-1].d * right))
    elif np.ptp(right) > 1e-12 * np.abs(right).max():
        factors, name = (*factors, Diagonal(right)), name + " D"
    else:
        factors = (factors[0]._scaled(complex(right[0]) if np.iscomplexobj(right) else float(right[0])), *factors[1:])
    note = found.note[:-1] + ", rows and columns rescaled by least squares."
    return Found(factors, name, found.permutation, found.tied, [], note)


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


def unitary_within(target):
    """Factors r, c, the matrix Q of r_i T_ij c_j and its distance from a unitary one; None where Q is no such matrix.

    The distance is that of Q^H Q from the identity, relative, tried on two vectors.
    """
    balanced = balance(target)
    if balanced is None:
        return None
    rows, columns = balanced
    unitary = target * rows[:, None]
    unitary *= columns
    x = np.random.default_rng(len(unitary)).standard_normal((len(unitary), 2))
    rest = float(np.linalg.norm(unitary.conj().T @ (unitary @ x) - x) / np.linalg.norm(x))
    return (rows, columns, unitary, rest) if rest < _UNITARY else None


def _matched(unitary):
    """Find U with Q = diag(left) U M: (basis, turned), values of M, place of each column in U, left."""
    n = len(unitary)
    # a column whose entries are all of one size tells nothing
    some = np.unique(np.r_[probes(n), np.arange(min(n, 8))])
    part = unitary[:, some] ** 2 - 1 / n
    size = np.sqrt(np.square(part).sum(axis=0))
    uneven = size > 0.1 / np.sqrt(n)
    if not uneven.any():
        # signs alone: the product of two columns of a Walsh-Hadamard matrix is a third
        dense = HADAMARD.forward(np.eye(n), 0)
        return _solve(unitary, HADAMARD, False, dense, 0, 0)
    some, part, size = some[uneven], part[:, uneven], size[uneven]
    best = None
    for basis in bases(n, True):
        if not basis.real:
            continue
        for turned in (False,) if basis.symmetric else (False, True):
            dense = (basis.backward if turned else basis.forward)(np.eye(n), 0)
            match = _correlation(dense, part / size)
            if match is None:
                continue
            score = float(match.max(axis=0).min())
            if score > _CLOSE and (best is None or score > best[0]):
                best = score, basis, turned, dense, int(some[0]), int(match[:, 0].argmax())
            if best is not None and best[0] > 1 - 1e-9:
                return _solve(unitary, *best[1:])
    return None if best is None else _solve(unitary, *best[1:])


def _correlation(dense, columns):
    """Correlation of the squares of a basis with some columns of magnitudes; None where they are all alike."""
    squares = dense**2 - 1 / len(dense)
    length = np.sqrt(np.square(squares).sum(axis=0))
    if length.max() < 1e-3 / np.sqrt(len(dense)):
        return None
    return squares.T @ columns / np.where(length > 0, length, 1)[:, None]


def _solve(unitary, basis, turned, dense, column, place):
    """Signs of the rows from one pair of columns, then all columns from one transform, then both by least squares."""
    backward = basis.forward if turned else basis.backward
    seen, known = unitary[:, column], dense[:, place]
    sure = np.abs(known) > 0.05 * np.abs(known).max()
    left = np.where(sure, np.sign(seen * known), 0.0)
    if outside(backward(left[:, None] * unitary[:, probes(len(left))], 0), 0) > 0.5:
        return None
    inner = backward(left[:, None] * unitary, 0)
    if outside(inner, 0) > 0.5:
        return None
    where = np.abs(inner).argmax(axis=0)
    if len(np.unique(where)) < len(where):
        return None
    # balanced, both diagonals are signs; least squares then takes up what noise did to the balance
    right = np.sign(inner[where, np.arange(len(where))])
    del inner
    model = dense[:, where]
    signed = model * right
    left = np.vecdot(unitary, signed)
    for _ in range(2):
        left /= np.vecdot(signed, signed)
        np.multiply(model, left[:, None], out=signed)
        right = _column_dots(unitary, signed) / _column_dots(signed, signed)
        np.multiply(model, right, out=signed)
        left = np.vecdot(unitary, signed)
    left /= np.vecdot(signed, signed)
    return (basis, turned), right, where, left


def _column_dots(x, y):
    """Dot products of columns, a few rows at a time."""
    return sum((x[k : k + 64] * y[k : k + 64]).sum(axis=0) for k in range(0, len(x), 64))


def _columns_found(basis, turned, left, where, right):
    """T = diag(left) U M with M[where[j], j] = right[j]."""
    from pyfly._operators import Diagonal, Permutation

    n = len(left)
    factors, model = basis_factors(basis, turned, n)
    scaled = left_scaled(factors[0], left)
    factors, model = (
        ((scaled, *factors[1:]), model) if scaled is not None else ((Diagonal(left), *factors), "D " + model)
    )
    perm = np.empty_like(where)
    perm[where] = np.arange(n)
    factors, model = (*factors, Diagonal(right[perm])), model + " D"
    inner = first_permutation(factors)
    if (perm != np.arange(n)).any():
        factors, model, inner = (*factors, Permutation(perm)), model + " P", perm
    note = f"Balanced rows and columns show the {basis.name} basis with its rows and columns scaled."
    return Found(factors, model, inner, True, [], note)


def _rows_found(basis, turned, values, where, right):
    """T = M^T U diag(right), M[where[i], i] = values[i]: rows in any order."""
    from pyfly._operators import Diagonal, Permutation

    n = len(right)
    factors, model = basis_factors(basis, turned, n)
    left = np.empty(n)
    left[where] = values
    scaled = left_scaled(factors[0], left)
    factors, model = (
        ((scaled, *factors[1:]), model) if scaled is not None else ((Diagonal(left), *factors), "D " + model)
    )
    factors, model = (*factors, Diagonal(right)), model + " D"
    inner = first_permutation(factors)
    if (where != np.arange(n)).any():
        factors, model, inner = (Permutation(where), *factors), "P " + model, where
    note = f"Balanced rows and columns show the {basis.name} basis with its rows scrambled and scaled."
    return Found(factors, model, inner, True, [], note)
