"""The best product of several butterfly matrices for a target without an exact form: T ~ B_k P_k ... B_1 P_1.

Free factors, permutations the identity or the bit reversal, all stages fitted at once by L-BFGS on

    f = 1/2 ||T - B_k P_k ... B_1 P_1||_F^2

Tied factors, where they are asked for, in the same way; those that are peeled off bring reversals in P_1 along.

Rows and columns are first put in an order in which the matrix varies slowly, if there is one.

Several starts race: the optimum for k - 1 with a factor near the identity added on either side, and random unitary
factors for the choices of permutations, of T and of its transpose, most of them for the choice that leads; the best go
on. This is a compression at a budget of 2 k n log2 n numbers, not an approximation to any accuracy; on smooth kernels
low rank is often better, and `learn` says so.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product

import numpy as np

from pyfly._algebra import to_untied
from pyfly._learn._bases import bit_reversal
from pyfly._learn._found import Found, behind, reordered
from pyfly._learn._gradient_fit import last_stage, random_unitary, untied
from pyfly._learn._levels import Tied, Untied
from pyfly._learn._realpart import reversing
from pyfly._learn._seriation import seriated

# Evaluations of the heats of a race, and how many starts go on from each; for sizes up to _FULL, fewer beyond. One
# factor is soon done. Of several, a first heat finds the best permutations, and new starts with them join the next: in
# the end starts differ by a tenth, twice the evaluations of one by a hundredth.
_ONE_FACTOR = ((60, 2), (240, 2))
_HEATS = ((150, 8), (200, 10), (600, 3), (3000, 2))
# New starts at size _FULL; fewer at smaller and at larger ones.
_JOINING = 100
_FULL = 64
_LEAST = 6
# Variables change unit after so many evaluations.
_LAP = 100
# How far added factors are from the identity.
_NEAR = (0.01, 0.03)


@dataclass
class _Runner:
    """A product on its way: of the target or of its transpose, first factor to act first."""

    turned: bool
    twiddles: np.ndarray
    perms: list
    error: float = np.inf
    history: list = field(default_factory=list)


def single(target):
    """The best of four products B P by peeling: the identity or the bit reversal, of the matrix or its transpose.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 4.

    Returns
    -------
    Found
    """
    best = min(_projections(target, False), key=lambda runner: runner.error)
    return _found(best, 1.0, False, "peeled off in a fixed order")


def compress(target, depth, *, tol, tied=False, start=None, seed=0, progress=None):
    """Fit (BP)^k for k = 1 ... depth, each from the best of the one before and from random factors.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 4.
    depth : int
        Largest k.
    tol : float
        Relative error at which to stop: the smallest k that reaches it.
    tied : bool
        Whether all pairs of a stage share their blocks.
    start : Found, optional
        A product that is known already: B P, or its transpose, is a start as well.
    seed : int
    progress : callable, optional

    Returns
    -------
    Found
        Of the depth with the least error. The history is the relative error of every evaluation of its fits.
    """
    n, rng = len(target), np.random.default_rng(seed)
    rows, columns = seriated(target)
    if rows is not None or columns is not None:
        target, start = np.ascontiguousarray(reordered(target, rows, columns)), None
    scale = np.sqrt(n) / float(np.linalg.norm(target))
    # columns of the view, real numbers in a row
    views = [np.ascontiguousarray(view * scale) for view in (target.T, target)]
    runners = [*_projections(target, tied), *_known(start, tied)]
    for runner in runners:
        runner.twiddles[0][last_stage(n, tied)] *= scale
    best = None
    for k in range(1, depth + 1):
        with _one_thread():
            runners = _race(views, runners, tied, rng, progress, (k - 1) / depth)
        if best is None or runners[0].error < best.error:
            best = runners[0]
        if best.error <= tol:
            break
        if k < depth:
            runners = _starts(k + 1, runners, partial(_random, n, tied, np.iscomplexobj(target), rng))
    count = len(best.perms)
    kind = "tied" if tied else "free"
    how = f"{count} {kind} factor{'s' * (count > 1)} fitted by L-BFGS, from the best of several starts"
    return behind(_found(best, 1 / scale, tied, how), rows, columns)


def _one_thread():
    """L-BFGS works on short vectors, where threads of BLAS only wait: one, if threadpoolctl is there."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1, user_api="blas")


def _projections(target, tied):
    """Products B P by peeling, without a choice at the levels."""
    n, levels = len(target), Tied() if tied else Untied()
    runners = []
    for turned, perm in product((False, True), (np.arange(n), bit_reversal(n))):
        view = target.T if turned else target
        nodes, weights, steps = view[:, perm][None], np.ones((1, n)), []
        while nodes.shape[-1] > 2:
            steps.append(levels.step(nodes, weights, 0))
            nodes, weights, steps[-1].children = steps[-1].children, steps[-1].weights, None
        stages = [nodes, *(step.blocks for step in steps[::-1])]
        if tied:
            twiddle = np.concatenate([stage.reshape(-1, 2, 2) for stage in stages])
            perm = perm[reversing([step.reverse for step in steps])]
        else:
            twiddle = np.stack([stage.reshape(n // 2, 2, 2) for stage in stages])
        error = float(np.sqrt(sum(step.residual for step in steps)) / np.linalg.norm(target))
        runners.append(_Runner(turned, twiddle[None], [perm], error))
    return runners


def _known(found, tied):
    """A product B P that another search has found."""
    from pyfly._operators import Butterfly, Permutation

    if found is None or found.model not in ("BP", "(BP)^T"):
        return []
    turned = found.model != "BP"
    factors = tuple(factor.T for factor in found.factors[::-1]) if turned else found.factors
    if [type(factor) for factor in factors] != [Butterfly, Permutation]:
        return []
    butterfly, perm = factors
    twiddle = np.array(butterfly.twiddle if tied else to_untied(butterfly).twiddle)
    return [_Runner(turned, twiddle[None], [perm.perm], found.history[-1])]


def _starts(k, leaders, random):
    """Products of k factors to begin with."""
    n = len(leaders[0].perms[0])
    orders = (np.arange(n), bit_reversal(n))
    runners = []
    for leader, order, size in product(leaders, orders, _NEAR):
        near = random() * size
        near[..., 0, 0] += 1
        near[..., 1, 1] += 1
        runners.append(_Runner(leader.turned, np.stack([*leader.twiddles, near]), [*leader.perms, order]))
        runners.append(_Runner(leader.turned, np.stack([near, *leader.twiddles]), [order, *leader.perms]))
    for turned, perms in product((False, True), product(orders, repeat=k)):
        runners.append(_start(turned, list(perms), random))
    return runners


def _start(turned, perms, random):
    return _Runner(turned, np.stack([random() for _ in perms]), perms)


def _random(n, tied, complex_factors, rng):
    """Random orthogonal or unitary blocks."""
    return np.array(random_unitary(n, tied, complex_factors, rng), np.complex128 if complex_factors else np.float64)


def _race(views, runners, tied, rng, progress, share):
    """Fit all a little, the better ones longer; the last ones, best first."""
    n, is_complex = len(views[0]), np.iscomplexobj(views[0])
    for heat, (evaluations, keep) in enumerate(_HEATS if len(runners[0].perms) > 1 else _ONE_FACTOR):
        for index, runner in enumerate(runners):
            if progress is not None:
                k = len(runner.perms)
                progress(share + heat / 10, f"(BP)^{k}: heat {heat + 1}, {index + 1} of {len(runners)}")
            _fit(views[runner.turned], runner, tied, max(_LEAST, evaluations * _FULL // max(n, _FULL)))
        runners = sorted(runners, key=lambda runner: runner.error)
        leader, runners = runners[0], runners[:keep]
        if heat == 0 and len(leader.perms) > 1:
            joining = _JOINING * min(n, _FULL) // max(n, _FULL)
            random = partial(_random, n, tied, is_complex, rng)
            runners += [_start(leader.turned, leader.perms, random) for _ in range(joining)]
    return runners


def _fit(columns, runner, tied, evaluations):
    """L-BFGS on all twiddles, in laps with units of their own."""
    from pyfly import _fit_chain
    from pyfly._learn._gradient_polish import polish

    n, depth = len(columns), len(runner.perms)
    dtype = columns.dtype
    mode = 1 if np.iscomplexobj(columns) else 0
    perms, target = np.stack(runner.perms).astype(np.int64), columns.view(np.float64)
    theta = np.ascontiguousarray(runner.twiddles, dtype=dtype).ravel().view(np.float64)
    space = np.empty(_fit_chain.workspace(n, n, depth, mode, False))
    none = np.empty((depth, 0))
    norm = float(np.linalg.norm(columns))

    def evaluate(theta):
        gradient = np.empty_like(theta)
        theta = np.ascontiguousarray(theta)
        return _fit_chain.distance(theta, target, n, mode, tied, perms, none, space, gradient, none), gradient

    while evaluations > 0:
        lap = min(_LAP, evaluations)
        evaluations -= lap
        twiddles = theta.view(dtype).reshape(runner.twiddles.shape)
        moved = np.repeat((_tied_units if tied else _units)(twiddles, runner.perms).ravel(), 1 + mode)
        theta, values = polish(theta, evaluate, norm=norm, units=np.maximum(moved, 1e-4 * moved.max()), evaluations=lap)
        theta = np.ascontiguousarray(theta)
        errors = np.sqrt(2 * np.minimum.accumulate(values)) / norm
        runner.history += [float(error) for error in errors]
        if len(errors) < lap // 2 or errors[-1] > errors[0] * (1 - 1e-4):
            break
    runner.twiddles, runner.error = theta.view(dtype).reshape(runner.twiddles.shape), runner.history[-1]


def _units(twiddles, perms):
    """How far the product moves with each entry: norm of what goes in times norm of what comes out."""
    depth, levels, half = twiddles.shape[:3]
    n = 2 * half
    pair = np.arange(half)
    places = [2 * (pair - pair % s) + pair % s for s in 1 << np.arange(levels)]
    moved = np.empty(twiddles.shape)
    rows = np.eye(n, dtype=twiddles.dtype)  # of the product so far
    for k in range(depth):
        rows = rows[perms[k]]
        for s, upper in enumerate(places):
            both = rows[upper], rows[upper + (1 << s)]
            size = [np.linalg.norm(row, axis=1) for row in both]
            moved[k, s] = np.stack(size, axis=-1)[:, None]
            rows = np.empty_like(rows)
            blocks = twiddles[k, s][..., None]
            rows[upper] = blocks[:, 0, 0] * both[0] + blocks[:, 0, 1] * both[1]
            rows[upper + (1 << s)] = blocks[:, 1, 0] * both[0] + blocks[:, 1, 1] * both[1]
    columns = np.eye(n, dtype=twiddles.dtype)  # of the product to come, as rows
    for k in range(depth - 1, -1, -1):
        for s in range(levels - 1, -1, -1):
            upper = places[s]
            both = columns[upper], columns[upper + (1 << s)]
            moved[k, s] *= np.stack([np.linalg.norm(row, axis=1) for row in both], axis=-1)[:, :, None]
            columns = np.empty_like(columns)
            blocks = twiddles[k, s][..., None]
            columns[upper] = blocks[:, 0, 0] * both[0] + blocks[:, 1, 0] * both[1]
            columns[upper + (1 << s)] = blocks[:, 0, 1] * both[0] + blocks[:, 1, 1] * both[1]
        before = columns
        columns = np.empty_like(before)
        columns[perms[k]] = before
    return moved


def _tied_units(twiddles, perms):
    """The same for tied factors, about: the parts of the product that one block moves are taken as orthogonal."""
    n = twiddles.shape[1] + 1
    moved = np.square(_units(np.stack([untied(twiddle, n) for twiddle in twiddles]), perms))
    strides = 1 << np.arange(n.bit_length() - 1)
    parts = [moved[:, s].reshape(len(moved), -1, stride, 2, 2).sum(axis=1) for s, stride in enumerate(strides)]
    return np.sqrt(np.concatenate(parts, axis=1))


def _found(runner, scale, tied, how):
    from pyfly._operators import Butterfly, Permutation

    factors = []
    for k, (twiddle, perm) in enumerate(zip(runner.twiddles, runner.perms, strict=True)):
        if k == len(runner.perms) - 1:
            twiddle = twiddle.copy()
            twiddle[last_stage(len(perm), tied)] *= scale
        factors = [Butterfly(twiddle, tied=tied), Permutation(perm), *factors]
    count = len(runner.perms)
    model = "BP" if count == 1 else "BPBP" if count == 2 else f"(BP)^{count}"
    perm = runner.perms[0]
    if runner.turned:
        factors, model = [factor.T for factor in factors[::-1]], f"({model})^T"
        perm = np.argsort(runner.perms[-1])
    return Found(tuple(factors), model, perm, tied, [*runner.history, runner.error], f"No exact form: {how}.")
