"""A known basis behind rows and columns in any order and with any signs: T = D1 P U P' D2.

Balanced (see `_scaling`), T is Q = S P U P' S' with diagonals S, S' of signs. One row and one column are taken as
known; the products Q_ij Q_i0j Q_ij0 Q_i0j0 are then free of signs, and rows and columns are told apart step by step:

    signature of a row  =  sum over columns of f(product) w(class of the column)        and the other way round

Classes of U refine until every row and column is alone in its own; those of Q follow by the nearest signature, which
noise hardly moves. What is still alike then differs by a symmetry of U, and any choice will do.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from pyfly._learn._bases import HADAMARD, bases
from pyfly._learn._found import Found
from pyfly._learn._monomial import basis_factors, first_permutation, left_scaled, probes
from pyfly._learn._scaling import balance, unitary_within

_DIMENSIONS = 8
# Rows worked on at a time.
_SLAB = 64
_ROUNDS = 40
# Mean distance of signatures, over their spread, above which the basis is another one.
_FAR = 0.3
# Columns that may be the known one.
_CANDIDATES = 6
# Relative error below which the answer is not by chance, and below which there is none better.
_FITS, _EXACT = 0.5, 1e-7


def matched(target):
    """Find T = D1 P U P' D2 with a real basis U that is no Walsh-Hadamard matrix.

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
    rows, columns, unitary, rest = balanced
    noise = max(5 * rest, 1e-9)
    n, norm = len(target), np.linalg.norm(target)
    best = (_FITS, None)
    for basis in bases(n, True):
        if not basis.real or basis is HADAMARD:
            continue
        for turned in (False,) if basis.symmetric else (False, True):
            dense = (basis.backward if turned else basis.forward)(np.eye(n), 0)
            for places in _places(unitary, dense, noise):
                left, right, _ = _scales(unitary, dense, *places, 20)
                left, right, rest = _scales(target, dense, *places, 3, left / rows, right / columns)
                if rest < best[0] * norm:
                    best = rest / norm, _found(basis, turned, places[0], left, places[1], right)
                if rest < _EXACT * norm:
                    return best[1]
    return best[1]


def dyadic(target):
    """Find T = D1 P H P' D2 with the Walsh-Hadamard matrix H.

    Free of signs its entries are (-1)^(a b), and some columns are the digits of a.

    Returns
    -------
    Found or None
    """
    balanced = balance(target)
    if balanced is None:
        return None
    rows, columns = balanced
    some = probes(len(target))
    part = np.abs(target[some] * rows[some, None] * columns) * np.sqrt(len(target))
    if not np.abs(part - 1).mean() < _FITS:
        return None
    unitary = target * rows[:, None]
    unitary *= columns
    n = len(unitary)
    place = np.zeros(n, int)
    # any digits will do: those that tell more rows apart
    signs = unitary * unitary[:, :1] < 0
    signs ^= signs[:1]
    kinds = 1
    for column in signs.T:
        finer = 2 * place + column
        count = len(np.unique(finer))
        if count == 2 * kinds:
            place, kinds = finer, count
        if kinds == n:
            break
    if kinds < n:
        return None
    inner = HADAMARD.backward((unitary * np.sign(unitary[:, :1]))[np.argsort(place)], 0)
    where = np.abs(inner).argmax(axis=0)
    if len(np.unique(where)) < n:
        return None
    dense = HADAMARD.forward(np.eye(n), 0)
    left, right, rest = _scales(target, dense, place, where, 2, rows, np.sign(inner[where, np.arange(n)]) / columns)
    return _found(HADAMARD, False, place, left, where, right) if rest < _FITS * np.linalg.norm(target) else None


def _places(unitary, dense, noise):
    """Rows and columns of U where those of Q belong, up to signs; none if Q is no such matrix."""
    row, column = _start(dense)
    q_row = int(_distance(unitary, dense[row]).argmin())
    distance = _distance(unitary.T, dense[:, column])
    distance += len(dense) * (np.abs(unitary[q_row]) - abs(dense[row, column])) ** 2
    theirs = _products(dense, row, column)
    for q_column in np.argsort(distance)[:_CANDIDATES]:
        places = _refine(_products(unitary, q_row, q_column), theirs, (row, q_row), (column, q_column), noise)
        if places is not None:
            yield places


def _refine(ours, theirs, rows, columns, noise):
    """Tell rows and columns apart, the given ones being known."""
    n = len(ours)
    sides = [_Side(n, *rows), _Side(n, *columns)]
    rng = np.random.default_rng(n)
    for _ in range(_ROUNDS):
        before = [side.count for side in sides]
        for this, other, axis in ((0, 1, 1), (1, 0, 0)):
            weights = rng.standard_normal((sides[other].count, _DIMENSIONS))
            side = sides[this]
            signature = _signature(theirs, weights[sides[other].known], axis)
            seen = _signature(ours, weights[sides[other].seen], axis)
            if side.refine(signature, seen, noise) > _FAR:
                return None
        if all(side.count == n for side in sides):
            places = [side.place() for side in sides]
            return None if any(place is None for place in places) else places
        if before == [side.count for side in sides]:
            # a symmetry of U: any of its members may be the one
            min(sides, key=lambda side: side.count).choose()
    return None


def _start(dense):
    """A row and a column of U to take as known: few zeros, since they hide what meets them."""
    row, n = 1, len(dense)
    zeros = np.count_nonzero(np.abs(dense) < 0.01 / np.sqrt(n), axis=0)
    return row, int((np.abs(dense[row]) - 2 * zeros).argmax())


def _distance(rows, row):
    """Squared distance of magnitudes, whatever their order, from those of one row; a few rows at a time."""
    wanted = np.sort(np.abs(row))
    parts = (np.sort(np.abs(rows[k : k + _SLAB]), axis=1) - wanted for k in range(0, len(rows), _SLAB))
    return np.concatenate([np.square(part).sum(axis=1) for part in parts])


def _products(matrix, row, column):
    """f of the sign-free products of every entry with its companions in the known row and column."""
    n = len(matrix)
    products = matrix * (matrix[row] * np.sign(matrix[row, column]) * n)
    products *= (matrix[:, column] * np.sqrt(n))[:, None]
    # nonlinear, so that sums over classes tell sets of values apart
    return np.sin(products + 1, out=products)


def _signature(products, weights, axis):
    signature = (products if axis else products.T) @ weights
    return signature / np.sqrt(len(products))


class _Side:
    """Rows, or columns, of U and of Q with the class of each.

    Attributes
    ----------
    known, seen : ndarray of int, shape (n,)
        Classes in U and Q.
    count : int
        Number of classes.
    """

    def __init__(self, n, known, seen):
        self.known, self.seen, self.count = np.zeros(n, int), np.zeros(n, int), 2
        self.known[known] = self.seen[seen] = 1

    def refine(self, known, seen, noise):
        """Split the classes by signatures; return how far those of Q are from those of U, over the spread."""
        spread = np.sqrt(np.square(known - known.mean(axis=0)).mean()) + 1e-300
        along = known[:, 0]
        order = np.lexsort((along, self.known))
        apart = (np.diff(along[order]) > noise * spread) | (np.diff(self.known[order]) > 0)
        before, self.known = self.known, np.zeros(len(order), int)
        self.known[order[1:]] = np.cumsum(apart)
        self.count = int(self.known.max()) + 1
        centres = np.zeros((self.count, known.shape[1] + 1))
        np.add.at(centres[:, :-1], self.known, known)
        centres /= np.bincount(self.known)[:, None]
        # members of different classes stay apart
        centres[self.known, -1] = 1e3 * spread * before
        distance, self.seen = cKDTree(centres).query(np.column_stack([seen, 1e3 * spread * self.seen]))
        return float(np.median(distance)) / (spread * np.sqrt(known.shape[1]))

    def choose(self):
        """Make one member of the first class with several a class of its own."""
        crowded = int(np.argmax(np.bincount(self.known) > 1))
        ours = np.flatnonzero(self.seen == crowded)
        if len(ours):
            self.known[np.argmax(self.known == crowded)] = self.seen[ours[0]] = self.count
            self.count += 1

    def place(self):
        """Place in U of every member of Q."""
        where = np.argsort(self.known)[self.seen]
        return where if len(np.unique(where)) == len(where) else None


def _scales(target, dense, rows, columns, rounds, left=None, right=None):
    """Diagonals with T = diag(left) U[rows][:, columns] diag(right) by least squares in turn, and what they leave."""
    n = len(target)
    if right is None:
        row = int(np.abs(dense).min(axis=1)[rows].argmax())
        left, right = np.empty(n), target[row] / dense[rows[row], columns]

    def slabs():
        for start in range(0, n, _SLAB):
            part = slice(start, start + _SLAB)
            yield part, target[part], dense[rows[part]][:, columns]

    for _ in range(rounds):
        across, size = np.zeros(n), np.full(n, 1e-300)
        for part, seen, model in slabs():
            scaled = model * right
            left[part] = np.vecdot(scaled, seen) / np.maximum(np.vecdot(scaled, scaled), 1e-300)
            model *= left[part, None]
            across += (model * seen).sum(axis=0)
            size += np.square(model).sum(axis=0)
        before, right = right, across / size
        if np.abs(right - before).max() <= 4e-16 * np.abs(right).max():
            break
    rest = sum(np.square(seen - left[part, None] * model * right).sum() for part, seen, model in slabs())
    return left, right, np.sqrt(rest)


def _found(basis, turned, rows, left, columns, right):
    """T = diag(left) U[rows][:, columns] diag(right) as operators."""
    from pyfly._operators import Diagonal, Permutation

    n = len(rows)
    place = np.arange(n)
    factors, model = basis_factors(basis, turned, n)
    # U[rows][:, columns] = P U P': the diagonals move inside the permutations
    outer, inner = np.empty_like(left), np.empty_like(right)
    outer[rows], inner[columns] = left, right
    scaled = left_scaled(factors[0], outer)
    factors, model = (
        ((scaled, *factors[1:]), model) if scaled is not None else ((Diagonal(outer), *factors), "D " + model)
    )
    if np.ptp(inner) > 1e-14 * np.abs(inner).max():
        factors, model = (*factors, Diagonal(inner)), model + " D"
    else:
        factors = (factors[0]._scaled(float(inner[0])), *factors[1:])
    perm = first_permutation(factors)
    if (rows != place).any():
        factors, model = (Permutation(rows), *factors), "P " + model
    if (columns != place).any():
        inverse = np.argsort(columns)
        factors, model, perm = (*factors, Permutation(inverse)), model + " P", inverse
    note = f"Rows and columns were matched with those of the {basis.name} basis."
    return Found(factors, model, perm, True, [], note)
