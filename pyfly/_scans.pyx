# _scans.pyx - scans of dense matrices for the algebraic search, row by row whatever they look for: steps of a power of
# two down the columns would meet the same few lines of the cache.
cimport cython

import numpy as np

ctypedef fused real:
    float
    double

ctypedef fused number:
    float
    double
    float complex
    double complex


def transposed(matrix):
    """The transpose, its rows one after the other; the same memory if they stand so.

    Parameters
    ----------
    matrix : ndarray of float32, float64, complex64 or complex128, shape (m, n)

    Returns
    -------
    ndarray, shape (n, m)
    """
    if matrix.T.flags.c_contiguous:
        return matrix.T
    out = np.empty(matrix.shape[::-1], matrix.dtype)
    if matrix.dtype == np.float32:
        transpose[float](np.ascontiguousarray(matrix), out)
    elif matrix.dtype == np.float64:
        transpose[double](np.ascontiguousarray(matrix), out)
    elif matrix.dtype == np.complex64:
        transpose[cython.floatcomplex](np.ascontiguousarray(matrix), out)
    else:
        transpose[cython.doublecomplex](np.ascontiguousarray(matrix), out)
    return out


def rowwise(matrix):
    """The matrix itself if its rows stand one after the other, else a copy of which this is true."""
    return transposed(matrix.T) if matrix.T.flags.c_contiguous and min(matrix.shape) > 1 else np.ascontiguousarray(matrix)


@cython.boundscheck(False)
@cython.wraparound(False)
cdef void transpose(const number[:, ::1] x, number[:, ::1] y) noexcept:
    cdef Py_ssize_t m = x.shape[0], n = x.shape[1], i, j, i0, j0, i1, j1
    for i0 in range(0, m, 16):
        i1 = min(i0 + 16, m)
        for j0 in range(0, n, 16):
            j1 = min(j0 + 16, n)
            for j in range(j0, j1):
                for i in range(i0, i1):
                    y[j, i] = x[i, j]


def largest(sizes):
    """Row of the largest entry of every column, the first of several: ``sizes.argmax(axis=0)``.

    Parameters
    ----------
    sizes : ndarray of float32 or float64, shape (m, n)

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    if sizes.T.flags.c_contiguous:
        return sizes.T.argmax(axis=1)
    sizes = np.ascontiguousarray(sizes)
    best = sizes[0].copy()
    where = np.zeros(best.shape, np.int32)
    if sizes.dtype == np.float32:
        largest_of[float](sizes, best, where)
    else:
        largest_of[double](sizes, best, where)
    return where.astype(np.int64)


@cython.boundscheck(False)
@cython.wraparound(False)
cdef void largest_of(const real[:, ::1] sizes, real[::1] best, int[::1] where) noexcept:
    cdef Py_ssize_t m = sizes.shape[0], n = sizes.shape[1], j
    cdef int i
    cdef const real *row
    cdef real *top = &best[0]
    cdef int *at = &where[0]
    for i in range(1, m):
        row = &sizes[i, 0]
        for j in range(n):
            at[j] = i if row[j] > top[j] else at[j]
            top[j] = row[j] if row[j] > top[j] else top[j]


@cython.boundscheck(False)
@cython.wraparound(False)
def walk(steps, Py_ssize_t start, float[::1] free, float least, bint second=False):
    """Go from row to row of square matrices, always to the largest free entry.

    Parameters
    ----------
    steps : list of ndarray of float32, shape (n, n)
        The first shows steps; the next, tried where it shows none, steps over one row.
    start : int
    free : ndarray of float32, shape (n,)
        1 where one may go, 0 where not; rows on the path become 0.
    least : float
        Smallest entry that is a step.
    second : bool
        Whether the first step is to the second largest entry.

    Returns
    -------
    rows : ndarray of int64
        Rows along the path, -1 where one is passed over.
    signs : ndarray of float64
        Sign of each, the product of those of the steps; 0 where one is passed over.
    """
    cdef Py_ssize_t n = len(free), count = 1, row = start, at, other, passed, j
    cdef float size, best
    cdef double sign = 1
    rows, signs = np.full(2 * n, -1, np.int64), np.zeros(2 * n)
    cdef long[::1] to = rows
    cdef double[::1] way = signs
    cdef const float[:, ::1] step
    cdef const float *along
    matrices = [np.ascontiguousarray(step_) for step_ in steps]
    to[0], way[0], free[start] = start, 1, 0
    while True:
        for passed in range(len(matrices)):
            step = matrices[passed]
            along = &step[row, 0]
            at = other = -1
            for avoided in range(2 if second and count == 1 else 1):
                best, at = -1, 0
                for j in range(n):
                    size = abs(along[j]) * free[j]
                    if size > best and j != other:
                        best, at = size, j
                other = at
            if best >= least:
                break
        else:
            return rows[:count], signs[:count]
        sign = sign if along[at] > 0 else -sign
        count += passed
        to[count], way[count], free[at] = at, sign, 0
        row = at
        count += 1
