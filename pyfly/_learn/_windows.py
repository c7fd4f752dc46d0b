"""Toeplitz matrices with rows and columns in any order, in noise: rows at distance d share n - d entries.

rows     ->  how many entries are of each size: a random walk along the true order, from one row to the next one entry
             for another; the Fiedler vector of the rows that are close puts them roughly in order, columns likewise
         ->  means t of the diagonals  ->  places of the rows, then of the columns, closest to t, until nothing changes

Roughly ordered rows blur t; what is left at low frequencies places them better, which sharpens t.
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._convolution import diagonal_sums
from pyfly._learn._factorization import square
from pyfly._learn._monomial import remaining, unique

# Sizes that entries are sorted into, cosines of their numbers, and how much the leading component of the rows must
# exceed that of random rows.
_BINS, _COSINES, _BEYOND = 64, 16, 1.3
# At sizes that take no time: numbers of cosines, and parts of the rows that are neighbours, to begin with.
_SMALL, _STARTS = 128, [(16, 16), (16, 4), (8, 16), (8, 4), (32, 16), (32, 4), (4, 8)]
# Rows of which this is asked, where there are more.
_SOME = 128
# Energy in the means of the first orders, over that in random orders, below which nothing follows.
_CHANCE = 1.3
# Rounds of placing, the gain from which another follows, and the share of the energy in the means that fits.
_ROUNDS, _GAIN, _FITS = 20, 1.04, 0.8
# Part of the rows without a place of their own from which t is smooth: many orders are about as good.
_CROWDED = 0.7
# Rows worked on at a time.
_SLAB = 64


def toeplitz_orders(target):
    """Orders of rows and columns in which a matrix is about Toeplitz, or None.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)

    Returns
    -------
    tuple of ndarray or None
        Gather indices of rows and columns.
    """
    views, step = (target, target.T), len(target) // _SOME
    if step > 1 and not all(_walks(_kinds(view[::step])) for view in views):
        return None
    for cosines, part in _STARTS if len(target) <= _SMALL else _STARTS[:1]:
        rows, columns = (_fiedler(_kinds(view, cosines), part) for view in views)
        for way in (columns, columns[::-1]):
            share, orders = _settled(target, rows, way)
            if share > _FITS:
                return orders
    return None


def _kinds(matrix, cosines=_COSINES):
    """How many entries of every row are of which size, as cosine coefficients, less their mean."""
    n, parts = len(matrix), [matrix.real, matrix.imag] if np.iscomplexobj(matrix) else [matrix]
    waves = np.cos(np.pi * np.outer(np.arange(_BINS) + 0.5, np.arange(1, cosines + 1)) / _BINS)
    kinds = []
    for part in parts:
        ends = np.quantile(part[:: max(1, n // 64)], np.arange(1, _BINS) / _BINS)
        size = np.searchsorted(ends, part) + _BINS * np.arange(n)[:, None]
        kinds.append(np.bincount(size.ravel(), minlength=_BINS * n).reshape(n, _BINS) @ waves)
    kinds = np.concatenate(kinds, axis=1)
    return kinds - kinds.mean(axis=0)


def _walks(kinds):
    """Whether one direction holds more than of random rows."""
    n, count = kinds.shape
    values = np.linalg.eigvalsh(kinds.T @ kinds)
    return values[-1] * min(count, n) > _BEYOND * (1 + np.sqrt(count / n)) ** 2 * values.sum()


def _fiedler(kinds, part):
    """Order of the rows by the Fiedler vector of their neighbourhoods, each a part of them."""
    n, sizes = len(kinds), np.vecdot(kinds, kinds)
    apart = sizes[:, None] + sizes - 2 * kinds @ kinds.T
    np.fill_diagonal(apart, np.inf)
    some = max(1, n // part - 1)
    near = np.partition(apart, some, axis=1)
    closest, reach = np.median(near.min(axis=1)), np.median(near[:, some])
    weights = np.exp(np.minimum((closest - apart) / max(reach - closest, 1e-300), 1))
    degree = 1 / np.sqrt(np.maximum(weights.sum(axis=1), 1e-300))
    weights *= degree[:, None]
    weights *= degree
    vector = scipy.linalg.eigh(weights, subset_by_index=(n - 2, n - 2))[1][:, 0]
    return np.argsort(vector * degree, kind="stable")


def _settled(target, rows, columns):
    """Improve orders of rows and columns until they stay: the share of the energy in the means, and the orders."""
    # a constant has any order
    n, mean, best = len(target), target.mean(), 0.0
    whole = max(square(target) - n * n * abs(mean) ** 2, 1e-300)
    for _ in range(_ROUNDS):
        matrix = target[np.ix_(rows, columns)]
        matrix -= mean
        share, t = _means(matrix, whole)
        if share < max((_GAIN if best < _FITS else 1) * best, _CHANCE * 2 / n) or share == best:
            break
        best, orders = share, (rows, columns)
        way = _order(matrix, t)
        if way is None:
            break
        rows = rows[way]
        matrix = target[np.ix_(rows, columns)]
        matrix -= mean
        way = _order(matrix.T, _means(matrix, whole)[1][::-1])
        if way is None:
            break
        columns = columns[way]
    return (best, orders) if best else (0.0, None)


def _means(matrix, whole):
    """Share of the energy in the means of the diagonals, and these less what they would be in random orders."""
    n = len(matrix)
    sums, count = diagonal_sums(matrix), n - np.abs(np.arange(1 - n, n))
    share = float((np.square(np.abs(sums)) / count).sum()) / whole
    spectrum = scipy.fft.fft(sums)
    spectrum *= np.maximum(1 - whole / np.maximum(np.square(np.abs(spectrum)), 1e-300), 0)
    clear = scipy.fft.ifft(spectrum) / count
    return share, clear if np.iscomplexobj(sums) else clear.real


def _order(matrix, t):
    """Order of the rows in which they are closest to t_(i-j); None where few have a place of their own."""
    n = len(matrix)
    energy = np.cumsum(np.r_[0, np.square(np.abs(t))])
    windows, spectrum = energy[n:] - energy[:-n], scipy.fft.fft(t.conj(), 2 * n)
    gain = np.empty((n, n))
    for start in range(0, n, _SLAB):
        images = scipy.fft.ifft(scipy.fft.fft(matrix[start : start + _SLAB], 2 * n, axis=1) * spectrum, axis=1)
        gain[start : start + _SLAB] = 2 * images[:, n - 1 : 2 * n - 1].real - windows
    place = gain.argmax(axis=1)
    place = unique(place, gain[np.arange(n), place])
    without = np.flatnonzero(place < 0)
    if len(without) > _CROWDED * n:
        return None
    place[without] = remaining(place, gain[without])
    return np.argsort(place)
