"""Products of two butterfly matrices with a bit reversal R between them, by algebra: T = B_2 R B_1 R.

R B_1 R has its stages in the opposite order, so that the largest blocks are outside on both sides,

    T = [ A_11  A_12 ] [ M_1      ] [ C_11  C_12 ]
        [ A_21  A_22 ] [      M_2 ] [ C_21  C_22 ]       A_ik, C_kj diagonal, M_k of the same form and half the size,

and for every row pair r and column pair c the four entries are X_rc = A_r diag(M_1[r, c], M_2[r, c]) C_c, 2x2 each.
Around a loop of pairs, X_rc X_sc^-1 X_sd X_rd^-1 = A_r (diagonal) A_r^-1: all loops at r have the columns of A_r as
eigenvectors. From one row pair on, A and C follow from each other as dominant directions, in turns that are least
squares under noise. Then M_1 and M_2 are known but for scales of their rows and columns, which their own A and C
absorb. Tied, A is the same for all M of a level, but for scales that the A above absorbs, and C is the same for all c.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyfly._learn._bases import bit_reversal
from pyfly._learn._found import Found
from pyfly._learn._gradient_chain import Chain
from pyfly._learn._gradient_fit import last_stage

# Loops looked at from each of so many row pairs of a node.
_LOOPS, _ROWS = 64, 8
# Turns of A and C between two looks at the error, the most of them, small nodes converge slowly, and when to stop.
_TURNS, _MOST, _PRECISE = 5, 200, 1e-14
# Errors between which a fit helps, and entries that it goes through, some seconds.
_EXACT, _FAR, _ENTRIES = 1e-10, 0.2, 1 << 20
# Largest real matrix for which complex factors are tried.
_SMALL = 256
# Largest error that counts as a form: smooth kernels come as close as a thousandth.
_CLOSE = 1e-4
# Loops whose second largest part is so large a share of the first have no common eigenvectors.
_APART = 0.3
# Where the relative error is to be 1, loops differ by so much.
_LOOSE = 1e3
# Loops that are multiples of the identity up to this say nothing.
_TRIVIAL = 1e-6


def two_factors(target, *, tol, tied="auto"):
    """B_2 R B_1 for a matrix, with or without bit reversals R before and after it.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
    tol : float
    tied : {"auto", True, False}

    Returns
    -------
    Found or None
    """
    from pyfly import Butterfly, Permutation

    reversal = bit_reversal(len(target))
    straight = np.arange(len(target))
    for after, before in ((straight, reversal), (straight, straight), (reversal, reversal), (reversal, straight)):
        # T with its rows as after and its columns as before is B_2 R B_1
        view = np.ascontiguousarray(target[after][:, before[reversal]])
        best = _best_fit(view, tol, tied)
        if best is not None:
            first, second = (Butterfly(twiddle, tied=best.tied) for twiddle in best.twiddles)
            factors = (second, Permutation(reversal), first, Permutation(before))
            note = "Two butterflies with a bit reversal between, from loops of blocks with common eigenvectors."
            if after is reversal:
                factors = (Permutation(reversal), *factors)
            model = "P BPBP" if after is reversal else "BPBP"
            return Found(factors, model, before, best.tied, [best.error], note)
    return None


def _best_fit(target, tol, tied):
    """Real factors of a real matrix if there are any, tied ones if they are as exact; None if none come close."""
    best = None
    once = np.iscomplexobj(target) or len(target) > _SMALL
    for matrix in (target,) if once else (target, target.astype(np.complex128)):
        for tie in (False, True) if tied == "auto" else (tied,):
            twiddles = two_butterflies(matrix, tied=tie, apart=min(_APART, _LOOSE * tol))
            if twiddles is None:
                return best
            fit = _Fit(*polished(matrix, twiddles, tied=tie, goal=tol), tie)
            if fit.error < _CLOSE and (best is None or fit.error <= max(tol, best.error)):
                best = fit
            if best is None:
                break
        if best is not None:
            break
    return best


class _Fit(NamedTuple):
    twiddles: np.ndarray
    error: float
    tied: bool


def two_butterflies(target, *, tied=False, apart=_APART, seed=0):
    """Factors of ``B_2 R B_1 R``, R the bit reversal: exact where the target is such a product.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 4. For complex factors of a real matrix give it as complex numbers.
    tied : bool
        Whether all blocks along the diagonal of a stage are to be the same.
    apart : float
        How far loops may be from common eigenvectors.
    seed : int
        Which loops are looked at.

    Returns
    -------
    ndarray or None
        Twiddles of B_1 and B_2, ``(2, log2 n, n/2, 2, 2)`` or, tied, ``(2, n - 1, 2, 2)``; None if the target is
        clearly no such product.
    """
    rng = np.random.default_rng(seed)
    nodes, left, right = target[None], [], []
    while nodes.shape[-1] > 2:
        blocks = _pairs(nodes)
        c, far = _start(blocks, rng)
        if not left and far > apart:
            return None
        a, c, error = _turns(blocks, c, False, tied)
        if tied and len(nodes) > 1:
            blocks = _absorbed(blocks, a, left)
            a, c, error = _turns(blocks, c, True, True)
        if not error < _FAR:
            return None
        left.append(a)
        right.append(c)
        nodes = _middle(blocks, a, c).transpose(0, 3, 1, 2).reshape(2 * len(nodes), *blocks.shape[1:3])
    twiddles = np.stack([_first(nodes, right, tied), _second(left, tied)])
    return twiddles if np.isfinite(twiddles).all() else None


def polished(target, twiddles, *, tied, goal=_EXACT):
    """Fit all stages at once by L-BFGS, from a product that is close.

    Parameters
    ----------
    target, tied
        As for `two_butterflies`.
    twiddles : ndarray
        As it returns them.
    goal : float
        Relative error that is small enough.

    Returns
    -------
    ndarray
    float
        The relative error.
    """
    n = len(target)
    scale = np.linalg.norm(target) / np.sqrt(n)
    rng = np.random.default_rng(0)
    run = Chain(target / scale, size=n, depth=2, tied=tied, complex_factors=False, single=False, rng=rng)
    choices = np.zeros((2, n.bit_length() - 2, 3), np.int64)
    choices[..., 0] = 1
    run.harden(choices)
    twiddles = twiddles.copy()
    twiddles[1][last_stage(n, tied)] /= scale
    run.begin(twiddles)
    error = run.polish(evaluations=1)
    if goal < error < _FAR:
        error = run.polish(evaluations=min(400, 2 * _ENTRIES // n**2 + 20), goal=goal)
    twiddles = run.twiddles.astype(target.dtype)
    twiddles[1][last_stage(n, tied)] *= scale
    return twiddles, error


def _pairs(nodes):
    """X[q, r, c] of every node q."""
    count, n = nodes.shape[:2]
    return np.ascontiguousarray(nodes.reshape(count, 2, n // 2, 2, n // 2).transpose(0, 2, 4, 1, 3))


def _adjugate(x):
    """x^-1 det x."""
    y = np.empty_like(x)
    y[..., 0, 0], y[..., 1, 1] = x[..., 1, 1], x[..., 0, 0]
    y[..., 0, 1], y[..., 1, 0] = -x[..., 0, 1], -x[..., 1, 0]
    return y


def _start(blocks, rng):
    """C of every node from one of its row pairs, that with the clearest loops; and how far these are from one form."""
    count, m = blocks.shape[:2]
    node = np.arange(count)
    rows = np.stack([rng.permutation(m)[:_ROWS] for _ in node])
    kept, clear, apart = [], [], []
    for row in rows.T:
        loops = _loops(blocks, row, rng)
        _, sizes, directions = np.linalg.svd(loops.reshape(count, -1, 4), full_matrices=False)
        common = directions[:, 0].reshape(count, 2, 2)
        apart.append(np.max(np.where(sizes[:, 0] > _TRIVIAL, sizes[:, 1] / _positive(sizes[:, 0]), 1)))
        square = common[:, 0, 0] ** 2 + common[:, 0, 1] * common[:, 1, 0]  # of its eigenvalues, w and -w
        kept.append(common)
        clear.append(sizes[:, 0] * (np.abs(square) if np.iscomplexobj(blocks) else square))
    best = np.argmax(clear, axis=0)
    _, vectors = np.linalg.eig(np.stack(kept)[best, node])
    if np.iscomplexobj(vectors) and not np.iscomplexobj(blocks):
        # two real columns so close that noise made a conjugate pair of them
        paired = vectors.imag.any(axis=(1, 2))[:, None, None]
        turned = vectors[..., :1].real + vectors[..., :1].imag * np.array([1, -1])
        vectors = np.where(paired, turned, vectors.real)
    return _unit(_adjugate(vectors)[:, None] @ blocks[node, rows[node, best]]), np.median(apart)


def _loops(blocks, row, rng):
    """Loops through random pairs at one row pair of every node, without their multiples of the identity."""
    count, m = blocks.shape[:2]
    node, shape = np.arange(count)[:, None], (count, _LOOPS)
    here = np.broadcast_to(row[:, None], shape)
    other = (here + rng.integers(1, m, shape)) % m
    first = rng.integers(0, m, shape)
    second = (first + rng.integers(1, m, shape)) % m
    corners = [blocks[node, r, c] for r, c in ((here, first), (other, first), (other, second), (here, second))]
    size = np.prod([np.linalg.norm(corner, axis=(-2, -1)) for corner in corners], axis=0)
    loops = corners[0] @ _adjugate(corners[1]) @ corners[2] @ _adjugate(corners[3])
    loops /= np.where(size > 0, size, 1)[..., None, None]
    trace = (loops[..., 0, 0] + loops[..., 1, 1]) / 2
    loops[..., 0, 0] -= trace
    loops[..., 1, 1] -= trace
    return loops


def _turns(blocks, c, one_a, one_c):
    """A and C in turns, each the best for the other, and the relative error that they leave.

    There are no more turns if it is large. Tied, A is the same for all nodes, and C for all column pairs of a node.
    """
    best, norm = np.inf, np.linalg.norm(blocks)
    for turn in range(min(_MOST, _ENTRIES // blocks[..., 0, 0].size + 20)):
        a = _columns(blocks, c)
        if one_a:
            c = c if turn else _aligned(a, c)
            a = _columns(blocks, c, 0)
        c = _columns(blocks.swapaxes(1, 2).swapaxes(3, 4), a.swapaxes(2, 3), 1 if one_c else None).swapaxes(2, 3)
        if turn % _TURNS == 0:
            rest = blocks - a[:, :, None] @ (_middle(blocks, a, c)[..., None] * c[:, None])
            error = np.linalg.norm(rest) / norm
            if not error < 0.95 * best or error < _PRECISE or turn and error > _FAR:
                break
            best = error
    return a, c, error


def _columns(blocks, c, shared=None):
    """Columns of A_r: the dominant directions of X_rc w, w orthogonal to the other row of C_c, over all c.

    They may be the same along an axis: nodes, 0, or row pairs, 1.
    """
    seen = blocks @ _adjugate(c)[:, None]
    gram = np.einsum("qrcik,qrcjk->qrkij", seen, seen.conj())
    if shared is not None:
        gram = np.broadcast_to(gram.sum(axis=shared, keepdims=True), gram.shape)
    return np.linalg.eigh(gram)[1][..., -1].swapaxes(-1, -2)


def _aligned(a, c):
    """C with its two rows in the order in which the A of the nodes agree."""
    agree = np.square(np.abs(np.einsum("rik,qril->qrkl", a[0].conj(), a))).sum(axis=1)
    crossed = agree[:, 0, 1] + agree[:, 1, 0] > agree[:, 0, 0] + agree[:, 1, 1]
    return np.where(crossed[:, None, None, None], c[:, :, ::-1], c)


def _absorbed(blocks, a, left):
    """Blocks whose nodes all have the same A: scales of their rows go to the A of the levels above, in place.

    A node is reached through column 0 or 1 of the A of every level above, so that its own A is that of node 0 but for
    scales of rows, a product of those of the 1s among its bits, and of columns.
    """
    count, m = blocks.shape[:2]
    blocks = blocks.copy()
    for bit, above in enumerate(left[::-1]):
        d = _rows_scale(a[0], a[1 << bit])
        blocks[np.arange(count) >> bit & 1 == 1] /= d[:, None, :, None]
        above[..., 1] *= np.resize(d.T.ravel(), above.shape[1])[:, None]
    return blocks


def _rows_scale(one, other):
    """d of ``other = diag(d) one diag(e)``, columns in either order, for every row pair; its length is free."""
    trials = []
    for odd in (other, other[..., ::-1]):
        # e_2 / e_1 from both rows of a pair, then d
        up, down = odd[:, :, 1] * one[:, :, 0], odd[:, :, 0] * one[:, :, 1]
        e = np.stack([(down * down.conj()).sum(axis=1), (up * down.conj()).sum(axis=1)], axis=-1)
        scaled = one * _unit(e)[:, None]
        d = (odd * scaled.conj()).sum(axis=2) / _positive((scaled * scaled.conj()).real.sum(axis=2))
        trials.append((np.linalg.norm(odd - d[..., None] * scaled), d))
    d = _unit(min(trials, key=lambda trial: trial[0])[1])
    return np.where(np.abs(d) > 1e-12, d, 1)


def _middle(blocks, a, c):
    """The two diagonal entries of every block, by least squares: X_rc = sum over k of M_k[r, c] a_k c_k^T."""
    gram = np.einsum("qrik,qril->qrkl", a.conj(), a)[:, :, None] * np.einsum("qckj,qclj->qckl", c.conj(), c)[:, None]
    seen = np.stack([(a[..., k].conj()[:, :, None, None] @ blocks)[..., 0, :] for k in (0, 1)], axis=-2)
    seen = (seen * c.conj()[:, None]).sum(axis=-1)
    det = _positive((gram[..., 0, 0] * gram[..., 1, 1] - gram[..., 0, 1] * gram[..., 1, 0]).real)
    first = gram[..., 1, 1] * seen[..., 0] - gram[..., 0, 1] * seen[..., 1]
    second = gram[..., 0, 0] * seen[..., 1] - gram[..., 1, 0] * seen[..., 0]
    return np.stack([first, second], axis=-1) / det[..., None]


def _unit(x):
    return x / _positive(np.linalg.norm(x, axis=-1, keepdims=True))


def _positive(x):
    return np.where(x > 0, x, 1)


def _second(left, tied):
    """Twiddle of B_2 without its first stage, which B_1 has taken in."""
    n = 2 * left[0].shape[1]
    if tied:
        return np.concatenate([np.eye(2)[None], *(a[0] for a in left[::-1])])
    return np.stack([np.broadcast_to(np.eye(2), (n // 2, 2, 2)), *(a.reshape(-1, 2, 2) for a in left[::-1])])


def _first(nodes, right, tied):
    """Twiddle of B_1: a stage of stride n / (2 m) from the blocks of m column pairs, their bits reversed."""
    n = 2 * len(nodes)
    stages = []
    for c in (*right, nodes[:, None]):
        count, m = c.shape[:2]
        if tied:
            stages.append(c[bit_reversal(count), 0])
            continue
        stage = np.empty((n // 2, 2, 2), c.dtype)
        stage[_place(n, count)] = c.reshape(-1, 2, 2)
        stages.append(stage)
    return np.concatenate(stages) if tied else np.stack(stages)


def turned(twiddle):
    """Twiddle of R B R, whose strides decrease, its stages in the order in which they act; B is not tied."""
    return np.stack([stage[_place(2 * len(stage), 1 << k)] for k, stage in enumerate(twiddle)])


def _place(n, s):
    """For every pair of stride n / (2 s): the pair of stride s that a bit reversal of all n rows makes of it."""
    m = n // (2 * s)
    node, column = np.divmod(np.arange(n // 2), m)
    upper = bit_reversal(n)[2 * m * node + column]
    return upper // (2 * s) * s + upper % s
