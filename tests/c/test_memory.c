/* test_memory.c - at most one allocation a call, given back before it returns; without memory BFLY_ENOMEM and outputs
 * as they were. The program's own malloc stands in front of the C library's: it counts, and refuses when told to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

enum { MUL, GRAD, BMV, BMM, PERM, PERM_IN_PLACE, RELAXED, RELAXED_GRAD, FWHT, DENSE, FIT, WHATS };

typedef struct memory {
    void *w, *x, *y, *gw, *gx, *prob;
    bfly_int *perm;
} memory;

/* one vector of stride 1, and columns of a row-major matrix */
static int call_bmv(int t, int form, bfly_int n, const memory *m)
{
    const float c1[2] = {1, 0}, c0[2] = {0, 0};
    const double z1[2] = {1, 0}, z0[2] = {0, 0};
#define BMV(t, one, zero) bfly_##t##bmv(BFLY_NO_TRANS, BFLY_INCREASING, form, n, one, m->w, m->x, 1, zero, m->y, 1)
    switch (t) {
    case TYPE_S: return BMV(s, 1, 0);
    case TYPE_D: return BMV(d, 1, 0);
    case TYPE_C: return BMV(c, c1, c0);
    case TYPE_Z: return BMV(z, z1, z0);
    case TYPE_CS: return BMV(cs, c1, c0);
    default: return BMV(zd, z1, z0);
    }
#undef BMV
}

static int call_bmm(int t, int form, bfly_int n, bfly_int count, const memory *m)
{
    const float c1[2] = {1, 0}, c0[2] = {0, 0};
    const double z1[2] = {1, 0}, z0[2] = {0, 0};
#define BMM(t, one, zero)                                                                                              \
    bfly_##t##bmm(BFLY_ROW_MAJOR, BFLY_LEFT, BFLY_NO_TRANS, BFLY_INCREASING, form, n, count, one, m->w, m->x, count,   \
                  zero, m->y, count)
    switch (t) {
    case TYPE_S: return BMM(s, 1, 0);
    case TYPE_D: return BMM(d, 1, 0);
    case TYPE_C: return BMM(c, c1, c0);
    case TYPE_Z: return BMM(z, z1, z0);
    case TYPE_CS: return BMM(cs, c1, c0);
    default: return BMM(zd, z1, z0);
    }
#undef BMM
}

/* of a matrix of size n in x, with one permutation */
static int call_fit(int t, int form, bfly_int n, const memory *m)
{
    double f;
    switch (t) {
    case TYPE_S: return bfly_sfit(form, n, 1, m->w, m->prob, m->x, n, &f, m->gw, m->gx);
    case TYPE_D: return bfly_dfit(form, n, 1, m->w, m->prob, m->x, n, &f, m->gw, m->gx);
    case TYPE_C: return bfly_cfit(form, n, 1, m->w, m->prob, m->x, n, &f, m->gw, m->gx);
    default: return bfly_zfit(form, n, 1, m->w, m->prob, m->x, n, &f, m->gw, m->gx);
    }
}

static int act(int what, int t, int form, bfly_int n, bfly_int count, const memory *m)
{
    num alpha = {0.5L, 0}, beta = {0.25L, 0};
    switch (what) {
    case MUL:
        return call_mul(t, BFLY_NO_TRANS, BFLY_INCREASING, form, n, count, &alpha, m->w, m->x, 1, n, &beta, m->y, 1, n);
    case GRAD:
        return call_grad(t, BFLY_NO_TRANS, BFLY_INCREASING, form, 0, n, count, m->w, m->x, 1, n, m->x, 1, n, m->gw,
                         m->gx, 1, n);
    case BMV: return call_bmv(t, form, n, m);
    case BMM: return call_bmm(t, form, n, count, m);
    case FIT: return call_fit(t, form, count, m);
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
    static const char *const names[WHATS] = {"mul",           "grad",    "bmv",          "bmm",  "perm",
                                             "perm in place", "relaxed", "relaxed_grad", "fwht", "dense", "fit"};
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

/* Every allocation of a plan's way to memory and file and back refused in turn, those of the C library's streams too. */
static int store_step(int step, const bfly_plan *plan, const char *path, unsigned char *bytes, bfly_int *size,
                      bfly_plan **made)
{
    switch (step) {
    case 0: return bfly_plan_to_memory(plan, bytes, *size, size);
    case 1: return bfly_plan_from_memory(bytes, *size, made);
    case 2: return bfly_plan_save(plan, path);
    default: return bfly_plan_load(path, made);
    }
}

static void test_stored_plan_memory(void)
{
    enum { N = 64 };
    static float w[6 * N * 4];
    static unsigned char bytes[65536];
    char path[] = "/tmp/butterfly-memory-XXXXXX";
    const int file = mkstemp(path);
    for (int i = 0; i < 6 * N * 4; i++) w[i] = (float)random_real();
    const bfly_item item = {BFLY_ITEM_BUTTERFLY, BFLY_C, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    bfly_plan *plan = NULL;
    CHECK(file >= 0 && close(file) == 0, "no temporary file");
    CHECK(bfly_plan_create(BFLY_C, BFLY_C, N, 1, &item, &plan) == 0, "create");
    CHECK(bfly_plan_save(plan, path) == 0, "save");
    for (int step = 0; step < 4; step++)
        for (int refused = 1; refused < 100; refused++) {
            bfly_plan *made = NULL;
            bfly_int size = sizeof bytes;
            if (step == 1) CHECK(bfly_plan_to_memory(plan, NULL, 0, &size) == 0, "size");
            refuse_after = refused, taken = given_back = 0, watching = 1;
            const int rc = store_step(step, plan, path, bytes, &size, &made);
            watching = refuse_after = 0;
            if (taken < refused) { /* nothing was refused */
                CHECK(rc == 0 && (step != 1 || refused > 5) && (step != 2 || refused > 1), "step %d returned %d after %d",
                      step, rc, taken);
                watching = 1;
                bfly_plan_destroy(made);
                watching = 0;
                CHECK(taken == given_back, "step %d: %d allocations, %d given back", step, taken, given_back);
                break;
            }
            /* a stream works without its buffer; that it cannot be opened is told by errno */
            const int good = rc == 0 || rc == BFLY_ENOMEM || (step >= 2 && rc == BFLY_EIO);
            CHECK(good, "step %d, allocation %d refused: returned %d", step, refused, rc);
            if (rc == 0) bfly_plan_destroy(made);
            CHECK(rc == 0 || (made == NULL && taken - 1 == given_back), "step %d without %d: %d taken, %d given back", step,
                  refused, taken - 1, given_back);
        }
    bfly_plan_destroy(plan);
    CHECK(remove(path) == 0, "%s is gone", path);
}

int main(void)
{
    /* the OpenMP runtime takes memory of its own when it starts: before anything is counted or refused */
    static float x[1 << 20];
    bfly_set_num_threads(2);
    CHECK(bfly_sfwht(BFLY_NATURAL, 1 << 20, 1, 1, x, 1, 1 << 20, x, 1, 1 << 20) == 0, "%s", "fwht");
    bfly_set_num_threads(1);
    const char *isa;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int t = 0; t < TYPES; t++)
            for (int form = 0; form < 2; form++)
                for (int what = 0; what < WHATS; what++) {
                    const int square = what == DENSE || what == FIT;
                    if (what >= PERM && (t > TYPE_Z || (form && !square))) continue;
                    test(what, t, all_forms[form], 3, square ? 4 : 2);
                    test(what, t, all_forms[form], 10, square ? 256 : 40);
                    test(what, t, all_forms[form], 14, square ? 16 : 1);
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
    test_stored_plan_memory();
    return finish("memory");
}
