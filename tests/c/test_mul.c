/* test_mul.c - y := alpha op(B) x + beta y against the naive product, within the promised componentwise bound:
 * every type, op, order, form, instruction set, n = 1 .. 4096, all strides, in place, special alpha and beta.
 *
 * Layouts of x and y, scalings and counts stand in lists of 9, 7, 10 and 11: pairwise without a common factor, so one
 * running case number meets all their combinations.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.h"

enum { X_LAYOUTS = 9, Y_LAYOUTS = 7, SCALES = 10, COUNTS = 11 };

typedef struct layout {
    bfly_int inc, dist;
} layout;

static layout x_layout(int which, bfly_int n, bfly_int count)
{
    switch (which) {
    case 0: return (layout){1, n};
    case 1: return (layout){1, n + 3};
    case 2: return (layout){count + 1, 1}; /* vectors are columns */
    case 3: return (layout){-1, n};
    case 4: return (layout){3, -(3 * n + 2)};
    case 5: return (layout){-2, -(2 * n + 1)};
    case 6: return (layout){1, 0}; /* one vector again and again */
    case 7: return (layout){0, 1}; /* constant vectors */
    default: return (layout){0, 0};
    }
}

static layout y_layout(int which, bfly_int n, bfly_int count)
{
    switch (which) {
    case 0: return (layout){1, n};
    case 1: return (layout){1, n + 5};
    case 2: return (layout){count + 2, 1};
    case 3: return (layout){-3, 3 * n};
    case 4: return (layout){2, -(2 * n + 7)};
    default: return (layout){-1, -n};
    }
}

/* alpha and beta; -2 stands for a random number */
static void scale_of(int which, int is_complex, num *alpha, num *beta)
{
    static const double table[SCALES][2] = {{1, 0}, {1, 1},  {-2, 0}, {-2, -2}, {0, 0},
                                            {0, 1}, {0, -2}, {1, -2}, {-2, 1},  {-1, -1}};
    for (int i = 0; i < 2; i++) {
        num v = {table[which][i], 0};
        if (table[which][i] == -2) v = random_num(is_complex);
        *(i ? beta : alpha) = v;
    }
}

typedef struct pool {
    int type, logn;
    bfly_int n, vectors;
    void *w;      /* packed as the library reads it */
    num *x, *ref; /* vectors, then one constant vector a vector */
    long double *bound;
} pool;

static pool pool_new(int t, matrix *B, bfly_int vectors)
{
    const type_info *T = &types[t];
    bfly_int n = B->n, numbers = numbers_in(n, B->form);
    num *w = must_alloc((size_t)numbers * sizeof *w);
    for (bfly_int i = 0; i < numbers; i++) w[i] = random_num(T->complex_w);
    B->w = w;
    pool P = {.type = t, .logn = B->logn, .n = n, .vectors = vectors};
    P.w = pack_nums(w, numbers, T->complex_w, T->is_double);
    size_t all = (size_t)(2 * vectors * n);
    P.x = must_alloc(all * sizeof *P.x);
    P.ref = must_alloc(all * sizeof *P.ref);
    P.bound = must_alloc(all * sizeof *P.bound);
    for (bfly_int k = 0; k < 2 * vectors; k++) {
        for (bfly_int i = 0; i < n; i++) P.x[k * n + i] = k >= vectors && i > 0 ? P.x[k * n] : random_num(T->complex_x);
        reference_apply(B, P.x + k * n, P.ref + k * n, P.bound + k * n);
    }
    free(w);
    B->w = NULL;
    return P;
}

static void pool_free(pool *P)
{
    free(P->w);
    free(P->x);
    free(P->ref);
    free(P->bound);
}

/* The pool's vector that stands at k in layout `which`. */
static bfly_int vector_at(const pool *P, int which, bfly_int k)
{
    bfly_int again = which == 6 || which == 8 ? 0 : k;
    return which >= 7 ? P->vectors + again : again;
}

static void one_case(const pool *P, const matrix *B, long number, const char *isa)
{
    const type_info *T = &types[P->type];
    bfly_int n = P->n, counts[COUNTS] = {1, 2, 3, 4, 5, 7, 8, 9, 0, P->vectors, P->vectors - 1};
    int xl = (int)(number % X_LAYOUTS), yl = (int)(number % Y_LAYOUTS), in_place = yl == Y_LAYOUTS - 1;
    if (in_place && xl > 5) xl -= 6;
    bfly_int count = counts[number % COUNTS];
    if (count > P->vectors) count = P->vectors;
    layout lx = x_layout(xl, n, count), ly = in_place ? lx : y_layout(yl, n, count);
    num alpha, beta;
    int scale = (int)(number % SCALES);
    scale_of(scale, T->complex_x, &alpha, &beta);
    int alpha0 = alpha.re == 0 && alpha.im == 0, beta0 = beta.re == 0 && beta.im == 0;

    int guard = number % 3 ? 40 : 0, shift = (int)(number % 4);
    strided x = strided_new(P->type, n, count, lx.inc, lx.dist, guard, shift), y = x;
    if (!in_place) y = strided_new(P->type, n, count, ly.inc, ly.dist, guard, (int)(number % 5));
    num *y0 = must_alloc((size_t)(count * n) * sizeof *y0);
    /* alpha = 0: x stays NaN; beta = 0: y stays NaN; but in place they are one */
    int fill_x = !alpha0 || (in_place && !beta0), fill_y = !beta0 && !in_place;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            num v = P->x[vector_at(P, xl, k) * n + i], u = random_num(T->complex_x);
            if (fill_x) strided_put(&x, k, i, v);
            if (fill_y) strided_put(&y, k, i, u);
            y0[k * n + i] = in_place ? v : u;
        }
    char *x_before = must_alloc(x.bytes);
    memcpy(x_before, x.memory, x.bytes);

    const void *w = P->w, *xp = x.origin;
    if (alpha0 && number % 2) w = NULL;
    if (alpha0 && number % 2 && !in_place) xp = NULL;
    int rc = call_mul(P->type, B->op, B->order, B->form, n, count, &alpha, w, xp, lx.inc, lx.dist, &beta, y.origin,
                      ly.inc, ly.dist);
#define WHERE "%s n=%lld op=%d order=%d form=%d isa=%s count=%lld x=%d y=%d scale=%d in_place=%d"
#define HERE T->name, (long long)n, B->op, B->order, B->form, isa, (long long)count, xl, yl, scale, in_place
    CHECK(rc == 0, WHERE " returned %d", HERE, rc);
    long double factor = 8 * (P->logn > 1 ? P->logn : 1) * (long double)T->eps, worst = 0;
    bfly_int worst_k = -1, worst_i = -1;
    for (bfly_int k = 0; k < count; k++)
        for (bfly_int i = 0; i < n; i++) {
            bfly_int at = vector_at(P, xl, k) * n + i;
            num want = {0, 0}, got = strided_get(&y, k, i), u = y0[k * n + i];
            long double tolerance = 0;
            if (!alpha0) {
                want = mul_num(alpha, P->ref[at]);
                tolerance = abs_num(alpha) * P->bound[at];
            }
            if (!beta0) {
                num v = mul_num(beta, u);
                want.re += v.re, want.im += v.im;
                tolerance += abs_num(beta) * abs_num(u);
            }
            long double error = abs_num((num){got.re - want.re, got.im - want.im});
            if (error <= factor * tolerance) continue;
            long double excess = tolerance > 0 && error == error ? error / (factor * tolerance) : 1e30L;
            if (excess > worst) worst = excess, worst_k = k, worst_i = i;
        }
    CHECK(worst_k < 0, WHERE ": vector %lld element %lld is %.3Lg times outside the bound", HERE, (long long)worst_k,
          (long long)worst_i, worst);
    CHECK(in_place || memcmp(x_before, x.memory, x.bytes) == 0, WHERE ": x was written", HERE);
    CHECK(strided_clean(&y), WHERE ": wrote outside y", HERE);
    free(x_before);
    free(y0);
    if (!in_place) strided_free(&y);
    strided_free(&x);
}

int main(void)
{
    long number = 0;
    static const int all_cases[3] = {3, 6, 60};
    int cases = all_cases[effort()], top = effort() ? 12 : 7;
    for (int t = 0; t < TYPES; t++)
        for (int logn = 0; logn <= top; logn++)
            for (int form = 0; form < 2; form++)
                for (int order = 0; order < 2; order++)
                    for (int op = 0; op < 4; op++) {
                        matrix B = {.op = all_ops[op], .order = all_orders[order], .form = all_forms[form]};
                        B.n = (bfly_int)1 << logn;
                        B.logn = logn;
                        random_seed((uint64_t)(((t * 16 + logn) * 4 + order * 2 + form) * 4 + op));
                        pool P = pool_new(t, &B, logn <= 6 ? 37 : logn <= 9 ? 13 : 4);
                        const char *isa;
                        for (int i = 0; (isa = isa_name(i)) != NULL; i++) {
                            int rc = bfly_set_isa(isa);
                            CHECK(rc == 0, "bfly_set_isa(\"%s\") returned %d", isa, rc);
                            for (int c = 0; c < (logn <= 8 ? 2 * cases : cases); c++) one_case(&P, &B, number++, isa);
                        }
                        pool_free(&P);
                    }
    return finish("mul");
}
