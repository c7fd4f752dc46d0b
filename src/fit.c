/* fit.c - f = 1/2 ||A - B P_1 ... P_k||_F^2 and its gradients: arguments, then groups of rows over threads.
 *
 * The first levels of B are built once; then every group of rows, those equal modulo g, is taken to the last level,
 * compared with the target's rows and taken back, on its own (kernel_fit.inc). Its sums are added in order: the same bits
 * for any number of threads.
 */
#include "args.h"

static size_t round_up(size_t bytes) { return (bytes + BFLY_ALIGN - 1) / BFLY_ALIGN * BFLY_ALIGN; }

/* numbers in the level of block size 2^ls, all rows modulo g */
static size_t level_numbers(const bfly_fit *F, int ls, bfly_int g)
{
    const size_t s = (size_t)1 << ls, ld = F->tied ? s : (size_t)1 << F->logn;
    return s / (size_t)g * ld * (F->mode ? 2 : 1);
}

static int run(bfly_fit *F, int precision, bfly_int n, double *f, void *gprob)
{
    const bfly_kernels *k = bfly_current_isa()->kernels[precision];
    const size_t size = precision ? sizeof(double) : sizeof(float), probs = (size_t)(F->perms * 3 * (F->logn - 1));
    const int logrows = F->perms ? 4 : 3;
    F->logg = F->logn > logrows ? F->logn - logrows : 0;
    const bfly_int g = (bfly_int)1 << F->logg;

    size_t base_bytes = 0, own_bytes = 0;
    for (int ls = 0; ls <= F->logg; ls++) base_bytes += level_numbers(F, ls, 1) * size;
    for (int ls = F->logg + 1; ls <= F->logn; ls++) own_bytes += level_numbers(F, ls, g) * size;
    own_bytes += level_numbers(F, F->logn, g) * size;
    if (F->perms) own_bytes += (size_t)(F->perms + BFLY_FIT_TILES) * ((size_t)n * size << k->logw);
    own_bytes = round_up(own_bytes + BFLY_ALIGN);
    base_bytes = round_up(base_bytes);
    const size_t top_bytes = round_up(level_numbers(F, F->logg, 1) * size);
    const size_t sum_bytes = round_up((size_t)g * (1 + probs) * sizeof(double));

    const double work = (6.0 + 6.0 * F->perms * F->logn) * (double)n * (double)n * (double)size * (F->mode ? 2 : 1);
    int threads = bfly_threads_for(work);
    if (threads > g) threads = (int)g;
    bfly_work memory;
    char *base = bfly_work_get(&memory, (double)base_bytes + (double)top_bytes + (double)sum_bytes +
                                            (double)own_bytes * threads);
    if (!base) return BFLY_ENOMEM;
    char *const top = base + base_bytes, *const own = top + top_bytes + sum_bytes;
    double *const sums = (double *)(top + top_bytes), *const psums = sums + g;
    memset(sums, 0, sum_bytes);

    k->fit_begin(F, base);
    if (threads == 1)
        for (bfly_int r = 0; r < g; r++) sums[r] = k->fit_rows(F, r, base, top, psums + r * (bfly_int)probs, own);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(| : flags)
        {
            const int t = bfly_thread_id();
            bfly_fp_begin(t);
#pragma omp for schedule(static)
            for (bfly_int r = 0; r < g; r++)
                sums[r] = k->fit_rows(F, r, base, top, psums + r * (bfly_int)probs, own + own_bytes * (size_t)t);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    k->fit_end(F, base, top);
    double distance = 0;
    for (bfly_int r = 0; r < g; r++) distance += sums[r];
    *f = distance / 2;
    for (size_t i = 0; i < probs; i++) {
        double sum = 0;
        for (bfly_int r = 0; r < g; r++) sum += psums[(size_t)r * probs + i];
        if (precision)
            ((double *)gprob)[i] = sum;
        else
            ((float *)gprob)[i] = (float)sum;
    }
    bfly_work_free(&memory);
    return 0;
}

static int fit(int precision, int mode, int form, bfly_int n, bfly_int perms, const void *w, const void *prob,
               const void *a, bfly_int lda, double *f, void *gw, void *gprob)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) * (mode == 1 ? 2 : 1);
    BFLY_CHECK(1, bfly_is_form(form));
    BFLY_CHECK(2, bfly_is_power_of_two(n));
    BFLY_CHECK(3, perms >= 0 && perms <= BFLY_MAX_LOGN);
    const int relaxed = perms && n > 2;
    BFLY_CHECK(4, w || n == 1);
    BFLY_CHECK(5, prob || !relaxed);
    BFLY_CHECK(6, a);
    BFLY_CHECK(7, lda >= n);
    BFLY_CHECK(8, f);
    BFLY_CHECK(9, gw || n == 1);
    BFLY_CHECK(10, gprob || !relaxed);
    if (n > (bfly_int)1 << 28 || !bfly_fits(n, 1, n, lda, size)) return BFLY_EOVERFLOW;
    if (n == 1) {
        double d = (precision ? *(const double *)a : *(const float *)a) - 1;
        *f = d * d / 2;
        if (mode == 1) {
            d = precision ? ((const double *)a)[1] : ((const float *)a)[1];
            *f += d * d / 2;
        }
        return 0;
    }
    bfly_fit F = {.tied = form == BFLY_TIED, .mode = mode, .perms = relaxed ? (int)perms : 0, .w = w, .prob = prob,
                  .a = a, .lda = lda, .gw = gw};
    while (((bfly_int)1 << F.logn) < n) F.logn++;
    return run(&F, precision, n, f, gprob);
}

#define FIT(t, rtype, wtype, atype, precision, mode)                                                                   \
    int bfly_##t##fit(int form, bfly_int n, bfly_int perms, const wtype *w, const rtype *prob, const atype *a,         \
                      bfly_int lda, double *f, wtype *gw, rtype *gprob)                                                \
    {                                                                                                                  \
        REPORT(fit(precision, mode, form, n, perms, w, prob, a, lda, f, gw, gprob));                                   \
    }
FIT(s, float, float, float, 0, 0)
FIT(d, double, double, double, 1, 0)
FIT(c, float, void, void, 0, 1)
FIT(z, double, void, void, 1, 1)
FIT(cr, float, void, float, 0, 2)
FIT(zr, double, void, double, 1, 2)
