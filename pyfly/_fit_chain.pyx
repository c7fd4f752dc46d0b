# _fit_chain.pyx - distance of a corner of several butterflies and permutations from a dense matrix, and its gradients.
#
#     f = 1/2 ||A - S B_k P_k ... B_1 P_1 S'^T||_F^2,   S the first rows of A's number, S'^T pads with zeros
#
# The vectors are columns of the identity, X_1 = P_1 S'^T, X_{j+1} = P_{j+1} B_j X_j. Each lies in one piece; so does
# a column of A. P_j is hard, or relaxed with probabilities of its own.
cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport (
    BFLY_INCREASING, BFLY_NO_TRANS, BFLY_TIED, BFLY_TRANS, BFLY_UNTIED, bfly_cgrad, bfly_cmul, bfly_cperm,
    bfly_crelaxed_perm, bfly_crelaxed_perm_grad, bfly_dgrad, bfly_dmul, bfly_dperm, bfly_drelaxed_perm,
    bfly_drelaxed_perm_grad, bfly_int, bfly_set_num_threads_local, bfly_sgrad, bfly_smul, bfly_sperm,
    bfly_srelaxed_perm, bfly_srelaxed_perm_grad, bfly_zgrad, bfly_zmul, bfly_zperm, bfly_zrelaxed_perm,
    bfly_zrelaxed_perm_grad,
)

ctypedef fused real:
    float
    double

cdef enum:
    ALL_REAL = 0
    ALL_COMPLEX = 1
    REAL_PART = 2


cdef int multiply(int cx, int form, bfly_int n, bfly_int m, const real *w, const real *x, real *y) noexcept nogil:
    cdef real[2] one
    cdef real[2] zero
    one[0] = 1
    one[1] = zero[0] = zero[1] = 0
    if real is float:
        if cx:
            return bfly_cmul(BFLY_NO_TRANS, BFLY_INCREASING, form, n, m, &one[0], w, x, 1, n, &zero[0], y, 1, n)
        return bfly_smul(BFLY_NO_TRANS, BFLY_INCREASING, form, n, m, 1, w, x, 1, n, 0, y, 1, n)
    else:
        if cx:
            return bfly_zmul(BFLY_NO_TRANS, BFLY_INCREASING, form, n, m, &one[0], w, x, 1, n, &zero[0], y, 1, n)
        return bfly_dmul(BFLY_NO_TRANS, BFLY_INCREASING, form, n, m, 1, w, x, 1, n, 0, y, 1, n)


cdef int multiply_back(int cx, int form, bfly_int n, bfly_int m, const real *w, const real *x, real *g, real *gw,
                       bint first) noexcept nogil:
    """gw, and in place the gradient at x unless x is the first of all."""
    cdef real *gx = NULL if first else g
    if real is float:
        if cx:
            return bfly_cgrad(BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, m, w, x, 1, n, g, 1, n, gw, gx, 1, n)
        return bfly_sgrad(BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, m, w, x, 1, n, g, 1, n, gw, gx, 1, n)
    else:
        if cx:
            return bfly_zgrad(BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, m, w, x, 1, n, g, 1, n, gw, gx, 1, n)
        return bfly_dgrad(BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, m, w, x, 1, n, g, 1, n, gw, gx, 1, n)


cdef int move(int cx, int op, bfly_int n, bfly_int m, const bfly_int *perm, const real *x, real *y) noexcept nogil:
    if real is float:
        if cx:
            return bfly_cperm(op, n, m, perm, x, 1, n, y, 1, n)
        return bfly_sperm(op, n, m, perm, x, 1, n, y, 1, n)
    else:
        if cx:
            return bfly_zperm(op, n, m, perm, x, 1, n, y, 1, n)
        return bfly_dperm(op, n, m, perm, x, 1, n, y, 1, n)


cdef int mix(int cx, bfly_int n, bfly_int m, const real *prob, const real *x, real *y) noexcept nogil:
    if real is float:
        if cx:
            return bfly_crelaxed_perm(BFLY_NO_TRANS, n, m, prob, x, 1, n, y, 1, n)
        return bfly_srelaxed_perm(BFLY_NO_TRANS, n, m, prob, x, 1, n, y, 1, n)
    else:
        if cx:
            return bfly_zrelaxed_perm(BFLY_NO_TRANS, n, m, prob, x, 1, n, y, 1, n)
        return bfly_drelaxed_perm(BFLY_NO_TRANS, n, m, prob, x, 1, n, y, 1, n)


cdef int mix_back(int cx, bfly_int n, bfly_int m, const real *prob, const real *x, real *g, real *gprob,
                  bint first) noexcept nogil:
    cdef real *gx = NULL if first else g
    if real is float:
        if cx:
            return bfly_crelaxed_perm_grad(BFLY_NO_TRANS, 0, n, m, prob, x, 1, n, g, 1, n, gprob, gx, 1, n)
        return bfly_srelaxed_perm_grad(BFLY_NO_TRANS, 0, n, m, prob, x, 1, n, g, 1, n, gprob, gx, 1, n)
    else:
        if cx:
            return bfly_zrelaxed_perm_grad(BFLY_NO_TRANS, 0, n, m, prob, x, 1, n, g, 1, n, gprob, gx, 1, n)
        return bfly_drelaxed_perm_grad(BFLY_NO_TRANS, 0, n, m, prob, x, 1, n, g, 1, n, gprob, gx, 1, n)


cdef double compare(int mode, bfly_int n, bfly_int m, bfly_int rows, real *y, const real *a) noexcept nogil:
    """y := the gradient at the output, y - A in the corner and 0 outside; returns its squared norm."""
    cdef bfly_int size = 1 if mode == ALL_REAL else 2, same = 2 if mode == ALL_COMPLEX else 1, i, _
    cdef double total = 0, line
    cdef real d
    for _ in range(m):
        line = 0
        if mode == REAL_PART:
            for i in range(rows):
                d = y[2 * i] - a[i]
                y[2 * i] = d
                y[2 * i + 1] = 0
                line += d * d
        else:
            for i in range(size * rows):
                d = y[i] - a[i]
                y[i] = d
                line += d * d
        memset(y + size * rows, 0, (n - rows) * size * sizeof(real))
        total += line
        y += size * n
        a += same * rows
    return total


cdef int run(int mode, int form, bfly_int n, bfly_int m, bfly_int rows, bfly_int depth, bfly_int numbers, const real *w,
             const bfly_int *perm, bfly_int probs, const real *prob, const real *a, real *space, double *f, real *gw,
             real *gprob) noexcept nogil:
    """One evaluation; space holds depth + 2 arrays of m vectors, 2 depth + 1 when the permutations are relaxed."""
    cdef bfly_int unit = 1 if mode == ALL_REAL else 2, size = m * n * unit, i, j
    cdef int cx = mode != ALL_REAL, info
    cdef bint relaxed = probs > 0
    # x: inputs of the butterflies; y: inputs of the permutations, one for all if they are hard; g: the last output
    cdef real *x = space
    cdef real *y = space + depth * size
    cdef real *g = y + size * (depth if relaxed else 1)
    cdef real *here
    memset(y if relaxed else x, 0, size * sizeof(real))
    for i in range(n):
        if relaxed:
            if i < m:
                y[(i * n + i) * unit] = 1
        elif perm[i] < m:
            x[(perm[i] * n + i) * unit] = 1
    for j in range(depth):
        here = x + j * size
        info = 0
        if relaxed:
            info = mix(cx, n, m, prob + j * probs, y + j * size, here)
        elif j:
            info = move(cx, BFLY_NO_TRANS, n, m, perm + j * n, y, here)
        if info:
            return info
        info = multiply(cx, form, n, m, w + j * numbers, here,
                        g if j == depth - 1 else y + (j + 1) * size if relaxed else y)
        if info:
            return info
    f[0] = compare(mode, n, m, rows, g, a) / 2
    for j in range(depth - 1, -1, -1):
        info = multiply_back(cx, form, n, m, w + j * numbers, x + j * size, g, gw + j * numbers,
                             j == 0 and not relaxed)
        if info:
            return info
        if relaxed:
            info = mix_back(cx, n, m, prob + j * probs, y + j * size, g, gprob + j * probs, j == 0)
        elif j:
            info = move(cx, BFLY_TRANS, n, m, perm + j * n, g, y)
            here = y
            y = g
            g = here
        if info:
            return info
    return 0


@cython.boundscheck(False)
@cython.wraparound(False)
def distance(const real[::1] theta, const real[:, ::1] target, bfly_int n, int mode, bint tied,
             const int64_t[:, ::1] perms, const real[:, ::1] prob, real[::1] space, real[::1] grad, real[:, ::1] gprob,
             int threads=1):
    """``1/2 ||A - S B_k P_k ... B_1 P_1 S'^T||_F^2``; its gradient goes to grad and gprob.

    theta, grad : the factors as real numbers, that of B_1 first. target : columns of A (A^T row-major) as real numbers,
    complex ones as pairs, at most n by n. mode : 0 real, 1 complex, 2 complex factors and real target. perms : (k, n)
    gather indices, read when prob is empty; prob, gprob : (k, 3 (log2 n - 1)) probabilities and their gradient, or
    (k, 0). space : of ``workspace`` numbers. threads : as many at most.
    """
    cdef bfly_int depth = perms.shape[0], columns = target.shape[0], probs = prob.shape[1]
    cdef bfly_int rows = target.shape[1] // (2 if mode == ALL_COMPLEX else 1)
    cdef double f = 0
    cdef int info, before
    cdef bfly_int i
    check(n, mode, tied, columns, target.shape[1], theta.shape[0], depth, probs)
    if perms.shape[1] != n or prob.shape[0] != depth or gprob.shape[0] != depth or gprob.shape[1] != probs:
        raise ValueError(f"perms has shape ({depth}, {perms.shape[1]}), prob {prob.shape[0], probs}, gprob "
                         f"{gprob.shape[0], gprob.shape[1]}: ({depth}, {n}) and twice the same are needed")
    for i in range(n):
        if not 0 <= perms[0, i] < n:  # the others are checked where they act
            raise ValueError(f"perms[0, {i}] = {perms[0, i]}: an index below {n} is needed")
    if grad.shape[0] != theta.shape[0] or space.shape[0] < workspace(n, columns, depth, mode, probs > 0):
        raise ValueError(f"grad has {grad.shape[0]} numbers, space {space.shape[0]}: {theta.shape[0]} and "
                         f"{workspace(n, columns, depth, mode, probs > 0)} are needed")
    with nogil:
        before = bfly_set_num_threads_local(threads)
        info = run(mode, BFLY_TIED if tied else BFLY_UNTIED, n, columns, rows, depth, theta.shape[0] // depth,
                   &theta[0], <const bfly_int *> &perms[0, 0], probs, &prob[0, 0] if probs else NULL, &target[0, 0],
                   &space[0], &f, &grad[0], &gprob[0, 0] if probs else NULL)
        bfly_set_num_threads_local(before)
    raise_result("fit_chain", info)
    return f


def workspace(n, columns, depth, mode, relaxed):
    """Numbers of workspace that `distance` needs."""
    return ((2 * depth + 1) if relaxed else depth + 2) * n * columns * (2 if mode else 1)


cdef check(bfly_int n, int mode, bint tied, bfly_int columns, bfly_int width, bfly_int numbers, bfly_int depth,
           bfly_int probs):
    """Sizes that C takes on trust."""
    if n < 2 or n & (n - 1):
        raise ValueError(f"n = {n}: a power of two of at least 2 is needed")
    if mode not in (ALL_REAL, ALL_COMPLEX, REAL_PART):
        raise ValueError(f"mode = {mode}: 0, 1 or 2")
    levels = int(n).bit_length() - 1
    pair = 2 if mode == ALL_COMPLEX else 1
    if not 1 <= columns <= n or width % pair or not 1 <= width // pair <= n:
        raise ValueError(f"a target of {columns} columns of {width} numbers: at most {n} of {n * pair} are needed")
    blocks = depth * (n - 1 if tied else levels * (n // 2))
    if depth < 1 or numbers != 4 * blocks * (2 if mode else 1):
        raise ValueError(f"{numbers} numbers of factors: {4 * blocks * (2 if mode else 1)} are needed")
    if probs and probs != 3 * (levels - 1):
        raise ValueError(f"{probs} probabilities a permutation: {3 * (levels - 1)} are needed")
