/* test_perm.c - hard and relaxed permutations and the gradients of the latter, against index loops and the naive
 * product of (c P_c + (1 - c) I) (b P_b + (1 - b) I) (a P_a + (1 - a) I).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static void random_perm(bfly_int n, bfly_int *perm)
{
    for (bfly_int i = 0; i < n; i++) perm[i] = i;
    for (bfly_int i = n - 1; i > 0; i--) {
        bfly_int j = random_below(i + 1), swap = perm[i];
        perm[i] = perm[j];
        perm[j] = swap;
    }
}

/* Exact equality: a permutation only moves numbers. */
static void test_hard(int t, int op, bfly_int n, bfly_int count, int layout)
{
    const type_info *T = &types[t];
    bfly_int incx = 1, distx = n, incy = 1, disty = n;
    int in_place = layout == 3 || layout == 4;
    if (layout == 1) incx = -2, distx = 2 * n + 1, incy = 3, disty = -3 * n;
    if (layout == 2) incx = count + 1, distx = 1, incy = -1, disty = n + 2;
    if (layout == 4) incx = incy = count + 1, distx = disty = 1;
    if (layout == 5) incx = 1, distx = 0, incy = -count - 1, disty = -1;
    bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
    random_perm(n, perm);
    strided x = strided_new(t, n, count, incx, distx, 9, layout), y = x;
    if (!in_place) y = strided_new(t, n, count, incy, disty, 9, layout % 2);
    num *v = must_alloc((size_t)(n * count) * sizeof *v);
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            v[k * n + i] = layout == 5 && k > 0 ? v[i] : random_num(T->complex_x);
            strided_put(&x, k, i, v[k * n + i]);
        }
    int rc = call_perm(t, op, n, count, perm, x.origin, incx, distx, y.origin, incy, disty);
    CHECK(rc == 0, "%s perm op=%d n=%lld count=%lld returned %d", T->name, op, (long long)n, (long long)count, rc);
    int inverse = op == BFLY_TRANS || op == BFLY_CONJ_TRANS, bad = 0;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            num got = strided_get(&y, k, inverse ? perm[i] : i), want = v[k * n + (inverse ? i : perm[i])];
            bad += got.re != want.re || got.im != want.im;
        }
    CHECK(bad == 0, "%s perm op=%d n=%lld count=%lld layout=%d: %d wrong", T->name, op, (long long)n, (long long)count,
          layout, bad);
    CHECK(strided_clean(&y), "%s perm n=%lld layout=%d: wrote outside y", T->name, (long long)n, layout);
    free(v);
    free(perm);
    if (!in_place) strided_free(&y);
    strided_free(&x);
}

/* kind 0: all prob 0 or 1; 1: inside (0, 1); 2: anywhere in (-1, 2) */
static void test_relaxed(int t, int op, int logn, bfly_int count, int layout, int kind)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, entries = logn > 1 ? 3 * (logn - 1) : 0;
    bfly_int incx = 1, distx = n, incg = 1, distg = n, incy = 1, disty = n;
    int in_place = layout == 2 || layout == 3;
    if (layout == 1) incx = -2, distx = 2 * n + 1, incg = 1, distg = n + 3, incy = 3, disty = -3 * n;
    if (layout == 3) incx = incg = incy = count + 1, distx = distg = disty = 1;
    num *prob = must_alloc((size_t)(entries + 1) * sizeof *prob);
    for (bfly_int i = 0; i < entries; i++) {
        double u = random_real();
        prob[i] = (num){kind == 0 ? (double)(u > 0) : kind == 1 ? (u + 1) / 2 : 1.5 * u + 0.5, 0};
        if (!T->is_double) prob[i].re = (float)prob[i].re;
    }
    void *p = pack_nums(prob, entries, 0, T->is_double);
    size_t all = (size_t)(n * count);
    num *xn = must_alloc(all * sizeof(num)), *gn = must_alloc(all * sizeof(num)), *want = must_alloc(all * sizeof(num));
    num *want_gx = must_alloc(all * sizeof(num));
    long double *bound = must_alloc(all * sizeof *bound), *gx_bound = must_alloc(all * sizeof *bound);
    long double *gprob = calloc((size_t)entries + 1, sizeof *gprob),
                *gprob_bound = calloc((size_t)entries + 1, sizeof *gprob);
    if (gprob == NULL || gprob_bound == NULL) exit(2);
    strided x = strided_new(t, n, count, incx, distx, 9, layout), y = x;
    strided gy = strided_new(t, n, count, incg, distg, 9, layout % 2), gx = gy;
    if (!in_place) {
        y = strided_new(t, n, count, incy, disty, 9, 1);
        gx = strided_new(t, n, count, incy, disty, 9, 0);
    }
    for (bfly_int k = 0; k < count; k++) {
        for (bfly_int i = 0; i < n; i++) {
            strided_put(&x, k, i, xn[k * n + i] = random_num(T->complex_x));
            strided_put(&gy, k, i, gn[k * n + i] = random_num(T->complex_x));
        }
        reference_relaxed(op, n, prob, xn + k * n, want + k * n, bound + k * n);
        reference_relaxed_grad(op, n, prob, xn + k * n, gn + k * n, gprob, gprob_bound, want_gx + k * n,
                               gx_bound + k * n);
    }
    char where[160];
    snprintf(where, sizeof where, "%s relaxed op=%d n=%lld count=%lld layout=%d kind=%d", T->name, op, (long long)n,
             (long long)count, layout, kind);

    /* the gradient first: in place, the product overwrites x */
    long double eps = T->eps, factor = 10 * (logn > 1 ? logn : 1) * eps;
    long double sum_factor = 10 * (logn + 1 + log2l((long double)(all + 1))) * eps;
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        void *gp = must_alloc((size_t)entries * (T->is_double ? 8 : 4));
        memset(gp, 0xff, (size_t)entries * (T->is_double ? 8 : 4));
        for (bfly_int i = 0; accumulate && i < entries; i++) put_num(gp, 0, T->is_double, i, (num){0.25L, 0});
        int last = accumulate == 1; /* gx over gy only once */
        int rc = call_relaxed_grad(t, op, accumulate, n, count, p, x.origin, incx, distx, gy.origin, incg, distg, gp,
                                   last ? gx.origin : NULL, gx.inc, gx.dist);
        CHECK(rc == 0, "%s: gradient returned %d", where, rc);
        for (bfly_int i = 0; i < entries; i++) {
            long double got = get_num(gp, 0, T->is_double, i).re, start = accumulate ? 0.25L : 0;
            CHECK(fabsl(got - gprob[i] - start) <= sum_factor * (gprob_bound[i] + start),
                  "%s accumulate=%d: gprob[%lld] = %.9Lg, not %.9Lg", where, accumulate, (long long)i, got,
                  gprob[i] + start);
        }
        free(gp);
    }
    bfly_int bad = 0;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++)
            bad += !near_num(strided_get(&gx, k, i), want_gx[k * n + i], factor * gx_bound[k * n + i]);
    CHECK(bad == 0, "%s: %lld of gx outside the bound", where, (long long)bad);
    CHECK(strided_clean(&gx), "%s: wrote outside gx", where);

    int rc = call_relaxed(t, op, n, count, p, x.origin, incx, distx, y.origin, y.inc, y.dist);
    CHECK(rc == 0, "%s returned %d", where, rc);
    bad = 0;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            num got = strided_get(&y, k, i);
            /* with entries 0 and 1 it only moves numbers */
            bad += !near_num(got, want[k * n + i], kind == 0 ? 0 : factor * bound[k * n + i]);
        }
    CHECK(bad == 0, "%s: %lld of y outside the bound", where, (long long)bad);
    CHECK(strided_clean(&y), "%s: wrote outside y", where);
    if (!in_place) {
        strided_free(&y);
        strided_free(&gx);
    }
    strided_free(&x);
    strided_free(&gy);
    free(prob);
    free(p);
    free(xn);
    free(gn);
    free(want);
    free(want_gx);
    free(bound);
    free(gx_bound);
    free(gprob);
    free(gprob_bound);
}

/* a on every level, b and c on none, is bit reversal. */
static void test_bit_reversal(int logn)
{
    bfly_int n = (bfly_int)1 << logn;
    double *prob = must_alloc((size_t)(3 * logn) * sizeof *prob), *x = must_alloc((size_t)n * sizeof *x);
    for (int l = 0; l < logn - 1; l++) prob[3 * l] = 1, prob[3 * l + 1] = prob[3 * l + 2] = 0;
    for (bfly_int i = 0; i < n; i++) x[i] = (double)i;
    int rc = bfly_drelaxed_perm(BFLY_NO_TRANS, n, 1, prob, x, 1, n, x, 1, n), bad = 0;
    for (bfly_int i = 0; i < n; i++) {
        bfly_int r = 0;
        for (int b = 0; b < logn; b++) r |= (i >> b & 1) << (logn - 1 - b);
        bad += x[i] != (double)r;
    }
    CHECK(rc == 0 && bad == 0, "bit reversal n=%lld: returned %d, %d wrong", (long long)n, rc, bad);
    free(prob);
    free(x);
}

/* Reversals of bits and permutations that are nearly so, in and out of place, a vector shared by threads. */
static void test_reversal(int logn, int spoilt)
{
    const bfly_int n = (bfly_int)1 << logn;
    bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
    float *x = must_alloc((size_t)n * sizeof *x), *y = must_alloc((size_t)n * sizeof *y);
    for (bfly_int i = 0; i < n; i++) {
        x[i] = (float)(i % 8191 + 1);
        perm[i] = 0;
        for (int k = 0; k < logn; k++) perm[i] = perm[i] << 1 | (i >> k & 1);
    }
    const bfly_int a = n / 2 + 5, b = n - 3, last = perm[a];
    if (spoilt == 1) perm[a] = perm[b], perm[b] = last; /* another permutation */
    if (spoilt == 2) perm[b] = last;                    /* none: an index twice */
    if (spoilt == 3) perm[b] = n + 1;
    for (int threads = 1; threads <= 3; threads += 2)
        for (int transpose = 0; transpose < 2; transpose++) {
            const int op = transpose ? BFLY_TRANS : BFLY_NO_TRANS;
            bfly_set_num_threads(threads);
            for (bfly_int i = 0; i < n; i++) y[i] = -1;
            int rc = bfly_sperm(op, n, 1, perm, x, 1, n, y, 1, n);
            CHECK(rc == (spoilt > 1 ? -4 : 0), "reversal n=%lld spoilt=%d: returned %d", (long long)n, spoilt, rc);
            bfly_int bad = 0;
            for (bfly_int i = 0; i < n; i++) {
                if (spoilt > 1)
                    bad += y[i] != -1;
                else
                    bad += transpose ? y[perm[i]] != x[i] : y[i] != x[perm[i]];
            }
            CHECK(bad == 0, "reversal n=%lld spoilt=%d op=%d %d threads: %lld wrong", (long long)n, spoilt, op, threads,
                  (long long)bad);
            if (spoilt > 1) continue;
            for (bfly_int i = 0; i < n; i++) y[i] = x[i];
            rc = bfly_sperm(op, n, 1, perm, y, 1, n, y, 1, n);
            for (bfly_int i = 0; i < n; i++) bad += transpose ? y[perm[i]] != x[i] : y[i] != x[perm[i]];
            CHECK(rc == 0 && bad == 0, "reversal n=%lld spoilt=%d in place: %lld wrong", (long long)n, spoilt, (long long)bad);
        }
    bfly_set_num_threads(0);
    free(perm);
    free(x);
    free(y);
}

int main(void)
{
    static const int four[4] = {TYPE_S, TYPE_D, TYPE_C, TYPE_Z};
    static const bfly_int sizes[] = {1, 2, 3, 5, 7, 8, 16, 31, 100, 128, 1000, 4096};
    static const bfly_int counts[] = {0, 1, 2, 3, 9, 40};
    random_seed(5);
    for (int f = 0; f < 4; f++)
        for (int op = 0; op < 4; op++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (int c = 0; c < 6; c++)
                    for (int layout = 0; layout < 6; layout++)
                        if (sizes[s] < (effort() ? 1000 : 32) || (c < 3 && layout % 4 == op))
                            test_hard(four[f], all_ops[op], sizes[s], counts[c], layout);
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int f = 0; f < 4; f++)
            for (int op = 0; op < 4; op++)
                for (int logn = 0; logn <= (effort() ? 12 : 6); logn++)
                    for (int layout = 0; layout < 4; layout++) {
                        if (logn > 7 && (layout + op + logn + i) % 4 && effort() < 2) continue;
                        int kind = (layout + logn + op) % 3;
                        bfly_int count = logn > 9 ? 3 : counts[(layout + logn + 1) % 6];
                        test_relaxed(four[f], all_ops[op], logn, count, layout, kind);
                    }
    }
    for (int logn = 0; logn <= 12; logn++) test_bit_reversal(logn);
    for (int spoilt = 0; spoilt < 4; spoilt++) {
        test_reversal(12, spoilt);
        test_reversal(17, spoilt);
        test_reversal(19, spoilt); /* what is no reversal moves while it is checked */
    }
    bfly_set_num_threads(1);
    for (int f = 0; f < 4; f++)
        for (int layout = 0; layout < 5; layout++) test_hard(four[f], all_ops[layout % 2], 300001, 1, layout);
    bfly_set_num_threads(0);
    for (int f = 0; f < 4; f++) test_relaxed(four[f], BFLY_NO_TRANS, 4, 1201, 0, 1);
    return finish("perm");
}
