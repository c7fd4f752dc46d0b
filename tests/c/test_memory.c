/* test_memory.c - at most one allocation a call, given back before it returns; without memory BFLY_ENOMEM and outputs
 * as they were. The program's own malloc stands in front of the C library's: it counts, and refuses when told to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t k, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *p);

static _Thread_local int watching, refusing, taken, given_back;
static _Thread_local int refuse_after; /* refuse the request of this number */

static int refuse(void)
{
    if (!watching) return 0;
    taken++;
    return refusing || taken == refuse_after;
}

void *malloc(size_t bytes) { return refuse() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t k, size_t bytes) { return refuse() ? NULL : __libc_calloc(k, bytes); }
void *realloc(void *p, size_t bytes) { return refuse() ? NULL : __libc_realloc(p, bytes); }
void *aligned_alloc(size_t align, size_t bytes) { return refuse() ? NULL : __libc_memalign(align, bytes); }
int posix_memalign(void **p, size_t align, size_t bytes)
{
    if (refuse()) return ENOMEM;
    *p = __libc_memalign(align, bytes);
    return *p == NULL ? ENOMEM : 0;
}
void free(void *p)
{
    if (watching && p != NULL) given_back++;
    __libc_free(p);
}

enum { MUL, GRAD, PERM, PERM_IN_PLACE, RELAXED, RELAXED_GRAD, FWHT, DENSE, WHATS };

typedef struct memory {
    void *w, *x, *y, *gw, *gx, *prob;
    bfly_int *perm;
} memory;

static int act(int what, int t, int form, bfly_int n, bfly_int count, const memory *m)
{
    num alpha = {0.5L, 0}, beta = {0.25L, 0};
    switch (what) {
    case MUL:
        return call_mul(t, BFLY_NO_TRANS, BFLY_INCREASING, form, n, count, &alpha, m->w, m->x, 1, n, &beta, m->y, 1, n);
    case GRAD:
        return call_grad(t, BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, count, m->w, m->x, 1, n, m->x, 1, n, m->gw,
                         m->gx, 1, n);
    case PERM: return call_perm(t, BFLY_NO_TRANS, n, count, m->perm, m->x, 1, n, m->y, 1, n);
    case PERM_IN_PLACE: return call_perm(t, BFLY_NO_TRANS, n, count, m->perm, m->y, 1, n, m->y, 1, n);
    case RELAXED: return call_relaxed(t, BFLY_NO_TRANS, n, count, m->prob, m->x, 1, n, m->y, 1, n);
    case RELAXED_GRAD:
        return call_relaxed_grad(t, BFLY_NO_TRANS, 0, n, count, m->prob, m->x, 1, n, m->x, 1, n, m->gw, m->gx, 1, n);
    case FWHT: return call_fwht(t, BFLY_SEQUENCY, n, count, 1, m->x, 1, n, m->y, 1, n);
    default: return call_dense(t, BFLY_NO_TRANS, BFLY_INCREASING, form, count, m->w, m->y, n);
    }
}

static void test(int what, int t, int form, int logn, bfly_int count)
{
    static const char *const names[WHATS] = {"mul",     "grad",         "perm", "perm in place",
                                             "relaxed", "relaxed_grad", "fwht", "dense"};
    bfly_int n = (bfly_int)1 << logn, numbers = numbers_in(n, BFLY_UNTIED);
    size_t bytes = (size_t)(n * count) * size_x(t), w_bytes = (size_t)numbers * size_w(t);
    memory m = {must_alloc(w_bytes),
                must_alloc(bytes),
                must_alloc(bytes),
                must_alloc(w_bytes),
                must_alloc(bytes),
                must_alloc(3 * 64 * sizeof(double)),
                must_alloc((size_t)n * sizeof(bfly_int))};
    memset(m.w, 0, w_bytes);
    memset(m.x, 0, bytes);
    memset(m.prob, 0, 3 * 64 * sizeof(double));
    for (bfly_int i = 0; i < n; i++) m.perm[i] = n - 1 - i;
    memset(m.y, 0x11, bytes);
    memset(m.gx, 0x11, bytes);
    memset(m.gw, 0x11, w_bytes);
    char *same = must_alloc(bytes > w_bytes ? bytes : w_bytes);
    memset(same, 0x11, bytes > w_bytes ? bytes : w_bytes);

    refusing = 1, taken = given_back = 0, watching = 1;
    int rc = act(what, t, form, n, count, &m);
    watching = 0;
    int needed = taken;
    CHECK(rc == (needed ? BFLY_ENOMEM : 0), "%s %s n=%lld: without memory returned %d after %d requests", types[t].name,
          names[what], (long long)n, rc, needed);
    if (rc != 0) {
        CHECK(memcmp(m.y, same, bytes) == 0 && memcmp(m.gx, same, bytes) == 0 && memcmp(m.gw, same, w_bytes) == 0,
              "%s %s n=%lld: without memory, but an output was touched", types[t].name, names[what], (long long)n);
    }
    refusing = 0, taken = given_back = 0, watching = 1;
    rc = act(what, t, form, n, count, &m);
    watching = 0;
    CHECK(rc == 0, "%s %s n=%lld returned %d", types[t].name, names[what], (long long)n, rc);
    CHECK(taken <= 1, "%s %s n=%lld: %d allocations", types[t].name, names[what], (long long)n, taken);
    CHECK(taken == given_back, "%s %s n=%lld: %d allocations, %d given back", types[t].name, names[what], (long long)n,
          taken, given_back);
    CHECK(needed == 0 || taken > 0, "%s %s: allocations differ from call to call", types[t].name, names[what]);
    free(m.w);
    free(m.x);
    free(m.y);
    free(m.gw);
    free(m.gx);
    free(m.prob);
    free(m.perm);
    free(same);
}

/* The _work functions: the query touches nothing, then they allocate nothing and compute the same; a byte less is refused. */
static void test_work(int what, bfly_int n, bfly_int count, int threads)
{
    const bfly_int numbers = numbers_in(n, BFLY_UNTIED);
    const size_t bytes = (size_t)(2 * n * count) * sizeof(float), w_bytes = (size_t)(2 * numbers) * sizeof(float);
    float *w = must_alloc(w_bytes), *x = must_alloc(bytes), *y = must_alloc(bytes), *want = must_alloc(bytes);
    float *gw = must_alloc(w_bytes), *want_gw = must_alloc(w_bytes);
    const float one[2] = {1, 0}, zero[2] = {0, 0};
    bfly_plan *plan = NULL;
    for (bfly_int i = 0; i < 2 * numbers; i++) w[i] = (float)random_real();
    for (bfly_int i = 0; i < 2 * n * count; i++) x[i] = (float)random_real();
    const bfly_item item = {BFLY_ITEM_BUTTERFLY, BFLY_C, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    CHECK(bfly_plan_create(BFLY_C, BFLY_C, n, 1, &item, &plan) == 0, "create");
    bfly_set_num_threads(threads);
    memset(y, 0x11, bytes);
    memset(gw, 0x11, w_bytes);
    bfly_int size = -1;
#define CALL(work)                                                                                                     \
    (what == 0 ? bfly_cmul_work(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, n, count, one, w, x, 1, n, zero, y, 1, n, \
                                work, &size)                                                                           \
     : what == 1                                                                                                       \
         ? bfly_cgrad_work(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, n, count, w, x, 1, n, x, 1, n, gw, y, 1, n, \
                           work, &size)                                                                                \
         : bfly_plan_execute_work(plan, count, x, 1, n, y, 1, n, work, &size))
    memcpy(want, y, bytes);
    memcpy(want_gw, gw, w_bytes);
    CHECK(CALL(NULL) == 0 && size >= 0, "query %d: %lld bytes", what, (long long)size);
    CHECK(memcmp(y, want, bytes) == 0 && memcmp(gw, want_gw, w_bytes) == 0, "query %d wrote", what);
    const bfly_int needed = size;
    char *work = must_alloc((size_t)needed + 4);
    if (needed > 0) {
        size = needed - 1;
        CHECK(CALL(work + 1) == BFLY_ENOMEM, "%d: too little memory was taken", what);
        CHECK(memcmp(y, want, bytes) == 0 && memcmp(gw, want_gw, w_bytes) == 0, "%d wrote without memory", what);
    }
    size = needed;
    refusing = threads == 1, taken = given_back = 0, watching = threads == 1;
    int rc = CALL(work + 3);
    watching = refusing = 0;
    CHECK(rc == 0 && taken == 0, "%d: returned %d, %d allocations", what, rc, taken);
    if (what == 0)
        bfly_cmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, n, count, one, w, x, 1, n, zero, want, 1, n);
    else if (what == 1)
        bfly_cgrad(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, n, count, w, x, 1, n, x, 1, n, want_gw, want, 1, n);
    else
        bfly_plan_execute(plan, count, x, 1, n, want, 1, n);
    CHECK(memcmp(y, want, bytes) == 0 && memcmp(gw, want_gw, w_bytes) == 0, "%d n=%lld: other bits", what, (long long)n);
    size = -1;
    CHECK(CALL(work) == (what == 0 ? -16 : what == 1 ? -19 : -10), "%d: a negative size was taken", what);
    bfly_set_num_threads(1);
    bfly_plan_destroy(plan);
    free(w), free(x), free(y), free(want), free(gw), free(want_gw), free(work);
}

/* Every allocation of plan_create refused in turn: no leak, no plan. */
static void test_plan_memory(void)
{
    enum { N = 256 };
    static float w[8 * N * 4], d[N];
    static bfly_int perm[N];
    for (int i = 0; i < 8 * N * 4; i++) w[i] = (float)random_real();
    for (int i = 0; i < N; i++) d[i] = 1, perm[i] = N - 1 - i;
    const bfly_item item[] = {{BFLY_ITEM_PERMUTATION, 0, BFLY_TRANS, 0, 0, perm},
                              {BFLY_ITEM_DIAGONAL, BFLY_S, BFLY_NO_TRANS, 0, 0, d},
                              {BFLY_ITEM_BUTTERFLY, BFLY_C, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w},
                              {BFLY_ITEM_PERMUTATION, 0, BFLY_NO_TRANS, 0, 0, perm},
                              {BFLY_ITEM_REAL_PART, 0, 0, 0, 0, NULL},
                              {BFLY_ITEM_DIAGONAL, BFLY_S, BFLY_NO_TRANS, 0, 0, d}};
    for (int refused = 1; refused < 100; refused++) {
        bfly_plan *plan = NULL;
        refuse_after = refused, taken = given_back = 0, watching = 1;
        int rc = bfly_plan_create(BFLY_S, BFLY_S, N, 6, item, &plan);
        watching = refuse_after = 0;
        if (rc == 0) {
            CHECK(refused > 5, "plan_create made %d allocations only", refused);
            watching = 1;
            bfly_plan_destroy(plan);
            watching = 0;
            CHECK(taken == given_back, "destroy: %d allocations, %d given back", taken, given_back);
            return;
        }
        CHECK(rc == BFLY_ENOMEM && plan == NULL, "allocation %d refused: returned %d", refused, rc);
        CHECK(taken - 1 == given_back, "allocation %d refused: %d taken, %d given back", refused, taken - 1, given_back);
    }
}

int main(void)
{
    bfly_set_num_threads(1); /* the OpenMP runtime allocates when it starts its threads */
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int t = 0; t < TYPES; t++)
            for (int form = 0; form < 2; form++)
                for (int what = 0; what < WHATS; what++) {
                    if (what >= PERM && (t > TYPE_Z || (form && what != DENSE))) continue;
                    test(what, t, all_forms[form], 3, what == DENSE ? 4 : 2);
                    test(what, t, all_forms[form], 10, what == DENSE ? 256 : 40);
                    test(what, t, all_forms[form], 14, what == DENSE ? 16 : 1);
                    if (i == 0 && (what == PERM || what == PERM_IN_PLACE)) test(what, t, all_forms[form], 18, 2);
                }
    }
    bfly_set_isa("auto");
    for (int what = 0; what < 3; what++)
        for (int threads = 1; threads <= 2; threads++) {
            test_work(what, 8, 3, threads);
            test_work(what, 1024, 100, threads);
            test_work(what, 4096, 1, threads);
        }
    test_plan_memory();
    return finish("memory");
}
