"""Plain NumPy reference of the functions: index conventions in words, no speed. Used by the tests only."""

import numpy as np


def stage_matrix(blocks, stride, n):
    """The dense stage: blocks (n/2, 2, 2), pair i at p = 2 (i - i % stride) + i % stride and p + stride."""
    s = np.zeros((n, n), dtype=blocks.dtype)
    for i in range(n // 2):
        p = 2 * (i - i % stride) + i % stride
        s[np.ix_([p, p + stride], [p, p + stride])] = blocks[i]
    return s


def stages(twiddle, n, increasing=True, tied=False):
    """Dense stages in the order in which op N applies them."""
    levels = n.bit_length() - 1
    out = []
    for k in range(levels):
        log_stride = k if increasing else levels - 1 - k
        stride = 2**log_stride
        blocks = twiddle[stride - 1 + np.arange(n // 2) % stride] if tied else twiddle[k]
        out.append(stage_matrix(blocks, stride, n))
    return out


def dense(twiddle, n, op="N", increasing=True, tied=False, dtype=None):
    """op(B) as a dense matrix, in extended precision unless dtype is given."""
    wide = dtype or (np.clongdouble if np.iscomplexobj(twiddle) else np.longdouble)
    b = np.eye(n, dtype=wide)
    for s in stages(np.asarray(twiddle).astype(wide), n, increasing, tied):
        b = s @ b
    return {"N": b, "T": b.T, "C": b.conj().T, "conj": b.conj()}[op]


def bound(twiddle, x, n, op="N", increasing=True, tied=False):
    """8 max(1, log2 n) eps |S_L| ... |S_1| |x| along the last axis of x."""
    y = np.abs(np.asarray(x)).astype(np.float64)
    all_stages = [np.abs(s).astype(np.float64) for s in stages(np.asarray(twiddle), n, increasing, tied)]
    for s in all_stages if op in ("N", "conj") else [s.T for s in reversed(all_stages)]:
        y = y @ s.T
    eps = max(np.finfo(np.asarray(twiddle).dtype).eps, np.finfo(np.asarray(x).dtype).eps)
    return 8 * max(1, n.bit_length() - 1) * eps * y


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
