/* plan_pack.c - where the numbers of a plan stand: the order in which kernel_pass.inc reads them.
 *
 * A stage inside a register has a vector (D, O or t) for each group, one between registers four, two or one (a b c d, b c
 * or w) for each pair of groups, in the order of application. Which position of the vector lane l of group r of a block
 * is depends on the kind of the pass alone.
 */
#include "plan.h"

/* lane l of register r in block b, while the k-th stage is applied */
static bfly_int position(const bfly_program *P, const bfly_pass *A, int k, bfly_int b, bfly_int r, bfly_int l)
{
    const bfly_int n = P->n, h = (bfly_int)1 << A->lh;
    const int leftover = P->logw > 3;
    switch (A->kind) {
    case BFLY_PASS_IN:
    case BFLY_PASS_OUT: /* the lowest bit of the caller's position is the highest of the lane where one is left */
        if (leftover) l = (l & 7) * 2 + (l >> 3);
        return bfly_reverse_bits(r * (n >> A->e) + (b << P->logw) + l, P->logn);
    case BFLY_PASS_SWAP2:
    case BFLY_PASS_SWAP3: { /* bit 3 and the highest have changed places */
        const bfly_int group = (b << (A->e - 1)) + (r & 1) * A->step[0] + (r >> 1), p = (group << P->logw) + l;
        const bfly_int differ = (p >> 3 ^ p >> (P->logn - 1)) & 1;
        return p ^ (differ << 3 | differ << (P->logn - 1));
    }
    case BFLY_PASS_SQUARE:
        l = r * 8 + (l & 7);
        return (k < 3) == (P->decreasing == 0) ? bfly_reverse_bits(l, P->logn) : l;
    default: return (((((b >> A->lh) << (A->lh + A->e)) + (b & (h - 1)) + r * h) << P->logw) + l) & (n - 1);
    }
}

int bfly_plan_stride(const bfly_program *P, const bfly_pass *A, int k)
{
    const int levels = A->q + A->e, j = P->decreasing ? levels - 1 - k : k;
    switch (A->kind) {
    case BFLY_PASS_PAIRS2:
    case BFLY_PASS_PAIRS3:
    case BFLY_PASS_PAIRS4: return P->logw + A->lh + j;
    case BFLY_PASS_SWAP2:
    case BFLY_PASS_SWAP3: return 3 + j;
    default: return j;
    }
}

/* the bit of the register that the k-th stage joins; -1: it is inside registers */
static int register_bit(const bfly_program *P, const bfly_pass *A, int k)
{
    switch (A->kind) {
    case BFLY_PASS_IN: return A->e - 1 - k;
    case BFLY_PASS_OUT: return k;
    case BFLY_PASS_SQUARE: return k < 3 ? 2 - k : k - 3;
    case BFLY_PASS_SWAP2:
    case BFLY_PASS_SWAP3:
    case BFLY_PASS_PAIRS2:
    case BFLY_PASS_PAIRS3:
    case BFLY_PASS_PAIRS4: return P->decreasing ? A->e - 1 - k : k;
    default: return bfly_plan_stride(P, A, k) - P->logw < 0 ? -1 : bfly_plan_stride(P, A, k) - P->logw;
    }
}

bfly_int bfly_plan_set_form(bfly_pass *A, int form)
{
    const bfly_int stage = (bfly_int)1 << A->e, levels = A->q + A->e;
    A->form = form;
    switch (form) {
    case BFLY_PASS_PLAIN: A->bcoef = 2 * levels * stage; break;
    case BFLY_PASS_LAST: A->bcoef = (levels + 1) * stage; break;
    case BFLY_PASS_REDUCED: A->bcoef = levels * stage; break;
    case BFLY_PASS_FFT: A->bcoef = levels * stage / 2; break;
    case BFLY_PASS_FFT_LAST: A->bcoef = (levels + 3) * stage / 2; break;
    case BFLY_PASS_DFT: A->bcoef = (A->e == 3 ? 3 : 1) + (levels - A->e) * stage / 2; break;
    default: A->bcoef = 0;
    }
    return A->bcoef * A->period;
}

/* where the k-th stage begins in a block */
static bfly_int before(const bfly_pass *A, int k)
{
    const bfly_int stages = (bfly_int)k << A->e;
    switch (A->form) {
    case BFLY_PASS_PLAIN: return 2 * stages;
    case BFLY_PASS_FFT:
    case BFLY_PASS_FFT_LAST: return stages / 2;
    case BFLY_PASS_DFT: return A->e == 3 ? 3 + (stages - (3 << A->e)) / 2 : 1;
    default: return stages;
    }
}

static void put(const bfly_program *P, int precision, void *out, bfly_int vector, bfly_int lane, bfly_complex v)
{
    const int m = P->complex_w ? 2 : 1;
    const bfly_int at = (m * vector << P->logw) + lane;
    if (precision) {
        ((double *)out)[at] = v.re;
        if (m == 2) ((double *)out)[at + ((bfly_int)1 << P->logw)] = v.im;
    } else {
        ((float *)out)[at] = (float)v.re;
        if (m == 2) ((float *)out)[at + ((bfly_int)1 << P->logw)] = (float)v.im;
    }
}

void bfly_plan_put_stage(const bfly_program *P, const bfly_pass *A, int precision, int k, const bfly_complex *D,
                         const bfly_complex *O, void *out)
{
    const bfly_int w = (bfly_int)1 << P->logw, pairs = (bfly_int)1 << A->e >> 1;
    const int t = register_bit(P, A, k), last = k == A->q + A->e - 1;
    const int full = A->form == BFLY_PASS_PLAIN || ((A->form == BFLY_PASS_LAST || A->form == BFLY_PASS_FFT_LAST) && last);
    const int half = !full && A->form != BFLY_PASS_REDUCED && A->form != BFLY_PASS_LAST, many = full ? 2 : 1;
    for (bfly_int b = 0; b < A->period; b++) {
        bfly_int at = b * A->bcoef + before(A, k);
        if (t < 0) {
            for (bfly_int g = 0; g < (bfly_int)1 << A->e; g++, at += many)
                for (bfly_int l = 0; l < w; l++) {
                    const bfly_int p = position(P, A, k, b, g, l);
                    if (full) put(P, precision, out, at, l, D[p]);
                    put(P, precision, out, at + many - 1, l, O[p]);
                }
            continue;
        }
        for (bfly_int i = 0; i < pairs; i++)
            for (bfly_int l = 0; l < w; l++) {
                const bfly_int r = bfly_first_of(i, t);
                const bfly_int p = position(P, A, k, b, r, l), q = position(P, A, k, b, r + ((bfly_int)1 << t), l);
                const bfly_int c = at + i * (half ? 1 : 2 * many);
                if (full) put(P, precision, out, c, l, D[p]);
                put(P, precision, out, c + many - 1, l, O[p]);
                if (!half) put(P, precision, out, c + many, l, O[q]);
                if (full) put(P, precision, out, c + 3, l, D[q]);
            }
    }
}

void bfly_plan_put_dft(const bfly_program *P, const bfly_pass *A, int precision, double scale, double sign,
                       const bfly_complex *O, void *out)
{
    for (bfly_int l = 0; l < (bfly_int)1 << P->logw; l++) {
        put(P, precision, out, 0, l, (bfly_complex){scale, sign});
        for (bfly_int i = 2; i < 4 && A->e == 3; i++)
            put(P, precision, out, i - 1, l, O[position(P, A, 2, 0, bfly_first_of(i, 0), l)]);
    }
}

/* Factors that repeat along the row are kept once: those of every block, or of all blocks that differ in the position
 * below the strides of the pass. */
bfly_int bfly_plan_shorten(bfly_pass *A, char *packed, size_t bytes)
{
    const size_t block = (size_t)A->bcoef * bytes;
    const bfly_int h = (bfly_int)1 << A->lh;
    bfly_int same = A->form != BFLY_PASS_PLAIN && A->lh > 0 && A->period == A->nblocks;
    for (bfly_int b = 0; b < A->period && same; b++)
        same = memcmp(packed + (size_t)b * block, packed + (size_t)(b & ~(h - 1)) * block, block) == 0;
    A->shift = same ? A->lh : 0;
    for (bfly_int b = 1; same && b < A->period >> A->lh; b++)
        memcpy(packed + (size_t)b * block, packed + (size_t)(b << A->lh) * block, block);
    A->period >>= A->shift;
    while (A->period > 1 && memcmp(packed, packed + (size_t)(A->period / 2) * block, (size_t)(A->period / 2) * block) == 0)
        A->period /= 2;
    return A->period * A->bcoef;
}
