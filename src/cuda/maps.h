/* maps.h - which number of a vector each thread of a kernel holds: the one place for these maps, host and device.
 *
 * A kernel works on tiles of 2^10 numbers, numbered by e. A pass applies the stages of strides 2^lo .. 2^(lo+g-1):
 *
 *     bits of e     0 .. c-1            columns: the position's bits 0 .. c-1
 *                   c .. c+g-1          the position's bits lo .. lo+g-1, one stage each
 *                   c+g .. 9            vectors, when a vector has fewer numbers than a tile
 *
 * and a tile's number t holds the other bits of the position. One pass does it all for n <= 2^10: lo = c = 0, g = log2 n.
 * A wide pass does so for 2^11: its two tiles, one for each half, are taken together, and a last stage joins them.
 * In the forward kernels a warp holds a tile, 32 numbers a lane: in layout A a lane holds bits 0 .. 4 of e, in layout B
 * bits 5 .. 9, the lane's number being the other five. In the backward kernel 256 threads hold a tile, 4 numbers each:
 * in the layout (p) these are bits p and p + 1, the thread's number being the others.
 */
#ifndef BFLY_CUDA_MAPS_H
#define BFLY_CUDA_MAPS_H

#include "../index.h"

namespace bfly_cuda {

constexpr int kTileBits = 10, kTile = 1 << kTileBits;
constexpr int kBackThreads = 256, kMemoryLayout = 8;

struct Pass {
    int logn; /* of the whole vector */
    int lo, g, c;
    int wide; /* both halves of a vector of two tiles at once, with the stage between them */
};

#ifdef __CUDACC__
#  define BFLY_MAP __host__ __device__ inline
#else
#  define BFLY_MAP inline
#endif

BFLY_MAP int tile_bits(const Pass &P) { return P.c + P.g; }
BFLY_MAP bfly_int tiles_of(const Pass &P) { return P.wide ? 1 : (bfly_int)1 << (P.logn - tile_bits(P)); }
BFLY_MAP int vectors_in_tile(const Pass &P) { return 1 << (kTileBits - tile_bits(P)); }

/* x with a zero bit inserted at place b */
BFLY_MAP int insert_zero(int x, int b) { return ((x >> b) << (b + 1)) | (x & ((1 << b) - 1)); }

/* the position's bit that bit b of e stands for; b < tile_bits(P) */
BFLY_MAP int position_bit(const Pass &P, int b) { return b < P.c ? b : b - P.c + P.lo; }

/* the first position of tile t */
BFLY_MAP bfly_int tile_base(const Pass &P, bfly_int t)
{
    const int inner = P.lo - P.c;
    return ((t & (((bfly_int)1 << inner) - 1)) << P.c) | ((t >> inner) << (P.lo + P.g));
}

/* the position of number e of the tile with this base */
BFLY_MAP bfly_int position_of(const Pass &P, bfly_int base, int e)
{
    const int in_tile = e & ((1 << tile_bits(P)) - 1);
    return base | (in_tile & ((1 << P.c) - 1)) | ((bfly_int)(in_tile >> P.c) << P.lo);
}

/* the tile and the number in it (of its first vector) that hold a position */
BFLY_MAP bfly_int tile_of(const Pass &P, bfly_int pos)
{
    const int inner = P.lo - P.c;
    return ((pos >> P.c) & (((bfly_int)1 << inner) - 1)) | ((pos >> (P.lo + P.g)) << inner);
}
BFLY_MAP int number_of(const Pass &P, bfly_int pos)
{
    return (int)(pos & (((bfly_int)1 << P.c) - 1)) | ((int)((pos >> P.lo) & (((bfly_int)1 << P.g) - 1)) << P.c);
}

/* ---- forward: a table of factors [stage][pair][lane] -----------------------------------------------------------
 *
 * Pair i of bit b of a tile of 2^bits numbers. Below bit 5 the lane is the pair's high part, and its 16 pairs are the
 * low part: the table is transposed, so that the lanes of a warp read neighbours. From bit 5 on they do anyway.
 */
BFLY_MAP int table_place(int i, int b, int bits) { return b < 5 ? ((i & 15) << (bits - 5)) | (i >> 4) : i; }

/* ---- backward: stages two by two -------------------------------------------------------------------------------
 *
 * Stage number k of a pass (0 acts first) is slot k % 2 of step k / 2. Register bit 0 is slot 0's bit of e, register
 * bit 1 slot 1's. When the last step has a single stage at the edge of the tile, the step before has had its other bit.
 */
BFLY_MAP int bit_of_stage(const Pass &P, int up, int k) { return up ? P.c + k : P.c + P.g - 1 - k; }
BFLY_MAP int layout_of_step(const Pass &P, int up, int step)
{
    const int p = up ? P.c + 2 * step : P.c + P.g - 2 - 2 * step;
    return p < 0 ? 0 : p > kTileBits - 2 ? kTileBits - 2 : p;
}
/* the bit of e of a slot, and the stage number there; the slot is in use when 2 step <= stage < g */
BFLY_MAP int bit_of_slot(const Pass &P, int up, int step, int slot)
{
    return layout_of_step(P, up, step) + (up ? slot : 1 - slot);
}
BFLY_MAP int stage_of_slot(const Pass &P, int up, int step, int slot)
{
    const int b = bit_of_slot(P, up, step, slot);
    return up ? b - P.c : P.c + P.g - 1 - b;
}
BFLY_MAP bool slot_in_use(const Pass &P, int up, int step, int slot)
{
    const int k = stage_of_slot(P, up, step, slot);
    return k >= 2 * step && k < P.g;
}

/* e of register r of thread t */
BFLY_MAP int back_number(int p, int up, int t, int r)
{
    const int bits = up ? r : ((r & 1) << 1) | (r >> 1);
    return ((t >> p) << (p + 2)) | (bits << p) | (t & ((1 << p) - 1));
}
BFLY_MAP int back_thread(int p, int e) { return ((e >> (p + 2)) << p) | (e & ((1 << p) - 1)); }

/* Pair j of slot s: registers first and second. */
BFLY_MAP int back_first(int slot, int j) { return slot ? j : 2 * j; }
BFLY_MAP int back_second(int slot, int j) { return slot ? j + 2 : 2 * j + 1; }

/* Where number e stands in shared memory: without bank conflicts in the layouts (p), p = 0 .. 8. The rule is linear
 * over exclusive or. Two bits of e above the bank's are added to the bank by the vectors u, v, chosen such that any two
 * neighbouring bits of the bank can be made of them: whatever two bits a layout keeps in registers. */
template <int bytes> BFLY_MAP int back_place(int e)
{
    constexpr int b = bytes == 4 ? 5 : bytes == 8 ? 4 : 3, u = bytes == 4 ? 21 : 5, v = bytes == 4 ? 26 : bytes == 8 ? 10 : 6;
    return e ^ ((e >> b & 1) * u) ^ ((e >> (b + 1) & 1) * v);
}

/* ---- relaxed permutations: one level with blocks of m ----------------------------------------------------------- */
BFLY_MAP bfly_int even_odd(bfly_int i, bfly_int m) /* gathers the even entries of a block, then the odd ones */
{
    const bfly_int r = i & (m - 1), base = i - r;
    return r < m / 2 ? base + 2 * r : base + 2 * (r - m / 2) + 1;
}
BFLY_MAP bfly_int even_odd_inverse(bfly_int i, bfly_int m)
{
    const bfly_int r = i & (m - 1), base = i - r;
    return base + (r & 1 ? m / 2 : 0) + r / 2;
}
BFLY_MAP bfly_int half_reversed(bfly_int i, bfly_int m) { return i ^ (m / 2 - 1); }

/* ---- Hadamard orderings: where row i of the natural order stands ------------------------------------------------- */
BFLY_MAP bfly_int reversed_bits(bfly_int i, int bits)
{
    bfly_int r = 0;
    for (int k = 0; k < bits; k++) r |= (i >> k & 1) << (bits - 1 - k);
    return r;
}
BFLY_MAP bfly_int gray_inverse(bfly_int i)
{
    for (int k = 1; k < 64; k *= 2) i ^= i >> k;
    return i;
}
BFLY_MAP bfly_int hadamard_place(bfly_int i, int bits, int sequency)
{
    const bfly_int r = reversed_bits(i, bits);
    return sequency ? gray_inverse(r) : r;
}

} // namespace bfly_cuda

#endif
