# _fit.pyx - distance from a dense matrix, its gradients, and Adam on them, without the GIL.
#
#     f = 1/2 ||A - B(w) P_1 ... P_k||_F^2,   P_j relaxed permutations with probabilities sigmoid(logit)
#
# The parameters are the factors w followed by the logits. Every probability names the logit it depends on, or is fixed:
# sharing and freezing logits is that table. Many runs go on at once, one a thread; a flag in memory stops them all.
cimport cython
from libc.math cimport exp, isfinite, sqrt
from libc.stdint cimport int64_t

from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport *

import numpy as np


ctypedef fused real:
    float
    double

cdef enum:
    ALL_REAL = 0
    ALL_COMPLEX = 1
    REAL_PART = 2

# a table's entries below zero: fixed probabilities
FIXED_ZERO = -1
FIXED_ONE = -2


cdef int evaluate(int mode, int form, bfly_int n, bfly_int perms, const real *w, const real *prob, const real *a,
                  double *f, real *gw, real *gprob) noexcept nogil:
    if real is float:
        if mode == ALL_REAL:
            return bfly_sfit(form, n, perms, w, prob, a, n, f, gw, gprob)
        if mode == ALL_COMPLEX:
            return bfly_cfit(form, n, perms, w, prob, a, n, f, gw, gprob)
        return bfly_crfit(form, n, perms, w, prob, a, n, f, gw, gprob)
    else:
        if mode == ALL_REAL:
            return bfly_dfit(form, n, perms, w, prob, a, n, f, gw, gprob)
        if mode == ALL_COMPLEX:
            return bfly_zfit(form, n, perms, w, prob, a, n, f, gw, gprob)
        return bfly_zrfit(form, n, perms, w, prob, a, n, f, gw, gprob)


cdef int call(int mode, bint tied, bfly_int n, bfly_int perms, bfly_int numbers, const real *theta,
              const int64_t *table,
              bfly_int logits, real *prob, real *gprob, const real *a, double *f, real *grad) noexcept nogil:
    """The distance and its gradient at factors and logits; prob and gprob are workspace."""
    cdef bfly_int i
    cdef double p
    cdef int info
    for i in range(perms):
        if table[i] >= 0:
            prob[i] = <real> (1 / (1 + exp(-<double> theta[numbers + table[i]])))
        else:
            prob[i] = -1 - table[i]
    info = evaluate(mode, BFLY_TIED if tied else BFLY_UNTIED, n, perms_of(n, perms), theta, prob, a, f, grad, gprob)
    if info:
        return info
    for i in range(logits):
        grad[numbers + i] = 0
    for i in range(perms):
        if table[i] >= 0:
            p = prob[i]
            grad[numbers + table[i]] += <real> (gprob[i] * p * (1 - p))
    return 0


cdef inline bfly_int perms_of(bfly_int n, bfly_int probabilities) noexcept nogil:
    cdef bfly_int levels = 0
    while n > 2:
        n >>= 1
        levels += 1
    return probabilities // (3 * levels) if levels else 0


@cython.boundscheck(False)
@cython.wraparound(False)
def distance(real[::1] theta, const real[::1] target, bfly_int n, int mode, bint tied, const int64_t[::1] table,
             bfly_int logits, real[::1] grad, int threads=0):
    """``1/2 ||A - B P||_F^2`` at theta = [factors, logits]; the gradient goes to grad.

    theta, grad : factors as real numbers, then ``logits`` logits. target : n * n numbers, complex ones as pairs.
    mode : 0 real, 1 complex, 2 complex factors and real target. table : for each of the (k, log2 n - 1, 3)
    probabilities
    the logit it is the sigmoid of, or -1 for a fixed 0, -2 for a fixed 1. threads : as many at most, 0 for the default.
    """
    cdef bfly_int numbers = theta.shape[0] - logits, perms = table.shape[0]
    cdef double f = 0
    cdef int info, before = 0
    check(n, mode, tied, numbers, target.shape[0], table, logits)
    if grad.shape[0] != theta.shape[0]:
        raise ValueError(f"grad has {grad.shape[0]} numbers, theta {theta.shape[0]}: they must be equal")
    cdef real[::1] space = np.empty(2 * perms + 1, np.asarray(theta).dtype)
    with nogil:
        if threads > 0:
            before = bfly_set_num_threads_local(threads)
        info = call(mode, tied, n, perms, numbers, &theta[0], &table[0] if perms else NULL, logits, &space[0],
                    &space[perms], &target[0], &f, &grad[0])
        if threads > 0:
            bfly_set_num_threads_local(before)
    raise_result("fit", info)
    return f


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.cdivision(True)
def adam(real[::1] theta, real[:, ::1] moments, bfly_int step, const double[::1] rates, double logit_rate,
         const real[::1] target, bfly_int n, int mode, bint tied, const int64_t[::1] table, bfly_int logits,
         double stop,
         const int64_t[::1] cancel, double[::1] history, int threads=0):
    """Adam on `distance`, in place, one step for every learning rate; returns the number of evaluations done.

    moments : (2, len(theta)), first and second; step : how many steps they have behind them. logit_rate : factor of the
    rates for the logits. It ends early when f <= stop, f is not finite, or cancel[0] is not 0. history[i] is f at
    evaluation i; the evaluation that meets stop is not followed by a step.
    """
    cdef bfly_int numbers = theta.shape[0] - logits, perms = table.shape[0], k, steps = rates.shape[0], done = 0
    cdef double f = 0
    cdef int info = 0, before = 0
    check(n, mode, tied, numbers, target.shape[0], table, logits)
    if moments.shape[0] != 2 or moments.shape[1] != theta.shape[0]:
        raise ValueError(f"moments has shape ({moments.shape[0]}, {moments.shape[1]}): (2, {theta.shape[0]}) is needed")
    if history.shape[0] < steps or cancel.shape[0] < 1:
        raise ValueError(f"history has {history.shape[0]} places for {steps} steps; cancel needs one number")
    dtype = np.asarray(theta).dtype
    cdef real[::1] space = np.empty(2 * perms + 1, dtype)
    cdef real[::1] grad = np.empty(theta.shape[0], dtype)
    if steps == 0:
        return 0
    cdef real *x = &theta[0]
    cdef real *g = &grad[0]
    cdef real *m = &moments[0, 0]
    cdef real *v = &moments[1, 0]
    with nogil:
        if threads > 0:
            before = bfly_set_num_threads_local(threads)
        for k in range(steps):
            if cancel[0] != 0:
                break
            info = call(mode, tied, n, perms, numbers, x, &table[0] if perms else NULL, logits, &space[0],
                        &space[perms],
                        &target[0], &f, g)
            if info:
                break
            history[k] = f
            done = k + 1
            if f <= stop or not isfinite(f):
                break
            step += 1
            update(x, g, m, v, numbers, logits, step, rates[k], logit_rate)
        if threads > 0:
            bfly_set_num_threads_local(before)
    raise_result("fit", info)
    return done


@cython.boundscheck(False)
@cython.wraparound(False)
def adam_step(real[::1] theta, real[:, ::1] moments, const real[::1] grad, bfly_int step, double rate,
              double logit_rate=1.0, bfly_int logits=0):
    """One step of Adam in place, the step-th (from 1); the last ``logits`` numbers with the rate times logit_rate."""
    cdef bfly_int count = theta.shape[0]
    if moments.shape[0] != 2 or moments.shape[1] != count or grad.shape[0] != count or not 0 <= logits <= count:
        raise ValueError(f"moments has shape ({moments.shape[0]}, {moments.shape[1]}), grad {grad.shape[0]} numbers: "
                         f"(2, {count}) and {count} are needed")
    if count:
        with nogil:
            update(&theta[0], &grad[0], &moments[0, 0], &moments[1, 0], count - logits, logits, step, rate, logit_rate)


cdef void update(real *x, const real *g, real *m, real *v, bfly_int numbers, bfly_int logits, bfly_int step,
                 double rate, double logit_rate) noexcept nogil:
    """Adam; bias corrections in the rate: m / (1 - b1^t) over sqrt(v / (1 - b2^t)) + eps."""
    cdef double c1 = 1 - 0.9 ** step, c2 = sqrt(1 - 0.999 ** step)
    cdef real b1 = <real> 0.9, b2 = <real> 0.999, tiny = <real> (1e-8 * c2), scale, m1, m2
    cdef bfly_int i
    rate *= c2 / c1
    for i in range(numbers + logits):
        scale = <real> (rate if i < numbers else rate * logit_rate)
        m1 = b1 * m[i] + (1 - b1) * g[i]
        m2 = b2 * v[i] + (1 - b2) * g[i] * g[i]
        m[i] = m1
        v[i] = m2
        x[i] -= scale * m1 / (root(m2) + tiny)


cdef extern from "math.h" nogil:
    float sqrtf(float)


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


@cython.boundscheck(False)
@cython.wraparound(False)
cdef check(bfly_int n, int mode, bint tied, bfly_int numbers, bfly_int entries, const int64_t[::1] table,
           bfly_int logits):
    """Sizes that C takes on trust."""
    cdef bfly_int levels = 0, i, m = n
    if n < 2 or n & (n - 1):
        raise ValueError(f"n = {n}: a power of two of at least 2 is needed")
    while m > 1:
        m >>= 1
        levels += 1
    if mode not in (ALL_REAL, ALL_COMPLEX, REAL_PART):
        raise ValueError(f"mode = {mode}: 0, 1 or 2")
    blocks = n - 1 if tied else levels * (n // 2)
    if numbers != 4 * blocks * (2 if mode else 1):
        raise ValueError(f"{numbers} numbers of factors: {4 * blocks * (2 if mode else 1)} are needed")
    if entries != n * n * (2 if mode == ALL_COMPLEX else 1):
        raise ValueError(f"{entries} numbers of target for n = {n} and mode {mode}")
    if table.shape[0] and (levels < 2 or table.shape[0] % (3 * (levels - 1))):
        raise ValueError(f"a table of {table.shape[0]} probabilities: "
                         f"whole permutations of {3 * (levels - 1)} are needed")
    for i in range(table.shape[0]):
        if table[i] < -2 or table[i] >= logits:
            raise ValueError(f"table[{i}] = {table[i]}: a logit below {logits}, -1 or -2 is needed")
