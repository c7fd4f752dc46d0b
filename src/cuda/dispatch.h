/* dispatch.h - the numbers that decide how fast the kernels are, by type. bench/cuda/bench.py --sweep measures others.
 *
 *                  tiles a warp takes at a time      steps of the backward kernel      compiled without spills
 */
#ifndef BFLY_CUDA_DISPATCH_H
#define BFLY_CUDA_DISPATCH_H

/* clang-format off */
#ifndef BFLY_CUDA_TUNED
#  define BFLY_TILES_S 4    /* forward */
#  define BFLY_TILES_D 2
#  define BFLY_TILES_C 2
#  define BFLY_TILES_Z 1
#  define BFLY_WARPS_S 12   /* 12 have 168 registers a thread, 8 have 255 */
#  define BFLY_WARPS_D 8    /* 12 spill 16 bytes on sm_100 */
#  define BFLY_WARPS_C 8    /* loads and stores of complex numbers want neighbouring registers, which 168 just miss */
#  define BFLY_WARPS_Z 8
#  define BFLY_WARPS_WIDE 8 /* float, n = 2^11 in one pass; 12 spill where strides descend */
#  define BFLY_HADAMARD_S 2 /* tiles without factors */
#  define BFLY_HADAMARD_D 1
#  define BFLY_HADAMARD_C 1
#  define BFLY_HADAMARD_Z 1
#  define BFLY_BACK_S 2     /* backward: tiles a block */
#  define BFLY_BACK_D 1
#  define BFLY_BACK_C 1
#  define BFLY_BACK_Z 1
#  define BFLY_L2_SHARE 0.5 /* of the second-level cache for a chunk of vectors between two passes */
#endif
/* clang-format on */

#endif
