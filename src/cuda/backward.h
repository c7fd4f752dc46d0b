/* backward.h - gradients of y = op(B) x, one pass of up to 2 STEPS stages. At a pair with input x and gradient g:
 *
 *     D += g x^H,     g := T^H g          (T the block as op uses it; D becomes the gradient of the stored one below)
 *
 * A block of 256 threads takes R tiles at a time, 4 numbers a thread and tile, and two stages between exchanges through
 * shared memory (layouts (p) of maps.h). It goes forward to find the input of every step, which stays in the exchange
 * buffer until g takes its place, and back. D stays in registers over all vectors of the block and is then written once, with plain stores, to
 * workspace; two small kernels add the blocks' parts and the parts of one stored block in a fixed order. So there is
 * no atomic operation, and the bits are the same every time.
 */
#ifndef BFLY_CUDA_BACKWARD_H
#define BFLY_CUDA_BACKWARD_H

#include "device.h"

namespace bfly_cuda {

struct BackwardArgs {
    Pass pass;
    Factors F;
    int up;             /* strides ascend */
    Vectors x, gy, gx;  /* gx.p NULL: not wanted */
    Strides sx, sgy, sgx;
    bfly_int count;
    int items;          /* an item: R tiles of vectors */
    void *parts;        /* [tile][block of the grid][slot][pair][thread] blocks */
};

template <class E, int R> unsigned backward_bytes(int steps)
{
    return (steps + 1) * R * kTile * (unsigned)sizeof(E) +
           (sizeof(E) == 4 ? 0 : steps * 4u * kBackThreads * (unsigned)sizeof(Block<E>));
}

/* Sums of parts, and gradients of the stored factors. */
struct ReduceArgs {
    Pass pass;
    Factors F;
    int up, steps, blocks; /* blocks of the grid a tile */
    void *parts;           /* the sums replace those of each tile's block 0 */
    void *gw;
    int accumulate, lanes_log; /* 2^lanes_log lanes share a sum */
};

constexpr int kSlotBlocks = 2 * kBackThreads; /* blocks of factors a slot and tile */

/* Factors: kept in registers when they are one float each, otherwise in shared memory, each thread its own. */
template <class E> constexpr bool factors_in_registers = sizeof(E) == 4;
template <class E> constexpr unsigned back_plane = unit_bytes<E> * kBackThreads;

/* place of number (0, r) of a layout relative to that of (0, 0): the rule is linear over exclusive or */
template <class E> BFLY_DEV unsigned back_offset(int p, int up, int r)
{
    return (unsigned)sizeof(E) * back_place<sizeof(E)>(back_number(p, up, 0, r));
}
template <class E> BFLY_DEV unsigned back_address(int p, int t)
{
    return (unsigned)sizeof(E) * back_place<sizeof(E)>(back_number(p, 1, t, 0));
}

template <class E, int R> BFLY_DEV void to_buffer(const E (&v)[R][4], unsigned buffer, int p, int up, int t)
{
    const unsigned at = back_address<E>(p, t);
#pragma unroll
    for (int q = 0; q < 4; q++) {
        const unsigned place = buffer + (at ^ back_offset<E>(p, up, q));
#pragma unroll
        for (int r = 0; r < R; r++) store_number(place + r * (unsigned)(kTile * sizeof(E)), v[r][q]);
    }
}
template <class E, int R> BFLY_DEV void from_buffer(E (&v)[R][4], unsigned buffer, int p, int up, int t)
{
    const unsigned at = back_address<E>(p, t);
#pragma unroll
    for (int q = 0; q < 4; q++) {
        const unsigned place = buffer + (at ^ back_offset<E>(p, up, q));
#pragma unroll
        for (int r = 0; r < R; r++) load_number(place + r * (unsigned)(kTile * sizeof(E)), v[r][q]);
    }
}

/* R tiles in the memory layout: registers hold bits 8 and 9 of e */
template <class E, int R>
BFLY_DEV void from_memory(E (&v)[R][4], const BackwardArgs &A, const Vectors &x, const Strides &S, bfly_int base, bfly_int first, int t)
{
    const int bits = tile_bits(A.pass), in_tile = vectors_in_tile(A.pass);
    const E *p = (const E *)x.p + base * x.inc + offset_of(S, t, 0, 8);
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int q = 0; q < 4; q++) {
            const bfly_int vector = first + r * in_tile;
            set(v[r][q], 0, 0);
            if (vector + ((256 * q + t) >> bits) < A.count) v[r][q] = p[vector * x.dist + offset_of(S, 256 * q, 8, kTileBits)];
        }
}
template <class E, int R>
BFLY_DEV void to_memory(const E (&v)[R][4], const BackwardArgs &A, const Vectors &x, const Strides &S, bfly_int base, bfly_int first, int t)
{
    const int bits = tile_bits(A.pass), in_tile = vectors_in_tile(A.pass);
    E *p = (E *)x.p + base * x.inc + offset_of(S, t, 0, 8);
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int q = 0; q < 4; q++) {
            const bfly_int vector = first + r * in_tile;
            if (vector + ((256 * q + t) >> bits) < A.count) p[vector * x.dist + offset_of(S, 256 * q, 8, kTileBits)] = v[r][q];
        }
}

/* the factors of a thread, [step][slot][pair] */
template <class E, int STEPS, bool REGISTERS> struct Held;
template <class E, int STEPS> struct Held<E, STEPS, true> {
    Block<E> f[STEPS][2][2];
    BFLY_DEV void start(unsigned, int) {}
    BFLY_DEV void put(int step, int slot, int j, const Block<E> &v) { f[step][slot][j] = v; }
    BFLY_DEV Block<E> get(int step, int slot, int j) const { return f[step][slot][j]; }
};
template <class E, int STEPS> struct Held<E, STEPS, false> {
    unsigned mine;
    BFLY_DEV void start(unsigned table, int t) { mine = table + unit_bytes<E> * t; }
    BFLY_DEV unsigned place(int step, int slot, int j) const
    {
        return mine + ((step * 2 + slot) * 2 + j) * (planes_of<E> * back_plane<E>);
    }
    BFLY_DEV void put(int step, int slot, int j, const Block<E> &v) { store_block(place(step, slot, j), back_plane<E>, v); }
    BFLY_DEV Block<E> get(int step, int slot, int j) const { return load_block<E>(place(step, slot, j), back_plane<E>); }
};

/* D += g x^H */
template <class E> BFLY_DEV void add_outer(Block<E> &D, E g0, E g1, E x0, E x1)
{
    D.a = plus_conj_product(D.a, x0, g0);
    D.b = plus_conj_product(D.b, x1, g0);
    D.c = plus_conj_product(D.c, x0, g1);
    D.d = plus_conj_product(D.d, x1, g1);
}

template <class E, int STEPS, int R> __global__ void __launch_bounds__(kBackThreads, 1) backward(const __grid_constant__ BackwardArgs A)
{
    const Pass P = A.pass;
    const int t = (int)threadIdx.x, up = A.up, in_tile = vectors_in_tile(P), last = (P.g - 1) / 2;
    const bfly_int base = tile_base(P, tile_index());
    constexpr unsigned buffer_bytes = R * kTile * sizeof(E);
    const unsigned inputs = shared_base(), gradient = inputs + (last + 1) * buffer_bytes;
    const unsigned table = gradient + buffer_bytes;

    Held<E, STEPS, factors_in_registers<E>> held;
    Block<E> D[STEPS][2][2];
    held.start(table, t);
#pragma unroll
    for (int step = 0; step < STEPS; step++)
#pragma unroll
        for (int slot = 0; slot < 2; slot++)
#pragma unroll
            for (int j = 0; j < 2; j++) {
                Block<E> f;
                set(D[step][slot][j].a, 0, 0);
                set(D[step][slot][j].b, 0, 0);
                set(D[step][slot][j].c, 0, 0);
                set(D[step][slot][j].d, 0, 0);
                set(f.a, 1, 0); /* a slot that is not in use does nothing */
                set(f.b, 0, 0);
                set(f.c, 0, 0);
                set(f.d, 1, 0);
                if (step <= last) {
                    if (slot_in_use(P, up, step, slot)) {
                        const int e = back_number(layout_of_step(P, up, step), up, t, back_first(slot, j));
                        const int ls = position_bit(P, bit_of_slot(P, up, step, slot));
                        f = read_block<E>(A.F, block_at(P, A.F, position_of(P, base, e), ls));
                    }
                    held.put(step, slot, j, f);
                }
            }

    for (int item = (int)blockIdx.x; item < A.items; item += (int)gridDim.x) {
        const bfly_int first = (bfly_int)item * (R * in_tile);
        E v[R][4], g[R][4];
        from_memory(v, A, A.x, A.sx, base, first, t);
        to_buffer(v, inputs, kMemoryLayout, 1, t);
        from_memory(g, A, A.gy, A.sgy, base, first, t);
        __syncthreads();
#pragma unroll
        for (int step = 0; step < STEPS; step++)
            if (step < last) {
                const int p = layout_of_step(P, up, step);
                from_buffer(v, inputs + step * buffer_bytes, p, up, t);
#pragma unroll
                for (int slot = 0; slot < 2; slot++)
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        const Block<E> f = held.get(step, slot, j);
#pragma unroll
                        for (int r = 0; r < R; r++) apply(f, v[r][back_first(slot, j)], v[r][back_second(slot, j)]);
                    }
                to_buffer(v, inputs + (step + 1) * buffer_bytes, p, up, t);
                __syncthreads();
            }
        /* g is in the memory layout */
        to_buffer(g, gradient, kMemoryLayout, 1, t);
        __syncthreads();
#pragma unroll
        for (int step = STEPS - 1; step >= 0; step--)
            if (step <= last) {
                const int p = layout_of_step(P, up, step);
                from_buffer(g, step == last ? gradient : inputs + (step + 1) * buffer_bytes, p, up, t);
                from_buffer(v, inputs + step * buffer_bytes, p, up, t);
                E m[R][4]; /* between the two slots */
#pragma unroll
                for (int r = 0; r < R; r++)
#pragma unroll
                    for (int q = 0; q < 4; q++) m[r][q] = v[r][q];
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    const Block<E> f = held.get(step, 0, j);
#pragma unroll
                    for (int r = 0; r < R; r++) apply(f, m[r][back_first(0, j)], m[r][back_second(0, j)]);
                }
#pragma unroll
                for (int slot = 1; slot >= 0; slot--)
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        const int i0 = back_first(slot, j), i1 = back_second(slot, j);
                        const Block<E> f = held.get(step, slot, j);
#pragma unroll
                        for (int r = 0; r < R; r++) {
                            if (slot)
                                add_outer(D[step][slot][j], g[r][i0], g[r][i1], m[r][i0], m[r][i1]);
                            else
                                add_outer(D[step][slot][j], g[r][i0], g[r][i1], v[r][i0], v[r][i1]);
                            apply_adjoint(f, g[r][i0], g[r][i1]);
                        }
                    }
                to_buffer(g, inputs + step * buffer_bytes, p, up, t); /* where this thread found v */
                __syncthreads();
            }
        if (A.gx.p) {
            from_buffer(g, inputs, kMemoryLayout, 1, t);
            to_memory(g, A, A.gx, A.sgx, base, first, t);
        }
        /* No barrier here: the next item writes inputs in the layout of memory, each thread where it has just read. */
    }

    Block<E> *out = (Block<E> *)A.parts + (tile_index() * gridDim.x + blockIdx.x) * (2 * (last + 1)) * kSlotBlocks + t;
#pragma unroll
    for (int step = 0; step < STEPS; step++)
        if (step <= last)
#pragma unroll
            for (int slot = 0; slot < 2; slot++)
#pragma unroll
                for (int j = 0; j < 2; j++) out[((step * 2 + slot) * 2 + j) * kBackThreads] = D[step][slot][j];
}

/* The parts of a tile's grid blocks, added in order, replace those of block 0. One thread a number. */
template <class E> __global__ void __launch_bounds__(256) add_parts(const __grid_constant__ ReduceArgs A)
{
    using T = real_t<E>;
    const bfly_int each = (bfly_int)2 * A.steps * kSlotBlocks * (sizeof(Block<E>) / sizeof(T));
    const bfly_int i = (bfly_int)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= each) return;
    T *part = (T *)A.parts + tile_index() * A.blocks * each + i;
    double sum = 0;
    for (int k = 0; k < A.blocks; k++) sum += (double)part[k * each];
    *part = (T)sum;
}

/* gw := or += the gradient of each stored block: the sum over the pairs of a tile and the vectors in it that use it.
 * 2^lanes_log lanes share a block, add every so-manieth member, then each other's sums, in a fixed order. */
template <class E> __global__ void __launch_bounds__(256) add_members(const __grid_constant__ ReduceArgs A)
{
    using T = real_t<E>;
    const Pass P = A.pass;
    const bfly_int half = (bfly_int)1 << (P.logn - 1), n = 2 * half;
    const bfly_int group = ((bfly_int)blockIdx.x * blockDim.x + threadIdx.x) >> A.lanes_log;
    const int lanes = 1 << A.lanes_log, lane = (int)threadIdx.x & (lanes - 1);
    /* the pass's blocks, stage by stage; tied stages have 1, 2, 4, ... */
    const bfly_int first_tied = ((bfly_int)1 << P.lo) - 1;
    const bfly_int all = A.F.tied ? ((bfly_int)1 << (P.lo + P.g)) - 1 - first_tied : P.g * half;
    const bool live = group < all;
    double sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    bfly_int block = 0;
    if (live) {
        int b;         /* bit of e of the stage */
        bfly_int pair; /* the first pair that uses the block; the others follow at distance s when tied */
        if (A.F.tied) {
            int ls = P.lo;
            while (group + first_tied >= ((bfly_int)2 << ls) - 1) ls++;
            b = ls - P.lo + P.c;
            pair = group + first_tied - (((bfly_int)1 << ls) - 1);
        } else {
            b = P.c + (int)(group / half);
            pair = group % half;
        }
        const int ls = position_bit(P, b), k = A.up ? b - P.c : P.c + P.g - 1 - b;
        const int step = k / 2, p = layout_of_step(P, A.up, step), slot = bit_of_slot(P, A.up, step, 0) == b ? 0 : 1;
        block = bfly_block_of(pair, ls, P.logn, A.F.tied, A.F.increasing);
        const int vectors_log = kTileBits - tile_bits(P);
        const bfly_int members = (A.F.tied ? n >> (ls + 1) : 1) << vectors_log;
        for (bfly_int m = lane; m < members; m += lanes) {
            const bfly_int pos = bfly_first_of(pair + ((m >> vectors_log) << ls), ls);
            const int e = number_of(P, pos) | (int)(m & ((1 << vectors_log) - 1)) << tile_bits(P);
            /* the pair's j is the other register bit of its first number */
            const int other = p + (p == b ? 1 : 0), j = e >> other & 1;
            const bfly_int place = ((tile_of(P, pos) * A.blocks * A.steps * 2 + step * 2 + slot) * 2 + j) * kBackThreads + back_thread(p, e);
            const Block<E> D = ((const Block<E> *)A.parts)[place];
            const T *d = (const T *)&D;
            for (int q = 0; q < (int)(sizeof D / sizeof(T)); q++) sum[q] += (double)d[q];
        }
    }
    for (int q = 0; q < 8; q++)
        for (int apart = lanes >> 1; apart > 0; apart >>= 1) sum[q] += __shfl_xor_sync(~0u, sum[q], apart);
    if (!live || lane) return;
    constexpr int m = is_cx<E> ? 2 : 1;
    for (int q = 0; q < 4; q++) {
        /* T = op(block): D is the gradient of T */
        const int from = A.F.transposed ? (q == 1 ? 2 : q == 2 ? 1 : q) : q;
        const double re = sum[from * m], im = m == 2 ? (A.F.conjugated ? -sum[from * m + 1] : sum[from * m + 1]) : 0;
        if (m == 2 && A.F.is_real) {
            T *to = (T *)A.gw + 4 * block + q;
            *to = (T)((A.accumulate ? (double)*to : 0) + re);
        } else {
            T *to = (T *)A.gw + (4 * block + q) * m;
            to[0] = (T)((A.accumulate ? (double)to[0] : 0) + re);
            if (m == 2) to[m - 1] = (T)((A.accumulate ? (double)to[m - 1] : 0) + im);
        }
    }
}

} // namespace bfly_cuda

#endif
