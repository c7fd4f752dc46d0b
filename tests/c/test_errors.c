/* test_errors.c - every argument of every function illegal once: the position comes back and no output is touched.
 *
 * CASE(expected, change) takes the legal call, makes one change to it, and looks at the result and at the outputs.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

enum { N = 8, COUNT = 3, ROOM = 4096 };

static const bfly_int huge = INT64_MAX, least = INT64_MIN;

/* Inputs of ones; outputs of a pattern. */
static double in_w[ROOM], in_x[ROOM];
static char out_y[ROOM], out_gw[ROOM], out_gx[ROOM];

static void fill(int t)
{
    for (int i = 0; i < ROOM / 8; i++) {
        put_num(in_w, types[t].complex_w, types[t].is_double, i, (num){1, 0});
        put_num(in_x, types[t].complex_x, types[t].is_double, i, (num){1, 0});
    }
    memset(out_y, 0x5a, ROOM);
    memset(out_gw, 0x5a, ROOM);
    memset(out_gx, 0x5a, ROOM);
}

static int untouched(void)
{
    for (int i = 0; i < ROOM; i++)
        if (out_y[i] != 0x5a || out_gw[i] != 0x5a || out_gx[i] != 0x5a) return 0;
    return 1;
}

/* The arguments of any function here; each reads those it has. */
typedef struct arguments {
    int op, order, form, accumulate, direction;
    bfly_int n, count;
    const num *alpha, *beta;
    const void *w, *x, *gy;
    void *y, *gw, *gx;
    const bfly_int *perm;
    bfly_int incx, distx, incy, disty, incgy, distgy, incgx, distgx, lda;
} arguments;

static const num one = {1, 0}, zero = {0, 0};
static const bfly_int identity[N] = {0, 1, 2, 3, 4, 5, 6, 7}, twice[N] = {0, 1, 2, 3, 4, 5, 6, 6},
                      below[N] = {0, 1, 2, 3, 4, 5, 6, -1}, above[N] = {0, 1, 2, 3, 4, 5, 6, N};

static arguments legal(void)
{
    return (arguments){.op = BFLY_NO_TRANS,
                       .order = BFLY_INCREASING,
                       .form = BFLY_UNTIED,
                       .accumulate = 0,
                       .direction = BFLY_FORWARD,
                       .n = N,
                       .count = COUNT,
                       .alpha = &one,
                       .beta = &zero,
                       .w = in_w,
                       .x = in_x,
                       .gy = in_x,
                       .y = out_y,
                       .gw = out_gw,
                       .gx = out_gx,
                       .perm = identity,
                       .incx = 1,
                       .distx = N,
                       .incy = 1,
                       .disty = N,
                       .incgy = 1,
                       .distgy = N,
                       .incgx = 1,
                       .distgx = N,
                       .lda = N};
}

typedef int call(int t, const arguments *a);

static int do_mul(int t, const arguments *a)
{
    return call_mul(t, a->op, a->order, a->form, a->n, a->count, a->alpha, a->w, a->x, a->incx, a->distx, a->beta, a->y,
                    a->incy, a->disty);
}

static int do_grad(int t, const arguments *a)
{
    return call_grad(t, a->op, a->order, a->form, a->accumulate, a->n, a->count, a->w, a->x, a->incx, a->distx, a->gy,
                     a->incgy, a->distgy, a->gw, a->gx, a->incgx, a->distgx);
}

static int do_perm(int t, const arguments *a)
{
    return call_perm(t, a->op, a->n, a->count, a->perm, a->x, a->incx, a->distx, a->y, a->incy, a->disty);
}

static int do_relaxed(int t, const arguments *a)
{
    return call_relaxed(t, a->op, a->n, a->count, a->w, a->x, a->incx, a->distx, a->y, a->incy, a->disty);
}

static int do_relaxed_grad(int t, const arguments *a)
{
    return call_relaxed_grad(t, a->op, a->accumulate, a->n, a->count, a->w, a->x, a->incx, a->distx, a->gy, a->incgy,
                             a->distgy, a->gw, a->gx, a->incgx, a->distgx);
}

static int do_dense(int t, const arguments *a)
{
    return call_dense(t, a->op, a->order, a->form, a->n, a->w, a->y, a->lda);
}

static int do_fft(int t, const arguments *a) { return call_fft(t, a->direction, a->order, a->form, a->n, a->y); }

static int do_hadamard(int t, const arguments *a) { return call_hadamard(t, a->order, a->form, a->n, a->y); }

/* What the error handler was told last, and how often. */
static char told_function[64];
static int told_result, told_times;

static void remember(const char *function, int result)
{
    snprintf(told_function, sizeof told_function, "%s", function);
    told_result = result;
    told_times++;
}

static void one_case(int t, call *f, const arguments *a, int expected, const char *name, const char *change)
{
    char function[64];
    snprintf(function, sizeof function, "bfly_%s%s", types[t].name, name);
    fill(t);
    told_times = 0;
    int rc = f(t, a);
    if (expected == 0)
        CHECK(told_times == 0, "%s with %s: the error handler was called without an error", function, change);
    else
        CHECK(told_times == 1 && told_result == expected && strcmp(told_function, function) == 0,
              "%s with %s: the error handler was called %d times, with %s and %d", function, change, told_times,
              told_function, told_result);
    CHECK(rc == expected, "%s %s with %s returned %d, not %d", types[t].name, name, change, rc, expected);
    if (expected != 0) CHECK(untouched(), "%s %s with %s: an output was touched", types[t].name, name, change);
}

#define CASE(expected, ...)                                                                                            \
    do {                                                                                                               \
        arguments a = legal();                                                                                         \
        __VA_ARGS__;                                                                                                   \
        one_case(t, f, &a, expected, name, #__VA_ARGS__);                                                              \
    } while (0)

static void illegal_ops(int t, call *f, const char *name)
{
    CASE(-1, a.op = 110);
    CASE(-1, a.op = 115);
    CASE(-1, a.op = 0);
    CASE(-1, a.op = INT_MIN);
}

static void illegal_orders(int t, call *f, const char *name, int at)
{
    CASE(-at, a.order = 200);
    CASE(-at, a.order = 203);
    CASE(-at, a.order = BFLY_TIED);
    CASE(-at - 1, a.form = 210);
    CASE(-at - 1, a.form = 213);
    CASE(-at - 1, a.form = BFLY_INCREASING);
}

static void illegal_sizes(int t, call *f, const char *name, int at)
{
    CASE(-at, a.n = 0);
    CASE(-at, a.n = -8);
    CASE(-at, a.n = 3);
    CASE(-at, a.n = 12);
    CASE(-at, a.n = huge);
    CASE(-at, a.n = least);
    CASE(BFLY_EOVERFLOW, a.n = (bfly_int)1 << 62);
}

static void test_mul(int t)
{
    call *f = do_mul;
    const char *name = "mul";
    CASE(0, a.op = BFLY_CONJ);
    illegal_ops(t, f, name);
    illegal_orders(t, f, name, 2);
    illegal_sizes(t, f, name, 4);
    CASE(-5, a.count = -1);
    CASE(-5, a.count = least);
    if (types[t].complex_x) {
        CASE(-6, a.alpha = NULL);
        CASE(-11, a.beta = NULL);
    }
    CASE(-7, a.w = NULL);
    CASE(-8, a.x = NULL);
    CASE(-12, a.y = NULL);
    CASE(-13, a.incy = 0);
    CASE(-14, a.disty = 0);
    CASE(BFLY_EOVERFLOW, a.incx = huge);
    CASE(BFLY_EOVERFLOW, a.incx = least);
    CASE(BFLY_EOVERFLOW, a.distx = huge / 2);
    CASE(BFLY_EOVERFLOW, a.distx = least);
    CASE(BFLY_EOVERFLOW, a.incy = -huge);
    CASE(BFLY_EOVERFLOW, a.disty = huge / 4);
    CASE(BFLY_EOVERFLOW, a.count = huge);
    CASE(BFLY_EOVERFLOW, a.incx = huge / 80; a.distx = huge / 20);
    /* legal: nothing is read, or the stride is not used */
    CASE(0, a.alpha = &zero; a.w = NULL; a.x = NULL);
    CASE(0, a.n = 1; a.w = NULL);
    CASE(0, a.n = 1; a.incx = least; a.incy = 0);
    CASE(0, a.count = 1; a.distx = least; a.disty = 0);
    CASE(0, a.count = 0; a.w = NULL; a.x = NULL; a.y = NULL);
    CASE(0, a.incx = 0; a.distx = 0);
}

static void test_grad(int t)
{
    call *f = do_grad;
    const char *name = "grad";
    CASE(0, a.op = BFLY_TRANS);
    illegal_ops(t, f, name);
    illegal_orders(t, f, name, 2);
    CASE(-4, a.accumulate = 2);
    CASE(-4, a.accumulate = -1);
    illegal_sizes(t, f, name, 5);
    CASE(-6, a.count = -1);
    CASE(-7, a.w = NULL);
    CASE(-8, a.x = NULL);
    CASE(-11, a.gy = NULL);
    CASE(-16, a.incgx = 0);
    CASE(-17, a.distgx = 0);
    CASE(BFLY_EOVERFLOW, a.incx = huge);
    CASE(BFLY_EOVERFLOW, a.distx = least);
    CASE(BFLY_EOVERFLOW, a.incgy = -huge);
    CASE(BFLY_EOVERFLOW, a.distgy = huge / 2);
    CASE(BFLY_EOVERFLOW, a.incgx = huge / 3);
    CASE(BFLY_EOVERFLOW, a.distgx = least);
    CASE(BFLY_EOVERFLOW, a.count = huge);
    CASE(0, a.gw = NULL);
    CASE(0, a.gx = NULL; a.incgx = 0; a.distgx = 0);
    CASE(0, a.gw = NULL; a.gx = NULL);
    CASE(0, a.n = 1; a.w = NULL; a.gw = NULL);
    CASE(0, a.count = 0; a.w = NULL; a.x = NULL; a.gy = NULL);
    CASE(0, a.count = 1; a.distx = least; a.distgy = least; a.distgx = 0);
}

static void test_perm(int t)
{
    call *f = do_perm;
    const char *name = "perm";
    CASE(0, a.op = BFLY_TRANS);
    illegal_ops(t, f, name);
    CASE(-2, a.n = 0);
    CASE(-2, a.n = -1);
    CASE(-3, a.count = -1);
    CASE(-4, a.perm = NULL);
    CASE(-4, a.perm = twice);
    CASE(-4, a.perm = below);
    CASE(-4, a.perm = above);
    CASE(-4, a.perm = twice; a.op = BFLY_TRANS);
    CASE(-5, a.x = NULL);
    CASE(-8, a.y = NULL);
    CASE(-9, a.incy = 0);
    CASE(-10, a.disty = 0);
    CASE(BFLY_EOVERFLOW, a.incx = huge);
    CASE(BFLY_EOVERFLOW, a.distx = least);
    CASE(BFLY_EOVERFLOW, a.incy = least);
    CASE(BFLY_EOVERFLOW, a.disty = -huge);
    CASE(BFLY_EOVERFLOW, a.count = huge);
    CASE(0, a.n = 7; a.disty = N);
    CASE(0, a.n = 1; a.incx = least; a.incy = 0);
    CASE(0, a.count = 0; a.x = NULL; a.y = NULL);
}

static void test_relaxed(int t)
{
    call *f = do_relaxed;
    const char *name = "relaxed_perm";
    CASE(0, a.op = BFLY_TRANS);
    illegal_ops(t, f, name);
    illegal_sizes(t, f, name, 2);
    CASE(-3, a.count = -1);
    CASE(-4, a.w = NULL);
    CASE(-5, a.x = NULL);
    CASE(-8, a.y = NULL);
    CASE(-9, a.incy = 0);
    CASE(-10, a.disty = 0);
    CASE(BFLY_EOVERFLOW, a.incx = huge);
    CASE(BFLY_EOVERFLOW, a.distx = least);
    CASE(BFLY_EOVERFLOW, a.incy = -huge);
    CASE(BFLY_EOVERFLOW, a.disty = huge / 2);
    CASE(0, a.n = 2; a.w = NULL);
    CASE(0, a.n = 1; a.w = NULL);
    CASE(0, a.count = 0; a.w = NULL; a.x = NULL; a.y = NULL);

    f = do_relaxed_grad;
    name = "relaxed_perm_grad";
    CASE(0, a.op = BFLY_TRANS);
    illegal_ops(t, f, name);
    CASE(-2, a.accumulate = 2);
    CASE(-2, a.accumulate = -1);
    illegal_sizes(t, f, name, 3);
    CASE(-4, a.count = -1);
    CASE(-5, a.w = NULL);
    CASE(-6, a.x = NULL);
    CASE(-9, a.gy = NULL);
    CASE(-14, a.incgx = 0);
    CASE(-15, a.distgx = 0);
    CASE(BFLY_EOVERFLOW, a.incx = huge);
    CASE(BFLY_EOVERFLOW, a.distx = least);
    CASE(BFLY_EOVERFLOW, a.incgy = -huge);
    CASE(BFLY_EOVERFLOW, a.distgy = huge / 2);
    CASE(BFLY_EOVERFLOW, a.incgx = huge / 3);
    CASE(BFLY_EOVERFLOW, a.distgx = least);
    CASE(0, a.gw = NULL);
    CASE(0, a.gx = NULL; a.incgx = 0; a.distgx = 0);
    CASE(0, a.n = 2; a.w = NULL; a.gw = NULL);
    CASE(0, a.count = 0; a.w = NULL; a.x = NULL; a.gy = NULL);
}

static void test_factors(int t)
{
    call *f = do_dense;
    const char *name = "dense";
    CASE(0, a.op = BFLY_TRANS);
    illegal_ops(t, f, name);
    illegal_orders(t, f, name, 2);
    CASE(-4, a.n = 0);
    CASE(-4, a.n = 3);
    CASE(-4, a.n = -4);
    CASE(BFLY_EOVERFLOW, a.n = (bfly_int)1 << 62; a.lda = a.n);
    CASE(BFLY_EOVERFLOW, a.lda = huge);
    CASE(-5, a.w = NULL);
    CASE(-6, a.y = NULL);
    CASE(-7, a.lda = N - 1);
    CASE(-7, a.lda = -N);
    CASE(0, a.n = 1; a.w = NULL; a.lda = 1);

    f = do_hadamard;
    name = "hadamard_factors";
    CASE(0, a.order = BFLY_DECREASING);
    illegal_orders(t, f, name, 1);
    illegal_sizes(t, f, name, 3);
    CASE(-4, a.y = NULL);
    CASE(0, a.n = 1; a.y = NULL);

    if (!types[t].complex_w) return;
    f = do_fft;
    name = "fft_factors";
    CASE(0, a.direction = BFLY_INVERSE);
    CASE(-1, a.direction = 220);
    CASE(-1, a.direction = 223);
    illegal_orders(t, f, name, 2);
    illegal_sizes(t, f, name, 4);
    CASE(-5, a.y = NULL);
    CASE(0, a.n = 1; a.y = NULL);
}

static jmp_buf back;

static void jump(const char *function, int result)
{
    (void)function;
    longjmp(back, result);
}

static void test_handler(void)
{
    float x[8] = {0};
    CHECK(bfly_set_error_handler(jump) == remember, "the old handler is not returned");
    int result = setjmp(back);
    if (result == 0) {
        bfly_sfwht(BFLY_NATURAL, 8, 1, 1, x, INT64_MAX, 0, x, 1, 0);
        result = -99;
    }
    CHECK(result == BFLY_EOVERFLOW, "the handler jumped back with %d", result);
    CHECK(bfly_set_error_handler(remember) == jump, "the old handler is not returned");
    told_times = 0;
    bfly_set_isa("nonsense");
    CHECK(told_times == 1 && told_result == BFLY_EISA && strcmp(told_function, "bfly_set_isa") == 0,
          "bfly_set_isa told %s", told_function);
    CHECK(bfly_set_error_handler(NULL) == remember, "the old handler is not returned");
    told_times = 0;
    CHECK(bfly_set_isa("nonsense") == BFLY_EISA && told_times == 0, "a removed handler was called");
    CHECK(bfly_set_error_handler(NULL) == NULL, "there still is a handler");
}

/* Functions of other kinds: the handler hears of each error once, under the name of the function that was called. */
static void test_told(void)
{
    enum { M = 8 };
    static float w[3 * M * 2], x[M], y[M];
    bfly_int size = sizeof x;
    bfly_info info;
    bfly_item item = {BFLY_ITEM_BUTTERFLY, BFLY_S, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    bfly_plan *plan = NULL, *none = NULL;
    double f = 0;
    unsigned char bytes[4096];
#define TOLD(expected, function, ...)                                                                                  \
    do {                                                                                                               \
        told_times = 0;                                                                                                \
        const int rc = function(__VA_ARGS__);                                                                          \
        CHECK(rc == (expected), "%s(%s) returned %d", #function, #__VA_ARGS__, rc);                                    \
        CHECK(told_times == 1 && told_result == rc && strcmp(told_function, #function) == 0,                           \
              "%s(%s): the handler was called %d times, with %s and %d", #function, #__VA_ARGS__, told_times,          \
              told_function, told_result);                                                                             \
    } while (0)
    TOLD(-1, bfly_sbmv, 0, BFLY_INCREASING, BFLY_UNTIED, M, 1, w, x, 1, 0, y, 1);
    TOLD(-2, bfly_sbmm, BFLY_ROW_MAJOR, 0, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, M, 1, 1, w, x, 1, 0, y, 1);
    TOLD(-2, bfly_sfwht, BFLY_NATURAL, 7, 1, 1, x, 1, M, y, 1, M);
    TOLD(-7, bfly_sfit, BFLY_UNTIED, M, 0, w, NULL, w, M - 1, &f, w, NULL);
    TOLD(-16, bfly_smul_work, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, M, 1, 1, w, x, 1, M, 0, y, 1, M, NULL, NULL);
    TOLD(-5, bfly_smul_work, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, M, -1, 1, w, x, 1, M, 0, y, 1, M, x, &size);
    TOLD(-19, bfly_sgrad_work, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, M, 1, w, x, 1, M, x, 1, M, w, y, 1, M, x,
         NULL);
    TOLD(-1, bfly_set_isa, NULL);
    TOLD(-3, bfly_plan_create, BFLY_S, BFLY_S, 7, 1, &item, &none);
    CHECK(bfly_plan_create(BFLY_S, BFLY_S, M, 1, &item, &plan) == 0, "no plan");
    TOLD(-2, bfly_plan_execute, plan, -1, x, 1, M, y, 1, M);
    TOLD(-10, bfly_plan_execute_work, plan, 1, x, 1, M, y, 1, M, x, NULL);
    TOLD(-1, bfly_plan_info, NULL, &info);
    TOLD(-2, bfly_plan_item, plan, 1, &item);
    TOLD(-3, bfly_plan_to_memory, plan, bytes, 8, &size);
    TOLD(-2, bfly_plan_save, plan, "");
    TOLD(BFLY_EIO, bfly_plan_load, "there/is/none.plan", &none);
    TOLD(BFLY_EFORMAT, bfly_plan_from_memory, bytes, 8, &none);

    /* refused by the plan's own checks, behind those of the file: an order that there is not, with a right checksum */
    CHECK(bfly_plan_to_memory(plan, bytes, sizeof bytes, &size) == 0, "to memory");
    uint64_t sum = UINT64_MAX;
    bytes[40 + 12] = 77;
    for (bfly_int i = 0; i < size - 8; i++) {
        sum ^= bytes[i];
        for (int b = 0; b < 8; b++) sum = sum & 1 ? sum >> 1 ^ 0xC96C5795D7870F42u : sum >> 1;
    }
    for (int i = 0; i < 8; i++) bytes[size - 8 + i] = (unsigned char)(~sum >> 8 * i);
    TOLD(BFLY_EFORMAT, bfly_plan_from_memory, bytes, size, &none);
    bfly_plan_destroy(plan);
    CHECK(none == NULL, "a plan was made");
#undef TOLD
}

int main(void)
{
    CHECK(bfly_set_error_handler(remember) == NULL, "there is a handler at the start");
    for (int t = 0; t < TYPES; t++) {
        test_mul(t);
        test_grad(t);
        if (t > TYPE_Z) continue;
        test_perm(t);
        test_relaxed(t);
        test_factors(t);
    }
    test_told();
    test_handler();
    return finish("errors");
}
