"""A Fourier matrix behind rows and columns in any order and scaled, in noise: T = D1 P F P' D2.

Balanced, all entries of T have one size, and the quotient of two rows is exp(-2 pi i k q / n) at the column of place q:
its angles tell the places of the columns up to a factor k, which an odd k leaves a Fourier matrix, and one of the two
rows their phases. Rows then follow from all columns and columns from all rows, until nothing changes,

    largest entry of the transform of row i, its columns in place  ->  place and phase of row i
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import scipy

from pyfly._learn._bases import FOURIER, turn
from pyfly._learn._factorization import square
from pyfly._learn._matching import arranged
from pyfly._learn._monomial import putting, remaining, unique
from pyfly._learn._scaling import phase, reliability, scales
from pyfly._scans import transposed

# Largest rows, whose quotients are tried; mean difference of sizes from one up to which all are the same but for noise.
_LARGE, _EQUAL = 6, 0.25
# Rounds to compare these, rounds in all, rows worked on at a time.
_FEW, _ROUNDS, _SLAB = 12, 30, 64
# Share of the sizes in the largest entries from which nothing better is to be expected; relative error of an answer.
_SURE, _FITS = 0.9, 0.5
# Round after which right places explain more than this share of the sizes (.65 under noise of a tenth with scales near
# zero), wrong ones .53 at most.
_JUDGED, _HOPEFUL = 2, 0.55
# Share of the size in the largest entry that the rows next to those of a quotient have.
_SOME = 0.5
# Power of the size that is the weight of a row.
_CLEAR = 4


def fourier(target, balanced):
    """Find T = D1 P F P' D2.

    Parameters
    ----------
    target : ndarray of complex128, shape (n, n)
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
    n, even = len(target), (target * (rows[:, None] * np.sqrt(len(target)))).astype(np.complex64)
    even *= columns.astype(np.float32)
    large, trust = np.argsort(rows, kind="stable")[:_LARGE], reliability(columns)
    if np.median(np.abs(np.abs(even[large]) - 1) @ trust) > _EQUAL * trust.sum():
        return None
    sides = (even, trust), (transposed(even), reliability(rows))
    best = (0.0, None)
    for one, other in combinations(large, 2):
        phases = phase(even[one])
        places = np.round(np.angle(phases * even[other].conj()) * (n / (2 * np.pi))).astype(int) % n
        best = max(best, _settled(sides, (places, phases), _FEW), key=lambda pair: pair[0])
        if best[0] > _SURE:
            break
    if best[0] < _HOPEFUL:
        return None
    columns_named = _settled(sides, best[1], _ROUNDS)[1]
    rows_named = _named(*sides[0], *columns_named)
    p = _once(*sides[0], *columns_named)
    q = _once(*sides[1], *rows_named[:2])
    model = turn(-(np.outer(p, q) % n) / n) / np.sqrt(n)
    left, right, rest = scales(model, target, phase(columns_named[1]) / columns)
    share = rest**2 / square(target)
    return arranged(FOURIER, False, p, left, q, right, share) if share < _FITS**2 else None


def _settled(sides, columns, rounds):
    """Improve places and phases of the columns: share of the sizes in the largest entries, and these."""
    share = 0.0
    for number in range(rounds):
        before, was = columns[0], share
        *rows, sizes = _named(*sides[0], *columns)
        if share == 0 and np.sort(sizes)[-3] < _SOME * sides[0][1].sum():
            # beside the two rows of the quotient no row follows from it
            break
        *columns, sizes = _named(*sides[1], *rows)
        share = float((sizes * sides[0][1]).sum() / (sides[0][1].sum() * sides[1][1].sum()))
        if (columns[0] == before).all() or (rounds > _FEW and share <= was):
            break
        if number == _JUDGED and share < _HOPEFUL:
            break
    return share, columns


def _images(matrix, trust, places, phases):
    """Transforms of the rows, their entries where they belong, some at a time; entries at one place are added."""
    put, weight = putting(places), trust * phases.conj()
    for start in range(0, len(matrix), _SLAB):
        yield scipy.fft.ifft(put(matrix[start : start + _SLAB] * weight), axis=1, norm="forward")


def _named(matrix, trust, places, phases):
    """Place, phase and size of the largest entry of every transformed row; of less weight are rows that are less so."""
    found = []
    for image in _images(matrix, trust, places, phases):
        place = np.abs(image).argmax(axis=1)
        found.append((place, image[np.arange(len(place)), place]))
    place, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sizes = np.abs(values)
    return place, phase(values) * (sizes / sizes.max()) ** _CLEAR, sizes


def _once(matrix, trust, places, phases):
    """Places of the rows, each taken once."""
    sizes = np.concatenate([np.abs(image) for image in _images(matrix, trust, places, phases)])
    place = sizes.argmax(axis=1)
    place = unique(place, sizes[np.arange(len(place)), place])
    without = np.flatnonzero(place < 0)
    if len(without):
        place[without] = remaining(place, sizes[without])
    return place
