/* relaxed.c - relaxed permutations and their gradients: arguments, then blocks of vectors over threads. */
#include "args.h"

#define MIN_CHUNK 64
#define MAX_CHUNKS 16
#define MAX_PROBS (3 * BFLY_MAX_LOGN)

typedef struct job {
    const bfly_kernels *k;
    int logn, transpose, complex_x;
    size_t size; /* bytes of a real number */
    const void *prob;
    bfly_vectors x, gy, y; /* y: the output, gx of the gradient */
    bfly_int count, chunks;
    int gradient;
    double (*sums)[MAX_PROBS]; /* one a chunk */
    double total[MAX_PROBS];
} job;

static bfly_vectors advance(const job *J, bfly_vectors v, bfly_int k)
{
    if (v.p) v.p += k * v.dist * (bfly_int)J->size * (J->complex_x ? 2 : 1);
    return v;
}

static void run_chunk(const job *J, bfly_int c, void *work)
{
    const bfly_int width = (bfly_int)1 << J->k->logw, blocks = (J->count + width - 1) / width;
    if (J->gradient) memset(J->sums[c], 0, sizeof J->sums[c]);
    for (bfly_int b = blocks * c / J->chunks; b < blocks * (c + 1) / J->chunks; b++) {
        const bfly_int k = b * width, left = J->count - k, now = left < width ? left : width;
        const bfly_vectors x = advance(J, J->x, k), y = advance(J, J->y, k);
        if (J->gradient)
            J->k->relaxed_grad(J->logn, J->transpose, J->complex_x, J->prob, x, advance(J, J->gy, k), y, now,
                               J->sums[c], work);
        else
            J->k->relaxed(J->logn, J->transpose, J->complex_x, J->prob, x, y, now, work);
    }
}

static int run(job *J, bfly_int n)
{
    const double lanes = (double)n * (double)((size_t)1 << J->k->logw) * (double)J->size * (J->complex_x ? 2 : 1);
    const double work = (J->gradient ? 6.0 : 2.0) * (double)n * J->logn * (double)J->count * (double)J->size;
    const double bytes = (J->gradient ? BFLY_RELAXED_GRAD_TILES : 2) * lanes;
    const size_t tile = (size_t)((bytes + BFLY_ALIGN - 1) / BFLY_ALIGN) * BFLY_ALIGN;
    J->chunks = (J->count + MIN_CHUNK - 1) / MIN_CHUNK;
    if (J->chunks > MAX_CHUNKS) J->chunks = MAX_CHUNKS;
    int threads = bfly_threads_for(work);
    if (threads > J->chunks) threads = (int)J->chunks;
    const size_t sums = J->gradient ? sizeof(double[MAX_PROBS]) * (size_t)J->chunks : 0;
    bfly_work memory;
    char *base = bfly_work_get(&memory, (double)sums + (double)tile * threads);
    if (!base) return BFLY_ENOMEM;
    J->sums = (void *)base;
    base += sums;
    if (threads == 1)
        for (bfly_int c = 0; c < J->chunks; c++) run_chunk(J, c, base);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(| : flags)
        {
            const int t = bfly_thread_id();
            bfly_fp_begin(t);
#pragma omp for schedule(dynamic)
            for (bfly_int c = 0; c < J->chunks; c++) run_chunk(J, c, base + tile * (size_t)t);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    for (int i = 0; J->gradient && i < 3 * (J->logn - 1); i++) {
        J->total[i] = 0;
        for (bfly_int c = 0; c < J->chunks; c++) J->total[i] += J->sums[c][i];
    }
    bfly_work_free(&memory);
    return 0;
}

static void start(job *J, int precision, int complex_x, int op, bfly_int n, bfly_int count, const void *prob,
                  bfly_vectors x)
{
    memset(J, 0, sizeof *J);
    J->k = bfly_current_isa()->kernels[precision];
    while (((bfly_int)1 << J->logn) < n) J->logn++;
    J->transpose = bfly_transposes(op);
    J->complex_x = complex_x;
    J->size = precision ? sizeof(double) : sizeof(float);
    J->prob = prob;
    J->x = x;
    J->count = count;
}

static int relaxed(int precision, int complex_x, int op, bfly_int n, bfly_int count, const void *prob, const void *x,
                   bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (complex_x ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, bfly_is_power_of_two(n));
    BFLY_CHECK(3, count >= 0);
    BFLY_CHECK(4, prob || n <= 2 || count == 0);
    BFLY_CHECK(5, x || count == 0);
    BFLY_CHECK(8, y || count == 0);
    BFLY_CHECK(9, incy != 0 || n == 1);
    BFLY_CHECK(10, disty != 0 || count <= 1);
    if (!bfly_fits(n, incx, count, distx, size) || !bfly_fits(n, incy, count, disty, size)) return BFLY_EOVERFLOW;
    if (count == 0) return 0;
    job J;
    start(&J, precision, complex_x, op, n, count, prob, (bfly_vectors){(char *)x, incx, distx});
    J.y = (bfly_vectors){y, incy, disty};
    return run(&J, n);
}

static int relaxed_grad(int precision, int complex_x, int op, int accumulate, bfly_int n, bfly_int count,
                        const void *prob, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                        bfly_int incgy, bfly_int distgy, void *gprob, void *gx, bfly_int incgx, bfly_int distgx)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (complex_x ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, accumulate == 0 || accumulate == 1);
    BFLY_CHECK(3, bfly_is_power_of_two(n));
    BFLY_CHECK(4, count >= 0);
    const int wanted = (gprob && n > 2) || gx;
    BFLY_CHECK(5, prob || n <= 2 || count == 0 || !wanted);
    BFLY_CHECK(6, x || count == 0 || !(gprob && n > 2));
    BFLY_CHECK(9, gy || count == 0 || !wanted);
    BFLY_CHECK(14, incgx != 0 || n == 1 || !gx);
    BFLY_CHECK(15, distgx != 0 || count <= 1 || !gx);
    if (!bfly_fits(n, incx, count, distx, size) || !bfly_fits(n, incgy, count, distgy, size) ||
        (gx && !bfly_fits(n, incgx, count, distgx, size)))
        return BFLY_EOVERFLOW;
    job J;
    const bfly_vectors vgy = {(char *)gy, incgy, distgy}, vgx = {gx, incgx, distgx};
    if (!gprob || n <= 2) { /* the adjoint alone */
        if (!gx || count == 0) return 0;
        start(&J, precision, complex_x, bfly_transposes(op) ? BFLY_NO_TRANS : BFLY_TRANS, n, count, prob, vgy);
        J.y = vgx;
        return run(&J, n);
    }
    start(&J, precision, complex_x, op, n, count, prob, (bfly_vectors){(char *)x, incx, distx});
    if (count > 0) {
        J.gy = vgy;
        J.y = vgx;
        J.gradient = 1;
        const int info = run(&J, n);
        if (info) return info;
    }
    for (int i = 0; i < 3 * (J.logn - 1); i++) {
        if (precision)
            ((double *)gprob)[i] = (accumulate ? ((double *)gprob)[i] : 0) + J.total[i];
        else
            ((float *)gprob)[i] = (float)((accumulate ? ((float *)gprob)[i] : 0) + J.total[i]);
    }
    return 0;
}

#define RELAXED(t, ptype, xtype, precision, complex_x)                                                               \
    int bfly_##t##relaxed_perm(int op, bfly_int n, bfly_int count, const ptype *prob, const xtype *x, bfly_int incx, \
                               bfly_int distx, xtype *y, bfly_int incy, bfly_int disty)                              \
    {                                                                                                                \
        REPORT(relaxed(precision, complex_x, op, n, count, prob, x, incx, distx, y, incy, disty));                   \
    }                                                                                                                \
    int bfly_##t##relaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const ptype *prob,           \
                                    const xtype *x, bfly_int incx, bfly_int distx, const xtype *gy, bfly_int incgy,  \
                                    bfly_int distgy, ptype *gprob, xtype *gx, bfly_int incgx, bfly_int distgx)       \
    {                                                                                                                \
        REPORT(relaxed_grad(precision, complex_x, op, accumulate, n, count, prob, x, incx, distx, gy, incgy, distgy, \
                            gprob, gx, incgx, distgx));                                                              \
    }
RELAXED(s, float, float, 0, 0)
RELAXED(d, double, double, 1, 0)
RELAXED(c, float, void, 0, 1)
RELAXED(z, double, void, 1, 1)
