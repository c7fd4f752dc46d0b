/* forward.h - y := alpha op(B) x + beta y, one pass: up to ten stages on tiles held in registers.
 *
 * A block keeps the pass's factors in shared memory for its whole life. A warp takes R tiles at a time (see maps.h):
 *
 *     UP      load (layout B) -> A, bits 0 .. 4 -> B, bits 5 .. 9 -> store          strides ascend
 *     not UP  load (layout B), bits 9 .. 5 -> A, bits 4 .. 0 -> B -> store          strides descend
 *
 * -> is an exchange through 4 KB of shared memory that belongs to the warp alone: no barrier of the block. Each factor
 * is loaded once for R tiles: with R < 3 these loads, not memory, would decide the time. op and the tied form are only
 * other ways to fill the table. HAD: all blocks are [[1, 1], [1, -1]], and there is no table. HALVES 2: vectors of two
 * tiles, one after the other in v, with a table each; the stage between them is a third, in layout B.
 */
#ifndef BFLY_CUDA_FORWARD_H
#define BFLY_CUDA_FORWARD_H

#include "device.h"
#include "dispatch.h"

namespace bfly_cuda {

struct ForwardArgs {
    Pass pass;
    Factors F;
    Vectors x, y; /* x.p NULL: zeros */
    Strides sx, sy;
    bfly_int count;
    int items; /* an item: R tiles of vectors */
    double alpha[2], beta[2];
    int plain;    /* alpha is 1, beta is 0 */
    int ordering; /* of the rows of a Hadamard matrix: 0 natural, 1 Paley, 2 sequency */
};

/* bits of a tile that the table covers: complex double has room for nine */
template <class E> constexpr int table_bits = sizeof(E) == 16 ? 9 : 10;
template <class E> constexpr unsigned plane_bytes = unit_bytes<E> << (table_bits<E> - 1);
template <class E> constexpr unsigned stage_bytes = plane_bytes<E> *planes_of<E>;
template <class E> constexpr int max_warps = is_cx<E> ? (sizeof(E) == 16 ? BFLY_WARPS_Z : BFLY_WARPS_C)
                                                     : (sizeof(E) == 8 ? BFLY_WARPS_D : BFLY_WARPS_S);
template <class E, int HALVES> constexpr int warps_of = HALVES == 2 ? BFLY_WARPS_WIDE : max_warps<E>;
constexpr unsigned kExchangeBytes = 4 * 33 * 32;
/* tables of one half */
template <class E> constexpr unsigned half_bytes = table_bits<E> *stage_bytes<E>;
/* the stage between two halves has a pair for each number of a tile */
template <class E> constexpr unsigned wide_table_bytes = 2 * half_bytes<E> + 2 * stage_bytes<E>;

template <class E> BFLY_DEV void fill_middle(const ForwardArgs &A, unsigned table)
{
    for (int i = (int)threadIdx.x; i < kTile; i += (int)blockDim.x)
        store_block(table + unit_bytes<E> * i, 2 * plane_bytes<E>, read_block<E>(A.F, block_at(A.pass, A.F, i, kTileBits)));
}

template <class E> BFLY_DEV void fill_table(const ForwardArgs &A, bfly_int base, unsigned table)
{
    constexpr int bits = table_bits<E>, half = 1 << (bits - 1);
    const Pass P = A.pass;
    for (int i = (int)threadIdx.x; i < P.g * half; i += (int)blockDim.x) {
        const int b = P.c + i / half, pair = i % half, e = (int)bfly_first_of(pair, b);
        const bfly_int pos = position_of(P, base, e);
        const Block<E> f = read_block<E>(A.F, block_at(P, A.F, pos, position_bit(P, b)));
        store_block(table + (b - P.c) * stage_bytes<E> + unit_bytes<E> * table_place(pair, b, bits), plane_bytes<E>, f);
    }
}

/* Layout B to A, or back: number (hi, lo) passes through place hi * 33 + lo. Both ways every address is a constant
 * away from one of the lane's own; exclusive or instead of the odd row length would cost 32 registers. */
template <class E, int R, bool TO_A> BFLY_DEV void exchange(E (&v)[R][32], unsigned buffer, int lane)
{
    const unsigned at_b = buffer + 4 * lane, at_a = buffer + 4 * 33 * lane;
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int w = 0; w < words_of<E>; w++) {
#pragma unroll
            for (int k = 0; k < 32; k++) store_word(TO_A ? at_b + 4 * 33 * k : at_a + 4 * k, get_word(v[r][k], w));
            __syncwarp();
#pragma unroll
            for (int k = 0; k < 32; k++) set_word(v[r][k], w, load_word(TO_A ? at_a + 4 * k : at_b + 4 * 33 * k));
            __syncwarp();
        }
}

/* the stages of five bits of e, which are the bits of the register number; first: the lowest of these bits */
template <class E, int R, bool UP, bool HAD, int HALVES> BFLY_DEV void stages(E (&v)[R][32], const Pass &P, unsigned table, int first)
{
#pragma unroll
    for (int q = 0; q < 5; q++) {
        const int k = UP ? q : 4 - q, b = first + k;
        if (b >= P.c && b < P.c + P.g) {
            const unsigned stage = table + (b - P.c) * stage_bytes<E>;
#pragma unroll
            for (int j = 0; j < 16; j++) {
                const int i0 = insert_zero(j, k), i1 = i0 | 1 << k;
                if (HAD) {
#pragma unroll
                    for (int r = 0; r < R; r++) {
                        const E u = v[r][i0], w = v[r][i1];
                        v[r][i0] = plus(u, w);
                        v[r][i1] = minus(u, w);
                    }
                } else {
                    constexpr int bits = table_bits<E>;
                    const int place = first ? (j & ((1 << (bits - 6)) - 1)) * 32 : j << (bits - 5);
#pragma unroll
                    for (int half = 0; half < HALVES; half++) {
                        const Block<E> f = load_block<E>(stage + half * half_bytes<E> + unit_bytes<E> * place, plane_bytes<E>);
#pragma unroll
                        for (int r = half; r < R; r += HALVES) apply(f, v[r][i0], v[r][i1]);
                    }
                }
            }
        }
    }
}

/* the stage between the halves */
template <class E, int R> BFLY_DEV void middle(E (&v)[R][32], unsigned table)
{
#pragma unroll
    for (int k = 0; k < 32; k++) {
        const Block<E> f = load_block<E>(table + unit_bytes<E> * 32 * k, 2 * plane_bytes<E>);
#pragma unroll
        for (int r = 0; r < R; r += 2) apply(f, v[r][k], v[r + 1][k]);
    }
}

template <class E> BFLY_DEV E scale(const ForwardArgs &A, E v, const E *old)
{
    if (A.plain) return v;
    E alpha, beta;
    set(alpha, A.alpha[0], A.alpha[1]);
    set(beta, A.beta[0], A.beta[1]);
    v = A.alpha[1] == 0 ? scaled((real_t<E>)A.alpha[0], v) : times(alpha, v);
    if (A.beta[0] == 0 && A.beta[1] == 0) return v;
    return A.beta[1] == 0 ? plus(v, scaled((real_t<E>)A.beta[0], *old)) : plus_product(v, beta, *old);
}

/* the k-th of 32 offsets, visited in Gray code order: one addition a step, no register for an address that waits */
#define BFLY_GRAY_WALK(S, p, k, ...)                                       \
    {                                                                      \
        auto *p_ = p;                                                      \
        _Pragma("unroll") for (int i_ = 0; i_ < 32; i_++)                  \
        {                                                                  \
            const int k = i_ ^ i_ >> 1;                                    \
            if (i_ > 0) {                                                  \
                const int low_ = i_ & -i_, bit_ = low_ == 1 ? 5 : low_ == 2 ? 6 : low_ == 4 ? 7 : low_ == 8 ? 8 : 9; \
                p_ += k & low_ ? (S).bit[bit_] : -(S).bit[bit_];           \
            }                                                              \
            __VA_ARGS__;                                                   \
        }                                                                  \
    }

/* One tile by way of the warp's buffer, for whatever the direct ways do not take: a tile beyond the last vector,
 * alpha and beta, orderings. Loops that are not unrolled keep its many addresses out of the registers. */
template <class E> BFLY_DEV void load_slowly(E (&v)[32], const ForwardArgs &A, const E *x, bfly_int vector, int lane, unsigned buffer)
{
    constexpr int W = words_of<E>, rows = 32 / W;
#pragma unroll
    for (int part = 0; part < W; part++) {
#pragma unroll 1
        for (int k = 0; k < rows; k++) {
            const int e = 32 * (k + part * rows) + lane;
            E u;
            set(u, 0, 0);
            if (vector + (e >> tile_bits(A.pass)) < A.count && A.x.p) u = x[offset_of(A.sx, e, 5, kTileBits)];
#pragma unroll
            for (int w = 0; w < W; w++) store_word(buffer + 4 * ((w * rows + k) * 32 + lane), get_word(u, w));
        }
        /* every lane reads what it wrote itself */
#pragma unroll
        for (int k = 0; k < rows; k++)
#pragma unroll
            for (int w = 0; w < W; w++)
                set_word(v[k + part * rows], w, load_word(buffer + 4 * ((w * rows + k) * 32 + lane)));
    }
    __syncwarp(); /* other lanes will write there */
}

template <class E, bool HAD> BFLY_DEV void store_slowly(const E (&v)[32], const ForwardArgs &A, E *y, bfly_int base, bfly_int vector, int lane, unsigned buffer)
{
    constexpr int W = words_of<E>, rows = 32 / W;
    const Pass P = A.pass;
#pragma unroll
    for (int part = 0; part < W; part++) {
#pragma unroll
        for (int k = 0; k < rows; k++)
#pragma unroll
            for (int w = 0; w < W; w++)
                store_word(buffer + 4 * ((w * rows + k) * 32 + lane), get_word(v[k + part * rows], w));
#pragma unroll 1
        for (int k = 0; k < rows; k++) {
            const int e = 32 * (k + part * rows) + lane;
            E u, *to = y + offset_of(A.sy, e, 5, kTileBits);
#pragma unroll
            for (int w = 0; w < W; w++) set_word(u, w, load_word(buffer + 4 * ((w * rows + k) * 32 + lane)));
            const bfly_int mine = vector + (e >> tile_bits(P));
            if (HAD && A.ordering)
                to = (E *)A.y.p + mine * A.y.dist + hadamard_place(position_of(P, base, e), P.logn, A.ordering == 2) * A.y.inc;
            if (mine < A.count) *to = scale(A, u, to);
        }
    }
    __syncwarp();
}

template <class E, int R, bool UP, bool HAD, int HALVES>
__global__ void __launch_bounds__(32 * warps_of<E, HALVES>, 1) forward(const __grid_constant__ ForwardArgs A)
{
    const Pass P = A.pass;
    const int lane = (int)threadIdx.x & 31, warps = (int)blockDim.x >> 5;
    const int warp = __shfl_sync(~0u, (int)threadIdx.x >> 5, 0); /* the compiler learns that it is uniform */
    const bfly_int base = tile_base(P, tile_index());
    const int in_tile = vectors_in_tile(P);
    const unsigned shared = shared_base(), table = shared + warps * kExchangeBytes, buffer = shared + warp * kExchangeBytes;
    if (!HAD) {
        for (int half = 0; half < HALVES; half++) fill_table<E>(A, base + half * kTile, table + half * half_bytes<E>);
        if (HALVES == 2) fill_middle<E>(A, table + 2 * half_bytes<E>);
        __syncthreads();
    }
    const unsigned my_low = table + unit_bytes<E> * (lane & ((1 << (table_bits<E> - 5)) - 1)), my_high = table + unit_bytes<E> * lane;
    const bool direct_x = A.x.p != nullptr, direct_y = A.plain && !(HAD && A.ordering);

    for (int item = (int)blockIdx.x * warps + warp; item < A.items; item += (int)gridDim.x * warps) {
        const bfly_int first = (bfly_int)item * (R / HALVES * in_tile);
        E v[R][32];
#pragma unroll
        for (int r = 0; r < R; r++) {
            const bfly_int vector = first + r / HALVES * in_tile, start = base + r % HALVES * kTile;
            const E *x = (const E *)A.x.p + (start * A.x.inc + vector * A.x.dist + offset_of(A.sx, hidden(lane), 0, 5));
            if (!direct_x || vector + in_tile > A.count)
                load_slowly(v[r], A, x, vector, lane, buffer);
            else if (A.sx.dense) {
#pragma unroll
                for (int k = 0; k < 32; k++) v[r][k] = read_number(x + 32 * k);
            } else
                BFLY_GRAY_WALK(A.sx, x, k, v[r][k] = read_number(p_))
        }
        if (!UP) {
            if (HALVES == 2) middle(v, my_high + 2 * half_bytes<E>);
            stages<E, R, UP, HAD, HALVES>(v, P, my_high, 5);
        }
        if (P.c < 5 && P.g > 0) {
            exchange<E, R, true>(v, buffer, lane);
            stages<E, R, UP, HAD, HALVES>(v, P, my_low, 0);
            exchange<E, R, false>(v, buffer, lane);
        }
        if (UP) {
            stages<E, R, UP, HAD, HALVES>(v, P, my_high, 5);
            if (HALVES == 2) middle(v, my_high + 2 * half_bytes<E>);
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
            const bfly_int vector = first + r / HALVES * in_tile, start = base + r % HALVES * kTile;
            E *y = (E *)A.y.p + (start * A.y.inc + vector * A.y.dist + offset_of(A.sy, hidden(lane), 0, 5));
            if (!direct_y || vector + in_tile > A.count)
                store_slowly<E, HAD>(v[r], A, y, start, vector, lane, buffer);
            else if (A.sy.dense) {
#pragma unroll
                for (int k = 0; k < 32; k++) write_number(y + 32 * k, v[r][k]);
            } else
                BFLY_GRAY_WALK(A.sy, y, k, write_number(p_, v[r][k]))
        }
    }
}

} // namespace bfly_cuda

#endif
