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

from pyfly._rank_one import rank_one

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
        return residual + min(_merged(children, weights, reverse)[-1].sum() for reverse in (0, 1))


def tied_step(free):
    """Merge the two children of an untied step of one node, directly or reversed, whichever is closer."""
    rows = sample(free.children.shape[1])
    children, weights = free.children[:, rows].swapaxes(0, 1), free.weights[:, rows].T
    guesses = [_merged(children, weights, reverse)[-1].sum() for reverse in (0, 1)]
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
    d, w, passed, error = rank_one(nodes, weights, 2, _order(m, bit))
    return Step(bit, 0, d, w.reshape(2 * count, m // 2, m // 2), passed.reshape(2 * count, m // 2), float(error.sum()))


def _merge(free, reverse):
    """Let one matrix serve as both children; its rows' scales go into the stage."""
    d, w, passed, error = _merged(free.children.swapaxes(0, 1), free.weights.T, reverse)
    h = len(d)
    blocks = free.blocks * d[:, 0, :, 0][:, None]
    return Step(free.bit, reverse, blocks, w.reshape(1, h, h), passed.reshape(1, h), free.residual + float(error.sum()))


def _merged(children, weights, reverse):
    """One row for the rows of a left and a right child, pairs of shape (count, 2, m), the right one reversed or not."""
    if reverse:
        children = np.stack([children[:, 0], children[:, 1, ::-1]], axis=1)
    return rank_one(children, weights, 1)


def probe(nodes, weights, bit):
    """Split a few pairs of rows: their children (some, 2, m/2), weights (some, 2) and residual."""
    count, m, _ = nodes.shape
    h = m // 2
    v, k = np.divmod(sample(count * h), h)
    rows = nodes.reshape(count, 2, h, m)[v, :, k]
    order = _order(m, bit)
    if order is not None and order.ndim == 2:
        order = order[v]
    _, w, passed, error = rank_one(rows, weights.reshape(count, 2, h)[v, :, k], 2, order)
    return w[:, :, 0], passed[:, :, 0], float(error.sum())


def _order(m, bit):
    """Gather indices that group the columns by bit: None for halves, which stand so; an array as it is."""
    if np.ndim(bit):
        return bit
    return np.r_[0:m:2, 1:m:2] if bit else None


@cache
def sample(count):
    """A fixed choice of at most 16 different indices below count, without a period that a structure could share."""
    if count <= _PROBES:
        return np.arange(count)
    return np.unique(np.random.default_rng(0).integers(count, size=_PROBES))
