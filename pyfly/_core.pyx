"""The library's settings and exact factors: thin calls of libbutterfly."""

from pyfly.libbutterfly cimport *

import numpy as np

DIRECTION = {"forward": BFLY_FORWARD, "inverse": BFLY_INVERSE}


cdef int raise_result(str function, int result) except -1:
    """Raises the exception that stands for a result of the library; 0 passes."""
    if result == 0:
        return 0
    text = f"{function}: {bfly_strerror(result).decode()}"
    if result == BFLY_ENOMEM:
        raise MemoryError(text)
    if result == BFLY_EOVERFLOW:
        raise OverflowError(text)
    if result < 0:
        raise ValueError(f"{function}: argument {-result} is illegal")
    raise RuntimeError(text)


def version():
    """The library's version, 10000 major + 100 minor + patch."""
    return bfly_version()


def config():
    """One line on version, instruction sets, OpenMP and threads."""
    return bfly_config().decode()


def get_isa():
    return bfly_get_isa().decode()


def set_isa(name):
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, one of {available_isas()} or 'auto', not {type(name).__name__}")
    if bfly_set_isa(name.encode()) != 0:
        raise ValueError(f"name={name!r} is not available here; choose one of {available_isas()} or 'auto'")


def available_isas():
    return bfly_isas().decode().split()


def get_num_threads():
    return bfly_get_num_threads()


def set_num_threads(int k):
    bfly_set_num_threads(k)


def set_num_threads_local(int k):
    return bfly_set_num_threads_local(k)


def fft_factors(bfly_int n, *, bint inverse=False, bint increasing_stride=True, bint tied=False, dtype=np.complex128):
    """Twiddle B of the DFT matrix F = B R (increasing stride) or R B (decreasing), R the bit reversal."""
    cdef int direction = BFLY_INVERSE if inverse else BFLY_FORWARD
    cdef int order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED
    w = _empty_twiddle(n, tied, dtype)
    cdef size_t data = w.ctypes.data
    if w.dtype == np.complex64:
        raise_result("fft_factors", bfly_cfft_factors(direction, order, form, n, <void *>data))
    elif w.dtype == np.complex128:
        raise_result("fft_factors", bfly_zfft_factors(direction, order, form, n, <void *>data))
    else:
        raise TypeError(f"dtype must be complex64 or complex128, not {w.dtype}")
    return w


def hadamard_factors(bfly_int n, *, bint increasing_stride=True, bint tied=False, dtype=np.float64):
    """Twiddle of the Sylvester-Hadamard matrix, entries 1 and -1."""
    cdef int order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED
    w = _empty_twiddle(n, tied, dtype)
    cdef size_t data = w.ctypes.data
    if w.dtype == np.float32:
        raise_result("hadamard_factors", bfly_shadamard_factors(order, form, n, <float *>data))
    elif w.dtype == np.float64:
        raise_result("hadamard_factors", bfly_dhadamard_factors(order, form, n, <double *>data))
    elif w.dtype == np.complex64:
        raise_result("hadamard_factors", bfly_chadamard_factors(order, form, n, <void *>data))
    elif w.dtype == np.complex128:
        raise_result("hadamard_factors", bfly_zhadamard_factors(order, form, n, <void *>data))
    else:
        raise TypeError(f"dtype must be float32, float64, complex64 or complex128, not {w.dtype}")
    return w


def _empty_twiddle(n, tied, dtype):
    if n < 1 or n & (n - 1):
        raise ValueError(f"n={n} must be a power of two, n >= 1")
    if tied:
        return np.empty((n - 1, 2, 2), dtype)
    return np.empty((n.bit_length() - 1, n // 2, 2, 2), dtype)
