/* test_plan.c - plans against the chain of their items in long double: random chains of butterflies, permutations,
 * diagonals and real parts, all types, ops and orders, strides, in place; factors that cannot be reduced; Hadamard
 * factors; what info tells; items given back; threads on one plan; the instruction set it keeps; every error.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

enum { MOST_ITEMS = 6 };

/* How factors are drawn. */
enum { RANDOM, ORTHOGONAL, WITH_ZEROS, SWAPS, WIDE, TRIANGULAR, SINGULAR, HADAMARD, SCALED_HADAMARD, REAL_VALUED, DRAWS };

typedef struct chain {
    int is_double, type_in, type_out, items;
    bfly_int n;
    bfly_item item[MOST_ITEMS];
    num *w[MOST_ITEMS]; /* butterfly and diagonal data, converted */
    void *data[MOST_ITEMS];
    int stages;
} chain;

static num scaled(num v, long double by) { return (num){v.re * by, v.im * by}; }

static int decades = 8; /* of WIDE; chains take fewer, so that no product leaves the range of float */

static void draw_block(int draw, int is_complex, num *w)
{
    for (int i = 0; i < 4; i++) w[i] = random_num(is_complex && draw != REAL_VALUED);
    switch (draw) {
    case ORTHOGONAL: {
        long double a = 3.2L * random_real(), c = (float)cosl(a), s = (float)sinl(a);
        w[0] = w[3] = (num){c, 0}, w[1] = (num){-s, 0}, w[2] = (num){s, 0};
        if (is_complex) w[1] = (num){0, s}, w[2] = (num){0, s};
        break;
    }
    case WITH_ZEROS:
        if (random_below(3) == 0) w[random_below(4)] = (num){0, 0};
        break;
    case SWAPS: {
        int swap = (int)random_below(2);
        w[0] = w[3] = (num){!swap, 0}, w[1] = w[2] = (num){swap, 0};
        break;
    }
    case WIDE:
        for (int i = 0; i < 4; i++) w[i] = scaled(w[i], powl(10, (long double)random_below(decades + 1) - decades / 2));
        break;
    case TRIANGULAR: w[1] = (num){0, 0}; break;
    case SINGULAR: w[2] = w[0], w[3] = w[1]; break;
    case HADAMARD:
    case SCALED_HADAMARD:
        for (int i = 0; i < 4; i++) w[i] = (num){(i == 3 ? -1 : 1) * (draw == HADAMARD ? 1 : 0.75L), 0};
        break;
    }
}

static char type_letter(int is_double, int is_complex) { return "sdcz"[is_double + 2 * is_complex]; }

static void add(chain *C, int kind, int is_complex, int draw)
{
    int k = C->items++;
    bfly_int n = C->n;
    bfly_item I = {.kind = kind, .type = type_letter(C->is_double, is_complex), .op = all_ops[random_below(4)]};
    C->w[k] = NULL;
    C->data[k] = NULL;
    if (kind == BFLY_ITEM_BUTTERFLY) {
        I.order = all_orders[random_below(2)];
        I.form = all_forms[random_below(2)];
        bfly_int numbers = numbers_in(n, I.form);
        C->w[k] = must_alloc((size_t)numbers * sizeof(num));
        for (bfly_int i = 0; i < numbers; i += 4) draw_block(draw, is_complex, C->w[k] + i);
        C->data[k] = pack_nums(C->w[k], numbers, is_complex, C->is_double);
        for (bfly_int i = 0; i < numbers; i++) C->w[k][i] = get_num(C->data[k], is_complex, C->is_double, i);
        C->stages += log2_int(n);
    } else if (kind == BFLY_ITEM_DIAGONAL) {
        C->w[k] = must_alloc((size_t)n * sizeof(num));
        for (bfly_int i = 0; i < n; i++)
            C->w[k][i] = draw == WITH_ZEROS && random_below(4) == 0 ? (num){0, 0} : random_num(is_complex && draw != REAL_VALUED);
        C->data[k] = pack_nums(C->w[k], n, is_complex, C->is_double);
        C->stages++;
    } else if (kind == BFLY_ITEM_PERMUTATION) {
        bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
        int reverse = random_below(2) == 0;
        for (bfly_int i = 0; i < n; i++) {
            perm[i] = i;
            bfly_int r = 0;
            for (bfly_int b = 1; reverse && b < n; b *= 2) perm[i] = r = 2 * r + (i & b ? 1 : 0);
        }
        for (bfly_int i = n - 1; i > 0 && !reverse; i--) {
            bfly_int j = random_below(i + 1), t = perm[i];
            perm[i] = perm[j], perm[j] = t;
        }
        C->data[k] = perm;
        I.type = 0;
    }
    I.data = C->data[k];
    C->item[k] = I;
}

static void chain_free(chain *C)
{
    for (int k = 0; k < C->items; k++) free(C->w[k]), free(C->data[k]);
}

/* y := chain(x) and the bound, |items| applied to |x| */
static void reference_chain(const chain *C, const num *x, num *y, long double *bound)
{
    bfly_int n = C->n;
    num *v = must_alloc((size_t)n * sizeof *v), *a = must_alloc((size_t)n * sizeof *a), *b = must_alloc((size_t)n * sizeof *b);
    long double *unused = must_alloc((size_t)n * sizeof *unused);
    for (bfly_int i = 0; i < n; i++) y[i] = x[i], a[i] = (num){abs_num(x[i]), 0};
    for (int k = 0; k < C->items; k++) {
        const bfly_item *I = &C->item[k];
        int transposed = I->op == BFLY_TRANS || I->op == BFLY_CONJ_TRANS;
        memcpy(v, y, (size_t)n * sizeof *v);
        memcpy(b, a, (size_t)n * sizeof *b);
        if (I->kind == BFLY_ITEM_BUTTERFLY) {
            bfly_int numbers = numbers_in(n, I->form);
            num *size = must_alloc((size_t)numbers * sizeof *size);
            for (bfly_int i = 0; i < numbers; i++) size[i] = (num){abs_num(C->w[k][i]), 0};
            matrix B = {I->op, I->order, I->form, n, log2_int(n), C->w[k]}, S = B;
            S.w = size;
            reference_apply(&B, v, y, unused);
            reference_apply(&S, b, a, unused);
            free(size);
        } else if (I->kind == BFLY_ITEM_DIAGONAL)
            for (bfly_int i = 0; i < n; i++) {
                num d = C->w[k][i];
                y[i] = mul_num(I->op == BFLY_CONJ || I->op == BFLY_CONJ_TRANS ? conj_num(d) : d, v[i]);
                a[i].re *= abs_num(d);
            }
        else if (I->kind == BFLY_ITEM_PERMUTATION)
            for (bfly_int i = 0; i < n; i++) {
                bfly_int p = ((bfly_int *)C->data[k])[i], to = transposed ? p : i, from = transposed ? i : p;
                y[to] = v[from];
                a[to] = b[from];
            }
        else
            for (bfly_int i = 0; i < n; i++) y[i].im = 0;
    }
    for (bfly_int i = 0; i < n; i++) bound[i] = a[i].re;
    free(v);
    free(a);
    free(b);
    free(unused);
}

static int type_index(int letter) { return letter == 's' ? TYPE_S : letter == 'd' ? TYPE_D : letter == 'c' ? TYPE_C : TYPE_Z; }

static void check_chain(const chain *C, bfly_int count, long number, const char *isa)
{
    bfly_int n = C->n;
    int tin = type_index(C->type_in), tout = type_index(C->type_out);
    int in_place = C->type_in == C->type_out && number % 3 == 0;
    const bfly_int incs[] = {1, 1, 1, 2, -1, count + 1}, inc = incs[number % 6], dists[] = {n, n + 2, n, -2 * n, n, 1};
    bfly_int dist = dists[number % 6], incy = 1, disty = n;
    if (number % 2) incy = count, disty = 1;
    if (number % 8 == 6) incy = -2, disty = 2 * n + 1;
    if (in_place) incy = inc, disty = dist;
    strided x = strided_new(tin, n, count, inc, dist, 16, (int)(number % 3)), y = x;
    if (!in_place) y = strided_new(tout, n, count, incy, disty, 16, (int)(number % 4));
    num *all = must_alloc((size_t)(n * count) * sizeof *all), *want = must_alloc((size_t)n * sizeof *want);
    long double *bound = must_alloc((size_t)n * sizeof *bound);
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            all[k * n + i] = random_num(types[tin].complex_x);
            strided_put(&x, k, i, all[k * n + i]);
        }
    bfly_plan *plan;
    int rc = bfly_plan_create(C->type_in, C->type_out, n, C->items, C->item, &plan);
    CHECK(rc == 0 && plan != NULL, "%c to %c n=%lld case %ld: create returned %d", C->type_in, C->type_out, (long long)n,
          number, rc);
    if (rc == 0) {
        bfly_info info;
        CHECK(bfly_plan_info(plan, &info) == 0 && info.n == n && info.items == C->items && strcmp(info.isa, isa) == 0,
              "case %ld: info", number);
        CHECK(info.reduced_stages + info.fallback_stages + info.hadamard_stages + info.fft_stages <= info.stages, "case %ld: stages", number);
        rc = bfly_plan_execute(plan, count, x.origin, inc, dist, y.origin, incy, disty);
        CHECK(rc == 0, "case %ld: execute returned %d", number, rc);
        bfly_int bad = 0;
        long double factor = 8 * (C->stages > 1 ? C->stages : 1) * (long double)types[tin].eps;
        for (bfly_int k = 0; k < count; k++) {
            reference_chain(C, all + k * n, want, bound);
            for (bfly_int i = 0; i < n; i++)
                bad += !near_num(strided_get(&y, k, i), want[i], factor * bound[i]);
        }
        CHECK(bad == 0, "%c to %c n=%lld count=%lld items=%d first=%d case %ld isa %s: %lld numbers outside the bound",
              C->type_in, C->type_out, (long long)n, (long long)count, C->items, C->items ? C->item[0].kind : 0, number, isa,
              (long long)bad);
        CHECK(strided_clean(&y), "case %ld: wrote outside y", number);
        bfly_plan_destroy(plan);
    }
    free(all);
    free(want);
    free(bound);
    if (!in_place) strided_free(&y);
    strided_free(&x);
}

static void test_chains(int logn, int cases, const char *isa)
{
    static const bfly_int counts[] = {1, 4, 2, 7, 16, 3};
    for (long number = 0; number < cases; number++) {
        random_seed((uint64_t)(1000 * logn + number));
        decades = 2;
        chain C = {.n = (bfly_int)1 << logn, .is_double = (int)random_below(2)};
        int is_complex = (int)random_below(2), items = (int)random_below(MOST_ITEMS + 1), draw = (int)random_below(DRAWS);
        C.type_in = type_letter(C.is_double, is_complex);
        for (int k = 0; k < items; k++) {
            static const int kinds[8] = {BFLY_ITEM_BUTTERFLY,   BFLY_ITEM_BUTTERFLY, BFLY_ITEM_BUTTERFLY, BFLY_ITEM_PERMUTATION,
                                         BFLY_ITEM_PERMUTATION, BFLY_ITEM_DIAGONAL,  BFLY_ITEM_DIAGONAL,  BFLY_ITEM_REAL_PART};
            int kind = kinds[random_below(8)], item_complex = (int)random_below(2);
            add(&C, kind, item_complex, draw);
            if (kind == BFLY_ITEM_REAL_PART)
                is_complex = 0;
            else if (kind != BFLY_ITEM_PERMUTATION)
                is_complex |= item_complex && draw < HADAMARD && C.n > 1;
            if (kind == BFLY_ITEM_DIAGONAL && item_complex && draw != REAL_VALUED) is_complex = 1;
            if (kind == BFLY_ITEM_BUTTERFLY && item_complex && draw == ORTHOGONAL && C.n > 1) is_complex = 1;
        }
        C.type_out = type_letter(C.is_double, is_complex || random_below(4) == 0);
        check_chain(&C, logn > 8 ? counts[number % 2] : counts[number % 6], number, isa);
        chain_free(&C);
    }
}

/* One butterfly, every way to draw its factors. */
static void test_draws(int logn, const char *isa)
{
    decades = 8;
    for (int draw = 0; draw < DRAWS; draw++)
        for (int t = 0; t < 4; t++) {
            random_seed((uint64_t)(97 * draw + t));
            chain C = {.n = (bfly_int)1 << logn, .is_double = t & 1};
            C.type_in = C.type_out = type_letter(t & 1, t >> 1);
            add(&C, BFLY_ITEM_BUTTERFLY, t >> 1, draw);
            check_chain(&C, 5, draw * 4 + t, isa);
            bfly_plan *plan;
            bfly_info info;
            CHECK(bfly_plan_create(C.type_in, C.type_out, C.n, 1, C.item, &plan) == 0, "create");
            bfly_plan_info(plan, &info);
            if (draw == RANDOM || draw == ORTHOGONAL)
                CHECK(info.fallback_stages == 0 && (logn <= 4 || info.reduced_stages == logn - 1),
                      "n=%lld draw %d: %lld reduced, %lld kept", (long long)C.n, draw, (long long)info.reduced_stages,
                      (long long)info.fallback_stages);
            if (draw == SWAPS && logn > 4)
                CHECK(info.fallback_stages > 0, "swaps were reduced, growth %g", info.growth);
            if (draw == HADAMARD || draw == SCALED_HADAMARD)
                CHECK(info.hadamard_stages == logn, "Hadamard factors not recognised");
            bfly_plan_destroy(plan);
            chain_free(&C);
        }
}

/* ---- Fourier transforms ---- */

static num over(num a, num b)
{
    long double m = b.re * b.re + b.im * b.im;
    return scaled(mul_num(a, conj_num(b)), 1 / m);
}

/* Random diagonals between the stages of untied factors: the same matrix, nothing equal in its numbers any more. */
static void change_gauge(bfly_int n, int increasing, num *w)
{
    int logn = log2_int(n);
    num *d = must_alloc((size_t)n * sizeof *d), *next = must_alloc((size_t)n * sizeof *next);
    for (bfly_int p = 0; p < n; p++) d[p] = (num){1, 0};
    for (int k = 0; k < logn; k++) {
        int ls = increasing ? k : logn - 1 - k;
        bfly_int stride = (bfly_int)1 << ls;
        for (bfly_int p = 0; p < n; p++) {
            long double a = 3.2L * random_real();
            next[p] = k == logn - 1 ? (num){1, 0} : scaled((num){cosl(a), sinl(a)}, 1 + random_real() / 2);
        }
        for (bfly_int i = 0; i < n / 2; i++) {
            bfly_int p = 2 * (i - i % stride) + i % stride, q = p + stride;
            num *m = w + 4 * (k * (n / 2) + i);
            m[0] = over(mul_num(m[0], next[p]), d[p]), m[1] = over(mul_num(m[1], next[p]), d[q]);
            m[2] = over(mul_num(m[2], next[q]), d[p]), m[3] = over(mul_num(m[3], next[q]), d[q]);
        }
        memcpy(d, next, (size_t)n * sizeof *d);
    }
    free(d);
    free(next);
}

/* Factors of a Fourier transform, as they are, scaled, with a diagonal behind it, or with any diagonals between the stages;
 * the reversal of bits before or after it, or not at all. */
static void test_fourier(int logn, const char *isa)
{
    bfly_int n = (bfly_int)1 << logn;
    for (long number = 0; number < (effort() > 1 ? 192 : logn > 8 ? 24 : 64); number++) {
        random_seed((uint64_t)(500 * logn + number));
        int is_double = number & 1, increasing = number >> 1 & 1, how = (int)(number / 4 % 4), reversal = (int)random_below(3) > 0;
        chain C = {.n = n, .is_double = is_double, .type_in = type_letter(is_double, random_below(6) > 0)};
        C.type_out = type_letter(is_double, 1);
        int form = how == 3 || random_below(2) ? BFLY_UNTIED : BFLY_TIED;
        bfly_int numbers = numbers_in(n, form);
        void *factors = must_alloc((size_t)(2 * numbers) * sizeof(double));
        int order = increasing ? BFLY_INCREASING : BFLY_DECREASING, direction = random_below(2) ? BFLY_FORWARD : BFLY_INVERSE;
        CHECK((is_double ? bfly_zfft_factors(direction, order, form, n, factors)
                         : bfly_cfft_factors(direction, order, form, n, factors)) == 0, "factors");
        num *w = must_alloc((size_t)numbers * sizeof *w);
        for (bfly_int i = 0; i < numbers; i++) w[i] = get_num(factors, 1, is_double, i);
        for (bfly_int i = 0; i < numbers && how == 1; i++) w[i] = scaled(w[i], sqrtl(0.5L));
        if (how == 3) change_gauge(n, increasing, w);
        bfly_int *perm = must_alloc((size_t)n * sizeof *perm);
        for (bfly_int i = 0; i < n; i++) {
            perm[i] = 0;
            for (bfly_int b = 1; b < n; b *= 2) perm[i] = 2 * perm[i] + (i & b ? 1 : 0);
        }
        free(factors);
        bfly_item B = {BFLY_ITEM_BUTTERFLY, type_letter(is_double, 1), all_ops[random_below(4)], order, form,
                       pack_nums(w, numbers, 1, is_double)};
        for (bfly_int i = 0; i < numbers; i++) w[i] = get_num(B.data, 1, is_double, i);
        int first = increasing == (B.op == BFLY_NO_TRANS || B.op == BFLY_CONJ); /* on this side the strides are small */
        C.stages = logn;
        if (reversal && first) C.item[C.items++] = (bfly_item){BFLY_ITEM_PERMUTATION, 0, BFLY_NO_TRANS, 0, 0, perm};
        C.w[C.items] = w;
        C.item[C.items++] = B;
        if (reversal && !first) C.item[C.items++] = (bfly_item){BFLY_ITEM_PERMUTATION, 0, BFLY_TRANS, 0, 0, perm};
        for (int k = 0; k < C.items; k++) C.data[k] = (void *)C.item[k].data;
        if (how == 2) add(&C, BFLY_ITEM_DIAGONAL, 1, RANDOM);
        check_chain(&C, logn > 8 ? 1 + number % 5 : 1 + number % 7, number, isa);
        bfly_plan *plan;
        bfly_info info;
        CHECK(bfly_plan_create(C.type_in, C.type_out, n, C.items, C.item, &plan) == 0, "create");
        bfly_plan_info(plan, &info);
        CHECK(info.fallback_stages == 0, "n=%lld case %ld: %lld stages kept", (long long)n, number, (long long)info.fallback_stages);
        if (logn >= 10 && strcmp(isa, "scalar") != 0) /* without a reversal, those inside registers have another form */
            CHECK(info.fft_stages > (reversal && strncmp(isa, "avx", 3) == 0 ? 8 : 0) && info.fft_stages + info.reduced_stages >= logn - 1,
                  "n=%lld case %ld reversal %d isa %s: %lld stages recognised", (long long)n, number, reversal, isa,
                  (long long)info.fft_stages);
        bfly_plan_destroy(plan);
        for (int k = 0; k < C.items; k++) free(C.data[k]), C.data[k] = NULL;
        if (!reversal) free(perm);
        chain_free(&C);
    }
}

/* ---- items, threads, instruction sets, errors ---- */

static void test_items(void)
{
    chain C = {.n = 64, .is_double = 1, .type_in = 'z', .type_out = 'd'};
    add(&C, BFLY_ITEM_PERMUTATION, 0, RANDOM);
    add(&C, BFLY_ITEM_BUTTERFLY, 1, RANDOM);
    add(&C, BFLY_ITEM_DIAGONAL, 0, RANDOM);
    add(&C, BFLY_ITEM_REAL_PART, 0, RANDOM);
    bfly_plan *plan;
    CHECK(bfly_plan_create('z', 'd', 64, 4, C.item, &plan) == 0, "create");
    for (int i = 0; i < 4; i++) {
        bfly_item I;
        CHECK(bfly_plan_item(plan, i, &I) == 0 && I.kind == C.item[i].kind, "item %d", i);
        size_t bytes = i == 0 ? 64 * 8 : i == 1 ? (size_t)numbers_in(64, I.form) * 16 : i == 2 ? 64 * 8 : 0;
        CHECK(bytes == 0 || memcmp(I.data, C.data[i], bytes) == 0, "item %d: other data", i);
        CHECK(I.data == NULL || I.data != C.data[i], "item %d: not a copy", i);
    }
    bfly_item I;
    bfly_info info;
    CHECK(bfly_plan_item(plan, -1, &I) == -2 && bfly_plan_item(plan, 4, &I) == -2, "index");
    CHECK(bfly_plan_item(NULL, 0, &I) == -1 && bfly_plan_item(plan, 0, NULL) == -3, "pointers");
    CHECK(bfly_plan_info(NULL, &info) == -1 && bfly_plan_info(plan, NULL) == -2, "info pointers");
    bfly_plan_destroy(plan);
    bfly_plan_destroy(NULL);
    chain_free(&C);
}

typedef struct shared {
    const bfly_plan *plan;
    const float *x, *want;
    bfly_int n, count;
    int same;
} shared;

static void *many_times(void *argument)
{
    shared *S = argument;
    size_t bytes = (size_t)(2 * S->n * S->count) * sizeof(float);
    float *y = must_alloc(bytes);
    S->same = 1;
    for (int i = 0; i < 20; i++) {
        memset(y, 0, bytes);
        S->same &= bfly_plan_execute(S->plan, S->count, S->x, 1, S->n, y, 1, S->n) == 0 && memcmp(y, S->want, bytes) == 0;
    }
    free(y);
    return NULL;
}

/* Threads inside a call, calls at once, other counts: the same bits. */
static void test_threads(bfly_int n, bfly_int count, int butterflies)
{
    chain C = {.n = n, .type_in = 'c', .type_out = 'c'};
    for (int i = 0; i < butterflies; i++) {
        if (i != 1) add(&C, BFLY_ITEM_PERMUTATION, 0, RANDOM);
        add(&C, BFLY_ITEM_BUTTERFLY, 1, RANDOM);
    }
    bfly_plan *plan;
    CHECK(bfly_plan_create('c', 'c', n, C.items, C.item, &plan) == 0, "create");
    size_t bytes = (size_t)(2 * n * count) * sizeof(float);
    float *x = must_alloc(bytes), *want = must_alloc(bytes), *y = must_alloc(bytes);
    for (bfly_int i = 0; i < 2 * n * count; i++) x[i] = (float)random_real();
    bfly_set_num_threads(1);
    CHECK(bfly_plan_execute(plan, count, x, 1, n, want, 1, n) == 0, "execute");
    for (int threads = 2; threads <= 5; threads++) {
        bfly_set_num_threads(threads);
        memset(y, 0, bytes);
        CHECK(bfly_plan_execute(plan, count, x, 1, n, y, 1, n) == 0 && memcmp(y, want, bytes) == 0, "%d threads", threads);
    }
    for (bfly_int k = 0, share = 1; k < count; k += share, share++) {
        if (share > count - k) share = count - k;
        bfly_plan_execute(plan, share, x + 2 * k * n, 1, n, y + 2 * k * n, 1, n);
    }
    CHECK(memcmp(y, want, bytes) == 0, "a vector depends on count");
    pthread_t thread[4];
    shared S[4];
    for (int t = 0; t < 4; t++) {
        S[t] = (shared){plan, x, want, n, count, 0};
        pthread_create(&thread[t], NULL, many_times, &S[t]);
    }
    for (int t = 0; t < 4; t++) {
        pthread_join(thread[t], NULL);
        CHECK(S[t].same, "threads on one plan: other bits");
    }
    bfly_set_num_threads(0);
    bfly_plan_destroy(plan);
    chain_free(&C);
    free(x);
    free(want);
    free(y);
}

static void test_keeps_isa(void)
{
    float w[2 * 64 * 6], x[64], a[64], b[64];
    for (int i = 0; i < 2 * 64 * 6; i++) w[i] = (float)random_real();
    for (int i = 0; i < 64; i++) x[i] = (float)random_real();
    bfly_item I = {BFLY_ITEM_BUTTERFLY, 's', BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    bfly_plan *plan;
    bfly_info info;
    bfly_set_isa("auto");
    CHECK(bfly_plan_create('s', 's', 64, 1, &I, &plan) == 0, "create");
    bfly_plan_execute(plan, 1, x, 1, 64, a, 1, 64);
    const char *best = bfly_get_isa();
    bfly_set_isa("scalar");
    bfly_plan_execute(plan, 1, x, 1, 64, b, 1, 64);
    CHECK(memcmp(a, b, sizeof a) == 0, "other bits after bfly_set_isa");
    CHECK(bfly_plan_info(plan, &info) == 0 && info.isa == best, "info: isa %s", info.isa);
    bfly_plan_destroy(plan);
    bfly_set_isa("auto");
}

static void test_errors(void)
{
    double w[32], d[8] = {1, 2, 3, 4, 5, 6, 7, 8}, x[16] = {0}, y[16], was[16];
    bfly_int perm[4] = {2, 0, 3, 1}, twice[4] = {0, 1, 1, 3}, outside[4] = {0, 1, 2, 4};
    bfly_plan *plan = (bfly_plan *)x;
    for (int i = 0; i < 32; i++) w[i] = 1 + i;
    const bfly_item B = {BFLY_ITEM_BUTTERFLY, 'd', BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w};
    const bfly_item P = {BFLY_ITEM_PERMUTATION, 0, BFLY_TRANS, 0, 0, perm};
    const bfly_item D = {BFLY_ITEM_DIAGONAL, 'z', BFLY_CONJ, 0, 0, d};
#define CREATE(result, in, out, n, ...)                                                                                \
    do {                                                                                                               \
        const bfly_item item[] = {__VA_ARGS__};                                                                        \
        plan = (bfly_plan *)x;                                                                                         \
        int rc = bfly_plan_create(in, out, n, (bfly_int)(sizeof item / sizeof *item), item, &plan);                    \
        CHECK(rc == (result) && (rc == 0) == (plan != NULL), "create(" #in ", " #out ", " #__VA_ARGS__ "): %d", rc);   \
        bfly_plan_destroy(rc == 0 ? plan : NULL);                                                                      \
    } while (0)
#define CHANGED(item, change) ({ bfly_item I_ = item; I_.change; I_; })
    CREATE(0, 'd', 'd', 4, B, P);
    CREATE(0, 'z', 'z', 4, B, P, D);
    CREATE(0, 'd', 'z', 4, B, P);
    CREATE(-1, 'x', 'd', 4, B);
    CREATE(-2, 'd', 'x', 4, B);
    CREATE(-2, 'd', 's', 4, B);
    CREATE(-2, 'd', 'd', 4, D);
    CREATE(-2, 'z', 'd', 4, B);
    CREATE(-3, 'd', 'd', 0, B);
    CREATE(-3, 'd', 'd', 6, B);
    CREATE(-5, 's', 's', 4, B);
    CREATE(-5, 'd', 'd', 4, CHANGED(B, kind = 240));
    CREATE(-5, 'd', 'd', 4, CHANGED(B, kind = 245));
    CREATE(-5, 'd', 'd', 4, CHANGED(B, type = 'c'));
    CREATE(-5, 'd', 'd', 4, CHANGED(B, op = 110));
    CREATE(-5, 'd', 'd', 4, CHANGED(B, order = 200));
    CREATE(-5, 'd', 'd', 4, CHANGED(B, form = 210));
    CREATE(-5, 'd', 'd', 4, B, CHANGED(B, data = NULL));
    CREATE(-5, 'd', 'd', 4, CHANGED(P, op = 0));
    CREATE(-5, 'd', 'd', 4, CHANGED(P, data = NULL));
    CREATE(-5, 'd', 'd', 4, CHANGED(P, data = twice));
    CREATE(-5, 'd', 'd', 4, CHANGED(P, data = outside));
    CREATE(-5, 'd', 'z', 4, CHANGED(D, type = 's'));
    CREATE(-5, 'd', 'z', 4, CHANGED(D, data = NULL));
    CREATE(BFLY_EOVERFLOW, 'd', 'd', (bfly_int)1 << 60, P);
    CHECK(bfly_plan_create('d', 'd', 4, -1, &B, &plan) == -4 && plan == NULL, "items = -1");
    CHECK(bfly_plan_create('d', 'd', 4, 1, NULL, &plan) == -5 && plan == NULL, "item = NULL");
    CHECK(bfly_plan_create('d', 'd', 4, 1, &B, NULL) == -6, "plan = NULL");
    CHECK(bfly_plan_create('d', 'd', 4, 0, NULL, &plan) == 0, "no items");
    bfly_plan_destroy(plan);

    CHECK(bfly_plan_create('d', 'd', 4, 1, &B, &plan) == 0, "create");
    memset(y, 9, sizeof y);
    memcpy(was, y, sizeof y);
    const bfly_int huge = INT64_MAX / 2;
#define EXECUTE(result, ...)                                                                                           \
    do {                                                                                                               \
        int rc = bfly_plan_execute(__VA_ARGS__);                                                                       \
        CHECK(rc == (result), "execute(" #__VA_ARGS__ "): %d", rc);                                                    \
        CHECK(memcmp(y, was, sizeof y) == 0, "execute(" #__VA_ARGS__ "): y was touched");                           \
    } while (0)
    EXECUTE(-1, NULL, 2, x, 1, 4, y, 1, 4);
    EXECUTE(-2, plan, -1, x, 1, 4, y, 1, 4);
    EXECUTE(-3, plan, 2, NULL, 1, 4, y, 1, 4);
    EXECUTE(-6, plan, 2, x, 1, 4, NULL, 1, 4);
    EXECUTE(-7, plan, 2, x, 1, 4, y, 0, 4);
    EXECUTE(-8, plan, 2, x, 1, 4, y, 1, 0);
    EXECUTE(BFLY_EOVERFLOW, plan, 2, x, huge, 4, y, 1, 4);
    EXECUTE(BFLY_EOVERFLOW, plan, 2, x, 1, 4, y, 1, huge);
    EXECUTE(0, plan, 0, NULL, 1, 4, NULL, 1, 4);
    bfly_plan_destroy(plan);
}

int main(void)
{
    const char *isa;
    int cases = effort() == 0 ? 20 : effort() == 1 ? 60 : 400;
    for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
        bfly_set_isa(isa);
        for (int logn = 0; logn <= (effort() ? 11 : 7); logn++) test_chains(logn, logn > 8 ? cases / 6 : cases, isa);
        for (int logn = 1; logn <= 12; logn++) test_fourier(logn, isa);
        test_draws(3, isa);
        test_draws(7, isa);
        test_draws(10, isa);
    }
    bfly_set_isa("auto");
    test_items();
    test_threads(64, 50, 1);
    test_threads(1024, 200, 1);
    test_threads(16384, 1, 2); /* threads share a vector */
    test_threads(8192, 3, 3);
    test_keeps_isa();
    test_errors();
    return finish("plan");
}
