/* peak.h - for bench_c.c: the clock, and how many multiply-adds a second one processor does.
 *
 * Independent chains a = a * b + c, enough of them to hide the latency, with the vectors of the library's instruction set.
 */
#ifndef PEAK_H
#define PEAK_H

#include <string.h>
#include <time.h>

#include "butterfly.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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

#endif
