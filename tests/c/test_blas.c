/* test_blas.c - bmv and bmm: their results against the naive product, each illegal argument by position.
 *
 * bmm is checked as a matrix: entry (i, j) of op(B) A from column j of A, of A op(B) from row i. Rows and columns stand
 * in memory by layout with a leading dimension larger than needed; what lies between must stay as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

typedef struct scalar {
    float f[2];
    double d[2];
    const void *p;
} scalar;

static scalar scalar_of(const num *v)
{
    scalar s = {{0, 0}, {0, 0}, NULL};
    if (v == NULL) return s;
    s.f[0] = (float)v->re, s.f[1] = (float)v->im;
    s.d[0] = (double)v->re, s.d[1] = (double)v->im;
    return s;
}

static const void *pointer(int t, const num *v, const scalar *s)
{
    return v == NULL ? NULL : types[t].is_double ? (const void *)s->d : (const void *)s->f;
}

static int call_bmv(int t, int op, int order, int form, bfly_int n, const num *alpha, const void *w, const void *x,
                    bfly_int incx, const num *beta, void *y, bfly_int incy)
{
    scalar a = scalar_of(alpha), b = scalar_of(beta);
    const void *pa = pointer(t, alpha, &a), *pb = pointer(t, beta, &b);
    switch (t) {
    case TYPE_S: return bfly_sbmv(op, order, form, n, a.f[0], w, x, incx, b.f[0], y, incy);
    case TYPE_D: return bfly_dbmv(op, order, form, n, a.d[0], w, x, incx, b.d[0], y, incy);
    case TYPE_C: return bfly_cbmv(op, order, form, n, pa, w, x, incx, pb, y, incy);
    case TYPE_Z: return bfly_zbmv(op, order, form, n, pa, w, x, incx, pb, y, incy);
    case TYPE_CS: return bfly_csbmv(op, order, form, n, pa, w, x, incx, pb, y, incy);
    default: return bfly_zdbmv(op, order, form, n, pa, w, x, incx, pb, y, incy);
    }
}

static int call_bmm(int t, int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
                    const num *alpha, const void *w, const void *a, bfly_int lda, const num *beta, void *c,
                    bfly_int ldc)
{
    scalar sa = scalar_of(alpha), sb = scalar_of(beta);
    const void *pa = pointer(t, alpha, &sa), *pb = pointer(t, beta, &sb);
#define BMM(NAME, ALPHA, BETA) NAME(layout, side, op, order, form, rows, cols, ALPHA, w, a, lda, BETA, c, ldc)
    switch (t) {
    case TYPE_S: return BMM(bfly_sbmm, sa.f[0], sb.f[0]);
    case TYPE_D: return BMM(bfly_dbmm, sa.d[0], sb.d[0]);
    case TYPE_C: return BMM(bfly_cbmm, pa, pb);
    case TYPE_Z: return BMM(bfly_zbmm, pa, pb);
    case TYPE_CS: return BMM(bfly_csbmm, pa, pb);
    default: return BMM(bfly_zdbmm, pa, pb);
    }
}

/* Random factors of B, whose values stay in B->w; returns them as the library reads them. */
static void *random_factors(int t, matrix *B)
{
    bfly_int numbers = numbers_in(B->n, B->form);
    num *w = must_alloc((size_t)numbers * sizeof *w);
    for (bfly_int i = 0; i < numbers; i++) w[i] = random_num(types[t].complex_w);
    B->w = w;
    return pack_nums(w, numbers, types[t].complex_w, types[t].is_double);
}

/* Is got = alpha want + beta before, within the promised bound? */
static int is_right(int t, int logn, num alpha, num want, long double bound, num beta, num before, num got)
{
    num sum = mul_num(alpha, want), rest = mul_num(beta, before);
    long double size = abs_num(alpha) * bound + abs_num(beta) * abs_num(before);
    return near_num((num){sum.re + rest.re, sum.im + rest.im}, got,
                    8 * (logn > 1 ? logn : 1) * (long double)types[t].eps * size);
}

static void test_bmv(int t, matrix B, bfly_int incx, bfly_int incy)
{
    const type_info *T = &types[t];
    bfly_int n = B.n, bad = 0;
    void *w = random_factors(t, &B);
    num alpha = random_num(T->complex_x), beta = random_num(T->complex_x);
    strided x = strided_new(t, n, 1, incx, 0, 3, 1), y = strided_new(t, n, 1, incy, 0, 5, 0);
    num *v = must_alloc((size_t)n * sizeof *v), *before = must_alloc((size_t)n * sizeof *before);
    num *want = must_alloc((size_t)n * sizeof *want);
    long double *bound = must_alloc((size_t)n * sizeof *bound);
    for (bfly_int i = 0; i < n; i++) {
        v[i] = incx == 0 && i > 0 ? v[0] : random_num(T->complex_x);
        before[i] = random_num(T->complex_x);
        strided_put(&x, 0, i, v[i]);
        strided_put(&y, 0, i, before[i]);
    }
    reference_apply(&B, v, want, bound);
    int rc = call_bmv(t, B.op, B.order, B.form, n, &alpha, w, x.origin, incx, &beta, y.origin, incy);
    for (bfly_int i = 0; i < n; i++)
        bad += !is_right(t, B.logn, alpha, want[i], bound[i], beta, before[i], strided_get(&y, 0, i));
    CHECK(rc == 0 && bad == 0 && strided_clean(&y), "%sbmv op=%d order=%d form=%d n=%lld incx=%lld incy=%lld: %d, %lld",
          T->name, B.op, B.order, B.form, (long long)n, (long long)incx, (long long)incy, rc, (long long)bad);
    free(v);
    free(before);
    free(want);
    free(bound);
    free(w);
    free((void *)B.w);
    strided_free(&x);
    strided_free(&y);
}

/* A matrix rows x cols by layout, as `strided` with the rows (or columns) as vectors */
static strided matrix_new(int t, int layout, bfly_int rows, bfly_int cols, bfly_int ld)
{
    return layout == BFLY_ROW_MAJOR ? strided_new(t, cols, rows, 1, ld, 4, 1) : strided_new(t, rows, cols, 1, ld, 4, 1);
}

static num entry(const strided *A, int layout, bfly_int i, bfly_int j)
{
    return layout == BFLY_ROW_MAJOR ? strided_get(A, i, j) : strided_get(A, j, i);
}

static void test_bmm(int t, int layout, int side, matrix B, bfly_int other, int in_place)
{
    static const int transposed[] = {BFLY_TRANS, BFLY_NO_TRANS, BFLY_CONJ, BFLY_CONJ_TRANS};
    const type_info *T = &types[t];
    bfly_int n = B.n, rows = side == BFLY_LEFT ? n : other, cols = side == BFLY_LEFT ? other : n, bad = 0;
    bfly_int least = layout == BFLY_ROW_MAJOR ? cols : rows, lda = least + 2, ldc = in_place ? lda : least + 3;
    void *w = random_factors(t, &B);
    num alpha = random_num(T->complex_x), beta = random_num(T->complex_x);
    strided A = matrix_new(t, layout, rows, cols, lda), C = A;
    if (!in_place) C = matrix_new(t, layout, rows, cols, ldc);
    num *a = must_alloc((size_t)(rows * cols) * sizeof *a), *before = must_alloc((size_t)(rows * cols) * sizeof *a);
    for (bfly_int k = 0; k < A.count; k++)
        for (bfly_int i = 0; i < A.n; i++) {
            strided_put(&A, k, i, random_num(T->complex_x));
            if (!in_place) strided_put(&C, k, i, random_num(T->complex_x));
        }
    for (bfly_int i = 0; i < rows; i++)
        for (bfly_int j = 0; j < cols; j++) {
            a[i * cols + j] = entry(&A, layout, i, j);
            before[i * cols + j] = entry(&C, layout, i, j);
        }
    int rc = call_bmm(t, layout, side, B.op, B.order, B.form, rows, cols, &alpha, w, A.origin, lda, &beta, C.origin,
                      ldc);
    num *v = must_alloc((size_t)n * sizeof *v), *want = must_alloc((size_t)n * sizeof *want);
    long double *bound = must_alloc((size_t)n * sizeof *bound);
    matrix R = B;
    if (side == BFLY_RIGHT) R.op = transposed[B.op - BFLY_NO_TRANS];
    for (bfly_int k = 0; k < other; k++) {
        for (bfly_int i = 0; i < n; i++) v[i] = side == BFLY_LEFT ? a[i * cols + k] : a[k * cols + i];
        reference_apply(&R, v, want, bound);
        for (bfly_int i = 0; i < n; i++) {
            bfly_int r = side == BFLY_LEFT ? i : k, c = side == BFLY_LEFT ? k : i;
            bad += !is_right(t, B.logn, alpha, want[i], bound[i], beta, before[r * cols + c], entry(&C, layout, r, c));
        }
    }
    CHECK(rc == 0 && bad == 0 && strided_clean(&C),
          "%sbmm layout=%d side=%d op=%d order=%d form=%d %lld x %lld in_place=%d: returned %d, %lld wrong", T->name,
          layout, side, B.op, B.order, B.form, (long long)rows, (long long)cols, in_place, rc, (long long)bad);
    free(a);
    free(before);
    free(v);
    free(want);
    free(bound);
    free(w);
    free((void *)B.w);
    if (!in_place) strided_free(&C);
    strided_free(&A);
}

/* ---- illegal arguments ---- */

enum { N = 8, OTHER = 3, ROOM = 2048 };
static double ones[ROOM / 8];
static char out[ROOM];
static const num one = {1, 0}, zero = {0, 0};

typedef struct arguments {
    int layout, side, op, order, form;
    bfly_int rows, cols, lda, ldc; /* bmv: n, -, incx, incy */
    const num *alpha, *beta;
    const void *w, *a;
    void *c;
} arguments;

static void one_case(int t, int is_bmm, arguments a, int expected, const char *change)
{
    for (int i = 0; i < ROOM / 8; i++) put_num(ones, 0, types[t].is_double, i, one);
    memset(out, 0x5a, ROOM);
    int rc = is_bmm ? call_bmm(t, a.layout, a.side, a.op, a.order, a.form, a.rows, a.cols, a.alpha, a.w, a.a, a.lda,
                               a.beta, a.c, a.ldc)
                    : call_bmv(t, a.op, a.order, a.form, a.rows, a.alpha, a.w, a.a, a.lda, a.beta, a.c, a.ldc);
    CHECK(rc == expected, "%s%s with %s returned %d, not %d", types[t].name, is_bmm ? "bmm" : "bmv", change, rc,
          expected);
    int touched = 0;
    for (int i = 0; i < ROOM; i++) touched += out[i] != 0x5a;
    CHECK(expected == 0 || touched == 0, "%s%s with %s touched the output", types[t].name, is_bmm ? "bmm" : "bmv",
          change);
}

#define CASE(expected, ...)                                                                                            \
    do {                                                                                                               \
        arguments a = legal;                                                                                           \
        __VA_ARGS__;                                                                                                   \
        one_case(t, is_bmm, a, expected, #__VA_ARGS__);                                                                \
    } while (0)

static void errors_of_bmv(int t)
{
    const int is_bmm = 0;
    const arguments legal = {.op = BFLY_NO_TRANS, .order = BFLY_INCREASING, .form = BFLY_UNTIED, .rows = N,
                             .alpha = &one, .w = ones, .a = ones, .lda = 1, .beta = &zero, .c = out, .ldc = 1};
    CASE(0, a.op = BFLY_CONJ);
    CASE(-1, a.op = 110);
    CASE(-2, a.order = 203);
    CASE(-3, a.form = 213);
    CASE(-4, a.rows = 0);
    CASE(-4, a.rows = 6);
    CASE(-4, a.rows = -8);
    if (types[t].complex_x) {
        CASE(-5, a.alpha = NULL);
        CASE(-9, a.beta = NULL);
    }
    CASE(-6, a.w = NULL);
    CASE(-7, a.a = NULL);
    CASE(-10, a.c = NULL);
    CASE(-11, a.ldc = 0);
    CASE(BFLY_EOVERFLOW, a.rows = (bfly_int)1 << 62);
    CASE(BFLY_EOVERFLOW, a.lda = INT64_MIN);
    CASE(BFLY_EOVERFLOW, a.ldc = INT64_MAX);
    CASE(0, a.alpha = &zero; a.w = NULL; a.a = NULL);
    CASE(0, a.rows = 1; a.w = NULL; a.ldc = 0);
    CASE(0, a.lda = 0);
}

static void errors_of_bmm(int t, int layout, int side)
{
    const int is_bmm = 1, left = side == BFLY_LEFT;
    const bfly_int rows = left ? N : OTHER, cols = left ? OTHER : N, least = layout == BFLY_ROW_MAJOR ? cols : rows;
    const arguments legal = {layout, side, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, rows, cols, least, least,
                             &one,   &zero, ones,         ones,            out};
    CASE(0, a.op = BFLY_TRANS);
    CASE(-1, a.layout = 100);
    CASE(-1, a.layout = 103);
    CASE(-2, a.side = 140);
    CASE(-2, a.side = 143);
    CASE(-3, a.op = 115);
    CASE(-4, a.order = 200);
    CASE(-5, a.form = 210);
    CASE(-6, a.rows = -1);
    CASE(-7, a.cols = -1);
    if (left) CASE(-6, a.rows = 6);
    if (left) CASE(-6, a.rows = 0);
    if (!left) CASE(-7, a.cols = 7);
    if (!left) CASE(-7, a.cols = 0);
    if (types[t].complex_x) {
        CASE(-8, a.alpha = NULL);
        CASE(-12, a.beta = NULL);
    }
    CASE(-9, a.w = NULL);
    CASE(-10, a.a = NULL);
    CASE(-11, a.lda = least - 1);
    CASE(-11, a.lda = -least);
    CASE(-13, a.c = NULL);
    CASE(-14, a.ldc = least - 1);
    CASE(-14, a.ldc = -least);
    CASE(BFLY_EOVERFLOW, a.lda = INT64_MAX);
    CASE(BFLY_EOVERFLOW, a.ldc = INT64_MAX / 2);
    CASE(0, a.alpha = &zero; a.w = NULL; a.a = NULL);
    if (left)
        CASE(0, a.cols = 0; a.w = NULL; a.a = NULL; a.c = NULL);
    else
        CASE(0, a.rows = 0; a.w = NULL; a.a = NULL; a.c = NULL);
    if (left && layout == BFLY_ROW_MAJOR) CASE(-11, a.cols = 0; a.lda = 0);
}

int main(void)
{
    static const bfly_int strides[][2] = {{1, 1}, {3, 2}, {-2, 1}, {1, -3}, {0, 2}};
    long number = 0;
    for (int t = 0; t < TYPES; t++) {
        random_seed((uint64_t)t + 77);
        for (int logn = 0; logn <= 7; logn++)
            for (int form = 0; form < 2; form++)
                for (int order = 0; order < 2; order++)
                    for (int op = 0; op < 4; op++) {
                        matrix B = {all_ops[op], all_orders[order], all_forms[form], (bfly_int)1 << logn, logn, NULL};
                        const bfly_int *inc = strides[number++ % 5];
                        test_bmv(t, B, inc[0], inc[1]);
                        for (int face = 0; face < 4; face++) {
                            static const bfly_int others[] = {0, 1, 2, 5, 9, 21, 4};
                            test_bmm(t, BFLY_ROW_MAJOR + face % 2, BFLY_LEFT + face / 2, B, others[number % 7],
                                     number % 3 == 0);
                            number++;
                        }
                    }
        errors_of_bmv(t);
        for (int face = 0; face < 4; face++) errors_of_bmm(t, BFLY_ROW_MAJOR + face % 2, BFLY_LEFT + face / 2);
    }
    return finish("blas");
}
