# _core.pyx - the gufuncs and settings of libbutterfly: loops and tables only.
#
# NumPy hands a loop one batch of vectors at a time: args are pointers, dims the batch length and core sizes, steps
# strides in bytes. A loop turns these into one call of the C library when the factors are the same for the batch; data
# that C cannot address (a stride that is no multiple of the item) and outputs that share memory with an input in
# another order go through a buffer. Long batches are cut into pieces so that Ctrl-C is seen.
cimport cython
from cpython.exc cimport PyErr_CheckSignals, PyErr_NoMemory, PyErr_SetString
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from pyfly.libbutterfly cimport *

import numpy as np


cdef extern from "numpy/arrayobject.h":
    ctypedef Py_ssize_t npy_intp
    int _import_array() except -1
    enum:
        NPY_INT64
        NPY_FLOAT
        NPY_DOUBLE
        NPY_CFLOAT
        NPY_CDOUBLE

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*PyUFuncGenericFunction)(char **, const npy_intp *, const npy_intp *, void *) noexcept nogil
    ctypedef struct PyUFuncObject:
        int (*process_core_dims_func)(PyUFuncObject *, npy_intp *) except -1
    int _import_umath() except -1
    object PyUFunc_FromFuncAndDataAndSignature(
        PyUFuncGenericFunction *, void **, const char *, int, int, int, int, const char *, const char *, int,
        const char *)
    enum:
        PyUFunc_None

_import_array()
_import_umath()

# types of a loop: the factors' and the vectors'
cdef enum:
    S = 0
    CS = 1
    C = 2
    D = 3
    ZD = 4
    Z = 5

# sizes of an item of the factors and of the vectors
cdef npy_intp *w_sizes = [4, 4, 8, 8, 8, 16]
cdef npy_intp *x_sizes = [4, 8, 8, 8, 16, 16]

ctypedef struct Variant:
    int op
    int order
    int form
    int type

# about 50 ms of work for one thread, in numbers times stages
cdef double PIECE = 2.0 ** 27


# ---- errors and buffers ----------------------------------------------------------------------------------------------

cdef void fail(int info) noexcept with gil:
    if info == BFLY_ENOMEM:
        PyErr_NoMemory()
    elif info == BFLY_EOVERFLOW:
        PyErr_SetString(OverflowError, bfly_strerror(info))
    elif info < 0:
        message = f"the C library refused argument {-info}: "
        if info == -4:
            message += "perm must hold every index 0 .. n - 1 exactly once"
        else:
            message += bfly_strerror(info).decode()
        raised = message.encode()
        PyErr_SetString(ValueError, raised)


cdef bint interrupted() noexcept with gil:
    return PyErr_CheckSignals() != 0


cdef inline int copy4(char *dst, const npy_intp *ds, const char *src, const npy_intp *ss, const npy_intp *shape,
                      npy_intp size) noexcept nogil:
    """Copies up to four dimensions of items between byte strides."""
    cdef npy_intp i, j, k, l
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                for l in range(shape[3]):
                    memcpy(dst + i * ds[0] + j * ds[1] + k * ds[2] + l * ds[3],
                           src + i * ss[0] + j * ss[1] + k * ss[2] + l * ss[3], size)
    return 0


ctypedef struct Operand:
    # an array of a loop as C sees it: contiguous factors, or vectors with strides in items
    char *p
    char *buffer
    npy_intp inc
    npy_intp dist


cdef bint is_packed(const npy_intp *shape, const npy_intp *strides, npy_intp size) noexcept nogil:
    cdef npy_intp expect = size
    cdef int i
    for i in range(3, -1, -1):
        if shape[i] == 0:
            return True
        if shape[i] != 1 and strides[i] != expect:
            return False
        expect *= shape[i]
    return True


cdef void packed_strides(const npy_intp *shape, npy_intp size, npy_intp *strides) noexcept nogil:
    cdef int i
    strides[3] = size
    for i in range(2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]


cdef npy_intp items(const npy_intp *shape) noexcept nogil:
    return shape[0] * shape[1] * shape[2] * shape[3]


cdef int factors_in(Operand *o, char *p, const npy_intp *shape, const npy_intp *strides, npy_intp size,
                    bint read) noexcept nogil:
    cdef npy_intp packed[4]
    o.p = p
    o.buffer = NULL
    if is_packed(shape, strides, size):
        return 0
    o.buffer = <char *> malloc(items(shape) * size + 1)
    if o.buffer == NULL:
        return BFLY_ENOMEM
    o.p = o.buffer
    if read:
        packed_strides(shape, size, packed)
        copy4(o.buffer, packed, p, strides, shape, size)
    return 0


cdef void factors_out(Operand *o, char *p, const npy_intp *shape, const npy_intp *strides, npy_intp size) noexcept nogil:
    cdef npy_intp packed[4]
    if o.buffer != NULL:
        packed_strides(shape, size, packed)
        copy4(p, strides, o.buffer, packed, shape, size)
        free(o.buffer)


cdef int vectors_in(Operand *o, char *p, npy_intp count, npy_intp n, npy_intp dist, npy_intp inc, npy_intp size,
                    bint must_copy, bint read) noexcept nogil:
    cdef npy_intp shape[4]
    cdef npy_intp from_[4]
    cdef npy_intp to[4]
    if n == 1:
        inc = size
    if count == 1:
        dist = n * size  # NumPy passes 0 for one row
    o.p = p
    o.buffer = NULL
    o.inc = inc // size
    o.dist = dist // size
    if not must_copy and inc % size == 0 and dist % size == 0:
        return 0
    o.buffer = <char *> malloc(count * n * size + 1)
    if o.buffer == NULL:
        return BFLY_ENOMEM
    o.p = o.buffer
    o.inc = 1
    o.dist = n
    if read:
        shape[:] = [1, 1, count, n]
        from_[:] = [0, 0, dist, inc]
        to[:] = [0, 0, n * size, size]
        copy4(o.buffer, to, p, from_, shape, size)
    return 0


cdef void vectors_out(Operand *o, char *p, npy_intp count, npy_intp n, npy_intp dist, npy_intp inc,
                      npy_intp size) noexcept nogil:
    cdef npy_intp shape[4]
    cdef npy_intp from_[4]
    cdef npy_intp to[4]
    if o.buffer != NULL:
        shape[:] = [1, 1, count, n]
        from_[:] = [0, 0, n * size, size]
        to[:] = [0, 0, dist, inc]
        copy4(p, to, o.buffer, from_, shape, size)
        free(o.buffer)


cdef inline bint shares(char *x, char *y, npy_intp count, npy_intp n, npy_intp dx, npy_intp ix, npy_intp dy,
                        npy_intp iy) noexcept nogil:
    """Same memory in another order: C must not work in place."""
    return x == y and ((n > 1 and ix != iy) or (count > 1 and dx != dy))


cdef npy_intp piece_of(npy_intp n) noexcept nogil:
    cdef npy_intp l = 1
    while (<npy_intp> 1 << l) < n:
        l += 1
    cdef double rows = PIECE / (<double> n * l)
    return <npy_intp> rows if rows >= 1 else 1


# ---- multiply --------------------------------------------------------------------------------------------------------

cdef int call_mul(const Variant *v, npy_intp n, npy_intp count, void *w, Operand *x, Operand *y,
                  npy_intp first) noexcept nogil:
    cdef float[2] one_s = [1, 0]
    cdef float[2] zero_s = [0, 0]
    cdef double[2] one_d = [1, 0]
    cdef double[2] zero_d = [0, 0]
    cdef void *px = x.p + first * x.dist * x_sizes[v.type]
    cdef void *py = y.p + first * y.dist * x_sizes[v.type]
    if v.type == S:
        return bfly_smul(v.op, v.order, v.form, n, count, 1, <float *> w, <float *> px, x.inc, x.dist, 0, <float *> py,
                         y.inc, y.dist)
    if v.type == D:
        return bfly_dmul(v.op, v.order, v.form, n, count, 1, <double *> w, <double *> px, x.inc, x.dist, 0,
                         <double *> py, y.inc, y.dist)
    if v.type == CS:
        return bfly_csmul(v.op, v.order, v.form, n, count, one_s, <float *> w, px, x.inc, x.dist, zero_s, py, y.inc,
                          y.dist)
    if v.type == ZD:
        return bfly_zdmul(v.op, v.order, v.form, n, count, one_d, <double *> w, px, x.inc, x.dist, zero_d, py, y.inc,
                          y.dist)
    if v.type == C:
        return bfly_cmul(v.op, v.order, v.form, n, count, one_s, w, px, x.inc, x.dist, zero_s, py, y.inc, y.dist)
    return bfly_zmul(v.op, v.order, v.form, n, count, one_d, w, px, x.inc, x.dist, zero_d, py, y.inc, y.dist)


cdef int mul_batch(const Variant *v, npy_intp n, npy_intp count, char *w, const npy_intp *wshape,
                   const npy_intp *wstrides, char *x, npy_intp dx, npy_intp ix, char *y, npy_intp dy,
                   npy_intp iy) noexcept nogil:
    cdef Operand fw, vx, vy
    cdef npy_intp size = x_sizes[v.type], piece = piece_of(n), k = 0, now
    cdef int info = factors_in(&fw, w, wshape, wstrides, w_sizes[v.type], True)
    if info:
        return info
    info = vectors_in(&vx, x, count, n, dx, ix, size, shares(x, y, count, n, dx, ix, dy, iy), True)
    if info == 0:
        info = vectors_in(&vy, y, count, n, dy, iy, size, False, False)
        while info == 0 and k < count:
            now = count - k if count - k < piece else piece
            info = call_mul(v, n, now, fw.p, &vx, &vy, k)
            k += now
            if info == 0 and k < count and interrupted():
                info = BFLY_EISA + 1
        vectors_out(&vy, y, count, n, dy, iy, size)
        free(vx.buffer)
    free(fw.buffer)
    return info


cdef void mul_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data) noexcept nogil:
    cdef const Variant *v = <const Variant *> data
    cdef int c = 3 if v.form == BFLY_TIED else 4, i, info = 0
    cdef npy_intp count = dims[0], n = dims[1 + c], k
    cdef npy_intp wshape[4]
    cdef npy_intp wstrides[4]
    for i in range(4):
        wshape[i] = 1 if i < 4 - c else dims[1 + i - (4 - c)]
        wstrides[i] = 0 if i < 4 - c else steps[3 + i - (4 - c)]
    cdef npy_intp ix = steps[3 + c], iy = steps[4 + c]
    if steps[0] == 0 or count <= 1:
        info = mul_batch(v, n, count, args[0], wshape, wstrides, args[1], steps[1], ix, args[2], steps[2], iy)
    else:
        for k in range(count):
            info = mul_batch(v, n, 1, args[0] + k * steps[0], wshape, wstrides, args[1] + k * steps[1], 0, ix,
                             args[2] + k * steps[2], 0, iy)
            if info:
                break
            if (k + 1) % piece_of(n) == 0 and interrupted():
                return
    if info:
        fail(info)


# ---- gradients -------------------------------------------------------------------------------------------------------

cdef int call_grad(const Variant *v, npy_intp n, npy_intp count, int accumulate, void *w, Operand *x, Operand *g,
                   void *gw, Operand *gx, npy_intp first) noexcept nogil:
    cdef npy_intp size = x_sizes[v.type]
    cdef void *px = x.p + first * x.dist * size
    cdef void *pg = g.p + first * g.dist * size
    cdef void *po = gx.p + first * gx.dist * size
    if v.type == S:
        return bfly_sgrad(v.op, v.order, v.form, accumulate, n, count, <float *> w, <float *> px, x.inc, x.dist,
                          <float *> pg, g.inc, g.dist, <float *> gw, <float *> po, gx.inc, gx.dist)
    if v.type == D:
        return bfly_dgrad(v.op, v.order, v.form, accumulate, n, count, <double *> w, <double *> px, x.inc, x.dist,
                          <double *> pg, g.inc, g.dist, <double *> gw, <double *> po, gx.inc, gx.dist)
    if v.type == CS:
        return bfly_csgrad(v.op, v.order, v.form, accumulate, n, count, <float *> w, px, x.inc, x.dist, pg, g.inc,
                           g.dist, <float *> gw, po, gx.inc, gx.dist)
    if v.type == ZD:
        return bfly_zdgrad(v.op, v.order, v.form, accumulate, n, count, <double *> w, px, x.inc, x.dist, pg, g.inc,
                           g.dist, <double *> gw, po, gx.inc, gx.dist)
    if v.type == C:
        return bfly_cgrad(v.op, v.order, v.form, accumulate, n, count, w, px, x.inc, x.dist, pg, g.inc, g.dist, gw, po,
                          gx.inc, gx.dist)
    return bfly_zgrad(v.op, v.order, v.form, accumulate, n, count, w, px, x.inc, x.dist, pg, g.inc, g.dist, gw, po,
                      gx.inc, gx.dist)


cdef int call_relaxed(const Variant *v, npy_intp n, npy_intp count, void *prob, Operand *x, Operand *y,
                      npy_intp first) noexcept nogil:
    cdef npy_intp size = x_sizes[v.type]
    cdef void *px = x.p + first * x.dist * size
    cdef void *py = y.p + first * y.dist * size
    if v.type == S:
        return bfly_srelaxed_perm(v.op, n, count, <float *> prob, <float *> px, x.inc, x.dist, <float *> py, y.inc,
                                  y.dist)
    if v.type == D:
        return bfly_drelaxed_perm(v.op, n, count, <double *> prob, <double *> px, x.inc, x.dist, <double *> py, y.inc,
                                  y.dist)
    if v.type == CS:
        return bfly_crelaxed_perm(v.op, n, count, <float *> prob, px, x.inc, x.dist, py, y.inc, y.dist)
    return bfly_zrelaxed_perm(v.op, n, count, <double *> prob, px, x.inc, x.dist, py, y.inc, y.dist)


cdef int call_relaxed_grad(const Variant *v, npy_intp n, npy_intp count, int accumulate, void *prob, Operand *x,
                           Operand *g, void *gprob, Operand *gx, npy_intp first) noexcept nogil:
    cdef npy_intp size = x_sizes[v.type]
    cdef void *px = x.p + first * x.dist * size
    cdef void *pg = g.p + first * g.dist * size
    cdef void *po = gx.p + first * gx.dist * size
    if v.type == S:
        return bfly_srelaxed_perm_grad(v.op, accumulate, n, count, <float *> prob, <float *> px, x.inc, x.dist,
                                       <float *> pg, g.inc, g.dist, <float *> gprob, <float *> po, gx.inc, gx.dist)
    if v.type == D:
        return bfly_drelaxed_perm_grad(v.op, accumulate, n, count, <double *> prob, <double *> px, x.inc, x.dist,
                                       <double *> pg, g.inc, g.dist, <double *> gprob, <double *> po, gx.inc, gx.dist)
    if v.type == CS:
        return bfly_crelaxed_perm_grad(v.op, accumulate, n, count, <float *> prob, px, x.inc, x.dist, pg, g.inc,
                                       g.dist, <float *> gprob, po, gx.inc, gx.dist)
    return bfly_zrelaxed_perm_grad(v.op, accumulate, n, count, <double *> prob, px, x.inc, x.dist, pg, g.inc, g.dist,
                                   <double *> gprob, po, gx.inc, gx.dist)


cdef int grad_one(const Variant *v, int c, const npy_intp *dims, const npy_intp *core, char *w, char *x, char *g,
                  char *gw, char *gx) noexcept nogil:
    """One matrix of factors (c core dimensions; form 0: probabilities) with its batch."""
    cdef Operand fw, fg, vx, vg, vo
    cdef npy_intp b = dims[c], n = dims[c + 1], ws = w_sizes[v.type], size = x_sizes[v.type]
    cdef npy_intp piece = piece_of(n) // 4 + 1, k = 0, now
    cdef npy_intp shape[4]
    cdef npy_intp in_[4]
    cdef npy_intp out[4]
    cdef int i, info
    for i in range(4):
        shape[i] = 1 if i < 4 - c else dims[i - (4 - c)]
        in_[i] = 0 if i < 4 - c else core[i - (4 - c)]
        out[i] = 0 if i < 4 - c else core[c + 4 + i - (4 - c)]
    cdef const npy_intp *sx = core + c
    cdef const npy_intp *sg = core + c + 2
    cdef const npy_intp *so = core + 2 * c + 4
    cdef bint copy_x = shares(x, gx, b, n, sx[0], sx[1], so[0], so[1]) or x == gx
    cdef bint copy_g = shares(g, gx, b, n, sg[0], sg[1], so[0], so[1])
    fw.buffer = fg.buffer = vx.buffer = vg.buffer = vo.buffer = NULL
    info = factors_in(&fw, w, shape, in_, ws, True)
    if info == 0:
        info = factors_in(&fg, gw, shape, out, ws, False)
    if info == 0:
        info = vectors_in(&vx, x, b, n, sx[0], sx[1], size, copy_x, True)
    if info == 0:
        info = vectors_in(&vg, g, b, n, sg[0], sg[1], size, copy_g, True)
    if info == 0:
        info = vectors_in(&vo, gx, b, n, so[0], so[1], size, False, False)
    if info == 0 and b == 0:
        memset(fg.p, 0, items(shape) * ws)
    while info == 0 and k < b:
        now = b - k if b - k < piece else piece
        if v.form:
            info = call_grad(v, n, now, k > 0, fw.p, &vx, &vg, fg.p, &vo, k)
        else:
            info = call_relaxed_grad(v, n, now, k > 0, fw.p, &vx, &vg, fg.p, &vo, k)
        k += now
        if info == 0 and k < b and interrupted():
            info = BFLY_EISA + 1
    factors_out(&fg, gw, shape, out, ws)
    vectors_out(&vo, gx, b, n, so[0], so[1], size)
    free(fw.buffer)
    free(vx.buffer)
    free(vg.buffer)
    return info


cdef void grad_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data) noexcept nogil:
    cdef const Variant *v = <const Variant *> data
    cdef int c = 3 if v.form == BFLY_TIED else 4 if v.form == BFLY_UNTIED else 2, info = 0
    cdef npy_intp k
    for k in range(dims[0]):
        info = grad_one(v, c, dims + 1, steps + 5, args[0] + k * steps[0], args[1] + k * steps[1],
                        args[2] + k * steps[2], args[3] + k * steps[3], args[4] + k * steps[4])
        if info:
            break
    if info:
        fail(info)


# ---- permutations ----------------------------------------------------------------------------------------------------

cdef int call_perm(int type, npy_intp n, npy_intp count, const int64_t *perm, Operand *x, Operand *y) noexcept nogil:
    if type == S:
        return bfly_sperm(BFLY_NO_TRANS, n, count, perm, <float *> x.p, x.inc, x.dist, <float *> y.p, y.inc, y.dist)
    if type == D:
        return bfly_dperm(BFLY_NO_TRANS, n, count, perm, <double *> x.p, x.inc, x.dist, <double *> y.p, y.inc, y.dist)
    if type == C:
        return bfly_cperm(BFLY_NO_TRANS, n, count, perm, x.p, x.inc, x.dist, y.p, y.inc, y.dist)
    return bfly_zperm(BFLY_NO_TRANS, n, count, perm, x.p, x.inc, x.dist, y.p, y.inc, y.dist)


cdef int permute_batch(const Variant *v, bint relaxed, npy_intp n, npy_intp count, char *f, const npy_intp *fshape,
                       const npy_intp *fstrides, char *x, npy_intp dx, npy_intp ix, char *y, npy_intp dy,
                       npy_intp iy) noexcept nogil:
    """Hard (f: indices) or relaxed (f: probabilities) permutation of a batch."""
    cdef Operand ff, vx, vy
    cdef npy_intp size = x_sizes[v.type]
    cdef int info = factors_in(&ff, f, fshape, fstrides, w_sizes[v.type] if relaxed else 8, True)
    if info:
        return info
    info = vectors_in(&vx, x, count, n, dx, ix, size, shares(x, y, count, n, dx, ix, dy, iy), True)
    if info == 0:
        info = vectors_in(&vy, y, count, n, dy, iy, size, False, False)
        if info == 0:
            if relaxed:
                info = call_relaxed(v, n, count, ff.p, &vx, &vy, 0)
            else:
                info = call_perm(v.type, n, count, <const int64_t *> ff.p, &vx, &vy)
        if info < 0:
            free(vy.buffer)
        else:
            vectors_out(&vy, y, count, n, dy, iy, size)
        free(vx.buffer)
    free(ff.buffer)
    return info


cdef void permute_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data) noexcept nogil:
    # form 0: relaxed, core (l, c), (n); form 1: hard, core (n), (n)
    cdef const Variant *v = <const Variant *> data
    cdef bint relaxed = v.form == 0
    cdef int c = 2 if relaxed else 1, info = 0
    cdef npy_intp count = dims[0], n = dims[3] if relaxed else dims[1], k, rows, batch = 1
    cdef npy_intp fshape[4]
    cdef npy_intp fstrides[4]
    fshape[:] = [1, 1, dims[1] if relaxed else 1, dims[2] if relaxed else n]
    fstrides[:] = [0, 0, steps[3] if relaxed else 0, steps[4] if relaxed else steps[3]]
    if steps[0] == 0:
        batch = piece_of(n) if count > 1 else count
        # in place in another order, the copy must cover the batch
        if shares(args[1], args[2], count, n, steps[1], steps[3 + c], steps[2], steps[4 + c]):
            batch = count
    k = 0
    while k < count:
        rows = count - k if count - k < batch else batch
        info = permute_batch(v, relaxed, n, rows, args[0] + k * steps[0], fshape, fstrides, args[1] + k * steps[1],
                             steps[1], steps[3 + c], args[2] + k * steps[2], steps[2], steps[4 + c])
        if info:
            break
        k += rows
        if batch > 1 and k < count and interrupted():
            return
    if info:
        fail(info)


# ---- sizes -----------------------------------------------------------------------------------------------------------

cdef int log2_of(npy_intp n) except -1:
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has length {n} along the transformed axis, which must be a power of two: pad or trim it")
    return n.bit_length() - 1


cdef int wrong(str what, object got, object want, npy_intp n) except -1:
    raise ValueError(f"{what} has core shape {got}, but vectors of length {n} need {want}")


cdef int untied_dims(PyUFuncObject *f, npy_intp *d) except -1:
    cdef int l = log2_of(d[4])
    if d[4] == 1 and d[0] == d[1] == d[2] == d[3] == 1:  # the shapes that Dask probes with
        return 0
    if d[0] != l or d[1] != (d[4] // 2 if l else 0) or d[2] != 2 or d[3] != 2:
        wrong("twiddle", (d[0], d[1], d[2], d[3]), (l, d[4] // 2, 2, 2), d[4])
    return 0


cdef int tied_dims(PyUFuncObject *f, npy_intp *d) except -1:
    log2_of(d[3])
    if d[3] == 1 and d[0] == d[1] == d[2] == 1:
        return 0
    if d[0] != d[3] - 1 or d[1] != 2 or d[2] != 2:
        wrong("twiddle", (d[0], d[1], d[2]), (d[3] - 1, 2, 2), d[3])
    return 0


cdef int untied_grad_dims(PyUFuncObject *f, npy_intp *d) except -1:
    cdef npy_intp own[5]
    own[:] = [d[0], d[1], d[2], d[3], d[5]]
    return untied_dims(f, own)


cdef int tied_grad_dims(PyUFuncObject *f, npy_intp *d) except -1:
    cdef npy_intp own[4]
    own[:] = [d[0], d[1], d[2], d[4]]
    return tied_dims(f, own)


cdef int relaxed_dims(PyUFuncObject *f, npy_intp *d) except -1:
    cdef int l = log2_of(d[2])
    if d[2] == 1 and d[0] == d[1] == 1:
        return 0
    if d[0] != max(l - 1, 0) or d[1] != 3:
        wrong("prob", (d[0], d[1]), (max(l - 1, 0), 3), d[2])
    return 0


cdef int relaxed_grad_dims(PyUFuncObject *f, npy_intp *d) except -1:
    cdef npy_intp own[3]
    own[:] = [d[0], d[1], d[3]]
    return relaxed_dims(f, own)


# ---- tables: static, since NumPy keeps the pointers ------------------------------------------------------------------

cdef PyUFuncGenericFunction mul_loops[6]
cdef PyUFuncGenericFunction grad_loops[6]
cdef PyUFuncGenericFunction permute_loops[4]
cdef char *W_TYPES = [NPY_FLOAT, NPY_FLOAT, NPY_CFLOAT, NPY_DOUBLE, NPY_DOUBLE, NPY_CDOUBLE]
cdef char *X_TYPES = [NPY_FLOAT, NPY_CFLOAT, NPY_CFLOAT, NPY_DOUBLE, NPY_CDOUBLE, NPY_CDOUBLE]
cdef char mul_types[18]
cdef char grad_types[30]
cdef char permute_types[12]
cdef char relaxed_types[12]
cdef char relaxed_grad_types[20]
cdef Variant variants[16][6]
cdef void *variant_data[16][6]
cdef Variant relaxed_variants[4]
cdef Variant permute_variants[4]
cdef void *relaxed_data[4]
cdef void *permute_data[4]
cdef int[4] PLAIN = [S, CS, D, ZD]
cdef int[4] OPS = [BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ]

#: gufuncs by name
ufuncs = {}
_names = []  # keeps the C strings alive


cdef void add(str name, str signature, str doc, PyUFuncGenericFunction *loops, void **data, char *types, int ntypes,
              int nin, int nout, int (*dims)(PyUFuncObject *, npy_intp *) except -1):
    texts = [name.encode(), doc.encode(), signature.encode()]
    _names.append(texts)
    f = PyUFunc_FromFuncAndDataAndSignature(loops, data, types, ntypes, nin, nout, PyUFunc_None, texts[0], texts[1], 0,
                                            texts[2])
    if dims != NULL:
        (<PyUFuncObject *> f).process_core_dims_func = dims
    ufuncs[name] = f


cdef void fill_tables():
    cdef int i, j, form, order, op
    for i in range(6):
        mul_loops[i] = mul_loop
        grad_loops[i] = grad_loop
        for j in range(3):
            mul_types[3 * i + j] = W_TYPES[i] if j == 0 else X_TYPES[i]
        for j in range(5):
            grad_types[5 * i + j] = W_TYPES[i] if j in (0, 3) else X_TYPES[i]
    for i in range(4):
        permute_loops[i] = permute_loop
        permute_variants[i] = Variant(BFLY_NO_TRANS, 0, 1, (S, C, D, Z)[i])
        permute_data[i] = &permute_variants[i]
        relaxed_variants[i] = Variant(BFLY_NO_TRANS, 0, 0, PLAIN[i])
        relaxed_data[i] = &relaxed_variants[i]
        permute_types[3 * i] = NPY_INT64
        permute_types[3 * i + 1] = permute_types[3 * i + 2] = X_TYPES[PLAIN[i]]
        for j in range(3):
            relaxed_types[3 * i + j] = W_TYPES[PLAIN[i]] if j == 0 else X_TYPES[PLAIN[i]]
        for j in range(5):
            relaxed_grad_types[5 * i + j] = W_TYPES[PLAIN[i]] if j in (0, 3) else X_TYPES[PLAIN[i]]
    for form in range(2):
        for order in range(2):
            for op in range(4):
                i = (form * 2 + order) * 4 + op
                for j in range(6):
                    variants[i][j] = Variant(OPS[op], BFLY_DECREASING if order else BFLY_INCREASING,
                                             BFLY_TIED if form else BFLY_UNTIED, j)
                    variant_data[i][j] = &variants[i][j]


fill_tables()
for _form, _w in (("untied", "(l,h,u,v)"), ("tied", "(m,u,v)")):
    for _order in ("inc", "dec"):
        for _op in ("N", "T", "C", "conj"):
            _i = ((_form == "tied") * 2 + (_order == "dec")) * 4 + ("N", "T", "C", "conj").index(_op)
            _text = f"{_form} factors, {'increasing' if _order == 'inc' else 'decreasing'} stride, op {_op}."
            add(f"butterfly_{_form}_{_order}_{_op}", f"{_w},(n)->(n)", f"Butterfly product: {_text}", mul_loops,
                variant_data[_i], mul_types, 6, 2, 1, tied_dims if _form == "tied" else untied_dims)
            add(f"butterfly_grad_{_form}_{_order}_{_op}", f"{_w},(b,n),(b,n)->{_w},(b,n)",
                f"Gradients of the butterfly product: {_text}", grad_loops, variant_data[_i], grad_types, 6, 3, 2,
                tied_grad_dims if _form == "tied" else untied_grad_dims)
add("permute", "(n),(n)->(n)", "out[i] = x[perm[i]].", permute_loops, permute_data, permute_types, 4, 2, 1, NULL)
add("relaxed_permute", "(l,c),(n)->(n)", "Relaxed permutation.", permute_loops, relaxed_data, relaxed_types, 4, 2, 1,
    relaxed_dims)
add("relaxed_permute_grad", "(l,c),(b,n),(b,n)->(l,c),(b,n)", "Gradients of the relaxed permutation.", grad_loops,
    relaxed_data, relaxed_grad_types, 4, 3, 2, relaxed_grad_dims)


# ---- factors ---------------------------------------------------------------------------------------------------------

def _factors(n, tied, dtype):
    cdef int64_t size = n
    if size < 1 or size & (size - 1):
        raise ValueError(f"n = {n} must be a power of two")
    l = size.bit_length() - 1
    return np.empty((size - 1, 2, 2) if tied else (l, size // 2 if l else 0, 2, 2), dtype)


cdef void *address(a):
    return <void *> <size_t> a.ctypes.data


def fft_factors(n, inverse=False, increasing_stride=True, tied=False, dtype=np.complex128):
    """Exact factors of the DFT: ``dense(w) @ bit_reversal`` (increasing) is ``exp(-2 pi i j k / n)``."""
    w = _factors(n, tied, dtype)
    order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    call = (BFLY_INVERSE if inverse else BFLY_FORWARD, order, BFLY_TIED if tied else BFLY_UNTIED)
    cdef int info
    if w.dtype == np.complex64:
        info = bfly_cfft_factors(call[0], call[1], call[2], n, address(w))
    elif w.dtype == np.complex128:
        info = bfly_zfft_factors(call[0], call[1], call[2], n, address(w))
    else:
        raise TypeError(f"dtype {w.dtype} must be complex64 or complex128")
    if info:
        raise ValueError(bfly_strerror(info).decode())
    return w


def hadamard_factors(n, increasing_stride=True, tied=False, dtype=np.float64):
    """Factors of the Sylvester-Hadamard matrix with entries 1 and -1."""
    w = _factors(n, tied, dtype)
    w[...] = [[1, 1], [1, -1]]
    return w


def dense(twiddle, op="N", increasing_stride=True, tied=False):
    """The n x n matrix ``op(B)`` of one set of factors."""
    w = np.ascontiguousarray(twiddle)
    n = w.shape[0] + 1 if tied else 2 * w.shape[1] if w.shape[0] else 1
    a = np.empty((n, n), w.dtype)
    cdef int o = OPS[("N", "T", "C", "conj").index(op)]
    cdef int order = BFLY_INCREASING if increasing_stride else BFLY_DECREASING
    cdef int form = BFLY_TIED if tied else BFLY_UNTIED, info
    cdef int64_t size = n
    cdef void *pw = address(w)
    cdef void *pa = address(a)
    kind = w.dtype.char
    if kind not in "fdFD":
        raise TypeError(f"twiddle has dtype {w.dtype}, which must be float32, float64, complex64 or complex128")
    cdef int which = "fdFD".index(kind)
    with nogil:
        if which == 0:
            info = bfly_sdense(o, order, form, size, <float *> pw, <float *> pa, size)
        elif which == 1:
            info = bfly_ddense(o, order, form, size, <double *> pw, <double *> pa, size)
        elif which == 2:
            info = bfly_cdense(o, order, form, size, pw, pa, size)
        else:
            info = bfly_zdense(o, order, form, size, pw, pa, size)
    if info == BFLY_ENOMEM:
        raise MemoryError(bfly_strerror(info).decode())
    if info:
        raise ValueError(bfly_strerror(info).decode())
    return a


# ---- settings --------------------------------------------------------------------------------------------------------

def version():
    return bfly_version()


def config():
    return bfly_config().decode()


def isas():
    return bfly_isas().decode().split()


def get_isa():
    return bfly_get_isa().decode()


def set_isa(name):
    if bfly_set_isa(name.encode()):
        raise ValueError(f"isa = {name!r} is not available here: use one of {['auto', *isas()]}")


def get_num_threads():
    return bfly_get_num_threads()


def set_num_threads(int k):
    bfly_set_num_threads(k)


def set_num_threads_local(int k):
    return bfly_set_num_threads_local(k)
