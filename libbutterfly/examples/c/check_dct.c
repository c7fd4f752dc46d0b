/* check_dct.c - what stream.c is tried with: random vectors, and the cosine transform that they should become,
 * y_k = sum of 2 cos(pi k (2 j + 1) / (2 n)) / sqrt(n) x_j.
 *
 *     check_dct INPUT           writes vectors of N numbers
 *     check_dct INPUT OUTPUT    compares OUTPUT with the definition
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 64, VECTORS = 1000 };

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    const int check = argc > 2;
    const double pi = acos(-1.0);
    double x[N], y[N], worst = 0;
    FILE *input = fopen(argv[1], check ? "rb" : "wb"), *output = check ? fopen(argv[2], "rb") : NULL;
    if (!input || (check && !output)) return 2;
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
