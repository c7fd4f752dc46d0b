# _rank_one.pyx - the best rank-one approximation of pairs of rows, the only arithmetic of the algebraic search.
#
#     [x0]     [d0]
#     [x1]  ~  [d1] w      minimising  o0 |x0 - d0 w|^2 + o1 |x1 - d1 w|^2,  the larger of d0, d1 being 1
from libc.stdint cimport int64_t

from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport bfly_dpeel, bfly_int, bfly_zpeel

import numpy as np


ctypedef double complex zdouble

ctypedef fused number:
    double
    zdouble


def rank_one(nodes, weights, int groups, order=None):
    """Replace rows k and k + pairs of every node by one row, on each group of columns.

    The larger entry of d is 1, so that w stays in the range of the rows and nothing grows or underflows from level to
    level; the weights passed on carry the lengths of d, which keeps the errors of all levels orthogonal: their squares
    add up to the squared error of the product.

    Parameters
    ----------
    nodes : ndarray of float64 or complex128, shape (count, 2 pairs, columns)
    weights : ndarray of float64, shape (count, 2 pairs)
        Positive.
    groups : int
        1 or 2 groups of columns of equal size, one after the other.
    order : ndarray of int64, shape (columns,) or (count, columns), optional
        Gather indices of the columns.

    Returns
    -------
    d : ndarray, shape (count, pairs, 2, groups)
    w : ndarray, shape (count, groups, pairs, columns / groups)
    passed : ndarray of float64, shape (count, groups, pairs)
        What an error in w costs: ``o0 |d0|^2 + o1 |d1|^2``.
    error : ndarray of float64, shape (count, pairs)
        Weighted squared distance, summed over groups.
    """
    nodes = np.ascontiguousarray(nodes)
    count, rows, columns = nodes.shape
    pairs = rows // 2
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    if weights.shape != (count, rows) or rows % 2 or columns % groups:
        raise ValueError(f"weights of shape {weights.shape} and {groups} groups for nodes of shape {nodes.shape}: "
                         f"({count}, {rows}) weights, an even number of rows and groups of equal size are needed")
    if order is not None:
        order = np.ascontiguousarray(order, dtype=np.int64)
        if order.shape not in ((columns,), (count, columns)) or order.min() < 0 or order.max() >= columns:
            raise ValueError(f"order of shape {order.shape} for nodes of shape {nodes.shape}: indices below {columns} "
                             f"of shape ({columns},) or ({count}, {columns}) are needed")
    out = (
        np.empty((count, pairs, 2, groups), nodes.dtype),
        np.empty((count, groups, pairs, columns // groups), nodes.dtype),
        np.empty((count, groups, pairs)),
        np.empty((count, pairs)),
    )
    if nodes.size:
        if nodes.dtype == np.complex128:
            peel[zdouble](nodes, weights, groups, order, *out)
        else:
            peel[double](nodes, weights, groups, order, *out)
    return out


cdef peel(const number[:, :, ::1] x, const double[:, ::1] o, int groups, order, number[:, :, :, ::1] d,
          number[:, :, :, ::1] w, double[:, :, ::1] passed, double[:, ::1] error):
    cdef const int64_t[::1] flat
    cdef const bfly_int *indices = NULL
    cdef bfly_int dist = 0, count = x.shape[0], pairs = x.shape[1] // 2, columns = x.shape[2]
    cdef int info
    if order is not None:
        flat = order.ravel()
        indices = &flat[0]
        dist = columns if order.ndim == 2 else 0
    with nogil:
        if number is double:
            info = bfly_dpeel(count, pairs, columns, groups, indices, dist, &x[0, 0, 0], &o[0, 0], &d[0, 0, 0, 0],
                              &w[0, 0, 0, 0], &passed[0, 0, 0], &error[0, 0])
        else:
            info = bfly_zpeel(count, pairs, columns, groups, indices, dist, &x[0, 0, 0], &o[0, 0], &d[0, 0, 0, 0],
                              &w[0, 0, 0, 0], &passed[0, 0, 0], &error[0, 0])
    raise_result("peel", info)
