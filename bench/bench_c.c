/* bench_c.c - the kernels from C: time, share of the multiply-add slots, beside FFTW and a copy; every number checked.
 *
 *     cc -O2 -Iinclude bench/bench_c.c -Lpyfly -lbutterfly -Wl,-rpath,$PWD/pyfly -lm -o bench_c
 *     ./bench_c [types [n [batch]]]          types: letters of s d c z, default sc; for example ./bench_c z 1024 16
 *     ./bench_c targets [text]               ratios beside what they must be, those whose line has the text
 *
 * With FFTW: -DWITH_FFTW and -lfftw3f -lfftw3; with the dense product of a BLAS: -DWITH_CBLAS and -lopenblas (and one
 * thread: OPENBLAS_NUM_THREADS=1). By CMake: -DBUTTERFLY_BENCHMARKS=ON, which takes those of the two that it finds.
 *
 * One thread; competitors take turns in rounds of about a millisecond each, a time is the median over rounds, a ratio
 * the median of the ratios inside rounds. "error" is the largest relative error, in the 2-norm, of the first and the last
 * vector against the product of the factors in double precision; of gradients, of their inner product with the factors of
 * each stage, which is that of gy with y. "slots" is the share of the processor's multiply-add slots, whose rate is
 * measured first, with the vectors of the instruction set that the library uses: a 2x2 block takes 4 of them in real
 * and 16 in complex arithmetic, the backward product three times as many. FFTW is planned with FFTW_MEASURE, a complex
 * transform of the same n, batch and precision.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "butterfly.h"
#ifdef WITH_FFTW
#  include <complex.h>
#  include <fftw3.h>
#endif
#ifdef WITH_CBLAS
#  include <cblas.h>
#endif

#include "peak.h"

enum { ROUNDS = 15, MOST = 8, DENSE_MOST = 4096, MANY = 256 };
static const double slot_seconds = 1e-3;

static int compare(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static double median(const double *values, int count)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof *values * (size_t)count);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return sorted[count / 2];
}

/* ---- a problem and its competitors ------------------------------------------------------------------------------ */

typedef struct {
    char type;
    int is_double, is_complex;
    bfly_int n, batch, levels;
    size_t size; /* bytes of an element */
    void *w, *tied, *x, *y, *gy, *gw, *gx, *dense;
    void *factors;      /* of the transform that the plan dft has learnt */
    bfly_int *reversal; /* of bits, before it */
    bfly_plan *plan, *dft;
    char *read; /* as many bytes as are read by run_read */
    size_t bytes;
#ifdef WITH_FFTW
    fftwf_plan fftwf;
    fftw_plan fftw;
    void *in, *out;
#endif
} problem;

static void *numbers(const problem *p, bfly_int count, double scale)
{
    bfly_int parts = count * (p->is_complex ? 2 : 1);
    const size_t bytes = (size_t)parts * (p->is_double ? sizeof(double) : sizeof(float));
    void *data = aligned_alloc(64, (bytes / 64 + 1) * 64); /* as FFTW's; elsewhere wide vectors straddle cache lines */
    if (!data) {
        fprintf(stderr, "bench_c: no memory for %lld numbers\n", (long long)count);
        exit(1);
    }
    for (bfly_int i = 0; i < parts; i++) {
        double value = scale * (2.0 * rand() / RAND_MAX - 1);
        if (p->is_double)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    return data;
}

static void stop(int result, const char *what)
{
    if (result) {
        fprintf(stderr, "bench_c: %s: %s\n", what, bfly_strerror(result));
        exit(1);
    }
}

static const float one_c[2] = {1, 0}, zero_c[2] = {0, 0};
static const double one_z[2] = {1, 0}, zero_z[2] = {0, 0};

static void product(problem *p, int form, const void *w)
{
    const int op = BFLY_NO_TRANS, order = BFLY_INCREASING;
    bfly_int n = p->n, m = p->batch;
    int result;
    switch (p->type) {
    case 's': result = bfly_smul(op, order, form, n, m, 1, w, p->x, 1, n, 0, p->y, 1, n); break;
    case 'd': result = bfly_dmul(op, order, form, n, m, 1, w, p->x, 1, n, 0, p->y, 1, n); break;
    case 'c': result = bfly_cmul(op, order, form, n, m, one_c, w, p->x, 1, n, zero_c, p->y, 1, n); break;
    default: result = bfly_zmul(op, order, form, n, m, one_z, w, p->x, 1, n, zero_z, p->y, 1, n);
    }
    stop(result, "mul");
}

static void run_untied(problem *p) { product(p, BFLY_UNTIED, p->w); }
static void run_tied(problem *p) { product(p, BFLY_TIED, p->tied); }
static void run_copy(problem *p) { memcpy(p->y, p->x, (size_t)(p->n * p->batch) * p->size); }

static void run_gradient(problem *p)
{
    const int op = BFLY_NO_TRANS, order = BFLY_INCREASING, form = BFLY_UNTIED;
    bfly_int n = p->n, m = p->batch;
    int result;
    switch (p->type) {
    case 's': result = bfly_sgrad(op, order, form, 0, n, m, p->w, p->x, 1, n, p->gy, 1, n, p->gw, p->gx, 1, n); break;
    case 'd': result = bfly_dgrad(op, order, form, 0, n, m, p->w, p->x, 1, n, p->gy, 1, n, p->gw, p->gx, 1, n); break;
    case 'c': result = bfly_cgrad(op, order, form, 0, n, m, p->w, p->x, 1, n, p->gy, 1, n, p->gw, p->gx, 1, n); break;
    default: result = bfly_zgrad(op, order, form, 0, n, m, p->w, p->x, 1, n, p->gy, 1, n, p->gw, p->gx, 1, n);
    }
    stop(result, "grad");
}

static void run_plan(problem *p) { stop(bfly_plan_execute(p->plan, p->batch, p->x, 1, p->n, p->y, 1, p->n), "plan"); }
static void run_dft(problem *p) { stop(bfly_plan_execute(p->dft, p->batch, p->x, 1, p->n, p->y, 1, p->n), "plan"); }

/* The numbers i of data as re + i im. */
static void get(const problem *p, const void *data, bfly_int i, double *re, double *im)
{
    const bfly_int at = p->is_complex ? 2 * i : i;
    *re = p->is_double ? ((const double *)data)[at] : ((const float *)data)[at];
    *im = !p->is_complex ? 0 : p->is_double ? ((const double *)data)[at + 1] : ((const float *)data)[at + 1];
}

static void put(const problem *p, void *data, bfly_int i, double re, double im)
{
    if (p->is_double)
        ((double *)data)[2 * i] = re, ((double *)data)[2 * i + 1] = im;
    else
        ((float *)data)[2 * i] = (float)re, ((float *)data)[2 * i + 1] = (float)im;
}

/* Factors as an optimizer finds them: each stage times a random diagonal of modulus one, the next by its inverse. */
static void scramble(const problem *p, void *factors)
{
    bfly_int n = p->n;
    double *was = calloc((size_t)n, sizeof *was), *angle = calloc((size_t)n, sizeof *angle);
    if (!was || !angle)
        stop(BFLY_ENOMEM, "factors");
    for (int k = 0; k < p->levels; k++) {
        for (bfly_int i = 0; i < n; i++)
            angle[i] = k == p->levels - 1 ? 0 : 6.283 * rand() / RAND_MAX;
        for (bfly_int i = 0; i < 2 * n; i++) { /* number i of the stage: block i / 4, row i / 2 % 2, column i % 2 */
            bfly_int stride = (bfly_int)1 << k, pair = i / 4, first = 2 * pair - pair % stride;
            double turn = angle[first + i / 2 % 2 * stride] - was[first + i % 2 * stride], re, im;
            get(p, factors, 2 * n * k + i, &re, &im);
            put(p, factors, 2 * n * k + i, re * cos(turn) - im * sin(turn), re * sin(turn) + im * cos(turn));
        }
        memcpy(was, angle, (size_t)n * sizeof *was);
    }
    free(was), free(angle);
}

/* Of the untied factors; and, when complex, of a DFT: bit reversal, then a butterfly whose numbers are all that the
 * plan knows of it. */
static void make_plans(problem *p)
{
    bfly_item item[2] = {{.kind = BFLY_ITEM_PERMUTATION, .op = BFLY_NO_TRANS},
                         {.kind = BFLY_ITEM_BUTTERFLY, .type = p->type, .op = BFLY_NO_TRANS, .order = BFLY_INCREASING,
                          .form = BFLY_UNTIED, .data = p->w}};
    stop(bfly_plan_create(p->type, p->type, p->n, 1, item + 1, &p->plan), "plan");
    if (!p->is_complex)
        return;
    p->factors = numbers(p, 2 * p->n * p->levels, 0);
    p->reversal = malloc((size_t)p->n * sizeof *p->reversal);
    if (!p->reversal)
        stop(BFLY_ENOMEM, "plan");
    p->reversal[0] = 0;
    for (bfly_int size = 1; size < p->n; size *= 2)
        for (bfly_int i = 0; i < size; i++) {
            p->reversal[i] *= 2;
            p->reversal[i + size] = p->reversal[i] + 1;
        }
    if (p->is_double)
        stop(bfly_zfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, p->n, p->factors), "factors");
    else
        stop(bfly_cfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, p->n, p->factors), "factors");
    scramble(p, p->factors);
    item[0].data = p->reversal, item[1].data = p->factors;
    stop(bfly_plan_create(p->type, p->type, p->n, 2, item, &p->dft), "plan");
}

/* ---- is it right? ----------------------------------------------------------------------------------------------- */

enum check { UNCHECKED, UNTIED, TIED, DFT, GRADIENT, HADAMARD };

/* || y - B x || / || B x || for vector k */
static double product_error(const problem *p, enum check what, bfly_int k)
{
    bfly_int n = p->n;
    const void *w = what == UNTIED ? p->w : what == TIED ? p->tied : p->factors;
    double *re = malloc(2 * (size_t)n * sizeof *re), *im = re + n, difference = 0, size = 0;
    if (!re)
        stop(BFLY_ENOMEM, "check");
    for (bfly_int i = 0; i < n; i++)
        get(p, p->x, k * n + (what == DFT ? p->reversal[i] : i), &re[i], &im[i]);
    for (int level = 0; level < p->levels; level++)
        for (bfly_int i = 0; i < n / 2; i++) {
            bfly_int stride = (bfly_int)1 << level, a = 2 * i - i % stride, b = a + stride;
            bfly_int at = 4 * (what == TIED ? stride - 1 + i % stride : level * (n / 2) + i);
            double m[4][2], xr = re[a], xi = im[a], yr = re[b], yi = im[b];
            for (int j = 0; j < 4; j++) {
                m[j][0] = j == 3 ? -1 : 1, m[j][1] = 0;
                if (what != HADAMARD)
                    get(p, w, at + j, &m[j][0], &m[j][1]);
            }
            re[a] = m[0][0] * xr - m[0][1] * xi + m[1][0] * yr - m[1][1] * yi;
            im[a] = m[0][0] * xi + m[0][1] * xr + m[1][0] * yi + m[1][1] * yr;
            re[b] = m[2][0] * xr - m[2][1] * xi + m[3][0] * yr - m[3][1] * yi;
            im[b] = m[2][0] * xi + m[2][1] * xr + m[3][0] * yi + m[3][1] * yr;
        }
    for (bfly_int i = 0; i < n; i++) {
        double yr, yi;
        get(p, p->y, k * n + i, &yr, &yi);
        difference += (yr - re[i]) * (yr - re[i]) + (yi - im[i]) * (yi - im[i]);
        size += re[i] * re[i] + im[i] * im[i];
    }
    free(re);
    return sqrt(difference / size);
}

/* The sum of a conj(b) over count numbers. */
static void inner(const problem *p, const void *a, const void *b, bfly_int first, bfly_int count, double *sum)
{
    sum[0] = sum[1] = sum[2] = sum[3] = 0;
    for (bfly_int i = first; i < first + count; i++) {
        double ar, ai, br, bi;
        get(p, a, i, &ar, &ai), get(p, b, i, &br, &bi);
        sum[0] += ar * br + ai * bi, sum[1] += ai * br - ar * bi;
        sum[2] += ar * ar + ai * ai, sum[3] += br * br + bi * bi;
    }
}

static double gradient_error(problem *p)
{
    double want[4], got[4], worst = 0;
    run_untied(p);
    inner(p, p->gy, p->y, 0, p->n * p->batch, want);
    for (int level = 0; level < p->levels; level++) {
        inner(p, p->gw, p->w, level * 2 * p->n, 2 * p->n, got);
        worst = fmax(worst, hypot(got[0] - want[0], got[1] - want[1]) / sqrt(got[2] * got[3]));
    }
    inner(p, p->gx, p->x, 0, p->n * p->batch, got);
    return fmax(worst, hypot(got[0] - want[0], got[1] - want[1]) / sqrt(got[2] * got[3]));
}

static double error_of(problem *p, enum check what, void (*run)(problem *))
{
    if (what == UNCHECKED)
        return 0;
    memset(p->y, -1, (size_t)(p->n * p->batch) * p->size); /* NaN, so that a number left out is seen */
    run(p);
    double worst = what == GRADIENT ? gradient_error(p) : product_error(p, what, 0);
    if (what != GRADIENT && p->batch > 1)
        worst = fmax(worst, product_error(p, what, p->batch - 1));
    if (!(worst < (p->is_double ? 1e-13 : 1e-5))) {
        fprintf(stderr, "bench_c: %c n=%lld batch=%lld: relative error %g\n", p->type, (long long)p->n, (long long)p->batch, worst);
        exit(1);
    }
    return worst;
}

#ifdef WITH_FFTW
static void run_fftw(problem *p)
{
    if (p->is_double)
        fftw_execute(p->fftw);
    else
        fftwf_execute(p->fftwf);
}

static void plan_fftw(problem *p)
{
    int n = (int)p->n, m = (int)p->batch;
    size_t bytes = (size_t)(p->n * p->batch) * (p->is_double ? sizeof(fftw_complex) : sizeof(fftwf_complex));
    p->in = fftw_malloc(bytes), p->out = fftw_malloc(bytes);
    if (!p->in || !p->out)
        stop(BFLY_ENOMEM, "fftw");
    if (p->is_double)
        p->fftw = fftw_plan_many_dft(1, &n, m, p->in, NULL, 1, n, p->out, NULL, 1, n, FFTW_FORWARD, FFTW_MEASURE);
    else
        p->fftwf = fftwf_plan_many_dft(1, &n, m, p->in, NULL, 1, n, p->out, NULL, 1, n, FFTW_FORWARD, FFTW_MEASURE);
    memset(p->in, 0, bytes); /* planning overwrites it */
}

static void free_fftw(problem *p)
{
    if (p->is_double)
        fftw_destroy_plan(p->fftw);
    else
        fftwf_destroy_plan(p->fftwf);
    fftw_free(p->in), fftw_free(p->out);
}
#endif

#ifdef WITH_CBLAS
/* The matrix of the untied factors, on one vector as gemv, on a batch as gemm. */
static void run_dense(problem *p)
{
    const int rows = CblasRowMajor, no = CblasNoTrans, t = CblasTrans, n = (int)p->n, m = (int)p->batch;
    const void *a = p->dense, *x = p->x;
    void *y = p->y;
    switch (p->type + (m > 1 ? MANY : 0)) {
    case 's': cblas_sgemv(rows, no, n, n, 1, a, n, x, 1, 0, y, 1); break;
    case 'd': cblas_dgemv(rows, no, n, n, 1, a, n, x, 1, 0, y, 1); break;
    case 'c': cblas_cgemv(rows, no, n, n, one_c, a, n, x, 1, zero_c, y, 1); break;
    case 'z': cblas_zgemv(rows, no, n, n, one_z, a, n, x, 1, zero_z, y, 1); break;
    case 's' + MANY: cblas_sgemm(rows, no, t, m, n, n, 1, x, n, a, n, 0, y, n); break;
    case 'd' + MANY: cblas_dgemm(rows, no, t, m, n, n, 1, x, n, a, n, 0, y, n); break;
    case 'c' + MANY: cblas_cgemm(rows, no, t, m, n, n, one_c, x, n, a, n, zero_c, y, n); break;
    default: cblas_zgemm(rows, no, t, m, n, n, one_z, x, n, a, n, zero_z, y, n);
    }
}

static void make_dense(problem *p)
{
    const int op = BFLY_NO_TRANS, order = BFLY_INCREASING, form = BFLY_UNTIED;
    int result;
    p->dense = numbers(p, p->n * p->n, 0);
    switch (p->type) {
    case 's': result = bfly_sdense(op, order, form, p->n, p->w, p->dense, p->n); break;
    case 'd': result = bfly_ddense(op, order, form, p->n, p->w, p->dense, p->n); break;
    case 'c': result = bfly_cdense(op, order, form, p->n, p->w, p->dense, p->n); break;
    default: result = bfly_zdense(op, order, form, p->n, p->w, p->dense, p->n);
    }
    stop(result, "dense");
}
#endif

typedef struct {
    const char *name;
    void (*run)(problem *);
    double slots; /* multiply-adds of a call; 0: not counted */
    enum check check;
    long calls;
    double seconds[ROUNDS];
} competitor;

static double timed(competitor *c, problem *p)
{
    double begin = now();
    for (long i = 0; i < c->calls; i++)
        c->run(p);
    return (now() - begin) / (double)c->calls;
}

static void race(competitor *c, int count, problem *p)
{
    for (int i = 0; i < count; i++) {
        c[i].run(p); /* warm */
        for (c[i].calls = 1;; c[i].calls *= 2) {
            double seconds = timed(&c[i], p);
            if (seconds * (double)c[i].calls > slot_seconds / 2)
                break;
        }
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < count; i++) {
            competitor *next = &c[(i + round) % count]; /* another one begins each round */
            next->seconds[round] = timed(next, p);
        }
}

static double ratio(const competitor *a, const competitor *b)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = a->seconds[i] / b->seconds[i];
    return median(ratios, ROUNDS);
}

static problem open_problem(char type, bfly_int n, bfly_int batch, int with_gradient)
{
    problem p = {.type = type, .n = n, .batch = batch};
    p.is_double = type == 'd' || type == 'z';
    p.is_complex = type == 'c' || type == 'z';
    p.size = (p.is_double ? sizeof(double) : sizeof(float)) * (p.is_complex ? 2 : 1);
    while ((bfly_int)1 << p.levels < n)
        p.levels++;
    const double scale = p.is_complex ? 0.85 : 1.2; /* products keep their size */
    p.w = numbers(&p, 2 * n * p.levels, scale);
    p.tied = numbers(&p, 4 * n, scale);
    p.x = numbers(&p, n * batch, 1), p.y = numbers(&p, n * batch, 1);
    if (with_gradient) {
        p.gy = numbers(&p, n * batch, 1);
        p.gw = numbers(&p, 2 * n * p.levels, 0), p.gx = numbers(&p, n * batch, 0);
    }
    make_plans(&p);
#ifdef WITH_FFTW
    plan_fftw(&p);
#endif
    return p;
}

static void close_problem(problem *p)
{
    bfly_plan_destroy(p->plan);
    bfly_plan_destroy(p->dft);
#ifdef WITH_FFTW
    free_fftw(p);
#endif
    void *all[] = {p->w, p->tied, p->x, p->y, p->gy, p->gw, p->gx, p->dense, p->factors, p->reversal, p->read};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void measure(char type, bfly_int n, bfly_int batch, double rate)
{
    problem p = open_problem(type, n, batch, 1);
    const double scalars = (double)(n * batch) * (p.is_complex ? 4 : 1), slots = 2 * scalars * (double)p.levels;
    int count = 0;
    competitor c[MOST];
    c[count++] = (competitor){.name = "untied", .run = run_untied, .check = UNTIED, .slots = slots};
    c[count++] = (competitor){.name = "tied", .run = run_tied, .check = TIED, .slots = slots};
    c[count++] = (competitor){.name = "gradient", .run = run_gradient, .check = GRADIENT, .slots = 3 * slots};
    c[count++] = (competitor){.name = "plan", .run = run_plan, .check = UNTIED, .slots = scalars * (double)(p.levels + 1)};
    if (p.is_complex)
        c[count++] = (competitor){.name = "plan dft", .run = run_dft, .check = DFT, .slots = scalars * (double)(p.levels + 1)};
    c[count++] = (competitor){.name = "copy", .run = run_copy};
#ifdef WITH_FFTW
    const int fftw = count;
    c[count++] = (competitor){.name = "fftw", .run = run_fftw};
#endif
#ifdef WITH_CBLAS
    if (n <= DENSE_MOST) {
        make_dense(&p);
        c[count++] = (competitor){.name = batch > 1 ? "gemm" : "gemv", .run = run_dense};
    }
#endif
    double error[MOST];
    for (int i = 0; i < count; i++)
        error[i] = error_of(&p, c[i].check, c[i].run);
    race(c, count, &p);

    for (int i = 0; i < count; i++) {
        double seconds = median(c[i].seconds, ROUNDS);
        printf("%c %8lld %6lld  %-10s", type, (long long)n, (long long)batch, c[i].name);
        printf("%12.4g", 1e6 * seconds / (double)batch);
        if (c[i].slots > 0)
            printf("%10.1f%8.0f %%", 2e-9 * c[i].slots / seconds, 100 * c[i].slots / seconds / rate);
        else
            printf("%20s", "");
        printf("%10.2f", ratio(&c[i], &c[0]));
#ifdef WITH_FFTW
        printf("%10.2f", ratio(&c[i], &c[fftw]));
#endif
        if (error[i] > 0)
            printf("%10.1e", error[i]);
        putchar('\n');
    }
    close_problem(&p);
}

/* ---- what must be reached --------------------------------------------------------------------------------------- */

static void run_fwht(problem *p)
{
    stop(p->is_double ? bfly_dfwht(BFLY_NATURAL, p->n, p->batch, 1, p->x, 1, p->n, p->y, 1, p->n)
                      : bfly_sfwht(BFLY_NATURAL, p->n, p->batch, 1, p->x, 1, p->n, p->y, 1, p->n),
         "fwht");
}

static void run_two_threads(problem *p)
{
    bfly_set_num_threads(2);
    run_untied(p);
    bfly_set_num_threads(1);
}

/* Reads memory once, with the vectors of the instruction set. */
#define READ(name, attribute, width)                                                                                  \
    attribute static void name(const char *p, size_t count)                                                           \
    {                                                                                                                 \
        typedef long long vec __attribute__((vector_size(width), aligned(width), may_alias));                         \
        const vec *from = (const vec *)p;                                                                             \
        vec a = {0}, b = {0}, c = {0}, d = {0};                                                                       \
        for (size_t i = 0; i + 4 <= count / width; i += 4)                                                            \
            a |= from[i], b |= from[i + 1], c |= from[i + 2], d |= from[i + 3];                                       \
        volatile long long sink = 0; /* the numbers are used */                                                       \
        a |= b | c | d;                                                                                               \
        sink += a[0] + a[1];                                                                                          \
    }
#if defined(__x86_64__) && defined(__GNUC__)
READ(read_avx512, __attribute__((target("avx512f"))), 64)
READ(read_avx2, __attribute__((target("avx2"))), 32)
#endif
READ(read_base, , 16)

static void run_read(problem *p)
{
    const char *from = p->read + (64 - (size_t)p->read % 64) % 64;
    void (*run)(const char *, size_t) = read_base;
#if defined(__x86_64__) && defined(__GNUC__)
    if (!strcmp(bfly_get_isa(), "avx2"))
        run = read_avx2;
    else if (!strcmp(bfly_get_isa(), "avx512"))
        run = read_avx512;
#endif
    run(from, p->bytes);
}

typedef struct {
    const char *what;
    char type;
    bfly_int n, batch;
    void (*run)(problem *), (*over)(problem *); /* no over: the share of multiply-add slots, in percent */
    enum check check;
    double must;
    int at_least;
    double slots; /* multiply-adds of a 2x2 block on real numbers */
} target;

static int run_target(const target *t, const double *rate)
{
    problem p = open_problem(t->type, t->n, t->batch, t->run == run_gradient);
    if (t->over == run_read) {
        bfly_info info;
        stop(bfly_plan_info(p.plan, &info), "info");
        p.bytes = t->run == run_plan ? (size_t)info.bytes : (size_t)(2 * p.n * p.levels) * p.size;
        p.read = calloc(p.bytes + 64, 1);
        if (!p.read)
            stop(BFLY_ENOMEM, "read");
        memset(p.read, 1, p.bytes + 64);
    }
#ifdef WITH_CBLAS
    if (t->run == run_dense)
        make_dense(&p);
#endif
    competitor c[2] = {{.name = "", .run = t->run}, {.name = "", .run = t->over ? t->over : run_copy}};
    double error = error_of(&p, t->check, t->at_least && t->over ? t->over : t->run); /* the library's side */
    race(c, 2, &p);
    double value = ratio(&c[0], &c[1]);
    if (!t->over) {
        double work = t->slots * (double)(p.n / 2 * p.levels * p.batch) * (p.is_complex ? 4 : 1);
        value = 100 * work / median(c[0].seconds, ROUNDS) / rate[p.is_double];
    }
    int met = t->must == 0 || (t->at_least ? value >= t->must : value <= t->must);
    printf("%-52s %c %8lld %5lld%12.4g", t->what, t->type, (long long)t->n, (long long)t->batch, value);
    if (t->must > 0)
        printf("   %s %-6g%s", t->at_least ? ">=" : "<=", t->must, met ? "" : "  missed");
    else
        printf("%12s", "");
    if (error > 0)
        printf("   error %.1e", error);
    putchar('\n');
    fflush(stdout);
    close_problem(&p);
    return met;
}

static int run_targets(const char *text, const double *rate)
{
    static const target all[] = {
#ifdef WITH_FFTW
        {"plan / FFTW", 'c', 64, 512, run_plan, run_fftw, UNTIED, 1.5, 0, 0},
        {"plan / FFTW", 'c', 256, 64, run_plan, run_fftw, UNTIED, 1.5, 0, 0},
        {"plan / FFTW", 'c', 1024, 16, run_plan, run_fftw, UNTIED, 1.5, 0, 0},
        {"plan / FFTW", 'c', 1024, 256, run_plan, run_fftw, UNTIED, 0, 0, 0},
        {"plan / FFTW", 'c', 4096, 16, run_plan, run_fftw, UNTIED, 1.4, 0, 0},
        {"plan / FFTW", 'c', 16384, 16, run_plan, run_fftw, UNTIED, 1.4, 0, 0},
        {"plan / FFTW", 'c', 1 << 20, 1, run_plan, run_fftw, UNTIED, 1.4, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 64, 512, run_dft, run_fftw, DFT, 1.5, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 128, 128, run_dft, run_fftw, DFT, 1.5, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 256, 64, run_dft, run_fftw, DFT, 1.5, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 512, 32, run_dft, run_fftw, DFT, 1.5, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 1024, 16, run_dft, run_fftw, DFT, 1.5, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 1024, 256, run_dft, run_fftw, DFT, 0, 0, 0},
        {"plan of a learnt DFT / FFTW", 'c', 4096, 16, run_dft, run_fftw, DFT, 1.4, 0, 0},
        {"plan of a learnt DFT / FFTW", 'z', 1024, 16, run_dft, run_fftw, DFT, 0, 0, 0},
        {"untied / FFTW", 'c', 1024, 16, run_untied, run_fftw, UNTIED, 2.4, 0, 0},
        {"tied / FFTW", 'c', 1024, 16, run_tied, run_fftw, TIED, 0, 0, 0},
        {"plan / FFTW's complex transform", 's', 1024, 16, run_plan, run_fftw, UNTIED, 0.55, 0, 0},
        {"untied / FFTW's complex transform", 's', 1024, 16, run_untied, run_fftw, UNTIED, 0.7, 0, 0},
        {"plan / FFTW's complex transform", 'd', 1024, 16, run_plan, run_fftw, UNTIED, 0.7, 0, 0},
        {"plan / FFTW", 'z', 1024, 16, run_plan, run_fftw, UNTIED, 1.8, 0, 0},
        {"Hadamard / FFTW's complex transform", 's', 1024, 16, run_fwht, run_fftw, HADAMARD, 0.4, 0, 0},
#endif
        {"Hadamard / memcpy", 's', 1 << 20, 1, run_fwht, run_copy, HADAMARD, 4.5, 0, 0},
#ifdef WITH_CBLAS
        {"gemm / untied", 's', 1024, 256, run_dense, run_untied, UNTIED, 25, 1, 0},
        {"gemm / untied", 'c', 1024, 256, run_dense, run_untied, UNTIED, 28, 1, 0},
        {"gemm / untied", 's', 64, 256, run_dense, run_untied, UNTIED, 4, 1, 0},
        {"gemv / tied", 's', 64, 1, run_dense, run_tied, TIED, 3, 1, 0},
        {"gemv / tied", 's', 512, 1, run_dense, run_tied, TIED, 20, 1, 0},
        {"gemv / tied", 's', 1024, 1, run_dense, run_tied, TIED, 50, 1, 0},
#endif
        {"plan / reading its numbers", 's', 1024, 1, run_plan, run_read, UNTIED, 1.6, 0, 0},
        {"plan / reading its numbers", 's', 4096, 1, run_plan, run_read, UNTIED, 1.6, 0, 0},
        {"plan / reading its numbers", 's', 16384, 1, run_plan, run_read, UNTIED, 1.6, 0, 0},
        {"untied / reading the factors", 's', 1 << 20, 1, run_untied, run_read, UNTIED, 1.15, 0, 0},
        {"gradient / untied", 's', 1024, 16, run_gradient, run_untied, GRADIENT, 4, 0, 0},
        {"gradient / untied", 'c', 1024, 16, run_gradient, run_untied, GRADIENT, 4, 0, 0},
        {"gradient / untied", 's', 4096, 16, run_gradient, run_untied, GRADIENT, 4, 0, 0},
        {"gradient / untied", 's', 16384, 16, run_gradient, run_untied, GRADIENT, 5.5, 0, 0},
        {"gradient / untied", 's', 1 << 20, 1, run_gradient, run_untied, GRADIENT, 5.5, 0, 0},
        {"multiply-add slots of untied, %", 's', 1024, 16, run_untied, NULL, UNTIED, 45, 1, 4},
        {"multiply-add slots of untied, %", 'c', 1024, 16, run_untied, NULL, UNTIED, 58, 1, 4},
        {"multiply-add slots of the gradient, %", 's', 1024, 16, run_gradient, NULL, GRADIENT, 40, 1, 12},
        {"multiply-add slots of the gradient, %", 'c', 1024, 16, run_gradient, NULL, GRADIENT, 40, 1, 12},
        {"one thread / two", 's', 1024, 256, run_untied, run_two_threads, UNTIED, 1.6, 1, 0},
        {"one thread / two", 'c', 1024, 256, run_untied, run_two_threads, UNTIED, 1.6, 1, 0},
    };
    int missed = 0;
    printf("%-52s t %8s %5s%12s\n", "", "n", "batch", "");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!text || strstr(all[i].what, text))
            missed += !run_target(&all[i], rate);
    printf("%d missed\n", missed);
    return 0;
}

static bfly_int number(const char *text, const char *name)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || value < 1 || value > (1 << 26)) {
        fprintf(stderr, "bench_c: %s=%s must be an integer from 1 to 2^26\n", name, text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const bfly_int sizes[] = {64, 256, 1024, 4096, 16384}, batches[] = {1, 16, 256};
    const char *types = argc > 1 ? argv[1] : "sc";
    const int targets = !strcmp(types, "targets");
    bfly_int n = argc > 2 && !targets ? number(argv[2], "n") : 0, batch = argc > 3 && !targets ? number(argv[3], "batch") : 0;
    if (targets ? argc > 3 : argc > 4 || types[strspn(types, "sdcz")] || !*types || (n & (n - 1))) {
        fprintf(stderr, "use: bench_c [types [n [batch]]], types letters of s d c z, n a power of two; bench_c targets [text]\n");
        return 2;
    }
    bfly_set_num_threads(1);
    double rate[2] = {peak(0), peak(1)};
    printf("%s\n%.0f GFLOP/s float, %.0f double in multiply-adds\n\n", bfly_config(), 2e-9 * rate[0], 2e-9 * rate[1]);
    if (targets)
        return run_targets(argc > 2 ? argv[2] : NULL, rate);
    printf("t        n  batch  what        us/vector   GFLOP/s     slots  /untied%s\n",
#ifdef WITH_FFTW
           "     /fftw     error"
#else
           "     error"
#endif
    );
    for (; *types; types++)
        for (size_t i = 0; i < (n ? 1 : sizeof sizes / sizeof *sizes); i++)
            for (size_t k = 0; k < (batch ? 1 : sizeof batches / sizeof *batches); k++)
                measure(*types, n ? n : sizes[i], batch ? batch : batches[k], rate[*types == 'd' || *types == 'z']);
    return 0;
}
