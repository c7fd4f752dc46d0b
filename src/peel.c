/* peel.c - stages taken off a matrix: arguments, then pairs of rows over threads (kernel_peel.inc). */
#include "args.h"

static int peel(int precision, int complex_x, bfly_int count, bfly_int pairs, bfly_int columns, int groups,
                const bfly_int *order, bfly_int orderdist, const void *x, const double *weight, void *d, void *w,
                double *passed, double *error)
{
    const size_t size = (precision ? sizeof(double) : sizeof(float)) << complex_x;
    BFLY_CHECK(1, count >= 0);
    BFLY_CHECK(2, pairs >= 1);
    BFLY_CHECK(3, columns >= 1);
    BFLY_CHECK(4, (groups == 1 || groups == 2) && columns % groups == 0);
    BFLY_CHECK(6, !order || orderdist == 0 || orderdist >= columns);
    BFLY_CHECK(7, x || !count);
    BFLY_CHECK(8, weight || !count);
    BFLY_CHECK(9, d || !count);
    BFLY_CHECK(10, w || !count);
    BFLY_CHECK(11, passed || !count);
    BFLY_CHECK(12, error || !count);
    if (!count) return 0;
    if (pairs > INT64_MAX / 64 / columns || !bfly_fits(2 * pairs * columns, 1, count, 2 * pairs * columns, size))
        return BFLY_EOVERFLOW;

    const bfly_kernels *k = bfly_current_isa()->kernels[precision];
    const bfly_peel P = {complex_x, groups, count, pairs, columns, order, orderdist, x, weight, d, w, passed, error};
    const bfly_int all = count * pairs;
    int threads = bfly_threads_for(4.0 * (double)all * (double)columns * (double)size);
    if (threads > all) threads = (int)all;
    const size_t own = 2 * (size_t)columns * size;
    bfly_work memory;
    char *const work = bfly_work_get(&memory, order ? (double)own * threads : 1);
    if (!work) return BFLY_ENOMEM;
    if (threads == 1)
        k->peel(&P, 0, all, work);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), team = bfly_team_size();
            bfly_fp_begin(t);
            k->peel(&P, all * t / team, all * (t + 1) / team, order ? work + own * (size_t)t : NULL);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

#define PEEL(t, type, precision, complex_x)                                                                            \
    int bfly_##t##peel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,            \
                       bfly_int orderdist, const type *x, const double *weight, type *d, type *w, double *passed,      \
                       double *error)                                                                                  \
    {                                                                                                                  \
        REPORT(peel(precision, complex_x, count, pairs, columns, groups, order, orderdist, x, weight, d, w, passed,    \
                    error));                                                                                           \
    }
PEEL(s, float, 0, 0)
PEEL(d, double, 1, 0)
PEEL(c, void, 0, 1)
PEEL(z, void, 1, 1)
