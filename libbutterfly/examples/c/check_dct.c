/* check_dct.c - what stream.c is tried with: cosine transforms, y_k = sum of 2 cos(pi k (2 j + 1) / (2 n)) / sqrt(n) x_j.
 *
 *     check_dct PLAN INPUT           writes a plan of the transform of N numbers, and random vectors
 *     check_dct PLAN INPUT OUTPUT    compares OUTPUT with the definition
 */
#include <butterfly.h>
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOGN = 6, N = 1 << LOGN, VECTORS = 1000 };

/* Re . diag(2 exp(-i pi k / 2n) / sqrt(n)) . DFT . (even entries, then the odd ones backwards) */
static int write_plan(const char *path)
{
    const double pi = acos(-1.0);
    static double complex w[2 * N * LOGN], turn[N];
    bfly_int bits[N] = {0}, order[N];
    bfly_plan *plan = NULL;
    for (bfly_int i = 0; i < N; i++) {
        bits[i] = bits[i / 2] / 2 + i % 2 * (N / 2);
        order[i] = bits[i] < N / 2 ? 2 * bits[i] : 2 * (N - bits[i]) - 1; /* the DFT's bit reversal included */
        turn[i] = 2 / sqrt(N) * cexp(-I * pi * (double)i / (2 * N));
    }
    const bfly_item items[] = {{.kind = BFLY_ITEM_PERMUTATION, .op = BFLY_NO_TRANS, .data = order},
                               {BFLY_ITEM_BUTTERFLY, BFLY_Z, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, w},
                               {.kind = BFLY_ITEM_DIAGONAL, .type = BFLY_Z, .op = BFLY_NO_TRANS, .data = turn},
                               {.kind = BFLY_ITEM_REAL_PART}};
    int result = bfly_zfft_factors(BFLY_FORWARD, BFLY_INCREASING, BFLY_UNTIED, N, w);
    if (result == 0) result = bfly_plan_create(BFLY_D, BFLY_D, N, 4, items, &plan);
    if (result == 0) result = bfly_plan_save(plan, path);
    bfly_plan_destroy(plan);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    const int check = argc > 3;
    const double pi = acos(-1.0);
    double x[N], y[N], worst = 0;
    FILE *input = fopen(argv[2], check ? "rb" : "wb"), *output = check ? fopen(argv[3], "rb") : NULL;
    if (!input || (check && !output) || (!check && write_plan(argv[1]) != 0)) return 2;
    for (int k = 0; k < VECTORS; k++) {
        if (!check) {
            for (int i = 0; i < N; i++) x[i] = (double)rand() / RAND_MAX - 0.5;
            if (fwrite(x, sizeof *x, N, input) != N) return 2;
            continue;
        }
        if (fread(x, sizeof *x, N, input) != N || fread(y, sizeof *y, N, output) != N) return 1;
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++) sum += x[j] * 2 * cos(pi * i * (2 * j + 1) / (2 * N)) / sqrt(N);
            worst = fmax(worst, fabs(sum - y[i]));
        }
    }
    if (check && fgetc(output) != EOF) return 1;
    if (check) printf("largest difference from the definition: %.1e\n", worst);
    return fclose(input) != 0 || !(worst < 1e-12);
}
