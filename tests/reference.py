"""Plain NumPy reference of the functions: index conventions in words, no speed. Used by the tests only."""

import numpy as np


def stages(twiddle, n, op="N", increasing=True, tied=False):
    """(stride, blocks (n/2, 2, 2)) of op(B) in the order in which they act."""
    levels = n.bit_length() - 1
    out = []
    for k in range(levels):
        stride = 2 ** (k if increasing else levels - 1 - k)
        blocks = twiddle[stride - 1 + np.arange(n // 2) % stride] if tied else twiddle[k]
        out.append((stride, blocks.conj() if op in ("C", "conj") else blocks))
    if op in ("T", "C"):
        out = [(stride, blocks.swapaxes(-1, -2)) for stride, blocks in reversed(out)]
    return out


def apply_stages(steps, x):
    """The stages on the last axis of x: pair i joins p = 2 (i - i % stride) + i % stride and p + stride."""
    x = x.copy()
    i = np.arange(x.shape[-1] // 2)
    for stride, t in steps:
        p = 2 * (i - i % stride) + i % stride
        lo, hi = x[..., p], x[..., p + stride]
        x[..., p], x[..., p + stride] = t[:, 0, 0] * lo + t[:, 0, 1] * hi, t[:, 1, 0] * lo + t[:, 1, 1] * hi
    return x


def multiply(twiddle, x, op="N", increasing=True, tied=False):
    """op(B) x in extended precision, and the bound 8 max(1, log2 n) eps |S_L| ... |S_1| |x| on its error."""
    n = x.shape[-1]
    eps = max(np.finfo(twiddle.dtype).eps, np.finfo(x.dtype).eps)
    wide = np.clongdouble if "c" in twiddle.dtype.kind + x.dtype.kind else np.longdouble
    steps = stages(twiddle.astype(wide), n, op, increasing, tied)
    sizes = [(stride, np.abs(blocks).astype(float)) for stride, blocks in steps]
    bound = 8 * max(1, n.bit_length() - 1) * eps * apply_stages(sizes, np.abs(x).astype(float))
    return apply_stages(steps, x.astype(wide)), bound


def dense(twiddle, n, op="N", increasing=True, tied=False):
    """op(B) as a dense matrix in the factors' type."""
    return apply_stages(stages(twiddle, n, op, increasing, tied), np.eye(n, dtype=twiddle.dtype)).T


def level(prob, x):
    """One relaxed level on the last axis, in blocks of m; prob = (m, a, b, c)."""
    m, a, b, c = prob
    blocks = x.reshape(*x.shape[:-1], -1, m)
    blocks = a * np.concatenate([blocks[..., 0::2], blocks[..., 1::2]], axis=-1) + (1 - a) * blocks
    first, second = blocks[..., : m // 2], blocks[..., m // 2 :]
    first = b * first[..., ::-1] + (1 - b) * first
    second = c * second[..., ::-1] + (1 - c) * second
    return np.concatenate([first, second], axis=-1).reshape(x.shape)


def relaxed(prob, x):
    for row in range(len(prob) - 1, -1, -1):
        x = level((2 ** (row + 2), *prob[row]), x)
    return x


def twiddle(rng, n, dtype, tied=False, lead=()):
    """Random factors whose products keep their size."""
    shape = (*lead, n - 1, 2, 2) if tied else (*lead, n.bit_length() - 1, n // 2, 2, 2)
    return numbers(rng, shape, dtype) * np.dtype(dtype).type(np.sqrt(0.5))


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = (x + 1j * rng.standard_normal(shape)) / np.sqrt(2)
    return x.astype(dtype)
