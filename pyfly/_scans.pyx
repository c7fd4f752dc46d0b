# _scans.pyx - scans of dense matrices for the algebraic search, row by row whatever they look for: steps of a power of
# two down the columns would meet the same few lines of the cache.
cimport cython
from libc.math cimport acos, cos, sqrt

import numpy as np

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
    by_columns = matrix.T.flags.c_contiguous and min(matrix.shape) > 1
    return transposed(matrix.T) if by_columns else np.ascontiguousarray(matrix)


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
            for _ in range(2 if second and count == 1 else 1):
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


def spread(nodes, scale, rows, Py_ssize_t most):
    """Share of the energy of each of some rows with every other row that lies outside two directions.

    A column of two rows is the point (|u|^2 - |v|^2, 2 Re conj(u) v, 2 Im conj(u) v), its energy |u|^2 + |v|^2 times a
    direction. The energy across the line through most of them counts, by the largest entries of the first row; columns
    where that is small or zero are all of one direction.

    Parameters
    ----------
    nodes : ndarray of float64 or complex128, shape (count, m, m)
    scale : ndarray of float64, shape (m,)
        Factors of the rows.
    rows : ndarray of int64, shape (some,)
    most : int
        Entries of a row that are looked at.

    Returns
    -------
    ndarray of float64, shape (some, m)
    """
    m = nodes.shape[1]
    across, sizes, energies = np.zeros((len(rows), m)), np.zeros((len(rows), 1)), np.zeros(m)
    for node in nodes:
        part = node * scale[:, None]
        turned, energy = transposed(part), np.vecdot(part, part).real.copy()
        for start in range(0, len(rows), 64):
            first = part[rows[start : start + 64]]
            some = np.argsort(-np.abs(first), axis=1) if most >= m else np.argpartition(-np.abs(first), most, axis=1)
            some = np.ascontiguousarray(some[:, :most])
            size, out = np.zeros(len(first)), across[start : start + 64]
            if part.dtype == np.complex128:
                spread_of[cython.doublecomplex](first, some, turned, energy, np.empty((10, m)), out, size)
            else:
                spread_of[double](first, some, turned, energy, np.empty((10, m)), out, size)
            sizes[start : start + 64, 0] += size
        energies += energy
    for row, size in zip(across, sizes, strict=True):
        row /= np.maximum(size + energies, 1e-300)
    return across


ctypedef fused exact:
    double
    double complex


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.cdivision(True)
cdef void spread_of(const exact[:, ::1] first, const long[:, ::1] some, const exact[:, ::1] turned,
                    const double[::1] energy, double[:, ::1] work, double[:, ::1] across,
                    double[::1] sizes) noexcept:
    cdef Py_ssize_t m = turned.shape[0], r, c, k
    cdef double *sums = &work[0, 0]
    cdef double uu, vv, x, y, z, w, size, whole, rest
    cdef exact u
    cdef const exact *v
    for r in range(first.shape[0]):
        for k in range(10 * m):
            sums[k] = 0
        size = 0
        for c in range(some.shape[1]):
            u = first[r, some[r, c]]
            if u == 0:
                continue
            v = &turned[some[r, c], 0]
            if exact is cython.doublecomplex:
                uu = u.real * u.real + u.imag * u.imag
            else:
                uu = u * u
            size += uu
            for k in range(m):
                if exact is cython.doublecomplex:
                    vv = v[k].real * v[k].real + v[k].imag * v[k].imag
                    y = 2 * (u.real * v[k].real + u.imag * v[k].imag)
                    z = 2 * (u.real * v[k].imag - u.imag * v[k].real)
                else:
                    vv = v[k] * v[k]
                    y = 2 * u * v[k]
                x, w = uu - vv, 1 / (uu + vv)
                sums[k] += vv
                sums[m + k] += x
                sums[2 * m + k] += y
                sums[3 * m + k] += x * x * w
                sums[4 * m + k] += x * y * w
                sums[5 * m + k] += y * y * w
                if exact is cython.doublecomplex:
                    sums[6 * m + k] += z
                    sums[7 * m + k] += x * z * w
                    sums[8 * m + k] += y * z * w
                    sums[9 * m + k] += z * z * w
        sizes[r] = size
        for k in range(m):
            whole = size + energy[k]
            if whole <= 0:
                continue
            rest = max(energy[k] - sums[k], 0)
            x, y, z, w = sums[m + k] - rest, sums[2 * m + k], sums[6 * m + k], 1 / whole
            across[r, k] += beside_largest(sums[3 * m + k] + rest - x * x * w, sums[5 * m + k] - y * y * w,
                                           sums[9 * m + k] - z * z * w, sums[4 * m + k] - x * y * w,
                                           sums[7 * m + k] - x * z * w, sums[8 * m + k] - y * z * w)


@cython.cdivision(True)
cdef inline double beside_largest(double a, double b, double c, double d, double e, double f) noexcept nogil:
    """Trace of [[a, d, e], [d, b, f], [e, f, c]] less the largest eigenvalue, none of which is negative."""
    cdef double mean = (a + b + c) / 3, p, q, largest
    cdef double off = d * d + e * e + f * f
    if off == 0:
        return max(a + b + c - max(a, max(b, c)), 0)
    if e == 0 and f == 0 and c == 0:
        largest = (a + b) / 2 + sqrt((a - b) * (a - b) / 4 + off)
        # the product of both, without the cancellation of the smaller
        return max((a * b - off) / largest, 0)
    a, b, c = a - mean, b - mean, c - mean
    p = sqrt((a * a + b * b + c * c + 2 * off) / 6)
    q = (a * (b * c - f * f) - d * (d * c - e * f) + e * (d * f - b * e)) / (2 * p * p * p)
    largest = mean + 2 * p * cos(acos(max(-1.0, min(1.0, q))) / 3)
    return max(3 * mean - largest, 0)
