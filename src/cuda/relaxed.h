/* relaxed.h - relaxed permutations and their gradients. A level with blocks of m, a, b, c its probabilities:
 *
 *     z = (1 - a) x + a P_a x,     y = (1 - p) z + p reverse(z)     in each half; p is b in the first, c in the second
 *
 * P_a gathers the even entries, then the odd ones. Both halves are reversed by the one map i -> i xor (m/2 - 1), so a
 * level is one pass over the vector with four gathers. A block of 256 threads takes a vector through all levels, in
 * shared memory where it fits, otherwise in workspace of its own. The gradient keeps the input of every level; sums for
 * the probabilities stay with each thread until the end and are added in a fixed order.
 */
#ifndef BFLY_CUDA_RELAXED_H
#define BFLY_CUDA_RELAXED_H

#include "device.h"

namespace bfly_cuda {

constexpr int kRelaxedThreads = 256;

struct RelaxedArgs {
    int logn, transposed;
    const void *prob; /* (logn - 1, 3); row l: blocks of 2^(l+2) */
    Vectors x, gy, y; /* y: the output, gx of the gradient, which may be NULL */
    bfly_int count;
    void *work;       /* of each block of the grid, when shared memory is too small: [block][vectors][n] */
    int vectors;
    double *parts;    /* gradient: [block][3 (logn - 1)] */
};

struct ProbArgs {
    int numbers, blocks, accumulate;
    const double *parts;
    void *gprob;
};

/* p v + (1 - p) u; at 0 and 1 copies, exactly */
template <class E> BFLY_DEV E mix(real_t<E> p, E u, E v) { return p == 0 ? u : p == 1 ? v : mixed(p, v, 1 - p, u); }

template <class E> struct Level {
    bfly_int m;
    real_t<E> a, b, c;
    BFLY_DEV Level(const void *prob, int level)
    {
        const real_t<E> *p = (const real_t<E> *)prob + 3 * level;
        m = (bfly_int)4 << level;
        a = p[0];
        b = p[1];
        c = p[2];
    }
    BFLY_DEV real_t<E> half(bfly_int i) const { return i & (m >> 1) ? c : b; }
    /* entry i of z = (1 - a) x + a P_a x, of its transpose, and of the reversals */
    BFLY_DEV E gathered(const E *x, bfly_int i) const { return mix(a, get(x + i), get(x + even_odd(i, m))); }
    BFLY_DEV E reversed(const E *x, bfly_int i) const { return mix(half(i), get(x + i), get(x + half_reversed(i, m))); }
    BFLY_DEV E apply(const E *x, bfly_int i) const
    {
        return mix(half(i), gathered(x, i), gathered(x, half_reversed(i, m)));
    }
    BFLY_DEV E apply_transposed(const E *x, bfly_int i) const
    {
        return mix(a, reversed(x, i), reversed(x, even_odd_inverse(i, m)));
    }
};

template <class E> BFLY_DEV void read_vector(E *to, const Vectors &x, bfly_int k, bfly_int n)
{
    const E *p = (const E *)x.p + k * x.dist;
    for (bfly_int i = threadIdx.x; i < n; i += kRelaxedThreads) put(to + i, p[i * x.inc]);
}
template <class E> BFLY_DEV void write_vector(const E *from, const Vectors &y, bfly_int k, bfly_int n)
{
    E *p = (E *)y.p + k * y.dist;
    for (bfly_int i = threadIdx.x; i < n; i += kRelaxedThreads) p[i * y.inc] = get(from + i);
}

template <class E> __global__ void __launch_bounds__(kRelaxedThreads) relaxed(const __grid_constant__ RelaxedArgs A)
{
    const bfly_int n = (bfly_int)1 << A.logn;
    E *now = A.work ? (E *)A.work + (bfly_int)blockIdx.x * 2 * n : (E *)shared_pointer(), *next = now + n;
    for (bfly_int k = blockIdx.x; k < A.count; k += gridDim.x) {
        read_vector(now, A.x, k, n);
        __syncthreads();
        for (int step = 0; step < A.logn - 1; step++) {
            const Level<E> level(A.prob, A.transposed ? step : A.logn - 2 - step);
            for (bfly_int i = threadIdx.x; i < n; i += kRelaxedThreads)
                put(next + i, A.transposed ? level.apply_transposed(now, i) : level.apply(now, i));
            __syncthreads();
            E *const swap = now;
            now = next;
            next = swap;
        }
        write_vector((const E *)now, A.y, k, n);
        __syncthreads();
    }
}

/* The transpose has the same gradient with x and gy exchanged; its gx is then the output. vectors: logn + 2 */
template <class E> __global__ void __launch_bounds__(kRelaxedThreads) relaxed_grad(const __grid_constant__ RelaxedArgs A)
{
    using T = real_t<E>;
    const bfly_int n = (bfly_int)1 << A.logn;
    const int levels = A.logn - 1, t = (int)threadIdx.x;
    T *sums = (T *)shared_pointer(); /* [level][3][thread] */
    E *const inputs = A.work ? (E *)A.work + (bfly_int)blockIdx.x * A.vectors * n : (E *)(sums + 3 * levels * kRelaxedThreads);
    for (int q = 0; q < 3 * levels; q++) put(sums + q * kRelaxedThreads + t, (T)0);
    for (bfly_int k = blockIdx.x; k < A.count; k += gridDim.x) {
        E *g = inputs + (levels + 1) * n, *next = g + n; /* inputs: of the levels, and the output */
        read_vector(inputs, A.transposed ? A.gy : A.x, k, n);
        read_vector(g, A.transposed ? A.x : A.gy, k, n);
        __syncthreads();
        for (int step = 0; step < levels; step++) {
            const Level<E> level(A.prob, levels - 1 - step);
            const E *x = inputs + step * n;
            for (bfly_int i = t; i < n; i += kRelaxedThreads) put(inputs + (step + 1) * n + i, level.apply(x, i));
            __syncthreads();
        }
        if (A.transposed && A.y.p) write_vector((const E *)(inputs + levels * n), A.y, k, n);
        for (int step = levels - 1; step >= 0; step--) {
            const Level<E> level(A.prob, levels - 1 - step);
            const E *x = inputs + step * n;
            T sum[3] = {0, 0, 0};
            for (bfly_int i = t; i < n; i += kRelaxedThreads) {
                const E z = level.gathered(x, i), other = level.gathered(x, half_reversed(i, level.m));
                const T at_half = dot(get(g + i), minus(other, z));
                const T at_all = dot(level.reversed(g, i), minus(get(x + even_odd(i, level.m)), get(x + i)));
                sum[0] += at_all;
                if (i & (level.m >> 1))
                    sum[2] += at_half;
                else
                    sum[1] += at_half;
                put(next + i, level.apply_transposed(g, i));
            }
            for (int q = 0; q < 3; q++) {
                T *mine = sums + (3 * (levels - 1 - step) + q) * kRelaxedThreads + t;
                put(mine, get(mine) + sum[q]);
            }
            __syncthreads();
            E *const swap = g;
            g = next;
            next = swap;
        }
        if (!A.transposed && A.y.p) write_vector((const E *)g, A.y, k, n);
        __syncthreads();
    }
    __syncthreads();
    for (int q = t; q < 3 * levels; q += kRelaxedThreads) {
        double sum = 0;
        for (int i = 0; i < kRelaxedThreads; i++) sum += (double)get(sums + q * kRelaxedThreads + (i + q) % kRelaxedThreads);
        A.parts[(bfly_int)blockIdx.x * 3 * levels + q] = sum;
    }
}

template <class T> __global__ void __launch_bounds__(256) add_probs(const __grid_constant__ ProbArgs A)
{
    const int q = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (q >= A.numbers) return;
    T *to = (T *)A.gprob + q;
    double sum = A.accumulate ? (double)*to : 0;
    for (int k = 0; k < A.blocks; k++) sum += A.parts[(bfly_int)k * A.numbers + q];
    *to = (T)sum;
}

} // namespace bfly_cuda

#endif
