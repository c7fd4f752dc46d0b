/* program.h - from (op, order, form, n) to the list of passes that the kernels execute. */
#ifndef BFLY_PROGRAM_H
#define BFLY_PROGRAM_H

#include "internal.h"

/* of a power of two */
static BFLY_INLINE int bfly_log2(bfly_int n)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll((unsigned long long)n);
#else
    int l = 0;
    while (((bfly_int)1 << l) < n) l++;
    return l;
#endif
}

/* log2 of the vectors that share a row, and the rows of so many vectors */
static BFLY_INLINE int bfly_log_per_row(const bfly_program *P) { return bfly_log2(P->row) - P->logn; }

static BFLY_INLINE bfly_int bfly_rows(const bfly_program *P, bfly_int count)
{
    const int log = bfly_log_per_row(P);
    return (count + ((bfly_int)1 << log) - 1) >> log;
}

/* q stages inside a register and e, of `above` in all, between registers at distance 2^lh */
static BFLY_INLINE void bfly_put_pass(bfly_program *P, bfly_pass *A, int kind, int q, int e, int above, int lh)
{
    A->kind = kind;
    A->form = BFLY_PASS_PLAIN;
    A->q = q;
    A->e = e;
    A->lh = lh;
    A->first = 0;
    A->nblocks = P->row >> (P->logw + e);
    /* short vectors repeat their coefficients along the row, tied ones along the vector */
    A->period = (bfly_int)1 << (P->tied ? lh : above - e);
    A->bcoef = (bfly_int)2 * (q + e) << e;
    A->coef = P->ncoef;
    P->ncoef += A->period * A->bcoef;
}

/* A row has at least 2^logrow numbers. A pass has at most `most` stages between registers. In order of increasing stride:
 * the first has what the others, of two each, leave to it; as many as it may where that is not enough, and so on. */
static BFLY_INLINE void bfly_program_set(bfly_program *P, int op, int order, int form, bfly_int n, int complex_w,
                                         int complex_x, int logw, int most, int logrow)
{
    const int logn = bfly_log2(n), above = logn > logw ? logn - logw : 0;
    const int passes = above > most ? (above + most - 1) / most : 1;
    int e = above - 2 * (passes - 1);
    if (most > 2 && e > most) e = most;

    P->n = n;
    P->row = (bfly_int)1 << (logn > logrow ? logn : logrow);
    P->logn = logn;
    P->logw = logw;
    P->transpose = op == BFLY_TRANS || op == BFLY_CONJ_TRANS;
    P->conj = complex_w && op >= BFLY_CONJ_TRANS;
    P->tied = form == BFLY_TIED;
    P->increasing = order == BFLY_INCREASING;
    P->decreasing = P->increasing == P->transpose;
    P->complex_w = complex_w;
    P->complex_x = complex_x;
    P->npass = passes;
    P->ncoef = 0;
    const int step = P->decreasing ? -1 : 1;
    bfly_pass *A = P->pass + (P->decreasing ? passes - 1 : 0);
    const int low = most < 3 || e < 3 ? BFLY_PASS_SMALL + e : e == 3 ? BFLY_PASS_LOW3 : BFLY_PASS_LOW4;
    bfly_put_pass(P, A, low, logn - above, e, above, 0);
    for (int i = 1, done = e; i < passes; i++, done += e) {
        A += step;
        const int left = above - done - 2 * (passes - 1 - i);
        e = most < 3 ? 2 : left < most ? left : most;
        bfly_put_pass(P, A, e == 2 ? BFLY_PASS_PAIRS2 : e == 3 ? BFLY_PASS_PAIRS3 : BFLY_PASS_PAIRS4, 0, e, above, done);
    }
}

#endif
