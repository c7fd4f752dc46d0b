/* small_calls.c - 1000 products of n = 16 for one vector, as mul and as bmv, of all types, and scaled (bmv), to have their
 * instructions counted. */
#include "butterfly.h"

int main(void)
{
    enum { N = 16, STAGES = 4 };
    static float w[STAGES * N * 4], x[2 * N], y[2 * N];
    static double wd[STAGES * N * 4], xd[2 * N], yd[2 * N];
    const float c1[] = {1, 0}, c0[] = {0, 0};
    const double z1[] = {1, 0}, z0[] = {0, 0};
    int failed = 0;
    for (int i = 0; i < STAGES * N * 4; i++) w[i] = 1, wd[i] = 1;
    for (int i = 0; i < 2 * N; i++) x[i] = 1, xd[i] = 1;
    for (int k = 0; k < 1000; k++) {
        failed |= bfly_smul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, 1, w, x, 1, N, 0, y, 1, N);
        failed |= bfly_dmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, 1, wd, xd, 1, N, 0, yd, 1, N);
        failed |= bfly_cmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, c1, w, x, 1, N, c0, y, 1, N);
        failed |= bfly_zmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, z1, wd, xd, 1, N, z0, yd, 1, N);
        failed |= bfly_csmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, c1, w, x, 1, N, c0, y, 1, N);
        failed |= bfly_zdmul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, 1, z1, wd, xd, 1, N, z0, yd, 1, N);
        failed |= bfly_sbmv(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, .5f, w, x, 1, .5f, y, 1);
        failed |= bfly_dbmv(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, N, .5, wd, xd, 1, .5, yd, 1);
    }
    return failed;
}
