"""One level of the algebraic search: take the outermost stage off every node of the tree.

A node is an m x m matrix N = S [[L, 0], [0, R]] P with S a stage of stride m/2. If P puts the columns of ``bit`` 0
(halves) or 1 (even, odd) first and last, rows k and k + m/2 of N restricted to one group of columns are both
multiples of row k of L or R: a block of rank one.

    untied   every node has children of its own:            (nodes, m, m) -> (2 nodes, m/2, m/2)
    tied     L and R are one matrix up to the scale of      (1, m, m)     -> (1, m/2, m/2)
             each row, R perhaps with reversed columns
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from pyfly._learn._rank_one import rank_one

# Rows worked on at a time: smaller pieces cost more in calls than they gain in cache.
_CHUNK_BYTES = 1 << 20
_PROBES = 16


@dataclass
class Step:
    """A stage taken off, and what is left.

    Attributes
    ----------
    bit : int or ndarray
        Choice a of this level: 0 halves, 1 even and odd columns; or an order of the columns for each node.
    reverse : int
        Choice c of this level: 1, second half reversed; tied only.
    blocks : ndarray, shape (nodes, m/2, 2, 2)
        The stage: ``blocks[v, k]`` joins rows k and k + m/2 of node v.
    children : ndarray, shape (nodes', m/2, m/2)
    weights : ndarray of float64, shape (nodes', m/2)
        Squared error of the target per squared error in a row of the children.
    residual : float
        Squared error of the target made here.
    """

    bit: int | np.ndarray
    reverse: int
    blocks: np.ndarray
    children: np.ndarray
    weights: np.ndarray
    residual: float


class Untied:
    """Levels with a block of its own for every pair."""

    def step(self, nodes, weights, bit):
        """Take a stage off, columns grouped by bit."""
        return split(nodes, weights, bit)

    def bound(self, nodes, weights, bit):
        """Error of `step` on some of the rows: a lower bound of its residual."""
        return probe(nodes, weights, bit)[-1]


class Tied:
    """Levels whose blocks are shared by all nodes: one matrix a level.

    Parameters
    ----------
    first : Step, optional
        An untied step of the whole target, already done.
    """

    def __init__(self, first=None):
        self._first = first

    def step(self, nodes, weights, bit):
        """Take a stage off and merge the two children, directly or reversed, whichever is closer."""
        first, m = self._first, nodes.shape[-1]
        known = first is not None and first.bit == bit and first.blocks.shape[1] == m // 2
        return tied_step(first if known else split(nodes, weights, bit))

    def bound(self, nodes, weights, bit):
        """Error of `step` on some of the rows: a lower bound of its residual."""
        children, weights, residual = probe(nodes, weights, bit)
        left, right = children[:, 0], children[:, 1]
        merges = (rank_one(left, right[:, :: 1 - 2 * reverse], *weights.T)[-1] for reverse in (0, 1))
        return residual + min(merges)


def tied_step(free):
    """Merge the two children of an untied step of one node, directly or reversed, whichever is closer."""
    left, right = free.children
    rows = sample(len(left))
    guesses = [
        rank_one(left[rows], right[rows][:, :: 1 - 2 * reverse], *free.weights[:, rows])[-1] for reverse in (0, 1)
    ]
    # symmetric children fit both ways: the direct one is meant unless the other is clearly closer, not by chance
    order = (0, 1) if guesses[0] <= 2 * guesses[1] else (1, 0)
    merged = _merge(free, order[0])
    if merged.residual > 2 * guesses[order[1]] + free.residual:
        other = _merge(free, order[1])
        merged = other if 2 * other.residual < merged.residual else merged
    return merged


def split(nodes, weights, bit):
    """Separate every node into two children, columns grouped by bit, or gathered by the rows of an array."""
    count, m, _ = nodes.shape
    h = m // 2
    rows, weights = nodes.reshape(count, 2, h, m), weights.reshape(count, 2, h)
    blocks = np.empty((count, h, 2, 2), nodes.dtype)
    children = np.empty((count, 2, h, h), nodes.dtype)
    passed = np.empty((count, 2, h))
    residual = 0.0
    for v, k in _chunks(count, h, 2 * m * nodes.itemsize):
        x = _columns(rows[v, :, k], bit if np.ndim(bit) == 0 else bit[v, None, None])
        o = weights[v, :, k, None]
        d0, d1, w, weight, error = rank_one(x[:, 0], x[:, 1], o[:, 0], o[:, 1])
        blocks[v, k, 0], blocks[v, k, 1] = d0, d1
        children[v, :, k] = w.swapaxes(1, 2)
        passed[v, :, k] = weight.swapaxes(1, 2)
        residual += error
    return Step(bit, 0, blocks, children.reshape(2 * count, h, h), passed.reshape(2 * count, h), residual)


def _merge(free, reverse):
    """Let one matrix serve as both children; its rows' scales go into the stage."""
    left, right = free.children
    h = len(left)
    scale = np.empty((h, 2), left.dtype)
    child, passed = np.empty_like(left), np.empty(h)
    residual = free.residual
    for _, k in _chunks(1, h, 2 * h * left.itemsize):
        scale[k, 0], scale[k, 1], child[k], passed[k], error = rank_one(
            left[k], right[k, :: 1 - 2 * reverse], *free.weights[:, k]
        )
        residual += error
    return Step(free.bit, reverse, free.blocks * scale[:, None], child[None], passed[None], residual)


def probe(nodes, weights, bit):
    """Split a few pairs of rows: their children, weights and residual."""
    count, m, _ = nodes.shape
    h = m // 2
    v, k = np.divmod(sample(count * h), h)
    x = _columns(nodes.reshape(count, 2, h, m)[v, :, k], bit if np.ndim(bit) == 0 else bit[v, None])
    o = weights.reshape(count, 2, h)[v, :, k, None]
    _, _, w, weight, residual = rank_one(x[:, 0], x[:, 1], o[:, 0], o[:, 1])
    return w, weight, residual


def _columns(rows, bit):
    """Group the last axis by bit, or by gather indices: (..., m) -> (..., 2, m/2)."""
    lead, h = rows.shape[:-1], rows.shape[-1] // 2
    if np.ndim(bit):
        return np.take_along_axis(rows, bit, axis=-1).reshape(*lead, 2, h)
    if bit:
        return np.ascontiguousarray(rows.reshape(*lead, h, 2).swapaxes(-1, -2))
    grouped = rows.reshape(*lead, 2, h)
    return grouped if grouped.strides[-1] == grouped.itemsize else np.ascontiguousarray(grouped)


def _chunks(count, h, pair_bytes):
    """Cut count x h pairs of rows into boxes (slice of nodes, slice of pairs) of a cache's size."""
    pairs = max(1, _CHUNK_BYTES // pair_bytes)
    if pairs >= h:
        some = pairs // h
        for v in range(0, count, some):
            yield slice(v, v + some), slice(0, h)
    else:
        for v in range(count):
            for k in range(0, h, pairs):
                yield slice(v, v + 1), slice(k, k + pairs)


@cache
def sample(count):
    """A fixed choice of at most 16 different indices below count, without a period that a structure could share."""
    if count <= _PROBES:
        return np.arange(count)
    return np.unique(np.random.default_rng(0).integers(count, size=_PROBES))
