/* test_factors.c - dense expansion, and the exact factors: DFT and its inverse rounded once and equal to the definition
 * in long double, Hadamard exactly.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static const int four[4] = {TYPE_S, TYPE_D, TYPE_C, TYPE_Z};

static void test_dense(int t, int op, int order, int form, int logn, bfly_int extra)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, lda = n + extra, numbers = numbers_in(n, form);
    num *w = must_alloc((size_t)numbers * sizeof *w);
    for (bfly_int i = 0; i < numbers; i++) w[i] = random_num(T->complex_w);
    void *packed = pack_nums(w, numbers, T->complex_w, T->is_double);
    strided a = strided_new(t, n, n, 1, lda, 5, 1);
    int rc = call_dense(t, op, order, form, n, packed, a.origin, lda);
    CHECK(rc == 0, "%s dense returned %d", T->name, rc);
    matrix B = {op, order, form, n, logn, w};
    num *e = must_alloc((size_t)n * sizeof *e), *y = must_alloc((size_t)n * sizeof *y);
    long double *bound = must_alloc((size_t)n * sizeof *bound),
                factor = 8 * (logn > 1 ? logn : 1) * (long double)T->eps;
    bfly_int bad = 0;
    for (bfly_int j = 0; j < n; j++) {
        for (bfly_int i = 0; i < n; i++) e[i] = (num){i == j, 0};
        reference_apply(&B, e, y, bound);
        for (bfly_int i = 0; i < n; i++) bad += !near_num(strided_get(&a, i, j), y[i], factor * bound[i]);
    }
    CHECK(bad == 0, "%s dense op=%d order=%d form=%d n=%lld: %lld entries outside the bound", T->name, op, order, form,
          (long long)n, (long long)bad);
    CHECK(strided_clean(&a), "%s dense n=%lld lda=%lld: wrote outside the rows", T->name, (long long)n, (long long)lda);
    strided_free(&a);
    free(w);
    free(packed);
    free(e);
    free(y);
    free(bound);
}

static bfly_int bit_reversed(bfly_int i, int logn)
{
    bfly_int r = 0;
    for (int b = 0; b < logn; b++) r |= (i >> b & 1) << (logn - 1 - b);
    return r;
}

/* exp(-2 pi i m / n), with the angle reduced exactly */
static num root(bfly_int m, bfly_int n)
{
    m %= n;
    if (m < 0) m += n;
    bfly_int eighth = 8 * m / n; /* octant, so that the functions see angles of at most pi / 4 */
    bfly_int rest = 8 * m - eighth * n, flip = eighth & 1;
    long double angle = acosl(-1.0L) / 4 * (long double)(flip ? n - rest : rest) / (long double)n;
    long double c = flip ? sinl(angle) : cosl(angle), s = flip ? cosl(angle) : sinl(angle);
    switch (eighth / 2) {
    case 0: return (num){c, -s};
    case 1: return (num){-s, -c};
    case 2: return (num){-c, s};
    default: return (num){s, c};
    }
}

/* Is v, a float or double, within half a unit in the last place of the exact value? */
static int rounded_once(long double v, long double exact, int is_double)
{
    int exponent;
    frexpl(exact, &exponent);
    long double ulp = ldexpl(1, exponent - (is_double ? 53 : 24));
    return fabsl(v - exact) <= 0.501L * ulp || (v == 0 && fabsl(exact) < 1e-18L);
}

static void test_fft(int t, int direction, int order, int form, int logn)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, form);
    size_t bytes = (size_t)numbers * size_w(t);
    char *packed = must_alloc(bytes + 64);
    memset(packed, 0xff, bytes + 64);
    int rc = call_fft(t, direction, order, form, n, packed);
    char where[120];
    snprintf(where, sizeof where, "%s fft_factors direction=%d order=%d form=%d n=%lld", T->name, direction, order,
             form, (long long)n);
    CHECK(rc == 0, "%s returned %d", where, rc);
    int outside = 0;
    for (int i = 0; i < 64; i++) outside += (unsigned char)packed[bytes + (size_t)i] != 0xff;
    CHECK(outside == 0, "%s: wrote behind w", where);

    /* every entry is a power of two (a share of 1 / n) times 0 or a root of unity, rounded once */
    num *w = must_alloc((size_t)numbers * sizeof *w);
    bfly_int bad = 0;
    for (bfly_int i = 0; i < numbers; i++) {
        w[i] = get_num(packed, 1, T->is_double, i);
        long double size = abs_num(w[i]);
        if (size == 0) continue;
        long double scale = exp2l(rintl(log2l(size)));
        num v = {w[i].re / scale, w[i].im / scale};
        num exact = root((bfly_int)llrintl(-atan2l(v.im, v.re) / (2 * acosl(-1.0L)) * (long double)n), n);
        bad += !rounded_once(v.re, exact.re, T->is_double) || !rounded_once(v.im, exact.im, T->is_double);
    }
    CHECK(bad == 0, "%s: %lld entries are not roots of unity rounded once", where, (long long)bad);

    /* F e_k, for all k or some, entry by entry: each is a product of log2 n roots */
    matrix B = {BFLY_NO_TRANS, order, form, n, logn, w};
    num *e = must_alloc((size_t)n * sizeof *e), *y = must_alloc((size_t)n * sizeof *y);
    long double *bound = must_alloc((size_t)n * sizeof *bound);
    bfly_int columns = n <= 128 ? n : 5;
    bad = 0;
    for (bfly_int c = 0; c < columns; c++) {
        bfly_int k = n <= 128 ? c : random_below(n);
        bfly_int at = order == BFLY_INCREASING ? bit_reversed(k, logn) : k;
        for (bfly_int i = 0; i < n; i++) e[i] = (num){i == at, 0};
        reference_apply(&B, e, y, bound);
        for (bfly_int j = 0; j < n; j++) {
            num got = y[order == BFLY_INCREASING ? j : bit_reversed(j, logn)];
            num want = root((j * k) % n, n);
            long double tolerance = (logn > 1 ? logn : 1) * (long double)T->eps;
            if (direction == BFLY_INVERSE) {
                want = (num){want.re / (long double)n, -want.im / (long double)n};
                tolerance /= (long double)n;
            }
            bad += !near_num(got, want, tolerance);
        }
    }
    CHECK(bad == 0, "%s: %lld entries of the product are not those of the DFT", where, (long long)bad);
    free(packed);
    free(w);
    free(e);
    free(y);
    free(bound);
}

static void test_hadamard(int t, int order, int form, int logn)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, form);
    void *packed = must_alloc((size_t)numbers * size_w(t));
    memset(packed, 0xff, (size_t)numbers * size_w(t));
    int rc = call_hadamard(t, order, form, n, packed);
    CHECK(rc == 0, "%s hadamard_factors returned %d", T->name, rc);
    void *a = must_alloc((size_t)(n * n) * size_x(t));
    rc = call_dense(t, BFLY_NO_TRANS, order, form, n, packed, a, n);
    CHECK(rc == 0, "%s dense returned %d", T->name, rc);
    bfly_int bad = 0;
    for (bfly_int j = 0; j < n; j++)
        for (bfly_int k = 0; k < n; k++) {
            num v = get_num(a, T->complex_x, T->is_double, j * n + k);
            int parity = 0;
            for (bfly_int both = j & k; both; both &= both - 1) parity ^= 1;
            bad += v.re != (parity ? -1 : 1) || v.im != 0;
        }
    CHECK(bad == 0, "%s hadamard order=%d form=%d n=%lld: %lld entries wrong", T->name, order, form, (long long)n,
          (long long)bad);
    free(packed);
    free(a);
}

int main(void)
{
    random_seed(11);
    for (int order = 0; order < 2; order++)
        for (int form = 0; form < 2; form++) {
            for (int f = 0; f < 4; f++)
                for (int op = 0; op < 4; op++)
                    for (int logn = 0; logn <= 8; logn++)
                        test_dense(four[f], all_ops[op], all_orders[order], all_forms[form], logn, op % 2 ? 3 : 0);
            for (int f = 0; f < 4; f++)
                for (int logn = 0; logn <= 9; logn++) test_hadamard(four[f], all_orders[order], all_forms[form], logn);
            for (int f = 2; f < 4; f++)
                for (int logn = 0; logn <= (effort() == 2 ? 17 : 12); logn++)
                    for (int d = BFLY_FORWARD; d <= BFLY_INVERSE; d++)
                        test_fft(four[f], d, all_orders[order], all_forms[form], logn);
        }
    return finish("factors");
}
