/* plan_reduce.c - a butterfly in the form that a plan multiplies by.
 *
 * A stage is y[p] = D[p] x[p] + O[p] x[p ^ stride]. With x = s x', s a diagonal that starts as pre:
 *
 *     y[p] = A[p] (x'[p] + t[p] x'[p ^ stride]),   A = D s,  t = O[p] s[p ^ stride] / A[p],   and s := A for the next one
 *
 * so that only the last stage, which takes in s and post, keeps two numbers for each position. r[p] is the largest entry
 * in row p of the product so far (rows of a butterfly add up disjoint sets of entries), r / |s| the growth of x' over
 * that of the plain product. Where a pass cannot be reduced safely it keeps D and O, takes in s and starts again from
 * s = 1. Everything in double precision, one stage at a time.
 */
#include <float.h>
#include <math.h>

#include "plan.h"

enum { PLAIN, REDUCED, FFT };

typedef struct work {
    const bfly_node *node;
    const bfly_program *P;
    int precision, conj, swaps; /* swaps: op exchanges b and c */
    const bfly_complex *post;
    bfly_complex *D, *O, *s, *next_s, *kept_s, *mean;
    double *r, *next_r, *kept_r;
    double growth, largest_growth, smallest, largest, eps, spent;
    int dft, uniform, closed; /* what is_fft found; no number is left for the last stage */
    double scale, sign;
} work;

static double size_of(bfly_complex a) { return a.im == 0 ? fabs(a.re) : hypot(a.re, a.im); }

static bfly_complex over(bfly_complex a, bfly_complex b)
{
    if (a.im == 0 && b.im == 0) return (bfly_complex){a.re / b.re, 0};
    const double m = 1 / (b.re * b.re + b.im * b.im);
    return (bfly_complex){(a.re * b.re + a.im * b.im) * m, (a.im * b.re - a.re * b.im) * m};
}

/* D and O of the stage of stride 2^ls, after op */
static void stage_of(const work *K, int ls)
{
    const bfly_item *I = K->node->item;
    const bfly_program *P = K->P;
    for (bfly_int p = 0; p < P->n; p++) {
        const int second = bfly_is_second(p, ls);
        const bfly_int block = 4 * bfly_block_of(bfly_pair_of(p, ls), ls, P->logn, P->tied, P->increasing);
        K->D[p] = bfly_number(I->data, I->type, block + (second ? 3 : 0), K->conj);
        K->O[p] = bfly_number(I->data, I->type, block + (second != K->swaps ? 2 : 1), K->conj);
    }
}

/* normal in the plan's precision, parts that vanish aside */
static int is_normal(const work *K, bfly_complex a)
{
    const double m = size_of(a);
    return m == 0 || (m >= K->smallest && m <= K->largest);
}

/* relative to b, in units of the precision */
static double distance(const work *K, bfly_complex a, bfly_complex b)
{
    return size_of((bfly_complex){a.re - b.re, a.im - b.im}) / (K->eps * size_of(b));
}

/* Numbers are made equal that differ by a few roundings of the factors, and only while all such changes of the matrix
 * stay below its bound: 5 of the 8 roundings a stage, the arithmetic needs less than the rest. */
static int spend(work *K, double units)
{
    if (!(units <= 8 && K->spent + units <= 5 * (double)K->P->logn)) return 0;
    K->spent += units;
    return 1;
}

static int is_one(bfly_complex a) { return a.re == 1 && a.im == 0; }

static void next_stage(work *K)
{
    bfly_complex *s = K->s;
    K->s = K->next_s;
    K->next_s = s;
    double *r = K->r;
    K->r = K->next_r;
    K->next_r = r;
}

/* D, O := the numbers to store for this stage, s and r for the next; 0 when that is not safe */
static int reduce_stage(work *K, int ls, int full, int last)
{
    const bfly_int n = K->P->n, stride = (bfly_int)1 << ls;
    stage_of(K, ls);
    for (bfly_int p = 0; p < n; p++) {
        const bfly_int q = p ^ stride;
        const bfly_complex d = K->D[p], o = K->O[p];
        bfly_complex A = bfly_times(d, K->s[p]), B = bfly_times(o, K->s[q]);
        if (full) {
            if (last && K->post) {
                A = bfly_times(A, K->post[p]);
                B = bfly_times(B, K->post[p]);
            }
            /* numbers as given may be anything; products may not leave the range */
            const int given = is_one(K->s[p]) && is_one(K->s[q]) && !(last && K->post);
            if (!given && !(is_normal(K, A) && is_normal(K, B))) return 0;
            /* nor may a product vanish that is not zero */
            if (!given && ((size_of(A) == 0 && size_of(d) != 0 && size_of(K->s[p]) != 0 && !last) ||
                           (size_of(B) == 0 && size_of(o) != 0 && size_of(K->s[q]) != 0 && !last)))
                return 0;
            K->D[p] = A;
            K->O[p] = B;
            K->next_s[p] = (bfly_complex){1, 0};
            K->next_r[p] = 1;
            continue;
        }
        const double a = size_of(A), row = fmax(size_of(d) * K->r[p], size_of(o) * K->r[q]);
        if (!(a >= K->smallest && a <= K->largest)) return 0;
        const bfly_complex t = over(B, A);
        if (!is_normal(K, t) || (size_of(t) == 0 && size_of(o) != 0)) return 0;
        const double growth = row / a;
        if (!(growth <= K->largest_growth)) return 0;
        if (growth > K->growth) K->growth = growth;
        K->O[p] = t;
        K->next_s[p] = A;
        K->next_r[p] = row;
    }
    next_stage(K);
    return 1;
}

static void start(work *K, const bfly_complex *pre)
{
    for (bfly_int p = 0; p < K->P->n; p++) {
        K->s[p] = pre ? pre[p] : (bfly_complex){1, 0};
        K->r[p] = pre ? size_of(pre[p]) : 1;
    }
    K->growth = 1;
    K->spent = 0;
}

/* Makes w equal, and 1 or +-i, where it is that up to rounding, in all blocks of a stage of a Fourier transform: of
 * those with the same position inside the stride (increasing) or of the same block (decreasing). */
static int tie(work *K, int ls)
{
    const bfly_int pairs = K->P->n / 2, stride = (bfly_int)1 << ls;
    const int up = !K->P->decreasing;
    const bfly_int classes = up ? stride : pairs >> ls;
    memset(K->mean, 0, (size_t)classes * sizeof *K->mean);
    for (bfly_int i = 0; i < pairs; i++) {
        const bfly_complex w = K->O[bfly_first_of(i, ls)];
        bfly_complex *m = &K->mean[up ? i & (stride - 1) : i >> ls];
        m->re += w.re;
        m->im += w.im;
    }
    for (bfly_int c = 0; c < classes; c++) {
        static const bfly_complex simple[] = {{1, 0}, {0, 1}, {0, -1}};
        K->mean[c].re *= (double)classes / (double)pairs;
        K->mean[c].im *= (double)classes / (double)pairs;
        for (int k = 0; k < 3; k++)
            if (distance(K, K->mean[c], simple[k]) <= 4) K->mean[c] = simple[k];
    }
    double most = 0;
    for (bfly_int i = 0; i < pairs; i++)
        most = fmax(most, distance(K, K->O[bfly_first_of(i, ls)], K->mean[up ? i & (stride - 1) : i >> ls]));
    if (!spend(K, most)) return 0;
    for (bfly_int i = 0; i < pairs; i++) {
        const bfly_complex w = K->mean[up ? i & (stride - 1) : i >> ls];
        K->O[bfly_first_of(i, ls)] = w;
        K->O[bfly_first_of(i, ls) + stride] = (bfly_complex){-w.re, -w.im};
    }
    return 1;
}

/* One stage as diag [[1, w], [1, -w]], columns first: A, C the pivots of a pair; 0 when it is not, or that is not safe */
static int fft_stage(work *K, int ls, int *tied)
{
    const bfly_int pairs = K->P->n / 2, stride = (bfly_int)1 << ls;
    stage_of(K, ls);
    double most = 0;
    for (bfly_int i = 0; i < pairs; i++) {
        const bfly_int p = bfly_first_of(i, ls), q = p + stride;
        const double row_p = fmax(size_of(K->D[p]) * K->r[p], size_of(K->O[p]) * K->r[q]);
        const double row_q = fmax(size_of(K->O[q]) * K->r[p], size_of(K->D[q]) * K->r[q]);
        const bfly_complex A = bfly_times(K->D[p], K->s[p]), B = bfly_times(K->O[p], K->s[q]);
        const bfly_complex C = bfly_times(K->O[q], K->s[p]), D = bfly_times(K->D[q], K->s[q]);
        const double a = size_of(A), c = size_of(C);
        if (!(a >= K->smallest && a <= K->largest && c >= K->smallest && c <= K->largest)) return 0;
        const bfly_complex u = over(B, A), v = over(D, C), w = {(u.re - v.re) / 2, (u.im - v.im) / 2};
        if (size_of(w) == 0 || !is_normal(K, w)) return 0;
        most = fmax(most, distance(K, u, w));
        if (!(most <= 8)) return 0;
        const double growth = fmax(row_p / a, row_q / c);
        if (!(growth <= K->largest_growth)) return 0;
        if (growth > K->growth) K->growth = growth;
        K->O[p] = w;
        K->O[q] = (bfly_complex){-w.re, -w.im};
        K->next_s[p] = A;
        K->next_s[q] = C;
        K->next_r[p] = row_p;
        K->next_r[q] = row_q;
    }
    if (!spend(K, most)) return 0;
    *tied = tie(K, ls);
    next_stage(K);
    return 1;
}

/* Are all stages of that form? Then also: does the transform begin with w = 1, then 1 and +-i, then 1, +-i and two
 * others; is the diagonal that is left one real number. */
static int is_fft(work *K, const bfly_complex *pre)
{
    const bfly_program *P = K->P;
    const bfly_int n = P->n;
    if (!P->complex_w) return 0;
    start(K, pre);
    K->dft = 1;
    for (int k = 0; k < P->logn; k++) {
        const int ls = P->decreasing ? P->logn - 1 - k : k;
        int tied = 0;
        if (!fft_stage(K, ls, &tied)) return 0;
        if (k > 2) continue;
        /* tied, so that one pair speaks for all of its kind */
        const bfly_int turned = k == 0 ? 0 : P->decreasing ? (bfly_int)1 << ls : k;
        const bfly_complex first = K->O[0], second = K->O[bfly_first_of(turned, ls)];
        K->dft &= tied && first.re == 1 && first.im == 0;
        if (k == 1) K->sign = second.im;
        if (k > 0) K->dft &= second.re == 0 && fabs(second.im) == 1 && second.im == K->sign;
    }
    const bfly_complex c = {K->post ? bfly_times(K->s[0], K->post[0]).re : K->s[0].re, 0};
    double most = fabs(c.re) >= K->smallest && fabs(c.re) <= K->largest ? 0 : INFINITY;
    for (bfly_int p = 0; p < n; p++) most = fmax(most, distance(K, K->post ? bfly_times(K->s[p], K->post[p]) : K->s[p], c));
    K->uniform = spend(K, most);
    K->scale = distance(K, c, (bfly_complex){1, 0}) <= 4 ? 1 : c.re;
    return 1;
}

/* packs a pass in this form; 0 when that is not safe, s and r then as before */
static int try_form(work *K, bfly_pass *A, int form, int is_last, void *out)
{
    const int levels = A->q + A->e, fft = form == BFLY_PASS_FFT || form == BFLY_PASS_FFT_LAST || form == BFLY_PASS_DFT;
    const size_t n = (size_t)K->P->n;
    bfly_plan_set_form(A, form);
    memcpy(K->kept_s, K->s, n * sizeof *K->s);
    memcpy(K->kept_r, K->r, n * sizeof *K->r);
    const double growth = K->growth;
    for (int k = 0; k < levels; k++) {
        const int ls = bfly_plan_stride(K->P, A, k), end = k == levels - 1;
        const int full = form == BFLY_PASS_PLAIN || ((form == BFLY_PASS_LAST || form == BFLY_PASS_FFT_LAST) && end);
        int tied;
        if (!(fft && !full ? fft_stage(K, ls, &tied) : reduce_stage(K, ls, full, is_last && end))) {
            memcpy(K->s, K->kept_s, n * sizeof *K->s);
            memcpy(K->r, K->kept_r, n * sizeof *K->r);
            K->growth = growth;
            return 0;
        }
        if (form != BFLY_PASS_DFT || k >= A->e)
            bfly_plan_put_stage(K->P, A, K->precision, k, K->D, K->O, out);
        else if (k == A->e - 1)
            bfly_plan_put_dft(K->P, A, K->precision, K->scale, K->sign, K->O, out);
    }
    return 1;
}

static int is_low(const bfly_pass *A)
{
    return A->kind == BFLY_PASS_LOW1 || A->kind == BFLY_PASS_LOW2 || A->kind == BFLY_PASS_LOW3;
}

/* A pass of a butterfly that is_fft has recognised: those with stages inside registers as before. What is left at the end
 * goes into the last stage, or as one number into the first. */
static int fft_form(const work *K, int i)
{
    const bfly_program *P = K->P;
    const int is_last = i == P->npass - 1;
    if (is_low(&P->pass[i])) return is_last ? BFLY_PASS_LAST : BFLY_PASS_REDUCED;
    if (is_last && !K->closed) return BFLY_PASS_FFT_LAST;
    return i == 0 && K->dft ? BFLY_PASS_DFT : BFLY_PASS_FFT;
}

/* all passes; 1: done; 0: not safe; -1: no memory; -2: a pass that has no plain form */
static int pack_passes(bfly_plan *plan, work *K, bfly_program *P, int reducing, const bfly_complex *pre, void *packed)
{
    const size_t vector = ((plan->precision ? sizeof(double) : sizeof(float)) * (P->complex_w ? 2 : 1)) << P->logw;
    start(K, pre);
    for (int i = 0; i < P->npass; i++) {
        bfly_pass *A = &P->pass[i];
        const int is_last = i == P->npass - 1, small = A->kind == BFLY_PASS_SMALL;
        const int plain = A->kind < BFLY_PLAIN_KINDS;
        const int form = reducing == FFT ? fft_form(K, i) : is_last ? BFLY_PASS_LAST : BFLY_PASS_REDUCED;
        A->coef = 0;
        A->period = (P->n >> P->logw) >> A->e;
        if (A->period < 1 || form == BFLY_PASS_DFT) A->period = 1;
        if (!((reducing && !small && try_form(K, A, form, is_last, packed)) ||
              (plain && reducing != FFT && try_form(K, A, BFLY_PASS_PLAIN, is_last, packed))))
            return plain ? 0 : -2;
        const bfly_int vectors = bfly_plan_shorten(A, packed, vector);
        void *data = bfly_plan_alloc(plan, (double)vectors * (double)vector);
        if (!data) return -1;
        memcpy(data, packed, (size_t)vectors * vector);
        A->data = data;
    }
    return 1;
}

static void note(bfly_plan *plan, const work *K)
{
    const bfly_program *P = K->P;
    bfly_info *info = &plan->info;
    info->stages += P->logn;
    info->passes += P->npass;
    if (K->growth > info->growth) info->growth = K->growth;
    const size_t vector = ((plan->precision ? sizeof(double) : sizeof(float)) * (P->complex_w ? 2 : 1)) << P->logw;
    for (int i = 0; i < P->npass; i++) {
        const bfly_pass *A = &P->pass[i];
        const int levels = A->q + A->e, is_last = i == P->npass - 1;
        const int reduced = A->form == BFLY_PASS_REDUCED ? levels : A->form == BFLY_PASS_LAST ? levels - 1 : 0;
        const int fft = A->form == BFLY_PASS_FFT || A->form == BFLY_PASS_DFT ? levels : A->form == BFLY_PASS_FFT_LAST ? levels - 1 : 0;
        info->reduced_stages += reduced;
        info->fft_stages += fft;
        /* the last stage and vectors that fit in one register are plain by choice */
        if (A->kind != BFLY_PASS_SMALL) info->fallback_stages += levels - reduced - fft - (is_last && fft < levels);
        info->bytes += A->period * A->bcoef * (bfly_int)vector;
        const double each = P->complex_w ? 8 : P->complex_x ? 4 : 2;
        info->flops += (double)P->n * (each * (reduced + 1.5 * (levels - reduced - fft)) + 5.0 * fft);
    }
}

int bfly_plan_is_hadamard(const bfly_plan *plan, const bfly_node *node, double *scale)
{
    const bfly_item *I = node->item;
    const bfly_int blocks = bfly_blocks(plan->logn, I->form == BFLY_TIED);
    double product = 1;
    if (node->is_complex || node->pre || node->post) return 0;
    for (int ls = 0; ls < plan->logn; ls++) {
        const bfly_int pairs = I->form == BFLY_TIED ? (bfly_int)1 << ls : plan->n / 2;
        const bfly_int first = bfly_block_of(0, ls, plan->logn, I->form == BFLY_TIED, I->order == BFLY_INCREASING);
        const double c = bfly_number(I->data, I->type, 4 * first, 0).re;
        if (!(fabs(c) > 0 && fabs(c) <= DBL_MAX) || first + pairs > blocks) return 0;
        for (bfly_int i = 4 * first; i < 4 * (first + pairs); i++)
            if (bfly_number(I->data, I->type, i, 0).re != (i % 4 == 3 ? -c : c)) return 0;
        product *= c;
    }
    *scale = product;
    const double m = fabs(product);
    return plan->precision ? m >= DBL_MIN && m <= DBL_MAX : m >= FLT_MIN && m <= FLT_MAX;
}

int bfly_plan_reduce(bfly_plan *plan, const bfly_node *node, bfly_program *P, int *without_diagonals)
{
    const bfly_item *I = node->item;
    const double n = (double)plan->n;
    const size_t real = plan->precision ? sizeof(double) : sizeof(float);
    work K = {.node = node, .P = P, .precision = plan->precision, .post = node->post};
    K.swaps = bfly_transposes(I->op);
    K.conj = I->op == BFLY_CONJ || I->op == BFLY_CONJ_TRANS;
    K.largest_growth = plan->precision ? ldexp(1, 500) : ldexp(1, 60);
    K.eps = plan->precision ? DBL_EPSILON : (double)FLT_EPSILON;
    /* a margin for parts of complex numbers and for rounding to the precision */
    K.smallest = plan->precision ? ldexp(1, -960) : ldexp(1, -100);
    K.largest = plan->precision ? ldexp(1, 960) : ldexp(1, 120);

    /* the widest pass in four numbers for each pair */
    double packed = 0;
    for (int i = 0; i < P->npass; i++) {
        const bfly_pass *A = &P->pass[i];
        const double vectors = 2.0 * (A->q + A->e) * fmax(n / (double)(1 << P->logw), (double)(1 << A->e));
        if (vectors > packed) packed = vectors;
    }
    packed *= (double)((real * (P->complex_w ? 2 : 1)) << P->logw);
    bfly_work memory;
    char *base = bfly_work_get(&memory, packed + n * (6 * sizeof(bfly_complex) + 3 * sizeof(double)));
    if (!base) return BFLY_ENOMEM;
    K.D = (bfly_complex *)(base + (size_t)packed);
    K.O = K.D + plan->n;
    K.s = K.O + plan->n;
    K.next_s = K.s + plan->n;
    K.kept_s = K.next_s + plan->n;
    K.mean = K.kept_s + plan->n;
    K.r = (double *)(K.mean + plan->n);
    K.next_r = K.r + plan->n;
    K.kept_r = K.next_r + plan->n;

    *without_diagonals = 0;
    int done = 0;
    if (P->pass[0].kind != BFLY_PASS_SMALL && is_fft(&K, node->pre)) {
        const int low = is_low(&P->pass[0]) || is_low(&P->pass[P->npass - 1]);
        K.dft &= !is_low(&P->pass[0]) && (P->decreasing || P->reversed);
        K.closed = K.uniform && !low && (K.dft || K.scale == 1);
        if (!K.closed) K.scale = 1;
        if (P->npass == 1 && !K.closed) K.dft = 0;
        done = pack_passes(plan, &K, P, FFT, node->pre, base);
    }
    if (done == 0 || done == -2) done = pack_passes(plan, &K, P, REDUCED, node->pre, base);
    if (done == 0) done = pack_passes(plan, &K, P, PLAIN, node->pre, base);
    if (done == 0) {
        *without_diagonals = 1;
        K.post = NULL;
        done = pack_passes(plan, &K, P, PLAIN, NULL, base);
    }
    if (done > 0) note(plan, &K);
    bfly_work_free(&memory);
    return done > 0 ? 0 : done == -2 ? -1 : BFLY_ENOMEM;
}
