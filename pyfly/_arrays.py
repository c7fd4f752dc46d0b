"""Checks and conversions of the arrays that operators are made of and act on.

Factors are kept in read-only arrays of four types; data become arrays of these types or are refused with a reason.
"""

from __future__ import annotations

import operator

import numpy as np

TYPES = tuple(np.dtype(t) for t in "fdFD")
SINGLE = frozenset(np.dtype(t) for t in "fF")
COMPLEX = {np.dtype(t): np.dtype(t.upper()) for t in "fdFD"}


def as_numbers(name, values, ndim=None):
    """Return a read-only float32, float64, complex64 or complex128 array; a copy unless it is read-only already."""
    array = np.asarray(values)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype not in TYPES:
        raise TypeError(
            f"{name} has dtype {array.dtype}; give float32, float64, complex64 or complex128, in native byte order"
        )
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} has shape {array.shape}; it must have {ndim} dimension{'s' if ndim > 1 else ''}")
    return frozen(array)


def frozen(array):
    """Return a C-contiguous read-only array that nobody else can write to."""
    if array.flags.c_contiguous and not array.flags.writeable and (array.base is None or _is_frozen(array.base)):
        return array
    array = np.array(array, order="C", copy=True)
    array.flags.writeable = False
    return array


def _is_frozen(base):
    return isinstance(base, np.ndarray) and not base.flags.writeable and (base.base is None or _is_frozen(base.base))


def to_single(array):
    return array.astype(np.complex64 if array.dtype.kind == "c" else np.float32)


def to_double(array):
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def as_data(x, dtype):
    """Return x as an array of one of the four types; what has no precision of its own takes the operator's."""
    x = np.asarray(x)
    if x.dtype in TYPES:
        return x
    if x.dtype.kind in "biu":
        return x.astype(np.result_type(x.dtype, real_type(dtype)))
    if x.dtype == np.float16:
        return x.astype(real_type(dtype))
    if x.dtype.kind in "fc" and not x.dtype.isnative:
        return as_data(x.astype(x.dtype.newbyteorder("=")), dtype)
    raise TypeError(
        f"x has dtype {x.dtype}, which is not supported; convert it to float32, float64, complex64 or complex128"
    )


def real_type(dtype):
    return np.dtype(dtype.char.lower())


def as_axis(axis, ndim):
    try:
        value = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis = {axis!r}: the axis must be an integer") from None
    if ndim == 0:
        raise ValueError("x is a single number; give an array with vectors along an axis")
    if not -ndim <= value < ndim:
        raise ValueError(f"axis = {value} is out of range for x of {ndim} dimensions; give {-ndim} ... {ndim - 1}")
    return value % ndim


def as_scalar(x):
    if isinstance(x, str | bytes):
        raise TypeError(f"cannot scale an operator by {x!r}; give a number")
    value = complex(x)
    return value if isinstance(x, complex | np.complexfloating) else value.real


def check_out(out, shape, dtype):
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out is {type(out).__name__}; it must be a NumPy array")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, the result has {shape}; give an array of that shape")
    if not out.flags.writeable:
        raise ValueError("out is read-only; give an array that can be written to")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"out has dtype {out.dtype}, which cannot hold the result's {dtype}")


def as_permutation_indices(name, perm):
    """Return perm as a read-only int64 array that holds every index once."""
    array = np.asarray(perm)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {array.dtype}; it must hold integers")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} has shape {array.shape}; it must be one row of at least one index")
    n = array.size
    if array.min() < 0 or array.max() >= n or (np.bincount(array.astype(np.int64), minlength=n) != 1).any():
        raise ValueError(f"{name} must hold every index 0 ... {n - 1} exactly once")
    return frozen(array.astype(np.int64, copy=False))


def twiddle_size(shape, tied):
    """Return n for the shape of a twiddle."""
    if tied:
        n = shape[0] + 1 if len(shape) == 3 else 0
        if len(shape) != 3 or shape[1:] != (2, 2) or n & (n - 1):
            raise ValueError(
                f"twiddle has shape {shape}; a tied one must have (n - 1, 2, 2) with n a power of two"
                + ("; for an untied one leave out tied=True" if len(shape) == 4 else "")
            )
        return n
    if len(shape) != 4 or shape[2:] != (2, 2) or shape[0] > 62 or shape[1] != (1 << shape[0]) // 2:
        raise ValueError(
            f"twiddle has shape {shape}; it must have (log2 n, n/2, 2, 2) with n a power of two"
            + ("; for a tied one say tied=True" if len(shape) == 3 else "")
        )
    return 1 << shape[0]


def owned(array):
    """Mark an array that was just made as read-only, so that it need not be copied."""
    array = np.ascontiguousarray(array)
    if array.base is None:
        array.flags.writeable = False
    return array


def same_kind(convert, array):
    """Convert the precision of an array, but leave it real or complex as it is."""
    dtype = real_type(convert(np.empty(0, real_type(array.dtype))).dtype)
    return array.astype(np.result_type(dtype, np.complex64) if array.dtype.kind == "c" else dtype)


def scaled_type(dtype, alpha):
    return np.result_type(dtype, np.complex64) if isinstance(alpha, complex) else dtype
