/* reference.c - naive long double butterflies, relaxed permutations and their gradients. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

num mul_num(num a, num b) { return (num){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }

num conj_num(num a) { return (num){a.re, -a.im}; }

long double abs_num(num a) { return a.im == 0 ? fabsl(a.re) : sqrtl(a.re * a.re + a.im * a.im); }

static num add_num(num a, num b) { return (num){a.re + b.re, a.im + b.im}; }

int near_num(num a, num b, long double tolerance) { return abs_num((num){a.re - b.re, a.im - b.im}) <= tolerance; }

int log2_int(bfly_int n)
{
    int l = 0;
    while (n > 1) n /= 2, l++;
    return l;
}

bfly_int numbers_in(bfly_int n, int form) { return form == BFLY_TIED ? 4 * (n - 1) : 2 * n * log2_int(n); }

static bfly_int stride_of(const matrix *B, int k)
{
    return B->order == BFLY_INCREASING ? (bfly_int)1 << k : B->n >> (k + 1);
}

/* Where the block of pair i of the k-th stage stands in w. */
static bfly_int block_at(const matrix *B, int k, bfly_int i)
{
    bfly_int s = stride_of(B, k);
    return 4 * (B->form == BFLY_TIED ? s - 1 + i % s : k * (B->n / 2) + i);
}

/* The block as op applies it. */
static void block_of(const matrix *B, int k, bfly_int i, num M[2][2])
{
    const num *w = B->w + block_at(B, k, i);
    int transpose = B->op == BFLY_TRANS || B->op == BFLY_CONJ_TRANS;
    int conjugate = B->op == BFLY_CONJ || B->op == BFLY_CONJ_TRANS;
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++) {
            num v = transpose ? w[2 * c + r] : w[2 * r + c];
            M[r][c] = conjugate ? conj_num(v) : v;
        }
}

/* The stage that op applies j-th. */
static int stage_at(const matrix *B, int j)
{
    return B->op == BFLY_TRANS || B->op == BFLY_CONJ_TRANS ? B->logn - 1 - j : j;
}

static void apply_stage(const matrix *B, int k, num *v, long double *a)
{
    bfly_int s = stride_of(B, k);
    for (bfly_int i = 0; i < B->n / 2; i++) {
        bfly_int p = 2 * (i - i % s) + i % s;
        num M[2][2], u0 = v[p], u1 = v[p + s];
        long double a0 = a[p], a1 = a[p + s];
        block_of(B, k, i, M);
        v[p] = add_num(mul_num(M[0][0], u0), mul_num(M[0][1], u1));
        v[p + s] = add_num(mul_num(M[1][0], u0), mul_num(M[1][1], u1));
        a[p] = abs_num(M[0][0]) * a0 + abs_num(M[0][1]) * a1;
        a[p + s] = abs_num(M[1][0]) * a0 + abs_num(M[1][1]) * a1;
    }
}

void reference_apply(const matrix *B, const num *x, num *y, long double *bound)
{
    for (bfly_int i = 0; i < B->n; i++) {
        y[i] = x[i];
        bound[i] = abs_num(x[i]);
    }
    for (int j = 0; j < B->logn; j++) apply_stage(B, stage_at(B, j), y, bound);
}

/* dw[r][c] of the stored block from the input x and the gradient g of a pair: the table in butterfly.h. */
static num block_grad(int op, const num *x, const num *g, int r, int c)
{
    switch (op) {
    case BFLY_NO_TRANS: return mul_num(g[r], conj_num(x[c]));
    case BFLY_TRANS: return mul_num(conj_num(x[r]), g[c]);
    case BFLY_CONJ_TRANS: return mul_num(x[r], conj_num(g[c]));
    default: return mul_num(conj_num(g[r]), x[c]);
    }
}

void reference_grad(const matrix *B, const num *x, const num *gy, num *gw, long double *gw_bound, num *gx,
                    long double *gx_bound)
{
    bfly_int n = B->n;
    int L = B->logn;
    num *in = must_alloc((size_t)(n * (L + 1)) * sizeof *in);
    long double *in_abs = must_alloc((size_t)(n * (L + 1)) * sizeof *in_abs);
    for (bfly_int i = 0; i < n; i++) {
        in[i] = x[i];
        in_abs[i] = abs_num(x[i]);
        gx[i] = gy[i];
        gx_bound[i] = abs_num(gy[i]);
    }
    for (int j = 0; j < L; j++) {
        memcpy(in + (j + 1) * n, in + j * n, (size_t)n * sizeof *in);
        memcpy(in_abs + (j + 1) * n, in_abs + j * n, (size_t)n * sizeof *in_abs);
        apply_stage(B, stage_at(B, j), in + (j + 1) * n, in_abs + (j + 1) * n);
    }
    for (int j = L - 1; j >= 0; j--) {
        int k = stage_at(B, j);
        bfly_int s = stride_of(B, k);
        for (bfly_int i = 0; i < n / 2; i++) {
            bfly_int p = 2 * (i - i % s) + i % s, at = block_at(B, k, i);
            num u[2] = {in[j * n + p], in[j * n + p + s]}, g[2] = {gx[p], gx[p + s]}, M[2][2];
            long double ua[2] = {in_abs[j * n + p], in_abs[j * n + p + s]}, ga[2] = {gx_bound[p], gx_bound[p + s]};
            int transpose = B->op == BFLY_TRANS || B->op == BFLY_CONJ_TRANS;
            for (int r = 0; gw != NULL && r < 2; r++)
                for (int c = 0; c < 2; c++) {
                    gw[at + 2 * r + c] = add_num(gw[at + 2 * r + c], block_grad(B->op, u, g, r, c));
                    gw_bound[at + 2 * r + c] += transpose ? ua[r] * ga[c] : ga[r] * ua[c];
                }
            block_of(B, k, i, M);
            for (int c = 0; c < 2; c++) {
                gx[p + c * s] = add_num(mul_num(conj_num(M[0][c]), g[0]), mul_num(conj_num(M[1][c]), g[1]));
                gx_bound[p + c * s] = abs_num(M[0][c]) * ga[0] + abs_num(M[1][c]) * ga[1];
            }
        }
    }
    free(in);
    free(in_abs);
}

/* Gather index of choice a, b or c (0, 1, 2) within a block of m. */
static bfly_int choice_index(int choice, bfly_int m, bfly_int j)
{
    bfly_int h = m / 2;
    switch (choice) {
    case 0: return j < h ? 2 * j : 2 * (j - h) + 1;
    case 1: return j < h ? h - 1 - j : j;
    default: return j < h ? j : m - 1 - (j - h);
    }
}

/* moved := P v or P^T v for one choice in every block of m */
static void move(int choice, bfly_int n, bfly_int m, int transpose, const num *v, num *moved)
{
    for (bfly_int i = 0; i < n; i++) {
        bfly_int from = i - i % m + choice_index(choice, m, i % m);
        if (transpose)
            moved[from] = v[i];
        else
            moved[i] = v[from];
    }
}

static int is_transposed(int op) { return op == BFLY_TRANS || op == BFLY_CONJ_TRANS; }

/* The j-th of the 3 (log2 n - 1) factors that op applies: its row and column in prob. */
static void factor_at(int op, int logn, int j, int *row, int *choice)
{
    int all = 3 * (logn - 1), forward = is_transposed(op) ? all - 1 - j : j;
    *row = logn - 2 - forward / 3;
    *choice = forward % 3;
}

void reference_relaxed(int op, bfly_int n, const num *prob, const num *x, num *y, long double *bound)
{
    int logn = log2_int(n);
    num *moved = must_alloc((size_t)n * sizeof *moved), *a = must_alloc((size_t)n * sizeof *a);
    num *a_moved = must_alloc((size_t)n * sizeof *a_moved);
    for (bfly_int i = 0; i < n; i++) {
        y[i] = x[i];
        a[i] = (num){abs_num(x[i]), 0};
    }
    for (int j = 0; j < 3 * (logn - 1); j++) {
        int row, choice;
        factor_at(op, logn, j, &row, &choice);
        long double c = prob[3 * row + choice].re;
        move(choice, n, (bfly_int)4 << row, is_transposed(op), y, moved);
        move(choice, n, (bfly_int)4 << row, is_transposed(op), a, a_moved);
        for (bfly_int i = 0; i < n; i++) {
            y[i].re = c * moved[i].re + (1 - c) * y[i].re;
            y[i].im = c * moved[i].im + (1 - c) * y[i].im;
            a[i].re = fabsl(c) * a_moved[i].re + fabsl(1 - c) * a[i].re;
        }
    }
    for (bfly_int i = 0; i < n; i++) bound[i] = a[i].re;
    free(moved);
    free(a);
    free(a_moved);
}

void reference_relaxed_grad(int op, bfly_int n, const num *prob, const num *x, const num *gy, long double *gprob,
                            long double *gprob_bound, num *gx, long double *gx_bound)
{
    int logn = log2_int(n), factors = logn > 1 ? 3 * (logn - 1) : 0;
    size_t size = (size_t)n * sizeof(num);
    num *in = must_alloc((size_t)(factors + 1) * size), *moved = must_alloc(size);
    memcpy(in, x, size);
    for (int j = 0; j < factors; j++) {
        int row, choice;
        factor_at(op, logn, j, &row, &choice);
        long double c = prob[3 * row + choice].re;
        const num *u = in + j * n;
        move(choice, n, (bfly_int)4 << row, is_transposed(op), u, moved);
        for (bfly_int i = 0; i < n; i++)
            in[(j + 1) * n + i] = (num){c * moved[i].re + (1 - c) * u[i].re, c * moved[i].im + (1 - c) * u[i].im};
    }
    memcpy(gx, gy, size);
    for (int j = factors - 1; j >= 0; j--) {
        int row, choice;
        factor_at(op, logn, j, &row, &choice);
        long double c = prob[3 * row + choice].re;
        const num *u = in + j * n;
        move(choice, n, (bfly_int)4 << row, is_transposed(op), u, moved);
        for (bfly_int i = 0; i < n; i++) {
            num d = {moved[i].re - u[i].re, moved[i].im - u[i].im};
            gprob[3 * row + choice] += gx[i].re * d.re + gx[i].im * d.im;
            gprob_bound[3 * row + choice] += abs_num(gx[i]) * (abs_num(moved[i]) + abs_num(u[i]));
        }
        move(choice, n, (bfly_int)4 << row, !is_transposed(op), gx, moved);
        for (bfly_int i = 0; i < n; i++)
            gx[i] = (num){c * moved[i].re + (1 - c) * gx[i].re, c * moved[i].im + (1 - c) * gx[i].im};
    }
    int back = is_transposed(op) ? BFLY_NO_TRANS : BFLY_TRANS;
    reference_relaxed(back, n, prob, gy, gx, gx_bound);
    free(in);
    free(moved);
}
