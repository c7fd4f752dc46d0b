"""The end of the gradient search: L-BFGS in float64, from a few per mille to the rounding of the target.

Close to a solution the distance is quadratic in the directions that matter; those that only move a factor from one
stage to the next are flat and do no harm. But the stages are of different weight: tied, an entry of the stage of stride
s serves n / (2 s) pairs. With every variable in units of what it moves, sqrt of the diagonal of the Gauss-Newton
matrix, 50 to 120 evaluations are enough; without, 300 to 2000 (real part, tied, n = 64 to 1024).
"""

from __future__ import annotations

import numpy as np

#: Evaluations that have to take off a share of f: else the noise of the target is reached, or a minimum of no use.
_PATIENCE, _GAIN = 60, 1e-3
#: Below this relative error the rounding of the target is near, and progress is fast or at its end.
PRECISE = 1e-13
_PATIENCE_PRECISE, _GAIN_PRECISE = 12, 0.2


class _Reached(Exception):
    """No further evaluation is wanted."""


def polish(theta, evaluate, *, norm, units, evaluations=400, goal=0.0):
    """Minimise a distance ``f = 1/2 |error|^2``.

    Parameters
    ----------
    theta : ndarray of float64
        Start.
    evaluate : callable
        ``theta -> (f, gradient)``.
    norm : float
        Norm of the target: errors are relative to it.
    units : ndarray of float64
        Positive: how far the product moves with each variable.
    evaluations : int
        The most evaluations allowed.
    goal : float
        Relative error at which to stop.

    Returns
    -------
    theta : ndarray
        The best point met.
    values : list of float
        f at every evaluation; the last one is repeated for the best point if it was not the last.
    """
    from scipy.optimize import minimize

    values, best = [], [np.inf, np.array(theta)]
    enough, precise = 0.5 * (goal * norm) ** 2, 0.5 * (PRECISE * norm) ** 2
    unit = 1e-6 * norm * norm  # SciPy's first step has length 1 at most: an error of 1e-3 should be of that order

    def function(x):
        x = x / units
        f, grad = evaluate(x)
        values.append(f)
        if f < best[0]:
            best[:] = f, x
        if f <= enough or len(values) >= evaluations:
            raise _Reached
        patience, gain = (_PATIENCE_PRECISE, _GAIN_PRECISE) if best[0] < precise else (_PATIENCE, _GAIN)
        if len(values) > patience and best[0] > (1 - gain) * min(values[:-patience]):
            raise _Reached
        return f / unit, grad / (unit * units)

    limits = {"maxiter": evaluations, "maxfun": evaluations + 1, "maxls": 30, "ftol": 0.0, "gtol": 0.0}
    try:
        minimize(function, theta * units, jac=True, method="L-BFGS-B", options={"maxcor": 30, **limits})
    except _Reached:
        pass
    if values[-1] > best[0]:
        values.append(best[0])
    return best[1], values


def units(twiddle, n, tied):
    """How far the product moves when one entry of the factors does: column norms of the Jacobian of B.

    An entry of the block of pair i multiplies row i of B_s, and what comes of it is multiplied by the stages above:
    ``|row i of B_s|^2`` times the squared coefficients on all ways up.

    Parameters
    ----------
    twiddle : ndarray, shape (n - 1, 2, 2) tied or (log2 n, n / 2, 2, 2)
    n : int
    tied : bool

    Returns
    -------
    ndarray of float64
        Of twiddle's shape; entries that move nothing count as 1.
    """
    levels = n.bit_length() - 1
    squares = np.abs(twiddle) ** 2
    blocks = [squares[(1 << k) - 1 : (2 << k) - 1][None] if tied else _by_node(squares[k], k) for k in range(levels)]
    rows = [np.ones((1 if tied else n, 1))]  # squared norms of the rows of every B_s
    for block in blocks[:-1]:
        left, right = (rows[-1], rows[-1]) if tied else (rows[-1][0::2], rows[-1][1::2])
        first = block[:, :, 0, 0] * left + block[:, :, 0, 1] * right
        second = block[:, :, 1, 0] * left + block[:, :, 1, 1] * right
        rows.append(np.concatenate([first, second], axis=1))
    gain = np.ones((1, n))  # of every row of the level above
    found = [None] * levels
    for k in range(levels - 1, -1, -1):
        block, s = blocks[k], 1 << k
        left, right = (rows[k], rows[k]) if tied else (rows[k][0::2], rows[k][1::2])
        upper, lower = gain[:, :s], gain[:, s:]
        moved = np.empty(block.shape)
        moved[..., 0, 0], moved[..., 0, 1] = left * upper, right * upper
        moved[..., 1, 0], moved[..., 1, 1] = left * lower, right * lower
        found[k] = moved
        towards = block[:, :, 0, :] * upper[..., None] + block[:, :, 1, :] * lower[..., None]
        # the left and the right B_s of every node; tied, one matrix is all of them
        gain = towards.sum(axis=2) if tied else np.stack([towards[..., 0], towards[..., 1]], axis=1).reshape(-1, s)
    shaped = [m[0] if tied else m.reshape(n // 2, 2, 2) for m in found]
    moved = np.sqrt(np.concatenate(shaped) if tied else np.stack(shaped))
    return np.where(moved > 1e-8 * moved.max(), moved, 1.0)


def _by_node(stage, k):
    """Blocks of a stage as (nodes, s, 2, 2): pair i belongs to node i // s."""
    return stage.reshape(-1, 1 << k, 2, 2)
