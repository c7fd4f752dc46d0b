/* sim.h - the part of CUDA that src/cuda uses, for the processor: the kernels themselves, compiled by the C++ compiler.
 *
 * The threads of a block are contexts that run one after the other until the next barrier, in an order that changes
 * with every barrier. Shared memory starts as NaN. While watched, every access to it is recorded, and afterwards
 *
 *     bank conflicts  the accesses of a warp's 32 lanes with the same number are one instruction: how many wavefronts
 *                     it takes, against the fewest possible for its width
 *     races           two threads at the same word, one of them writing, without a barrier between
 *
 * are counted. A barrier that not all threads reach, and an access outside the block's shared memory, end the program.
 */
#ifndef SIM_H
#define SIM_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(x) alignas(x)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

/* ---- the runtime ------------------------------------------------------------------------------------------------- */
enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorInsufficientDriver = 35, cudaErrorStubLibrary = 34,
                   cudaErrorNoDevice = 100, cudaErrorInvalidDevice = 101 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16, cudaDevAttrL2CacheSize = 38, cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 };
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
typedef struct sim_stream *cudaStream_t;
typedef struct sim_event *cudaEvent_t;
constexpr int cudaEventDisableTiming = 2;

namespace sim {

struct Settings {
    int devices, multiprocessors, shared, cache;
};
extern Settings settings;

struct Report {
    long launches, accesses, wavefronts, fewest, races, blocks;
    unsigned most_shared;
    char first_race[200];
};
extern Report report;
extern bool watched;
extern void *last_stream;

/* the thread that runs */
struct Thread {
    dim3 thread, block, dim, grid;
    int number;
};
extern Thread self;

void barrier();
void warp_barrier();
void touch(const void *p, int bytes, bool write, bool counted);
unsigned char *shared();
unsigned shared_size();
uint64_t exchange_in_warp(uint64_t value, int from); /* what lane `from` of this warp gave */

void run(void (*kernel)(const void *), const void *args, const char *name, dim3 grid, unsigned threads, unsigned shared);

template <class A> struct Call {
    void (*kernel)(A);
    A args;
    static void go(const void *p)
    {
        const Call *c = (const Call *)p;
        c->kernel(c->args);
    }
};
template <class A> void launch(void (*kernel)(A), const char *name, dim3 grid, unsigned threads, unsigned shared, const std::remove_const_t<A> &args)
{
    const Call<A> call = {kernel, args};
    run(Call<A>::go, &call, name, grid, threads, shared);
}

} // namespace sim

#define threadIdx (sim::self.thread)
#define blockIdx (sim::self.block)
#define blockDim (sim::self.dim)
#define gridDim (sim::self.grid)

inline void __syncthreads() { sim::barrier(); }
inline void __syncwarp() { sim::warp_barrier(); }
template <class T> T __shfl_sync(unsigned, T v, int from)
{
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof v);
    bits = sim::exchange_in_warp(bits, from);
    memcpy(&v, &bits, sizeof v);
    return v;
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int apart) { return __shfl_sync(mask, v, ((int)threadIdx.x & 31) ^ apart); }

inline cudaError_t cudaGetDeviceCount(int *n)
{
    *n = sim::settings.devices;
    return *n ? cudaSuccess : cudaErrorNoDevice;
}
inline cudaError_t cudaGetDevice(int *d)
{
    *d = 0;
    return sim::settings.devices ? cudaSuccess : cudaErrorNoDevice;
}
inline cudaError_t cudaSetDevice(int d) { return d < sim::settings.devices ? cudaSuccess : cudaErrorInvalidDevice; }
inline cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr a, int)
{
    *v = a == cudaDevAttrMultiProcessorCount ? sim::settings.multiprocessors : a == cudaDevAttrL2CacheSize ? sim::settings.cache : sim::settings.shared;
    return cudaSuccess;
}
enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeDevice = 2 };
struct cudaPointerAttributes {
    cudaMemoryType type;
    int device;
};
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *what, const void *) /* all memory is the device's */
{
    *what = {cudaMemoryTypeDevice, 0};
    return cudaSuccess;
}
inline cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int) { return cudaSuccess; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char *cudaGetErrorString(cudaError_t e) { return e == cudaSuccess ? "no error" : "simulated error"; }
inline cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t)
{
    *p = aligned_alloc(256, (bytes + 255) / 256 * 256);
    return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFreeAsync(void *p, cudaStream_t)
{
    free(p);
    return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    memcpy(to, from, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, int)
{
    *e = nullptr;
    return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, int) { return cudaSuccess; }
inline cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }

/* ---- what device.h has in assembly ---------------------------------------------------------------------------------- */
namespace bfly_cuda {

template <class T> struct cx;

template <class T> unsigned get_scalar_word(const T &v, int w)
{
    unsigned x;
    memcpy(&x, (const char *)&v + 4 * w, 4);
    return x;
}
inline unsigned get_word(float v, int w) { return get_scalar_word(v, w); }
inline unsigned get_word(double v, int w) { return get_scalar_word(v, w); }
inline void set_word(float &v, int w, unsigned x) { memcpy((char *)&v + 4 * w, &x, 4); }
inline void set_word(double &v, int w, unsigned x) { memcpy((char *)&v + 4 * w, &x, 4); }

template <class V> V shared_load(unsigned at)
{
    V v;
    if (at % sizeof(V)) abort();
    sim::touch(sim::shared() + at, (int)sizeof v, false, true);
    memcpy(&v, sim::shared() + at, sizeof v);
    return v;
}
template <class V> void shared_store(unsigned at, const V &v)
{
    if (at % sizeof(V)) abort();
    sim::touch(sim::shared() + at, (int)sizeof v, true, true);
    memcpy(sim::shared() + at, &v, sizeof v);
}
struct quad {
    char bytes[16];
};
inline unsigned load_word(unsigned at) { return shared_load<unsigned>(at); }
inline void store_word(unsigned at, unsigned v) { shared_store(at, v); }
template <class T> void load_quad(unsigned at, T *q)
{
    const quad v = shared_load<quad>(at);
    memcpy(q, &v, 16);
}
template <class T> void store_quad(unsigned at, const T *q)
{
    quad v;
    memcpy(&v, q, 16);
    shared_store(at, v);
}
template <class E> void load_number(unsigned at, E &v) { v = shared_load<E>(at); }
template <class E> void store_number(unsigned at, const E &v) { shared_store(at, v); }
inline unsigned shared_base() { return 0; }
inline void *shared_pointer() { return sim::shared(); }
inline int hidden(int x) { return x; }
template <class E> E read_number(const E *p) { return *p; }
template <class E> void write_number(E *p, const E &v) { *p = v; }
template <class E> E get(const E *p)
{
    sim::touch(p, (int)sizeof(E), false, false);
    return *p;
}
template <class E> void put(E *p, E v)
{
    sim::touch(p, (int)sizeof(E), true, false);
    *p = v;
}

} // namespace bfly_cuda

#endif
