"""Generalized ufuncs over libbutterfly: inner loops and tables only; pyfly.ufuncs and pyfly._functions document them.

A loop gets one dimension of the broadcast from NumPy, in bytes, and hands it to the library as one call where the
factors are shared (their outer stride is 0), as one call a stack otherwise. Operands that the library cannot address
(strides that are no multiple of the item, factors that are not contiguous) go through a copy. Outputs never share
memory with inputs here: NumPy copies the input first, since the operands' flags do not claim elementwise access.
"""

from cpython.exc cimport PyErr_NoMemory, PyErr_SetString
from libc.math cimport sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cimport numpy as cnp

from pyfly._by_type cimport *
from pyfly.libbutterfly cimport *

from itertools import product

cnp.import_array()
cnp.import_ufunc()

ctypedef cnp.npy_intp intp

cdef extern from "Python.h":
    int PyErr_CheckSignals()  # leaves the exception set: the caller of the loop raises it

cdef extern from "<fenv.h>" nogil:
    int FE_DIVBYZERO, FE_OVERFLOW, FE_INVALID, FE_UNDERFLOW
    int fetestexcept(int flags)

cdef extern from *:
    """
    #include "numpy/ufuncobject.h"
    typedef int (*core_dims_check)(void *, npy_intp *);
    static void set_checks(PyObject *u, core_dims_check check)
    {
        PyUFuncObject *self = (PyUFuncObject *)u;
        self->process_core_dims_func = (PyUFunc_ProcessCoreDimsFunc *)check;
        /* without NPY_ITER_OVERLAP_ASSUME_ELEMENTWISE an input that shares memory with an output is copied first */
        for (int i = 0; i < self->nin; i++) self->op_flags[i] = NPY_ITER_READONLY | NPY_ITER_COPY | NPY_ITER_ALIGNED;
    }
    """
    ctypedef int (*core_dims_check)(void *, intp *) except -1
    void set_checks(object u, core_dims_check check)

# Bytes of factors and data of the types of a loop, which NumPy tries in this order.
cdef int[TYPES] factor_size = [4, 4, 8, 8, 8, 16]
cdef int[TYPES] data_size = [4, 8, 8, 8, 16, 16]

cdef struct Kind:
    int op, order, form, type

# Numbers between two looks for Ctrl-C, in vector elements times stages: some 50 ms.
cdef enum:
    CHUNK = 1 << 27
    INTERRUPTED = 99  # a result of our own: the exception is set
    SMALL = 4096  # numbers that are multiplied without releasing the GIL, some 5 us


# ---- operands as the library wants them --------------------------------------------------------------------------

cdef void fail(int result) noexcept nogil:
    """Sets the Python exception for a result of the library."""
    with gil:
        if result == BFLY_ENOMEM:
            PyErr_NoMemory()
        elif result == BFLY_EOVERFLOW:
            PyErr_SetString(OverflowError, bfly_strerror(result))
        else:
            PyErr_SetString(ValueError, bfly_strerror(result))


cdef bint interrupted() noexcept nogil:
    with gil:
        return PyErr_CheckSignals() != 0


cdef void copy(char *to, intp to_inc, intp to_dist, char *p, intp inc, intp dist, intp n, intp count,
               int size) noexcept nogil:
    cdef intp i, k
    for k in range(count):
        for i in range(n):
            memcpy(to + k * to_dist + i * to_inc, p + k * dist + i * inc, size)


cdef bint take(Vectors *v, char *p, intp n, intp inc, intp count, intp dist, int size, bint read) noexcept nogil:
    """v := the vectors at p; strides in bytes that are no multiple of the item go through a copy. False: no memory."""
    v.p = p
    v.own = NULL
    if inc % size == 0 and dist % size == 0:
        v.inc = inc // size
        v.dist = dist // size
        return True
    v.own = malloc(<size_t>(n * count * size))
    if v.own == NULL:
        fail(BFLY_ENOMEM)
        return False
    v.p = <char *>v.own
    v.inc = 1
    v.dist = n
    if read:
        copy(v.p, size, n * size, p, inc, dist, n, count, size)
    return True


cdef void give_back(Vectors *v, char *p, intp n, intp inc, intp count, intp dist, int size) noexcept nogil:
    """Writes an output that was taken as a copy to its place."""
    if v.own != NULL:
        copy(p, inc, dist, v.p, size, n * size, n, count, size)
        free(v.own)


cdef Vectors ahead(Vectors v, intp k, int size) noexcept nogil:
    """From vector k on."""
    v.p += k * v.dist * size
    return v


cdef bint take_block(Vectors *v, char *p, const intp *shape, const intp *strides, int nd, int size,
                     bint read) noexcept nogil:
    """v := the block of nd <= 4 dimensions at p, contiguous. False: no memory."""
    cdef intp[4] s
    cdef intp[4] d
    cdef intp total = size, i, j
    cdef bint contiguous = True
    cdef int k
    for k in range(4):
        s[k] = 1
        d[k] = 0
    for k in range(nd - 1, -1, -1):
        s[4 - nd + k] = shape[k]
        d[4 - nd + k] = strides[k]
        contiguous = contiguous and (shape[k] <= 1 or strides[k] == total)
        total *= shape[k]
    v.p = p
    v.own = NULL
    if contiguous or total == 0:
        return True
    v.own = malloc(<size_t>total)
    if v.own == NULL:
        fail(BFLY_ENOMEM)
        return False
    v.p = <char *>v.own
    if read:
        for i in range(s[0]):
            for j in range(s[1]):
                copy(v.p + (i * s[1] + j) * s[2] * s[3] * size, size, s[3] * size, p + i * d[0] + j * d[1], d[3],
                     d[2], s[3], s[2], size)
    return True


cdef void give_block_back(Vectors *v, char *p, const intp *shape, const intp *strides, int nd,
                          int size) noexcept nogil:
    cdef intp i
    if v.own == NULL:
        return
    for i in range(items_of(shape, nd)):
        memcpy(p + offset_of(i, shape, strides, nd), v.p + i * size, size)
    free(v.own)


cdef intp items_of(const intp *shape, int nd) noexcept nogil:
    cdef intp items = 1
    cdef int k
    for k in range(nd):
        items *= shape[k]
    return items


cdef intp offset_of(intp i, const intp *shape, const intp *strides, int nd) noexcept nogil:
    cdef intp at = 0
    cdef int k
    for k in range(nd - 1, -1, -1):
        at += (i % shape[k]) * strides[k]
        i //= shape[k]
    return at


cdef intp log2_of(intp n) noexcept nogil:
    cdef intp levels = 0
    while (<intp>1 << levels) < n:
        levels += 1
    return levels


cdef intp chunk_of(intp n) noexcept nogil:
    """Vectors between two looks for Ctrl-C."""
    cdef intp work = n * (log2_of(n) + 1)
    return 1 if work >= CHUNK else CHUNK // work


# ---- multiply ----------------------------------------------------------------------------------------------------

cdef void multiply_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    cdef const Kind *k = <const Kind *>data
    cdef int nd = 3 if k.form == BFLY_TIED else 4, size = data_size[k.type], result
    cdef intp total = dims[0], n = dims[1 + nd], incx = steps[3 + nd], incy = steps[4 + nd]
    cdef bint shared = steps[0] == 0 or total == 1
    cdef intp groups = 1 if shared else total, count = total if shared else 1, first, some, s
    cdef intp chunk = chunk_of(n)
    cdef Vectors w, x, y
    if total == 0:
        return
    for s in range(groups):
        if not take_block(&w, args[0] + s * steps[0], dims + 1, steps + 3, nd, factor_size[k.type], True):
            return
        result = 0
        first = 0
        while first < count and result == 0:
            some = min(chunk, count - first)
            if first and interrupted():
                break
            if not take(&x, args[1] + s * steps[1] + first * steps[1], n, incx, some, steps[1], size, True):
                break
            if not take(&y, args[2] + s * steps[2] + first * steps[2], n, incy, some, steps[2], size, False):
                free(x.own)
                break
            result = mul(k.type, k.op, k.order, k.form, n, some, w.p, x, y)
            free(x.own)
            give_back(&y, args[2] + s * steps[2] + first * steps[2], n, incy, some, steps[2], size)
            first += some
        free(w.own)
        if result:
            fail(result)
        if result or first < count:
            return


def multiply_small(cnp.ndarray w, cnp.ndarray x, int variant):
    """The product as a new array when it is small and of plain arrays, else None: the ufunc alone costs 1 us."""
    cdef const Kind *k = &kinds[variant][0]
    cdef int t = -1, form = k.form, nd = 3 if form == BFLY_TIED else 4
    cdef int wt = cnp.PyArray_TYPE(w), xt = cnp.PyArray_TYPE(x), result
    cdef intp n, count
    if wt == cnp.NPY_FLOAT:
        t = FF if xt == cnp.NPY_FLOAT else FC if xt == cnp.NPY_CFLOAT else -1
    elif wt == cnp.NPY_DOUBLE:
        t = DD if xt == cnp.NPY_DOUBLE else DZ if xt == cnp.NPY_CDOUBLE else -1
    elif wt == xt:
        t = CC if xt == cnp.NPY_CFLOAT else ZZ if xt == cnp.NPY_CDOUBLE else -1
    if (t < 0 or w.ndim != nd or x.ndim < 1 or not cnp.PyArray_ISCARRAY_RO(w) or not cnp.PyArray_ISCARRAY_RO(x)):
        return None
    n = x.shape[x.ndim - 1]
    count = cnp.PyArray_SIZE(x)
    if count == 0 or count > SMALL or n < 2 or n & (n - 1):
        return None
    if w.shape[nd - 1] != 2 or w.shape[nd - 2] != 2 or w.shape[0] != (n - 1 if nd == 3 else log2_of(n)) or (
            nd == 4 and w.shape[1] != n // 2):
        return None
    y = cnp.PyArray_EMPTY(x.ndim, x.shape, xt, 0)
    cdef Vectors vx = Vectors(<char *>cnp.PyArray_DATA(x), 1, n, NULL)
    cdef Vectors vy = Vectors(<char *>cnp.PyArray_DATA(y), 1, n, NULL)
    result = mul(t, k.op, k.order, form, n, count // n, cnp.PyArray_DATA(w), vx, vy)
    # flags may be old ones: the ufunc, which the caller then takes, clears them and reports its own
    return None if result or fetestexcept(FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID | FE_UNDERFLOW) else y


cdef void gradients(char **args, const intp *dims, const intp *steps, const Kind *k, int nd,
                    bint permutation) noexcept nogil:
    """factors (nd dimensions), x (b, n), gy (b, n) -> gradients of factors and x; of a product or a permutation."""
    cdef intp b = dims[1 + nd], n = dims[2 + nd], s
    cdef const intp *fs = steps + 5          # strides of the factors, then (b, n) of x and gy, then both outputs
    cdef const intp *xs = fs + nd
    cdef const intp *gs = xs + 2
    cdef const intp *gfs = gs + 2
    cdef const intp *gxs = gfs + nd
    cdef int size = data_size[k.type], wsize = factor_size[k.type], result
    cdef intp piece = chunk_of(n) // 4 + 1, first, some
    cdef Vectors w, x, g, gw, gx
    for s in range(dims[0]):
        w.own = x.own = g.own = gw.own = gx.own = NULL
        result = BFLY_ENOMEM
        if s and interrupted():
            return
        if (take_block(&w, args[0] + s * steps[0], dims + 1, fs, nd, wsize, True)
                and take(&x, args[1] + s * steps[1], n, xs[1], b, xs[0], size, True)
                and take(&g, args[2] + s * steps[2], n, gs[1], b, gs[0], size, True)
                and take_block(&gw, args[3] + s * steps[3], dims + 1, gfs, nd, wsize, False)
                and take(&gx, args[4] + s * steps[4], n, gxs[1], b, gxs[0], size, False)):
            first = result = 0
            if b == 0:
                memset(gw.p, 0, <size_t>(wsize * items_of(dims + 1, nd)))
            while first < b:
                some = min(piece, b - first)
                if first and interrupted():
                    result = INTERRUPTED
                    break
                if permutation:
                    result = relaxed_grad(k.type, k.op, first > 0, n, some, w.p, ahead(x, first, size),
                                          ahead(g, first, size), gw.p, ahead(gx, first, size))
                else:
                    result = grad(k.type, k.op, k.order, k.form, first > 0, n, some, w.p, ahead(x, first, size),
                                  ahead(g, first, size), gw.p, ahead(gx, first, size))
                if result:
                    break
                first += some
            give_block_back(&gw, args[3] + s * steps[3], dims + 1, gfs, nd, wsize)
            give_back(&gx, args[4] + s * steps[4], n, gxs[1], b, gxs[0], size)
        else:
            free(gw.own)
            free(gx.own)
        free(w.own)
        free(x.own)
        free(g.own)
        if result:
            if result != INTERRUPTED:
                fail(result)
            return


cdef void multiply_grad_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    cdef const Kind *k = <const Kind *>data
    gradients(args, dims, steps, k, 3 if k.form == BFLY_TIED else 4, False)


# ---- Walsh-Hadamard ----------------------------------------------------------------------------------------------

cdef void fwht_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    cdef const Kind *k = <const Kind *>data  # op: the ordering, order: 1 when orthonormal
    cdef int size = data_size[k.type], result
    cdef intp count = dims[0], n = dims[1], chunk = chunk_of(n), first = 0, some
    cdef double scale = 1 / sqrt(<double>n) if k.order else 1
    cdef Vectors x, y
    while first < count:
        some = min(chunk, count - first)
        if first and interrupted():
            return
        y.own = NULL
        result = BFLY_ENOMEM
        if (take(&x, args[0] + first * steps[0], n, steps[2], some, steps[0], size, True)
                and take(&y, args[1] + first * steps[1], n, steps[3], some, steps[1], size, False)):
            if k.type == FF:
                result = bfly_sfwht(k.op, n, some, scale, <float *>x.p, x.inc, x.dist, <float *>y.p, y.inc, y.dist)
            elif k.type == FC:
                result = bfly_cfwht(k.op, n, some, scale, x.p, x.inc, x.dist, y.p, y.inc, y.dist)
            elif k.type == DD:
                result = bfly_dfwht(k.op, n, some, scale, <double *>x.p, x.inc, x.dist, <double *>y.p, y.inc, y.dist)
            else:
                result = bfly_zfwht(k.op, n, some, scale, x.p, x.inc, x.dist, y.p, y.inc, y.dist)
            give_back(&y, args[1] + first * steps[1], n, steps[3], some, steps[1], size)
        free(x.own)
        if result:
            fail(result)
            return
        first += some


# ---- permutations ------------------------------------------------------------------------------------------------

cdef void permute_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    cdef const Kind *k = <const Kind *>data
    cdef int size = data_size[k.type], result
    cdef intp total = dims[0], n = dims[1], s
    cdef bint shared = steps[0] == 0 or total == 1
    cdef intp groups = 1 if shared else total, count = total if shared else 1
    cdef Vectors p, x, y
    if total == 0 or n == 0:
        return
    for s in range(groups):
        p.own = x.own = y.own = NULL
        result = BFLY_ENOMEM
        if (take_block(&p, args[0] + s * steps[0], dims + 1, steps + 3, 1, 8, True)
                and take(&x, args[1] + s * steps[1], n, steps[4], count, steps[1], size, True)
                and take(&y, args[2] + s * steps[2], n, steps[5], count, steps[2], size, False)):
            result = permute(k.type, k.op, n, count, <bfly_int *>p.p, x, y)
            if result == 0:
                give_back(&y, args[2] + s * steps[2], n, steps[5], count, steps[2], size)
                y.own = NULL
        free(p.own)
        free(x.own)
        free(y.own)
        if result == -4:
            with gil:
                PyErr_SetString(ValueError, b"perm must hold every index 0 .. n - 1 exactly once")
        elif result:
            fail(result)
        if result:
            return


cdef void relaxed_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    cdef const Kind *k = <const Kind *>data
    cdef int size = data_size[k.type], result
    cdef intp total = dims[0], n = dims[3], s
    cdef bint shared = steps[0] == 0 or total == 1
    cdef intp groups = 1 if shared else total, count = total if shared else 1
    cdef Vectors p, x, y
    if total == 0:
        return
    for s in range(groups):
        p.own = x.own = y.own = NULL
        result = BFLY_ENOMEM
        if (take_block(&p, args[0] + s * steps[0], dims + 1, steps + 3, 2, factor_size[k.type], True)
                and take(&x, args[1] + s * steps[1], n, steps[5], count, steps[1], size, True)
                and take(&y, args[2] + s * steps[2], n, steps[6], count, steps[2], size, False)):
            result = relaxed(k.type, k.op, n, count, p.p, x, y)
            give_back(&y, args[2] + s * steps[2], n, steps[6], count, steps[2], size)
        free(p.own)
        free(x.own)
        if result:
            fail(result)
            return


cdef void relaxed_grad_loop(char **args, const intp *dims, const intp *steps, void *data) noexcept nogil:
    gradients(args, dims, steps, <const Kind *>data, 2, True)


# ---- checks of the core dimensions -------------------------------------------------------------------------------

cdef int power_of_two(intp n) except -1:
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has length {n} along its axis; it must be a power of two (pad x, or choose another size)")
    return 0


cdef int check_untied(void *ufunc, intp *core) except -1:
    cdef intp n = core[core_n(ufunc, 4)]
    power_of_two(n)
    if n == core[0] == core[1] == core[2] == core[3] == 1:
        return 0  # what libraries probe with
    if core[0] != log2_of(n) or core[1] != n // 2 or core[2] != 2 or core[3] != 2:
        raise ValueError(f"twiddle has shape (..., {core[0]}, {core[1]}, {core[2]}, {core[3]}); for x of length "
                         f"n={n} it must be (..., log2 n, n/2, 2, 2) = (..., {log2_of(n)}, {n // 2}, 2, 2)")
    return 0


cdef int check_tied(void *ufunc, intp *core) except -1:
    cdef intp n = core[core_n(ufunc, 3)]
    power_of_two(n)
    if n == core[0] == core[1] == core[2] == 1:
        return 0
    if core[0] != n - 1 or core[1] != 2 or core[2] != 2:
        raise ValueError(f"twiddle has shape (..., {core[0]}, {core[1]}, {core[2]}); for x of length n={n} and "
                         f"tied=True it must be (..., n-1, 2, 2) = (..., {n - 1}, 2, 2)")
    return 0


cdef int check_relaxed(void *ufunc, intp *core) except -1:
    cdef intp n = core[core_n(ufunc, 2)], levels
    power_of_two(n)
    levels = max(log2_of(n) - 1, 0)
    if n == core[0] == core[1] == 1:
        return 0
    if core[0] != levels or core[1] != 3:
        raise ValueError(f"prob has shape (..., {core[0]}, {core[1]}); for x of length n={n} it must be "
                         f"(..., log2 n - 1, 3) = (..., {levels}, 3)")
    return 0


cdef int check_fwht(void *ufunc, intp *core) except -1:
    return power_of_two(core[0])


cdef int check_permute(void *ufunc, intp *core) except -1:
    return 0


cdef int core_n(void *ufunc, int nd):
    """Index of n among the core dimensions: after the factors', and b when the ufunc has five operands."""
    return nd + 1 if (<object>ufunc).nargs == 5 else nd


# ---- tables: NumPy keeps the pointers, so they are static --------------------------------------------------------

cdef enum:
    VARIANTS = 16
    ORDERINGS = 3

cdef cnp.PyUFuncGenericFunction[TYPES] multiply_loops
cdef cnp.PyUFuncGenericFunction[TYPES] multiply_grad_loops
cdef cnp.PyUFuncGenericFunction[4] permute_loops
cdef cnp.PyUFuncGenericFunction[4] relaxed_loops
cdef cnp.PyUFuncGenericFunction[4] relaxed_grad_loops
cdef Kind kinds[VARIANTS][TYPES]
cdef void *kind_data[VARIANTS][TYPES]
cdef Kind real_kinds[4]
cdef void *real_data[4]
cdef cnp.PyUFuncGenericFunction[4] fwht_loops
cdef Kind fwht_kinds[2 * ORDERINGS][4]
cdef void *fwht_data[2 * ORDERINGS][4]
cdef char[8] fwht_types
cdef char[18] multiply_types = [
    cnp.NPY_FLOAT, cnp.NPY_FLOAT, cnp.NPY_FLOAT, cnp.NPY_FLOAT, cnp.NPY_CFLOAT, cnp.NPY_CFLOAT,
    cnp.NPY_CFLOAT, cnp.NPY_CFLOAT, cnp.NPY_CFLOAT, cnp.NPY_DOUBLE, cnp.NPY_DOUBLE, cnp.NPY_DOUBLE,
    cnp.NPY_DOUBLE, cnp.NPY_CDOUBLE, cnp.NPY_CDOUBLE, cnp.NPY_CDOUBLE, cnp.NPY_CDOUBLE, cnp.NPY_CDOUBLE]
cdef char[30] multiply_grad_types
cdef char[12] permute_types
cdef char[12] relaxed_types
cdef char[20] relaxed_grad_types

OPS = {"N": BFLY_NO_TRANS, "T": BFLY_TRANS, "C": BFLY_CONJ_TRANS, "conj": BFLY_CONJ}


cdef object make(cnp.PyUFuncGenericFunction *loops, void **data, char *types, int ntypes, int nin, int nout,
                 bytes name, bytes doc, bytes signature, core_dims_check check):
    KEEP.append((name, doc, signature))
    u = cnp.PyUFunc_FromFuncAndDataAndSignature(loops, data, types, ntypes, nin, nout, cnp.PyUFunc_None, name, doc, 0,
                                                signature)
    set_checks(u, check)
    return u


KEEP = []  # NumPy keeps pointers to names and texts too


cdef void fill_tables():
    cdef int i, t
    cdef int[4] real_types = [FF, FC, DD, DZ]
    for t in range(TYPES):
        multiply_loops[t] = <cnp.PyUFuncGenericFunction>multiply_loop
        multiply_grad_loops[t] = <cnp.PyUFuncGenericFunction>multiply_grad_loop
        for i in range(5):  # factors, x, gy -> gradients of factors, x
            multiply_grad_types[5 * t + i] = multiply_types[3 * t + (0 if i in (0, 3) else 1)]
    for i in range(4):
        permute_loops[i] = <cnp.PyUFuncGenericFunction>permute_loop
        relaxed_loops[i] = <cnp.PyUFuncGenericFunction>relaxed_loop
        relaxed_grad_loops[i] = <cnp.PyUFuncGenericFunction>relaxed_grad_loop
        fwht_loops[i] = <cnp.PyUFuncGenericFunction>fwht_loop
        t = real_types[i]
        real_kinds[i] = Kind(BFLY_NO_TRANS, 0, 0, t)
        real_data[i] = &real_kinds[i]
        fwht_types[2 * i] = fwht_types[2 * i + 1] = multiply_types[3 * t + 1]
        for j in range(2 * ORDERINGS):
            fwht_kinds[j][i] = Kind(BFLY_NATURAL + j % ORDERINGS, j // ORDERINGS, 0, t)
            fwht_data[j][i] = &fwht_kinds[j][i]
        permute_types[3 * i] = cnp.NPY_INT64
        relaxed_types[3 * i] = multiply_types[3 * t]
        permute_types[3 * i + 1] = permute_types[3 * i + 2] = multiply_types[3 * t + 1]
        relaxed_types[3 * i + 1] = relaxed_types[3 * i + 2] = multiply_types[3 * t + 1]
        for j in range(5):
            relaxed_grad_types[5 * i + j] = multiply_types[3 * t + (0 if j in (0, 3) else 1)]


def build():
    """All ufuncs by name; by (op, increasing_stride, tied) the multiply, its gradient, numbers for multiply_small."""
    cdef int v = 0, t
    cdef core_dims_check check
    names, multiply, multiply_grad, variants = {}, {}, {}, {}
    fill_tables()
    for tied in (False, True):
        factors = "(m,u,v)" if tied else "(l,h,u,v)"
        check = check_tied if tied else check_untied
        for increasing in (True, False):
            for op, code in OPS.items():
                for t in range(TYPES):
                    kinds[v][t] = Kind(code, BFLY_INCREASING if increasing else BFLY_DECREASING,
                                       BFLY_TIED if tied else BFLY_UNTIED, t)
                    kind_data[v][t] = &kinds[v][t]
                variant = f"{op.lower()}_{'increasing' if increasing else 'decreasing'}{'_tied' if tied else ''}"
                what = f"op={op!r}, increasing_stride={increasing}, tied={tied}"
                name = f"multiply_{variant}"
                multiply[op, increasing, tied] = names[name] = make(
                    multiply_loops, &kind_data[v][0], multiply_types, TYPES, 2, 1, name.encode(),
                    f"twiddle, x -> op(B) x: butterfly_multiply with {what}.".encode(), f"{factors},(n)->(n)".encode(),
                    check)
                name = f"multiply_grad_{variant}"
                multiply_grad[op, increasing, tied] = names[name] = make(
                    multiply_grad_loops, &kind_data[v][0], multiply_grad_types, TYPES, 3, 2, name.encode(),
                    f"twiddle, x, grad_output -> gradients of twiddle and x: butterfly_multiply_grad with {what}, the "
                    "batch summed.".encode(), f"{factors},(b,n),(b,n)->{factors},(b,n)".encode(), check)
                variants[op, increasing, tied] = v
                v += 1
    for v, (ortho, ordering) in enumerate(product(("", "_ortho"), ("natural", "paley", "sequency"))):
        name = f"fwht_{ordering}{ortho}"
        names[name] = make(fwht_loops, &fwht_data[v][0], fwht_types, 4, 1, 1, name.encode(),
                           f"x -> Walsh-Hadamard transform of x, {ordering} ordering.".encode(), b"(n)->(n)",
                           check_fwht)
    names["permute"] = make(permute_loops, real_data, permute_types, 4, 2, 1, b"permute",
                            b"perm, x -> x[perm].", b"(n),(n)->(n)", &check_permute)
    names["relaxed_permute"] = make(relaxed_loops, real_data, relaxed_types, 4, 2, 1, b"relaxed_permute",
                                    b"prob, x -> relaxed permutation of x.", b"(l,t),(n)->(n)", &check_relaxed)
    names["relaxed_permute_grad"] = make(
        relaxed_grad_loops, real_data, relaxed_grad_types, 4, 3, 2, b"relaxed_permute_grad",
        b"prob, x, grad_output -> gradients of prob and x, the batch summed.", b"(l,t),(b,n),(b,n)->(l,t),(b,n)",
        &check_relaxed)
    return names, multiply, multiply_grad, variants
