/* perm.h - hard permutations, y[i] = x[perm[i]] or y[perm[i]] = x[i], for any n.
 *
 * A thread keeps its entry of perm for all its vectors. Entries outside 0 .. n - 1 are left out, so that a wrong perm
 * cannot reach foreign memory.
 */
#ifndef BFLY_CUDA_PERM_H
#define BFLY_CUDA_PERM_H

#include "device.h"

namespace bfly_cuda {

struct PermArgs {
    bfly_int n, count;
    const bfly_int *perm; /* NULL: a copy */
    int inverse;
    Vectors x, y;
};

template <class E> __global__ void __launch_bounds__(256) permute(const __grid_constant__ PermArgs A)
{
    const bfly_int i = (bfly_int)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= A.n) return;
    const bfly_int j = A.perm ? A.perm[i] : i;
    if (j < 0 || j >= A.n) return;
    const E *x = (const E *)A.x.p + (A.inverse ? i : j) * A.x.inc;
    E *y = (E *)A.y.p + (A.inverse ? j : i) * A.y.inc;
    for (bfly_int k = blockIdx.y; k < A.count; k += gridDim.y) y[k * A.y.dist] = x[k * A.x.dist];
}

} // namespace bfly_cuda

#endif
