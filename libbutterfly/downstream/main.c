/* main.c - a user's program: the Hadamard matrix of 8 applied to the first unit vector gives ones. */
#include <butterfly.h>
#include <stdio.h>

int main(void)
{
    enum { N = 8, LOGN = 3 };
    float w[LOGN * N / 2 * 4], x[N] = {1};
    int rc = bfly_shadamard_factors(BFLY_INCREASING, BFLY_UNTIED, N, w);
    if (rc == 0) rc = bfly_smul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, 1, w, x, 1, N, 0, x, 1, N);
    if (rc != 0) {
        fprintf(stderr, "libbutterfly: %s\n", bfly_strerror(rc));
        return 1;
    }
    for (int i = 0; i < N; i++)
        if (x[i] < 1 || x[i] > 1) return 1;
    printf("%s\n", bfly_config());
    return 0;
}
