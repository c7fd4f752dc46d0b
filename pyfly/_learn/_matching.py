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
    first_permutation,
    plain,
    probes,
    remaining,
    rows_scaled,
    unique,
)
from pyfly._learn._scaling import reliability, scales, unitary
from pyfly._scans import transposed, walk

# Bases, transposed or not, and the share of their rows on one path. Sines are cosines in another order.
_VIEWS = ((COSINE2, True, 1), (COSINE4, False, 1), (HARTLEY, False, 4))
# Distance from a unitary matrix up to which one is looked for, small rows and columns being lost in noise.
_NOISY = 0.8
# The most that noise may take off all rows together, of the energy of one, for paths to be whole.
_CLEAR = 0.1
# Rows looked at and tried as the start of a walk, and the difference of two numbers that are not the same.
_CANDIDATES, _STARTS, _SAME = 32, 6, 1e-4
# Columns of which A is made, at most.
_ENOUGH = 1024
# Entry of A that is a step, and the least number of steps that are not by chance.
_STEP, _STEPS = 0.3, 3
# Columns to compare rows on; correlation of rows that are the same but for noise.
_SOME, _CLOSE = 64, 0.9
# Large rows looked at; mean difference of sizes up to which they are all the same but for noise.
_LARGE, _EQUAL = 6, 0.25
# Variance of the squares of a row that moves no other; the most in half of the rows (cosines: .5, .8 under noise of a
# tenth with scales near zero; normal numbers: 2).
_FLAT, _PEAKED = 0.1, 1.5
# Rows that may begin another path.
_BRANCHES = 3
# Rows worked on at a time.
_SLAB = 64
# Rounds of naming columns by rows and rows by columns. Right names soon explain .87 or more, under noise of a tenth,
# wrong ones .8 at most: a round must gain, unless it explains so much, the first (.53 at least), second or a later one.
_NAMING, _GAIN, _BEGUN, _PROMISING, _RIGHT = 30, 0.15, 0.4, 0.55, 0.83
# Size up to which wrong names cost little: by chance they may be the best compressed form (Legendre, n = 64).
_SMALL = 256
# Parts of a path and numbers of paths that are tried while more than this relative error is left.
_PARTS, _ATTEMPTS, _GOOD = (1, 0.5, 0.25), 3, 0.15
# Relative error below which the answer is not by chance, and below which there is none better.
_FITS, _EXACT = 0.5, 1e-7


def matched(target, balanced):
    """Find T = D1 P U P' D2 with a real basis U: Walsh-Hadamard, cosines, sines, Hartley.

    Parameters
    ----------
    target : ndarray of float64, shape (n, n)
        n a power of two, at least 8.
    balanced : tuple of ndarray or None
        What `balance` gives for it.

    Returns
    -------
    Found or None
    """
    if balanced is None:
        return None
    rows, columns = balanced
    even, noise = unitary(target, rows, columns)
    if not noise < _NOISY:
        return None
    # signs alone, in large rows and columns: small ones are noise, and every basis has some rows of this kind
    some, weight = np.argsort(rows, kind="stable")[:_LARGE], reliability(columns)
    uneven = np.abs(np.abs(even[some]) * np.sqrt(len(target)) - 1) @ weight / weight.sum()
    best = _dyadic(target, rows, columns, even) if np.sort(uneven)[-2] < _EQUAL else (_FITS, None)
    if best[0] >= _GOOD:
        # its square times n is what noise takes off all rows: none is lost
        clear = len(target) * noise**2 < _CLEAR
        best = min(best, _cosines(target, rows, columns, even, clear), key=lambda pair: pair[0])
    return best[1]


def _cosines(target, rows, columns, unitary, clear):
    """Find a basis with rows on paths, whole ones if it is clear: what it leaves, relative, and the product or None."""
    norm = np.sqrt(square(target))
    across = transposed(unitary)
    best = (_FITS, None)
    for flipped, side, basis, turned, part, first in _ways(unitary, across, rows, columns):
        if not first and (clear or best[0] < _GOOD):
            break
        places = side.guess(basis, turned, part)
        if places is None:
            continue
        if flipped:
            turned, places = not (turned or basis.symmetric), places[::-1]
        (p, _), (q, signs) = places
        left, right, rest = _scales(target, basis, turned, p, q, signs / columns)
        if rest / norm < best[0]:
            best = rest / norm, arranged(basis, turned, p, left, q, right, (rest / norm) ** 2)
        if best[0] < _EXACT:
            break
    return best


def _dyadic(target, rows, columns, unitary):
    """Find T = D1 P H P' D2 with the Walsh-Hadamard matrix H: what it leaves, relative, and the product or None.

    Free of signs its entries are (-1)^(a b): some rows are the digits of b, and all others products of these.
    """
    n = len(unitary)
    order, weight = np.argsort(rows, kind="stable"), reliability(columns)
    signs = np.sign(unitary[order] * np.sign(unitary[order[0]]))
    products, place = np.ones((1, n), np.float32), np.zeros(n, int)
    for row in signs:
        # large rows come first; one that is no product of those before is the next digit
        if (np.abs(products @ (row * weight)) < 0.5 * weight.sum()).all():
            place += len(products) * (row < 0)
            products = np.concatenate([products, products * row])
        if len(products) == n:
            break
    if len(products) < n:
        return _FITS, None
    sides = _Naming(unitary, transposed(unitary), rows, columns)
    named = sides.by_columns(_Basis(HADAMARD, False, n), place, np.sign(unitary[order[0]]))
    if named is None:
        return _FITS, None
    norm = np.sqrt(square(target))
    (place, _), (where, signs) = named
    left, right, rest = _scales(target, HADAMARD, False, place, where, signs / columns)
    if not rest < _FITS * norm:
        return _FITS, None
    return rest / norm, arranged(HADAMARD, False, place, left, where, right, (rest / norm) ** 2)


class _Basis:
    """U or its transpose V: in single precision, as transforms of rows, and a path through its rows."""

    def __init__(self, basis, turned, n):
        self.basis, self.turned = basis, turned
        self._forward, self._backward = _transforms(basis, turned)
        self.matrix = self._backward(np.eye(n, dtype=np.float32), 1)
        self.steps = [np.empty_like(self.matrix)]

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
        n, (step,) = len(self.matrix), self.steps
        weight = n * self.matrix[start] ** 2 - 1
        for first in range(0, n, _SLAB):
            rows = slice(first, first + _SLAB)
            step[rows] = self._forward(self.matrix[rows] * weight, 1)
        self.free = np.ones(n, np.float32)
        self.path = walk(self.steps, start, self.free, _STEP)

    def columns(self, x):
        """x V, for rows x."""
        return self._backward(x, 1)

    def rows(self, x):
        """x V^T, for rows x."""
        return self._forward(x, 1)


def _ways(unitary, across, rows, columns):
    """Whether it is the transpose, the side, the bases, the part of its path, and whether this is the first attempt.

    Paths as long as that of Q come first. In noise they may leave the right way: beginnings and others are tried too.
    """
    n = len(unitary)
    flatness = _flatness(unitary)
    if min(np.median(of_rows) for of_rows in flatness) > _PEAKED:
        return
    # rows that move no other break paths: of the two sides the one with fewer of them
    ways = sorted((False, True), key=lambda flipped: np.count_nonzero(flatness[flipped] < _FLAT))
    for attempt in range(_ATTEMPTS if n <= _SMALL else 2):
        sides = {}
        for part, exact, flipped in product(_PARTS, (True, False), ways):
            if flipped not in sides:
                views = (across, unitary, columns, rows) if flipped else (unitary, across, rows, columns)
                sides[flipped] = _Side(*views, flatness[flipped], attempt)
            count = len(sides[flipped].path[0])
            for basis, turned, parts in _VIEWS if part * count > min(_STEPS, n // 8) else ():
                if (parts * count == n) == exact:
                    yield flipped, sides[flipped], basis, turned, part, part == 1 and attempt == 0


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


class _Naming:
    """The rows and columns of a balanced matrix, named by those of a basis V."""

    def __init__(self, unitary, across, rows, columns):
        self._unitary, self._across = unitary, across
        self._weights = [reliability(rows), reliability(columns)]

    def by_columns(self, known, place, sign):
        """The same when the columns are named first, some of them wrongly, or two by one name."""
        return self.by_rows(known, *self._rows(known, place, sign)[:2])

    def by_rows(self, known, place, sign):
        """Name all columns by the named rows, then all rows by those, until nothing changes."""
        rows, share = (place, sign), 0.0
        whole = float(np.einsum("ij,ij,j", self._unitary, self._unitary, self._weights[1]))
        for number in range(_NAMING):
            before, was = rows, share
            columns = self._columns(known, *rows)[:2]
            *rows, sizes = self._rows(known, *columns)
            share = float(sizes.sum()) / whole
            if (rows[0] == before[0]).all():
                break
            least = min(_RIGHT if number > 1 else _PROMISING, was + _GAIN) if number else _BEGUN
            if len(place) > _SMALL and share < least:
                return None
        if min(np.count_nonzero(named[0] >= 0) for named in (rows, columns)) < len(place) // 2:
            return None
        rows = _filled(rows, known.rows, self._unitary, columns, self._weights[1])
        return rows, _filled(columns, known.columns, self._across, rows, self._weights[0])

    def _rows(self, known, place, sign):
        """Places, signs and sizes of the rows by named columns."""
        return _named(known.rows, self._unitary, place, sign * self._weights[1])

    def _columns(self, known, place, sign):
        return _named(known.columns, self._across, place, sign * self._weights[0])


class _Side(_Naming):
    """The rows of a balanced matrix and their paths.

    Attributes
    ----------
    path : tuple
        Rows along the longest path met, and their signs.
    """

    def __init__(self, unitary, across, rows, columns, flatness, attempt=0):
        super().__init__(unitary, across, rows, columns)
        self._flatness = flatness
        self.path = (np.empty(0, int), np.empty(0))
        n = len(unitary)
        uneven = np.flatnonzero(flatness > _FLAT)
        uneven = uneven[np.argsort(rows[uneven], kind="stable")[:_CANDIDATES]]
        # a row with many different sizes is the start of a long path
        starts = sorted(uneven, key=lambda row: -_kinds(unitary[row]))[attempt::_ATTEMPTS][:_STARTS]
        large = np.argsort(rows, kind="stable")[:_LARGE]
        for start in starts:
            weight = n * unitary[start] ** 2 - 1
            some = (unitary[large] * weight) @ across
            some[np.arange(len(large)), large] = 0
            if np.median(np.abs(some).max(axis=1)) < _STEP:
                break
            # all columns alike, as is right where there is no noise, or those most that can be trusted
            for trust in (1, self._weights[1] / self._weights[1].mean()):
                steps = [self._moved(weight * trust)]
                path = walk(steps, int(start), np.ones(n, np.float32), _STEP)
                if 4 * len(path[0]) < n:
                    # over a row lost in noise: cos 4a = 2 cos^2 2a - 1
                    steps.append(self._moved((2 * weight**2 - 1) * trust))
                    path = walk(steps, int(start), np.ones(n, np.float32), _STEP)
                if len(path[0]) > len(self.path[0]):
                    self.path, self._steps = path, steps
                if 4 * len(self.path[0]) >= n:
                    return

    def _moved(self, weight):
        """Q diag(weight) Q^T; as many columns of Q as make the chance entries small."""
        n = len(weight)
        if n <= _ENOUGH:
            return (self._unitary * weight) @ self._across
        some = np.sort(np.random.default_rng(n).choice(n, _ENOUGH, replace=False))
        part = self._across[some]
        return transposed(part * (weight[some, None] * np.float32(n / _ENOUGH))) @ part

    def guess(self, basis, turned, part):
        """Places and signs of rows and columns in V, from a part of the path; None where the path of V is another."""
        known, first = _Basis(basis, turned, len(self._unitary)), self.path[0][0]
        # an order that was there stays: that of the columns, in which the same row stands, or that of the rows
        for start in (*known.like(self._unitary[first], first), first, 1):
            known.walk(start)
            if len(known.path[0]) >= len(self.path[0]):
                break
        ends = [
            steps[0][path[0][-1], path[0][-1]] for steps, path in ((self._steps, self.path), (known.steps, known.path))
        ]
        if part == 1 and len(known.path[0]) == len(self.path[0]) and ends[0] * ends[1] < -(_STEP**2):
            return None
        n = len(self._unitary)
        place, sign, count = np.full(n, -1), np.zeros(n), int(part * len(self.path[0]))
        _assign(place, sign, self.path[0][:count], self.path[1][:count], *known.path)
        if part == 1 and known.free.any() and 8 * count >= n:
            self._branch(known, place, sign)
        known.steps = None
        return self.by_rows(known, place, sign)

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


def _named(transform, matrix, place, weight):
    """Place, sign and size of the largest entry of every row of a matrix, its columns put in place, transformed.

    The place is -1 where another row has the better claim.
    """
    n = len(matrix)
    where, values = np.empty(n, np.int64), np.empty(n, matrix.dtype)
    for start in range(0, n, _SLAB):
        part = transform(_placed(matrix[start : start + _SLAB], place, weight))
        largest = np.abs(part).argmax(axis=1)
        where[start : start + _SLAB], values[start : start + _SLAB] = largest, part[np.arange(len(part)), largest]
    sizes = np.abs(values)
    return unique(where, sizes), np.sign(values), sizes


def _filled(named, transform, matrix, others, weight):
    """The places left over for those without one, the largest entries in all."""
    place, sign = named
    without = np.flatnonzero(place < 0)
    if len(without):
        part = transform(_placed(matrix[without], others[0], others[1] * weight))
        place, sign = place.copy(), sign.copy()
        place[without] = remaining(place, np.abs(part))
        sign[without] = np.sign(part[np.arange(len(part)), place[without]])
    return place, np.where(sign == 0, 1, sign)


def arranged(basis, turned, rows, left, columns, right, share):
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
        factors, model = rows_scaled(factors, model, outer)
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
