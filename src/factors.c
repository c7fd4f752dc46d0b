/* factors.c - exact factors of the discrete Fourier transform and of the Hadamard matrix.
 *
 * F = B R with R the bit reversal and the blocks of stride s [[1, w], [1, -w]], w = exp(-pi i (j % s) / s), increasing;
 * F is symmetric, so F = R B^T: the same stages transposed, in decreasing order. The inverse has conj(w) and a half in
 * every stage.
 */
#include <math.h>

#include "args.h"

#define CHECK_WHAT(first)                            \
    BFLY_CHECK((first), bfly_is_order(order));       \
    BFLY_CHECK((first) + 1, bfly_is_form(form));     \
    BFLY_CHECK((first) + 2, bfly_is_power_of_two(n)); \
    BFLY_CHECK((first) + 3, w || n == 1);            \
    if (n > (bfly_int)1 << (BFLY_MAX_LOGN - 2)) return BFLY_EOVERFLOW

static int log2_of(bfly_int n)
{
    int l = 0;
    while (((bfly_int)1 << l) < n) l++;
    return l;
}

static void put(int precision, void *w, bfly_int at, double value)
{
    if (precision)
        ((double *)w)[at] = value;
    else
        ((float *)w)[at] = (float)value;
}

/* cos and sin of pi j / s, 0 <= j < s, by symmetry from the first octant: exact at multiples of pi / 2 */
static void unit_root(bfly_int j, bfly_int s, double *re, double *im)
{
    static const long double pi = 3.14159265358979323846264338327950288L;
    const bfly_int q = 2 * j > s ? s - j : j; /* the first quadrant */
    long double c, d;
    if (4 * q > s) {
        c = sinl(pi * (long double)(s - 2 * q) / (2 * (long double)s));
        d = cosl(pi * (long double)(s - 2 * q) / (2 * (long double)s));
    } else {
        c = cosl(pi * (long double)q / (long double)s);
        d = sinl(pi * (long double)q / (long double)s);
    }
    *re = (double)(2 * j > s ? -c : c);
    *im = (double)d;
}

static int fft_factors(int precision, int direction, int order, int form, bfly_int n, void *w)
{
    BFLY_CHECK(1, direction == BFLY_FORWARD || direction == BFLY_INVERSE);
    CHECK_WHAT(2);
    const int logn = log2_of(n), tied = form == BFLY_TIED, increasing = order == BFLY_INCREASING;
    const double scale = direction == BFLY_INVERSE ? 0.5 : 1;
    for (int ls = 0; ls < logn; ls++) {
        const bfly_int s = (bfly_int)1 << ls, pairs = tied ? s : n / 2;
        for (bfly_int j = 0; j < s; j++) {
            double re, im;
            unit_root(j, s, &re, &im);
            re *= scale;
            im *= direction == BFLY_FORWARD ? -scale : scale;
            for (bfly_int i = j; i < pairs; i += s) {
                const bfly_int at = 8 * bfly_block_of(i, ls, logn, tied, increasing);
                const int b = increasing ? 2 : 4, c = increasing ? 4 : 2;
                put(precision, w, at, scale);
                put(precision, w, at + 1, 0);
                put(precision, w, at + b, re);
                put(precision, w, at + b + 1, im);
                put(precision, w, at + c, scale);
                put(precision, w, at + c + 1, 0);
                put(precision, w, at + 6, -re);
                put(precision, w, at + 7, -im);
            }
        }
    }
    return 0;
}

static int hadamard_factors(int precision, int complex_w, int order, int form, bfly_int n, void *w)
{
    CHECK_WHAT(1);
    const int m = complex_w ? 2 : 1;
    const bfly_int blocks = bfly_blocks(log2_of(n), form == BFLY_TIED);
    for (bfly_int i = 0; i < 4 * blocks; i++) {
        put(precision, w, i * m, i % 4 == 3 ? -1 : 1);
        if (complex_w) put(precision, w, i * m + 1, 0);
    }
    return 0;
}

int bfly_cfft_factors(int direction, int order, int form, bfly_int n, void *w)
{
    REPORT(fft_factors(0, direction, order, form, n, w));
}
int bfly_zfft_factors(int direction, int order, int form, bfly_int n, void *w)
{
    REPORT(fft_factors(1, direction, order, form, n, w));
}
int bfly_shadamard_factors(int order, int form, bfly_int n, float *w)
{
    REPORT(hadamard_factors(0, 0, order, form, n, w));
}
int bfly_dhadamard_factors(int order, int form, bfly_int n, double *w)
{
    REPORT(hadamard_factors(1, 0, order, form, n, w));
}
int bfly_chadamard_factors(int order, int form, bfly_int n, void *w)
{
    REPORT(hadamard_factors(0, 1, order, form, n, w));
}
int bfly_zhadamard_factors(int order, int form, bfly_int n, void *w)
{
    REPORT(hadamard_factors(1, 1, order, form, n, w));
}
