/* test_grad.c - gradients of y = op(B) x against the naive ones, stage by stage: every type, op, order, form and
 * instruction set; accumulate, gw or gx not wanted, gx over gy, strides; and against finite differences of the product.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

enum { VARIANTS = 9 };

typedef struct sample {
    int type;
    matrix B;
    bfly_int count, numbers;
    void *w;
    num *wn, *x, *gy, *gw, *gx;
    long double *gw_bound, *gx_bound;
} sample;

static sample sample_new(int t, matrix B, bfly_int count)
{
    const type_info *T = &types[t];
    sample S = {.type = t, .B = B, .count = count, .numbers = numbers_in(B.n, B.form)};
    size_t all = (size_t)(count * B.n), numbers = (size_t)S.numbers;
    S.wn = must_alloc(numbers * sizeof(num));
    for (bfly_int i = 0; i < S.numbers; i++) S.wn[i] = random_num(T->complex_w);
    S.B.w = S.wn;
    S.w = pack_nums(S.wn, S.numbers, T->complex_w, T->is_double);
    S.x = must_alloc(all * sizeof(num));
    S.gy = must_alloc(all * sizeof(num));
    S.gx = must_alloc(all * sizeof(num));
    S.gx_bound = must_alloc(all * sizeof(long double));
    S.gw = calloc(numbers + 1, sizeof(num));
    S.gw_bound = calloc(numbers + 1, sizeof(long double));
    if (S.gw == NULL || S.gw_bound == NULL) exit(2);
    for (size_t i = 0; i < all; i++) {
        S.x[i] = random_num(T->complex_x);
        S.gy[i] = random_num(T->complex_x);
    }
    for (bfly_int k = 0; k < count; k++)
        reference_grad(&S.B, S.x + k * B.n, S.gy + k * B.n, S.gw, S.gw_bound, S.gx + k * B.n, S.gx_bound + k * B.n);
    return S;
}

static void sample_free(sample *S)
{
    free(S->w);
    free(S->wn);
    free(S->x);
    free(S->gy);
    free(S->gw);
    free(S->gx);
    free(S->gw_bound);
    free(S->gx_bound);
}

/* Rounding of the terms, and of their sum over count vectors and, tied, over the pairs that share a block. */
static long double grad_factor(const sample *S)
{
    long double terms = (long double)S->count * (S->B.form == BFLY_TIED ? (long double)S->B.n : 2) + 1;
    int L = S->B.logn > 1 ? S->B.logn : 1;
    return 8 * (L + log2l(terms)) * (long double)types[S->type].eps;
}

static void one_variant(const sample *S, int variant, const char *isa)
{
    const type_info *T = &types[S->type];
    const matrix *B = &S->B;
    bfly_int n = B->n, count = S->count;
    int accumulate = variant == 1 || variant == 4, want_gw = variant != 2, want_gx = variant != 3 && variant != 4;
    int over_gy = variant == 5 || variant == 6;
    bfly_int incx = 1, distx = n, incg = 1, distg = n, incgx = 1, distgx = n;
    if (variant == 6) incx = -1, distx = n + 3, incg = 2, distg = -(2 * n + 1);
    if (variant == 7) incx = count + 1, distx = 1, incg = -3, distg = -3 * n - 1, incgx = 1, distgx = -n - 2;
    if (variant == 8) incx = 3, distx = -3 * n, incg = count + 2, distg = 1, incgx = -count - 1, distgx = 1;
    strided x = strided_new(S->type, n, count, incx, distx, variant % 2 ? 33 : 0, variant % 3);
    strided gy = strided_new(S->type, n, count, incg, distg, variant % 2 ? 33 : 0, variant % 4);
    strided gx = gy;
    if (!over_gy) gx = strided_new(S->type, n, count, incgx, distgx, 33, variant % 5);
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            strided_put(&x, k, i, S->x[k * n + i]);
            strided_put(&gy, k, i, S->gy[k * n + i]);
        }
    size_t gw_bytes = (size_t)S->numbers * size_w(S->type);
    void *gw = must_alloc(gw_bytes);
    memset(gw, 0xff, gw_bytes); /* NaN: must not be read when overwritten */
    num *gw0 = must_alloc((size_t)(S->numbers + 1) * sizeof *gw0);
    memset(gw0, 0, (size_t)(S->numbers + 1) * sizeof *gw0);
    if (accumulate)
        for (bfly_int i = 0; i < S->numbers; i++) {
            gw0[i] = random_num(T->complex_w);
            put_num(gw, T->complex_w, T->is_double, i, gw0[i]);
        }
    char *x_before = must_alloc(x.bytes), *gy_before = must_alloc(gy.bytes);
    memcpy(x_before, x.memory, x.bytes);
    memcpy(gy_before, gy.memory, gy.bytes);
    int rc = call_grad(S->type, B->op, B->order, B->form, accumulate, n, count, S->w, x.origin, incx, distx, gy.origin,
                       incg, distg, want_gw ? gw : NULL, want_gx ? gx.origin : NULL, gx.inc, gx.dist);
#define WHERE "%s n=%lld op=%d order=%d form=%d isa=%s count=%lld variant=%d"
#define HERE T->name, (long long)n, B->op, B->order, B->form, isa, (long long)count, variant
    CHECK(rc == 0, WHERE " returned %d", HERE, rc);
    long double factor = grad_factor(S);
    if (want_gw) {
        bfly_int bad = -1;
        for (bfly_int i = 0; i < S->numbers; i++) {
            num want = {S->gw[i].re + gw0[i].re, T->complex_w ? S->gw[i].im + gw0[i].im : 0};
            num got = get_num(gw, T->complex_w, T->is_double, i);
            if (!near_num(got, want, factor * (S->gw_bound[i] + abs_num(gw0[i])))) bad = i;
        }
        CHECK(bad < 0, WHERE ": gw[%lld] outside the bound", HERE, (long long)bad);
    }
    if (want_gx) {
        bfly_int bad = -1;
        for (bfly_int k = 0; k < count; k++)
            for (bfly_int i = 0; i < n; i++)
                if (!near_num(strided_get(&gx, k, i), S->gx[k * n + i], factor * S->gx_bound[k * n + i]))
                    bad = k * n + i;
        CHECK(bad < 0, WHERE ": gx[%lld] outside the bound", HERE, (long long)bad);
        CHECK(strided_clean(&gx), WHERE ": wrote outside gx", HERE);
    }
    CHECK(memcmp(x_before, x.memory, x.bytes) == 0, WHERE ": x was written", HERE);
    CHECK(over_gy || memcmp(gy_before, gy.memory, gy.bytes) == 0, WHERE ": gy was written", HERE);
    free(x_before);
    free(gy_before);
    free(gw);
    free(gw0);
    if (!over_gy) strided_free(&gx);
    strided_free(&gy);
    strided_free(&x);
}

/* Both gradients not wanted, and no vectors: gw is then zero, or left as it is. */
static void test_nothing(int t, int logn)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, BFLY_UNTIED);
    num one = {1, 0};
    void *w = must_alloc((size_t)numbers * size_w(t)), *gw = must_alloc((size_t)numbers * size_w(t));
    void *x = must_alloc((size_t)n * size_x(t));
    for (bfly_int i = 0; i < numbers; i++) put_num(w, T->complex_w, T->is_double, i, one);
    for (bfly_int i = 0; i < n; i++) put_num(x, T->complex_x, T->is_double, i, one);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        for (bfly_int i = 0; i < numbers; i++) put_num(gw, T->complex_w, T->is_double, i, one);
        int rc = call_grad(t, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, accumulate, n, 0, w, x, 1, n, x, 1, n, gw,
                           NULL, 1, n);
        CHECK(rc == 0, "%s count=0 accumulate=%d returned %d", T->name, accumulate, rc);
        for (bfly_int i = 0; i < numbers; i++)
            CHECK(get_num(gw, T->complex_w, T->is_double, i).re == accumulate, "%s count=0 accumulate=%d: gw[%lld]",
                  T->name, accumulate, (long long)i);
        rc = call_grad(t, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, accumulate, n, 1, w, x, 1, n, x, 1, n, NULL,
                       NULL, 1, n);
        CHECK(rc == 0, "%s gw = gx = NULL returned %d", T->name, rc);
    }
    free(w);
    free(gw);
    free(x);
}

/* Re <gy, op(B(w + h d)) x> differentiated along random d, against Re <gw, d>: the products by the library itself. */
static void test_differences(int t, int op, int order, int form, int logn)
{
    const type_info *T = &types[t];
    enum { COUNT = 3 };
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, form), all = COUNT * n;
    num one = {1, 0}, zero = {0, 0}, *w = must_alloc((size_t)numbers * sizeof *w);
    num *d = must_alloc((size_t)numbers * sizeof *d), *v = must_alloc((size_t)all * sizeof *v);
    for (bfly_int i = 0; i < numbers; i++) {
        w[i] = random_num(T->complex_w);
        d[i] = random_num(T->complex_w);
    }
    for (bfly_int i = 0; i < all; i++) v[i] = random_num(T->complex_x);
    void *x = pack_nums(v, all, T->complex_x, 1);
    for (bfly_int i = 0; i < all; i++) v[i] = random_num(T->complex_x);
    void *gy = pack_nums(v, all, T->complex_x, 1), *y = pack_nums(v, all, T->complex_x, 1);
    void *packed = pack_nums(w, numbers, T->complex_w, 1), *gw = pack_nums(w, numbers, T->complex_w, 1);
    int rc = call_grad(t, op, order, form, 0, n, COUNT, packed, x, 1, n, gy, 1, n, gw, NULL, 1, n);
    CHECK(rc == 0, "%s returned %d", T->name, rc);
    long double slope = 0, value[2] = {0, 0}, h = 1e-5L;
    for (bfly_int i = 0; i < numbers; i++) {
        num g = get_num(gw, T->complex_w, 1, i);
        slope += g.re * d[i].re + g.im * d[i].im;
    }
    for (int side = 0; side < 2; side++) {
        for (bfly_int i = 0; i < numbers; i++) {
            num moved = {w[i].re + (side ? h : -h) * d[i].re, w[i].im + (side ? h : -h) * d[i].im};
            put_num(packed, T->complex_w, 1, i, moved);
        }
        rc = call_mul(t, op, order, form, n, COUNT, &one, packed, x, 1, n, &zero, y, 1, n);
        CHECK(rc == 0, "%s returned %d", T->name, rc);
        for (bfly_int i = 0; i < all; i++) {
            num g = v[i], u = get_num(y, T->complex_x, 1, i);
            value[side] += g.re * u.re + g.im * u.im;
        }
    }
    long double measured = (value[1] - value[0]) / (2 * h);
    CHECK(fabsl(measured - slope) <= 1e-7L * (1 + fabsl(slope)),
          "%s n=%lld op=%d order=%d form=%d: finite difference %.12Lg, gradient %.12Lg", T->name, (long long)n, op,
          order, form, measured, slope);
    free(w);
    free(d);
    free(v);
    free(x);
    free(gy);
    free(y);
    free(packed);
    free(gw);
}

/* Large factors, whose gradients are added straight into gw tile by tile: all vectors at once against one after the
 * other, by one and by three threads. From 16 MiB on what is at the address of a vector goes past the caches: gw[1]. */
static void test_large_factors(int t, int order)
{
    enum { LOGN = 16, COUNT = 9 };
    const type_info *T = &types[t];
    const bfly_int n = (bfly_int)1 << LOGN, numbers = numbers_in(n, BFLY_UNTIED), all = COUNT * n;
    num *v = must_alloc((size_t)numbers * sizeof *v);
    for (bfly_int i = 0; i < numbers; i++) v[i] = random_num(T->complex_w);
    void *w = pack_nums(v, numbers, T->complex_w, T->is_double), *block[2], *gw[2], *gx[2];
    for (bfly_int i = 0; i < all; i++) v[i] = random_num(T->complex_x);
    void *x = pack_nums(v, all, T->complex_x, T->is_double);
    const size_t vector = (size_t)n * size_x(t);
    for (int i = 0; i < 2; i++) {
        block[i] = must_alloc((size_t)numbers * size_w(t) + 128);
        gw[i] = (char *)block[i] + 64 - (uintptr_t)block[i] % 64 + (i ? 0 : size_w(t));
        gx[i] = must_alloc(COUNT * vector);
        memset(gw[i], 0xff, (size_t)numbers * size_w(t));
    }
    for (bfly_int k = 0; k < COUNT; k++) {
        const char *xk = (const char *)x + (size_t)k * vector;
        int rc = call_grad(t, BFLY_NO_TRANS, order, BFLY_UNTIED, k > 0, n, 1, w, xk, 1, n, xk, 1, n, gw[0],
                           (char *)gx[0] + (size_t)k * vector, 1, n);
        CHECK(rc == 0, "%s vector %lld returned %d", T->name, (long long)k, rc);
    }
    for (int threads = 1; threads <= 3; threads += 2) {
        bfly_set_num_threads(threads);
        int rc = call_grad(t, BFLY_NO_TRANS, order, BFLY_UNTIED, 0, n, COUNT, w, x, 1, n, x, 1, n, gw[1], gx[1], 1, n);
        CHECK(rc == 0, "%s returned %d", T->name, rc);
        CHECK(memcmp(gx[0], gx[1], COUNT * vector) == 0, "%s %d threads: gx depends on count", T->name, threads);
        long double size = 0, error = 0;
        for (bfly_int i = 0; i < numbers; i++) {
            const num a = get_num(gw[0], T->complex_w, T->is_double, i), b = get_num(gw[1], T->complex_w, T->is_double, i);
            size += a.re * a.re + a.im * a.im;
            error += (a.re - b.re) * (a.re - b.re) + (a.im - b.im) * (a.im - b.im);
        }
        CHECK(size > 0 && sqrtl(error / size) < 4 * (long double)T->eps, "%s %d threads: gw off by %Lg", T->name, threads,
              sqrtl(error / size));
    }
    bfly_set_num_threads(0);
    for (int i = 0; i < 2; i++) {
        free(block[i]);
        free(gx[i]);
    }
    free(v);
    free(w);
    free(x);
}

/* The workspace keeps what the header says, up to n = 2^24: asked for, not computed. */
static void test_workspace(void)
{
    static const bfly_int counts[] = {1, 7, 64, 5000};
    static float one[2];
    const double most = 256.0 * 1024 * 1024;
    bfly_set_num_threads(1);
    for (int logn = 1; logn <= 24; logn++)
        for (int i = 0; i < 4; i++)
            for (int form = 0; form < 2; form++)
                for (int is_complex = 0; is_complex < 2; is_complex++) {
                    const bfly_int n = (bfly_int)1 << logn, count = counts[i];
                    const double vector = (double)(n < 64 ? 64 : n) * (is_complex ? 8 : 4),
                                 factors = (double)numbers_in(n, all_forms[form]) * (is_complex ? 8 : 4);
                    bfly_int bytes = -1;
                    int rc = is_complex ? bfly_cgrad_work(BFLY_NO_TRANS, BFLY_INCREASING, all_forms[form], 0, n, count, one,
                                                          one, 1, n, one, 1, n, one, one, 1, n, NULL, &bytes)
                                        : bfly_sgrad_work(BFLY_NO_TRANS, BFLY_INCREASING, all_forms[form], 0, n, count, one,
                                                          one, 1, n, one, 1, n, one, one, 1, n, NULL, &bytes);
                    CHECK(rc == 0, "query returned %d", rc);
                    /* register stages of tied factors are stored lane by lane, hence the last term */
                    double room = (logn / 2 + 2) * vector, packed = 0;
                    const double tiles = (logn / 2 + 2) * (is_complex ? 8 : 16) * vector;
                    if (tiles < most) room = tiles;
                    else if (room < most) room = most;
                    if (all_forms[form] == BFLY_TIED || factors <= 4 * 1024 * 1024) packed = 3 * factors + 300000;
                    CHECK((double)bytes <= room + packed + 1024, "n=%lld count=%lld form=%d complex=%d: %lld bytes",
                          (long long)n, (long long)count, all_forms[form], is_complex, (long long)bytes);
                }
    bfly_set_num_threads(0);
}

int main(void)
{
    static const int tops[3] = {6, 10, 12};
    int top = tops[effort()];
    for (int t = 0; t < TYPES; t++) {
        test_nothing(t, 3);
        for (int logn = 0; logn <= top; logn++)
            for (int form = 0; form < 2; form++)
                for (int order = 0; order < 2; order++)
                    for (int op = 0; op < 4; op++) {
                        matrix B = {.op = all_ops[op], .order = all_orders[order], .form = all_forms[form]};
                        B.n = (bfly_int)1 << logn;
                        B.logn = logn;
                        random_seed((uint64_t)(((t * 16 + logn) * 4 + order * 2 + form) * 4 + op) + 7777);
                        static const bfly_int counts[5] = {1, 2, 5, 11, 33};
                        bfly_int count = logn > 6 ? counts[op] / 2 + 1 : counts[(op + logn) % 5];
                        sample S = sample_new(t, B, count);
                        const char *isa;
                        for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
                            bfly_set_isa(isa);
                            int step = logn > 8 && effort() < 2 ? 3 : 1;
                            for (int v = (op + i) % step; v < VARIANTS; v += step) one_variant(&S, v, isa);
                        }
                        sample_free(&S);
                        bfly_set_isa("auto");
                        if (types[t].is_double && logn > 0 && logn <= 6)
                            test_differences(t, all_ops[op], all_orders[order], all_forms[form], logn);
                    }
    }
    test_workspace();
    for (int t = 0; t < TYPES; t++) test_large_factors(t, all_orders[t % 2]);
    /* many vectors: several chunks of the sum */
    for (int t = 0; t < TYPES; t++)
        for (int logn = 1; logn <= 5; logn += 2) {
            matrix B = {.op = all_ops[t % 4], .order = all_orders[t % 2], .form = all_forms[logn / 2 % 2]};
            B.n = (bfly_int)1 << logn;
            B.logn = logn;
            random_seed((uint64_t)(t * 100 + logn));
            sample S = sample_new(t, B, effort() ? 1501 : 301);
            for (int v = 0; v < VARIANTS; v++) one_variant(&S, v, "auto");
            sample_free(&S);
        }
    return finish("grad");
}
