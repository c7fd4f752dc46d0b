/* kernels_s.cu - the kernels for float. */
#define BFLY_CUDA_DEFINE_KERNELS
#include "launch.h"

namespace bfly_cuda {
const Launcher launcher_s = Kernels<float, BFLY_TILES_S, BFLY_HADAMARD_S, BFLY_BACK_S, 5>::launcher();
}
