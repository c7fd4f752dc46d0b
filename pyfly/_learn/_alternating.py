"""Convolutions between two diagonals, in noise: T_ij ~ a_i t_(i-j) b_j, where t may wrap around.

a, b and t follow from each other by least squares in turn. Sizes begin with those that balance the matrix, phases with
T_(i+1,j+1) / T_ij, of rank one. Real numbers are found among the complex: in these a wrong sign is no local minimum.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._convolution import circulant, diagonal_sums, expanded, toeplitz
from pyfly._learn._factorization import square
from pyfly._learn._monomial import probes
from pyfly._learn._scaling import phase

# Coherence of the ratios of a few pairs of rows below which there is no such structure; less says nothing at a size.
_COHERENT, _SMALL = 0.4, 16
# Rows worked on at a time.
_SLAB = 128
# Starts at small sizes.
_STARTS = 6
# Rounds in turn, the least gain of one, and the relative error after some of them beyond which they stop.
_ROUNDS, _GAIN, _SOME, _HOPELESS = 60, 1e-4, 10, 0.75
# Rounds for the phases to begin with, and their spread.
_PHASES, _SPREAD = 20, 0.5
# Relative error up to which it counts as found.
_FITS = 0.3


def scaled_convolutions(target, balanced):
    """Find a circulant, skew-circulant or Toeplitz matrix between two diagonals.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 8.
    balanced : callable
        Gives what `balance` does for it.

    Yields
    ------
    Found or None
        One that wraps around, then one that does not.
    """
    if len(target) > _SMALL and _coherence(target) < _COHERENT:
        return
    factors = balanced()
    if factors is not None:
        a, b = _start(target, *factors)
        for flip in (1, 0):
            yield _best(target, a, b, flip)


def _best(target, a, b, flip):
    """The closest that wraps around (flip 1, or -1 as well) or not (0), a and b to begin with, or None."""
    n, real = len(a), not np.iscomplexobj(target)
    rng = np.random.default_rng(n)
    starts = [(a, b) * np.exp(1j * _SPREAD * rng.standard_normal((2, n))) for _ in range(1 if n > _SMALL else _STARTS)]
    # a complex guess at complex numbers is as good as any
    starts = starts if real else [(a, b), *starts[1:]]
    a, t, b, rest = min((_in_turn(target, *start, flip) for start in starts), key=lambda found: found[-1])
    if real and rest < _FITS:
        a, b = _real(a), _real(b)
        alternating = np.where(np.arange(n) % 2, -1, 1)
        ways = [(x, sign) for sign in (flip, -flip) for x in (a, a * alternating)] if flip else [(a, 0)]
        (a, t, b, rest), flip = min(((_in_turn(target, x, b, sign), sign) for x, sign in ways), key=lambda f: f[0][-1])
    if not rest < _FITS:
        return None
    if flip:
        return circulant(t[n - 1 :], 0.0 if flip == 1 else 0.5, a, b, real)
    return expanded(t, n, n, a, b, False, real)


def _coherence(target):
    """How far a few rows of T_(i+1,j+1) / T_ij are parallel, but for sizes."""
    ratios = _ratios(target, probes(len(target) - 1))
    sizes = np.abs(ratios)
    angles = np.abs(ratios @ ratios.conj().T) / np.maximum(sizes @ sizes.T, 1e-300)
    return angles[np.triu_indices(len(angles), 1)].mean()


def _ratios(target, rows=slice(-1)):
    """Phases of T_(i+1,j+1) / T_ij, times a size that says how sure they are."""
    after = slice(1, None) if isinstance(rows, slice) else rows + 1
    ratios = target[rows, :-1].conj() * target[after, 1:]
    ratios /= np.sqrt(np.maximum(np.abs(ratios), 1e-300))
    return ratios


def _start(target, rows, columns):
    """First guess of a and b: sizes that balance the matrix, phases from one row, and one column, to the next."""
    even = target * rows[:, None]
    even *= columns
    ratios = _ratios(even)
    q = ratios[np.abs(ratios).sum(axis=1).argmax()].conj()
    for _ in range(_PHASES):
        p = phase(ratios @ q)
        q = phase(p.conj() @ ratios).conj()
    return np.cumprod(np.r_[1, p]) / rows, np.cumprod(np.r_[1, q.conj()]) / columns


def _in_turn(target, a, b, flip):
    """a, t, b by least squares in turn, and what they leave, relative; t_(k - n) = flip t_k, or free if flip is 0."""
    n, whole, rest = len(a), square(target), np.inf
    for number in range(max(_ROUNDS, min(400, (1 << 22) // n**2))):
        t, size = diagonal_sums(target, a, b), _convolved(a, b[::-1], "full")
        if flip:
            t[n:] = (t[n:] + flip * t[: n - 1]) / (size[n:] + size[: n - 1])
            t[n - 1] /= size[n - 1]
            t[: n - 1] = flip * t[n:]
        else:
            t /= size
        # some rows at a time: a complex copy of a real matrix is twice its size
        conjugates, lengths, right = toeplitz(t.conj(), n, n), _convolved(t, b, "valid"), 0
        a = np.empty_like(lengths, dtype=t.dtype)
        for start in range(0, n, _SLAB):
            rows = slice(start, start + _SLAB)
            products = conjugates[rows] * target[rows]
            a[rows] = (products @ b.conj()) / lengths[rows]
            right = right + a[rows].conj() @ products
        size = _convolved(t, a[::-1], "valid")[::-1]
        b = right / size
        before, rest = rest, np.sqrt(max(1 - float((np.abs(right) ** 2 / size).sum()) / whole, 0.0))
        if not rest < (1 - _GAIN) * before:
            break
        if number == _SOME and rest > _HOPELESS:
            return a, t, b, np.inf
    return a, t, b, rest


def _convolved(x, y, mode):
    """Convolution of the squares, safe to divide by."""
    return np.maximum(np.convolve(np.abs(x) ** 2, np.abs(y) ** 2, mode), 1e-300)


def _real(x):
    """The real numbers that a common and a geometric phase turn to x."""
    squares = x * x
    turn = np.angle(np.vdot(squares[:-1], squares[1:])) / 2
    x = x * np.exp(-1j * turn * np.arange(len(x)))
    return (x * np.exp(-0.5j * np.angle((x * x).sum()))).real
