"""Products with butterfly matrices and permutations, and their gradients: arguments in, one ufunc call out.

    y = op(B) x,   B = S_L ... S_2 S_1,   each stage S_k a set of 2x2 blocks at one stride

Leading dimensions of the factors are stacks, the remaining ones of x the batch; both broadcast. For gradients the batch
is summed, so the axes are sorted into stacks (outside) and batch (inside) here.
"""

import numpy as np

from pyfly import ufuncs
from pyfly._ufuncs import multiply_small

_OPS = ("N", "T", "C", "conj")


def _array(x, name):
    """x itself if it is some library's array, else a NumPy array; only numbers pass."""
    if not hasattr(x, "dtype") or not hasattr(x, "ndim"):
        x = np.asarray(x)
    if not isinstance(x.dtype, np.dtype) or x.dtype.kind not in "biufc" or x.dtype.char in "gG":
        raise TypeError(
            f"{name} has dtype {x.dtype}; it must be real or complex numbers up to double precision: convert it, "
            f"for example with {name}.astype('float64')"
        )
    return x


def _operand(x, name, least, what):
    x = _array(x, name)
    if x.ndim < least:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must have at least {least} dimensions, {what}")
    return x


def _twiddle(twiddle, tied):
    if tied:
        return _operand(twiddle, "twiddle", 3, "(..., n - 1, 2, 2) for tied=True")
    return _operand(twiddle, "twiddle", 4, "(..., log2 n, n / 2, 2, 2)")


def _vectors(x, axis, name="x"):
    x = _operand(x, name, 1, "one of them of the transform's length")
    if axis != -1 and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis={axis} is out of range for {name} of shape {tuple(x.shape)}")
    return x


def _on_device(*operands):
    """pyfly.cuda when one of the operands is an array in device memory: NumPy must not get to see it."""
    for x in operands:
        if type(x) is not np.ndarray and (hasattr(x, "__cuda_array_interface__") or hasattr(x, "__dlpack_device__")):
            from pyfly import cuda

            if cuda.in_device_memory(x):
                return cuda
    return None


def _variant(table, op, increasing_stride, tied):
    try:
        return table[op, bool(increasing_stride), bool(tied)]
    except (KeyError, TypeError):
        raise ValueError(f"op={op!r} must be one of {_OPS}: conjugate transpose is 'C', conjugate is 'conj'") from None


def _check_out(out, what):
    if out is None or isinstance(out, np.ndarray):
        return
    raise TypeError(f"out must be a NumPy array, not {type(out).__name__}; leave it away to get {what}")


def _call(ufunc, factors, core, x, axis, out):
    """ufunc(factors, x) along axis; core: number of core dimensions of the factors."""
    if out is not None:
        _check_out(out, "a new array")
        if axis == -1:
            return ufunc(factors, x, out=out)
    if axis == -1:
        return ufunc(factors, x)
    axes = [tuple(range(-core, 0)), (axis,), (axis,)]
    if axis >= 0 and factors.ndim - core + 1 > x.ndim:
        # broadcasting puts the stacks in front: count the axis from the end
        axes[1] = axes[2] = (axis - x.ndim,)
    return ufunc(factors, x, axes=axes) if out is None else ufunc(factors, x, axes=axes, out=out)


def butterfly_multiply(twiddle, x, *, op="N", increasing_stride=True, tied=False, axis=-1, out=None):
    """Multiply vectors by a butterfly matrix, ``y = op(B) x``.

    ``B`` is the product of log2 n stages. The stage of stride s maps each pair of positions ``p`` and ``p + s``, with
    ``p = 2 (i - i % s) + i % s`` for pair ``i``, by its own 2x2 block. op N applies strides 1, 2, ..., n/2 when
    `increasing_stride`, else n/2, ..., 1.

    Parameters
    ----------
    twiddle : array_like, (..., log2 n, n/2, 2, 2), or (..., n-1, 2, 2) when tied
        ``twiddle[k, i]`` is block i of the k-th stage that op N applies. Tied: the s blocks of stride s stand at
        ``[s-1, 2s-1)`` and pair i uses block ``i % s``, whatever the order. For n = 1: (0, 0, 2, 2) or (0, 2, 2).
    x : array_like
        Vectors of length n (a power of two) along `axis`. The remaining dimensions broadcast against the leading ones
        of `twiddle`.
    op : {"N", "T", "C", "conj"}
        B, its transpose, conjugate transpose or conjugate.
    axis : int
        The vectors' axis in `x` and in the result.
    out : ndarray, optional
        Receives the result; may be `x` itself.

    Returns
    -------
    ndarray
        ``op(B) x`` in the shape of `x` after broadcasting; float32, complex64, float64 or complex128, the common type
        of `twiddle` and `x` (loops ff fF FF dd dD DD).

    Raises
    ------
    ValueError
        n is no power of two, shapes do not fit, op is unknown, `out` is read-only.
    TypeError
        A dtype without a loop: longdouble, objects, strings.

    Notes
    -----
    2 n log2 n multiplications and as many additions a vector (complex: four times), 2 n log2 n factors read. The error
    is at most ``8 max(1, log2 n) eps (|S_L| ... |S_1| |x|)``, componentwise. Source: Dao et al., arXiv:1903.05895,
    section 3. Equivalent to ``x @ dense.T`` with ``dense = butterfly_multiply(twiddle, np.eye(n)).T``.

    Examples
    --------
    >>> import numpy as np, pyfly
    >>> h = np.broadcast_to([[1.0, 1.0], [1.0, -1.0]], (2, 2, 2, 2))  # two stages: the Hadamard matrix of size 4
    >>> pyfly.butterfly_multiply(h, [1.0, 2.0, 3.0, 4.0])
    array([10., -2., -4.,  0.])
    >>> pyfly.butterfly_multiply(h, np.eye(4)).T
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    """
    if type(twiddle) is type(x) is np.ndarray and axis == -1 and out is None and type(op) is str:
        variant = ufuncs.variants.get((op, increasing_stride, tied))
        y = None if variant is None else multiply_small(twiddle, x, variant)
        if y is not None:
            return y
    if cuda := _on_device(twiddle, x):
        return cuda.butterfly_multiply(
            twiddle, x, op=op, increasing_stride=increasing_stride, tied=tied, axis=axis, out=out
        )
    twiddle, x = _twiddle(twiddle, tied), _vectors(x, axis)
    return _call(_variant(ufuncs.multiply, op, increasing_stride, tied), twiddle, 3 if tied else 4, x, axis, out)


def _common_shape(factors, x, names):
    try:
        return np.broadcast_shapes(factors, x)
    except ValueError:
        raise ValueError(
            f"the leading dimensions of {names[0]}, {tuple(factors)}, do not broadcast against those of {names[1]}, "
            f"{tuple(x)}"
        ) from None


def _sum_to(gradient, shape):
    """Sums over the dimensions that broadcasting added or widened."""
    extra = gradient.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, size in enumerate(shape) if size == 1 and gradient.shape[extra + i] != 1
    )
    return gradient.sum(axis=axes, keepdims=True).reshape(shape) if axes else gradient


def _as_operand(gradient, operand):
    """In the operand's dtype; of a real operand the real part."""
    if operand.dtype.kind not in "fc":
        return gradient
    if operand.dtype.kind == "f" and gradient.dtype.kind == "c":
        gradient = gradient.real
    return gradient.astype(operand.dtype, copy=False)


def _gradients(ufunc, factors, core, x, grad_output, axis, name):
    """Gradients of the factors (core trailing dimensions) and of x, each summed to its operand's shape."""
    axis = axis - x.ndim if axis >= 0 else axis  # broadcasting puts new dimensions in front
    moved = np.moveaxis(x, axis, -1)
    g = np.moveaxis(_vectors(grad_output, axis, "grad_output"), axis, -1)
    n = moved.shape[-1]
    stacks = factors.shape[: factors.ndim - core]
    full = _common_shape(stacks, moved.shape[:-1], (name, "x"))
    if g.shape != (*full, n):
        want = np.moveaxis(np.empty((*full, n), dtype=bool), -1, axis).shape
        raise ValueError(f"grad_output has shape {tuple(grad_output.shape)}; the result of the product has {want}")
    padded = (1,) * (len(full) - len(stacks)) + stacks
    outside = [i for i, size in enumerate(padded) if size != 1]
    inside = [i for i, size in enumerate(padded) if size == 1]
    order = [*outside, *inside, len(full)]
    stack_shape = tuple(full[i] for i in outside)
    batch_shape = tuple(full[i] for i in inside)
    batch = int(np.prod(batch_shape, dtype=np.int64))

    def sorted_axes(a):
        return np.broadcast_to(a, (*full, n)).transpose(order).reshape(*stack_shape, batch, n)

    core_shape = factors.shape[factors.ndim - core :]
    grad_factors, grad_x = ufunc(factors.reshape(*stack_shape, *core_shape), sorted_axes(moved), sorted_axes(g))
    grad_x = grad_x.reshape(*stack_shape, *batch_shape, n).transpose(np.argsort(order))
    grad_x = np.moveaxis(_sum_to(grad_x, moved.shape), -1, axis)
    return _as_operand(grad_factors.reshape(factors.shape), factors), _as_operand(grad_x, x)


def butterfly_multiply_grad(twiddle, x, grad_output, *, op="N", increasing_stride=True, tied=False, axis=-1):
    """Gradients of ``y = op(B) x`` for `twiddle` and `x`.

    With x the input pair of a 2x2 block T and g the gradient at its output, summed over the batch::

        grad_x = op(B)^H grad_output        op N:  dT = g x^H         T:  dT = conj(x) g^T
                                            op C:  dT = x g^H      conj:  dT = conj(g) x^T

    which is PyTorch's convention: the gradient of a real loss with respect to a complex number z is
    ``dL/d(Re z) + i dL/d(Im z)``.

    Parameters
    ----------
    twiddle, x, op, increasing_stride, tied, axis
        As in `butterfly_multiply`.
    grad_output : array_like
        Gradient at y, of y's shape.

    Returns
    -------
    grad_twiddle, grad_x : ndarray
        Of the shape and dtype of `twiddle` and `x`, summed over broadcast dimensions; of a real operand the real part.
        Integers get the float type they are promoted to.

    Raises
    ------
    ValueError, TypeError
        As `butterfly_multiply`; also when `grad_output` has not the shape of the product.

    Notes
    -----
    6 n log2 n multiplications and additions a vector (complex: four times). The sum over the batch has a fixed order:
    the same bits for every number of threads. Source: Dao et al., arXiv:1903.05895, section 4.

    Examples
    --------
    >>> import numpy as np, pyfly
    >>> w = np.full((1, 1, 2, 2), [[1.0, 2.0], [3.0, 4.0]])
    >>> grad_w, grad_x = pyfly.butterfly_multiply_grad(w, [1.0, 10.0], [1.0, 1.0])
    >>> grad_w[0, 0]
    array([[ 1., 10.],
           [ 1., 10.]])
    >>> grad_x
    array([4., 6.])
    """
    if cuda := _on_device(twiddle, x, grad_output):
        how = {"op": op, "increasing_stride": increasing_stride, "tied": tied, "axis": axis}
        return cuda.butterfly_multiply_grad(twiddle, x, grad_output, **how)
    twiddle, x = np.asarray(_twiddle(twiddle, tied)), np.asarray(_vectors(x, axis))
    grad_output = np.asarray(_array(grad_output, "grad_output"))
    ufunc = _variant(ufuncs.multiply_grad, op, increasing_stride, tied)
    return _gradients(ufunc, twiddle, 3 if tied else 4, x, grad_output, axis, "twiddle")


def permute(perm, x, *, axis=-1, out=None):
    """Reorder the entries of vectors, ``out[i] = x[perm[i]]``.

    Parameters
    ----------
    perm : array_like of int, (..., n)
        Every index 0 .. n - 1 once; n is any size, not only a power of two.
    x : array_like
        Vectors of length n along `axis`.
    axis : int
        The vectors' axis.
    out : ndarray, optional
        Receives the result; may be `x` itself.

    Returns
    -------
    ndarray
        Of x's shape after broadcasting, float32, float64, complex64 or complex128.

    Raises
    ------
    ValueError
        `perm` is no permutation, or its length is not that of the vectors.
    TypeError
        `perm` holds no integers, or x has no fitting dtype.

    Notes
    -----
    One read and one write of the vectors. Equivalent to ``np.take(x, perm, axis)`` or ``np.eye(n)[perm] @ x``.

    Examples
    --------
    >>> import pyfly
    >>> pyfly.permute([2, 0, 1], [10.0, 20.0, 30.0])
    array([30., 10., 20.])
    """
    if cuda := _on_device(perm, x):
        return cuda.permute(perm, x, axis=axis, out=out)
    perm = _operand(perm, "perm", 1, "(..., n)")
    if perm.dtype.kind not in "iu":
        raise TypeError(f"perm has dtype {perm.dtype}; it must hold integers")
    x = _vectors(x, axis)
    if perm.shape[-1] != x.shape[axis]:
        raise ValueError(f"perm has length {perm.shape[-1]}, but x has length {x.shape[axis]} along axis {axis}")
    return _call(ufuncs.permute, perm.astype(np.int64, copy=False), 1, x, axis, out)


def _prob(prob):
    prob = _operand(prob, "prob", 2, "(..., log2 n - 1, 3)")
    if prob.dtype.kind == "c":
        raise TypeError(f"prob has dtype {prob.dtype}; probabilities are real")
    return prob


def relaxed_permute(prob, x, *, axis=-1, out=None):
    """Apply the relaxed permutation of Dao et al., a product of convex combinations with the identity.

    Every level of block size m maps each contiguous block of m by::

        (c P_c + (1 - c) I) (b P_b + (1 - b) I) (a P_a + (1 - a) I)

    P_a gathers the even entries, then the odd ones; P_b reverses the first half of the block, P_c the second. The
    largest block acts first. With every probability 0 or 1 this is the permutation `permutation_from_choices` gives.

    Parameters
    ----------
    prob : array_like, (..., log2 n - 1, 3)
        Columns a, b, c; row l holds the level of block size 2^(l+2). (0, 3) for n = 1 and n = 2.
    x : array_like
        Vectors of length n, a power of two, along `axis`.
    axis, out
        As in `butterfly_multiply`.

    Returns
    -------
    ndarray
        Of x's shape after broadcasting. prob stays real for complex x.

    Raises
    ------
    ValueError
        n is no power of two or prob's shape does not fit.
    TypeError
        prob is complex, or a dtype has no loop.

    Notes
    -----
    About 6 n log2 n operations a vector. Source: Dao et al., arXiv:1903.05895, section 3.2.

    Examples
    --------
    >>> import pyfly
    >>> pyfly.relaxed_permute([[1.0, 0.0, 0.0]], [0.0, 1.0, 2.0, 3.0])
    array([0., 2., 1., 3.])
    >>> pyfly.relaxed_permute([[0.5, 0.0, 0.0]], [0.0, 1.0, 2.0, 3.0])
    array([0. , 1.5, 1.5, 3. ])
    """
    if cuda := _on_device(prob, x):
        return cuda.relaxed_permute(prob, x, axis=axis, out=out)
    prob, x = _prob(prob), _vectors(x, axis)
    return _call(ufuncs.relaxed_permute, prob, 2, x, axis, out)


def relaxed_permute_grad(prob, x, grad_output, *, axis=-1):
    """Gradients of `relaxed_permute` for `prob` and `x`.

    Parameters
    ----------
    prob, x, axis
        As in `relaxed_permute`.
    grad_output : array_like
        Gradient at the result, of its shape.

    Returns
    -------
    grad_prob, grad_x : ndarray
        Of the shape and dtype of their operands, summed over broadcast dimensions.

    Raises
    ------
    ValueError, TypeError
        As `relaxed_permute`; also when `grad_output` has another shape than the result.

    Notes
    -----
    About three times the cost of `relaxed_permute`; the same bits for every number of threads.

    Examples
    --------
    >>> import pyfly
    >>> grad_prob, grad_x = pyfly.relaxed_permute_grad([[0.5, 0.0, 0.0]], [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 0.0])
    >>> grad_prob[0, 0], grad_x
    (np.float64(1.0), array([0. , 0.5, 0.5, 0. ]))
    """
    if cuda := _on_device(prob, x, grad_output):
        return cuda.relaxed_permute_grad(prob, x, grad_output, axis=axis)
    prob, x = np.asarray(_prob(prob)), np.asarray(_vectors(x, axis))
    grad_output = np.asarray(_array(grad_output, "grad_output"))
    return _gradients(ufuncs.relaxed_permute_grad, prob, 2, x, grad_output, axis, "prob")


def fwht(x, *, order="natural", norm=None, axis=-1, out=None):
    """Fast Walsh-Hadamard transform, ``y = H x``, by additions alone.

    ::

        natural    H[j, k] = (-1)^(number of ones in the bits of j & k)    Sylvester's matrix, scipy.linalg.hadamard
        paley      row j is the natural row rev(j), rev the reversal of the log2 n bits
        sequency   row j is the natural row rev(j ^ (j >> 1)); it has j changes of sign (Walsh's order)

    Parameters
    ----------
    x : array_like
        Vectors of length n, a power of two, along `axis`.
    order : {"natural", "paley", "sequency"}
        Ordering of the rows. H is symmetric in each.
    norm : {None, "ortho"}
        None: entries 1 and -1, ``H H = n I``. "ortho": divided by sqrt(n), its own inverse.
    axis : int
        The vectors' axis.
    out : ndarray, optional
        Receives the result; may be `x` itself.

    Returns
    -------
    ndarray
        Of x's shape; float32, float64, complex64 or complex128.

    Raises
    ------
    ValueError
        n is no power of two, `order` or `norm` is unknown.
    TypeError
        x's dtype has no loop.

    Notes
    -----
    n log2 n additions a vector (complex: twice as many). Source: Fino and Algazi, IEEE Trans. Comput. C-25 (1976).
    Equivalent to ``x @ scipy.linalg.hadamard(n)``.

    Examples
    --------
    >>> import pyfly
    >>> pyfly.fwht([1.0, 2.0, 3.0, 4.0])
    array([10., -2., -4.,  0.])
    >>> pyfly.fwht([1.0, 2.0, 3.0, 4.0], order="sequency", norm="ortho")
    array([ 5., -2.,  0., -1.])
    """
    ufunc = ufuncs.fwht.get((order, norm)) if type(order) is str else None
    if ufunc is None:
        raise ValueError(
            f"order={order!r}, norm={norm!r}: order must be 'natural', 'paley' or 'sequency', norm None or 'ortho'"
        )
    if cuda := _on_device(x):
        return cuda.fwht(x, order=order, norm=norm, axis=axis, out=out)
    x = _vectors(x, axis)
    _check_out(out, "a new array")
    axes = {} if axis == -1 else {"axes": [(axis,), (axis,)]}
    return ufunc(x, **axes) if out is None else ufunc(x, out=out, **axes)


def permutation_from_choices(choices):
    """The permutation that binary choices (a, b, c) on every level stand for.

    Parameters
    ----------
    choices : array_like, (log2 n - 1, 3)
        0 or 1 in columns a, b, c as in `relaxed_permute`; row l holds the level of block size 2^(l+2).

    Returns
    -------
    ndarray of int64, (n,)
        Gather indices p: ``permute(p, x)`` equals ``relaxed_permute(choices, x)``.

    Raises
    ------
    ValueError
        Another shape, or entries other than 0 and 1. With no rows the size, 1 or 2, is ambiguous: 2 is returned.

    Examples
    --------
    a on every level is bit reversal:

    >>> import pyfly
    >>> pyfly.permutation_from_choices([[1, 0, 0], [1, 0, 0]])
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    choices = np.asarray(choices)
    if choices.ndim != 2 or choices.shape[1] != 3:
        raise ValueError(f"choices has shape {choices.shape}; it must be (log2 n - 1, 3)")
    if not np.all((choices == 0) | (choices == 1)):
        raise ValueError("choices must be 0 or 1: round probabilities first")
    n = 2 ** (choices.shape[0] + 1)
    perm = np.arange(n, dtype=np.int64)
    for level in range(choices.shape[0] - 1, -1, -1):
        m = 2 ** (level + 2)
        a, b, c = choices[level]
        blocks = perm.reshape(-1, m)
        if a:
            blocks = np.concatenate([blocks[:, 0::2], blocks[:, 1::2]], axis=1)
        first, second = blocks[:, : m // 2], blocks[:, m // 2 :]
        perm = np.concatenate([first[:, ::-1] if b else first, second[:, ::-1] if c else second], axis=1).ravel()
    return perm
