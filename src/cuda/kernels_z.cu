/* kernels_z.cu - the kernels for complex double. */
#define BFLY_CUDA_DEFINE_KERNELS
#include "launch.h"

namespace bfly_cuda {
const Launcher launcher_z = Kernels<cx<double>, BFLY_TILES_Z, BFLY_HADAMARD_Z, BFLY_BACK_Z, 2>::launcher();
}
