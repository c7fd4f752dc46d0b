/* kernels_c.cu - the kernels for complex float. */
#define BFLY_CUDA_DEFINE_KERNELS
#include "launch.h"

namespace bfly_cuda {
const Launcher launcher_c = Kernels<cx<float>, BFLY_TILES_C, BFLY_HADAMARD_C, BFLY_BACK_C, 5>::launcher();
}
