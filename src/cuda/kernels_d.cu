/* kernels_d.cu - the kernels for double. */
#define BFLY_CUDA_DEFINE_KERNELS
#include "launch.h"

namespace bfly_cuda {
const Launcher launcher_d = Kernels<double, BFLY_TILES_D, BFLY_HADAMARD_D, BFLY_BACK_D, 5>::launcher();
}
