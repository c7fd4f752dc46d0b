"""Orthogonal bases U whose fast transform is at hand: the frames in which a scrambled or diagonalised matrix shows.

    U^H T monomial:  T = U D P        T U^H monomial:  T = P D U        U T U^H diagonal:  T = U^H D U

Each U is F, the Walsh-Hadamard matrix, or the real part of a scaled Fourier matrix on folded columns,

    U = Re( diag(l) F diag(r) P' ),   r_j = +-rho^j,     P' = evens, then odds reversed,

whose geometric r is one more turn in the twiddles: the butterfly stays tied, 4 (n - 1) numbers.

SciPy's parts are loaded where they are first used: a butterfly matrix needs none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import scipy

from pyfly._learn._words import folded


@dataclass(frozen=True)
class Basis:
    """A unitary matrix with a fast transform.

    Attributes
    ----------
    name : str
        For the note that goes to the user.
    real : bool
    forward, backward : callable
        ``forward(x, axis)`` applies U, ``backward(x, axis)`` applies U^H, along an axis.
    factors : callable
        ``factors(n)`` gives the operators of U, leftmost first, and its class.
    symmetric : bool
        Whether U^T = U, so that U and its transpose need not both be tried.
    starts : tuple of int
        Lowest bit of each group of bits on its own Fourier matrix, U = ... (x) F (x) F.
    """

    name: str
    real: bool
    forward: object
    backward: object
    factors: object
    symmetric: bool
    starts: tuple[int, ...] = (0,)


def bases(n, real):
    """The bases to try for an n x n matrix, cheapest first."""
    some = [FOURIER, HADAMARD, HARTLEY, COSINE2, SINE2, COSINE4, SINE4]
    if not real:
        some.append(_HALF)
    if n < 4:
        some = some[:2]
    return some


def fourier_twiddle(n, phase=0.0, left=None, flip=1.0, starts=(0,)):
    """Tied twiddle of diag(left) F diag(r) after bit reversal, r_j = exp(-2 pi i phase j / n), times flip for j >= n/2.

    The stage of stride s combines two halves of a transform of length 2 s, whose r has the ratio of phase s-fold. In a
    Kronecker product of several F it is a stage of one of them, the same for all indices of the groups of bits below.

    Parameters
    ----------
    n : int
    phase : float
    left : ndarray, shape (n,), optional
    flip : float
        1 or -1.
    starts : tuple of int
        Lowest bit of each group of bits on its own transform; several without phase only.

    Returns
    -------
    ndarray of complex128, shape (n - 1, 2, 2)
    """
    twiddle = np.empty((n - 1, 2, 2), np.complex128)
    s = unit = 1
    while s < n:
        unit = s if s.bit_length() - 1 in starts else unit
        w = turn(-(np.arange(s) // unit + phase) * unit / (2 * s))
        if s == 1:
            w = w * flip
        blocks = twiddle[s - 1 : 2 * s - 1]
        blocks[:, 0, 0] = blocks[:, 1, 0] = 1
        blocks[:, 0, 1], blocks[:, 1, 1] = w, -w
        s *= 2
    # the flip changes the sign of both w and -w of stride 1: that of the second input
    scale = np.ones(n) / np.sqrt(n) if left is None else left / np.sqrt(n)
    twiddle[n // 2 - 1 :] *= scale.reshape(2, n // 2).T[:, :, None]
    return twiddle


def turn(x):
    """exp(2 pi i x) to the last bit, x reduced to an octant first."""
    x = np.asarray(x, dtype=np.float64)
    x = x - np.round(x)
    quarter = np.round(4 * x)
    angle = 2 * np.pi * (x - quarter / 4)
    return (np.cos(angle) + 1j * np.sin(angle)) * np.array([1, 1j, -1, -1j])[quarter.astype(int) % 4]


def bit_reversal(n, starts=(0,)):
    """Gather indices of the bit reversal, within each group of bits."""
    whole = np.zeros(1, np.int64)
    for start, end in pairwise((*starts, n.bit_length() - 1)):
        perm = np.zeros(1, np.int64)
        while len(perm) < 1 << (end - start):
            perm = np.concatenate([2 * perm, 2 * perm + 1])
        whole = ((perm << start)[:, None] + whole).ravel()
    return whole


def spectral_factors(values, phase, real, starts=(0,)):
    """Factors of diag(r)^* F^H diag(values) F diag(r), r_k = exp(2 pi i phase k / n), and their class.

    F is a Fourier matrix, or the Kronecker product of several, without phase; with real set the product is real.
    """
    from pyfly._operators import Butterfly, Permutation, Product, RealPart

    n = len(values)
    reverse = Permutation(bit_reversal(n, starts))
    first = Butterfly(fourier_twiddle(n, -phase, values, starts=starts), tied=True)
    # the rows of diag(r)^* F^H are scaled, which its last stage takes
    left = turn(phase * np.arange(n) / n) if phase else None
    second = Butterfly(fourier_twiddle(n, 0.0, left, starts=starts).conj(), tied=True)
    factors = (second, reverse, first, reverse)
    if real:
        return (RealPart(Product(*factors)),), "Re(BPBP)"
    return factors, "BPBP"


def _fourier(n):
    from pyfly._operators import Butterfly, Permutation

    return (Butterfly(fourier_twiddle(n), tied=True), Permutation(bit_reversal(n))), "BP"


def _half(n):
    from pyfly._operators import Butterfly, Permutation

    return (Butterfly(fourier_twiddle(n, 0.5), tied=True), Permutation(bit_reversal(n))), "BP"


def _hadamard(n):
    from pyfly._operators import Butterfly, Permutation

    return (Butterfly(_signs(n), tied=True), Permutation(np.arange(n))), "BP"


def _real_part(phase, start, factor, flip, fold=True):
    """Factors of Re(diag(left) F diag(r) P'), left_k = factor exp(-2 pi i (k + phase) / (4 n)) for folded columns."""

    def factors(n):
        from pyfly._operators import Butterfly, Permutation, Product, RealPart

        left = factor * (turn(-(np.arange(n) + phase) / (4 * n)) * np.sqrt(2) if fold else np.ones(n))
        left[0] *= start
        if phase == 1:
            left[-1] *= np.sqrt(0.5)
        perm = folded(n)[bit_reversal(n)] if fold else bit_reversal(n)
        butterfly = Butterfly(fourier_twiddle(n, phase, left, flip), tied=True)
        return (RealPart(Product(butterfly, Permutation(perm))),), ("Re(BPP)" if fold else "Re(BP)")

    return factors


def _hartley_transform(x, axis):
    if np.iscomplexobj(x):
        # x_r + i x_i: the real transform of each part
        y = scipy.fft.fft(x, axis=axis, norm="ortho")
        reverse = np.roll(np.flip(y, axis), 1, axis)
        return ((1 + 1j) * y + (1 - 1j) * reverse) / 2
    half, out = np.moveaxis(scipy.fft.rfft(x, axis=axis, norm="ortho"), axis, -1), np.empty_like(x)
    n, view = x.shape[axis], np.moveaxis(out, axis, -1)
    np.subtract(half.real, half.imag, out=view[..., : n // 2 + 1])
    # y_(n - k) is the conjugate of y_k
    np.add(half.real[..., (n - 1) // 2 : 0 : -1], half.imag[..., (n - 1) // 2 : 0 : -1], out=view[..., n // 2 + 1 :])
    return out


def _hadamard_transform(x, axis):
    from pyfly._functions import fwht

    return fwht(x, norm="ortho", axis=axis)


@cache
def _signs(n):
    twiddle = np.tile(np.array([[1.0, 1.0], [1.0, -1.0]]), (n - 1, 1, 1))
    twiddle[n // 2 - 1 :] /= np.sqrt(n)
    return twiddle


def _scipy(name, type):
    return (
        lambda x, axis: getattr(scipy.fft, name)(x, type, axis=axis, norm="ortho"),
        lambda x, axis: getattr(scipy.fft, "i" + name)(x, type, axis=axis, norm="ortho"),
    )


def _half_transform(x, axis):
    return scipy.fft.fft(x * _half_turns(x.shape[axis], x.ndim, axis), axis=axis, norm="ortho")


def _half_back(x, axis):
    return scipy.fft.ifft(x, axis=axis, norm="ortho") * _half_turns(x.shape[axis], x.ndim, axis).conj()


@cache
def _half_turns(n, ndim, axis):
    return turn(-np.arange(n) / (2 * n)).reshape((-1,) + (1,) * (ndim - 1 - axis % ndim))


FOURIER = Basis(
    "Fourier",
    False,
    lambda x, axis: scipy.fft.fft(x, axis=axis, norm="ortho"),
    lambda x, axis: scipy.fft.ifft(x, axis=axis, norm="ortho"),
    _fourier,
    True,
)
_HALF = Basis("half-sample Fourier", False, _half_transform, _half_back, _half, False)
HADAMARD = Basis("Walsh-Hadamard", True, _hadamard_transform, _hadamard_transform, _hadamard, True)
HARTLEY = Basis("Hartley", True, _hartley_transform, _hartley_transform, _real_part(0, 1, 1 + 1j, 1, fold=False), True)
COSINE2 = Basis("cosine (type 2)", True, *_scipy("dct", 2), _real_part(0, np.sqrt(0.5), 1, 1), False)
SINE2 = Basis("sine (type 2)", True, *_scipy("dst", 2), _real_part(1, 1, 1j, -1), False)
COSINE4 = Basis("cosine (type 4)", True, *_scipy("dct", 4), _real_part(0.5, 1, 1, -1), True)
SINE4 = Basis("sine (type 4)", True, *_scipy("dst", 4), _real_part(0.5, 1, 1j, 1), True)
