/* reference.h - the mathematics of butterfly.h written down naively, stage by stage, in long double.
 *
 * Every function also returns the bound that the library promises to stay near: the same computation on absolute
 * values, |S_L| ... |S_1| |x|.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "types.h"

typedef struct matrix {
    int op, order, form;
    bfly_int n;
    int logn;
    const num *w; /* as the caller of the library stores them, converted */
} matrix;

num mul_num(num a, num b);
num conj_num(num a);
long double abs_num(num a);

int log2_int(bfly_int n);
bfly_int numbers_in(bfly_int n, int form); /* entries of w */

/* y := op(B) x and bound := op(|B|) |x| */
void reference_apply(const matrix *B, const num *x, num *y, long double *bound);

/* One vector's part, added to gw (NULL: not wanted) and written to gx; the bounds likewise. */
void reference_grad(const matrix *B, const num *x, const num *gy, num *gw, long double *gw_bound, num *gx,
                    long double *gx_bound);

/* Relaxed permutation and its gradient. */
void reference_relaxed(int op, bfly_int n, const num *prob, const num *x, num *y, long double *bound);
void reference_relaxed_grad(int op, bfly_int n, const num *prob, const num *x, const num *gy, long double *gprob,
                            long double *gprob_bound, num *gx, long double *gx_bound);

/* |a - b| <= tolerance, false for NaN */
int near_num(num a, num b, long double tolerance);

#endif
