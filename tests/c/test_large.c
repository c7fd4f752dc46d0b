/* test_large.c - strides beyond 4 GiB and beyond 2^31 elements: every function with elements, vectors or rows so far
 * apart that 32 bits would not find them. The arrays are address space only; the few pages touched are all that exists.
 * Where the system does not hand out so much of it, the strides shrink until it does, not below 4 GiB in bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "reference.h"

enum { N = 4, COUNT = 3 };
static char *space[3];
static size_t room; /* bytes of each */

static int reserve(size_t bytes)
{
    for (int i = 0; i < 3; i++) {
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            while (i-- > 0) munmap(space[i], bytes);
            return 0;
        }
        space[i] = p;
    }
    room = bytes;
    return 1;
}

/* Forget what was written, so that a page written at a wrong place is seen neither later nor paid for. */
static void forget(void)
{
    for (int i = 0; i < 3; i++) madvise(space[i], room, MADV_DONTNEED);
}

typedef struct far {
    bfly_int inc, dist;
    char *origin;
} far;

/* which: 0 elements far apart, 1 vectors far apart, 2 and 3 the same with negative strides */
static far far_of(int t, int which, char *base)
{
    const bfly_int size = (bfly_int)size_x(t), stride = ((bfly_int)room / size - 64) / 4;
    far f = {which % 2 ? 1 : stride, which % 2 ? stride : N, base + 32 * size};
    if (which >= 2) {
        bfly_int *long_one = which % 2 ? &f.dist : &f.inc;
        *long_one = -stride;
        f.origin += 3 * stride * size;
    }
    return f;
}

static void put_far(int t, far f, bfly_int k, bfly_int i, num v)
{
    put_num(f.origin, types[t].complex_x, types[t].is_double, i * f.inc + k * f.dist, v);
}

static num get_far(int t, far f, bfly_int k, bfly_int i)
{
    return get_num(f.origin, types[t].complex_x, types[t].is_double, i * f.inc + k * f.dist);
}

enum { MUL, GRAD, PERM, RELAXED, RELAXED_GRAD, WHATS };

typedef struct operands {
    void *w, *prob, *gw;
} operands;

static int act(int what, int t, const operands *o, far x, far y)
{
    static const bfly_int perm[N] = {2, 0, 3, 1};
    const num one = {1, 0}, half = {0.5L, 0};
    switch (what) {
    case MUL:
        return call_mul(t, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, COUNT, &one, o->w, x.origin, x.inc, x.dist,
                        &half, y.origin, y.inc, y.dist);
    case GRAD:
        return call_grad(t, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, N, COUNT, o->w, x.origin, x.inc, x.dist,
                         x.origin, x.inc, x.dist, o->gw, y.origin, y.inc, y.dist);
    case PERM:
        return call_perm(t, BFLY_NO_TRANS, N, COUNT, perm, x.origin, x.inc, x.dist, y.origin, y.inc, y.dist);
    case RELAXED:
        return call_relaxed(t, BFLY_NO_TRANS, N, COUNT, o->prob, x.origin, x.inc, x.dist, y.origin, y.inc, y.dist);
    default:
        return call_relaxed_grad(t, BFLY_NO_TRANS, 0, N, COUNT, o->prob, x.origin, x.inc, x.dist, x.origin, x.inc,
                                 x.dist, o->gw, y.origin, y.inc, y.dist);
    }
}

/* The same call on near and on far arrays gives the same numbers. */
static void test(int what, int t, int which)
{
    static const char *const names[WHATS] = {"mul", "grad", "perm", "relaxed_perm", "relaxed_perm_grad"};
    const type_info *T = &types[t];
    const size_t w_bytes = (size_t)numbers_in(N, BFLY_UNTIED) * size_w(t);
    num w[64], prob[3];
    for (int i = 0; i < 64; i++) w[i] = random_num(T->complex_w);
    for (int i = 0; i < 3; i++) prob[i] = random_num(0);
    operands o = {pack_nums(w, numbers_in(N, BFLY_UNTIED), T->complex_w, T->is_double), pack_nums(prob, 3, 0, T->is_double),
                  must_alloc(w_bytes)};
    void *gw_near = must_alloc(w_bytes);
    strided x = strided_new(t, N, COUNT, 1, N, 0, 0), y = strided_new(t, N, COUNT, 1, N, 0, 0);
    far fx = far_of(t, which, space[0]), fy = far_of(t, (which + 2) % 4, space[1]);
    for (bfly_int k = 0; k < COUNT; k++)
        for (bfly_int i = 0; i < N; i++) {
            num v = random_num(T->complex_x), u = random_num(T->complex_x);
            strided_put(&x, k, i, v);
            strided_put(&y, k, i, u);
            put_far(t, fx, k, i, v);
            put_far(t, fy, k, i, u);
        }
    far nx = {1, N, x.origin}, ny = {1, N, y.origin};
    memset(o.gw, 0, w_bytes);
    int rc_near = act(what, t, &o, nx, ny);
    memcpy(gw_near, o.gw, w_bytes);
    memset(o.gw, 0, w_bytes);
    int rc_far = act(what, t, &o, fx, fy), bad = 0;
    for (bfly_int k = 0; k < COUNT; k++)
        for (bfly_int i = 0; i < N; i++) {
            num a = strided_get(&y, k, i), b = get_far(t, fy, k, i);
            bad += !near_num(a, b, 64 * (long double)T->eps);
        }
    CHECK(rc_near == 0 && rc_far == 0 && bad == 0, "%s %s which=%d inc=%lld dist=%lld: returned %d, %d wrong", T->name,
          names[what], which, (long long)fx.inc, (long long)fx.dist, rc_far, bad);
    CHECK(memcmp(gw_near, o.gw, w_bytes) == 0, "%s %s which=%d: another gradient of the factors", T->name, names[what],
          which);
    free(o.w);
    free(o.prob);
    free(o.gw);
    free(gw_near);
    strided_free(&x);
    strided_free(&y);
}

/* Rows of a dense matrix, and of the matrices of bmm, far apart; the far strides of bmv, fwht and of a plan. */
static void test_matrices(void)
{
    const bfly_int ld = (bfly_int)(room / sizeof(double)) / 4 - 64;
    double w[2 * N * 2], near_a[N * N], near_c[N * COUNT] = {0}, *a = (double *)space[0], *c = (double *)space[1];
    for (int i = 0; i < 2 * N * 2; i++) w[i] = random_real();
    int rc = bfly_ddense(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, w, near_a, N), bad = 0;
    int rc_far = bfly_ddense(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, w, a, ld);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) bad += a[i * ld + j] != near_a[i * N + j];
    CHECK(rc == 0 && rc_far == 0 && bad == 0, "dense with far rows: returned %d, %d wrong", rc_far, bad);

    for (int layout = BFLY_ROW_MAJOR; layout <= BFLY_COL_MAJOR; layout++) {
        /* row-major from the left and column-major from the right: rows and columns of a, its first COUNT columns or rows */
        const int side = layout == BFLY_ROW_MAJOR ? BFLY_LEFT : BFLY_RIGHT, left = side == BFLY_LEFT;
        const bfly_int rows = left ? N : COUNT, cols = left ? COUNT : N;
        rc = bfly_dbmm(layout, side, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, rows, cols, 1, w, near_a, N, 0,
                       near_c, COUNT);
        rc_far = bfly_dbmm(layout, side, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, rows, cols, 1, w, a, ld, 0, c, ld);
        bad = 0;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < COUNT; j++) bad += c[i * ld + j] != near_c[i * COUNT + j];
        CHECK(rc == 0 && rc_far == 0 && bad == 0, "bmm with far rows: returned %d, %d wrong", rc_far, bad);
    }

    double x[N], y[N];
    for (int i = 0; i < N; i++) x[i] = random_real();
    for (int i = 0; i < N; i++) a[i * ld] = x[i];
    rc = bfly_dbmv(BFLY_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, w, x, 1, 0, y, 1);
    rc_far = bfly_dbmv(BFLY_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, w, a, ld, 0, c + 3 * ld, -ld);
    bad = 0;
    for (int i = 0; i < N; i++) bad += c[(3 - i) * ld] != y[i];
    CHECK(rc == 0 && rc_far == 0 && bad == 0, "bmv with far elements: returned %d, %d wrong", rc_far, bad);

    rc = bfly_dfwht(BFLY_SEQUENCY, N, 1, 0.5, x, 1, 0, y, 1, 0);
    rc_far = bfly_dfwht(BFLY_SEQUENCY, N, 1, 0.5, a, ld, 0, c + 3 * ld, -ld, 0);
    bad = 0;
    for (int i = 0; i < N; i++) bad += c[(3 - i) * ld] != y[i];
    CHECK(rc == 0 && rc_far == 0 && bad == 0, "fwht with far elements: returned %d, %d wrong", rc_far, bad);

    const bfly_item item = {BFLY_ITEM_BUTTERFLY, BFLY_D, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    bfly_plan *plan = NULL;
    CHECK(bfly_plan_create(BFLY_D, BFLY_D, N, 1, &item, &plan) == 0, "no plan");
    rc = bfly_plan_execute(plan, 1, x, 1, 0, y, 1, 0);
    rc_far = bfly_plan_execute(plan, 1, a, ld, 0, c + 3 * ld, -ld, 0);
    bad = 0;
    for (int i = 0; i < N; i++) bad += c[(3 - i) * ld] != y[i];
    CHECK(rc == 0 && rc_far == 0 && bad == 0, "a plan with far elements: returned %d, %d wrong", rc_far, bad);
    bfly_plan_destroy(plan);
}

int main(void)
{
    /* 4 strides of 2^31 complex doubles, or what there is: at least 4 strides of 4 GiB */
    size_t bytes = (size_t)4 * 16 * ((size_t)1 << 31) + ((size_t)1 << 20);
    while (bytes > (size_t)4 << 32 && !reserve(bytes)) bytes = bytes / 2 + ((size_t)1 << 20);
    if (room == 0) {
        printf("large: no address space for strides of 4 GiB here\n");
        return 77;
    }
    printf("large: strides of %.1f GiB\n", (double)room / 4 / (1 << 30));
    random_seed(12);
    for (int t = 0; t < TYPES; t++)
        for (int what = 0; what < WHATS; what++)
            for (int which = 0; which < 4; which++) {
                if (what >= PERM && t > TYPE_Z) continue;
                test(what, t, which);
                forget();
            }
    test_matrices();
    return finish("large");
}
