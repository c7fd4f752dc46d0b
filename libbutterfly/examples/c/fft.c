/* fft.c - the discrete Fourier transform as a butterfly matrix: F = B R, R the bit reversal, B exact factors.
 *
 * Transforms a batch of random signals, compares them with the definition, and goes back with the inverse factors.
 *
 *     cc fft.c $(pkg-config --cflags --libs butterfly) -lm
 */
#include <butterfly.h>
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOGN = 10, N = 1 << LOGN, BATCH = 16, NUMBERS = 2 * N * LOGN };

static void stop_on(int result, const char *what)
{
    if (result == 0) return;
    fprintf(stderr, "%s: %s (%d)\n", what, bfly_strerror(result), result);
    exit(1);
}

/* y := B R x for all signals: permute, then multiply in place */
static void transform(int direction, const double complex *x, double complex *y)
{
    static double complex w[NUMBERS];
    static bfly_int reversal[N];
    const double complex one = 1, zero = 0;
    for (bfly_int i = 0; i < N; i++) reversal[i] = reversal[i / 2] / 2 + i % 2 * (N / 2);
    stop_on(bfly_zfft_factors(direction, BFLY_INCREASING, BFLY_UNTIED, N, w), "factors");
    stop_on(bfly_zperm(BFLY_NO_TRANS, N, BATCH, reversal, x, 1, N, y, 1, N), "permutation");
    stop_on(bfly_zmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, BATCH, &one, w, y, 1, N, &zero, y, 1, N),
            "product");
}

int main(void)
{
    static double complex x[BATCH * N], y[BATCH * N], back[BATCH * N], root[N];
    const double pi = acos(-1.0);
    double error = 0, round_trip = 0, largest = 0;
    for (int i = 0; i < BATCH * N; i++) x[i] = (double)rand() / RAND_MAX - 0.5 + I * ((double)rand() / RAND_MAX - 0.5);
    for (int j = 0; j < N; j++) root[j] = cexp(-2 * I * pi * j / N);

    transform(BFLY_FORWARD, x, y);
    for (int k = 0; k < BATCH; k += 5)
        for (int j = 0; j < N; j++) {
            double complex sum = 0;
            for (int i = 0; i < N; i++) sum += root[(long)i * j % N] * x[k * N + i];
            error = fmax(error, cabs(sum - y[k * N + j]));
            largest = fmax(largest, cabs(sum));
        }
    transform(BFLY_INVERSE, y, back);
    for (int i = 0; i < BATCH * N; i++) round_trip = fmax(round_trip, cabs(back[i] - x[i]));

    printf("%s\n", bfly_config());
    printf("n = %d: difference from the definition %.1e of %.1f; there and back %.1e\n", N, error, largest, round_trip);
    return !(error <= 1e-12 * largest && round_trip <= 1e-13);
}
