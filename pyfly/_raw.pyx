"""The library by addresses: for tensors, where a NumPy array around each would cost more than a product of one vector.

The caller answers for addresses, types and sizes. `type` numbers the pairs of factors and vectors f-f, f-F, F-F, d-d,
d-D, D-D (NumPy's letters) 0 to 5; `op` numbers N, T, C, conj 0 to 3; factors are contiguous; inc and dist are strides
in items. One of the two gradients may be at address 0, which leaves it out. `threads` limits the library's own number.
The GIL is released.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport *

cdef enum:
    FF, FC, CC, DD, DZ, ZZ

cdef int[4] OPS = [BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ]
cdef float[2] one_s = [1, 0]
cdef float[2] zero_s = [0, 0]
cdef double[2] one_d = [1, 0]
cdef double[2] zero_d = [0, 0]


cdef int limit(int threads) noexcept nogil:
    """Lower this thread's limit; the value for `restore`, -1 for nothing to do."""
    return bfly_set_num_threads_local(threads) if threads < bfly_get_num_threads() else -1


cdef void restore(int old) noexcept nogil:
    if old >= 0:
        bfly_set_num_threads_local(old)


cdef int product(int type, int o, int order, int form, bfly_int n, bfly_int count, void *w, void *p, bfly_int incx,
                 bfly_int distx, void *q, bfly_int incy, bfly_int disty) noexcept nogil:
    if type == FF:
        return bfly_smul(o, order, form, n, count, 1, <float *>w, <float *>p, incx, distx, 0, <float *>q, incy, disty)
    if type == FC:
        return bfly_csmul(o, order, form, n, count, one_s, <float *>w, p, incx, distx, zero_s, q, incy, disty)
    if type == CC:
        return bfly_cmul(o, order, form, n, count, one_s, w, p, incx, distx, zero_s, q, incy, disty)
    if type == DD:
        return bfly_dmul(o, order, form, n, count, 1, <double *>w, <double *>p, incx, distx, 0, <double *>q, incy,
                         disty)
    if type == DZ:
        return bfly_zdmul(o, order, form, n, count, one_d, <double *>w, p, incx, distx, zero_d, q, incy, disty)
    return bfly_zmul(o, order, form, n, count, one_d, w, p, incx, distx, zero_d, q, incy, disty)


cdef int permuted(int type, int o, bfly_int n, bfly_int count, const int64_t *perm, void *p, bfly_int incx, bfly_int
                  distx, void *q, bfly_int incy, bfly_int disty) noexcept nogil:
    if type == FF:
        return bfly_sperm(o, n, count, perm, <float *>p, incx, distx, <float *>q, incy, disty)
    if type == CC:
        return bfly_cperm(o, n, count, perm, p, incx, distx, q, incy, disty)
    if type == DD:
        return bfly_dperm(o, n, count, perm, <double *>p, incx, distx, <double *>q, incy, disty)
    return bfly_zperm(o, n, count, perm, p, incx, distx, q, incy, disty)


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
        result = product(type, o, order, form, n, count, <void *>twiddle, <void *>x, incx, distx, <void *>y, incy,
                         disty)
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
                refused = permuted(first, BFLY_NO_TRANS, n, count, <int64_t *>perm, <void *>at, 1, n, <void *>place,
                                   spread, spread * n)
                if refused == 0:
                    result = product(type, BFLY_NO_TRANS, BFLY_INCREASING, form, n, count, <void *>twiddle,
                                     <void *>place, 1, n, <void *>place, 1, n)
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
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED, result
    cdef void *w = <void *>twiddle
    cdef void *p = <void *>x
    cdef void *q = <void *>g
    cdef void *gw = <void *>g_twiddle
    cdef void *r = <void *>gx
    cdef int old
    with nogil:
        old = limit(threads)
        if type == FF:
            result = bfly_sgrad(o, order, form, 0, n, count, <float *>w, <float *>p, incx, distx, <float *>q, incg,
                                distg, <float *>gw, <float *>r, incgx, distgx)
        elif type == FC:
            result = bfly_csgrad(o, order, form, 0, n, count, <float *>w, p, incx, distx, q, incg, distg, <float *>gw,
                                 r, incgx, distgx)
        elif type == CC:
            result = bfly_cgrad(o, order, form, 0, n, count, w, p, incx, distx, q, incg, distg, gw, r, incgx, distgx)
        elif type == DD:
            result = bfly_dgrad(o, order, form, 0, n, count, <double *>w, <double *>p, incx, distx, <double *>q, incg,
                                distg, <double *>gw, <double *>r, incgx, distgx)
        elif type == DZ:
            result = bfly_zdgrad(o, order, form, 0, n, count, <double *>w, p, incx, distx, q, incg, distg, <double *>gw,
                                 r, incgx, distgx)
        else:
            result = bfly_zgrad(o, order, form, 0, n, count, w, p, incx, distx, q, incg, distg, gw, r, incgx, distgx)
        restore(old)
    raise_result("butterfly_multiply_grad", result)


def relaxed(int threads, int type, bint transposed, bfly_int n, bfly_int count, size_t prob, size_t x, bfly_int incx,
            bfly_int distx, size_t y, bfly_int incy, bfly_int disty):
    """y := P x or P^T x; prob is real."""
    cdef int o = BFLY_TRANS if transposed else BFLY_NO_TRANS, result
    cdef void *p = <void *>x
    cdef void *q = <void *>y
    cdef int old
    with nogil:
        old = limit(threads)
        if type == FF:
            result = bfly_srelaxed_perm(o, n, count, <float *>prob, <float *>p, incx, distx, <float *>q, incy, disty)
        elif type == FC:
            result = bfly_crelaxed_perm(o, n, count, <float *>prob, p, incx, distx, q, incy, disty)
        elif type == DD:
            result = bfly_drelaxed_perm(o, n, count, <double *>prob, <double *>p, incx, distx, <double *>q, incy, disty)
        else:
            result = bfly_zrelaxed_perm(o, n, count, <double *>prob, p, incx, distx, q, incy, disty)
        restore(old)
    raise_result("relaxed_permute", result)


def relaxed_grad(int threads, int type, bfly_int n, bfly_int count, size_t prob, size_t x, bfly_int incx, bfly_int
                 distx, size_t g, bfly_int incg, bfly_int distg, size_t g_prob, size_t gx, bfly_int incgx, bfly_int
                 distgx):
    """Gradients of y = P x."""
    cdef int result
    cdef void *p = <void *>x
    cdef void *q = <void *>g
    cdef void *r = <void *>gx
    cdef int old
    with nogil:
        old = limit(threads)
        if type == FF:
            result = bfly_srelaxed_perm_grad(BFLY_NO_TRANS, 0, n, count, <float *>prob, <float *>p, incx, distx,
                                             <float *>q, incg, distg, <float *>g_prob, <float *>r, incgx, distgx)
        elif type == FC:
            result = bfly_crelaxed_perm_grad(BFLY_NO_TRANS, 0, n, count, <float *>prob, p, incx, distx, q, incg, distg,
                                             <float *>g_prob, r, incgx, distgx)
        elif type == DD:
            result = bfly_drelaxed_perm_grad(BFLY_NO_TRANS, 0, n, count, <double *>prob, <double *>p, incx, distx,
                                             <double *>q, incg, distg, <double *>g_prob, <double *>r, incgx, distgx)
        else:
            result = bfly_zrelaxed_perm_grad(BFLY_NO_TRANS, 0, n, count, <double *>prob, p, incx, distx, q, incg, distg,
                                             <double *>g_prob, r, incgx, distgx)
        restore(old)
    raise_result("relaxed_permute_grad", result)


def permute(int threads, int type, bint inverse, bfly_int n, bfly_int count, size_t perm, size_t x, bfly_int incx,
            bfly_int distx, size_t y, bfly_int incy, bfly_int disty):
    """y[i] := x[perm[i]], or y[perm[i]] := x[i]; perm is int64."""
    cdef int o = BFLY_TRANS if inverse else BFLY_NO_TRANS, result
    cdef int old
    with nogil:
        old = limit(threads)
        result = permuted(type, o, n, count, <int64_t *>perm, <void *>x, incx, distx, <void *>y, incy, disty)
        restore(old)
    raise_permuted(result)
