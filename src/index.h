/* index.h - where the numbers of a butterfly matrix stand: the one place for index conventions.
 *
 * Stage of stride s = 2^ls, pair i: positions p = 2 (i - i % s) + i % s and p + s. The factors of a pair are four
 * numbers a, b, c, d in a row; untied, the stage of stride s is stage ls (increasing) or L - 1 - ls (decreasing) of
 * (L, n/2, 2, 2); tied, its s blocks stand at [s - 1, 2s - 1).
 */
#ifndef BFLY_INDEX_H
#define BFLY_INDEX_H

#include "butterfly.h"

/* the CUDA kernels use the same functions */
#ifdef __CUDACC__
#  define BFLY_INDEX static __host__ __device__ inline
#else
#  define BFLY_INDEX static inline
#endif

/* The pair that holds position pos in the stage of stride 2^ls. */
BFLY_INDEX bfly_int bfly_pair_of(bfly_int pos, int ls)
{
    return ((pos >> (ls + 1)) << ls) + (pos & (((bfly_int)1 << ls) - 1));
}

/* Is pos the second of its pair? */
BFLY_INDEX int bfly_is_second(bfly_int pos, int ls) { return (int)((pos >> ls) & 1); }

/* The first position of pair i. */
BFLY_INDEX bfly_int bfly_first_of(bfly_int i, int ls)
{
    bfly_int s = (bfly_int)1 << ls;
    return 2 * (i - (i & (s - 1))) + (i & (s - 1));
}

/* The 2x2 block (in units of blocks) that pair i of the stage of stride 2^ls uses; i may run over several vectors. */
BFLY_INDEX bfly_int bfly_block_of(bfly_int i, int ls, int logn, int tied, int increasing)
{
    if (tied) {
        bfly_int s = (bfly_int)1 << ls;
        return s - 1 + (i & (s - 1));
    }
    bfly_int half = (bfly_int)1 << (logn - 1);
    return (increasing ? ls : logn - 1 - ls) * half + (i & (half - 1));
}

/* The lowest t bits of k in reverse. */
static inline bfly_int bfly_reverse_bits(bfly_int k, int t)
{
    bfly_int r = 0;
    for (int i = 0; i < t; i++) r = r << 1 | (k >> i & 1);
    return r;
}

/* Number of 2x2 blocks in all. */
BFLY_INDEX bfly_int bfly_blocks(int logn, int tied)
{
    bfly_int n = (bfly_int)1 << logn;
    return tied ? n - 1 : logn * (n / 2);
}

#endif
