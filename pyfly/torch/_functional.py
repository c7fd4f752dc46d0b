"""Functions on tensors: y = op(B) x, relaxed and fixed permutations.

They promote types and move axes, then call the registered operators of ``pyfly.torch._ops``; everything is
differentiable, and traced by torch.compile and torch.export as one operator.
"""

from __future__ import annotations

import torch

from pyfly.torch import _ops
from pyfly.torch._rules import apply


def _promoted(name, factors, x, real):
    """Factors, vectors and the type of the result, for a pair of types that no kernel takes as it is."""
    for what, tensor in ((name, factors), ("x", x)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{what} is a {type(tensor).__name__}, but must be a tensor: use torch.as_tensor")
    if real and factors.is_complex():
        raise TypeError(f"{name} has dtype {factors.dtype}, but probabilities are real: pass {name}.real")
    result = torch.promote_types(factors.dtype, x.dtype)
    if not (result.is_floating_point or result.is_complex):
        result = torch.get_default_dtype()
    work = _ops.working_type(result)
    if real or not factors.is_complex():
        return factors.to(work.to_real()), x.to(work), result
    return factors.to(work), x.to(work), result


def butterfly_multiply(twiddle, x, *, op="N", increasing_stride=True, tied=False, axis=-1):
    """Product of a butterfly matrix with the vectors along one axis of a tensor, ``y = op(B) x``.

    ``B`` is the product of log2 n stages; the stage of stride s maps each pair (p, p + s) by a 2x2 block of its own.

    Parameters
    ----------
    twiddle : Tensor, shape (..., log2 n, n/2, 2, 2), or (..., n - 1, 2, 2) when tied
        Factors as in `pyfly.butterfly_multiply`. Leading sizes broadcast against those of `x`.
    x : Tensor, shape (..., n) with n a power of two
        Vectors along `axis`.
    op : {"N", "T", "C", "conj"}
        The matrix, its transpose, conjugate transpose or conjugate.
    increasing_stride : bool
        Whether ``B`` applies stride 1 first, or n/2.
    tied : bool
        Whether all blocks of one stage of equal place are the same.
    axis : int
        Axis of `x` that holds the vectors.

    Returns
    -------
    Tensor
        Same shape as `x` after broadcasting. float32, float64, complex64 and complex128 are computed as they are, real
        factors with complex vectors too; other pairs are promoted, half and bfloat16 are computed in float32 and
        rounded once.

    Raises
    ------
    ValueError
        If a size is no power of two or the factors do not fit, or for an unknown `op`.
    TypeError
        If an argument is no tensor.

    Notes
    -----
    4 n log2 n real operations a vector, times 4 when complex; the backward pass three to four times that. First
    derivatives run in C on CPU tensors, second and higher ones in torch operations. Dao et al., arXiv:1903.05895,
    section 3.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import butterfly_multiply
    >>> hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).expand(2, 2, 2, 2)
    >>> butterfly_multiply(hadamard, torch.tensor([1.0, 0.0, 2.0, 0.0]))
    tensor([ 3.,  3., -1., -1.])
    """
    result = None
    if not isinstance(x, torch.Tensor) or not isinstance(twiddle, torch.Tensor):
        _promoted("twiddle", twiddle, x, False)
    if (twiddle.dtype, x.dtype) not in _ops.TYPES:
        twiddle, x, result = _promoted("twiddle", twiddle, x, False)
    if axis != -1:
        x = x.movedim(axis, -1)
    y = apply(_ops.multiply_op, twiddle, x, op, increasing_stride, tied)
    if axis != -1:
        y = y.movedim(-1, axis)
    return y if result is None else y.to(result)


def relaxed_permute(prob, x, *, axis=-1):
    """Relaxed permutation of the vectors along one axis, differentiable in the probabilities.

    The product over levels of ``(c P_c + (1 - c) I)(b P_b + (1 - b) I)(a P_a + (1 - a) I)``, on every contiguous block
    of the level's size: P_a gathers even entries, then odd ones; P_b reverses the first half and P_c the second.

    Parameters
    ----------
    prob : Tensor, shape (..., log2 n - 1, 3), real
        Columns a, b, c; row l holds blocks of 2^(l + 2). The largest block acts first. (0, 3) for n = 1 and 2.
    x : Tensor, shape (..., n) with n a power of two
        Vectors along `axis`; leading sizes broadcast against those of `prob`.
    axis : int
        Axis of `x` that holds the vectors.

    Returns
    -------
    Tensor
        Same shape as `x` after broadcasting.

    Raises
    ------
    ValueError
        If a size does not fit.
    TypeError
        If an argument is no tensor or `prob` is complex.

    Notes
    -----
    About 4 n operations a level and vector. arXiv:1903.05895, section 3.2.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import relaxed_permute
    >>> relaxed_permute(torch.tensor([[1.0, 0.0, 0.0]]), torch.arange(4.0))
    tensor([0., 2., 1., 3.])
    """
    result = None
    if not isinstance(x, torch.Tensor) or not isinstance(prob, torch.Tensor) or prob.is_complex():
        _promoted("prob", prob, x, True)
    if (prob.dtype, x.dtype) not in _ops.TYPES:
        prob, x, result = _promoted("prob", prob, x, True)
    if axis != -1:
        x = x.movedim(axis, -1)
    y = apply(_ops.relaxed_op, prob, x, False)
    if axis != -1:
        y = y.movedim(-1, axis)
    return y if result is None else y.to(result)


def permute(perm, x, *, axis=-1):
    """Fixed permutation of the entries along one axis, ``y[i] = x[perm[i]]``.

    Parameters
    ----------
    perm : Tensor of int64, shape (n,)
        Every index of 0 .. n - 1 once.
    x : Tensor, shape (..., n)
        Any size and dtype. Its gradient is the inverse permutation, not a scattered sum.
    axis : int
        Axis of `x` that holds the entries.

    Returns
    -------
    Tensor
        Same shape and dtype as `x`.

    Raises
    ------
    ValueError
        If `perm` does not fit or, where the C library runs, misses an index.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import permute
    >>> permute(torch.tensor([2, 0, 1]), torch.tensor([10.0, 20.0, 30.0]))
    tensor([30., 10., 20.])
    """
    if axis != -1:
        return apply(_ops.permute_op, perm, x.movedim(axis, -1), False).movedim(-1, axis)
    return apply(_ops.permute_op, perm, x, False)
