"""Algebraic search when rows and columns both stand in any order: T = P B P' with arbitrary permutations P, P'.

In the right order rows k and k + m/2 of a node are parallel on either half of its columns. For two such rows the
directions of the columns (u, v), points of the unit sphere as in `_cluster`, take two values only, which shows whatever
the order of the columns. One row and its partner then split the columns of every node, and all other rows find theirs
by being parallel on both halves:

    partner of one row  ->  halves of the columns  ->  partners of all rows  ->  the stage, as in `_levels.split`

Each level works on a few hundred columns and then takes its stage off: O(n^2) in all. The orders of the rows follow
from the pairs, the last level's first. Columns of zeros have no direction: with many of them the halves follow from
all pairs together, each saying which of its columns stand on the same side.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._found import Found
from pyfly._learn._levels import sample, split
from pyfly._scans import spread, transposed

# Columns that are looked at to compare rows.
_COLUMNS, _FEW = 256, 32
# Nodes that are looked at to compare rows.
_NODES = 64
# Two rows whose columns leave more than this share of their energy outside two directions are no partners; nor are rows
# that leave more than this outside one direction on either half.
_TWO_VALUES, _ONE_VALUE = 0.05, 0.1
# Large rows to begin with, rounds from each, and the part of the energy in mutual pairs at which they end.
_REFERENCES, _TURNS, _SURE = 3, 5, 0.9
# Share of zeros from which columns are sorted by what all pairs of rows say.
_EMPTY = 0.2
# Numbers worked on at a time.
_SLAB = 1 << 16
# What tells equal distances apart.
_TIE = 1e-14
# Rounds of telling noise on zeros from all else.
_ROUNDS = 6
_EPS = np.finfo(np.float64).eps


def clean(target):
    """The matrix with zeros for the entries that are no larger than white noise on zeros; None where few are."""
    n, complex_noise = len(target), np.iscomplexobj(target)
    sizes = np.abs(target[:: max(1, n // 64)])
    # from the smaller half of the zeros, half of all, up to the largest of n^2 normal numbers
    deviation = float(np.quantile(sizes, 0.25)) / (0.8326 if complex_noise else 0.6745)
    reach = np.sqrt((1 if complex_noise else 2) * np.log(10 * n * n))
    for _ in range(_ROUNDS):
        noise = sizes[sizes <= reach * deviation]
        deviation = float(np.sqrt(np.square(noise).mean())) if noise.size else 0.0
    level = reach * deviation
    empty = np.count_nonzero(sizes <= level) / sizes.size
    return np.where(np.abs(target) <= level, 0, target) if _EMPTY < empty < 1 - 1 / n and level > 0 else None


def unordered(target, *, give_up=0.2):
    """Find T = P B P' with one butterfly matrix between two permutations.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 4.
    give_up : float
        Share of the target's energy beyond which the search stops.

    Returns
    -------
    Found or None
        Factors (Permutation, Butterfly, Permutation), the first left out where it is the identity; the last number of
        the history is the relative residual.
    """
    n = len(target)
    limit = give_up * float(np.vdot(target, target).real)
    nodes, weights = target[None], np.ones((1, n))
    rows, columns, steps, pairings, total = np.arange(n), np.arange(n), [], [], 0.0
    while nodes.shape[-1] > 2:
        m = nodes.shape[-1]
        found = _pair_rows(nodes)
        if found is None:
            return None
        pairs, order = found
        pairings.append(pairs)
        gather = pairs.T.ravel()
        step = split(nodes[:, gather], weights[:, gather], order)
        columns = np.take_along_axis(columns.reshape(-1, m), order, axis=1).ravel()
        nodes, weights, step.children = step.children, step.weights, None
        steps.append(step.blocks)
        total += step.residual
        if total > limit:
            return None
    rows, stages = _in_order(pairings, [nodes[:, None], *steps[::-1]])
    return _found(rows, columns, np.stack(stages), np.sqrt(total) / np.linalg.norm(target))


def _pair_rows(nodes):
    """Pairs of rows, shape (m/2, 2), and the gather indices that split the columns of every node; None without any."""
    size = np.sqrt(np.einsum("vij,vij->i", nodes, nodes.conj(), optimize=False).real)
    scale = 1 / np.where(size > 0, size, 1)
    if _sparse(nodes):
        m = nodes.shape[1]
        for rows in (sample(m), np.arange(m)):
            apart = spread(nodes, scale, rows, _FEW)
            apart[np.arange(len(rows)), rows] = np.inf
            if not np.median(apart.min(axis=1)) < 4 * _TWO_VALUES:
                return None
        apart += transposed(apart)
        if not np.median(apart.min(axis=1)) < 4 * _TWO_VALUES:
            return None
        # rows without a common column are a tie: any choice but the same for all
        place = np.random.default_rng(m).random(m) * _TIE
        for row, here in zip(apart, place, strict=True):
            row += np.abs(place - here)
        pairs = _match(apart)
        del apart
        return pairs, _halves(nodes, scale, pairs, True)
    for reference in np.argsort(-size, kind="stable")[:_REFERENCES]:
        apart = _spread(nodes, scale, reference)
        apart[reference] = np.inf
        partner = int(apart.argmin())
        if apart[partner] < _TWO_VALUES:
            found = _from_pair(nodes, size, scale, np.array([[reference, partner]]))
            if found is not None:
                return found
    return None


def _from_pair(nodes, size, scale, pairs):
    """All pairs and the halves from one: the halves from the pairs that are there, pairs from the halves, in turn."""
    for _ in range(_TURNS):
        order = _halves(nodes, scale, pairs, False)
        rows = np.flatnonzero(size)
        rows = rows[sample(len(rows))]
        if not _parallel(nodes, scale, order, rows).min(axis=1).mean(dtype=np.float64) < _ONE_VALUE:
            return None
        residual = _parallel(nodes, scale, order)
        partner = residual.argmin(axis=1)
        mutual = _mutual(partner)
        # rows lost in noise, or whose partner is, say nothing
        sure = np.average(mutual, weights=size * size[partner]) > _SURE
        first = np.flatnonzero(mutual & (np.arange(len(size)) < partner))
        pairs = _match(residual) if sure else np.stack([first, partner[first]], axis=1)
        # several pairs together say more about the columns than one, large rows more than small ones
        strong = pairs[np.argsort(-size[pairs].min(axis=1), kind="stable")[: len(sample(len(size)))]]
        if not len(pairs):
            return None
        if sure:
            return pairs, _halves(nodes, scale, strong, False)
        pairs = strong
    return None


def _sparse(nodes):
    return np.count_nonzero(nodes) < (1 - _EMPTY) * nodes.size


def _spread(nodes, scale, reference):
    """Share of the energy of row `reference` with every other row that lies outside two directions, on some columns."""
    row = nodes[:, reference] * scale[reference]
    some = _some_columns(row)
    u = np.take_along_axis(row, some, 1)[:, None]
    v = np.take_along_axis(nodes, some[:, None], 2) * scale[:, None]
    uu, vv = (u.conj() * u).real, (v.conj() * v).real
    across = 2 * u.conj() * v
    weight = uu + vv
    parts = [uu - vv, across.real] + ([across.imag] if np.iscomplexobj(nodes) else [])
    points = np.stack(parts, axis=2)
    total = weight.sum(axis=-1)
    mean = points.sum(axis=-1)
    points /= np.sqrt(np.where(weight > 0, weight, 1))[:, :, None]
    moments = points @ points.swapaxes(2, 3)
    moments -= mean[..., :, None] * mean[..., None, :] / np.where(total > 0, total, 1)[..., None, None]
    values = np.linalg.eigvalsh(moments)
    return values[..., :-1].sum(axis=(0, 2)) / np.maximum(total.sum(axis=0), 1e-300)


def _some_columns(row):
    """Columns to compare rows on: the largest entries of one row, and some others."""
    count, m = row.shape
    most = max(4, _COLUMNS // count)
    if m <= most:
        return np.broadcast_to(np.arange(m), (count, m))
    largest = np.argsort(-np.abs(row), axis=1, kind="stable")
    rng = np.random.default_rng(m)
    rest = rng.choice(m - most // 2, most - most // 2, replace=False) + most // 2
    return np.concatenate([largest[:, : most // 2], largest[:, rest]], axis=1)


def _halves(nodes, scale, pairs, sparse):
    """Split the columns of every node into two halves by the directions seen in some pairs of rows."""
    if not sparse:
        return _by_component(*_directions(nodes, scale, pairs))
    count, m, _ = nodes.shape
    height = max(1, _SLAB // (count * m))
    told = [_told(*_directions(nodes, scale, pairs[i : i + height])) for i in range(0, len(pairs), height)]
    return _sides(np.concatenate(told, axis=1))


def _directions(nodes, scale, pairs):
    """Directions (count, pairs, axes, m) of the columns in pairs of rows, and which columns have one."""
    u, v = nodes[:, pairs[:, 0]] * scale[pairs[:, 0], None], nodes[:, pairs[:, 1]] * scale[pairs[:, 1], None]
    uu, vv = (u.conj() * u).real, (v.conj() * v).real
    length = uu + vv
    across = 2 * u.conj() * v
    parts = [uu - vv, across.real] + ([across.imag] if np.iscomplexobj(nodes) else [])
    there = length > (64 * _EPS) ** 2 * length.max(axis=-1, keepdims=True)
    points = np.stack(parts, axis=2) / np.where(there, length, 1)[:, :, None]
    points *= there[:, :, None]
    return points, there


def _by_component(points, there):
    """Halves of the columns by the sign of the leading principal component of their directions."""
    count, pairs, axes, m = points.shape
    mean = points.sum(axis=-1, keepdims=True) / np.maximum(there.sum(axis=-1), 1)[:, :, None, None]
    points = ((points - mean) * there[:, :, None]).reshape(count, pairs * axes, m)
    component = np.linalg.eigh(points @ points.swapaxes(1, 2))[1][..., -1]
    along = (component[:, None] @ points)[:, 0]
    second = np.zeros((count, m), dtype=bool)
    np.put_along_axis(second, np.argsort(along, axis=1, kind="stable")[:, m // 2 :], True, axis=1)
    return np.argsort(second ^ second[:, :1], axis=1, kind="stable")


def _told(points, there):
    """On which side of its own a pair of rows puts each column, 1 or -1; 0 where it says nothing."""
    first = there.argmax(axis=2)
    apart = np.square(points - np.take_along_axis(points, first[:, :, None, None], 3)).sum(axis=2)
    most = apart.max(axis=2, keepdims=True)
    # columns of one direction are no constraint: they are parallel on whatever side
    return np.where(apart > 0.25 * most, np.float32(-1), np.float32(1)) * (there & (most > 1e-12))


def _sides(told):
    """Halves of columns with many zeros: every pair of rows sorts the columns it sees into two sides."""
    count, _, m = told.shape
    component = _components(told != 0)
    side = (component == np.arange(m)).astype(np.float32)
    for _ in range(2 * m):
        before = np.count_nonzero(side)
        said = np.sign(told @ side[:, :, None])
        side = np.where(side == 0, np.sign(said.swapaxes(1, 2) @ told)[:, 0], side)
        if np.count_nonzero(side) == before:
            break
    side[side == 0] = 1
    # each component may be turned over: halves of equal size, small components last
    node = np.arange(count)
    sizes, turn, balance = np.zeros((count, m)), np.ones((count, m)), np.zeros(count)
    np.add.at(sizes, (node[:, None], component), side)
    for index in np.argsort(-np.abs(sizes), axis=1, kind="stable").T:
        size = sizes[node, index]
        if not size.any():
            break
        turn[node, index] = np.where(size * balance > 0, -1, 1)
        balance += turn[node, index] * size
    side *= np.take_along_axis(turn, component, axis=1)
    order = np.argsort(-side, axis=1, kind="stable")
    return np.where(side[:, :1] > 0, order, np.roll(order, m // 2, axis=1))


def _components(seen):
    """First column of the component of every column; columns that a pair of rows sees are connected."""
    label = np.broadcast_to(np.arange(seen.shape[2], dtype=np.int32), (len(seen), seen.shape[2]))
    while True:
        least = np.where(seen, label[:, None], seen.shape[2]).min(axis=2)
        lower = np.minimum(label, np.where(seen, least[:, :, None], seen.shape[2]).min(axis=1))
        lower = np.take_along_axis(lower, lower, axis=1)
        if (lower == label).all():
            return label
        label = lower


def _parallel(nodes, scale, order, rows=None):
    """How far rows are from parallel, on either half of the columns, summed over nodes: shape (m or len(rows), m).

    Single precision tells partners from others, at half the time.
    """
    count, m, _ = nodes.shape
    h = m // 2
    rows = np.arange(m) if rows is None else rows
    rng = np.random.default_rng(m)
    chosen = np.arange(count) if count <= _NODES else rng.choice(count, _NODES, replace=False)
    width = min(h, max(2, _COLUMNS // (4 * len(chosen))))
    residual, total = np.zeros((len(rows), m), np.float32), np.zeros(m)
    for v in chosen:
        for half in order[v].reshape(2, h):
            some = half if width == h else half[rng.choice(h, width, replace=False)]
            block = nodes[v][:, some] * scale[:, None]
            size = np.vecdot(block, block).real / 2
            total += size
            block = block.astype(np.complex64 if np.iscomplexobj(block) else np.float32)
            gram = block[rows] @ block.conj().T
            # the smaller eigenvalue of every 2 x 2 Gram matrix: what rank one leaves of two rows
            squares = (
                np.square(gram.real) + np.square(gram.imag) if np.iscomplexobj(gram) else np.square(gram, out=gram)
            )
            size = size.astype(np.float32)
            squares += np.square(size[rows, None] - size)
            residual -= np.sqrt(squares, out=squares)
            residual += size[rows, None] + size
    # rows of zeros are parallel to all: they take what the others leave
    residual[:, total == 0] = residual[total[rows] == 0] = np.finfo(np.float32).max
    residual[np.arange(len(rows)), rows] = np.inf
    return residual


def _match(residual):
    """Pairs of rows, shape (m/2, 2): the closest pairs first, which is each with its closest where that is mutual."""
    free, pairs = np.arange(len(residual)), []
    while len(free):
        partner = residual.argmin(axis=1)
        here = np.flatnonzero(_mutual(partner) & (np.arange(len(free)) < partner))
        pairs.append(np.stack([free[here], free[partner[here]]], axis=1))
        left = np.setdiff1d(np.arange(len(free)), np.concatenate([here, partner[here]]))
        free, residual = free[left], residual[np.ix_(left, left)] if len(left) else residual
    pairs = np.concatenate(pairs)
    return pairs[np.argsort(pairs[:, 0])]


def _mutual(partner):
    return partner[partner] == np.arange(len(partner))


def _in_order(pairings, stages):
    """Orders of the rows from the pairs, the smallest nodes first, and the stages rearranged to them.

    Pair p of a level is row p of the next: the order of the next level's rows is that of this level's pairs.
    """
    order = np.arange(2)
    out = [stages[0].reshape(-1, 2, 2)]
    for pairs, stage in zip(pairings[::-1], stages[1:], strict=True):
        out.append(stage[:, order].reshape(-1, 2, 2))
        order = pairs[order].T.ravel()
    return order, out


def _found(rows, columns, twiddle, error):
    from pyfly._operators import Butterfly, Permutation

    n = len(rows)
    place = np.arange(n)
    factors, model, perm = (Butterfly(twiddle), Permutation(columns)), "BP", columns
    if (rows != place).any():
        # T[rows] = B P'
        inverse = np.empty_like(rows)
        inverse[rows] = place
        factors, model = (Permutation(inverse), *factors), "P BP"
    note = "The order of the rows and that of the columns were found from pairs of rows, then the stages peeled off."
    return Found(factors, model, perm, False, [float(error)], note)
