/* spectra.c - Fourier transforms of many signals on a GPU, with no CUDA header: y_k = sum of exp(-2 pi i j k / n) x_j.
 *
 * The factors of the transform come from the library for processors; on the device the signals are put in the order of
 * reversed bits, and multiplied. Results are compared with the processor's. Exit status 77 where there is no GPU.
 */
#include <butterfly_cuda.h>
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOGN = 10, N = 1 << LOGN, SIGNALS = 333, STAGES = 2 * N * LOGN };

static void check(int result, const char *what)
{
    if (result == 0) return;
    fprintf(stderr, "%s: %s (%s)\n", what, bfly_cuda_strerror(result), bfly_cuda_last_error_text());
    exit(1);
}

/* a copy in device memory, in the default stream */
static void *on_device(const void *data, bfly_int bytes)
{
    void *place = NULL;
    check(bfly_cuda_malloc(NULL, bytes, &place), "bfly_cuda_malloc");
    if (data) check(bfly_cuda_copy(NULL, place, data, bytes), "bfly_cuda_copy");
    return place;
}

int main(void)
{
    int devices;
    if (bfly_cuda_device_count(&devices) != 0) {
        printf("no GPU here: %s\n", bfly_cuda_last_error_text());
        return 77;
    }
    const bfly_int bytes = (bfly_int)sizeof(float complex) * N * SIGNALS;
    float complex *w = malloc(sizeof *w * STAGES), *x = malloc((size_t)bytes), *expected = malloc((size_t)bytes), *got = malloc((size_t)bytes);
    bfly_int order[N] = {0};
    if (!w || !x || !expected || !got || bfly_cfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, N, w) != 0) return 1;
    for (int i = 0; i < N; i++) order[i] = order[i / 2] / 2 + i % 2 * (N / 2);
    for (int i = 0; i < N * SIGNALS; i++) x[i] = (float)rand() / (float)RAND_MAX - 0.5f;

    const float one[2] = {1, 0}, zero[2] = {0, 0};
    bfly_cperm(BFLY_NO_TRANS, N, SIGNALS, order, x, 1, N, expected, 1, N);
    bfly_cmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, SIGNALS, one, w, expected, 1, N, zero, expected, 1, N);

    void *dw = on_device(w, (bfly_int)sizeof *w * STAGES), *dx = on_device(x, bytes), *dy = on_device(NULL, bytes);
    void *dorder = on_device(order, sizeof order);
    check(bfly_cuda_cperm(NULL, BFLY_NO_TRANS, N, SIGNALS, dorder, dx, 1, N, dy, 1, N, NULL, 0), "bfly_cuda_cperm");
    check(bfly_cuda_cmul(NULL, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, SIGNALS, one, dw, dy, 1, N, zero, dy, 1, N, NULL, 0), "bfly_cuda_cmul");
    check(bfly_cuda_copy(NULL, got, dy, bytes), "bfly_cuda_copy");
    check(bfly_cuda_synchronize(NULL), "bfly_cuda_synchronize");

    double worst = 0, size = 0;
    for (int i = 0; i < N * SIGNALS; i++) {
        worst = fmax(worst, cabsf(got[i] - expected[i]));
        size = fmax(size, cabsf(expected[i]));
    }
    printf("%d spectra of %d numbers: largest difference from the processor %.1e of %.1f\n", SIGNALS, N, worst, size);
    void *const device[] = {dw, dx, dy, dorder};
    for (int i = 0; i < 4; i++) check(bfly_cuda_free(NULL, device[i]), "bfly_cuda_free");
    free(w);
    free(x);
    free(expected);
    free(got);
    return !(worst < 1e-5 * size);
}
