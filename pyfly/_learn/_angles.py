"""Circulant matrices with rows and columns in any order, in noise: places from the angles of singular vectors.

C is diagonal in the Fourier basis: its singular vectors are exp(2 pi i k j / n) or, if it is real, two of one singular
value that are the cosine and the sine. Behind permutations P, P' their angles tell the places of rows and columns up
to a common factor k, which an odd k leaves a circulant. In noise the largest singular values are the surest; then

    places  ->  mean c of every wrapped diagonal  ->  shift of c that is closest to each row, then to each column

until nothing changes, each by n numbers together.
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._bases import turn
from pyfly._learn._factorization import square
from pyfly._learn._monomial import unique
from pyfly._scans import transposed

# Singular vectors looked at, of how many in all, and rounds of the iteration for them.
_LEADING, _BLOCK, _POWERS = 20, 32, 12
# Largest difference of the ranks of cosine and sine, variation of the modulus at which they, or a complex vector, may
# be of one frequency, and how many are tried, the most even first.
_NEAR, _EVEN, _TRIED = 3, 0.7, 10
# Rows worked on at a time.
_SLAB = 64
# Rounds of placing, and the relative error from which a circulant is there.
_ROUNDS, _FITS = 30, 0.5
# Share of the energy in the means by which a round must gain to be followed by another, after the first few.
_GAIN, _FIRST = 1e-3, 4


def circular_orders(target):
    """Orders of the rows and columns in which a matrix is about circulant, None if there are none.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)

    Returns
    -------
    tuple of ndarray of int64, shape (n,), or None
        Gather indices of rows and columns.
    """
    left, right = _singular_vectors(target)
    if not np.iscomplexobj(target):
        # cosine and sine are neighbours, but for noise
        one, other = np.triu_indices(left.shape[1], 1)
        near = other - one <= _NEAR
        left, right = (x[:, one[near]] + 1j * x[:, other[near]] for x in (left, right))
    uneven = np.maximum(_unevenness(left), _unevenness(right))
    for index in np.argsort(uneven, kind="stable")[:_TRIED]:
        if uneven[index] > _EVEN:
            break
        orders = _settled(target, *(np.argsort(np.argsort(np.angle(x[:, index]))) for x in (left, right)))
        if orders is not None:
            return orders
    return None


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


def _settled(target, rows, columns):
    """Improve places of rows and columns until they stay; orders, None if the matrix is not circulant in them."""
    across, whole, share = transposed(target), square(target), 0.0
    for number in range(_ROUNDS):
        before, was = (rows, columns), share
        spectrum = _mean_spectrum(target, columns, rows)
        share = square(spectrum) / whole
        if number >= _FIRST and share < was + _GAIN:
            break
        # sum over q of T_iq conj(c_(s - q)), for every shift s; the same for columns with c_(p - s)
        rows = _places(target, columns, scipy.fft.fft(scipy.fft.ifft(spectrum).conj()))
        columns = _places(across, rows, spectrum.conj())
        if (rows == before[0]).all() and (columns == before[1]).all():
            break
    return (np.argsort(rows), np.argsort(columns)) if share > 1 - _FITS**2 else None


def _images(matrix, places):
    """Spectra of the rows, their entries where they belong, some at a time."""
    order = np.argsort(places)
    for start in range(0, len(matrix), _SLAB):
        part = slice(start, start + _SLAB)
        yield part, scipy.fft.fft(matrix[part].take(order, axis=1), axis=1)


def _mean_spectrum(target, columns, rows):
    """Spectrum of the mean c of the rows c_(p - q) with their places p, the columns at q."""
    n = len(rows)
    k, turns, mean = np.arange(n), turn(np.arange(n) / n), np.zeros(n, np.complex128)
    for part, image in _images(target, columns):
        # the spectrum of c_(p - q) over q is that of c at -k, times exp(-2 pi i k p / n)
        mean += np.einsum("ik,ik->k", image, turns[np.outer(rows[part], k) % n])
    return np.roll(mean[::-1], 1) / n


def _places(matrix, places, spectrum):
    """Shift of c closest to every row, each taken once; what is left goes to the others as they come."""
    n = len(matrix)
    place, size = np.empty(n, np.int64), np.empty(n)
    for part, image in _images(matrix, places):
        closeness = scipy.fft.ifft(image * spectrum, axis=1).real
        place[part], size[part] = closeness.argmax(axis=1), closeness.max(axis=1)
    place = unique(place, size)
    place[place < 0] = np.setdiff1d(np.arange(n), place)
    return place
