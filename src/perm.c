/* perm.c - hard permutations of count vectors, y[i] = x[perm[i]] or y[perm[i]] = x[i], for any n.
 *
 * The numbers move as blocks of 4, 8 or 16 bytes. In place, vectors go through a buffer, several at a time where
 * neighbouring vectors are adjacent in memory.
 */
#include "args.h"

typedef struct {
    double re, im;
} pair_of_doubles;

#define IN_PLACE_VECTORS 8

#define DEFINE_MOVE(name, type)                                                                                     \
    /* y[to(i)] = x[from(i)] for vectors k0 .. k1 - 1 */                                                            \
    static void name(bfly_int n, bfly_int k0, bfly_int k1, const bfly_int *from, const bfly_int *to,                \
                     bfly_vectors vx, bfly_vectors vy)                                                              \
    {                                                                                                               \
        const type *x = (const type *)vx.p;                                                                         \
        type *y = (type *)vy.p;                                                                                     \
        const bfly_int ix = vx.inc, iy = vy.inc;                                                                    \
        const int columns = k1 - k0 > 1 && (vx.dist < 0 ? -vx.dist : vx.dist) < (ix < 0 ? -ix : ix);                \
        if (columns)                                                                                                \
            for (bfly_int i = 0; i < n; i++) {                                                                      \
                const type *px = x + (from ? from[i] : i) * ix;                                                     \
                type *py = y + (to ? to[i] : i) * iy;                                                               \
                for (bfly_int k = k0; k < k1; k++) py[k * vy.dist] = px[k * vx.dist];                               \
            }                                                                                                       \
        else                                                                                                        \
            for (bfly_int k = k0; k < k1; k++) {                                                                    \
                const type *px = x + k * vx.dist;                                                                   \
                type *py = y + k * vy.dist;                                                                         \
                for (bfly_int i = 0; i < n; i++) py[(to ? to[i] : i) * iy] = px[(from ? from[i] : i) * ix];         \
            }                                                                                                       \
    }
DEFINE_MOVE(move4, float)
DEFINE_MOVE(move8, double)
DEFINE_MOVE(move16, pair_of_doubles)

typedef void (*move_fn)(bfly_int, bfly_int, bfly_int, const bfly_int *, const bfly_int *, bfly_vectors, bfly_vectors);

/* Does perm hold 0 .. n - 1 once each? seen: a bit for each, in whole words. */
static int is_permutation(bfly_int n, const bfly_int *perm, uint64_t *seen)
{
    int good = 1;
    memset(seen, 0, (size_t)((n + 63) / 64) * 8);
    for (bfly_int i = 0; good && i < n; i++) {
        const bfly_int p = perm[i];
        if (p < 0 || p >= n || seen[p / 64] >> (p % 64) & 1)
            good = 0;
        else
            seen[p / 64] |= (uint64_t)1 << (p % 64);
    }
    return good;
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

    /* one piece of memory: first for the check, then as the buffer */
    const bfly_int many = count < IN_PLACE_VECTORS ? count : IN_PLACE_VECTORS;
    const double bits = ((double)n + 63) / 8, room = x == y ? (double)n * (double)many * (double)size : 0;
    bfly_work memory;
    char *buffer = bfly_work_get(&memory, bits > room ? bits : room);
    if (!buffer) return BFLY_ENOMEM;
    if (!is_permutation(n, perm, (uint64_t *)buffer)) {
        bfly_work_free(&memory);
        return -4;
    }

    const move_fn move = size == 4 ? move4 : size == 8 ? move8 : move16;
    const bfly_int *from = bfly_transposes(op) ? NULL : perm, *to = bfly_transposes(op) ? perm : NULL;
    const bfly_vectors vx = {(char *)x, incx, distx}, vy = {y, incy, disty};
    if (x != y) {
        int threads = bfly_threads_for(8.0 * (double)n * (double)count * (double)size);
        if (threads > count) threads = (int)count;
        if (threads == 1)
            move(n, 0, count, from, to, vx, vy);
        else {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads)
            {
                const int t = bfly_thread_id(), nt = bfly_team_size();
                move(n, count * t / nt, count * (t + 1) / nt, from, to, vx, vy);
            }
#endif
        }
        bfly_work_free(&memory);
        return 0;
    }
    for (bfly_int k = 0; k < count; k += many) {
        const bfly_int now = count - k < many ? count - k : many;
        const bfly_vectors part = {vx.p + k * distx * (bfly_int)size, incx, distx}, copy = {buffer, now, 1};
        move(n, 0, now, NULL, NULL, part, copy);
        move(n, 0, now, from, to, copy, part);
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
