/* mul.c - y := alpha op(B) x + beta y, of many vectors (mul) or one (bmv): arguments, then blocks of vectors over threads.
 *
 * Factors are packed piece by piece on the way of the first block of vectors, by each thread for itself: into memory where
 * other blocks follow, before all of them where threads share large factors or a block, for one row not at all. All give
 * the same bits. Fewer blocks than threads: the threads share each.
 */
#include "args.h"
#include "program.h"

typedef struct job {
    const bfly_product *p;
    const bfly_program *P;
    const bfly_kernels *k;
    bfly_int block; /* vectors in one tile */
    size_t size;    /* bytes of a real number */
    void *coef;     /* NULL: not packed */
    int pack;       /* the first block packs them on its way */
} job;

/* The vectors of the identity, where the product reads its input and writes its output. */
static void put_identity(const bfly_product *p, size_t size, bfly_int first, bfly_int vectors)
{
    for (bfly_int k = first; k < first + vectors; k++) {
        char *row = p->y.p + (size_t)(k * p->y.dist) * size;
        memset(row, 0, (size_t)p->n * size);
        if (p->precision)
            *(double *)(row + (size_t)k * size) = 1;
        else
            *(float *)(row + (size_t)k * size) = 1;
    }
}

/* blocks of vectors first .. last - 1, by thread t of a team of nt that shares each of them */
static void run_blocks(const job *J, bfly_int first, bfly_int last, void *tile, int t, int nt)
{
    const bfly_product *p = J->p;
    const bfly_int bytes = (bfly_int)J->size * (p->complex_x ? 2 : 1);
    for (bfly_int b = first; b < last; b++) {
        const bfly_int k = b * J->block, left = p->count - k, vectors = left < J->block ? left : J->block;
        bfly_vectors x = p->x.p ? p->x : p->y, y = p->y;
        if (!p->x.p && t == 0) put_identity(p, (size_t)bytes, k, vectors);
        x.p += k * x.dist * bytes;
        y.p += k * y.dist * bytes;
        const void *w = J->coef && (b > first || !J->pack) ? NULL : p->w;
        if (nt == 1)
            J->k->mul(J->P, J->coef, w, x, y, vectors, &p->scale, tile);
        else {
            bfly_team_meets();
            J->k->mul_share(J->P, J->coef, w, x, y, vectors, &p->scale, tile, t, nt);
        }
    }
}

#ifdef _OPENMP
/* thread t of nt packs its share */
static void pack(const job *J, int t, int nt)
{
    for (int i = 0; i < J->P->npass; i++) {
        const bfly_pass *A = &J->P->pass[i];
        J->k->pack(J->P, A, J->p->w, J->coef, A->period * t / nt, A->period * (t + 1) / nt);
    }
}
#endif

/* y := beta y */
static void scale_only(const bfly_product *p)
{
    const double *beta = p->scale.beta;
    const int read = beta[0] != 0 || beta[1] != 0, m = p->complex_x ? 2 : 1;
    for (bfly_int k = 0; k < p->count; k++)
        for (bfly_int i = 0; i < p->n; i++) {
            const bfly_int at = (i * p->y.inc + k * p->y.dist) * m;
            if (p->precision) {
                double *y = (double *)p->y.p + at, re = y[0], im = m == 2 ? y[1] : 0;
                y[0] = read ? (beta[1] != 0 ? beta[0] * re - beta[1] * im : beta[0] * re) : 0;
                if (m == 2) y[1] = read ? (beta[1] != 0 ? beta[0] * im + beta[1] * re : beta[0] * im) : 0;
            } else {
                float *y = (float *)p->y.p + at, re = y[0], im = m == 2 ? y[1] : 0;
                const float br = (float)beta[0], bi = (float)beta[1];
                y[0] = read ? (bi != 0 ? br * re - bi * im : br * re) : 0;
                if (m == 2) y[1] = read ? (bi != 0 ? br * im + bi * re : br * im) : 0;
            }
        }
}

/* n = 1: y := alpha x + beta y, as a copy of one number a vector */
static void one_number(const bfly_product *p)
{
    const bfly_scale *s = &p->scale;
    const bfly_vectors x = p->x, y = p->y;
    const int m = p->complex_x ? 2 : 1, read = s->beta[0] != 0 || s->beta[1] != 0;
    for (bfly_int k = 0; k < p->count; k++) {
        double in[2] = {0, 0}, out[2] = {0, 0}, r[2];
        for (int l = 0; l < m; l++) {
            in[l] = p->precision ? ((double *)x.p)[k * x.dist * m + l] : ((float *)x.p)[k * x.dist * m + l];
            if (read) out[l] = p->precision ? ((double *)y.p)[k * y.dist * m + l] : ((float *)y.p)[k * y.dist * m + l];
        }
        for (int l = 0; l < m; l++) {
            r[l] = s->alpha[0] * in[l];
            if (s->alpha[1] != 0) r[l] += (l ? 1 : -1) * s->alpha[1] * in[1 - l];
            if (read) r[l] += s->beta[0] * out[l];
            if (read && s->beta[1] != 0) r[l] += (l ? 1 : -1) * s->beta[1] * out[1 - l];
        }
        for (int l = 0; l < m; l++) {
            if (p->precision)
                ((double *)y.p)[k * y.dist * m + l] = r[l];
            else
                ((float *)y.p)[k * y.dist * m + l] = (float)r[l];
        }
    }
}

#define APART_BYTES (1024 * 1024) /* factors that each thread packs for itself, at most */

/* Any number of tiles, shared by threads; the factors packed or not. */
static int many_tiles(const bfly_product *p)
{
    bfly_program P;
    job J = {.p = p, .P = &P, .k = bfly_current_isa()->kernels[p->precision]};
    J.size = p->precision ? sizeof(double) : sizeof(float);
    bfly_program_init(&P, p->op, p->order, p->form, p->n, p->complex_w, p->complex_x, J.k->logw, 2);
    const double numbers = (double)p->n * (double)p->count * (p->complex_w ? 4 : p->complex_x ? 2 : 1);
    int threads = bfly_threads_for(numbers * P.logn * (double)J.size);
    int inside;
    J.block = bfly_tile_count(&P, J.size, p->count, threads, &inside);

    const bfly_int blocks = bfly_tiles(p->count, J.block);
    const int packed = blocks > 1 || P.tied; /* tied factors are few, and serve a vector many times */
    const size_t tile = bfly_tile_bytes(&P, J.size, J.block), coef = packed ? bfly_coef_bytes(&P, J.size) : 0;
    if (threads > blocks) threads = (int)blocks;
    /* Alone with its tiles, a thread packs all factors for itself as long as they are small: where processors share no
     * cache, what the other has packed costs more (f32, n = 1024, 256 vectors: by two threads as long as by one, apart
     * 1.6 times as fast). */
    const int apart = inside == 1 && (threads == 1 || coef <= APART_BYTES);

    bfly_work memory;
    char *base = bfly_work_get(&memory, (double)coef * (apart ? threads : 1) + (double)tile * threads);
    if (!base) return BFLY_ENOMEM;
    if (packed) J.coef = base;
    J.pack = packed && apart;
    if (threads == 1 && inside == 1)
        run_blocks(&J, 0, blocks, base + coef, 0, 1);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(inside > 1 ? inside : threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), nt = bfly_team_size();
            bfly_fp_begin(t);
            job mine = J;
            char *scratch = base + coef;
            if (apart) {
                scratch = base + (coef + tile) * (size_t)t;
                if (packed) mine.coef = scratch;
                scratch += coef;
            } else {
                if (packed) pack(&J, t, nt);
                if (inside == 1) scratch += tile * (size_t)t;
#pragma omp barrier
            }
            if (inside > 1)
                run_blocks(&mine, 0, blocks, scratch, t, nt);
            else
                run_blocks(&mine, blocks * t / nt, blocks * (t + 1) / nt, scratch, 0, 1);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

/* Few short vectors: one tile on the stack, nothing to pack in advance or to share. What is outside
 * the kernel costs as much as the kernel here, so it is in line, with the types as constants. */
enum { SHORT = 256, FEW = 4 };
static BFLY_INLINE void few_short(int precision, int complex_w, int complex_x, int op, int order, int form, bfly_int n,
                                 bfly_int count, const void *w, bfly_vectors x, bfly_vectors y, const bfly_scale *scale)
{
    const bfly_kernels *k = bfly_current_isa()->kernels[precision];
    char tile[FEW * SHORT * 2 * sizeof(double) + BFLY_ALIGN];
    char packed[7 * SHORT * 2 * sizeof(double) + BFLY_ALIGN]; /* tied: 4 n numbers, those inside registers repeated */
    void *coef = NULL;
    bfly_program P;
    /* one row is as long as the vector; of real numbers, it takes more stages a pass */
    const int three = !complex_x && count == 1 && k->most == 3;
    const int tied = form == BFLY_TIED && n > (bfly_int)1 << (k->logw + (three ? 3 : 2));
    const int logrow = k->logw + (count > 1 ? 2 : 0);
    if (three && !tied)
        bfly_program_set(&P, op, order, form, n, complex_w, complex_x, k->logw, 3, logrow);
    else
        bfly_program_set(&P, op, order, form, n, complex_w, complex_x, k->logw, 2, logrow);
    if (tied) { /* each number serves several blocks */
        coef = bfly_aligned(packed);
        for (int i = 0; i < P.npass; i++) k->pack(&P, &P.pass[i], w, coef, 0, P.pass[i].period);
    }
    k->mul(&P, coef, coef ? NULL : w, x, y, count, scale, bfly_aligned(tile));
}

int bfly_product_run(const bfly_product *p)
{
    const int writes_only = p->scale.alpha[0] == 0 && p->scale.alpha[1] == 0;
    if (p->count == 0 || (bfly_querying() && (writes_only || p->n == 1))) return 0;
    if (writes_only)
        scale_only(p);
    else if (p->n == 1)
        one_number(p);
    else if (p->n <= SHORT && p->count <= FEW && p->x.p && bfly_lent.mode == BFLY_OWN)
        few_short(p->precision, p->complex_w, p->complex_x, p->op, p->order, p->form, p->n, p->count, p->w, p->x, p->y,
                  &p->scale);
    else
        return many_tiles(p);
    return 0;
}

/* alpha, beta: of the type of the vectors; memory: BFLY_OWN, or that of a function with _work */
static BFLY_INLINE int mul(int memory, int precision, int complex_w, int complex_x, int op, int order, int form,
                           bfly_int n, bfly_int count, const void *alpha, const void *w, const void *x,
                           bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy, bfly_int disty)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (complex_x ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, bfly_is_order(order));
    BFLY_CHECK(3, bfly_is_form(form));
    BFLY_CHECK(4, bfly_is_power_of_two(n));
    BFLY_CHECK(5, count >= 0);
    BFLY_CHECK(6, alpha);
    const bfly_scalar a = bfly_scalar_at(precision, complex_x, alpha);
    BFLY_CHECK(7, BFLY_LIKELY(w != NULL) || n == 1 || count <= 0 || bfly_is_zero(a));
    BFLY_CHECK(8, BFLY_LIKELY(x != NULL) || count <= 0 || bfly_is_zero(a));
    BFLY_CHECK(11, beta);
    const bfly_scalar b = bfly_scalar_at(precision, complex_x, beta);
    BFLY_CHECK(12, BFLY_LIKELY(y != NULL) || count == 0);
    BFLY_CHECK(13, BFLY_LIKELY(incy != 0) || n == 1);
    BFLY_CHECK(14, BFLY_LIKELY(disty != 0) || count <= 1);
    if (!bfly_fits(n, incx, count, distx, size) || !bfly_fits(n, incy, count, disty, size)) return BFLY_EOVERFLOW;
    const bfly_vectors vx = {(char *)x, incx, distx}, vy = {y, incy, disty};
    const int plain =
        BFLY_LIKELY(a.re == 1) && BFLY_LIKELY(b.re == 0) && BFLY_LIKELY(a.im == 0) && BFLY_LIKELY(b.im == 0);
    if (n > 1 && n <= SHORT && count > 0 && count <= FEW && (plain || !bfly_is_zero(a))) {
        static const bfly_scale one = {{1, 0}, {0, 0}, 1};
        bfly_scale other;
        if (!plain) other = bfly_scale_by(a, b);
        const bfly_scale *scale = plain ? &one : &other;
        if (memory == BFLY_QUERY) return 0; /* it takes nothing but stack */
        if (BFLY_LIKELY(form == BFLY_UNTIED))
            few_short(precision, complex_w, complex_x, op, order, BFLY_UNTIED, n, count, w, vx, vy, scale);
        else
            few_short(precision, complex_w, complex_x, op, order, BFLY_TIED, n, count, w, vx, vy, scale);
        return 0;
    }
    return bfly_product_run(&(bfly_product){precision, complex_w, complex_x, op, order, form, n, count, w, vx, vy,
                                            bfly_scale_by(a, b)});
}

/* the result of a product of one vector by the positions of bmv's arguments: it has no count, distx and disty */
static inline int of_one(int result) { return result <= -11 ? result + 2 : result <= -6 ? result + 1 : result; }

#define REAL_MUL(t, type, precision)                                                                                     \
    int bfly_##t##mul(int op, int order, int form, bfly_int n, bfly_int count, type alpha, const type *w,                \
                      const type *x, bfly_int incx, bfly_int distx, type beta, type *y, bfly_int incy,                   \
                      bfly_int disty)                                                                                    \
    {                                                                                                                    \
        REPORT(mul(BFLY_OWN, precision, 0, 0, op, order, form, n, count, &alpha, w, x, incx, distx, &beta, y, incy,      \
                   disty));                                                                                              \
    }                                                                                                                    \
    int bfly_##t##bmv(int op, int order, int form, bfly_int n, type alpha, const type *w, const type *x,                 \
                      bfly_int incx, type beta, type *y, bfly_int incy)                                                  \
    {                                                                                                                    \
        REPORT(of_one(mul(BFLY_OWN, precision, 0, 0, op, order, form, n, 1, &alpha, w, x, incx, 0, &beta, y, incy, 0))); \
    }                                                                                                                    \
    int bfly_##t##mul_work(int op, int order, int form, bfly_int n, bfly_int count, type alpha, const type *w,           \
                           const type *x, bfly_int incx, bfly_int distx, type beta, type *y, bfly_int incy,              \
                           bfly_int disty, void *work, bfly_int *bytes)                                                  \
    {                                                                                                                    \
        REPORT_WORK(16, mul(work ? BFLY_LENT : BFLY_QUERY, precision, 0, 0, op, order, form, n, count, &alpha, w, x,     \
                            incx, distx, &beta, y, incy, disty));                                                        \
    }
#define COMPLEX_MUL(t, type, wtype, precision, complex_w)                                                                \
    int bfly_##t##mul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const wtype *w,        \
                      const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,            \
                      bfly_int disty)                                                                                    \
    {                                                                                                                    \
        REPORT(mul(BFLY_OWN, precision, complex_w, 1, op, order, form, n, count, alpha, w, x, incx, distx, beta,         \
                   y, incy, disty));                                                                                     \
    }                                                                                                                    \
    int bfly_##t##bmv(int op, int order, int form, bfly_int n, const void *alpha, const wtype *w, const void *x,         \
                      bfly_int incx, const void *beta, void *y, bfly_int incy)                                           \
    {                                                                                                                    \
        REPORT(of_one(mul(BFLY_OWN, precision, complex_w, 1, op, order, form, n, 1, alpha, w, x, incx, 0, beta,          \
                          y, incy, 0)));                                                                                 \
    }                                                                                                                    \
    int bfly_##t##mul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,                   \
                           const wtype *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y,      \
                           bfly_int incy, bfly_int disty, void *work, bfly_int *bytes)                                   \
    {                                                                                                                    \
        REPORT_WORK(16, mul(work ? BFLY_LENT : BFLY_QUERY, precision, complex_w, 1, op, order, form, n, count, alpha,    \
                            w, x, incx, distx, beta, y, incy, disty));                                                   \
    }
REAL_MUL(s, float, 0)
REAL_MUL(d, double, 1)
COMPLEX_MUL(c, float, void, 0, 1)
COMPLEX_MUL(z, double, void, 1, 1)
COMPLEX_MUL(cs, float, float, 0, 0)
COMPLEX_MUL(zd, double, double, 1, 0)
