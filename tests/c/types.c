/* types.c - numbers, strided vectors and library calls by type. */
#include "types.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const type_info types[TYPES] = {
    {"s", 0, 0, 0, FLT_EPSILON}, {"d", 0, 0, 1, DBL_EPSILON},  {"c", 1, 1, 0, FLT_EPSILON},
    {"z", 1, 1, 1, DBL_EPSILON}, {"cs", 0, 1, 0, FLT_EPSILON}, {"zd", 0, 1, 1, DBL_EPSILON},
};
const int all_ops[4] = {BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ};
const int all_orders[2] = {BFLY_INCREASING, BFLY_DECREASING};
const int all_forms[2] = {BFLY_UNTIED, BFLY_TIED};

static size_t size_of(int is_complex, int is_double)
{
    return (is_complex ? 2u : 1u) * (is_double ? sizeof(double) : sizeof(float));
}

size_t size_w(int t) { return size_of(types[t].complex_w, types[t].is_double); }

size_t size_x(int t) { return size_of(types[t].complex_x, types[t].is_double); }

num get_num(const void *p, int is_complex, int is_double, bfly_int i)
{
    const char *at = (const char *)p + i * (bfly_int)size_of(is_complex, is_double);
    num v = {0, 0};
    if (is_double) {
        double d[2] = {0, 0};
        memcpy(d, at, size_of(is_complex, 1));
        v.re = d[0], v.im = d[1];
    } else {
        float f[2] = {0, 0};
        memcpy(f, at, size_of(is_complex, 0));
        v.re = f[0], v.im = f[1];
    }
    return v;
}

void put_num(void *p, int is_complex, int is_double, bfly_int i, num v)
{
    char *at = (char *)p + i * (bfly_int)size_of(is_complex, is_double);
    double d[2] = {(double)v.re, (double)v.im};
    float f[2] = {(float)v.re, (float)v.im};
    memcpy(at, is_double ? (const void *)d : (const void *)f, size_of(is_complex, is_double));
}

num random_num(int is_complex)
{
    num v = {random_real(), 0};
    if (is_complex) v.im = random_real();
    return v;
}

void *pack_nums(const num *v, bfly_int k, int is_complex, int is_double)
{
    void *p = must_alloc((size_t)k * size_of(is_complex, is_double));
    for (bfly_int i = 0; i < k; i++) put_num(p, is_complex, is_double, i, v[i]);
    return p;
}

strided strided_new(int type, bfly_int n, bfly_int count, bfly_int inc, bfly_int dist, int guard, int shift)
{
    bfly_int size = (bfly_int)size_x(type), real = types[type].is_double ? 8 : 4;
    bfly_int lo = 0, hi = 0;
    if (count > 0) {
        bfly_int a = (n - 1) * inc, b = (count - 1) * dist;
        lo = (a < 0 ? a : 0) + (b < 0 ? b : 0);
        hi = (a > 0 ? a : 0) + (b > 0 ? b : 0) + 1;
    }
    bfly_int before = guard * size + shift * real, after = guard * size;
    strided v = {.type = type, .n = n, .count = count, .inc = inc, .dist = dist};
    v.bytes = (size_t)(before + (hi - lo) * size + after);
    v.memory = must_alloc(v.bytes);
    memset(v.memory, 0xff, v.bytes);
    v.origin = v.memory + before - lo * size;
    return v;
}

num strided_get(const strided *v, bfly_int k, bfly_int i)
{
    return get_num(v->origin, types[v->type].complex_x, types[v->type].is_double, i * v->inc + k * v->dist);
}

void strided_put(strided *v, bfly_int k, bfly_int i, num value)
{
    put_num(v->origin, types[v->type].complex_x, types[v->type].is_double, i * v->inc + k * v->dist, value);
}

int strided_clean(strided *v)
{
    bfly_int size = (bfly_int)size_x(v->type);
    for (bfly_int k = 0; k < v->count; k++)
        for (bfly_int i = 0; i < v->n; i++) memset(v->origin + (i * v->inc + k * v->dist) * size, 0xff, (size_t)size);
    for (size_t b = 0; b < v->bytes; b++)
        if ((unsigned char)v->memory[b] != 0xff) return 0;
    return 1;
}

void strided_free(strided *v)
{
    free(v->memory);
    v->memory = v->origin = NULL;
}

/* A scalar as the complex functions take it. */
typedef struct scalar {
    float f[2];
    double d[2];
    const void *p;
} scalar;

static void scalar_init(scalar *s, int t, const num *v)
{
    s->p = NULL;
    s->f[0] = s->f[1] = 0;
    s->d[0] = s->d[1] = 0;
    if (v == NULL) return;
    s->f[0] = (float)v->re, s->f[1] = (float)v->im;
    s->d[0] = (double)v->re, s->d[1] = (double)v->im;
    s->p = types[t].is_double ? (const void *)s->d : (const void *)s->f;
}

int call_mul(int t, int op, int order, int form, bfly_int n, bfly_int count, const num *alpha, const void *w,
             const void *x, bfly_int incx, bfly_int distx, const num *beta, void *y, bfly_int incy, bfly_int disty)
{
    scalar a, b;
    scalar_init(&a, t, alpha);
    scalar_init(&b, t, beta);
    switch (t) {
    case TYPE_S: return bfly_smul(op, order, form, n, count, a.f[0], w, x, incx, distx, b.f[0], y, incy, disty);
    case TYPE_D: return bfly_dmul(op, order, form, n, count, a.d[0], w, x, incx, distx, b.d[0], y, incy, disty);
    case TYPE_C: return bfly_cmul(op, order, form, n, count, a.p, w, x, incx, distx, b.p, y, incy, disty);
    case TYPE_Z: return bfly_zmul(op, order, form, n, count, a.p, w, x, incx, distx, b.p, y, incy, disty);
    case TYPE_CS: return bfly_csmul(op, order, form, n, count, a.p, w, x, incx, distx, b.p, y, incy, disty);
    default: return bfly_zdmul(op, order, form, n, count, a.p, w, x, incx, distx, b.p, y, incy, disty);
    }
}

int call_grad(int t, int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
              const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gw,
              void *gx, bfly_int incgx, bfly_int distgx)
{
#define GRAD(NAME)                                                                                                     \
    NAME(op, order, form, accumulate, n, count, w, x, incx, distx, gy, incgy, distgy, gw, gx, incgx, distgx)
    switch (t) {
    case TYPE_S: return GRAD(bfly_sgrad);
    case TYPE_D: return GRAD(bfly_dgrad);
    case TYPE_C: return GRAD(bfly_cgrad);
    case TYPE_Z: return GRAD(bfly_zgrad);
    case TYPE_CS: return GRAD(bfly_csgrad);
    default: return GRAD(bfly_zdgrad);
    }
}

int call_perm(int t, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
              bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
#define PERM(NAME) NAME(op, n, count, perm, x, incx, distx, y, incy, disty)
    switch (t) {
    case TYPE_S: return PERM(bfly_sperm);
    case TYPE_D: return PERM(bfly_dperm);
    case TYPE_C: return PERM(bfly_cperm);
    default: return PERM(bfly_zperm);
    }
}

int call_relaxed(int t, int op, bfly_int n, bfly_int count, const void *prob, const void *x, bfly_int incx,
                 bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
#define RELAXED(NAME) NAME(op, n, count, prob, x, incx, distx, y, incy, disty)
    switch (t) {
    case TYPE_S: return RELAXED(bfly_srelaxed_perm);
    case TYPE_D: return RELAXED(bfly_drelaxed_perm);
    case TYPE_C: return RELAXED(bfly_crelaxed_perm);
    default: return RELAXED(bfly_zrelaxed_perm);
    }
}

int call_relaxed_grad(int t, int op, int accumulate, bfly_int n, bfly_int count, const void *prob, const void *x,
                      bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gprob,
                      void *gx, bfly_int incgx, bfly_int distgx)
{
#define RELAXED_GRAD(NAME)                                                                                             \
    NAME(op, accumulate, n, count, prob, x, incx, distx, gy, incgy, distgy, gprob, gx, incgx, distgx)
    switch (t) {
    case TYPE_S: return RELAXED_GRAD(bfly_srelaxed_perm_grad);
    case TYPE_D: return RELAXED_GRAD(bfly_drelaxed_perm_grad);
    case TYPE_C: return RELAXED_GRAD(bfly_crelaxed_perm_grad);
    default: return RELAXED_GRAD(bfly_zrelaxed_perm_grad);
    }
}

int call_fwht(int t, int ordering, bfly_int n, bfly_int count, double scale, const void *x, bfly_int incx,
              bfly_int distx, void *y, bfly_int incy, bfly_int disty)
{
    switch (t) {
    case TYPE_S: return bfly_sfwht(ordering, n, count, (float)scale, x, incx, distx, y, incy, disty);
    case TYPE_D: return bfly_dfwht(ordering, n, count, scale, x, incx, distx, y, incy, disty);
    case TYPE_C: return bfly_cfwht(ordering, n, count, (float)scale, x, incx, distx, y, incy, disty);
    default: return bfly_zfwht(ordering, n, count, scale, x, incx, distx, y, incy, disty);
    }
}

int call_dense(int t, int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda)
{
    switch (t) {
    case TYPE_S: return bfly_sdense(op, order, form, n, w, a, lda);
    case TYPE_D: return bfly_ddense(op, order, form, n, w, a, lda);
    case TYPE_C: return bfly_cdense(op, order, form, n, w, a, lda);
    default: return bfly_zdense(op, order, form, n, w, a, lda);
    }
}

int call_hadamard(int t, int order, int form, bfly_int n, void *w)
{
    switch (t) {
    case TYPE_S: return bfly_shadamard_factors(order, form, n, w);
    case TYPE_D: return bfly_dhadamard_factors(order, form, n, w);
    case TYPE_C: return bfly_chadamard_factors(order, form, n, w);
    default: return bfly_zhadamard_factors(order, form, n, w);
    }
}

int call_fft(int t, int direction, int order, int form, bfly_int n, void *w)
{
    return t == TYPE_C ? bfly_cfft_factors(direction, order, form, n, w)
                       : bfly_zfft_factors(direction, order, form, n, w);
}

const char *isa_name(int i)
{
    static _Thread_local char name[32];
    const char *p = bfly_isas();
    for (;;) {
        while (*p == ' ') p++;
        if (*p == '\0') return NULL;
        size_t k = strcspn(p, " ");
        if (i-- == 0) {
            if (k >= sizeof name) k = sizeof name - 1;
            memcpy(name, p, k);
            name[k] = '\0';
            return name;
        }
        p += k;
    }
}
