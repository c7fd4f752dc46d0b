"""A real matrix as the real part of a complex butterfly matrix: its imaginary part, found algebraically.

    T = Re(B),  columns in the order of B        rows k, k + n/2 on one half of the columns: X_k = A_k (Re w_k; Im w_k)

A_k is real and 2 x 2, so every real T passes the first level; the complex structure shows one level up. Rows equal mod
g share, on every group v of g neighbouring columns, one complex vector w|v up to a complex factor, hence

    H_v = X_k|v pinv(X_k0|v) = A_k (complex number) A_k0^-1,     H_v'^-1 H_v = A_k0 (complex number) A_k0^-1

for a reference row k0, and all of these 2 x 2 matrices are combinations of 1 and one Z with Z^2 = -1. Its left
eigenvector l gives w = l^T X_k0, and Re(alpha_v w|v) = x_k|v gives every row of the complex matrix. Where the
groups are real up to a factor (rank one), the class of rows is split and g doubled; where all rows k, k + n/2 are
parallel the stage is real and is taken off as such. What is free (conjugation, scale) is a gauge of the factors.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._levels import split

_SAMPLE = 16
# Share of the mean energy, over the threshold, at which a row counts half.
_SLIGHT = 6


def complexify(matrix, threshold):
    """Complete a real matrix to a complex one that a butterfly matrix may equal.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, n)
        Columns in the order of the butterfly; n a power of two, at least 4.
    threshold : float
        Squared sine between two rows below which they count as parallel.

    Returns
    -------
    ndarray of complex128, shape (n, n), or None
        Its real part is the matrix as far as the structure allows; None where there is no complex structure.
    """
    n = len(matrix)
    out = np.empty((n, n), np.complex128)
    return out if _fill(matrix, out, threshold) else None


def _fill(matrix, out, threshold):
    n = len(matrix)
    if n <= 2:
        out[...] = matrix
        return True
    h = n // 2
    for side in (slice(0, h), slice(h, n)):
        half, target = matrix[:, side], out[:, side]
        if _parallel(half[:h], half[h:], threshold):
            step = split(np.concatenate([half, half], axis=1)[None], np.ones((1, n)), 0)
            child = np.empty((h, h), np.complex128)
            if not _fill(step.children[0], child, threshold):
                return False
            target[:h] = step.blocks[0, :, 0, 0, None] * child
            target[h:] = step.blocks[0, :, 1, 0, None] * child
            continue
        for r in (0, 1):
            if not _class(half, target, r, 2, threshold):
                return False
    return True


def _parallel(x, y, threshold):
    rows = np.unique(np.linspace(0, len(x) - 1, 4 * _SAMPLE).astype(int))
    return _sine2(x[rows], y[rows], threshold).max() < threshold


def _sine2(x, y, threshold):
    """Squared sine of the angle between rows, weighted by how much both matter: 4 det G / (tr G)^2, and the pair."""
    xx, yy, xy = np.vecdot(x, x), np.vecdot(y, y), np.vecdot(x, y)
    total = xx + yy
    # det G from the rejection, since xx yy - xy^2 would cancel
    larger = np.where((xx >= yy)[..., None], x, y)
    other = np.where((xx >= yy)[..., None], y, x)
    top = np.where(total > 0, np.maximum(xx, yy), 1)
    rest = other - (xy / top)[..., None] * larger
    trust = _trust(total, threshold)
    total = np.where(total > 0, total, 1)
    return 4 * trust * (top / total) * (np.vecdot(rest, rest) / total)


def _trust(energy, threshold):
    """Weights from 0 to 1: rows of little energy, zeros as transforms have them, may hold nothing but noise."""
    floor = _SLIGHT * threshold * energy.mean()
    return energy / np.where(energy > 0, energy + floor, 1)


def _class(half, out, r, g, threshold):
    """Fill the rows equal to r mod g; False where they have no common complex structure."""
    n, h = half.shape
    count = h // g
    rows = half[r::g].reshape(2 * count, count, g)
    pairs = rows.reshape(2, count, count, g)
    some = np.unique(np.linspace(0, count - 1, _SAMPLE).astype(int))
    sine2 = _sine2(pairs[0, some], pairs[1, some], threshold)
    good = (sine2 > threshold).mean(axis=1)
    if good.max() < 0.5 and count > 1:
        return _class(half, out, r, 2 * g, threshold) and _class(half, out, r + g, 2 * g, threshold)
    # the reference: a row with as many sound groups as any, and the best of its worst groups
    score = good + 0.1 * np.sort(sine2, axis=1)[:, len(sine2[0]) // 4]
    best = int(np.argmax(score))
    reference = pairs[:, some[best]]
    structure = _structure(pairs[:, some], reference, sine2[best], threshold) if count > 1 else None
    if structure is False:
        return False
    if structure is None:
        w = _free(reference)
    else:
        w = structure[0] * reference[0] + structure[1] * reference[1]
    alpha = np.matmul(rows.swapaxes(0, 1), _dual(w)[..., None])[..., 0]
    block = alpha.T[..., None] * w
    out[r::g] = block.reshape(2 * count, h)
    return True


def _structure(pairs, reference, sine2, threshold):
    """Left eigenvector l of the common Z; None if any would do, False if there is none.

    pairs : (2, rows, groups, g), reference : (2, groups, g)
    """
    sound = sine2 > min(threshold, sine2.max() / 4)
    x0 = reference[:, sound].swapaxes(0, 1)
    inverse = np.linalg.pinv(x0)
    holonomy = np.moveaxis(pairs[:, :, sound], 0, 2) @ inverse
    determinant = np.abs(np.linalg.det(holonomy))
    size = np.square(holonomy).sum(axis=(-2, -1))
    quality = np.where(size > 0, determinant / np.where(size > 0, size, 1), 0)
    at = np.argmax(quality, axis=1)
    best = quality[np.arange(len(at)), at]
    keep = best > max(1e-8, min(np.sqrt(threshold), best.max()) / 4)
    if not keep.any():
        return None
    base = holonomy[np.arange(len(at)), at][keep]
    k = np.linalg.inv(base)[:, None] @ holonomy[keep]
    trace = (k[..., 0, 0] + k[..., 1, 1]) / 2
    parts = np.stack([k[..., 0, 0] - trace, k[..., 0, 1], k[..., 1, 0]], axis=-1).reshape(-1, 3)
    size = np.square(k).sum(axis=(-2, -1)).ravel()
    trust = _trust(np.square(pairs[:, keep]).sum(axis=(0, 2, 3)), threshold)
    parts *= (np.repeat(trust, len(parts) // len(trust)) / np.sqrt(np.where(size > 0, size, 1)))[:, None]
    values, vectors = np.linalg.eigh(parts.T @ parts / len(parts))
    if values[2] < threshold**2:
        return None
    p, q, s = vectors[:, 2]
    square = p * p + q * s
    if square >= 0:
        return False
    root = np.sqrt(-square)
    # rows of (Z - i root): the left eigenvector of the eigenvalue i root
    left = np.array([s, -(p - 1j * root)]) if abs(s) >= abs(q) else np.array([p + 1j * root, q])
    return left / np.abs(left).max()


def _free(reference):
    """Orthonormal rows of the reference as real and imaginary part; a real row where it has rank one."""
    rows = reference.reshape(2, -1)
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    w = right[0] + 1j * right[1] if values[1] > 1e-12 * values[0] else right[0] + 0j
    return w.reshape(reference.shape[1:])


def _dual(w):
    """Vectors d with alpha = x . d the least squares solution of Re(alpha w) = x, group by group."""
    re, im = w.real, w.imag
    rr, ii, ri = np.vecdot(re, re), np.vecdot(im, im), np.vecdot(re, im)
    # rotate so that both parts are orthogonal, the first the longer: no cancellation in the small one
    turn = np.exp(-0.5j * np.arctan2(2 * ri, rr - ii))
    v = w * turn[..., None]
    re, im = v.real, v.imag
    rr, ii = np.vecdot(re, re), np.vecdot(im, im)
    im_ok = ii > 1e-28 * rr
    a = re / np.where(rr > 0, rr, 1)[..., None]
    b = im * (im_ok / np.where(im_ok, ii, 1))[..., None]
    # Re(alpha v) = a' re - b' im
    return (a - 1j * b) * turn[..., None]
