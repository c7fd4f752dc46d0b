"""Kronecker products T = A (x) B, each side learnt on its own: two-dimensional transforms, blocks of one transform.

T_(iq+j, kq+l) = A_ik B_jl        of rank one as a matrix of (i, k) and (j, l)

(A_1 A_2 ...) (x) (B_1 B_2 ...) = (A_1 (x) B_1) (A_2 (x) B_2) ...        sides of the same class
                                = (A_1 (x) I) (A_2 (x) I) ... (I (x) B_1) (I (x) B_2) ...        any two
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pyfly._kronecker import Kronecker, kron
from pyfly._learn._corner import assemble
from pyfly._learn._factorization import elementary, square
from pyfly._learn._found import Found
from pyfly._learn._monomial import first_permutation, probes
from pyfly._operators import Butterfly, Diagonal, Permutation, Product, RealPart

# Energy that the closest Kronecker product may leave on a few rows, and what rounding leaves.
_SHARE, _ROUNDING = 0.1, 1e-24
# How much more of what is missed a second product may hold than it does of noise, (1 / p + 1 / q)^2.
_SECOND = 1.5
# Rounds in turn for A and B, against noise and rounding.
_ROUNDS = 2
# Rounding up to which diagonal entries are the same.
_SAME = 1e-13


def kronecker(target, learn):
    """Find T = A (x) B (x) ..., with as many sides as there are.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two.
    learn : callable
        Finds the product for one side, a `Found`.

    Returns
    -------
    Found or None

    Notes
    -----
    O(n) for each of the log2 n - 1 places to part the bits of an index at; O(n^2) where it is one.
    """
    sides = _parted(target, _SHARE)
    return _product([learn(side) for side in sides], [len(side) for side in sides]) if len(sides) > 1 else None


def _parted(target, limit):
    """A, B, ... with T ~ A (x) B (x) ..., parted wherever less than a share of the energy is missed."""
    n = len(target)
    ways = ((p, *_guess(target, p)) for p in (1 << k for k in range(1, n.bit_length() - 1)))
    missed, _, a, b = min(
        ((_missed(target, a, b), p, a, b) for p, a, b in ways), key=lambda way: way[:2], default=(1.0, 0, None, None)
    )
    if not missed < limit:
        return [target]
    a, b = _in_turn(target, a, b)
    if missed > _ROUNDING:
        # noise has no second product in it, a matrix that varies slowly has
        rest = target - np.kron(a, b)
        p = 1 << (n.bit_length() // 2)
        second = _in_turn(rest, *_guess(rest, p))
        if square(second[0]) * square(second[1]) > _SECOND * (1 / p + p / n) ** 2 * square(rest):
            return [target]
    # a side is as clean as the whole, or cleaner: what is missed there by more is structure
    return [part for side in (a, b) for part in _parted(side, min(max(4 * missed, _ROUNDING), limit))]


def _guess(target, p):
    """A and B, of sizes p and n / p, that agree with T where it is largest."""
    q = len(target) // p
    row, column = np.unravel_index(np.argmax(np.abs(target)), target.shape)
    a = target[row % q :: q, column % q :: q] / target[row, column]
    return a, target[row // q * q :, column // q * q :][:q, :q]


def _in_turn(target, a, b):
    """The closest A and B, by least squares in turn."""
    four = target.reshape(len(a), len(b), len(a), len(b))
    for _ in range(_ROUNDS):
        a = np.stack([np.einsum("jkl,jl->k", slab, b.conj()) for slab in four]) / square(b)
        b = sum(np.einsum("jkl,k->jl", slab, line.conj()) for slab, line in zip(four, a, strict=True)) / square(a)
    return a, b


def _missed(target, a, b):
    """Share of the energy of a few rows that is not that of A (x) B."""
    q, some = len(b), probes(len(target))
    rows = target[some]
    rest = rows - (a[some // q, :, None] * b[some % q, None, :]).reshape(rows.shape)
    return square(rest) / max(square(rows), 1e-300)


@dataclass
class _Side:
    """One side: its factors, class ("" for the identity) and size."""

    factors: list
    model: str
    size: int


def _product(found, sizes):
    """A (x) B (x) ... from what was found for each."""
    names = ", ".join(f"{side.model} of size {size}" for side, size in zip(found, sizes, strict=True))
    scale, groups = 1.0, []
    for one, size in zip(found, sizes, strict=True):
        constant = _constant(one)
        whole = one.factors if one.size in (None, size) else (assemble(one, (size, size)),)
        side = _Side([], "", size) if constant is not None else _Side(list(whole), one.model, size)
        scale *= 1 if constant is None else constant
        merged = _merged(groups[-1], side) if groups else None
        groups[-1:] = [merged] if merged else [*groups[-1:], side]
    if not any(side.factors for side in groups):
        # a multiple of the identity
        return None
    before, factors = 1, []
    for side in groups:
        after = math.prod(sizes) // (before * side.size)
        factors += [beside(beside(factor, before, after=False), after, after=True) for factor in side.factors]
        before *= side.size
    if scale != 1:
        factors[0] = factors[0]._scaled(scale)
    model = " ".join(side.model for side in groups).replace("DP", "D P")
    tied = all(factor.tied for factor in elementary(Product(*factors)) if isinstance(factor, Butterfly))
    return Found(tuple(factors), model, first_permutation(factors), tied, [], f"A Kronecker product: {names}.")


def _merged(left, right):
    """Two sides as one of the same class, or None."""
    p, q = left.size, right.size
    if not left.model:
        factors = [beside(factor, p, after=False) for factor in right.factors]
    elif not right.model:
        factors = [beside(factor, q, after=True) for factor in left.factors]
    else:
        factors = [kron(*pair) for pair in zip(left.factors, right.factors, strict=False)]
        if left.model != right.model or any(isinstance(factor, Kronecker) for factor in factors):
            return None
    return _Side(factors, left.model or right.model, p * q)


def _constant(found):
    """The number of which the matrix is a multiple of the identity, or None."""
    d = getattr(found.factors[0], "d", None)
    if len(found.factors) > 1 or d is None or np.abs(d - d[0]).max() > _SAME * abs(d[0]):
        return None
    return d[0]


def beside(factor, n, *, after):
    """factor (x) I, or I (x) factor, as a factor of the same kind."""
    if n == 1:
        return factor
    if isinstance(factor, RealPart):
        return RealPart(beside(factor.op, n, after=after))
    if isinstance(factor, Product):
        return Product(*(beside(part, n, after=after) for part in factor.factors))
    if isinstance(factor, Butterfly):
        blocks = np.broadcast_to(np.eye(2), (n - 1, 2, 2))
        identity = Butterfly(blocks, increasing_stride=factor.increasing_stride, tied=True)
    else:
        identity = Diagonal(np.ones(n)) if isinstance(factor, Diagonal) else Permutation(np.arange(n))
    return kron(factor, identity) if after else kron(identity, factor)
