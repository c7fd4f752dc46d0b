"""Algebraic search when the columns stand in any order: T = B P with an arbitrary permutation P.

In rows k and k + m/2 of a node every column is a multiple of one of two vectors, that of its own half. The column's
direction (u, v), a point of the unit sphere

    ( |u|^2 - |v|^2,  2 Re conj(u) v,  2 Im conj(u) v ) / ( |u|^2 + |v|^2 ),

therefore takes two values for each k, and the leading principal component of these points over some k separates the
two children. Scales and phases of the columns drop out. Blocks of zeros leave a column open: with many of them an
arbitrary permutation can be missed, one of the choices (a, b, c) cannot, since those are tried by name.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._levels import sample, split
from pyfly._rank_one import rank_one


def group_columns(nodes):
    """Find the two groups of columns of every node.

    Parameters
    ----------
    nodes : ndarray, shape (count, m, m)

    Returns
    -------
    ndarray of int64, shape (count, m)
        Gather indices of the columns: one group, then the other, each ascending; the first column comes first.
    """
    m = nodes.shape[1]
    rows = sample(m // 2)
    return _grouped(nodes[:, rows], nodes[:, rows + m // 2])


def _grouped(u, v):
    """The two groups of columns by their directions in pairs of rows, u and v of shape (count, pairs, m)."""
    count, _, m = u.shape
    uu, vv, across = (u.conj() * u).real, (v.conj() * v).real, 2 * u.conj() * v
    length = uu + vv
    there = length > 0
    parts = [uu - vv, across.real] + ([across.imag] if np.iscomplexobj(u) else [])
    points = np.stack(parts) / np.where(there, length, 1)
    # A column of zeros has no direction: it stands at the mean and goes where there is room.
    points -= points.sum(axis=-1, keepdims=True) / np.maximum(there.sum(axis=-1, keepdims=True), 1)
    points = np.moveaxis(points * there, 0, 1).reshape(count, -1, m)
    component = np.linalg.eigh(points @ points.swapaxes(1, 2))[1][..., -1]
    along = (component[:, None] @ points)[:, 0]
    second = np.zeros((count, m), dtype=bool)
    np.put_along_axis(second, np.argsort(along, axis=1, kind="stable")[:, m // 2 :], True, axis=1)
    return np.argsort(second ^ second[:, :1], axis=1, kind="stable")


def guess(matrix):
    """Estimate the squared error of the first level from a few pairs of rows; infinite where there is no level."""
    n = len(matrix)
    if n < 4:
        return np.inf
    # of a pair at most the smaller row is lost: those count that could lose most, and among them the share that is
    energy = np.vecdot(matrix, matrix).real
    most = np.minimum(energy[: n // 2], energy[n // 2 :])
    rows = np.argsort(-most, kind="stable")[: len(sample(n // 2))]
    u, v = matrix[None, rows], matrix[None, rows + n // 2]
    error = rank_one(np.concatenate([u, v], axis=1), np.ones((1, 2 * len(rows))), 2, _grouped(u, v))[-1]
    return float(error.sum() / max(most[rows].sum(), 1e-300) * most.sum())


def peel_clustered(matrix, give_up, report):
    """Take off all stages, the columns of every node in an order of its own.

    Returns
    -------
    steps : list of Step
    last : ndarray, shape (n/2, 2, 2)
        Stage of stride 1.
    total : float
        Squared error; infinite when it would exceed ``give_up``.
    perm : ndarray of int64
        Gather indices of the permutation.
    """
    n = len(matrix)
    nodes, weights, perm = matrix[None], np.ones((1, n)), np.arange(n)
    steps, total = [], 0.0
    while nodes.shape[-1] > 2 and total <= give_up:
        report(len(steps))
        order = group_columns(nodes)
        step = split(nodes, weights, order)
        perm = np.take_along_axis(perm.reshape(order.shape), order, axis=1).ravel()
        nodes, weights, step.children = step.children, step.weights, None
        total += step.residual
        steps.append(step)
    return steps, nodes, (total if total <= give_up else np.inf), perm
