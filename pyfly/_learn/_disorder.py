"""Convolutions whose rows or columns, or both, stand in any order.

circulant, scaled:  balanced, |C C^H|_ik depends on the distance of rows i and k alone: the rows at one distance form a
                    cycle, which is walked; the columns are then shifts of one column, found by phase correlation
in noise:           angles of singular vectors, see `_angles`, of the matrix or of its sizes
Toeplitz:           row k follows row i if T[k, 1:] and T[i, :-1] are parallel: the rows form a chain; with the columns
                    scaled as well, log |T[k, j'] / T[k, j]| differs by one number for all pairs that follow each other
both in any order:  equal entries stand on one diagonal, and their number tells which; in noise see `_windows`; with
                    scales, equal cross ratios mirror each other
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._alternating import scaled_convolutions
from pyfly._learn._angles import circular_orders, shifted_rows
from pyfly._learn._bases import turn
from pyfly._learn._convolution import build, convolution
from pyfly._learn._factorization import square
from pyfly._learn._found import behind, reordered
from pyfly._learn._monomial import probes
from pyfly._learn._scaling import in_order, reliability
from pyfly._learn._windows import toeplitz_orders

# Rows that the others are compared with in noise.
_REFERENCES = 6
# Cosine of the angle between rows from which they count as parallel.
_PARALLEL = 0.8
# Distances between rows of a circulant that are tried; every other one makes a cycle.
_DISTANCES = 12
# Rows and pairs of entries worked on at a time.
_SLAB, _PAIRS = 64, 1 << 16
# Mirrors to try, without one that pairs half of the rows (of a Toeplitz matrix six in ten do) and in all, and to use;
# how close two cross ratios are, in mean distances, that are the same.
_FIRST, _MIRRORS, _BEST, _NEAR = 8, 40, 6, 0.02
# Share of entries with an equal neighbour from which their equality says nothing; mirrors leave 1/2, two of them 3/4.
_CROWDED = 0.85
# Size up to which entries that differ by noise fall into classes.
_FEW = 64
# Distance of rows from their mean, relative, both sorted, up to which they are the same in noise of a tenth.
_SAME = 0.105
# Mean square of balanced sizes less their mean, which is of the order of 1, that is rounding alone.
_LEVEL = 1e-24
# Difference of logarithms of entries that are the same but for rounding.
_LOG = 1e-7


def disordered(target, balanced):
    """Find a convolution behind scaled rows and columns in any order.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 8.
    balanced : tuple of ndarray or None
        What `balance` gives for it.

    Yields
    ------
    Found
    """
    for find in (_shifted, _chained, _cycled, _diagonals, _windows, _mirrored, _turned, _by_sizes):
        for found in find(target, balanced) if find in (_cycled, _by_sizes) else find(target):
            if found is not None:
                yield found


def _ordered(target, rows, columns, left=None, right=None):
    """The convolution T[rows][:, columns] between permutations; diagonals in that order, refined, if they are given."""
    inner = reordered(target, rows, columns)
    return behind(convolution(inner) if left is None else build(inner, left, right), rows, columns)


# ---- rows that are shifts of one row -------------------------------------------------------------------------------


def _shifted(target):
    """Circulant and skew-circulant matrices with rows, or columns, in any order, up to phases."""
    for turned in (False, True):
        view = target.T if turned else target
        for phase in (0.0, 0.5):
            shifts = _shifts(view, phase)
            if shifts is None:
                continue
            order, signs = np.argsort(shifts[0]), shifts[1]
            if np.abs(signs - signs[0]).max() < 1e-6:
                found = _ordered(target, *((None, order) if turned else (order, None)))
            else:
                scales = (np.ones(len(order)), signs[order]) if turned else (signs[order], np.ones(len(order)))
                found = _ordered(target, *((None, order) if turned else (order, None)), *scales)
            yield found


def _shifts(view, phase):
    """Place and phase of every row: row i is the reference row shifted by place[i], times phase[i]."""
    n = len(view)
    spectrum = _spectrum(view[:1], phase)
    whiten = np.conj(spectrum) / np.maximum(np.abs(spectrum), 1e-300)
    trial = np.abs(_correlation(view[probes(n)], whiten, phase))
    if not (trial.max(axis=1) > 0.5).all():
        return None
    places, phases = np.empty(n, np.int64), np.empty(n, np.complex128)
    for start in range(0, n, _SLAB):
        part = _correlation(view[start : start + _SLAB], whiten, phase)
        place = np.abs(part).argmax(axis=1)
        places[start : start + _SLAB] = place
        phases[start : start + _SLAB] = part[np.arange(len(part)), place]
    if len(np.unique(places)) < n:
        return None
    return places, phases / np.abs(phases) if np.iscomplexobj(view) else np.where(phases.real < 0, -1.0, 1.0)


def _spectrum(rows, phase):
    return scipy.fft.fft(rows * turn(-phase * np.arange(rows.shape[1]) / rows.shape[1]), axis=1)


def _correlation(rows, whiten, phase):
    """Correlation of whitened rows with the reference: one at the shift between them, small elsewhere."""
    n = rows.shape[1]
    spectrum = _spectrum(rows, phase) * whiten
    size = np.abs(spectrum)
    spectrum /= np.where(size > 0, size, 1)
    return scipy.fft.ifft(spectrum, axis=1) * turn(phase * np.arange(n) / n)


# ---- rows at one distance form a cycle -----------------------------------------------------------------------------


def _cycled(target, balanced):
    """Circulant and skew-circulant matrices with rows and columns scaled and in any order."""
    if balanced is None:
        return
    rows, columns = balanced
    even = target * rows[:, None]
    even *= columns
    # a circulant has the same values in every row
    some = probes(len(target))
    level = np.sort(np.abs(even[some] @ even.conj().T), axis=1)[:, :-1]
    if np.abs(level - level[0]).max() > 0.1 * level.max():
        return
    gram = even @ (even.conj() if np.iscomplexobj(even) else even).T
    sizes = np.abs(gram)
    walks = []
    for value in _apart(level[0]):
        order = _walk(sizes, value)
        if order is not None:
            walks.append((order, gram[order, np.roll(order, -1)]))
    # memory for what follows
    del gram, sizes
    for order, steps in walks:
        yield _columns_of(target, even, order, steps, rows, columns)


def _apart(level):
    """Values that stand there twice and that no other comes near, best first."""
    padded = np.r_[2 * level[0] - level[-1], level, 2 * level[-1] - level[0]]
    gaps = np.diff(padded)
    room = np.minimum(gaps[:-2], gaps[2:]) - 3 * gaps[1:-1]
    best = np.argsort(-room, kind="stable")[:_DISTANCES]
    return ((level[:-1] + level[1:]) / 2)[best]


def _walk(sizes, value):
    """Follow rows at one distance through all rows; None if they close too soon."""
    n = len(sizes)
    order, seen = [0], np.zeros(n, bool)
    seen[0] = True
    while len(order) < n:
        near = np.argpartition(np.abs(sizes[order[-1]] - value), 2)[:2]
        following = near[~seen[near]]
        if not len(following):
            return None
        order.append(int(following[0]))
        seen[order[-1]] = True
    return np.array(order)


def _columns_of(target, even, order, steps, rows, columns):
    """With the rows in order, their phases from one to the next, then the places and phases of the columns."""
    n = len(order)
    steps = steps / np.abs(steps)
    if np.iscomplexobj(target):
        # a common phase of the steps is a geometric diagonal: such that the cycle closes
        steps = steps * np.exp(-1j * np.angle(np.prod(steps)) / n)
    phases = np.cumprod(np.r_[1, steps[:-1]]).conj()
    arranged = even[order] / phases[:, None]
    for phase in (0.0, 0.5):
        shifts = _shifts(arranged.T, phase)
        if shifts is not None:
            places = np.argsort(shifts[0])
            right = (shifts[1] / columns)[places]
            del arranged
            return _ordered(target, order, places, phases / rows[order], right)
    return None


def _turned(target):
    """The same in noise, where distances do not tell rows apart."""
    if _alike(target) and _alike(target.T):
        for phase, ((rows, left), (columns, right)) in circular_orders(target, (0.0, 0.5)):
            yield _ordered(target, rows, columns, *((left, right) if phase else ()))


def _alike(matrix):
    """Whether the rows have the same sizes but for their order: noise changes them no more, sorted, than unsorted."""
    sizes = np.abs(matrix)
    sizes.sort(axis=1)
    whole = square(sizes)
    sizes -= sizes.mean(axis=0)
    return square(sizes) <= _SAME**2 * whole


def _by_sizes(target, balanced):
    """Scaled circulant and skew-circulant matrices in noise: their balanced sizes are circulant."""
    if balanced is None:
        return
    sizes = np.square(np.abs(target))
    for part, scale in zip((sizes, sizes.T), balanced, strict=True):
        part *= np.square(scale)[:, None]
    # squares of mean one: what is large tells little more
    sizes /= sizes + 1 / len(sizes)
    sizes -= sizes.mean()
    if square(sizes) < _LEVEL * sizes.size:
        return
    rows, columns = balanced
    for turned, view, ours, theirs in ((False, sizes, rows, columns), (True, sizes.T, columns, rows)):
        order = shifted_rows(view * np.sqrt(reliability(theirs)), np.argsort(ours, kind="stable")[:_REFERENCES])
        if order is not None:
            orders = (None, order) if turned else (order, None)
            yield from _scaled(target, *orders, balanced)
    for _, ((rows, _), (columns, _)) in circular_orders(sizes):
        yield from _scaled(target, rows, columns, balanced)


def _scaled(target, rows, columns, balanced):
    """Scaled convolutions T[rows][:, columns] between permutations."""
    for found in scaled_convolutions(reordered(target, rows, columns), lambda: in_order(balanced, rows, columns)):
        yield behind(found, rows, columns)


# ---- rows that follow each other -----------------------------------------------------------------------------------


def _chained(target):
    """Toeplitz matrices with the rows, or the columns, in any order, scaled."""
    for turned in (False, True):
        view = target.T if turned else target
        for follow in (_followers, _followers_scaled):
            order = follow(view)
            if order is not None:
                yield _ordered(target, *((None, order) if turned else (order, None)))


def _followers(view):
    """Order of the rows, each the one before shifted by one column and scaled."""
    n = len(view)
    size = np.sqrt(np.vecdot(view, view).real)
    if not size.all():
        return None
    unit = view / size[:, None]
    some = probes(n)
    trial = np.abs(unit[some, :-1] @ unit[:, 1:].conj().T)
    if np.median(trial.max(axis=1)) < _PARALLEL:
        return None
    here = np.sqrt(np.maximum(1 - np.abs(unit[:, -1]) ** 2, 1e-3))
    there = np.sqrt(np.maximum(1 - np.abs(unit[:, 0]) ** 2, 1e-3))
    after = unit[:, 1:].conj() if np.iscomplexobj(unit) else unit[:, 1:]
    closeness = np.abs(unit[:, :-1] @ after.T)
    closeness /= here[:, None]
    closeness /= there
    return _chain(closeness)


def _chain(closeness):
    """Order in which every row is followed by the closest one."""
    n = len(closeness)
    following, sure = closeness.argmax(axis=1), closeness.max(axis=1)
    last = int(sure.argmin())
    first = np.setdiff1d(np.arange(n), np.delete(following, last))
    if len(first) != 1:
        return None
    order = [int(first[0])]
    while order[-1] != last and len(order) < n:
        order.append(int(following[order[-1]]))
    order = np.array(order)
    return order if len(np.unique(order)) == n else None


def _followers_scaled(view):
    """Order of the rows of a Toeplitz matrix whose rows and columns are scaled; exact data only."""
    n = len(view)
    sizes = np.abs(view)
    if not sizes.all():
        return None
    pairs = [(0, n // 2), (1, n // 2 + 1), (n // 4, 3 * n // 4 - 1)]
    here = np.log(np.stack([sizes[:, k] / sizes[:, j] for j, k in pairs]))
    there = np.log(np.stack([sizes[:, k + 1] / sizes[:, j + 1] for j, k in pairs]))
    ranked = np.sort(there[0])
    some = np.unique(np.r_[probes(n), probes(n) // 2])
    for row in (n // 2, n // 3):
        # row and follower differ by what all others do: one of n numbers explains nearly all rows
        shifts = there[0] - here[0, row]
        wanted = here[0, some] + shifts[:, None]
        at = np.clip(np.searchsorted(ranked, wanted), 1, n - 1)
        off = np.minimum(np.abs(wanted - ranked[at - 1]), np.abs(ranked[at] - wanted))
        close = np.count_nonzero(off < _LOG, axis=1)
        candidate = int(close.argmax())
        if close[candidate] >= len(some) - 1:
            shift = there[:, candidate] - here[:, row]
            distance = np.zeros((n, n))
            for x, y, step in zip(here, there, shift, strict=True):
                np.maximum(distance, np.abs(y - (x + step)[:, None]), out=distance)
            return _chain(-distance)
    return None


# ---- entries that are equal ----------------------------------------------------------------------------------------


def _diagonals(target):
    """Toeplitz matrices with rows and columns in any order, by counting equal entries, or nearly equal ones."""
    for entries in (target, _classes(target)) if len(target) <= _FEW else (target,):
        orders = _counted(entries)
        if orders is not None:
            yield _ordered(target, *orders)
            return


def _classes(target):
    """Numbers of the 2n - 1 classes that the entries, or their real parts, fall into at the largest gaps."""
    n, values = len(target), target.real.ravel()
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order])
    first = np.zeros(n * n)
    first[1 + np.argpartition(gaps, 2 - 2 * n)[2 - 2 * n :]] = 1
    classes = np.empty(n * n)
    classes[order] = np.cumsum(first)
    return classes.reshape(n, n)


def _counted(target):
    """Orders of the rows and columns of a Toeplitz matrix by counting equal entries, or None."""
    n = len(target)
    row = np.sort_complex(target[0]) if np.iscomplexobj(target) else np.sort(target[0])
    column = target[:, 0]
    # the first row and the first column of a Toeplitz matrix share one entry with most other rows
    if not np.isin(row, target[1:]).mean() > 0.4 or not np.isin(column, target[:, 1:]).mean() > 0.4:
        return None
    entries = np.sort(target, axis=None)
    ends = np.r_[np.flatnonzero(entries[1:] != entries[:-1]), n * n - 1]
    counts = np.diff(ends, prepend=-1)
    main, beside = entries[ends[counts == n]], entries[ends[counts == n - 1]]
    del entries
    if len(main) != 1 or len(beside) != 2:
        return None
    column_of = np.empty(n, int)
    rows, columns = np.nonzero(target == main[0])
    column_of[rows] = columns
    row_of = np.argsort(column_of)
    rows, columns = np.nonzero(target == beside[0])
    # the row above the entry's row is the one whose diagonal entry stands in its column
    following = np.full(n, -1)
    following[row_of[columns]] = rows
    first = np.setdiff1d(np.arange(n), rows)
    if len(np.unique(rows)) != n - 1 or len(first) != 1 or len(np.unique(column_of)) != n:
        return None
    order = [int(first[0])]
    while following[order[-1]] >= 0 and len(order) < n:
        order.append(int(following[order[-1]]))
    order = np.array(order)
    return (order, column_of[order]) if len(np.unique(order)) == n else None


def _windows(target):
    """The same in noise."""
    orders = toeplitz_orders(target)
    if orders is not None:
        yield _ordered(target, *orders)


# ---- cross ratios that are equal -----------------------------------------------------------------------------------


def _mirrored(target):
    """Toeplitz matrices with rows and columns scaled and in any order.

    Cross ratios T_ij T_kl / (T_il T_kj) know nothing of the scales. Around an entry (k, l) they are symmetric: row
    k + x is paired with column l - x. In every such mirror the place of a row plus that of its column is k + l; some of
    them together tell all places.
    """
    n, mirrors = len(target), []
    if not target.all() or not _symmetric(target):
        return
    for number, (row, column) in enumerate(np.random.default_rng(n).integers(n, size=(_MIRRORS, 2))):
        if number == _FIRST and not mirrors:
            return
        partners = _partners(target, row, column)
        if 2 * np.count_nonzero(partners >= 0) > n:
            mirrors.append(partners)
            # those near the middle pair most, and are least often mistaken
            mirrors.sort(key=lambda partners: -np.count_nonzero(partners >= 0))
            del mirrors[_BEST:]
            if len(mirrors) > 1 and (mirrors[1] >= 0).all():
                # one alone pairs all rows, that through the middle
                return
            places = _places(np.array(mirrors)) if len(mirrors) > 1 else None
            if places is not None:
                yield _ordered(target, *places)
                return


def _symmetric(target):
    """Whether some rows and some columns share more cross ratios, around some entry, than without structure."""
    n, random = len(target), np.random.default_rng(len(target))
    # the mirrors themselves take no time where n is small; around an entry near a corner few cross ratios are equal
    return n < 128 or any(_symmetric_around(target, random.permutation(n)) for _ in range(4))


def _symmetric_around(target, places):
    """Of the entry (k, k), k the first place."""
    here = places[:1]
    some, others = np.split(places[1:], [int(4 * np.sqrt(len(places)))])
    rows = _ratios(target[np.r_[here, some]][:, np.r_[here, some, others]], 0, 0)[1:, 1:]
    # no entry twice: it is equal to itself
    columns = _ratios(target.T[np.r_[here, some]][:, np.r_[here, others]], 0, 0)[1:, 1:]
    keys = np.sort(np.log(np.abs(np.concatenate([rows.ravel(), columns.ravel()]))))
    gaps, mean = np.diff(keys), _spacing(keys)
    # without structure four times as many are within four times the distance
    close, wide = np.count_nonzero(gaps < 0.02 * mean), np.count_nonzero(gaps < 0.08 * mean)
    return (4 * close - wide) / 3 > max(len(keys) / 400, 2 * np.sqrt(16 * close + wide))


def _ratios(target, row, column):
    """T_ij T_kl / (T_il T_kj) for one entry (k, l)."""
    ratios = target * target[row, column]
    ratios /= target[row].copy()
    ratios /= target[:, column, None].copy()
    return ratios


def _partners(target, row, column):
    """Column that stands with each row in the mirror through an entry, -1 for none."""
    n = len(target)
    keys = np.abs(_ratios(target, row, column))
    np.log(keys, out=keys)
    keys[row] = keys[:, column] = np.inf
    order = np.argsort(keys, axis=None)[: (n - 1) ** 2]
    keys = keys.ravel()[order]
    near = np.flatnonzero(np.diff(keys) < _NEAR * _spacing(keys))
    if len(near) > _CROWDED * len(keys):
        return np.full(n, -1)
    del keys
    # anew: beside the keys and their order they would be one array too many
    ratios, votes = _ratios(target, row, column).ravel(), [np.empty(0, np.int32)]
    for start in range(0, len(near), _PAIRS):
        some = near[start : start + _PAIRS]
        one, other = order[some], order[some + 1]
        same = np.abs(ratios[one] - ratios[other]) < 0.3 * np.abs(ratios[one])
        one, other = one[same], other[same]
        # T_ij and T_km: row i with column m, row k with column j
        apart = (one // n - other // n) * n
        votes += [(other + apart).astype(np.int32), (one - apart).astype(np.int32)]
    del ratios, near, order
    votes = np.bincount(np.concatenate(votes), minlength=n * n).reshape(n, n)
    partners, sure = votes.argmax(axis=1), votes.max(axis=1)
    partners[sure <= max(0.4 * sure.max(), n / 8)] = -1
    # two rows with one column: neither is sure
    twice = np.flatnonzero(np.bincount(partners + 1, minlength=n + 1) > 1) - 1
    partners[np.isin(partners, twice)] = -1
    partners[row] = column
    return partners


def _spacing(keys):
    """Mean difference of sorted numbers, the outermost left out."""
    some = keys[len(keys) // 10 : -(len(keys) // 10) or None]
    return (some[-1] - some[0]) / len(some)


def _places(mirrors):
    """Orders of the rows and columns from their partners in several mirrors, None if these do not tell or disagree."""
    count, n = mirrors.shape
    # places as sums of the unknown k + l of the mirrors
    sums, known = np.zeros((2, n, count), int), np.zeros((2, n), bool)
    known[0, np.flatnonzero((mirrors >= 0).all(axis=0))[:1]] = True
    edges = [(r, np.flatnonzero(partners >= 0), partners[partners >= 0]) for r, partners in enumerate(mirrors)]
    before = 0
    while before < known.sum():
        before = known.sum()
        for r, *ends in edges:
            for here, there in ((0, 1), (1, 0)):
                new = known[here, ends[here]] & ~known[there, ends[there]]
                sums[there, ends[there][new]] = np.eye(count, dtype=int)[r] - sums[here, ends[here][new]]
                known[there, ends[there][new]] = True
    if not known.all():
        return None
    unit = np.eye(count, dtype=int)
    rest = np.concatenate([sums[0, rows] + sums[1, columns] - unit[r] for r, rows, columns in edges])[:, 1:]
    # the sums hold for the true k + l, the first of them taken as 0, and their multiples alone
    values, vectors = np.linalg.eigh(rest.T @ rest)
    if values[0] > 1e-9 * len(rest) or (count > 2 and values[1] < 1e-3 * len(rest)):
        return None
    places = sums[:, :, 1:] @ vectors[:, 0]
    places = (places - places.min(axis=1, keepdims=True)) * ((n - 1) / np.ptp(places, axis=1, keepdims=True))
    whole = np.round(places).astype(int)
    if np.abs(places - whole).max() > 1e-3 or any(len(np.unique(p)) < n for p in whole):
        return None
    return np.argsort(whole[0]), np.argsort(whole[1])
