/* mul.c - y := alpha op(B) x + beta y: arguments, then blocks of vectors over threads.
 *
 * With more than one block of vectors the factors are packed once for all of them; a single block packs them piece by
 * piece on the way, which costs no memory. Both give the same bits.
 */
#include "args.h"

typedef struct job {
    bfly_program P;
    const bfly_kernels *k;
    size_t size; /* bytes of a real number */
    const void *w;
    void *coef; /* NULL: not packed */
    bfly_vectors x, y;
    bfly_scale scale;
    bfly_int count, block; /* vectors in all, and in one tile */
    int identity;          /* the vectors are those of the identity, written into y first */
} job;

static void put_identity(const job *J, bfly_int first, bfly_int vectors)
{
    const size_t size = J->size * (J->P.complex_x ? 2 : 1);
    for (bfly_int k = first; k < first + vectors; k++) {
        char *row = J->y.p + (size_t)(k * J->y.dist) * size;
        memset(row, 0, (size_t)J->P.n * size);
        if (J->size == sizeof(double))
            *(double *)(row + (size_t)k * size) = 1;
        else
            *(float *)(row + (size_t)k * size) = 1;
    }
}

static void run_blocks(const job *J, bfly_int first, bfly_int last, void *tile)
{
    const bfly_int bytes = (bfly_int)J->size * (J->P.complex_x ? 2 : 1);
    for (bfly_int b = first; b < last; b++) {
        const bfly_int k = b * J->block, left = J->count - k, vectors = left < J->block ? left : J->block;
        bfly_vectors x = J->x, y = J->y;
        if (J->identity) put_identity(J, k, vectors);
        x.p += k * x.dist * bytes;
        y.p += k * y.dist * bytes;
        J->k->mul(&J->P, J->coef, J->coef ? NULL : J->w, x, y, vectors, &J->scale, tile);
    }
}

/* thread t of nt packs its share */
static void pack(const job *J, int t, int nt)
{
    for (int i = 0; i < J->P.npass; i++) {
        const bfly_pass *A = &J->P.pass[i];
        J->k->pack(&J->P, A, J->w, J->coef, A->period * t / nt, A->period * (t + 1) / nt);
    }
}

/* y := beta y */
static void scale_only(int precision, int complex_x, bfly_int n, bfly_int count, const double *beta, bfly_vectors y)
{
    const int read = beta[0] != 0 || beta[1] != 0, m = complex_x ? 2 : 1;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            const bfly_int at = (i * y.inc + k * y.dist) * m;
            if (precision == 0) {
                float *p = (float *)y.p + at, re = p[0], im = m == 2 ? p[1] : 0;
                const float br = (float)beta[0], bi = (float)beta[1];
                p[0] = read ? (bi != 0 ? br * re - bi * im : br * re) : 0;
                if (m == 2) p[1] = read ? (bi != 0 ? br * im + bi * re : br * im) : 0;
            } else {
                double *p = (double *)y.p + at, re = p[0], im = m == 2 ? p[1] : 0;
                p[0] = read ? (beta[1] != 0 ? beta[0] * re - beta[1] * im : beta[0] * re) : 0;
                if (m == 2) p[1] = read ? (beta[1] != 0 ? beta[0] * im + beta[1] * re : beta[0] * im) : 0;
            }
        }
}

/* n = 1: y := alpha x + beta y, as a copy of one number a vector */
static void one_number(int precision, int complex_x, bfly_int count, const bfly_scale *s, bfly_vectors x,
                       bfly_vectors y)
{
    const int m = complex_x ? 2 : 1, read = s->beta[0] != 0 || s->beta[1] != 0;
    for (bfly_int k = 0; k < count; k++) {
        double in[2] = {0, 0}, out[2] = {0, 0}, r[2];
        for (int l = 0; l < m; l++) {
            in[l] = precision ? ((double *)x.p)[k * x.dist * m + l] : ((float *)x.p)[k * x.dist * m + l];
            if (read) out[l] = precision ? ((double *)y.p)[k * y.dist * m + l] : ((float *)y.p)[k * y.dist * m + l];
        }
        for (int l = 0; l < m; l++) {
            r[l] = s->alpha[0] * in[l];
            if (s->alpha[1] != 0) r[l] += (l ? 1 : -1) * s->alpha[1] * in[1 - l];
            if (read) r[l] += s->beta[0] * out[l];
            if (read && s->beta[1] != 0) r[l] += (l ? 1 : -1) * s->beta[1] * out[1 - l];
        }
        for (int l = 0; l < m; l++) {
            if (precision)
                ((double *)y.p)[k * y.dist * m + l] = r[l];
            else
                ((float *)y.p)[k * y.dist * m + l] = (float)r[l];
        }
    }
}

int bfly_mul_run(int precision, int complex_w, int complex_x, int op, int order, int form, bfly_int n, bfly_int count,
                 const double *alpha, const void *w, bfly_vectors x, const double *beta, bfly_vectors y)
{
    const int writes_only = alpha[0] == 0 && alpha[1] == 0;
    if (count == 0 || (bfly_querying() && (writes_only || n == 1))) return 0;
    if (writes_only) {
        scale_only(precision, complex_x, n, count, beta, y);
        return 0;
    }
    job J = {.w = w, .x = x.p ? x : y, .y = y, .count = count, .identity = !x.p};
    J.scale = (bfly_scale){{alpha[0], alpha[1]}, {beta[0], beta[1]},
                           alpha[0] == 1 && alpha[1] == 0 && beta[0] == 0 && beta[1] == 0};
    if (n == 1) {
        one_number(precision, complex_x, count, &J.scale, x, y);
        return 0;
    }
    J.k = bfly_current_isa()->kernels[precision];
    J.size = precision ? sizeof(double) : sizeof(float);
    bfly_program_init(&J.P, op, order, form, n, complex_w, complex_x, J.k->logw, 2);
    J.block = bfly_tile_count(&J.P, J.size);
    if (J.block > count) J.block = count;

    const bfly_int blocks = (count + J.block - 1) / J.block;
    const int packed = blocks > 1 || J.P.tied; /* tied factors are few, and serve a vector many times */
    const size_t tile = bfly_tile_bytes(&J.P, J.size, J.block), coef = packed ? bfly_coef_bytes(&J.P, J.size) : 0;
    const double work = (double)n * J.P.logn * (double)count * (double)J.size * (complex_w ? 4 : complex_x ? 2 : 1);
    int threads = bfly_threads_for(work);
    if (threads > blocks) threads = (int)blocks;

    bfly_work memory;
    char *base = bfly_work_get(&memory, (double)coef + (double)tile * threads);
    if (!base) return BFLY_ENOMEM;
    if (packed) J.coef = base;
    base += coef;
    if (threads == 1) {
        if (J.coef) pack(&J, 0, 1);
        run_blocks(&J, 0, blocks, base);
    } else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), nt = bfly_team_size();
            bfly_fp_begin(t);
            pack(&J, t, nt);
#pragma omp barrier
            run_blocks(&J, blocks * t / nt, blocks * (t + 1) / nt, base + tile * (size_t)t);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

static int mul(int precision, int complex_w, int complex_x, int op, int order, int form, bfly_int n, bfly_int count,
               const double *alpha, const void *w, const void *x, bfly_int incx, bfly_int distx, const double *beta,
               void *y, bfly_int incy, bfly_int disty)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (complex_x ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, bfly_is_order(order));
    BFLY_CHECK(3, bfly_is_form(form));
    BFLY_CHECK(4, bfly_is_power_of_two(n));
    BFLY_CHECK(5, count >= 0);
    BFLY_CHECK(6, alpha);
    const int reads = count > 0 && alpha && (alpha[0] != 0 || alpha[1] != 0);
    BFLY_CHECK(7, w || !reads || n == 1);
    BFLY_CHECK(8, x || !reads);
    BFLY_CHECK(11, beta);
    BFLY_CHECK(12, y || count == 0);
    BFLY_CHECK(13, incy != 0 || n == 1);
    BFLY_CHECK(14, disty != 0 || count <= 1);
    if (n > (bfly_int)1 << (BFLY_MAX_LOGN - 2) || !bfly_fits(n, incx, count, distx, size) ||
        !bfly_fits(n, incy, count, disty, size))
        return BFLY_EOVERFLOW;
    return bfly_mul_run(precision, complex_w, complex_x, op, order, form, n, count, alpha, w,
                        (bfly_vectors){(char *)x, incx, distx}, beta, (bfly_vectors){y, incy, disty});
}

#define REAL_MUL(t, type, precision)                                                                                \
    int bfly_##t##mul(int op, int order, int form, bfly_int n, bfly_int count, type alpha, const type *w,           \
                      const type *x, bfly_int incx, bfly_int distx, type beta, type *y, bfly_int incy,              \
                      bfly_int disty)                                                                               \
    {                                                                                                               \
        const double a[2] = {alpha, 0}, b[2] = {beta, 0};                                                           \
        REPORT(mul(precision, 0, 0, op, order, form, n, count, a, w, x, incx, distx, b, y, incy, disty));           \
    }                                                                                                               \
    int bfly_##t##mul_work(int op, int order, int form, bfly_int n, bfly_int count, type alpha, const type *w,      \
                           const type *x, bfly_int incx, bfly_int distx, type beta, type *y, bfly_int incy,         \
                           bfly_int disty, void *work, bfly_int *bytes)                                             \
    {                                                                                                               \
        const double a[2] = {alpha, 0}, b[2] = {beta, 0};                                                           \
        REPORT_WORK(16, mul(precision, 0, 0, op, order, form, n, count, a, w, x, incx, distx, b, y, incy, disty));  \
    }
#define COMPLEX_MUL(t, type, wtype, precision, complex_w)                                                           \
    int bfly_##t##mul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const wtype *w,   \
                      const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,       \
                      bfly_int disty)                                                                               \
    {                                                                                                               \
        const type *pa = alpha, *pb = beta;                                                                         \
        const double a[2] = {pa ? pa[0] : 0, pa ? pa[1] : 0}, b[2] = {pb ? pb[0] : 0, pb ? pb[1] : 0};              \
        REPORT(mul(precision, complex_w, 1, op, order, form, n, count, pa ? a : NULL, w, x, incx, distx,            \
                   pb ? b : NULL, y, incy, disty));                                                                 \
    }                                                                                                               \
    int bfly_##t##mul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,              \
                           const wtype *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, \
                           bfly_int incy, bfly_int disty, void *work, bfly_int *bytes)                              \
    {                                                                                                               \
        const type *pa = alpha, *pb = beta;                                                                         \
        const double a[2] = {pa ? pa[0] : 0, pa ? pa[1] : 0}, b[2] = {pb ? pb[0] : 0, pb ? pb[1] : 0};              \
        REPORT_WORK(16, mul(precision, complex_w, 1, op, order, form, n, count, pa ? a : NULL, w, x, incx, distx,   \
                            pb ? b : NULL, y, incy, disty));                                                        \
    }
REAL_MUL(s, float, 0)
REAL_MUL(d, double, 1)
COMPLEX_MUL(c, float, void, 0, 1)
COMPLEX_MUL(z, double, void, 1, 1)
COMPLEX_MUL(cs, float, float, 0, 0)
COMPLEX_MUL(zd, double, double, 1, 0)
