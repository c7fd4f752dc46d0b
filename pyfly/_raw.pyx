"""The library by addresses: for tensors, where a NumPy array around each would cost more than a product of one vector.

The caller answers for addresses, types and sizes. `type` numbers the types of _by_type 0 to 5; `op` numbers N, T, C,
conj 0 to 3; factors are contiguous; inc and dist are strides in items. One of the two gradients may be at address 0,
which leaves it out. `threads` limits the library's own number. The GIL is released.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from pyfly cimport _by_type
from pyfly._by_type cimport CC, DD, FF, ZZ, Vectors
from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport *

cdef int[4] OPS = [BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ]


cdef int limit(int threads) noexcept nogil:
    """Lower this thread's limit; the value for `restore`, -1 for nothing to do."""
    return bfly_set_num_threads_local(threads) if threads < bfly_get_num_threads() else -1


cdef void restore(int old) noexcept nogil:
    if old >= 0:
        bfly_set_num_threads_local(old)


cdef Vectors vectors(size_t p, bfly_int inc, bfly_int dist) noexcept nogil:
    return Vectors(<char *>p, inc, dist, NULL)


cdef int raise_permuted(int result) except -1:
    if result == -4:
        raise ValueError("perm must hold every index of 0 .. n - 1 exactly once")
    return raise_result("permute", result)


def multiply(int threads, int type, int op, bint increasing_stride, bint tied, bfly_int n, bfly_int count, size_t
             twiddle, size_t x, bfly_int incx, bfly_int distx, size_t y, bfly_int incy, bfly_int disty):
    """y := op(B) x."""
    cdef int o = OPS[op], order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED, result, old
    with nogil:
        old = limit(threads)
        result = _by_type.mul(type, o, order, form, n, count, <void *>twiddle, vectors(x, incx, distx),
                              vectors(y, incy, disty))
        restore(old)
    raise_result("butterfly_multiply", result)


def chain(int threads, int type, bint tied, bfly_int n, bfly_int count, tuple perms, size_t twiddle, size_t step,
          size_t x, bint widen, size_t y):
    """y := B_d P_d ... B_1 P_1 x for adjacent vectors, factors `step` bytes apart, d addresses of permutations.

    widen: x is real and y complex."""
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED, result = 0, refused = 0, old, first = type
    cdef bfly_int spread = 1
    cdef size_t place, at = x, perm
    cdef size_t bytes = <size_t>(n * count) * (4 if type == FF else 16 if type == ZZ else 8)
    cdef int left = len(perms)
    cdef void *other = malloc(bytes) if left > 1 else NULL
    if left > 1 and bytes and other == NULL:
        raise MemoryError("no memory for vectors between the products")
    old = limit(threads)
    try:
        for perm in perms:
            left -= 1
            place = <size_t>other if left % 2 else y
            if widen and at == x:
                first, spread = FF if type == CC else DD, 2
                memset(<void *>place, 0, bytes)
            else:
                first, spread = type, 1
            with nogil:
                refused = _by_type.permute(first, BFLY_NO_TRANS, n, count, <int64_t *>perm, vectors(at, 1, n),
                                           vectors(place, spread, spread * n))
                if refused == 0:
                    result = _by_type.mul(type, BFLY_NO_TRANS, BFLY_INCREASING, form, n, count, <void *>twiddle,
                                          vectors(place, 1, n), vectors(place, 1, n))
            raise_permuted(refused)
            raise_result("butterfly_multiply", result)
            at = place
            twiddle += step
    finally:
        restore(old)
        free(other)


def multiply_grad(int threads, int type, int op, bint increasing_stride, bint tied, bfly_int n, bfly_int count, size_t
                  twiddle, size_t x, bfly_int incx, bfly_int distx, size_t g, bfly_int incg, bfly_int distg, size_t
                  g_twiddle, size_t gx, bfly_int incgx, bfly_int distgx):
    """Gradients of y = op(B) x."""
    cdef int o = OPS[op], order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED, result, old
    with nogil:
        old = limit(threads)
        result = _by_type.grad(type, o, order, form, 0, n, count, <void *>twiddle, vectors(x, incx, distx),
                               vectors(g, incg, distg), <void *>g_twiddle, vectors(gx, incgx, distgx))
        restore(old)
    raise_result("butterfly_multiply_grad", result)


def relaxed(int threads, int type, bint transposed, bfly_int n, bfly_int count, size_t prob, size_t x, bfly_int incx,
            bfly_int distx, size_t y, bfly_int incy, bfly_int disty):
    """y := P x or P^T x; prob is real."""
    cdef int o = BFLY_TRANS if transposed else BFLY_NO_TRANS, result, old
    with nogil:
        old = limit(threads)
        result = _by_type.relaxed(type, o, n, count, <void *>prob, vectors(x, incx, distx), vectors(y, incy, disty))
        restore(old)
    raise_result("relaxed_permute", result)


def relaxed_grad(int threads, int type, bfly_int n, bfly_int count, size_t prob, size_t x, bfly_int incx, bfly_int
                 distx, size_t g, bfly_int incg, bfly_int distg, size_t g_prob, size_t gx, bfly_int incgx, bfly_int
                 distgx):
    """Gradients of y = P x."""
    cdef int result, old
    with nogil:
        old = limit(threads)
        result = _by_type.relaxed_grad(type, BFLY_NO_TRANS, 0, n, count, <void *>prob, vectors(x, incx, distx),
                                       vectors(g, incg, distg), <void *>g_prob, vectors(gx, incgx, distgx))
        restore(old)
    raise_result("relaxed_permute_grad", result)


def permute(int threads, int type, bint inverse, bfly_int n, bfly_int count, size_t perm, size_t x, bfly_int incx,
            bfly_int distx, size_t y, bfly_int incy, bfly_int disty):
    """y[i] := x[perm[i]], or y[perm[i]] := x[i]; perm is int64."""
    cdef int o = BFLY_TRANS if inverse else BFLY_NO_TRANS, result, old
    with nogil:
        old = limit(threads)
        result = _by_type.permute(type, o, n, count, <int64_t *>perm, vectors(x, incx, distx),
                                  vectors(y, incy, disty))
        restore(old)
    raise_permuted(result)
