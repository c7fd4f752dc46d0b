/* test_fit.c - bfly_?fit, f = 1/2 ||A - B P_1 ... P_k||^2 and its gradients, against the definition in long double.
 *
 * Column j of the product is B P_1 ... P_k e_j. With D the product minus A (of a real A: its real part), the gradients are
 * those of the products B x_0, P_1 x_1, ..., P_k e_j for the incoming gradient D e_j, taken back factor by factor.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

static const struct kind {
    const char *name;
    int complex_w, complex_a, is_double;
    double eps;
} kinds[] = {{"s", 0, 0, 0, 1.2e-7},  {"d", 0, 0, 1, 2.3e-16},  {"c", 1, 1, 0, 1.2e-7},
             {"z", 1, 1, 1, 2.3e-16}, {"cr", 1, 0, 0, 1.2e-7}, {"zr", 1, 0, 1, 2.3e-16}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int call_fit(int t, int form, bfly_int n, bfly_int perms, const void *w, const void *prob, const void *a,
                    bfly_int lda, double *f, void *gw, void *gprob)
{
    switch (t) {
    case 0: return bfly_sfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    case 1: return bfly_dfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    case 2: return bfly_cfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    case 3: return bfly_zfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    case 4: return bfly_crfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    default: return bfly_zrfit(form, n, perms, w, prob, a, lda, f, gw, gprob);
    }
}

static num *random_nums(bfly_int k, int is_complex)
{
    num *v = must_alloc((size_t)(k + 1) * sizeof *v);
    for (bfly_int i = 0; i < k; i++) v[i] = random_num(is_complex);
    return v;
}

static long double *zeros(bfly_int k)
{
    long double *v = calloc((size_t)k + 1, sizeof *v);
    if (!v) exit(2);
    return v;
}

/* What a call gets and returns, in numbers; strides of a: lda. */
typedef struct problem {
    int form, logn, probs; /* probabilities of one permutation */
    bfly_int n, perms, lda, numbers;
    num *w, *prob, *a;
} problem;

static problem problem_new(const struct kind *K, int form, int logn, bfly_int perms)
{
    problem p = {.form = form, .logn = logn, .n = (bfly_int)1 << logn, .perms = perms};
    p.probs = logn > 1 ? 3 * (logn - 1) : 0;
    p.lda = p.n + 3;
    p.numbers = numbers_in(p.n, form);
    p.w = random_nums(p.numbers, K->complex_w);
    p.prob = random_nums(p.perms * p.probs, 0);
    p.a = random_nums(p.n * p.lda, K->complex_a);
    return p;
}

static void problem_free(problem *p)
{
    free(p->w);
    free(p->prob);
    free(p->a);
}

typedef struct answer {
    long double f, f_bound, *gw_bound, *gprob, *gprob_bound;
    num *gw;
} answer;

static answer expect(const problem *p, const struct kind *K)
{
    const bfly_int n = p->n;
    const matrix B = {BFLY_NO_TRANS, BFLY_INCREASING, p->form, n, p->logn, p->w};
    answer A = {0, 0, zeros(p->numbers), zeros(p->perms * p->probs), zeros(p->perms * p->probs), NULL};
    A.gw = must_alloc((size_t)(p->numbers + 1) * sizeof *A.gw);
    memset(A.gw, 0, (size_t)(p->numbers + 1) * sizeof *A.gw);
    num *x = must_alloc((size_t)(n * (p->perms + 1)) * sizeof *x), *y = must_alloc((size_t)n * sizeof *y);
    num *d = must_alloc((size_t)n * sizeof *d), *most = must_alloc((size_t)n * sizeof *most);
    num *g = must_alloc((size_t)n * sizeof *g), *no_gw = must_alloc((size_t)(p->numbers + 1) * sizeof *no_gw);
    long double *bound = zeros(n), *none = zeros(p->numbers), *no_prob = zeros(p->perms * p->probs);
    for (bfly_int j = 0; j < n; j++) {
        num *last = x + p->perms * n;
        for (bfly_int i = 0; i < n; i++) last[i] = (num){i == j, 0};
        for (bfly_int k = p->perms - 1; k >= 0; k--)
            reference_relaxed(BFLY_NO_TRANS, n, p->prob + k * p->probs, x + (k + 1) * n, x + k * n, bound);
        reference_apply(&B, x, y, bound);
        for (bfly_int i = 0; i < n; i++) {
            const num a = p->a[i * p->lda + j];
            d[i] = (num){y[i].re - a.re, K->complex_a ? y[i].im - a.im : 0};
            most[i] = (num){bound[i] + abs_num(a), 0};
            A.f += (d[i].re * d[i].re + d[i].im * d[i].im) / 2;
            A.f_bound += most[i].re * most[i].re;
        }
        /* the numbers by d, the bounds by what d may have lost digits from */
        for (int twice = 0; twice < 2; twice++) {
            const num *in = twice ? most : d;
            num *gx = twice ? y : g;
            reference_grad(&B, x, in, twice ? no_gw : A.gw, twice ? A.gw_bound : none, gx, bound);
            for (bfly_int k = 0; k < p->perms && p->probs; k++) {
                num *from = must_alloc((size_t)n * sizeof *from);
                memcpy(from, gx, (size_t)n * sizeof *from);
                if (twice)
                    for (bfly_int i = 0; i < n; i++) from[i] = (num){bound[i], 0};
                reference_relaxed_grad(BFLY_NO_TRANS, n, p->prob + k * p->probs, x + (k + 1) * n, from,
                                       (twice ? no_prob : A.gprob) + k * p->probs,
                                       (twice ? A.gprob_bound : no_prob) + k * p->probs, gx, bound);
                free(from);
            }
        }
    }
    free(x), free(y), free(d), free(most), free(g), free(no_gw), free(bound), free(none), free(no_prob);
    return A;
}

static void answer_free(answer *A) { free(A->gw), free(A->gw_bound), free(A->gprob), free(A->gprob_bound); }

static void test_values(int t, int form, int logn, bfly_int perms)
{
    const struct kind *K = &kinds[t];
    problem p = problem_new(K, form, logn, perms);
    const bfly_int all = p.perms * p.probs;
    void *w = pack_nums(p.w, p.numbers, K->complex_w, K->is_double), *prob = pack_nums(p.prob, all, 0, K->is_double);
    void *a = pack_nums(p.a, (p.n - 1) * p.lda + p.n, K->complex_a, K->is_double);
    num *seven = random_nums(p.numbers + all, 1); /* gw and gprob are overwritten */
    void *gw = pack_nums(seven, p.numbers, K->complex_w, K->is_double), *gprob = pack_nums(seven, all, 0, K->is_double);
    double f = -1;
    const int rc = call_fit(t, form, p.n, perms, w, prob, a, p.lda, &f, gw, gprob);
    CHECK(rc == 0, "%sfit n=%lld returned %d", K->name, (long long)p.n, rc);
    answer A = expect(&p, K);
    const long double c = 16 * (logn + 1) * (3 * perms + 1) * (long double)K->eps;
    CHECK(fabsl(f - A.f) <= c * A.f_bound, "%sfit n=%lld perms=%lld: f = %g, not %g", K->name, (long long)p.n,
          (long long)perms, f, (double)A.f);
    for (bfly_int i = 0; i < p.numbers; i++) {
        const num got = get_num(gw, K->complex_w, K->is_double, i);
        CHECK(near_num(got, A.gw[i], c * A.gw_bound[i]), "%sfit n=%lld perms=%lld form=%d: gw[%lld] = %g %g, not %g %g",
              K->name, (long long)p.n, (long long)perms, form, (long long)i, (double)got.re, (double)got.im,
              (double)A.gw[i].re, (double)A.gw[i].im);
    }
    for (bfly_int i = 0; i < all; i++) {
        const num got = get_num(gprob, 0, K->is_double, i), want = {A.gprob[i], 0};
        CHECK(near_num(got, want, c * A.gprob_bound[i]), "%sfit n=%lld perms=%lld: gprob[%lld] = %g, not %g", K->name,
              (long long)p.n, (long long)perms, (long long)i, (double)got.re, (double)want.re);
    }
    answer_free(&A);
    free(w), free(prob), free(a), free(gw), free(gprob), free(seven);
    problem_free(&p);
}

/* the same bits for one thread and for three */
static void test_threads(int t, int form)
{
    enum { LOGN = 7, PERMS = 1 };
    const struct kind *K = &kinds[t];
    problem p = problem_new(K, form, LOGN, PERMS);
    void *w = pack_nums(p.w, p.numbers, K->complex_w, K->is_double), *prob = pack_nums(p.prob, p.probs, 0, K->is_double);
    void *a = pack_nums(p.a, p.n * p.lda, K->complex_a, K->is_double);
    const size_t bytes = (size_t)p.numbers * 16;
    char *gw[2] = {must_alloc(bytes), must_alloc(bytes)}, *gprob[2] = {must_alloc(999), must_alloc(999)};
    double f[2] = {1, 2};
    for (int k = 0; k < 2; k++) {
        memset(gw[k], 0, bytes);
        memset(gprob[k], 0, 999);
        bfly_set_num_threads(k ? 3 : 1);
        CHECK(call_fit(t, form, p.n, PERMS, w, prob, a, p.lda, &f[k], gw[k], gprob[k]) == 0, "%sfit failed", K->name);
    }
    bfly_set_num_threads(0);
    CHECK(memcmp(f, f + 1, sizeof *f) == 0 && memcmp(gw[0], gw[1], bytes) == 0 && memcmp(gprob[0], gprob[1], 999) == 0,
          "%sfit: other bits with three threads", K->name);
    free(w), free(prob), free(a), free(gw[0]), free(gw[1]), free(gprob[0]), free(gprob[1]);
    problem_free(&p);
}

static void test_errors(int t)
{
    enum { N = 8 };
    static double w[2 * 8 * N], prob[2 * 6], a[2 * N * N], gw[2 * 8 * N], gprob[12];
    double f = 7;
    memset(gw, 0x11, sizeof gw);
    memset(gprob, 0x11, sizeof gprob);
    static double same[2 * 8 * N];
    memset(same, 0x11, sizeof same);
#define CASE(expected, ...)                                                                                            \
    do {                                                                                                               \
        const int rc = call_fit(t, __VA_ARGS__);                                                                       \
        CHECK(rc == (expected), "%sfit(%s) returned %d", kinds[t].name, #__VA_ARGS__, rc);                             \
        CHECK(f >= 7 && f <= 7 && memcmp(gw, same, sizeof gw) == 0 && memcmp(gprob, same, sizeof gprob) == 0,          \
              "%sfit(%s): an output was touched", kinds[t].name, #__VA_ARGS__);                                        \
    } while (0)
    CASE(-1, 210, N, 2, w, prob, a, N, &f, gw, gprob);
    CASE(-2, BFLY_UNTIED, 0, 2, w, prob, a, N, &f, gw, gprob);
    CASE(-2, BFLY_UNTIED, 12, 2, w, prob, a, 12, &f, gw, gprob);
    CASE(-3, BFLY_TIED, N, -1, w, prob, a, N, &f, gw, gprob);
    CASE(-4, BFLY_TIED, N, 2, NULL, prob, a, N, &f, gw, gprob);
    CASE(-5, BFLY_TIED, N, 2, w, NULL, a, N, &f, gw, gprob);
    CASE(-6, BFLY_TIED, N, 2, w, prob, NULL, N, &f, gw, gprob);
    CASE(-7, BFLY_TIED, N, 2, w, prob, a, N - 1, &f, gw, gprob);
    CASE(-8, BFLY_TIED, N, 2, w, prob, a, N, NULL, gw, gprob);
    CASE(-9, BFLY_TIED, N, 2, w, prob, a, N, &f, NULL, gprob);
    CASE(-10, BFLY_TIED, N, 2, w, prob, a, N, &f, gw, NULL);
    CASE(BFLY_EOVERFLOW, BFLY_TIED, N, 2, w, prob, a, INT64_MAX / 8, &f, gw, gprob);
    CASE(BFLY_EOVERFLOW, BFLY_TIED, (bfly_int)1 << 40, 0, w, prob, a, (bfly_int)1 << 40, &f, gw, gprob);
#undef CASE
    CHECK(call_fit(t, BFLY_UNTIED, N, 0, w, NULL, a, N, &f, gw, NULL) == 0, "prob is asked for without permutations");
}

int main(void)
{
    random_seed(5);
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int t = 0; t < KINDS; t++)
            for (int form = 0; form < 2; form++)
                for (int logn = 0; logn <= (effort() ? 6 : 3); logn++)
                    for (bfly_int perms = 0; perms <= 2; perms++) test_values(t, all_forms[form], logn, perms);
    }
    bfly_set_isa("auto");
    for (int t = 0; t < KINDS; t++) {
        test_threads(t, BFLY_UNTIED);
        test_threads(t, BFLY_TIED);
        test_errors(t);
    }
    return finish("fit");
}
