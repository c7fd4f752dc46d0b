/* bench_c.c - the kernels from C: time, share of the multiply-add slots, beside FFTW and a copy.
 *
 *     cc -O2 -Iinclude bench/bench_c.c -Lpyfly -lbutterfly -Wl,-rpath,$PWD/pyfly -lm -o bench_c
 *     ./bench_c [types [n [batch]]]          types: letters of s d c z, default sc; for example ./bench_c z 1024 16
 *
 * With FFTW: -DWITH_FFTW and -lfftw3f -lfftw3; with the dense product of a BLAS: -DWITH_CBLAS and -lopenblas (and one
 * thread: OPENBLAS_NUM_THREADS=1). By CMake: -DBUTTERFLY_BENCHMARKS=ON, which takes those of the two that it finds.
 *
 * One thread; competitors take turns in rounds of about a millisecond each, a time is the median over rounds, a ratio
 * the median of the ratios inside rounds. "slots" is the share of the processor's multiply-add slots, whose rate is
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

enum { ROUNDS = 15, MOST = 8, DENSE_MOST = 4096, MANY = 256 };
static const double slot_seconds = 1e-3;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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

/* ---- the multiply-add rate: independent chains a = a * b + c, enough of them to hide the latency ---------------- */

enum { CHAINS = 12 };

#define PEAK(name, attribute, real, bytes)                                                                            \
    attribute static double name(long steps)                                                                          \
    {                                                                                                                 \
        typedef real vec __attribute__((vector_size(bytes)));                                                         \
        vec a[CHAINS], b = (vec){0} + (real)0.999, c = (vec){0} + (real)1e-3;                                         \
        for (int i = 0; i < CHAINS; i++)                                                                              \
            a[i] = c * (real)i;                                                                                       \
        double begin = now();                                                                                         \
        for (long k = 0; k < steps; k++) {                                                                            \
            _Pragma("GCC unroll 12") /* else the chains live in memory */                                             \
            for (int i = 0; i < CHAINS; i++)                                                                          \
                a[i] = a[i] * b + c;                                                                                  \
        }                                                                                                             \
        double seconds = now() - begin;                                                                               \
        volatile real sink = 0; /* the results are used */                                                            \
        for (int i = 0; i < CHAINS; i++)                                                                              \
            sink += a[i][0];                                                                                          \
        return (double)steps * CHAINS * (double)(bytes / sizeof(real)) / seconds;                                     \
    }
#if defined(__x86_64__) && defined(__GNUC__)
PEAK(peak_s_avx512, __attribute__((target("avx512f"))), float, 64)
PEAK(peak_d_avx512, __attribute__((target("avx512f"))), double, 64)
PEAK(peak_s_avx2, __attribute__((target("avx2,fma"))), float, 32)
PEAK(peak_d_avx2, __attribute__((target("avx2,fma"))), double, 32)
#endif
PEAK(peak_s_base, , float, 16)
PEAK(peak_d_base, , double, 16)

/* Multiply-adds a second for elements of the precision, best of a few tries. */
static double peak(int is_double)
{
    double (*run)(long) = is_double ? peak_d_base : peak_s_base, best = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    if (!strcmp(bfly_get_isa(), "avx2"))
        run = is_double ? peak_d_avx2 : peak_s_avx2;
    else if (!strcmp(bfly_get_isa(), "avx512"))
        run = is_double ? peak_d_avx512 : peak_s_avx512;
#endif
    for (int i = 0; i < 8; i++) {
        double rate = run(500000);
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- a problem and its competitors ------------------------------------------------------------------------------ */

typedef struct {
    char type;
    int is_double, is_complex;
    bfly_int n, batch, levels;
    size_t size; /* bytes of an element */
    void *w, *tied, *x, *y, *gy, *gw, *gx, *dense;
    bfly_plan *plan, *dft;
#ifdef WITH_FFTW
    fftwf_plan fftwf;
    fftw_plan fftw;
    void *in, *out;
#endif
} problem;

static void *numbers(const problem *p, bfly_int count, double scale)
{
    bfly_int parts = count * (p->is_complex ? 2 : 1);
    void *data = malloc((size_t)parts * (p->is_double ? sizeof(double) : sizeof(float)) + 64);
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
    void *factors = numbers(p, 2 * p->n * p->levels, 0);
    bfly_int *reversal = malloc((size_t)p->n * sizeof *reversal);
    if (!reversal)
        stop(BFLY_ENOMEM, "plan");
    reversal[0] = 0;
    for (bfly_int size = 1; size < p->n; size *= 2)
        for (bfly_int i = 0; i < size; i++) {
            reversal[i] *= 2;
            reversal[i + size] = reversal[i] + 1;
        }
    if (p->is_double)
        stop(bfly_zfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, p->n, factors), "factors");
    else
        stop(bfly_cfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, p->n, factors), "factors");
    item[0].data = reversal, item[1].data = factors;
    stop(bfly_plan_create(p->type, p->type, p->n, 2, item, &p->dft), "plan");
    free(factors), free(reversal);
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

static void measure(char type, bfly_int n, bfly_int batch, double rate)
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
    p.x = numbers(&p, n * batch, 1), p.y = numbers(&p, n * batch, 1), p.gy = numbers(&p, n * batch, 1);
    p.gw = numbers(&p, 2 * n * p.levels, 0), p.gx = numbers(&p, n * batch, 0);

    const double scalars = (double)(n * batch) * (p.is_complex ? 4 : 1), slots = 2 * scalars * (double)p.levels;
    make_plans(&p);
    int count = 0;
    competitor c[MOST];
    c[count++] = (competitor){.name = "untied", .run = run_untied, .slots = slots};
    c[count++] = (competitor){.name = "tied", .run = run_tied, .slots = slots};
    c[count++] = (competitor){.name = "gradient", .run = run_gradient, .slots = 3 * slots};
    c[count++] = (competitor){.name = "plan", .run = run_plan, .slots = scalars * (double)(p.levels + 1)};
    if (p.is_complex)
        c[count++] = (competitor){.name = "plan dft", .run = run_dft, .slots = scalars * (double)(p.levels + 1)};
    c[count++] = (competitor){.name = "copy", .run = run_copy};
#ifdef WITH_FFTW
    const int fftw = count;
    plan_fftw(&p);
    c[count++] = (competitor){.name = "fftw", .run = run_fftw};
#endif
#ifdef WITH_CBLAS
    if (n <= DENSE_MOST) {
        make_dense(&p);
        c[count++] = (competitor){.name = batch > 1 ? "gemm" : "gemv", .run = run_dense};
    }
#endif
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
        putchar('\n');
    }
    bfly_plan_destroy(p.plan);
    bfly_plan_destroy(p.dft);
#ifdef WITH_FFTW
    free_fftw(&p);
#endif
    void *all[] = {p.w, p.tied, p.x, p.y, p.gy, p.gw, p.gx, p.dense};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
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
    bfly_int n = argc > 2 ? number(argv[2], "n") : 0, batch = argc > 3 ? number(argv[3], "batch") : 0;
    if (argc > 4 || types[strspn(types, "sdcz")] || !*types || (n & (n - 1))) {
        fprintf(stderr, "use: bench_c [types [n [batch]]], types letters of s d c z, n a power of two\n");
        return 2;
    }
    bfly_set_num_threads(1);
    double rate[2] = {peak(0), peak(1)};
    printf("%s\n%.0f GFLOP/s float, %.0f double in multiply-adds\n\n", bfly_config(), 2e-9 * rate[0], 2e-9 * rate[1]);
    printf("t        n  batch  what        us/vector   GFLOP/s     slots  /untied%s\n",
#ifdef WITH_FFTW
           "     /fftw"
#else
           ""
#endif
    );
    for (; *types; types++)
        for (size_t i = 0; i < (n ? 1 : sizeof sizes / sizeof *sizes); i++)
            for (size_t k = 0; k < (batch ? 1 : sizeof batches / sizeof *batches); k++)
                measure(*types, n ? n : sizes[i], batch ? batch : batches[k], rate[*types == 'd' || *types == 'z']);
    return 0;
}
