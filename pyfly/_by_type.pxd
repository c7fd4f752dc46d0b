"""The functions of libbutterfly with the type as an argument, the same for arrays and for addresses.

A type is a pair of factors and vectors, f-f, f-F, F-F, d-d, d-D, D-D in NumPy's letters. Where factors are real
(relaxed permutations) or absent, F-F and D-D mean what f-F and d-D do.
"""

from pyfly.libbutterfly cimport *

cdef enum:
    FF, FC, CC, DD, DZ, ZZ, TYPES


# count vectors of n numbers at p, strides in elements; own: a copy to be freed
cdef struct Vectors:
    char *p
    bfly_int inc, dist
    void *own


cdef inline int mul(int type, int op, int order, int form, bfly_int n, bfly_int count, void *w, Vectors x,
                    Vectors y) noexcept nogil:
    """y := op(B) x."""
    cdef float[2] one_s = [1, 0]
    cdef float[2] zero_s = [0, 0]
    cdef double[2] one_d = [1, 0]
    cdef double[2] zero_d = [0, 0]
    if type == FF:
        return bfly_smul(op, order, form, n, count, 1, <float *>w, <float *>x.p, x.inc, x.dist, 0, <float *>y.p, y.inc,
                         y.dist)
    if type == FC:
        return bfly_csmul(op, order, form, n, count, one_s, <float *>w, x.p, x.inc, x.dist, zero_s, y.p, y.inc, y.dist)
    if type == CC:
        return bfly_cmul(op, order, form, n, count, one_s, w, x.p, x.inc, x.dist, zero_s, y.p, y.inc, y.dist)
    if type == DD:
        return bfly_dmul(op, order, form, n, count, 1, <double *>w, <double *>x.p, x.inc, x.dist, 0, <double *>y.p,
                         y.inc, y.dist)
    if type == DZ:
        return bfly_zdmul(op, order, form, n, count, one_d, <double *>w, x.p, x.inc, x.dist, zero_d, y.p, y.inc, y.dist)
    return bfly_zmul(op, order, form, n, count, one_d, w, x.p, x.inc, x.dist, zero_d, y.p, y.inc, y.dist)


cdef inline int grad(int type, int op, int order, int form, int more, bfly_int n, bfly_int count, void *w, Vectors x,
                     Vectors g, void *gw, Vectors gx) noexcept nogil:
    """Gradients of y = op(B) x; more: the sums over the batch are added to. At address 0 one of them is left out."""
    if type == FF:
        return bfly_sgrad(op, order, form, more, n, count, <float *>w, <float *>x.p, x.inc, x.dist, <float *>g.p, g.inc,
                          g.dist, <float *>gw, <float *>gx.p, gx.inc, gx.dist)
    if type == FC:
        return bfly_csgrad(op, order, form, more, n, count, <float *>w, x.p, x.inc, x.dist, g.p, g.inc, g.dist,
                           <float *>gw, gx.p, gx.inc, gx.dist)
    if type == CC:
        return bfly_cgrad(op, order, form, more, n, count, w, x.p, x.inc, x.dist, g.p, g.inc, g.dist, gw, gx.p, gx.inc,
                          gx.dist)
    if type == DD:
        return bfly_dgrad(op, order, form, more, n, count, <double *>w, <double *>x.p, x.inc, x.dist, <double *>g.p,
                          g.inc, g.dist, <double *>gw, <double *>gx.p, gx.inc, gx.dist)
    if type == DZ:
        return bfly_zdgrad(op, order, form, more, n, count, <double *>w, x.p, x.inc, x.dist, g.p, g.inc, g.dist,
                           <double *>gw, gx.p, gx.inc, gx.dist)
    return bfly_zgrad(op, order, form, more, n, count, w, x.p, x.inc, x.dist, g.p, g.inc, g.dist, gw, gx.p, gx.inc,
                      gx.dist)


cdef inline int permute(int type, int op, bfly_int n, bfly_int count, const bfly_int *perm, Vectors x,
                        Vectors y) noexcept nogil:
    """y[i] := x[perm[i]], or y[perm[i]] := x[i]; -4: perm is none."""
    if type == FF:
        return bfly_sperm(op, n, count, perm, <float *>x.p, x.inc, x.dist, <float *>y.p, y.inc, y.dist)
    if type == DD:
        return bfly_dperm(op, n, count, perm, <double *>x.p, x.inc, x.dist, <double *>y.p, y.inc, y.dist)
    if type < DD:
        return bfly_cperm(op, n, count, perm, x.p, x.inc, x.dist, y.p, y.inc, y.dist)
    return bfly_zperm(op, n, count, perm, x.p, x.inc, x.dist, y.p, y.inc, y.dist)


cdef inline int relaxed(int type, int op, bfly_int n, bfly_int count, void *prob, Vectors x, Vectors y) noexcept nogil:
    """y := P x or P^T x."""
    if type == FF:
        return bfly_srelaxed_perm(op, n, count, <float *>prob, <float *>x.p, x.inc, x.dist, <float *>y.p, y.inc, y.dist)
    if type == DD:
        return bfly_drelaxed_perm(op, n, count, <double *>prob, <double *>x.p, x.inc, x.dist, <double *>y.p, y.inc,
                                  y.dist)
    if type < DD:
        return bfly_crelaxed_perm(op, n, count, <float *>prob, x.p, x.inc, x.dist, y.p, y.inc, y.dist)
    return bfly_zrelaxed_perm(op, n, count, <double *>prob, x.p, x.inc, x.dist, y.p, y.inc, y.dist)


cdef inline int relaxed_grad(int type, int op, int more, bfly_int n, bfly_int count, void *prob, Vectors x, Vectors g,
                             void *gprob, Vectors gx) noexcept nogil:
    """Gradients of y = P x or P^T x, as those of a product."""
    if type == FF:
        return bfly_srelaxed_perm_grad(op, more, n, count, <float *>prob, <float *>x.p, x.inc, x.dist, <float *>g.p,
                                       g.inc, g.dist, <float *>gprob, <float *>gx.p, gx.inc, gx.dist)
    if type == DD:
        return bfly_drelaxed_perm_grad(op, more, n, count, <double *>prob, <double *>x.p, x.inc, x.dist, <double *>g.p,
                                       g.inc, g.dist, <double *>gprob, <double *>gx.p, gx.inc, gx.dist)
    if type < DD:
        return bfly_crelaxed_perm_grad(op, more, n, count, <float *>prob, x.p, x.inc, x.dist, g.p, g.inc, g.dist,
                                       <float *>gprob, gx.p, gx.inc, gx.dist)
    return bfly_zrelaxed_perm_grad(op, more, n, count, <double *>prob, x.p, x.inc, x.dist, g.p, g.inc, g.dist,
                                   <double *>gprob, gx.p, gx.inc, gx.dist)
