"""Products, permutations and transforms on device arrays: operands in, one C call for every piece of the batch."""

import ctypes
import math
from contextlib import contextmanager

import numpy as np

from pyfly.cuda._arrays import Operand, new_like, stream_of
from pyfly.cuda._library import INT, check, on_device, ready, stream_address, wait
from pyfly.cuda._shapes import Vectors, broadcast_strides, common, core_of, pieces, power_of_two, with_axis

_OPS = {"N": 111, "T": 112, "C": 113, "conj": 114}
_ORDERINGS = {"natural": 231, "paley": 232, "sequency": 233}
_TYPES = {"f": "s", "d": "d", "F": "c", "D": "z"}
_PRODUCTS = {"ff": "s", "dd": "d", "FF": "c", "DD": "z", "fF": "cs", "dD": "zd"}
_RELAXED = {"ff": "s", "dd": "d", "fF": "c", "dD": "z"}
_NUMBERS, _REALS, _INTEGERS = "fdFD", "fd", "l"


# ---- a call: its stream, its device, its operands --------------------------------------------------------------------


class _Call:
    """`arrays`: x, whose kind results have, and the other operands."""

    def __init__(self, stream, *arrays):
        self.library, self.like = ready(), arrays[0]
        if stream is None:
            stream = next((s for s in map(stream_of, arrays) if s is not None), None)
        self.stream = stream_address(stream)
        self.operands = []

    def read(self, array, name, dtypes=_NUMBERS):
        """An operand of the caller."""
        operand = self.view(array, name, dtypes)
        if self.operands and operand.device != self.operands[0].device:
            first = self.operands[0]
            raise ValueError(f"{name} is on device {operand.device}, {first.name} on {first.device}: move one of them")
        self.operands.append(operand)
        return operand

    def vectors(self, array, name, axis):
        return Vectors(self.read(array, name), axis)

    def view(self, array, name="gradient", dtypes=_NUMBERS):
        return Operand(array, name, dtypes, self.library, self.stream)

    def new(self, shape, dtype):
        with on_device(self.library, self.operands[0].device):
            return new_like(self.like, shape, dtype, self.stream)

    def result(self, out, full, x):
        """The array for a result of x's dtype, and it as vectors."""
        shape, dtype = with_axis(full, x.n, x.axis), x.operand.dtype
        if out is None:
            out = self.new(shape, dtype)
            return out, Vectors(self.view(out), x.axis)
        operand = self.read(out, "out")
        if operand.shape != shape or operand.dtype != dtype or operand.read_only:
            raise ValueError(
                f"out has shape {operand.shape} and dtype {operand.dtype}; it must be writable, of shape {shape} and "
                f"dtype {dtype}"
            )
        if operand.address == x.operand.address and operand.strides != x.operand.strides and math.prod(shape) > 1:
            raise ValueError("out shares x's memory, but not its layout: pass x itself or other memory")
        return out, Vectors(operand, x.axis)

    def gradient(self, grad_output, full, x):
        """The operand grad_output as vectors."""
        operand, shape = self.read(grad_output, "grad_output"), with_axis(full, x.n, x.axis)
        if operand.shape != shape or operand.dtype != x.operand.dtype:
            raise ValueError(
                f"grad_output has shape {operand.shape} and dtype {operand.dtype}; the product has {shape} and "
                f"{x.operand.dtype}"
            )
        return Vectors(operand, x.axis)

    @contextmanager
    def running(self):
        """On the operands' device, after what their streams hold now; they go on when this has run."""
        others = {p.stream for p in self.operands if p.stream is not None} - {self.stream}
        with on_device(self.library, self.operands[0].device):
            for other in others:
                wait(self.library, self.stream, other)
            try:
                yield
            finally:
                for other in others:
                    wait(self.library, other, self.stream)

    def work(self, vectors, count, query, *more):
        """Workspace for calls of these sizes, which must live until they are queued, and a call's last arguments."""
        size, letter = INT(0), ctypes.c_int(ord(_TYPES[vectors.operand.dtype.char]))
        sizes = [INT(vectors.n), INT(count)]
        arguments = [*more, *sizes] if query == "fwht" else [*sizes, *more]
        check(getattr(self.library, f"bfly_cuda_{query}_work")(letter, *arguments, ctypes.byref(size)))
        if size.value == 0:
            return None, (None, size)
        memory = self.new((size.value,), np.uint8)
        return memory, (self.view(memory, "workspace", "B").at(0), size)

    def run(self, name, *arguments):
        check(getattr(self.library, f"bfly_cuda_{name}")(ctypes.c_void_p(self.stream), *arguments))

    def scale_add(self, dtype, count, alpha, x, beta, y):
        """y := alpha x + beta y for count numbers: a product of vectors of length 1, which has no factors.

        x and y: address and distance.
        """
        (px, dx), (py, dy), one = x, y, INT(1)
        how = _OPS["N"], 201, 211, one, INT(count), _scalar(dtype, alpha), None
        ends = px, one, INT(dx), _scalar(dtype, beta), py, one, INT(dy), None, INT(0)
        self.run(f"{_TYPES[dtype.char]}mul", *how, *ends)


def _scalar(dtype, value):
    """alpha or beta: by value for real numbers, by address for complex ones."""
    real = ctypes.c_float if dtype.char in "fF" else ctypes.c_double
    return real(value) if dtype.kind == "f" else (real * 2)(value, 0)


def _op(op):
    if op not in _OPS:
        raise ValueError(f"op={op!r} must be one of {tuple(_OPS)}: conjugate transpose is 'C', conjugate is 'conj'")
    return _OPS[op]


def _pair(table, factors, x):
    name = table.get(factors.dtype.char + x.dtype.char)
    if name is None:
        raise TypeError(
            f"{factors.name} has dtype {factors.dtype} and {x.name} {x.dtype}; they must be of one precision, and "
            f"{x.name} complex where {factors.name} is: convert one of them"
        )
    return name


# ---- the loops over pieces -------------------------------------------------------------------------------------------


def _forward(call, factors, strides, full, v, u, one, *query):
    """one(factors, count, x, y, work): a call. query: of the workspace."""
    work = None
    with call.running():
        for at, (start, into), count, (dist, dist_out) in pieces(full, strides, (v.broadcast(full), u.broadcast(full))):
            if query and work is None:
                work = call.work(v, count, *query)
            tail = work[1] if work else (None, INT(0))
            one(factors and factors.at(at), INT(count), v.arguments(start, dist), u.arguments(into, dist_out), tail)


def _backward(call, factors, core, full, v, g, one, *query):
    """Gradients of factors and x. one(accumulate, count, factors, x, grad_output, gradients..., work): a call."""
    lead = len(factors.shape) - core
    grad_f, summed = call.new(factors.shape, factors.dtype), v.shape != tuple(full)
    # where x was broadcast, first one gradient for every product
    grad_x = call.new((*full, v.n) if summed else with_axis(full, v.n, v.axis), v.operand.dtype)
    f, u = call.view(grad_f), Vectors(call.view(grad_x), -1 if summed else v.axis)
    read, written = (broadcast_strides(a.shape[:lead], a.strides[:lead], full) for a in (factors, f))
    begun, work = set(), None
    with call.running():
        sides = read, v.broadcast(full), g.broadcast(full), u.broadcast(full)
        for into, (at, *starts), count, (_, *dists) in pieces(full, written, sides):
            work = work or call.work(v, count, *query)
            ends = [view.arguments(start, dist) for view, start, dist in zip((v, g, u), starts, dists, strict=True)]
            one(int(into in begun), INT(count), factors.at(at), *ends[:2], f.at(into), ends[2], work[1])
            begun.add(into)
        if not begun and (numbers := math.prod(f.shape)):
            call.scale_add(f.dtype, numbers, 0, (None, 1), 0, (f.at(0), 1))
        if summed:
            grad_x = _sum_to(call, grad_x, full, v)
        del work
    return grad_f, grad_x


def _sum_to(call, gradient, full, x):
    """`gradient`, of shape (*full, n), summed over the dimensions that x was broadcast along; in x's shape."""
    total = call.new(with_axis(x.shape, x.n, x.axis), x.operand.dtype)
    source, target = call.view(gradient), Vectors(call.view(total), x.axis)
    sizes, to, begun = (*full, x.n), [*target.broadcast(full), target.inc], set()
    apart = [int(size > 1 and step == 0) for size, step in zip(sizes, to, strict=True)]
    for _, (at, into), count, (step, step_to) in pieces(sizes, apart, (source.strides, to)):
        places = (source.at(at), step), int(into in begun), (target.operand.at(into), step_to)
        call.scale_add(source.dtype, count, 1, *places)
        begun.add(into)
    return total


# ---- products --------------------------------------------------------------------------------------------------------


def _product(call, twiddle, x, tied, axis):
    """Factors, vectors, the number of core dimensions, the batch and the factors' strides in it."""
    w, v = call.read(twiddle, "twiddle"), call.vectors(x, "x", axis)
    n = power_of_two(v)
    core, wanted = (3, (n - 1, 2, 2)) if tied else (4, (n.bit_length() - 1, n // 2, 2, 2))
    lead, strides = core_of(w, wanted, n)
    full = common(lead, v, "twiddle")
    return w, v, core, full, broadcast_strides(lead, strides, full)


def butterfly_multiply(twiddle, x, *, op="N", increasing_stride=True, tied=False, axis=-1, out=None, stream=None):
    """``y = op(B) x`` in device memory; see `pyfly.butterfly_multiply`.

    Parameters
    ----------
    twiddle : device array, (..., log2 n, n/2, 2, 2), or (..., n-1, 2, 2) when tied
        Without gaps in its last dimensions; of x's precision. Real ones may meet complex x.
    x : device array, with n numbers along `axis`
        float32, float64, complex64 or complex128, with any strides. Nothing is converted on the device.
    op, increasing_stride, tied, axis
        As in `pyfly.butterfly_multiply`.
    out : device array, optional
        x itself, or an array that shares no memory with the operands.
    stream : int or stream, optional
        A stream or its address; see `pyfly.cuda`.

    Returns
    -------
    out, or a new array
        Of the shape that the leading dimensions broadcast to.

    Raises
    ------
    RuntimeError
        No library, no driver, no GPU, or an error of CUDA.
    TypeError, ValueError
        An operand that is not in device memory, or has another dtype, shape, layout or device.

    Notes
    -----
    x is read and y written once for n up to 1024 (float32 2048, complex128 512) on GPUs with 227 KB of shared memory.
    Dimensions that strides do not let merge, and stacks of factors, cost a launch an index.

    Examples
    --------
    ::

        y = cupy.asarray(pyfly.cuda.butterfly_multiply(cupy_factors, cupy_vectors))
        pyfly.cuda.butterfly_multiply(w, x, out=y)  # CUDA tensors, in PyTorch's current stream
    """
    code = _op(op), 201 if increasing_stride else 202, 212 if tied else 211
    call = _Call(stream, x, twiddle)
    w, v, _, full, strides = _product(call, twiddle, x, tied, axis)
    name = f"{_pair(_PRODUCTS, w, v.operand)}mul"
    y, u = call.result(out, full, v)
    one, zero = (_scalar(v.operand.dtype, value) for value in (1, 0))

    def product(factors, count, source, target, tail):
        call.run(name, *code, INT(v.n), count, one, factors, *source, zero, *target, *tail)

    _forward(call, w, strides, full, v, u, product)
    return y


def butterfly_multiply_grad(
    twiddle, x, grad_output, *, op="N", increasing_stride=True, tied=False, axis=-1, stream=None
):
    """Gradients of `butterfly_multiply`; see `pyfly.butterfly_multiply_grad`.

    Parameters
    ----------
    twiddle, x, op, increasing_stride, tied, axis, stream
        As in `butterfly_multiply`.
    grad_output : device array
        Gradient at y, of y's shape and dtype.

    Returns
    -------
    grad_twiddle, grad_x : tensor or DeviceArray
        Of the shape and dtype of `twiddle` and `x`, summed over broadcast dimensions in a fixed order: the same bits
        every time.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `butterfly_multiply`; also when `grad_output` has not the shape of the product.
    """
    code = _op(op), 201 if increasing_stride else 202, 212 if tied else 211
    call = _Call(stream, x, twiddle, grad_output)
    w, v, core, full, _ = _product(call, twiddle, x, tied, axis)
    name = f"{_pair(_PRODUCTS, w, v.operand)}grad"
    g = call.gradient(grad_output, full, v)

    def gradients(accumulate, count, factors, x, gy, gw, gx, tail):
        call.run(name, *code, accumulate, INT(v.n), count, factors, *x, *gy, gw, *gx, *tail)

    return _backward(call, w, core, full, v, g, gradients, "grad", ctypes.c_int(1))


# ---- permutations ----------------------------------------------------------------------------------------------------


def permute(perm, x, *, axis=-1, out=None, stream=None):
    """``out[i] = x[perm[i]]`` in device memory; see `pyfly.permute`.

    Parameters
    ----------
    perm : device array of int64, (..., n)
        Not checked: places for which a wrong one names no number keep what they held.
    x : device array, with n numbers along `axis`
        n is any size.
    axis, out, stream
        As in `butterfly_multiply`.

    Returns
    -------
    out, or a new array

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `butterfly_multiply`.
    """
    call = _Call(stream, x, perm)
    p, v = call.read(perm, "perm", _INTEGERS), call.vectors(x, "x", axis)
    lead, strides = core_of(p, (v.n,), v.n)
    full = common(lead, v, "perm")
    y, u = call.result(out, full, v)
    name, in_place = f"{_TYPES[v.operand.dtype.char]}perm", u.operand.address == v.operand.address

    def move(factors, count, source, target, tail):
        call.run(name, _OPS["N"], INT(v.n), count, factors, *source, *target, *tail)

    if v.n:
        strides = broadcast_strides(lead, strides, full)
        _forward(call, p, strides, full, v, u, move, "perm", ctypes.c_int(in_place))
    return y


def _relaxed(call, prob, x, axis):
    p, v = call.read(prob, "prob", _REALS), call.vectors(x, "x", axis)
    n = power_of_two(v)
    lead, strides = core_of(p, (max(n.bit_length() - 2, 0), 3), n)
    full = common(lead, v, "prob")
    return p, v, full, broadcast_strides(lead, strides, full), _pair(_RELAXED, p, v.operand)


def relaxed_permute(prob, x, *, axis=-1, out=None, stream=None):
    """The relaxed permutation in device memory; see `pyfly.relaxed_permute`.

    Parameters
    ----------
    prob : device array, (..., log2 n - 1, 3), real
    x, axis, out, stream
        As in `butterfly_multiply`.

    Returns
    -------
    out, or a new array

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `butterfly_multiply`.
    """
    return relaxed_product(prob, x, "N", axis, out, stream)


def relaxed_product(prob, x, op, axis=-1, out=None, stream=None):
    """op of the relaxed permutation times x."""
    call = _Call(stream, x, prob)
    p, v, full, strides, letter = _relaxed(call, prob, x, axis)
    y, u = call.result(out, full, v)

    def mix(factors, count, source, target, tail):
        call.run(f"{letter}relaxed_perm", _OPS[op], INT(v.n), count, factors, *source, *target, *tail)

    _forward(call, p, strides, full, v, u, mix, "relaxed_perm")
    return y


def relaxed_permute_grad(prob, x, grad_output, *, axis=-1, stream=None):
    """Gradients of `relaxed_permute`; see `pyfly.relaxed_permute_grad`.

    Parameters
    ----------
    prob, x, axis, stream
        As in `relaxed_permute`.
    grad_output : device array
        Gradient at the result, of its shape and dtype.

    Returns
    -------
    grad_prob, grad_x : tensor or DeviceArray
        Of the shape and dtype of `prob` and `x`, summed over broadcast dimensions in a fixed order.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `butterfly_multiply`.
    """
    call = _Call(stream, x, prob, grad_output)
    p, v, full, _, letter = _relaxed(call, prob, x, axis)
    g = call.gradient(grad_output, full, v)

    def gradients(accumulate, count, factors, x, gy, gprob, gx, tail):
        name = f"{letter}relaxed_perm_grad"
        call.run(name, _OPS["N"], accumulate, INT(v.n), count, factors, *x, *gy, gprob, *gx, *tail)

    return _backward(call, p, 2, full, v, g, gradients, "relaxed_perm_grad")


# ---- Walsh-Hadamard --------------------------------------------------------------------------------------------------


def fwht(x, *, order="natural", norm=None, axis=-1, out=None, stream=None):
    """Fast Walsh-Hadamard transform in device memory; see `pyfly.fwht`.

    Parameters
    ----------
    x : device array, with n numbers along `axis`, n a power of two
    order : {"natural", "paley", "sequency"}
    norm : {None, "ortho"}
    axis, out, stream
        As in `butterfly_multiply`.

    Returns
    -------
    out, or a new array

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As `butterfly_multiply`.
    """
    if order not in _ORDERINGS or norm not in (None, "ortho"):
        raise ValueError(
            f"order={order!r}, norm={norm!r}: order must be 'natural', 'paley' or 'sequency', norm None or 'ortho'"
        )
    call = _Call(stream, x)
    v = call.vectors(x, "x", axis)
    n, dtype = power_of_two(v), v.operand.dtype
    y, u = call.result(out, v.shape, v)
    scale = (ctypes.c_float if dtype.char in "fF" else ctypes.c_double)(1 if norm is None else n**-0.5)
    name, code = f"{_TYPES[dtype.char]}fwht", ctypes.c_int(_ORDERINGS[order])

    def transform(_, count, source, target, tail):
        call.run(name, code, INT(n), count, scale, *source, *target, *tail)

    _forward(call, None, [0] * len(v.shape), v.shape, v, u, transform, "fwht", code)
    return y
