/* launch.h - the kernels of one type behind a table of functions; kernels_[sdcz].cu fill one each. */
#ifndef BFLY_CUDA_LAUNCH_H
#define BFLY_CUDA_LAUNCH_H

#include "backward.h"
#include "forward.h"
#include "perm.h"
#include "relaxed.h"

namespace bfly_cuda {

struct Launcher {
    int number_bytes, real_bytes;
    int forward_tiles, hadamard_tiles, back_tiles; /* a warp, a warp, a block */
    int warps, wide_warps, table_bits, back_steps;
    unsigned stage_bytes, wide_bytes; /* of factors in shared memory: of a stage, of a wide pass; 0: there is none */
    unsigned (*back_bytes)(int steps);
    /* once for a device: lets the kernels have this much shared memory */
    cudaError_t (*init)(int shared);
    void (*forward)(const ForwardArgs &, int up, int hadamard, dim3 grid, int warps, unsigned shared, cudaStream_t);
    void (*backward)(const BackwardArgs &, dim3 grid, unsigned shared, cudaStream_t);
    void (*add_parts)(const ReduceArgs &, dim3 grid, cudaStream_t);
    void (*add_members)(const ReduceArgs &, dim3 grid, cudaStream_t);
    void (*relaxed)(const RelaxedArgs &, dim3 grid, unsigned shared, cudaStream_t);
    void (*relaxed_grad)(const RelaxedArgs &, dim3 grid, unsigned shared, cudaStream_t);
    void (*add_probs)(const ProbArgs &, dim3 grid, cudaStream_t);
    void (*permute)(const PermArgs &, dim3 grid, cudaStream_t);
};

extern const Launcher launcher_s, launcher_d, launcher_c, launcher_z;

#ifdef BFLY_CUDA_DEFINE_KERNELS
#  ifdef BFLY_CUDA_SIM
#    define BFLY_LAUNCH(grid, block, shared, stream, args, ...) (sim::last_stream = stream, sim::launch(__VA_ARGS__, #__VA_ARGS__, grid, block, shared, args))
#  else
#    define BFLY_LAUNCH(grid, block, shared, stream, args, ...) __VA_ARGS__<<<grid, block, shared, stream>>>(args)
#  endif

template <class E, int F, int H, int B, int STEPS> struct Kernels {
    static constexpr bool has_wide = sizeof(E) == 4 && F % 2 == 0;
    static cudaError_t init(int shared)
    {
        cudaError_t error = cudaSuccess;
        const auto let = [&](const void *kernel) {
            if (error == cudaSuccess) error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
        };
        let((const void *)forward<E, F, true, false, 1>);
        let((const void *)forward<E, F, false, false, 1>);
        let((const void *)forward<E, H, true, true, 1>);
        if constexpr (has_wide) {
            let((const void *)forward<E, F, true, false, 2>);
            let((const void *)forward<E, F, false, false, 2>);
        }
        let((const void *)backward<E, STEPS, B>);
        let((const void *)bfly_cuda::relaxed<E>);
        let((const void *)bfly_cuda::relaxed_grad<E>);
        return error;
    }
    static void run_forward(const ForwardArgs &A, int up, int hadamard, dim3 grid, int warps, unsigned shared, cudaStream_t s)
    {
        if constexpr (has_wide)
            if (A.pass.wide) {
                if (up)
                    BFLY_LAUNCH(grid, 32 * warps, shared, s, A, forward<E, F, true, false, 2>);
                else
                    BFLY_LAUNCH(grid, 32 * warps, shared, s, A, forward<E, F, false, false, 2>);
                return;
            }
        if (hadamard)
            BFLY_LAUNCH(grid, 32 * warps, shared, s, A, forward<E, H, true, true, 1>);
        else if (up)
            BFLY_LAUNCH(grid, 32 * warps, shared, s, A, forward<E, F, true, false, 1>);
        else
            BFLY_LAUNCH(grid, 32 * warps, shared, s, A, forward<E, F, false, false, 1>);
    }
    static void run_backward(const BackwardArgs &A, dim3 grid, unsigned shared, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, kBackThreads, shared, s, A, backward<E, STEPS, B>);
    }
    static void run_add_parts(const ReduceArgs &A, dim3 grid, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, 256, 0, s, A, bfly_cuda::add_parts<E>);
    }
    static void run_add_members(const ReduceArgs &A, dim3 grid, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, 256, 0, s, A, bfly_cuda::add_members<E>);
    }
    static void run_relaxed(const RelaxedArgs &A, dim3 grid, unsigned shared, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, kRelaxedThreads, shared, s, A, bfly_cuda::relaxed<E>);
    }
    static void run_relaxed_grad(const RelaxedArgs &A, dim3 grid, unsigned shared, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, kRelaxedThreads, shared, s, A, bfly_cuda::relaxed_grad<E>);
    }
    static void run_add_probs(const ProbArgs &A, dim3 grid, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, 256, 0, s, A, bfly_cuda::add_probs<real_t<E>>);
    }
    static void run_permute(const PermArgs &A, dim3 grid, cudaStream_t s)
    {
        BFLY_LAUNCH(grid, 256, 0, s, A, bfly_cuda::permute<E>);
    }
    static constexpr Launcher launcher()
    {
        return {(int)sizeof(E), (int)sizeof(real_t<E>), F, H, B, warps_of<E, 1>, warps_of<E, 2>, table_bits<E>, STEPS, bfly_cuda::stage_bytes<E>,
                has_wide ? wide_table_bytes<E> : 0, backward_bytes<E, B>, init, run_forward, run_backward, run_add_parts, run_add_members, run_relaxed,
                run_relaxed_grad, run_add_probs, run_permute};
    }
};
#endif

} // namespace bfly_cuda

#endif
