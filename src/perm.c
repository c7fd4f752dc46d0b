/* perm.c - hard permutations of count vectors, y[i] = x[perm[i]] or y[perm[i]] = x[i], for any n.
 *
 * The numbers move as blocks of 4, 8 or 16 bytes. In place, vectors go through a buffer, several at a time where
 * neighbouring vectors are adjacent in memory. A reversal of bits gathers for either op, being its own inverse; through
 * squares of whole cache lines it took twice as long at n = 2^20, whose lines all fall into one set of the cache.
 */
#include "args.h"

typedef struct {
    double re, im;
} pair_of_doubles;

#define IN_PLACE_VECTORS 8
#define LARGE 1048576.0 /* bytes of a vector beyond the second-level cache: one alone moves to a buffer while the indices are
                         * checked, both waiting for memory at once (n = 2^20, float: .87 ms instead of 1.28) */
#define REVERSED_FROM 4096 /* numbers: shorter ones are not looked at for a reversal */

#define DEFINE_MOVE(name, type)                                                                                     \
    /* y[to(i)] = x[from(i)] for vectors k0 .. k1 - 1 and i = i0 .. i1 - 1 */                                       \
    static void name(bfly_int i0, bfly_int i1, bfly_int k0, bfly_int k1, const bfly_int *from, const bfly_int *to,  \
                     bfly_vectors vx, bfly_vectors vy)                                                              \
    {                                                                                                               \
        const type *x = (const type *)vx.p;                                                                         \
        type *y = (type *)vy.p;                                                                                     \
        const bfly_int ix = vx.inc, iy = vy.inc;                                                                    \
        const int columns = k1 - k0 > 1 && bfly_magnitude(vx.dist) < bfly_magnitude(ix);                            \
        if (columns)                                                                                                \
            for (bfly_int i = i0; i < i1; i++) {                                                                    \
                const type *px = x + (from ? from[i] : i) * ix;                                                     \
                type *py = y + (to ? to[i] : i) * iy;                                                               \
                for (bfly_int k = k0; k < k1; k++) py[k * vy.dist] = px[k * vx.dist];                               \
            }                                                                                                       \
        else                                                                                                        \
            for (bfly_int k = k0; k < k1; k++) {                                                                    \
                const type *px = x + k * vx.dist;                                                                   \
                type *py = y + k * vy.dist;                                                                         \
                for (bfly_int i = i0; i < i1; i++) py[(to ? to[i] : i) * iy] = px[(from ? from[i] : i) * ix];       \
            }                                                                                                       \
    }
DEFINE_MOVE(move4, float)
DEFINE_MOVE(move8, bfly_eight)
DEFINE_MOVE(move16, pair_of_doubles)

typedef void (*move_fn)(bfly_int, bfly_int, bfly_int, bfly_int, const bfly_int *, const bfly_int *, bfly_vectors,
                        bfly_vectors);

typedef struct job {
    size_t size;
    bfly_int n, count;
    const bfly_int *from, *to;
    bfly_vectors x, y;
} job;

/* Share t of nt: vectors while there are enough, otherwise a part of each. */
static void move_share(const job *J, int t, int nt)
{
    const int whole = J->count >= nt;
    const bfly_int k0 = whole ? J->count * t / nt : 0, k1 = whole ? J->count * (t + 1) / nt : J->count;
    const bfly_int i0 = whole ? 0 : J->n * t / nt, i1 = whole ? J->n : J->n * (t + 1) / nt;
    (J->size == 4 ? move4 : J->size == 8 ? move8 : move16)(i0, i1, k0, k1, J->from, J->to, J->x, J->y);
}

/* Does perm reverse the bits of the indices of a large vector? Quicker to see than that it is a permutation. */
static int is_reversal(bfly_int n, const bfly_int *perm)
{
    if (n < REVERSED_FROM || (n & (n - 1)) || perm[0] != 0 || perm[1] != n / 2) return 0;
    for (bfly_int m = 1; m < n; m *= 2) {
        bfly_int wrong = 0;
        for (bfly_int i = 0; i < m; i++) wrong |= perm[m + i] ^ (perm[i] | n / (2 * m));
        if (wrong) return 0;
    }
    return 1;
}

/* Does perm hold 0 .. n - 1 once each? seen: a bit for each, in whole words. n numbers in range set n bits only so. On
 * the way, numbers of `size` bytes, if not 0, move from x to a buffer: with scatter to the place that perm tells. */
static BFLY_INLINE int check(bfly_int n, const bfly_int *perm, uint64_t *seen, const size_t size, const int scatter,
                             const char *x, bfly_int incx, char *buffer)
{
    const bfly_int words = (n + 63) / 64;
    uint64_t outside = 0, unseen = 0;
    memset(seen, 0, (size_t)words * 8);
    for (bfly_int i = 0; i < n; i++) { /* without branches: faster than to stop early */
        const uint64_t p = (uint64_t)perm[i], out = p >= (uint64_t)n, at = out ? 0 : p;
        outside |= out;
        seen[at / 64] |= (uint64_t)1 << (at % 64);
        if (size) {
            const bfly_int from = scatter ? i : (bfly_int)at, to = scatter ? (bfly_int)at : i;
            memcpy(buffer + (size_t)to * size, x + from * incx * (bfly_int)size, size);
        }
    }
    for (bfly_int i = 0; i < n / 64; i++) unseen |= ~seen[i];
    if (n % 64) unseen |= ~seen[words - 1] & (((uint64_t)1 << (n % 64)) - 1);
    return !outside && !unseen;
}

static int is_permutation(bfly_int n, const bfly_int *perm, uint64_t *seen)
{
    return check(n, perm, seen, 0, 0, NULL, 0, NULL);
}

static int is_permutation_of(bfly_int n, const bfly_int *perm, uint64_t *seen, size_t size, int scatter,
                             const char *x, bfly_int incx, char *buffer)
{
    switch (size + (size_t)scatter) {
    case 4: return check(n, perm, seen, 4, 0, x, incx, buffer);
    case 5: return check(n, perm, seen, 4, 1, x, incx, buffer);
    case 8: return check(n, perm, seen, 8, 0, x, incx, buffer);
    case 9: return check(n, perm, seen, 8, 1, x, incx, buffer);
    case 16: return check(n, perm, seen, 16, 0, x, incx, buffer);
    default: return check(n, perm, seen, 16, 1, x, incx, buffer);
    }
}

static int perm_run(size_t size, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x,
                    bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, n >= 1);
    BFLY_CHECK(3, count >= 0);
    BFLY_CHECK(4, perm || count == 0);
    BFLY_CHECK(5, x || count == 0);
    BFLY_CHECK(8, y || count == 0);
    BFLY_CHECK(9, incy != 0 || n == 1);
    BFLY_CHECK(10, disty != 0 || count <= 1);
    if (!bfly_fits(n, incx, count, distx, size) || !bfly_fits(n, incy, count, disty, size)) return BFLY_EOVERFLOW;
    if (count == 0) return 0;

    const int reversal = is_reversal(n, perm), scatter = bfly_transposes(op) && !reversal;
    const int threads = bfly_threads_for(8.0 * (double)n * (double)count * (double)size);
    const int together = !reversal && count == 1 && (x == y || threads == 1) && (double)n * (double)size >= LARGE;

    /* one piece of memory: first for the check, then as the buffer; or for both */
    const bfly_int many = count < IN_PLACE_VECTORS ? count : IN_PLACE_VECTORS;
    const double bits = (double)((n + 63) / 64) * 8;
    const double room = x == y || together ? (double)n * (double)many * (double)size : 0;
    bfly_work memory;
    char *buffer = bfly_work_get(&memory, together ? bits + room : bits > room ? bits : room);
    if (!buffer) return BFLY_ENOMEM;
    uint64_t *const seen = (uint64_t *)buffer;
    if (together) buffer += (size_t)bits;
    const int legal = reversal || (together ? is_permutation_of(n, perm, seen, size, scatter, x, incx, buffer)
                                            : is_permutation(n, perm, seen));
    if (!legal) {
        bfly_work_free(&memory);
        return -4;
    }

    const bfly_int *from = scatter ? NULL : perm, *to = scatter ? perm : NULL;
    const bfly_vectors vx = {(char *)x, incx, distx}, vy = {y, incy, disty};
    const move_fn move = size == 4 ? move4 : size == 8 ? move8 : move16;
    if (together) {
        if (incy == 1)
            memcpy(y, buffer, (size_t)n * size);
        else
            move(0, n, 0, 1, NULL, NULL, (bfly_vectors){buffer, 1, n}, vy);
        bfly_work_free(&memory);
        return 0;
    }
    if (x != y) {
        const job J = {size, n, count, from, to, vx, vy};
        if (threads == 1)
            move_share(&J, 0, 1);
        else {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads)
            move_share(&J, bfly_thread_id(), bfly_team_size());
#endif
        }
        bfly_work_free(&memory);
        return 0;
    }
    for (bfly_int k = 0; k < count; k += many) {
        const bfly_int now = count - k < many ? count - k : many;
        const bfly_vectors part = {vx.p + k * distx * (bfly_int)size, incx, distx}, copy = {buffer, now, 1};
        move(0, n, 0, now, NULL, NULL, part, copy);
        move(0, n, 0, now, from, to, copy, part);
    }
    bfly_work_free(&memory);
    return 0;
}

#define PERM(t, type, size)                                                                                        \
    int bfly_##t##perm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const type *x, bfly_int incx,     \
                       bfly_int distx, type *y, bfly_int incy, bfly_int disty)                                     \
    {                                                                                                              \
        REPORT(perm_run(size, op, n, count, perm, x, incx, distx, y, incy, disty));                                \
    }
PERM(s, float, 4)
PERM(d, double, 8)
PERM(c, void, 8)
PERM(z, void, 16)
