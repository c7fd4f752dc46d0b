/* small_calls.c - 1000 products of n = 16 for one vector, as mul and as bmv, to have their instructions counted. */
#include "butterfly.h"

int main(void)
{
    enum { N = 16, STAGES = 4 };
    static float w[STAGES * N * 2], x[N], y[N];
    static double wd[STAGES * N * 2], xd[N], yd[N];
    int failed = 0;
    for (int i = 0; i < STAGES * N * 2; i++) w[i] = 1, wd[i] = 1;
    for (int i = 0; i < N; i++) x[i] = 1, xd[i] = 1;
    for (int k = 0; k < 1000; k++) {
        failed |= bfly_smul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, 1, w, x, 1, N, 0, y, 1, N);
        failed |= bfly_dmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, 1, wd, xd, 1, N, 0, yd, 1, N);
        failed |= bfly_sbmv(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, w, x, 1, 0, y, 1);
        failed |= bfly_dbmv(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, wd, xd, 1, 0, yd, 1);
    }
    return failed;
}
