"""Circulant and skew-circulant matrices with rows and columns in any order, in noise: places from angles.

C is diagonal in the Fourier basis: its singular vectors are exp(2 pi i k j / n) or, if it is real, two of one singular
value that are the cosine and the sine; k is whole, or half-integer if C is skew. Behind permutations P, P' their angles
tell the places of rows and columns up to a common factor k, which an odd k leaves a circulant: of n places, or of 2n if
it is skew, the upper half for rows and columns of the other sign. In noise the largest singular values are the surest;
then

    places  ->  mean c of every wrapped diagonal  ->  shift of c that is closest to each row, then to each column

until nothing changes, each by n numbers together. Wrong places blur c: frequencies that chance explains are left out.
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._bases import turn
from pyfly._learn._factorization import square
from pyfly._learn._monomial import probes, putting, unique
from pyfly._scans import transposed

# Singular vectors looked at, of how many in all, and rounds of the iteration for them.
_LEADING, _BLOCK, _POWERS = 20, 32, 12
# Largest difference of the ranks of cosine and sine, variation of the modulus at which they, or a complex vector, may
# be of one frequency, and how many are tried, the most even first; of large matrices half, if none of them will do.
_NEAR, _EVEN, _TRIED = 3, 0.8, 12
# Rows worked on at a time.
_SLAB = 64
# Rounds of placing, and the shares of the energy in the means from which a circulant is there, of a large matrix (.9 in
# noise of a tenth; a Toeplitz matrix in its order leaves .67), and none is better.
_ROUNDS, _FITS, _PLAIN, _SURE = 30, 0.4, 0.6, 0.8
# Share beyond which many lie at few places, and part of the places below which they do: on the way to a circulant the
# share stays below one, and six in ten places, as of random ones, are the least.
_CROWDED, _FEWEST = 1.05, 0.4
# Size from which rows that are no shifts are refused at once, by how much the best shift exceeds that by chance, and
# how many rows are tried to begin with: more are needed at small sizes alone.
_LARGE, _BEYOND, _SOME = 256, 1.3, 2
# Energy at a frequency, over that in random places, below which it is left out: this, or a part of n.
_CHANCE, _PART = 10, 4
# Share of the energy in the means by which a round must gain to be followed by another, after the first few.
_GAIN, _FIRST = 1e-2, 4


def circular_orders(target, phases=(0.0,)):
    """Orders and signs of the rows and columns in which a matrix is about circulant.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
    phases : tuple of float
        0 for a circulant, whose signs are all 1; 1/2 for a skew-circulant.

    Yields
    ------
    float
        The phase.
    list of tuple (order, signs)
        Gather indices of rows and of columns, and the signs of the rows and columns so gathered.
    """
    left, right = _singular_vectors(target)
    if not np.iscomplexobj(target):
        # cosine and sine are neighbours, but for noise
        one, other = np.triu_indices(left.shape[1], 1)
        near = other - one <= _NEAR
        left, right = (x[:, one[near]] + 1j * x[:, other[near]] for x in (left, right))
    uneven, n = np.maximum(_unevenness(left), _unevenness(right)), len(target)
    tries = [index for index in np.argsort(uneven, kind="stable")[:_TRIED] if uneven[index] < _EVEN]
    for phase in phases:
        circle = _Circle(target, phase)
        best = (circle.fits, None)
        for number, index in enumerate(tries):
            if n >= _LARGE and number == len(tries) // 2 and best[1] is None:
                break
            found = circle.settled(*(_ranks(x[:, index], phase) for x in (left, right)))
            best = max(best, found, key=lambda pair: pair[0])
            if best[0] > _SURE:
                break
        if best[1] is not None:
            orders = [np.argsort(places % n) for places in best[1]]
            yield (
                phase,
                [(order, 1.0 - 2 * (places[order] // n)) for order, places in zip(orders, best[1], strict=True)],
            )


def shifted_rows(matrix, references):
    """Order in which the rows of a real matrix are about shifts of one row; None if they are not.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, n)
        Of mean zero.
    references : ndarray of int64
        Rows that the others are compared with to begin with, one after the other.
    """
    n, best = len(matrix), (0.0, None)
    spectra = scipy.fft.fft(matrix[references[: _SOME if n >= _LARGE else None]], axis=1).conj()
    if n >= _LARGE:
        # the best shift of n is larger than chance
        some = scipy.fft.ifft(scipy.fft.fft(matrix[probes(n)], axis=1) * spectra[0], axis=1).real
        if np.median(some.max(axis=1) - _BEYOND * np.sqrt(2 * np.log(n)) * some.std(axis=1)) < 0:
            return None
    circle = _Circle(matrix, 0.0)
    for spectrum in spectra:
        found = circle.settled(circle.places(matrix, np.arange(n), spectrum, False), np.arange(n), only_rows=True)
        best = max(best, found, key=lambda pair: pair[0])
        if best[0] > _SURE:
            break
    return None if best[1] is None else np.argsort(best[1][0])


def _ranks(vector, phase):
    """Ranks of the angles, among those of the other sign as well if there are signs."""
    points = np.r_[vector, -vector] if phase else vector
    return np.argsort(np.argsort(np.angle(points)))[: len(vector)]


def _singular_vectors(target):
    """The leading left and right singular vectors, by iteration on a subspace."""
    n = len(target)
    basis = np.random.default_rng(n).standard_normal((n, min(_BLOCK, n))).astype(target.dtype)
    for _ in range(_POWERS):
        image = target @ np.linalg.qr(basis)[0]
        basis = (image.conj().T @ target).conj().T
    basis = np.linalg.qr(basis)[0]
    left, _, inner = np.linalg.svd(target @ basis, full_matrices=False)
    return left[:, :_LEADING], (basis @ inner.conj().T)[:, :_LEADING]


def _unevenness(vectors):
    squares = np.square(np.abs(vectors))
    return squares.std(axis=0) / squares.mean(axis=0)


class _Circle:
    """Places of rows and columns on a circle: of n, or of 2n where the upper half has the other sign."""

    def __init__(self, target, phase):
        n = len(target)
        self._target, self._across, self._phase = target, transposed(target), phase
        self._whole, self._turns = square(target), turn((phase * np.arange(n)) / n)
        self.fits = _FITS if n < _LARGE else _PLAIN

    def settled(self, rows, columns, only_rows=False):
        """Improve places of rows and columns until they stay: the share of the energy in the means, and the places.

        Some share a place until the end: those that are pushed to another one would be wrong in each round.
        """
        for once in (False, True):
            share = 0.0
            for number in range(_ROUNDS):
                before, was = (rows, columns), share
                spectrum = self._mean_spectrum(rows, columns)
                share = square(spectrum) / self._whole
                if share > _CROWDED or len(np.unique(rows)) < _FEWEST * len(rows):
                    return 0.0, before
                if number >= _FIRST and share < was + _GAIN:
                    break
                # sum over q of T_iq conj(c_(s - q)), for every shift s; the same for columns with c_(p - s)
                spectrum = self._clear(spectrum).conj()
                rows = self.places(self._target, columns, self._reversed(spectrum), once)
                columns = columns if only_rows else self.places(self._across, rows, spectrum, once)
                if (rows == before[0]).all() and (columns == before[1]).all():
                    break
            if share < self.fits:
                break
        return share, (rows, columns)

    def _reversed(self, spectrum):
        """The entries at the frequencies -k."""
        return np.roll(spectrum[::-1], 0 if self._phase else 1)

    def _clear(self, spectrum):
        """The spectrum, less what it would have in random places."""
        n = len(spectrum)
        chance = min(_CHANCE, n / _PART) * self._whole / n**2
        return spectrum * np.maximum(1 - chance / np.maximum(np.square(np.abs(spectrum)), 1e-300), 0)

    def _signs(self, places):
        return places % len(places), 1 - 2 * (places // len(places))

    def _images(self, matrix, places):
        """Spectra of the rows, their entries where they belong, some at a time; entries at one place are added."""
        n = len(places)
        places, signs = self._signs(places)
        put = putting(places)
        for start in range(0, n, _SLAB):
            part = slice(start, start + _SLAB)
            arranged = put(matrix[part] * signs if self._phase else matrix[part])
            yield part, scipy.fft.fft(arranged * self._turns.conj() if self._phase else arranged, axis=1)

    def _mean_spectrum(self, rows, columns):
        """Spectrum of the mean c of the rows c_(p - q) with their places p, the columns at q."""
        n, (places, signs) = len(rows), self._signs(rows)
        k, turns, mean = np.arange(n), turn(np.arange(n) / n), np.zeros(n, np.complex128)
        own = self._turns[places] * signs
        for part, image in self._images(self._target, columns):
            # the spectrum of c_(p - q) over q is that of c at -k, times exp(-2 pi i k p / n)
            mean += np.einsum("ik,ik,i->k", image, turns[np.outer(places[part], k) % n], own[part])
        return self._reversed(mean) / n

    def places(self, matrix, places, spectrum, once):
        """Shift of c closest to every row; each taken once, if asked for, what is left to the others as they come."""
        n = len(matrix)
        place, size = np.empty(n, np.int64), np.empty(n)
        for part, image in self._images(matrix, places):
            closeness = (scipy.fft.ifft(image * spectrum, axis=1) * self._turns).real
            best = (np.abs(closeness) if self._phase else closeness).argmax(axis=1)
            place[part], size[part] = best, closeness[np.arange(len(best)), best]
        upper = (size < 0) & (self._phase > 0)
        if once:
            place = unique(place, np.abs(size) if self._phase else size)
            place[place < 0] = np.setdiff1d(np.arange(n), place)
        return place + n * upper
