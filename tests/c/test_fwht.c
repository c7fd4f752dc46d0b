/* test_fwht.c - the Walsh-Hadamard transform against its definition by entries and, for long vectors, against the
 * stages of the definition in long double; orderings, strides, in place, threads, instruction sets, errors.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static const int orderings[3] = {BFLY_NATURAL, BFLY_PALEY, BFLY_SEQUENCY};

static bfly_int reversed(bfly_int k, bfly_int n)
{
    bfly_int r = 0;
    for (; n > 1; n /= 2, k /= 2) r = 2 * r + k % 2;
    return r;
}

static bfly_int natural_row(int ordering, bfly_int k, bfly_int n)
{
    if (ordering == BFLY_NATURAL) return k;
    return reversed(ordering == BFLY_PALEY ? k : k ^ (k >> 1), n);
}

/* want := H x by entries; the sum of |x| is the bound */
static void by_entries(int ordering, bfly_int n, const num *x, num *want)
{
    for (bfly_int j = 0; j < n; j++) {
        bfly_int row = natural_row(ordering, j, n);
        want[j] = (num){0, 0};
        for (bfly_int k = 0; k < n; k++) {
            int sign = __builtin_popcountll((unsigned long long)(row & k)) % 2 ? -1 : 1;
            want[j].re += sign * x[k].re, want[j].im += sign * x[k].im;
        }
    }
}

static void by_stages(int ordering, bfly_int n, const num *x, num *want)
{
    num *v = must_alloc((size_t)n * sizeof *v);
    memcpy(v, x, (size_t)n * sizeof *v);
    for (bfly_int s = n / 2; s >= 1; s /= 2)
        for (bfly_int p = 0; p < n; p++)
            if (!(p & s)) {
                num a = v[p], b = v[p + s];
                v[p] = (num){a.re + b.re, a.im + b.im};
                v[p + s] = (num){a.re - b.re, a.im - b.im};
            }
    for (bfly_int j = 0; j < n; j++) want[j] = v[natural_row(ordering, j, n)];
    free(v);
}

typedef struct layout {
    bfly_int inc, dist;
} layout;

enum { IN_LAYOUTS = 7, OUT_LAYOUTS = 5 };

static layout in_layout(int which, bfly_int n, bfly_int count)
{
    const layout all[IN_LAYOUTS] = {{1, n}, {1, n + 3}, {count + 1, 1}, {-1, -n}, {3, 3 * n + 1}, {1, 0}, {-2, 2 * n}};
    return all[which];
}

static layout out_layout(int which, bfly_int n, bfly_int count)
{
    const layout all[OUT_LAYOUTS] = {{1, n}, {1, n + 1}, {count, 1}, {-1, n}, {2, -2 * n}};
    return all[which];
}

static void one_case(int t, int ordering, bfly_int n, bfly_int count, long number, const char *isa)
{
    const type_info *T = &types[t];
    const int in_place = number % 4 == 0;
    const double scale = number % 3 ? 1 : -0.625;
    layout lx = in_layout((int)(number % IN_LAYOUTS), n, count), ly = out_layout((int)(number % OUT_LAYOUTS), n, count);
    if (in_place && lx.dist == 0) lx.dist = n;
    if (in_place) ly = lx;
    strided x = strided_new(t, n, count, lx.inc, lx.dist, 20, (int)(number % 3)), y = x;
    if (!in_place) y = strided_new(t, n, count, ly.inc, ly.dist, 20, (int)(number % 5));
    num *all = must_alloc((size_t)(n * count) * sizeof *all), *want = must_alloc((size_t)n * sizeof *want);
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            if (lx.dist != 0 || k == 0) strided_put(&x, k, i, random_num(T->complex_x));
            all[k * n + i] = strided_get(&x, k, i);
        }
    int rc = call_fwht(t, ordering, n, count, scale, x.origin, lx.inc, lx.dist, y.origin, ly.inc, ly.dist);
    CHECK(rc == 0, "%s n=%lld: returned %d", T->name, (long long)n, rc);
    int logn = log2_int(n), bad = 0;
    for (bfly_int k = 0; k < count; k++) {
        long double sum = 0;
        for (bfly_int i = 0; i < n; i++) sum += abs_num(all[k * n + i]);
        (n <= 64 ? by_entries : by_stages)(ordering, n, all + k * n, want);
        for (bfly_int i = 0; i < n; i++) {
            num w = {scale * want[i].re, scale * want[i].im};
            bad += !near_num(strided_get(&y, k, i), w, (logn + 1) * T->eps * sum);
        }
    }
    CHECK(bad == 0, "%s ordering %d n=%lld count=%lld case %ld isa %s: %d entries outside the bound", T->name, ordering,
          (long long)n, (long long)count, number, isa, bad);
    CHECK(strided_clean(&y), "%s n=%lld case %ld: wrote outside y", T->name, (long long)n, number);
    free(all);
    free(want);
    if (!in_place) strided_free(&y);
    strided_free(&x);
}

/* Row j of the sequency ordering changes its sign j times. */
static void test_sequency(void)
{
    enum { N = 128 };
    static double x[N * N], y[N * N];
    memset(x, 0, sizeof x);
    for (int i = 0; i < N; i++) x[i * N + i] = 1;
    CHECK(bfly_dfwht(BFLY_SEQUENCY, N, N, 1, x, 1, N, y, 1, N) == 0, "failed");
    for (int j = 0; j < N; j++) { /* vector k holds column k */
        int changes = 0;
        for (int k = 1; k < N; k++) changes += y[k * N + j] != y[(k - 1) * N + j];
        CHECK(changes == j, "row %d changes its sign %d times", j, changes);
    }
}

/* The same bits for every instruction set and number of threads, also where threads share a vector. */
static void test_bits(int t, int ordering, int logn, bfly_int count)
{
    const type_info *T = &types[t];
    bfly_int n = (bfly_int)1 << logn;
    size_t bytes = (size_t)(n * count) * size_x(t);
    void *x = must_alloc(bytes), *first = must_alloc(bytes), *y = must_alloc(bytes);
    for (bfly_int i = 0; i < n * count; i++) put_num(x, T->complex_x, T->is_double, i, random_num(T->complex_x));
    const char *isa;
    int seen = 0;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int threads = 1; threads <= 3; threads++) {
            bfly_set_num_threads(threads);
            int rc = call_fwht(t, ordering, n, count, 0.75, x, 1, n, y, 1, n);
            CHECK(rc == 0, "returned %d", rc);
            if (!seen++) memcpy(first, y, bytes);
            CHECK(memcmp(first, y, bytes) == 0, "%s ordering %d n=%lld: other bits with isa %s, %d threads", T->name,
                  ordering, (long long)n, isa, threads);
            memcpy(y, x, bytes);
            call_fwht(t, ordering, n, count, 0.75, y, 1, n, y, 1, n);
            CHECK(memcmp(first, y, bytes) == 0, "%s ordering %d n=%lld: other bits in place, isa %s", T->name, ordering,
                  (long long)n, isa);
        }
    }
    bfly_set_num_threads(0);
    free(x);
    free(first);
    free(y);
}

static void test_errors(int t)
{
    double x[64], y[64], was[64];
    memset(x, 0, sizeof x);
    memset(y, 7, sizeof y);
    memcpy(was, y, sizeof y);
    const bfly_int huge = INT64_MAX / 2;
#define EXPECT(result, ...)                                                                                            \
    do {                                                                                                               \
        int rc = call_fwht(t, __VA_ARGS__);                                                                            \
        CHECK(rc == (result), "%s (" #__VA_ARGS__ "): %d", types[t].name, rc);                                         \
        CHECK(memcmp(y, was, sizeof y) == 0, "%s (" #__VA_ARGS__ "): y was touched", types[t].name);                   \
    } while (0)
    EXPECT(-1, 230, 8, 2, 1, x, 1, 8, y, 1, 8);
    EXPECT(-1, 234, 8, 2, 1, x, 1, 8, y, 1, 8);
    EXPECT(-2, BFLY_NATURAL, 0, 2, 1, x, 1, 8, y, 1, 8);
    EXPECT(-2, BFLY_NATURAL, 12, 2, 1, x, 1, 8, y, 1, 8);
    EXPECT(-3, BFLY_NATURAL, 8, -1, 1, x, 1, 8, y, 1, 8);
    EXPECT(-5, BFLY_NATURAL, 8, 2, 1, NULL, 1, 8, y, 1, 8);
    EXPECT(-8, BFLY_NATURAL, 8, 2, 1, x, 1, 8, NULL, 1, 8);
    EXPECT(-9, BFLY_NATURAL, 8, 2, 1, x, 1, 8, y, 0, 8);
    EXPECT(-10, BFLY_NATURAL, 8, 2, 1, x, 1, 8, y, 1, 0);
    EXPECT(BFLY_EOVERFLOW, BFLY_NATURAL, 8, 2, 1, x, huge, 8, y, 1, 8);
    EXPECT(BFLY_EOVERFLOW, BFLY_NATURAL, 8, 2, 1, x, 1, 8, y, 1, huge);
    EXPECT(0, BFLY_NATURAL, 8, 0, 1, NULL, 1, 8, NULL, 1, 8);
}

int main(void)
{
    static const bfly_int counts[] = {1, 2, 3, 5, 8, 17, 33};
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        long number = 0;
        bfly_set_isa(isa);
        for (int t = 0; t <= TYPE_Z; t++)
            for (int logn = 0; logn <= (effort() ? 16 : 9); logn++)
                for (int o = 0; o < 3; o++)
                    for (int c = 0; c < (logn <= 8 ? 40 : logn <= 12 ? 6 : 2); c++, number++)
                        one_case(t, orderings[o], (bfly_int)1 << logn, counts[logn > 8 ? c % 3 : number % 7], number, isa);
    }
    bfly_set_isa("auto");
    test_sequency();
    for (int t = 0; t <= TYPE_Z; t++) {
        test_errors(t);
        for (int o = 0; o < 3; o++) {
            test_bits(t, orderings[o], 5, 100);
            test_bits(t, orderings[o], 14, 5);
            if (effort()) test_bits(t, orderings[o], 17, 2);
        }
    }
    return finish("fwht");
}
