"""One transform decides: matrices that are a known basis with scrambled, scaled rows or columns, or diagonal in it.

    U^H T = D P     T is U with its columns permuted and scaled
    T U^H = D P     T is U with its rows permuted and scaled
    U T U^H = D     T is a convolution of U's kind: circulant (Fourier), skew-circulant, dyadic (Hadamard), over groups

U = 1 gives diagonal and permutation matrices. A few vectors are transformed first: for any other matrix the test ends
there, after O(n log n) or O(n^2) operations.
"""

from __future__ import annotations

import numpy as np
import scipy

from pyfly._learn._bases import bases, spectral_factors
from pyfly._learn._found import Found
from pyfly._learn._groups import group_bases
from pyfly._scans import transposed

_PROBES = 6
# Share of the energy outside the largest entry at which a few transformed vectors still count as monomial.
_SPARSE = 0.3
# Numbers worked on at a time.
_SLAB = 1 << 16


def probes(n):
    """A few indices, none of them special, odd ones and even ones: some bases share every other vector."""
    i = np.arange(1, _PROBES + 1)
    return np.unique(((i * 0.6180339887 * n).astype(int) % n) // 2 * 2 % n | (i & 1)) % n


def monomial(target):
    """Diagonal and permutation matrices and their products: one entry in every row and column."""
    n = len(target)
    some = probes(n)
    if outside(target[:, some], 0) > _SPARSE:
        return None
    rows, values = single_entries(target, 0, lambda x: x)
    if rows is None:
        return None
    return _monomial_found(rows, values)


def _monomial_found(rows, values):
    """T[rows[j], j] = values[j]."""
    from pyfly._operators import Diagonal, Permutation

    n = len(rows)
    perm = np.empty(n, np.int64)
    perm[rows] = np.arange(n)
    diagonal, ordered = values[perm], (perm == np.arange(n)).all()
    if ordered:
        return Found((Diagonal(diagonal),), "D", perm, False, [], "The matrix is diagonal.")
    if (diagonal == diagonal[0]).all():
        return Found((Permutation(perm) * diagonal[0],), "P", perm, False, [], "The matrix is a permutation.")
    note = "The matrix has one entry in every row and column."
    return Found((Diagonal(diagonal), Permutation(perm)), "DP", perm, False, [], note)


def scrambled(target):
    """Look for a basis U with U^H T or T U^H monomial, or the same for U^T.

    Returns
    -------
    list of Found
        At most one for the columns and one for the rows.
    """
    n = len(target)
    some = probes(n)
    sides = (transposed(target[:, some]), target[some])
    tries = []
    for basis in bases(n, True):
        for turned, ways in enumerate(forms(basis)):
            for axis in (0, 1):
                share = outside(ways[axis](sides[axis]), 1)
                if share < _SPARSE:
                    tries.append((max(share, 1e-20), len(tries), basis, turned, axis, ways[axis]))
    found = []
    for axis in (0, 1):
        # two bases may look alike on the same rows: the better one is meant
        for share, _, basis, turned, _, transform in sorted(t for t in tries if t[4] == axis)[:1]:
            where, values = single_entries(target, axis, transform)
            if where is not None:
                make = _rows_found if axis else _columns_found
                found.append(make(basis, turned, where, plain(values, share)))
                if share < 1e-16:
                    return found
    return found


def forms(basis):
    """Pairs x -> U^H x (columns), x -> x U^H (rows), for U and, if it differs, U^T; columns are given as rows."""
    forms = [(lambda x: basis.backward(x, 1), lambda x: basis.forward(x.conj(), 1).conj())]
    return forms if basis.symmetric else [*forms, forms[0][::-1]]


def outside(vectors, axis):
    """Share of the energy outside the largest entry of each vector."""
    squares = (vectors.conj() * vectors).real
    total = float(squares.sum())
    return 1 - float(squares.max(axis=axis).sum()) / total if total > 0 else 1.0


def single_entries(target, axis, transform):
    """Index and value of the largest entry of every transformed column (axis 0) or row, each index once.

    None when many share one. Those that are left without an index, small ones in noise or zeros as a slice of a
    transform has them, take what is left, the largest first.
    """
    n = len(target)

    def images(index):
        return transform(target[index] if axis else transposed(target[:, index]))

    where, values = np.empty(n, np.int64), np.empty(n, np.result_type(images(slice(0, 1))))
    height = max(1, _SLAB // n)
    for start in range(0, n, height):
        part = images(slice(start, start + height))
        place = _sizes(part).argmax(axis=1)
        where[start : start + height], values[start : start + height] = place, part[np.arange(len(part)), place]
    where = unique(where, np.abs(values))
    without = np.flatnonzero(where < 0)
    if 2 * np.count_nonzero(values[without]) > n:
        return None, None
    if len(without):
        part = images(without)
        where[without] = remaining(where, _sizes(part))
        values[without] = part[np.arange(len(part)), where[without]]
    return where, values


def _sizes(x):
    return (x.conj() * x).real if np.iscomplexobj(x) else np.abs(x)


def unique(place, size):
    """Places of which each is taken once, by the one of largest size, -1 for the others."""
    order = np.argsort(-size, kind="stable")
    winners = order[np.unique(place[order], return_index=True)[1]]
    once = np.full(len(place), -1)
    once[winners] = place[winners]
    return once


def putting(places):
    """A function that puts the entries of rows at places; entries at one place are added, zeros stand elsewhere."""
    order = np.argsort(places, kind="stable")
    there, first = np.unique(places[order], return_index=True)

    def put(rows):
        rows = rows.take(order, axis=1)
        if len(there) == len(places):
            return rows
        sums, rows = np.add.reduceat(rows, first, axis=1), np.zeros_like(rows)
        rows[:, there] = sums
        return rows

    return put


def remaining(place, sizes):
    """Places that are left for those without one, whose sizes at all places are given: the largest in all."""
    left = np.setdiff1d(np.arange(len(place)), place)
    return left[scipy.optimize.linear_sum_assignment(-sizes[:, left])[1]]


def basis_factors(basis, turned, n):
    """Operators of U or U^T, leftmost first, and the class."""
    factors, model = basis.factors(n)
    if turned:
        factors, model = tuple(factor.T for factor in factors[::-1]), _transposed(model)
    return factors, model


def _rows_found(basis, turned, where, values):
    """T = M U with M[i, where[i]] = values[i]; values is one number if all are equal."""
    from pyfly._operators import Permutation

    left = values
    if np.ndim(values):
        left = np.empty_like(values)
        left[where] = values
    factors, model = rows_scaled(*basis_factors(basis, turned, len(where)), left)
    perm = first_permutation(factors)
    if (where != np.arange(len(where))).any():
        factors, model, perm = (Permutation(where), *factors), "P " + model, where
    note = f"The {basis.name} transform of the rows has one entry each: a known basis, its rows scrambled or scaled."
    return Found(factors, model, perm, True, [], note)


def _columns_found(basis, turned, where, values):
    """T = U M with M[where[j], j] = values[j]."""
    from pyfly._operators import Diagonal, Permutation

    if turned or (basis.symmetric and np.ndim(values)):
        # U^T M = (M^T U)^T, whose diagonal the butterfly takes in
        found = _rows_found(basis, False, where, values)
        factors, model = tuple(factor.T for factor in found.factors[::-1]), _transposed(found.model)
    else:
        factors, model = basis_factors(basis, False, len(where))
        perm = np.empty_like(where)
        perm[where] = np.arange(len(where))
        if np.ndim(values):
            factors, model = (*factors, Diagonal(values[perm])), model + " D"
        else:
            factors = (factors[0]._scaled(values), *factors[1:])
        if isinstance(factors[-1], Permutation):
            factors = (*factors[:-1], Permutation(perm[factors[-1].perm]))
        elif (perm != np.arange(len(perm))).any():
            factors, model = (*factors, Permutation(perm)), model + " P"
    note = (
        f"The {basis.name} transform of the columns has one entry each: a known basis, its columns scrambled or scaled."
    )
    return Found(factors, model, first_permutation(factors), True, [], note)


def _transposed(model):
    """Class of the transpose: "P Re(BPP)" -> "(Re(BPP))^T P"."""
    return " ".join(part if part in ("P", "D") else f"({part})^T" for part in model.split()[::-1])


def plain(values, share):
    """Drop what is noise: an imaginary part, or the differences between equal numbers.

    A share of the energy outside the n entries means that each is wrong by about the root of share / n.
    """
    noise = 6 * np.sqrt(share / len(values))
    if np.iscomplexobj(values) and np.abs(values.imag).max() <= (1e-14 + noise) * np.abs(values).max():
        values = values.real.copy()
    mean = values.mean()
    if np.abs(values - mean).max() <= (4e-15 + noise) * abs(mean):
        return complex(mean) if np.iscomplexobj(values) else float(mean)
    return values


def rows_scaled(factors, model, left):
    """diag(left) A and its class: in the first factor if that takes it, else before it; one number is a scale."""
    from pyfly._operators import Diagonal

    scaled = left_scaled(factors[0], left) if np.ndim(left) else factors[0]._scaled(left)
    if scaled is None:
        return (Diagonal(left), *factors), "D " + model
    return (scaled, *factors[1:]), model


def left_scaled(factor, left):
    """diag(left) A for a butterfly, or the real part of one and a permutation; None for anything else."""
    from pyfly._operators import Butterfly, Product, RealPart

    if isinstance(factor, RealPart) and isinstance(factor.op, Product) and not np.iscomplexobj(left):
        scaled = left_scaled(factor.op.factors[0], left)
        return None if scaled is None else RealPart(Product(scaled, *factor.op.factors[1:]))
    if not isinstance(factor, Butterfly) or not factor.increasing_stride:
        return None
    n = len(left)
    twiddle = np.array(factor.twiddle, dtype=np.result_type(factor.twiddle, left))
    last = twiddle[n // 2 - 1 :] if factor.tied else twiddle[-1]
    last *= left.reshape(2, n // 2).T[:, :, None]
    return Butterfly(twiddle, tied=factor.tied)


def first_permutation(factors):
    """Gather indices of the permutation that acts first among some factors, None if there is none."""
    from pyfly._operators import Permutation, Product, RealPart

    for factor in factors[::-1]:
        if isinstance(factor, Permutation):
            return factor.perm
        inner = factor.op if isinstance(factor, RealPart) else factor
        if isinstance(inner, Product):
            return first_permutation(inner.factors)
    return None


def diagonalised(target):
    """Look for a basis U in which the matrix is diagonal: T = U^H D U.

    Returns
    -------
    Found or None
    """
    n = len(target)
    some = probes(n)
    unit = np.zeros((n, len(some)))
    unit[some, np.arange(len(some))] = 1
    size = float(np.linalg.norm(target)) / np.sqrt(n)
    ways = []
    for basis in (*bases(n, False), *group_bases(target)):
        ways.append((basis, False, basis.forward, basis.backward))
        if basis.real and not basis.symmetric:
            ways.append((basis, True, basis.backward, basis.forward))
    vectors = np.concatenate([backward(unit, 0) for *_, backward in ways], axis=1)
    images = times(target, vectors)
    values = np.vecdot(vectors, images, axis=0)
    images -= values * vectors
    rest = np.vecdot(images, images, axis=0).real.reshape(len(ways), -1).mean(axis=1)
    best = int(np.argmin(rest))
    if not rest[best] < _SPARSE * size**2:
        return None
    basis, turned, forward, _ = ways[best]
    diagonal, height = np.zeros(n, vectors.dtype if not basis.real else target.dtype), max(1, _SLAB // n)
    for start in range(0, n, height):
        part = transposed(target[:, start : start + height])
        unit = np.zeros(part.shape)
        unit[np.arange(len(part)), np.arange(start, start + len(part))] = 1
        # (U T)_ij times U_ij^*, over some j
        diagonal += np.vecdot(forward(unit, 1), forward(part, 1), axis=0)
    return _diagonalised_found(basis, turned, diagonal, target)


def times(target, vectors):
    """Product without a complex copy of a real matrix."""
    if np.iscomplexobj(target):
        return target @ vectors
    parts = target @ np.concatenate([vectors.real, vectors.imag], axis=1)
    count = vectors.shape[1]
    return parts[:, :count] + 1j * parts[:, count:]


def _diagonalised_found(basis, turned, values, target):
    n = len(values)
    note = f"The matrix is diagonal in the {basis.name} basis."
    if basis.real:
        outer, left = basis_factors(basis, not turned and not basis.symmetric, n)
        factors, right = basis_factors(basis, turned, n)
        perm = first_permutation(factors)
        factors, right = rows_scaled(factors, right, values)
        model = "BPBP" if left == right == "BP" else f"{left} {right}"
        return Found((*outer, *factors), model, perm, True, [], note)
    phase = 0.0 if basis.symmetric else -0.5
    factors, model = spectral_factors(values, phase, not np.iscomplexobj(target), basis.starts)
    return Found(factors, model, first_permutation(factors), True, [], note)
