"""Convolutions: circulant, skew-circulant and Toeplitz matrices, also with scaled rows and columns.

T_ij = a_i t_(i-j) b_j        T_(i+1, j+1) / T_(i, j) = p_i q_j     of rank one, from which a and b follow
Toeplitz:  the corner of a circulant of size 2N                     (BP)^2 with expansion 2
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._bases import bit_reversal, spectral_factors, turn
from pyfly._learn._found import Found
from pyfly._learn._monomial import left_scaled, probes

# Share of the energy that may be left for the structure to count as there.
_SHARE = 0.1
# Largest f or 1/f at which an f-circulant is made circulant by geometric diagonals, which cost as many digits.
_RANGE = 1e3
# Rows worked on at a time.
_SLAB = 32
# Steps to scales in noise, and of conjugate gradients in each.
_STEPS, _INNER = 6, 40


def convolution(target):
    """Find a Toeplitz matrix, also between two diagonals; circulant and skew-circulant where the wrapped part agrees.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)

    Returns
    -------
    Found or None
        For an expanded product the factors are those of the larger size; ``found.size`` tells it.
    """
    if min(target.shape) < 3:
        return None
    if _toeplitz_share(target) < _SHARE:
        return build(target, None, None)
    scales = _scales(target)
    if scales is None:
        return None
    a, b = scales
    if not (np.isfinite(a).all() and np.isfinite(b).all() and a.all() and b.all()):
        return None
    with np.errstate(all="ignore"):
        inner = target / a[:, None]
        inner /= b
        if not _toeplitz_share(inner) <= _SHARE:
            return None
    return build(target, a, b)


def _toeplitz_share(target):
    """Energy of differences along diagonals, on a few rows."""
    m = len(target)
    some = probes(m - 1)
    here, there = target[some, :-1], target[some + 1, 1:]
    total = float((np.abs(here) ** 2).sum() + (np.abs(there) ** 2).sum())
    return float((np.abs(here - there) ** 2).sum()) / total if total > 0 else 1.0


def _scales(target):
    """Diagonals a, b with T_ij / (a_i b_j) Toeplitz, or None; a and b free of a common geometric factor."""
    m, n = target.shape
    here, there = target[:-1, :-1], target[1:, 1:]
    row = int(np.concatenate([np.abs(here[i : i + _SLAB]).min(axis=1) for i in range(0, m - 1, _SLAB)]).argmax())
    if not here[row].all():
        return None
    q = there[row] / here[row]
    some = probes(m - 1)
    p = _fit_rows(here[some], there[some], q)
    if not np.linalg.norm(there[some] - p[:, None] * here[some] * q) < 0.5 * np.linalg.norm(there[some]):
        return None
    p = _fit_rows(here, there, q)
    for _ in range(3):
        q = _fit_rows(here.T, there.T, p)
        p = _fit_rows(here, there, q)
    with np.errstate(all="ignore"):
        growth = np.exp(np.log(np.abs(p)).mean())
        a = np.cumprod(np.r_[1, p / growth])
        b = np.cumprod(np.r_[1, q * growth])
    return a, b


def _fit_rows(here, there, q):
    """Least squares p with there ~ diag(p) here diag(q)."""
    scaled = here * q
    size = np.vecdot(scaled, scaled).real
    return np.vecdot(scaled, there) / np.where(size > 0, size, 1)


def diagonal_means(matrix, a=None, b=None):
    """Mean of every diagonal, index i - j from -(n - 1) to m - 1; with a, b the best t in T_ij ~ a_i t_(i-j) b_j."""
    m, n = matrix.shape
    total = diagonal_sums(matrix, a, b)
    if a is None:
        count = np.minimum(np.minimum(np.arange(1, m + n), m + n - np.arange(1, m + n)), min(m, n))
    else:
        count = np.convolve(np.abs(a) ** 2, np.abs(b[::-1]) ** 2)
    return total / np.where(count > 0, count, 1)


def diagonal_sums(matrix, a=None, b=None):
    """Sum of every diagonal, of conj(a_i) T_ij conj(b_j) if they are given."""
    m, n = matrix.shape
    total = np.zeros(m + n - 1, matrix.dtype if a is None else np.result_type(matrix, a, b))
    # a few rows at a time: neither copies of the matrix nor one long running sum, which would lose digits
    for start in range(0, m, _SLAB):
        rows = matrix[start : start + _SLAB]
        if a is not None:
            rows = rows * a[start : start + _SLAB, None].conj() * b.conj()
        height = len(rows)
        padded = np.zeros((height, height + n), rows.dtype)
        padded[:, :n] = rows[:, ::-1]
        # rows one number shorter: row i moves right by i, so that i - j is constant down a column
        sheared = padded.ravel()[: height * (height + n - 1)].reshape(height, height + n - 1)
        total[start : start + height + n - 1] += sheared.sum(axis=0)
    return total


def build(target, a, b):
    """Circulant or skew-circulant of the same size if the wrapped part agrees, expanded otherwise.

    a and b are diagonals, refined here, or None: T = diag(a) (Toeplitz) diag(b).
    """
    m, n = target.shape
    unit = a is None
    a, b = (np.ones(m), np.ones(n)) if unit else (a, b)
    if not unit:
        # of all geometric diagonals the one that leaves the coefficients level
        sizes = np.abs(diagonal_means(target, a, b))
        there = np.flatnonzero(sizes)
        slope = np.polyfit(there, np.log(sizes[there]), 1)[0] if len(there) > 1 else 0.0
        a, b = a * np.exp(slope * np.arange(m)), b * np.exp(-slope * np.arange(n))
    t = diagonal_means(target, *(() if unit else (a, b)))
    if not unit:
        a, t, b = _refined(target, a, t, b)
    before, after = t[: n - 1], t[n:]
    if m == n and n & (n - 1) == 0:
        # t_(k - n) = f t_k: an f-circulant, which a geometric diagonal makes circulant
        ratio = np.vdot(after, before) / max(float(np.vdot(after, after).real), 1e-300)
        rest = np.linalg.norm(before - ratio * after) / max(np.linalg.norm(before), 1e-300)
        if rest < np.sqrt(_SHARE) / 3 and 1 / _RANGE < abs(ratio) < _RANGE:
            # 1 or -1 but for the error of the mean of n ratios
            near = np.sign(ratio.real)
            ratio = near if abs(ratio - near) < 4 * rest / np.sqrt(n) else ratio
            return _wrapped(target, t[n - 1 :], before, ratio, a, b, unit)
    return expanded(t, m, n, a, b, unit, not np.iscomplexobj(target))


def _refined(target, a, t, b):
    """a, t, b with T_ij ~ a_i t_(i-j) b_j in least squares, by steps of Gauss and Newton in their logarithms.

    A step solves  sum_ij |M_ij|^2 |x_i + z_(i-j) + y_j - (T - M)_ij / M_ij|^2 -> min  by conjugate gradients.
    """
    m, n = target.shape
    best, rest = (a, t, b), np.inf
    model = toeplitz(t, m, n) * a[:, None]
    model *= b
    model -= target
    if np.linalg.norm(model) > 1e-3 * np.linalg.norm(target):
        # sizes anew from all entries, each by its weight
        del model
        weights = np.square(np.abs(target))
        right = _sums(weights * np.log(np.maximum(weights, 1e-300)) / 2)
        x, z, y = (np.exp(part) for part in _parts(_least_squares(weights, right), m, n))
        del weights
        a, b = np.where(a == 0, 0, a / np.abs(a)) * x, np.where(b == 0, 0, b / np.abs(b)) * y
        t = diagonal_means(target, a, b)
    for _ in range(_STEPS):
        model = a[:, None] * toeplitz(t, m, n)
        model *= b
        before, rest = rest, float(np.linalg.norm(target - model))
        if not rest < 0.999 * before:
            break
        best = a, t, b
        if rest < 1e-12 * np.linalg.norm(target):
            break
        step = target - model
        step *= model.conj()
        right = _sums(step)
        del step
        weights = np.square(np.abs(model))
        del model
        x = _least_squares(weights, right)
        x, z, y = _parts(x / np.maximum(np.abs(x), 1), m, n)
        a, t, b = a * np.exp(x), t * np.exp(z), b * np.exp(y)
    return best


def _least_squares(weights, right):
    """Solve sum_j w_ij (x_i + z_(i-j) + y_j) = right and the same over diagonals and columns."""
    m, n = weights.shape
    scale = 1 / np.maximum(_sums(weights), 1e-300)
    solution, residual = np.zeros_like(right), right.copy()
    direction = scale * residual
    size = first = np.vdot(residual, direction).real
    for _ in range(_INNER):
        if size <= 1e-8 * first:
            break
        x, z, y = _parts(direction, m, n)
        image = toeplitz(z, m, n) + y
        image += x[:, None]
        image *= weights
        image = _sums(image)
        length = size / max(np.vdot(direction, image).real, 1e-300)
        solution += length * direction
        residual -= length * image
        was, size = size, np.vdot(residual, scale * residual).real
        direction = scale * residual + size / was * direction
    return solution


def _sums(matrix):
    """Sums of rows, diagonals and columns, one after the other."""
    return np.concatenate([matrix.sum(axis=1), diagonal_sums(matrix), matrix.sum(axis=0)])


def _parts(x, m, n):
    return x[:m], x[m : 2 * m + n - 1], x[2 * m + n - 1 :]


def toeplitz(t, m, n):
    """The Toeplitz matrix of its diagonals, as a view."""
    return np.lib.stride_tricks.as_strided(t[n - 1 :], (m, n), (t.itemsize, -t.itemsize), writeable=False)


def _wrapped(target, column, before, ratio, a, b, unit):
    """diag(a) (f-circulant) diag(b) as two butterflies of the target's size."""
    n = len(a)
    real = not np.iscomplexobj(target)
    if abs(abs(ratio) - 1) > 1e-12:
        # |f|^(i/n) moves into the diagonals; what is left has a ratio of modulus one
        growth = abs(ratio) ** (np.arange(n) / n)
        a, b, column, before = a / growth, b * growth, column * growth, before * growth[1:] / abs(ratio)
        ratio, unit = ratio / abs(ratio), False
    phase = np.angle(ratio) / (2 * np.pi)
    if abs(phase) < 1e-9:
        phase = 0.0
    elif abs(abs(phase) - 0.5) < 1e-9:
        phase = 0.5
    # both copies of every coefficient, weighted by how many entries stand behind each
    count = np.convolve(np.abs(a) ** 2, np.abs(b[::-1]) ** 2)
    share = count[: n - 1] / np.maximum(count[: n - 1] + count[n:], 1e-300)
    mean = column.astype(np.result_type(column, ratio if phase % 0.5 else 1.0))
    mean[1:] = (1 - share) * column[1:] + share * before / (ratio if phase % 0.5 else np.sign(ratio.real))
    return circulant(mean, phase, a, b, real and phase % 0.5 == 0, unit)


def circulant(column, phase, a, b, real, unit=False):
    """diag(a) (f-circulant with this first column) diag(b), f = exp(2 pi i phase); without a and b if unit is set."""
    n = len(column)
    # column_k exp(2 pi i phase k / n) is that of a circulant
    values = scipy.fft.fft(column * turn(phase * np.arange(n) / n))
    factors, model = spectral_factors(values, phase, real)
    note = "The matrix is a circular convolution" if phase == 0 else "The matrix is a skew-circular convolution"
    return _dressed(factors, model, a, b, unit, note, n)


def expanded(t, m, n, a, b, unit, real):
    """Circulant of twice the size whose corner is the Toeplitz matrix."""
    size = 1 << (m + n - 2).bit_length()
    column = np.zeros(size, t.dtype)
    column[:m] = t[n - 1 :]
    column[size - n + 1 :] = t[: n - 1]
    factors, _ = spectral_factors(scipy.fft.fft(column), 0.0, real)
    expansion = size // (1 << (max(m, n) - 1).bit_length())
    model = "(BP)^2" if expansion == 1 else f"(BP)^2_{expansion}"
    if real:
        model = f"Re({model})"
    a, b = np.pad(a, (0, size - m)), np.pad(b, (0, size - n))
    note = f"The matrix is a convolution without wrap-around: the corner of a circulant of size {size}"
    found = _dressed(factors, model, a, b, unit, note, size)
    return found


def _dressed(factors, model, a, b, unit, note, size):
    from pyfly._operators import Diagonal

    perm = bit_reversal(size)
    if not unit:
        if not np.iscomplexobj(a) or model.startswith("BP"):
            scaled = left_scaled(factors[0], a)
        else:
            scaled = None
        if scaled is not None:
            factors = (scaled, *factors[1:])
        else:
            factors, model = (Diagonal(a), *factors), "D " + model
        factors, model = (*factors, Diagonal(b)), model + " D"
        note += ", its rows and columns scaled"
    found = Found(factors, model, perm, True, [], note + ".")
    found.size = size
    return found


def hankel(target):
    """Find a matrix that is constant along its anti-diagonals: a convolution with the columns reversed."""
    from pyfly._operators import Permutation

    if min(target.shape) < 3 or _toeplitz_share(target[:, ::-1]) > _SHARE:
        return None
    found, n = convolution(target[:, ::-1]), target.shape[1]
    perm = np.arange(found.size)
    perm[:n] = perm[:n][::-1]
    found.factors, found.model = (*found.factors, Permutation(perm)), found.model + " P"
    found.note = "A Hankel matrix: " + found.note[0].lower() + found.note[1:-1] + ", its columns reversed."
    return found
