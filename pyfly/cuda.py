"""Products with butterfly matrices and their gradients on NVIDIA GPUs, for arrays of any library.

    y = op(B) x,   x and the factors anything with ``__cuda_array_interface__``: CuPy, Numba, PyTorch, this module's own

The library behind it is loaded on first use; without it, or without a GPU, ``is_available()`` is False and every other
call a RuntimeError that says why. Calls are queued in a stream and not waited for. Experimental: the kernels have been
checked by simulation only.
"""

import ctypes
import math
from pathlib import Path

import numpy as np

__all__ = ["DeviceArray", "asarray", "butterfly_multiply", "butterfly_multiply_grad", "device_count", "is_available"]

_ABI = 1
_OPS = {"N": 111, "T": 112, "C": 113, "conj": 114}
_TYPES = {"f": "s", "d": "d", "F": "c", "D": "z"}
_PAIRS = {"ff": "s", "dd": "d", "FF": "c", "DD": "z", "fF": "cs", "dD": "zd"}
_PATH = Path(__file__).with_name("libbutterfly_cuda.so")
_INT = ctypes.c_int64
_library = None


def _load():
    global _library
    if _library is None:
        try:
            library = ctypes.CDLL(str(_PATH))
        except OSError as error:
            raise RuntimeError(
                f"pyfly was built without CUDA, or its library cannot be loaded: {error}. Install it from source where "
                "nvcc is found, with BUTTERFLY_CUDA=1 to see what goes wrong"
            ) from None
        abi = library.bfly_cuda_abi_version()
        if abi != _ABI:
            raise RuntimeError(f"{_PATH} has interface {abi}; this pyfly needs {_ABI}: install both from one source")
        library.bfly_cuda_strerror.restype = ctypes.c_char_p
        library.bfly_cuda_last_error_text.restype = ctypes.c_char_p
        _library = library
    return _library


def _check(result):
    if result:
        text = _library.bfly_cuda_strerror(result).decode()
        detail = f" ({_library.bfly_cuda_last_error_text().decode()})" if result == 101 else ""
        raise (MemoryError if result == 1 else RuntimeError)(f"CUDA: {text}{detail} [{result}]")


def device_count():
    """The number of GPUs this process can use; 0 without the library, a driver or a device."""
    try:
        library = _load()
    except RuntimeError:
        return 0
    count = ctypes.c_int(0)
    return count.value if library.bfly_cuda_device_count(ctypes.byref(count)) == 0 else 0


def is_available():
    """Whether there are the library, a driver and a GPU.

    Examples
    --------
    >>> import pyfly.cuda
    >>> pyfly.cuda.is_available() == (pyfly.cuda.device_count() > 0)
    True
    """
    return device_count() > 0


def _ready():
    library = _load()
    count = ctypes.c_int(0)
    _check(library.bfly_cuda_device_count(ctypes.byref(count)))
    return library


class DeviceArray:
    """A C-contiguous array in device memory, with ``__cuda_array_interface__``; ``get()`` copies it to NumPy."""

    def __init__(self, shape, dtype, stream=None):
        self.shape, self.dtype, self.stream = tuple(shape), np.dtype(dtype), stream
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._library = _ready()
        self._pointer = ctypes.c_void_p()
        _check(self._library.bfly_cuda_malloc(ctypes.c_void_p(stream), _INT(self.nbytes), ctypes.byref(self._pointer)))

    def __del__(self):
        if getattr(self, "_pointer", None):
            self._library.bfly_cuda_free(ctypes.c_void_p(self.stream), self._pointer)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def __cuda_array_interface__(self):
        # in version 3, 1 is the legacy default stream, and 0 is not allowed
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self._pointer.value or 0, False),
            "strides": None,
            "version": 3,
            "stream": self.stream or 1,
        }

    def get(self):
        """A NumPy array with the same numbers; waits for the stream."""
        out = np.empty(self.shape, self.dtype)
        stream = ctypes.c_void_p(self.stream)
        _check(self._library.bfly_cuda_copy(stream, ctypes.c_void_p(out.ctypes.data), self._pointer, _INT(self.nbytes)))
        _check(self._library.bfly_cuda_synchronize(stream))
        return out


def asarray(x, *, stream=None):
    """A DeviceArray with the numbers of the NumPy array x; waits for the copy."""
    x = np.ascontiguousarray(x)
    out = DeviceArray(x.shape, x.dtype, stream)
    pointer, handle = ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(stream)
    _check(out._library.bfly_cuda_copy(handle, out._pointer, pointer, _INT(x.nbytes)))
    _check(out._library.bfly_cuda_synchronize(handle))
    return out


class _View:
    """Pointer, shape and strides in numbers of a device array; its stream comes before ours."""

    def __init__(self, array, name, library, stream):
        interface = getattr(array, "__cuda_array_interface__", None)
        if interface is None:
            raise TypeError(
                f"{name} is a {type(array).__name__} without __cuda_array_interface__; it must be in device memory: "
                "see pyfly.cuda.asarray"
            )
        if interface.get("mask") is not None:
            raise TypeError(f"{name} has a mask; it must be a plain array")
        self.shape, self.dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
        if self.dtype.char not in _TYPES or not self.dtype.isnative:
            raise TypeError(f"{name} has dtype {self.dtype}; it must be float32, float64, complex64 or complex128")
        self.pointer, self.read_only = interface["data"]
        size = self.dtype.itemsize
        strides = interface.get("strides")
        if strides is None:
            strides, step = [], size
            for extent in reversed(self.shape):
                strides.insert(0, step)
                step *= max(extent, 1)
        if any(s % size for s in strides):
            raise ValueError(f"{name} has strides {tuple(strides)}; they must be multiples of {size} bytes: copy it")
        self.strides = [s // size for s in strides]
        theirs = interface.get("stream")
        if theirs is not None and theirs != (stream or 1):
            _check(library.bfly_cuda_wait(ctypes.c_void_p(stream), ctypes.c_void_p(theirs)))

    def vectors(self, name):
        """(n, count, inc, dist) of vectors along the last axis."""
        if not self.shape:
            raise ValueError(f"{name} has no dimension; it must have at least one, the vectors' length")
        *batch, n = self.shape
        inc, rest = self.strides[-1], self.strides[:-1]
        kept = [(e, s) for e, s in zip(batch, rest, strict=True) if e != 1]
        for (_, outer), (extent, inner) in zip(kept, kept[1:], strict=False):
            if outer != extent * inner:
                raise ValueError(f"{name}: the leading dimensions do not have one common stride: copy it first")
        return n, math.prod(batch), inc if n != 1 else 1, kept[-1][1] if kept else n

    def contiguous(self, name):
        step = 1
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent > 1 and stride != step:
                raise ValueError(f"{name} must be C-contiguous: copy it first")
            step *= max(extent, 1)


def _setting(twiddle, x, op, increasing_stride, tied, stream):
    if op not in _OPS:
        raise ValueError(f"op={op!r} must be one of {tuple(_OPS)}: conjugate transpose is 'C', conjugate is 'conj'")
    library = _ready()
    w, v = _View(twiddle, "twiddle", library, stream), _View(x, "x", library, stream)
    n = v.vectors("x")[0]
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has {n} numbers along its last axis; that must be a power of two")
    wanted = (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2)
    if w.shape != wanted:
        raise ValueError(f"twiddle has shape {w.shape}; for vectors of {n} and tied={bool(tied)} it must be {wanted}")
    w.contiguous("twiddle")
    pair = _PAIRS.get(w.dtype.char + v.dtype.char)
    if pair is None:
        raise TypeError(
            f"twiddle is {w.dtype} and x {v.dtype}; they must have one precision, and x be complex if twiddle is"
        )
    codes = [ctypes.c_void_p(stream), _OPS[op], 201 if increasing_stride else 202, 212 if tied else 211]
    return library, w, v, pair, codes


def _work(library, query, stream, *arguments):
    size = _INT(0)
    _check(getattr(library, query)(*arguments, ctypes.byref(size)))
    return DeviceArray((size.value,), np.uint8, stream) if size.value else None


def _scalar(pair, value):
    if pair in "sd":
        return (ctypes.c_float if pair == "s" else ctypes.c_double)(value)
    return ((ctypes.c_float if pair in ("c", "cs") else ctypes.c_double) * 2)(value, 0)


def _vector_arguments(view, name):
    _, _, inc, dist = view.vectors(name)
    return [ctypes.c_void_p(view.pointer), _INT(inc), _INT(dist)]


def butterfly_multiply(twiddle, x, *, op="N", increasing_stride=True, tied=False, out=None, stream=None):
    """``y = op(B) x`` along the last axis, in device memory.

    Parameters
    ----------
    twiddle : device array, (log2 n, n/2, 2, 2), or (n-1, 2, 2) when tied; C-contiguous
        As for `pyfly.butterfly_multiply`, of x's precision; real ones may meet complex x.
    x : device array, (..., n)
        float32, float64, complex64 or complex128.
    out : device array, (..., n), optional
        x itself, or an array that shares no memory with the operands.
    stream : int, optional
        The address of a CUDA stream; the legacy default stream otherwise. Work that the operands' own streams hold is
        waited for, by the stream, not by the caller.

    Returns
    -------
    out, or a new DeviceArray

    Raises
    ------
    RuntimeError
        No library, no driver, no GPU, or an error of CUDA.
    TypeError, ValueError
        An operand that is not in device memory, or has another dtype, shape or layout.
    """
    library, w, v, pair, codes = _setting(twiddle, x, op, increasing_stride, tied, stream)
    y = DeviceArray(v.shape, v.dtype, stream) if out is None else out
    u = _View(y, "out", library, stream)
    if u.shape != v.shape or u.dtype != v.dtype or u.read_only:
        raise ValueError(f"out has shape {u.shape} and dtype {u.dtype}; it must be {v.shape}, {v.dtype} and writable")
    n, count = v.vectors("x")[:2]
    one, zero = _scalar(pair, 1), _scalar(pair, 0)
    _check(
        getattr(library, f"bfly_cuda_{pair}mul")(
            *codes,
            _INT(n),
            _INT(count),
            one,
            ctypes.c_void_p(w.pointer),
            *_vector_arguments(v, "x"),
            zero,
            *_vector_arguments(u, "out"),
            None,
            _INT(0),
        )
    )
    return y


def butterfly_multiply_grad(twiddle, x, grad_output, *, op="N", increasing_stride=True, tied=False, stream=None):
    """Gradients of `butterfly_multiply`: ``(grad_twiddle, grad_x)`` as DeviceArrays, the same bits every time.

    Parameters and errors are those of `butterfly_multiply`; grad_output has x's shape and dtype.
    """
    library, w, v, pair, codes = _setting(twiddle, x, op, increasing_stride, tied, stream)
    g = _View(grad_output, "grad_output", library, stream)
    if g.shape != v.shape or g.dtype != v.dtype:
        raise ValueError(f"grad_output has shape {g.shape} and dtype {g.dtype}; it must be x's {v.shape}, {v.dtype}")
    n, count = v.vectors("x")[:2]
    grad_w, grad_x = DeviceArray(w.shape, w.dtype, stream), DeviceArray(v.shape, v.dtype, stream)
    letter = ctypes.c_int(ord(_TYPES[v.dtype.char]))
    work = _work(library, "bfly_cuda_grad_work", stream, letter, _INT(n), _INT(count), ctypes.c_int(1))
    _check(
        getattr(library, f"bfly_cuda_{pair}grad")(
            *codes,
            0,
            _INT(n),
            _INT(count),
            ctypes.c_void_p(w.pointer),
            *_vector_arguments(v, "x"),
            *_vector_arguments(g, "grad_output"),
            grad_w._pointer,
            grad_x._pointer,
            _INT(1),
            _INT(n),
            work._pointer if work else None,
            _INT(work.nbytes if work else 0),
        )
    )
    return grad_w, grad_x
