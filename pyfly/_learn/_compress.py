"""The best product of several butterfly matrices for a target without an exact form: T ~ B_k P_k ... B_1 P_1.

Free factors, permutations the identity or the bit reversal, all stages fitted at once by L-BFGS on

    f = 1/2 ||T - B_k P_k ... B_1 P_1||_F^2

Several starts are scored by short fits: the optimum for k - 1 with a factor near the identity added on either side, and
random unitary factors for the choices of permutations. This is a compression at a budget of 2 k n log2 n numbers,
not an approximation to any accuracy; on smooth kernels low rank is often better, and `learn` says so.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from pyfly._learn._bases import bit_reversal
from pyfly._learn._found import Found

_SHORT, _LONG = 40, 300


def compress(target, start, depth, *, tol, seed=0, progress=None):
    """Fit (BP)^k for k = 2 ... depth, each from the best of the one before and from random factors.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 4.
    start : Found
        A product of one butterfly and one permutation, either way round.
    depth : int
        Largest k.
    tol : float
        Relative error at which to stop.
    seed : int
    progress : callable, optional

    Returns
    -------
    Found
        Of the depth with the least error. The history is the relative error of every evaluation of its fits.
    """
    turned = start.model == "(BP)^T"
    view = target.T if turned else target
    n, rng = len(view), np.random.default_rng(seed)
    norm = float(np.linalg.norm(view))
    unit = np.ascontiguousarray(view.T) * (np.sqrt(n) / norm)
    chain, history = _first(start, turned, np.sqrt(n) / norm), []
    error, chain = _fit(unit, chain, _LONG, history)
    orders = (np.arange(n), bit_reversal(n))
    for k in range(2, depth + 1):
        if error <= tol:
            break
        near = _random(n, np.iscomplexobj(unit), rng) * 1e-2
        near[..., 0, 0] += 1
        near[..., 1, 1] += 1
        starts = [[*chain, (near, orders[0])], [(near, orders[0]), *chain]]
        starts += [
            [(_random(n, np.iscomplexobj(unit), rng), perm) for perm in perms] for perms in product(orders, repeat=k)
        ]
        tried = []
        for index, begin in enumerate(starts):
            if progress is not None:
                progress((k - 2 + index / len(starts)) / (depth - 1), f"(BP)^{k}: start {index + 1} of {len(starts)}")
            tried.append((*_fit(unit, begin, _SHORT, []), begin))
        best = min(tried, key=lambda result: result[0])
        longer, deeper = _fit(unit, best[1], _LONG, history)
        if longer >= error:
            break
        error, chain = longer, deeper
    return _found(chain, error, history, norm / np.sqrt(n), turned)


def _random(n, complex_factors, rng):
    """Untied random orthogonal or unitary blocks."""
    from pyfly._learn._gradient_fit import random_unitary

    return np.array(random_unitary(n, False, complex_factors, rng), np.complex128 if complex_factors else np.float64)


def _first(start, turned, scale):
    """The single factor as (twiddle, perm), first to act first, in the units of the fit."""
    factors = tuple(factor.T for factor in start.factors[::-1]) if turned else start.factors
    butterfly, perm = factors
    twiddle = np.array(butterfly.twiddle)
    n = butterfly.shape[0]
    if butterfly.tied:
        from pyfly._learn._gradient_fit import untied

        twiddle = np.array(untied(twiddle, n))
    twiddle[-1] *= scale
    return [(twiddle, perm.perm)]


def _fit(unit, chain, evaluations, history):
    """L-BFGS on all twiddles of a chain: relative error and the chain at the best point met."""
    from pyfly._functions import butterfly_multiply, butterfly_multiply_grad
    from pyfly._learn._gradient_polish import polish

    n = len(unit)
    shape, dtype = chain[0][0].shape, np.result_type(unit, chain[0][0])
    perms = [perm for _, perm in chain]
    inverses = [np.argsort(perm) for perm in perms]
    identity = np.eye(n, dtype=dtype)

    def twiddles(theta):
        return theta.view(dtype).reshape(len(perms), *shape)

    def evaluate(theta):
        factors, inputs, x = twiddles(np.ascontiguousarray(theta)), [], identity
        for twiddle, perm in zip(factors, perms, strict=True):
            inputs.append(np.ascontiguousarray(x[:, perm]))
            x = butterfly_multiply(twiddle, inputs[-1])
        g = x - unit
        value = 0.5 * float(np.square(np.abs(g)).sum())
        gradient = np.empty((len(perms), *shape), dtype)
        for k in range(len(perms) - 1, -1, -1):
            gradient[k], g = butterfly_multiply_grad(factors[k], inputs[k], g)
            g = np.ascontiguousarray(g[:, inverses[k]])
        return value, gradient.ravel().view(np.float64)

    norm = float(np.linalg.norm(unit))
    theta = np.stack([np.asarray(twiddle, dtype) for twiddle, _ in chain]).ravel().view(np.float64)
    theta, values = polish(theta, evaluate, norm=norm, units=np.ones(len(theta)), evaluations=evaluations)
    history += [float(np.sqrt(2 * value)) / norm for value in np.minimum.accumulate(values)]
    best = twiddles(np.ascontiguousarray(theta))
    return float(np.sqrt(2 * min(values))) / norm, [(best[k].copy(), perm) for k, perm in enumerate(perms)]


def _found(chain, error, history, scale, turned):
    from pyfly._operators import Butterfly, Permutation

    factors = []
    for k, (twiddle, perm) in enumerate(chain):
        if k == len(chain) - 1:
            twiddle = twiddle.copy()
            twiddle[-1] *= scale
        factors = [Butterfly(twiddle), Permutation(perm), *factors]
    model = "BP" if len(chain) == 1 else "BPBP" if len(chain) == 2 else f"(BP)^{len(chain)}"
    perm = chain[0][1]
    if turned:
        factors, model = [factor.T for factor in factors[::-1]], f"({model})^T"
        perm = np.argsort(chain[-1][1])
    note = f"No exact form: {len(chain)} free factors fitted by L-BFGS, from the best of several starts."
    return Found(tuple(factors), model, perm, False, [*history, error], note)
