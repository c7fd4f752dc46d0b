"""The operators in torch operations: any device, any order of derivatives.

A stage of stride s acts on x of shape (..., n) seen as (..., n/2s, 2, s): y[b, :, j] = T[b, j] x[b, :, j] with the 2x2
block T of pair b s + j, or T[j] when tied. ``multiply`` applies the stages one after the other, ``multiply_grad`` is
its adjoint, and ``multiply_second`` the adjoint of that. The last rests on one identity: with gw, gx = the gradients at
(w, x) of <g, B(w) x>,

    <dw, gw> + <dx, gx> = <g, y'>,    y' = derivative of B(w) x in the direction (dw, dx),

so that the derivative with respect to g is y' and those with respect to w and x are the adjoint of the map that carries
(x, x') through the stages. Relaxed permutations follow the same pattern with steps x + p (P x - x).

The dispatcher takes these functions where no C kernel exists; they are an order of magnitude slower than the kernels.
"""

from __future__ import annotations

import torch


def strides(n, op, increasing_stride):
    """Pairs (place in the factors, stride) in the order in which ``op(B)`` applies its stages."""
    bits = n.bit_length() - 1
    order = [(k, 1 << k if increasing_stride else n >> (k + 1)) for k in range(bits)]
    return order if op in ("N", "conj") else order[::-1]


def _blocks(twiddle, k, stride, op, tied):
    """The 2x2 blocks of one stage as they act, of shape (..., n/2s or 1, 2, 2, s)."""
    if tied:
        blocks = twiddle[..., stride - 1 : 2 * stride - 1, :, :].unsqueeze(-4)
    else:
        blocks = twiddle[..., k, :, :, :]
        blocks = blocks.reshape(*blocks.shape[:-3], blocks.shape[-3] // stride, stride, 2, 2)
    blocks = blocks.movedim(-3, -1)
    if op in ("T", "C"):
        blocks = blocks.transpose(-3, -2)
    return blocks.conj() if op in ("C", "conj") else blocks


def _pairs(x, stride):
    return x.reshape(*x.shape[:-1], x.shape[-1] // (2 * stride), 1, 2, stride)


def _act(blocks, x, stride):
    """Stage times vectors of shape (..., n)."""
    y = (blocks * _pairs(x, stride)).sum(-2)
    return y.reshape(*y.shape[:-3], y.shape[-3] * 2 * stride)


def _act_adjoint(blocks, g, stride):
    return _act(blocks.transpose(-3, -2).conj(), g, stride)


def _outer(g, x, stride, like):
    """g x^H for every pair, of the kind of ``like``: the real part when that is real."""
    out = _pairs(g, stride).transpose(-3, -2) * _pairs(x, stride).conj()
    return out if like.is_complex() else out.real if out.is_complex() else out


def _summed(gradient, shape):
    """Sum over the sizes along which an operand was broadcast."""
    return gradient if gradient.shape == shape else gradient.sum_to_size(shape)


def _gather(twiddle, outers, op, tied):
    """Gradient of the factors from {(place, stride): gradient of the blocks as they act}, summed over the batch."""
    grads = []
    for (_, stride), m in sorted(outers.items(), key=lambda item: item[0][1 if tied else 0]):
        if op in ("T", "C"):
            m = m.transpose(-3, -2)
        if op in ("C", "conj"):
            m = m.conj()
        m = m.movedim(-1, -3)
        m = m.sum(-4) if tied else m.reshape(*m.shape[:-4], m.shape[-4] * stride, 2, 2)
        grads.append(_summed(m, (*twiddle.shape[: -3 if tied else -4], *m.shape[-3:])).resolve_conj())
    if not grads:
        return torch.zeros_like(twiddle)
    return torch.cat(grads, -3) if tied else torch.stack(grads, -4)


def multiply(twiddle, x, op, increasing_stride, tied):
    """y = op(B) x, differentiable in both."""
    n = x.shape[-1]
    core = 3 if tied else 4
    batch = torch.broadcast_shapes(twiddle.shape[:-core], x.shape[:-1])
    y = x.expand(*batch, n)
    for k, stride in strides(n, op, increasing_stride):
        y = _act(_blocks(twiddle, k, stride, op, tied), y, stride)
    return y.clone() if n == 1 else y


def multiply_grad(twiddle, x, grad, op, increasing_stride, tied):
    """Gradients of <grad, op(B) x> with respect to the factors and x."""
    order = strides(x.shape[-1], op, increasing_stride)
    inputs = []
    y = x.expand(grad.shape)
    for k, stride in order:
        inputs.append(y)
        y = _act(_blocks(twiddle, k, stride, op, tied), y, stride)
    outers = {}
    for (k, stride), seen in zip(order[::-1], inputs[::-1], strict=True):
        outers[k, stride] = _outer(grad, seen, stride, twiddle)
        grad = _act_adjoint(_blocks(twiddle, k, stride, op, tied), grad, stride)
    return _gather(twiddle, outers, op, tied), _summed(grad, x.shape).clone()


def multiply_second(twiddle, x, grad, d_twiddle, d_x, op, increasing_stride, tied):
    """Adjoint of ``multiply_grad``: gradients with respect to twiddle, x and grad of <d_twiddle, gw> + <d_x, gx>."""
    order = strides(x.shape[-1], op, increasing_stride)
    y = x.expand(grad.shape)
    t = torch.zeros_like(y) if d_x is None else d_x.expand(grad.shape)
    d_twiddle = torch.zeros_like(twiddle) if d_twiddle is None else d_twiddle
    seen = []
    for k, stride in order:
        block, d_block = (_blocks(w, k, stride, op, tied) for w in (twiddle, d_twiddle))
        seen.append((y, t))
        y, t = _act(block, y, stride), _act(block, t, stride) + _act(d_block, y, stride)
    a, b = torch.zeros_like(grad), grad
    outers = {}
    for (k, stride), (y, s) in zip(order[::-1], seen[::-1], strict=True):
        block, d_block = (_blocks(w, k, stride, op, tied) for w in (twiddle, d_twiddle))
        outers[k, stride] = _outer(b, s, stride, twiddle) + _outer(a, y, stride, twiddle)
        a = _act_adjoint(block, a, stride) + _act_adjoint(d_block, b, stride)
        b = _act_adjoint(block, b, stride)
    return _gather(twiddle, outers, op, tied), _summed(a, x.shape).clone(), t


# ---- relaxed permutations --------------------------------------------------------------------------------------------


def _shuffle(x, size, which, inverse=False):
    """P_a, P_b or P_c on every contiguous block of ``size`` entries."""
    z = x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
    if which == 0:
        pairs = (2, size // 2) if inverse else (size // 2, 2)
        z = z.reshape(*z.shape[:-1], *pairs).transpose(-1, -2)
        return z.reshape(x.shape)
    halves = [z[..., : size // 2], z[..., size // 2 :]]
    halves[which - 1] = halves[which - 1].flip(-1)
    return torch.cat(halves, -1).reshape(x.shape)


def _steps(prob, n, transposed):
    """Triples (level, column, block size) in the order of application."""
    steps = [(level, which, 1 << (level + 2)) for level in reversed(range(n.bit_length() - 2)) for which in range(3)]
    return steps[::-1] if transposed else steps


def _move(x, size, which, inverse):
    return _shuffle(x, size, which, inverse) - x


def _inner(a, b, like):
    """Real inner product over the vector, for every vector: the gradient of one probability."""
    out = (a * b.conj()).sum(-1)
    return (out.real if out.is_complex() else out).to(like.dtype)


def _gather_prob(prob, sums):
    if not sums:
        return torch.zeros_like(prob)
    levels = prob.shape[-2]
    rows = [torch.stack([sums[level, which] for which in range(3)], -1) for level in range(levels)]
    return _summed(torch.stack(rows, -2), prob.shape)


def relaxed(prob, x, transposed):
    """The relaxed permutation with three choices a level, or its transpose; differentiable in both."""
    n = x.shape[-1]
    y = x.expand(*torch.broadcast_shapes(prob.shape[:-2], x.shape[:-1]), n)
    for level, which, size in _steps(prob, n, transposed):
        y = y + prob[..., level, which, None] * _move(y, size, which, transposed)
    return y.clone() if n < 4 else y


def relaxed_grad(prob, x, grad):
    """Gradients of <grad, P x> with respect to prob and x."""
    steps = _steps(prob, x.shape[-1], False)
    y, moves = x.expand(grad.shape), []
    for level, which, size in steps:
        moves.append(_move(y, size, which, False))
        y = y + prob[..., level, which, None] * moves[-1]
    sums = {}
    for (level, which, size), move in zip(steps[::-1], moves[::-1], strict=True):
        sums[level, which] = _inner(grad, move, prob)
        grad = grad + prob[..., level, which, None] * _move(grad, size, which, True)
    return _gather_prob(prob, sums), _summed(grad, x.shape).clone()


def relaxed_second(prob, x, grad, d_prob, d_x):
    """Adjoint of ``relaxed_grad``: gradients with respect to prob, x and grad of <d_prob, gprob> + <d_x, gx>."""
    steps = _steps(prob, x.shape[-1], False)
    y = x.expand(grad.shape)
    t = torch.zeros_like(y) if d_x is None else d_x.expand(grad.shape)
    d_prob = torch.zeros_like(prob) if d_prob is None else d_prob
    seen = []
    for level, which, size in steps:
        p, dp = prob[..., level, which, None], d_prob[..., level, which, None]
        seen.append((_move(y, size, which, False), _move(t, size, which, False)))
        y, t = y + p * seen[-1][0], t + p * seen[-1][1] + dp * seen[-1][0]
    a, b = torch.zeros_like(grad), grad
    sums = {}
    for (level, which, size), (move_y, move_t) in zip(steps[::-1], seen[::-1], strict=True):
        p, dp = prob[..., level, which, None], d_prob[..., level, which, None]
        sums[level, which] = _inner(b, move_t, prob) + _inner(a, move_y, prob)
        back = _move(b, size, which, True)
        a, b = a + p * _move(a, size, which, True) + dp * back, b + p * back
    return _gather_prob(prob, sums), _summed(a, x.shape).clone(), t
