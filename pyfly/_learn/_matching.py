"""A known real basis behind rows and columns in any order and scaled: T = D1 P U P' D2.

Balanced (see `_scaling`), T is Q = S P U P' S' with diagonals S, S' of signs. The square of a row of Q has no signs. If
U is made of cosines it moves the other rows by one step, since 2 cos 2a cos b = cos(b + 2a) + cos(b - 2a):

    A = Q diag(n q^2 - 1) Q^T        two entries of 1/2 in every row: the rows are links of paths

A walk through the rows of U along the same path names those of Q and their signs. These name all the rest,

    largest entry of U^T (named rows of Q, where they belong)  ->  column        and the other way round,

each by n numbers together: noise of a tenth does not matter, nor do rows lost in it, at which a path breaks.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from pyfly._learn._bases import COSINE2, COSINE4, HADAMARD, HARTLEY, SINE2, SINE4
from pyfly._learn._factorization import square
from pyfly._learn._found import Found
from pyfly._learn._monomial import (
    basis_factors,
    claimed,
    completed,
    first_permutation,
    left_scaled,
    plain,
    probes,
)
from pyfly._learn._scaling import scales, unitary_within
from pyfly._scans import transposed, walk

# Bases, transposed or not, and the share of their rows on one path. Sines are cosines in another order.
_VIEWS = ((COSINE2, True, 1), (COSINE4, False, 1), (HARTLEY, False, 4))
# Distance from a unitary matrix up to which one is looked for, small rows and columns being lost in noise.
_NOISY = 0.8
# Rows looked at and tried as the start of a walk, and the difference of two numbers that are not the same.
_CANDIDATES, _STARTS, _SAME = 32, 6, 1e-4
# Columns of which A is made, at most.
_ENOUGH = 1024
# Entry of A that is a step, and the least number of steps that are not by chance.
_STEP, _STEPS = 0.3, 3
# Columns to compare rows on; correlation of rows that are the same but for noise.
_SOME, _CLOSE = 64, 0.9
# Mean difference of sizes up to which they are all the same but for noise.
_EQUAL = 0.25
# Variance of the squares of a row that moves no other.
_FLAT = 0.1
# Rows that may begin another path.
_BRANCHES = 3
# Rows worked on at a time.
_SLAB = 64
# Rounds of naming columns by rows and rows by columns.
_NAMING = 30
# Relative error below which the answer is not by chance, and below which there is none better.
_FITS, _EXACT = 0.5, 1e-7


def matched(target):
    """Find T = D1 P U P' D2 with a real basis U: Walsh-Hadamard, cosines, sines, Hartley.

    Parameters
    ----------
    target : ndarray of float64, shape (n, n)
        n a power of two, at least 8.

    Returns
    -------
    Found or None
    """
    balanced = unitary_within(target, _NOISY)
    if balanced is None:
        return None
    rows, columns, unitary = balanced
    some = np.abs(unitary[probes(len(target))]) * np.sqrt(len(target))
    # signs alone, but for a row that is lost in noise; every basis has some rows of this kind
    if np.sort(np.abs(some - 1).mean(axis=1))[-2] < _EQUAL:
        return _dyadic(target, rows, columns, unitary)
    return _cosines(target, rows, columns, unitary)


def _cosines(target, rows, columns, unitary):
    """Find a basis with rows on paths."""
    norm = np.sqrt(square(target))
    across = transposed(unitary)
    best = (_FITS * norm, None)
    for flipped, known, places in _guesses(unitary, across, rows, columns):
        turned = known.turned
        if flipped:
            turned, places = not (turned or known.basis.symmetric), places[::-1]
        (p, _), (q, signs) = places
        left, right, rest = _scales(target, known.basis, turned, p, q, signs / columns)
        if rest < best[0]:
            best = rest, _found(known.basis, turned, p, left, q, right, (rest / norm) ** 2)
        if rest < _EXACT * norm:
            break
    return best[1]


def _dyadic(target, rows, columns, unitary):
    """Find T = D1 P H P' D2 with the Walsh-Hadamard matrix H.

    Free of signs its entries are (-1)^(a b), and some columns are the digits of a.
    """
    n = len(unitary)
    place = np.zeros(n, int)
    # any digits will do: those that tell more rows apart
    signs = unitary * unitary[:, :1] < 0
    signs ^= signs[:1]
    kinds = 1
    for column in signs.T:
        finer = 2 * place + column
        count = np.count_nonzero(np.bincount(finer))
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
    signs = np.sign(inner[where, np.arange(n)])
    del inner
    norm = np.sqrt(square(target))
    left, right, rest = _scales(target, HADAMARD, False, place, where, signs / columns)
    return _found(HADAMARD, False, place, left, where, right, (rest / norm) ** 2) if rest < _FITS * norm else None


class _Basis:
    """U or its transpose V: in single precision, as transforms of rows, and a path through its rows."""

    def __init__(self, basis, turned, n):
        self.basis, self.turned = basis, turned
        self._forward, self._backward = _transforms(basis, turned)
        self.matrix = self._backward(np.eye(n, dtype=np.float32), 1)

    def like(self, row, place):
        """The row of V whose squares are those of another, in its place if there are several; none if there is none."""
        n = len(row)
        some = np.unique(np.linspace(0, n - 1, _SOME).astype(int))
        squares, sought = n * np.square(self.matrix[:, some]) - 1, n * np.square(row[some]) - 1
        closeness = squares @ sought / np.maximum(np.linalg.norm(squares, axis=1) * np.linalg.norm(sought), 1)
        closeness[place] *= 1.001
        return [int(closeness.argmax())] if closeness.max() > _CLOSE else []

    def walk(self, start):
        """Follow the path from a row."""
        n = len(self.matrix)
        self.steps = [self._forward(self.matrix * (n * self.matrix[start] ** 2 - 1), 1)]
        self.free = np.ones(n, np.float32)
        self.path = walk(self.steps, start, self.free, _STEP)

    def columns(self, x):
        """x V, for rows x."""
        return self._backward(x, 1)

    def rows(self, x):
        """x V^T, for rows x."""
        return self._forward(x, 1)


def _guesses(unitary, across, rows, columns):
    """Whether it is the transpose, bases V, and places and signs: V whose paths are as long as those of Q first."""
    n, sides = len(unitary), {}
    flatness = _flatness(unitary)
    # rows that move no other break paths: of the two sides the one with fewer of them
    ways = sorted((False, True), key=lambda flipped: np.count_nonzero(flatness[flipped] < _FLAT))
    for exact, flipped in product((True, False), ways):
        if flipped not in sides:
            views = (across, unitary, columns, rows) if flipped else (unitary, across, rows, columns)
            sides[flipped] = _Side(*views, flatness[flipped])
        side = sides[flipped]
        count = len(side.path[0])
        for basis, turned, parts in _VIEWS if count > min(_STEPS, n // 8) else ():
            if (parts * count == n) == exact:
                guess = side.guess(basis, turned)
                if guess is not None:
                    yield flipped, *guess


def _transforms(basis, turned):
    return (basis.backward, basis.forward) if turned else (basis.forward, basis.backward)


def _assign(place, sign, path, signs, there, sense):
    """Name the rows of a path by those of another as far as both go."""
    count = min(len(path), len(there))
    known = np.flatnonzero(path[:count] >= 0)
    place[path[known]], sign[path[known]] = there[known], (signs[:count] * sense[:count])[known]


def _flatness(matrix):
    """How much the squares of each row, and of each column, vary."""
    n = len(matrix)
    rows, columns = np.empty(n, matrix.dtype), np.zeros(n, matrix.dtype)
    for start in range(0, n, _SLAB):
        squares = np.square(matrix[start : start + _SLAB])
        squares *= squares
        rows[start : start + _SLAB] = squares.sum(axis=1)
        columns += squares.sum(axis=0)
    return n * rows - 1, n * columns - 1


def _kinds(row):
    """How many different sizes there are in a row, as the nearest power of two."""
    squares = np.sort(np.square(row)) * len(row)
    return round(np.log2(1 + np.count_nonzero(np.diff(squares) > _SAME)))


class _Side:
    """The rows of a balanced matrix and their paths.

    Attributes
    ----------
    path : tuple
        Rows along the longest path met, and their signs.
    """

    def __init__(self, unitary, across, rows, columns, flatness):
        self._unitary, self._across, self._flatness = unitary, across, flatness
        # a small row or column says little where there is noise
        self._weights = [1 / (1 + (factor / np.median(factor)) ** 2) for factor in (rows, columns)]
        self.path = (np.empty(0, int), np.empty(0))
        n = len(unitary)
        uneven = np.flatnonzero(flatness > _FLAT)
        uneven = uneven[np.argsort(rows[uneven], kind="stable")[:_CANDIDATES]]
        # a row with many different sizes is the start of a long path
        starts = sorted(uneven, key=lambda row: -_kinds(unitary[row]))[:_STARTS]
        for start in starts:
            weight = n * unitary[start] ** 2 - 1
            some = (unitary[probes(n)] * weight) @ across
            some[np.arange(len(some)), probes(n)] = 0
            if np.median(np.abs(some).max(axis=1)) < _STEP:
                break
            steps = [self._moved(weight)]
            path = walk(steps, int(start), np.ones(n, np.float32), _STEP)
            if 4 * len(path[0]) < n:
                # over a row lost in noise: cos 4a = 2 cos^2 2a - 1
                steps.append(self._moved(2 * weight**2 - 1))
                path = walk(steps, int(start), np.ones(n, np.float32), _STEP)
            if len(path[0]) > len(self.path[0]):
                self.path, self._steps = path, steps
            if 4 * len(path[0]) >= n:
                break

    def _moved(self, weight):
        """Q diag(weight) Q^T; as many columns of Q as make the chance entries small."""
        n = len(weight)
        if n <= _ENOUGH:
            return (self._unitary * weight) @ self._across
        some = np.sort(np.random.default_rng(n).choice(n, _ENOUGH, replace=False))
        part = self._across[some]
        return transposed(part * (weight[some, None] * np.float32(n / _ENOUGH))) @ part

    def guess(self, basis, turned):
        """V with place and sign in V of all rows, and of all columns; None where its path is another."""
        known, first = _Basis(basis, turned, len(self._unitary)), self.path[0][0]
        # an order that was there stays: that of the columns, in which the same row stands, or that of the rows
        for start in (*known.like(self._unitary[first], first), first, 1):
            known.walk(start)
            if len(known.path[0]) >= len(self.path[0]):
                break
        ends = [
            steps[0][path[0][-1], path[0][-1]] for steps, path in ((self._steps, self.path), (known.steps, known.path))
        ]
        if len(known.path[0]) == len(self.path[0]) and ends[0] * ends[1] < -(_STEP**2):
            return None
        places = self._places(known)
        return None if places is None else (known, places)

    def _places(self, known):
        n = len(self._unitary)
        place, sign = np.full(n, -1), np.zeros(n)
        _assign(place, sign, *self.path, *known.path)
        if known.free.any() and 8 * len(self.path[0]) >= n:
            self._branch(known, place, sign)
        known.steps = None
        return self._name(known, place, sign)

    def _branch(self, known, place, sign):
        """Name the rows of other paths, which begin with a flat row or with one that follows itself."""
        free = known.free
        few = self._across[probes(len(place))]
        ours, theirs = (
            np.stack([flat, np.square(x) @ (len(x) * np.square(x[at]) - 1)])
            for x, at, flat in (
                (self._unitary, self.path[0][0], self._flatness),
                (known.matrix, known.path[0][0], _flatness(known.matrix)[0]),
            )
        )

        def share(place, sign):
            # of two ways that a symmetry of V makes equal, the one that keeps rows where they stand
            kept = np.count_nonzero(place == np.arange(len(place))) / len(place)
            return np.abs(known.columns(_placed(few, place, sign))).max(axis=1).mean() * (1 + kept / 100)

        most = share(place, sign)
        while free.any():
            start = int(np.where(free > 0, np.minimum(theirs[0], 0.5 - np.abs(theirs[1])), np.inf).argmin())
            left = free.copy()
            ways = [walk(known.steps, start, left, _STEP), walk(known.steps, start, free, _STEP, second=True)]
            free *= left
            distance = np.where(place < 0, np.abs(ours - theirs[:, start, None]).sum(axis=0), np.inf)
            best = None
            for first in np.argsort(distance, kind="stable")[:_BRANCHES]:
                path, signs = walk(self._steps, int(first), (place < 0).astype(np.float32), _STEP)
                for (there, sense), turn in product(ways, (1, -1)):
                    p, s = place.copy(), sign.copy()
                    _assign(p, s, path, signs * turn, there, sense)
                    reached = share(p, s)
                    if best is None or reached > best[0]:
                        best = reached, p, s
            if best is None or best[0] < 1.02 * most:
                break
            most, place[:], sign[:] = best

    def _name(self, known, place, sign):
        """Name all columns by the named rows, then all rows by those, until nothing changes."""
        rows = place, sign
        for _ in range(_NAMING):
            before, images = rows, known.columns(_placed(self._across, rows[0], rows[1] * self._weights[0]))
            columns = _named(images)
            images = known.rows(_placed(self._unitary, columns[0], columns[1] * self._weights[1]))
            rows = _named(images)
            if (rows[0] == before[0]).all():
                break
        if min(np.count_nonzero(named[0] >= 0) for named in (rows, columns)) < len(place) // 2:
            return None
        rows = _filled(rows, images)
        if (columns[0] < 0).any():
            columns = _filled(columns, known.columns(_placed(self._across, rows[0], rows[1] * self._weights[0])))
        return rows, columns


def _scales(target, basis, turned, rows, columns, right):
    """Diagonals with T = diag(left) V[rows][:, columns] diag(right), and what they leave."""
    n, backward = len(target), _transforms(basis, turned)[1]
    model = np.empty((n, n))
    for start in range(0, n, _SLAB):
        places = rows[start : start + _SLAB]
        unit = np.zeros((len(places), n))
        unit[np.arange(len(places)), places] = 1
        np.take(backward(unit, 1), columns, axis=1, out=model[start : start + _SLAB])
    return scales(model, target, right)


def _placed(matrix, place, weight):
    """Columns of a matrix where they belong, weighted; zeros where none is known to."""
    source, scale = np.zeros(len(place), int), np.zeros(len(place), matrix.dtype)
    known = place >= 0
    source[place[known]], scale[place[known]] = np.flatnonzero(known), weight[known]
    out = matrix.take(source, axis=1)
    out *= scale
    return out


def _named(images):
    """Place and sign of the largest entry of every row; -1 where another row has the better claim."""
    place = claimed(np.abs(images).T)
    return place, np.sign(images[np.arange(len(place)), place])


def _filled(named, images):
    """The places left over for those without one."""
    place, sign = named
    if (place < 0).any():
        place = completed(place, np.abs(images).T)
        sign = np.sign(images[np.arange(len(place)), place])
    return place, np.where(sign == 0, 1, sign)


def _found(basis, turned, rows, left, columns, right, share):
    """T = diag(left) U[rows][:, columns] diag(right) as operators."""
    from pyfly._operators import Diagonal, Permutation

    n = len(rows)
    place = np.arange(n)
    # sin k j = (-1)^j cos (n - 1 - k) j, in the indices of either type: an order that was there stays
    sines = {COSINE2: SINE2, COSINE4: SINE4}.get(basis)
    if sines and (rows == place[::-1]).all() and (basis.symmetric or not turned):
        basis, rows, right = sines, place, right * (1 - 2 * (columns % 2))
    elif sines and (columns == place[::-1]).all() and (basis.symmetric or turned):
        basis, columns, left = sines, place, left * (1 - 2 * (rows % 2))
    elif basis is HARTLEY and (columns == np.roll(place, n // 2)).all():
        columns, left = place, left * (1 - 2 * (rows % 2))
    factors, model = basis_factors(basis, turned, n)
    # U[rows][:, columns] = P U P': the diagonals move inside the permutations
    outer, inner = np.empty_like(left), np.empty_like(right)
    outer[rows], inner[columns] = left, right
    outer, inner = plain(outer, share), plain(inner, share)
    if np.ndim(outer):
        scaled = left_scaled(factors[0], outer)
        factors, model = (
            ((scaled, *factors[1:]), model) if scaled is not None else ((Diagonal(outer), *factors), "D " + model)
        )
    else:
        inner = inner * outer
    if np.ndim(inner):
        factors, model = (*factors, Diagonal(inner)), model + " D"
    else:
        factors = (factors[0]._scaled(inner), *factors[1:])
    perm = first_permutation(factors)
    if (rows != place).any():
        factors, model = (Permutation(rows), *factors), "P " + model
    if (columns != place).any():
        inverse = np.argsort(columns)
        factors, model, perm = (*factors, Permutation(inverse)), model + " P", inverse
    note = f"Rows and columns were matched with those of the {basis.name} basis."
    return Found(factors, model, perm, True, [], note)
