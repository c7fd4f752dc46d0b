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

typedef struct work {
    const bfly_node *node;
    const bfly_program *P;
    int precision, conj, swaps; /* swaps: op exchanges b and c */
    const bfly_complex *post;
    bfly_complex *D, *O, *s, *next_s, *kept_s;
    double *r, *next_r, *kept_r;
    double growth, largest_growth, smallest, largest;
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

static int is_one(bfly_complex a) { return a.re == 1 && a.im == 0; }

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
    bfly_complex *s = K->s;
    K->s = K->next_s;
    K->next_s = s;
    double *r = K->r;
    K->r = K->next_r;
    K->next_r = r;
    return 1;
}

static void put(const work *K, void *out, bfly_int vector, int lane, bfly_complex v)
{
    const int m = K->P->complex_w ? 2 : 1;
    const bfly_int at = (m * vector << K->P->logw) + lane;
    if (K->precision) {
        ((double *)out)[at] = v.re;
        if (m == 2) ((double *)out)[at + ((bfly_int)1 << K->P->logw)] = v.im;
    } else {
        ((float *)out)[at] = (float)v.re;
        if (m == 2) ((float *)out)[at + ((bfly_int)1 << K->P->logw)] = (float)v.im;
    }
}

/* the numbers of the k-th stage of a pass where kernel_pass.inc looks for them */
static void put_stage(const work *K, const bfly_pass *A, int k, int ls, int full, void *out)
{
    const bfly_program *P = K->P;
    const bfly_int n = P->n, h = (bfly_int)1 << A->lh, w = (bfly_int)1 << P->logw;
    const int many = full ? 2 : 1, unit = A->form == BFLY_PASS_PLAIN ? 2 : 1;
    for (bfly_int b = 0; b < A->period; b++) {
        const bfly_int start = (((b >> A->lh) << (A->lh + A->e)) + (b & (h - 1))) << P->logw;
        bfly_int at = b * A->bcoef + unit * ((bfly_int)k << A->e);
        if (ls < P->logw) {
            for (bfly_int g = 0; g < (bfly_int)1 << A->e; g++, at += many)
                for (bfly_int l = 0; l < w; l++) {
                    const bfly_int p = (start + (g << P->logw) + l) & (n - 1);
                    if (full) put(K, out, at, (int)l, K->D[p]);
                    put(K, out, at + many - 1, (int)l, K->O[p]);
                }
            continue;
        }
        const int t = ls - P->logw - A->lh;
        for (bfly_int i = 0; i < (bfly_int)1 << A->e >> 1; i++, at += 2 * many)
            for (bfly_int l = 0; l < w; l++) {
                const bfly_int p = start + ((bfly_first_of(i, t) * h) << P->logw) + l, q = p ^ (bfly_int)1 << ls;
                if (full) {
                    put(K, out, at, (int)l, K->D[p]);
                    put(K, out, at + 1, (int)l, K->O[p]);
                    put(K, out, at + 2, (int)l, K->O[q]);
                    put(K, out, at + 3, (int)l, K->D[q]);
                } else {
                    put(K, out, at, (int)l, K->O[p]);
                    put(K, out, at + 1, (int)l, K->O[q]);
                }
            }
    }
}

/* the stride of the k-th stage of a pass, in bits */
static int stride_of(const bfly_program *P, const bfly_pass *A, int k)
{
    const int levels = A->q + A->e, j = P->decreasing ? levels - 1 - k : k;
    return A->q ? j : P->logw + A->lh + j;
}

static bfly_int set_form(bfly_pass *A, int form)
{
    const bfly_int stage = (bfly_int)1 << A->e, levels = A->q + A->e;
    A->form = form;
    A->bcoef = form == BFLY_PASS_PLAIN ? 2 * levels * stage : form == BFLY_PASS_LAST ? (levels + 1) * stage : levels * stage;
    return A->bcoef * A->period;
}

/* packs a pass in this form; 0 when that is not safe, s and r then as before */
static int try_form(work *K, bfly_pass *A, int form, int is_last, void *out)
{
    const int levels = A->q + A->e;
    const size_t n = (size_t)K->P->n;
    set_form(A, form);
    memcpy(K->kept_s, K->s, n * sizeof *K->s);
    memcpy(K->kept_r, K->r, n * sizeof *K->r);
    const double growth = K->growth;
    for (int k = 0; k < levels; k++) {
        const int ls = stride_of(K->P, A, k), end = k == levels - 1;
        const int full = form == BFLY_PASS_PLAIN || (form == BFLY_PASS_LAST && end);
        if (!reduce_stage(K, ls, full, is_last && end)) {
            memcpy(K->s, K->kept_s, n * sizeof *K->s);
            memcpy(K->r, K->kept_r, n * sizeof *K->r);
            K->growth = growth;
            return 0;
        }
        put_stage(K, A, k, ls, full, out);
    }
    return 1;
}

/* Tied factors repeat along the row: one period is kept. */
static bfly_int shorten(bfly_pass *A, const char *packed, size_t bytes)
{
    while (A->period > 1) {
        const size_t half = (size_t)(A->period / 2 * A->bcoef) * bytes;
        if (memcmp(packed, packed + half, half) != 0) break;
        A->period /= 2;
    }
    return A->period * A->bcoef;
}

static void start(work *K, const bfly_complex *pre)
{
    for (bfly_int p = 0; p < K->P->n; p++) {
        K->s[p] = pre ? pre[p] : (bfly_complex){1, 0};
        K->r[p] = pre ? size_of(pre[p]) : 1;
    }
    K->growth = 1;
}

/* all passes; 1: done; 0: not safe; -1: no memory; -2: a pass too large for a plain one */
static int pack_passes(bfly_plan *plan, work *K, bfly_program *P, int reducing, const bfly_complex *pre, void *packed)
{
    const size_t vector = ((plan->precision ? sizeof(double) : sizeof(float)) * (P->complex_w ? 2 : 1)) << P->logw;
    start(K, pre);
    for (int i = 0; i < P->npass; i++) {
        bfly_pass *A = &P->pass[i];
        const int is_last = i == P->npass - 1, small = A->kind == BFLY_PASS_SMALL;
        A->coef = 0;
        A->period = (P->n >> P->logw) >> A->e;
        if (A->period < 1) A->period = 1;
        if (!((reducing && !small && !is_last && try_form(K, A, BFLY_PASS_REDUCED, is_last, packed)) ||
              (reducing && !small && is_last && try_form(K, A, BFLY_PASS_LAST, is_last, packed)) ||
              (A->e < 3 && try_form(K, A, BFLY_PASS_PLAIN, is_last, packed))))
            return A->e < 3 ? 0 : -2;
        const bfly_int vectors = shorten(A, packed, vector);
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
        info->reduced_stages += reduced;
        /* the last stage and vectors that fit in one register are plain by choice */
        if (A->kind != BFLY_PASS_SMALL) info->fallback_stages += levels - reduced - is_last;
        info->bytes += A->period * A->bcoef * (bfly_int)vector;
        const double each = P->complex_w ? 8 : P->complex_x ? 4 : 2;
        info->flops += (double)P->n * each * (reduced + 1.5 * (levels - reduced));
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
    /* a margin for parts of complex numbers and for rounding to the precision */
    K.smallest = plan->precision ? ldexp(1, -960) : ldexp(1, -100);
    K.largest = plan->precision ? ldexp(1, 960) : ldexp(1, 120);

    /* the widest pass in four numbers for each pair */
    double packed = 0;
    for (int i = 0; i < P->npass; i++) {
        const bfly_pass *A = &P->pass[i];
        const double vectors = 2.0 * (A->q + A->e) * (n > (double)(1 << P->logw) ? n / (double)(1 << P->logw) : 1);
        if (vectors > packed) packed = vectors;
    }
    packed *= (double)((real * (P->complex_w ? 2 : 1)) << P->logw);
    bfly_work memory;
    char *base = bfly_work_get(&memory, packed + n * (5 * sizeof(bfly_complex) + 3 * sizeof(double)));
    if (!base) return BFLY_ENOMEM;
    K.D = (bfly_complex *)(base + (size_t)packed);
    K.O = K.D + plan->n;
    K.s = K.O + plan->n;
    K.next_s = K.s + plan->n;
    K.kept_s = K.next_s + plan->n;
    K.r = (double *)(K.kept_s + plan->n);
    K.next_r = K.r + plan->n;
    K.kept_r = K.next_r + plan->n;

    *without_diagonals = 0;
    int done = pack_passes(plan, &K, P, 1, node->pre, base);
    if (done == 0) done = pack_passes(plan, &K, P, 0, node->pre, base);
    if (done == 0) {
        *without_diagonals = 1;
        K.post = NULL;
        done = pack_passes(plan, &K, P, 0, NULL, base);
    }
    if (done > 0) note(plan, &K);
    bfly_work_free(&memory);
    return done > 0 ? 0 : done == -2 ? -1 : BFLY_ENOMEM;
}
