"""Products of two known bases with one entry a row and column between them: T = U M V, M = P D.

T V^H has the columns of U, scaled and in another order: a few of them tell U and V. Rows or columns of T of which a few
are scaled, as the first one of a cosine transform often is, are scaled back.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._bases import bases
from pyfly._learn._factorization import square
from pyfly._learn._found import Found
from pyfly._learn._monomial import (
    basis_factors,
    first_permutation,
    forms,
    outside,
    plain,
    probes,
    rows_scaled,
    single_entries,
    times,
)
from pyfly._learn._scaling import between, dense

# Energy outside the largest entries that may be left.
_SPARSE = 0.1
# Rounds in turn for diagonals on either side, and the energy at which they end.
_ROUNDS, _EXACT = 20, 1e-30
# How much less energy both sides must leave than one.
_CLEARLY = 4
# Numbers transformed at a time.
_SLAB = 1 << 16


def two_bases(target):
    """Look for bases U, V, or their transposes, with U^H T V^H monomial.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two.

    Returns
    -------
    Found or None

    Notes
    -----
    Some dozens of products of the matrix with a vector, some fast transforms of it where a pair fits.
    """
    n, real = len(target), not np.iscomplexobj(target)
    ways = [
        (basis, turned, *pair)
        for basis in bases(n, real)
        if basis.real or not real
        for turned, pair in enumerate(forms(basis))
    ]
    some = probes(n)
    unit = np.zeros((len(some), n))
    unit[np.arange(len(some)), some] = 1
    vectors = np.concatenate([columns(unit) for *_, columns, _ in ways])
    images = times(target, vectors.T).T
    tries = []
    for left in ways:
        entries = left[2](images).reshape(len(ways), len(some), n)
        tries += [(outside(part, 1), left, right) for part, right in zip(entries, ways, strict=True)]
    share, left, right = min(tries, key=lambda way: way[0])
    return _refined(target, left, right) if share < _SPARSE else None


def _refined(target, left, right):
    """U M V, also between diagonals that are near multiples of the identity, by least squares in turn."""
    n, even, best, rest = len(target), target, None, np.inf
    scales = [np.ones(n, target.dtype), np.ones(n, target.dtype)]
    for _ in range(_ROUNDS):
        found = _between(even, left, right)
        if found is None:
            break
        model = dense(found)
        model *= scales[0][:, None]
        model *= scales[1]
        before, rest = rest, square(target - model)
        if not rest < before / 2:
            break
        best = found if best is None else between(found, *scales)
        if rest < _EXACT * square(target):
            break
        scales = _rescaled(scales, model, target)
        even = target / scales[0][:, None]
        even /= scales[1]
    return best


def _rescaled(scales, model, target):
    """Scales of the rows, of the columns, or of both if that leaves clearly less."""
    rows, columns = (_fit(model, target, axis) for axis in (1, 0))
    by_rows = model * rows[:, None]
    both = _fit(by_rows, target, 0)
    rest = [square(target - product) for product in (by_rows, model * columns, by_rows * both)]
    if rest[2] < min(rest[:2]) / _CLEARLY:
        return [scales[0] * rows, scales[1] * both]
    return [scales[0] * rows, scales[1]] if rest[0] < rest[1] else [scales[0], scales[1] * columns]


def _fit(model, target, axis):
    """Factors of rows (axis 1) or columns (axis 0) by least squares."""
    return np.vecdot(model, target, axis=axis) / np.maximum(np.vecdot(model, model, axis=axis).real, 1e-300)


def _between(target, left, right):
    """U M V with M the closest to one entry a row and column, or None."""
    n, product = len(target), None
    height = max(1, _SLAB // n)
    for part in (slice(start, start + height) for start in range(0, n, height)):
        rows = right[3](target[part])
        product = np.empty((n, n), rows.dtype) if product is None else product
        product[part] = rows
    where, values = single_entries(product, 0, left[2])
    if where is None:
        return None
    share = max(1 - square(values) / square(product), 1e-20)
    return _found(left, right, where, plain(values, share))


def _found(left, right, where, values):
    """U M V with M[where[j], j] = values[j]."""
    from pyfly._operators import Permutation

    n = len(where)
    outer, before = basis_factors(*left[:2], n)
    factors, after = rows_scaled(*basis_factors(*right[:2], n), values)
    perm = np.argsort(where)
    if isinstance(outer[-1], Permutation):
        outer = (*outer[:-1], Permutation(perm[outer[-1].perm]))
    elif (perm != np.arange(n)).any():
        outer, before = (*outer, Permutation(perm)), before + " P"
    model = "BPBP" if before == after == "BP" else f"{before} {after}"
    note = f"A product of the {left[0].name} and the {right[0].name} basis, one entry a row and column between them."
    return Found((*outer, *factors), model, first_permutation(factors), True, [], note)
