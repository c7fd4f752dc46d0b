"""Algebraic search for a real matrix as the real part of a complex one: T = Re(B P P'), or its transpose.

    columns:  P' = (a, c) of one more level on top, then the bits a of P, or any where P' = 1, found level by level

On the columns of a node of depth j, rows equal mod n/2^j are real parts of multiples of one complex vector: any few of
them have rank two. That test on small random blocks finds the order of the columns; `complexify` then finds the
imaginary part, and the complex matrix is peeled like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyfly._learn._complexify import complexify
from pyfly._learn._factorization import square
from pyfly._learn._found import Found
from pyfly._learn._levels import Untied, tied_step
from pyfly._learn._words import choices_of, reorders_bits

_BEAM = 8
# Orders of the columns that are tried beyond a size: low rank lets any order pass, a form shows in the first two.
_ORDERS, _SMALL = 2, 256
# Share of the energy beyond rank two at which small blocks count as being of rank two, noise included.
_SHARE = 0.12
# Rows and columns of a block this much smaller than the largest count less.
_SLIGHT = 0.01
_ROWS, _COLUMNS, _BLOCKS, _FEW = 6, 8, 24, 4
_EPS = np.finfo(np.float64).eps


def real_part(target, *, tol, tied="auto", progress=None):
    """Find T = Re(B P) with a complex butterfly matrix B, P a permutation of choices, perhaps with one more level P'.

    Parameters
    ----------
    target : ndarray of float64, shape (n, n)
        n a power of two, at least 4.
    tol : float
        Relative error at which the search stops.
    tied : {"auto", True, False}
        As in `learn`.
    progress : callable, optional

    Returns
    -------
    Found or None
        The best product met, None where no order of the columns fits. The factors are one real part of (Butterfly,
        Permutation); the last number of the history is its relative residual.
    """
    best = None
    orders = column_orders(target)[: _ORDERS if len(target) > _SMALL else None]
    for index, (_, order) in enumerate(orders):
        if progress is not None:
            progress(index / len(orders), "Re(BPP): imaginary part")
        for threshold in (0.05, 1e-7):
            candidate = _attempt(target, order, threshold, tied)
            if candidate is not None and (best is None or candidate.history[-1] < best.history[-1]):
                best = candidate
            if best is not None and best.history[-1] <= tol:
                return best
    return best


def column_orders(target):
    """Orders of the columns that pass the test of rank two, most likely first: pairs (share, gather indices)."""
    n = len(target)
    levels = n.bit_length() - 2
    rng = np.random.default_rng(n)
    place = np.arange(n)
    h = n // 2
    tops = [
        place,
        np.r_[place[::2], place[1::2][::-1]],
        np.r_[place[:h], place[h:][::-1]],
    ]
    bits = tuple(range(levels, -1, -1))
    beam = [_Chain(0.0, 0, top[None], bits, top is place) for top in tops]
    for level in range(levels):
        wider, seen = [], set()
        for chain in beam:
            # halves, evens and odds; any other bit where several transforms share the bits
            last = levels - level
            for at in (0, last, *(range(1, last) if chain.straight else ())):
                split = _split(chain.nodes, at)
                # the first level, of two rows, tells nothing: what follows may be right after one bit and not another
                key = np.sort(split, axis=1).tobytes()
                if (chain.first, key) in seen:
                    continue
                seen.add((chain.first, key))
                # most are far from it
                if level and _share(target, split, rng, blocks=_FEW) > 1.5 * _SHARE:
                    continue
                share = _share(target, split, rng)
                if share < _SHARE:
                    wider.append(chain.then(at, split, share, key))
        # an order that fits leaves rounding or noise, any other a good part: far behind the best means wrong
        least = min((chain.share for chain in wider), default=0.0)
        beam = sorted(
            (chain for chain in wider if chain.share <= 30 * least + _EPS**1.5),
            key=lambda chain: (chain.share > 4 * least + _EPS, chain.jumps, chain.share),
        )
        beam = beam[:_BEAM] if level and last > 1 else beam
    return [(chain.share, chain.nodes.ravel()) for chain in beam]


@dataclass
class _Chain:
    """Bits of the columns, one a level.

    Attributes
    ----------
    share : float
        Largest share beyond rank two met.
    jumps : int
        How often the next bit was no neighbour: of orders that fit alike, those of few transforms are more likely.
    nodes : ndarray of int, shape (nodes, columns)
    left : tuple of int
        Bits that are left, the highest first.
    straight : bool
        Whether the columns begin in the order of the matrix, P' = 1.
    bit : int or None
        The last one taken.
    first : bytes or None
        The nodes of the first level.
    """

    share: float
    jumps: int
    nodes: np.ndarray
    left: tuple[int, ...]
    straight: bool
    bit: int | None = None
    first: bytes | None = None

    def then(self, at, nodes, share, key):
        """The chain with one more bit."""
        bit = self.left[at]
        jumps = self.jumps + (self.bit is not None and abs(bit - self.bit) != 1)
        left = self.left[:at] + self.left[at + 1 :]
        return _Chain(max(self.share, share), jumps, nodes, left, self.straight, bit, self.first or key)


def _split(nodes, bit):
    """Every node in two, by a bit of the place of its columns, the highest is 0."""
    count, m = nodes.shape
    return nodes.reshape(count, 1 << bit, 2, -1).swapaxes(1, 2).reshape(2 * count, m // 2)


def rank_share(target, rank, *, even=True):
    """Share of the energy beyond a rank in small blocks three levels down, for the best bits of these levels.

    even : bool
        Whether all blocks, and their rows and columns, count alike; else large entries do, as is right in noise.
    """
    n = len(target)
    beam = [np.arange(n)[None]]
    for _ in range(min(3, n.bit_length() - 2)):
        beam = [_split(nodes, bit) for nodes in beam for bit in (0, nodes.shape[1].bit_length() - 2)]
    return min(_share(target, nodes, np.random.default_rng(n), rank, even) for nodes in beam)


def _share(target, nodes, rng, rank=2, even=True, blocks=_BLOCKS):
    """Energy beyond a rank in random blocks: rows equal mod the width of the nodes, columns of one node."""
    count, width = nodes.shape
    if min(count, width) <= rank:
        return 0.0
    rows = _choose(rng, blocks, count, _ROWS) * width + rng.integers(width, size=(blocks, 1))
    columns = _choose(rng, blocks, width, _COLUMNS)
    columns = nodes[rng.integers(count, size=(blocks, 1)), columns]
    parts = target[rows[:, :, None], columns[:, None, :]]
    for axis in (2, 1) if even else ():
        # rank does not depend on the scale of rows and columns, the share would; tiny ones may be noise
        size = np.sqrt(np.square(np.abs(parts)).sum(axis=axis, keepdims=True))
        parts = parts / np.where(size > _SLIGHT * size.max(), size, size.max() or 1)
    values = np.linalg.svd(parts, compute_uv=False) ** 2
    total = values.sum()
    return float(values[:, rank:].sum() / total) if total > 0 else 0.0


def _choose(rng, blocks, count, most):
    """For every block some indices below count, no two the same."""
    most = min(most, count)
    return np.argpartition(rng.random((blocks, count)), most - 1, axis=1)[:, :most]


def _attempt(target, order, threshold, tied):
    """Complexify, peel, name."""
    shown = target.take(order, axis=1)
    complexified = complexify(shown, threshold)
    if complexified is None:
        return None
    n = len(shown)
    norm2 = float(np.vdot(shown, shown))
    lost = sum(square(own.real - row) for own, row in zip(complexified, shown, strict=True))
    nodes, weights = complexified[None], np.ones((1, n))
    del complexified, shown
    levels, steps, total = Untied(), [], 0.0
    while nodes.shape[-1] > 2:
        step = levels.step(nodes, weights, 0)
        nodes, weights = step.children, step.weights
        if steps:
            step.children = None
        steps.append(step)
        total += step.residual
        if total > norm2:
            return None
    perm, shared = order, False
    if tied is not False:
        found = _tie(steps[0], n)
        within = max((64 * _EPS) ** 2 * norm2, 1.05 * (total + lost) if total + lost > 1e-20 * norm2 else 0.0)
        if found is not None and (tied is True or found[2] <= within):
            steps, nodes, total, reverses = found
            shared = True
            perm = order[reversing(reverses)]
    stages = [nodes] + [step.blocks for step in steps[::-1]]
    if shared:
        twiddle = np.concatenate([stage.reshape(-1, 2, 2) for stage in stages])
    else:
        twiddle = np.stack([stage.reshape(n // 2, 2, 2) for stage in stages])
    return _found(twiddle, perm, shared, np.sqrt((total + lost) / norm2))


def _tie(first, n):
    """Tied factors with the same real part: the two halves of a row may have been given conjugate structures."""
    if n < 4:
        return None
    left, right = first.children
    best = (-1.0, None)
    for reverse in (0, 1):
        other = right[:, :: 1 - 2 * reverse]
        straight = np.abs(np.vecdot(left, other))
        turned = np.abs([row @ mirror for row, mirror in zip(left, other, strict=True)])
        closeness = np.maximum(straight, turned).sum()
        if closeness > best[0]:
            best = closeness, turned > straight
    conjugate = best[1]
    children, blocks = first.children.copy(), first.blocks.copy()
    children[1, conjugate] = children[1, conjugate].conj()
    blocks[0, conjugate, :, 1] = blocks[0, conjugate, :, 1].conj()
    step = tied_step(replace(first, blocks=blocks, children=children))
    del children
    steps, total = [step], step.residual
    nodes, weights = step.children, step.weights
    levels = Untied()
    while nodes.shape[-1] > 2:
        step = tied_step(levels.step(nodes, weights, 0))
        nodes, weights = step.children, step.weights
        steps.append(step)
        total += step.residual
    return steps, nodes, total, [step.reverse for step in steps]


def reversing(reverses):
    """Gather indices of a permutation with choices c alone, those of the largest nodes first."""
    from pyfly._functions import permutation_from_choices

    choices = np.zeros((len(reverses), 3), np.int64)
    choices[:, 2] = reverses[::-1]
    return permutation_from_choices(choices)


def _found(twiddle, perm, shared, error):
    from pyfly._operators import Butterfly, Permutation, Product, RealPart

    model = "Re(BP)" if choices_of(perm) is not None or reorders_bits(perm) else "Re(BPP)"
    factors = (RealPart(Product(Butterfly(twiddle, tied=shared), Permutation(perm))),)
    kind = "tied" if shared else "free"
    note = f"A complex structure was found algebraically; the complex matrix was peeled with {kind} factors."
    return Found(factors, model, perm, shared, [float(error)], note)
