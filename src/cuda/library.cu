/* library.cu - the device, errors, versions, and memory for callers that have no CUDA library of their own. */
#include <atomic>
#include <mutex>

#include "host.h"

namespace bfly_cuda {

static constexpr int kMaxDevices = 64;
static Device devices[kMaxDevices];
static std::atomic<int> ready[kMaxDevices];
static std::mutex starting;
static thread_local cudaError_t last_error = cudaSuccess;

int note(cudaError_t error)
{
    if (error == cudaSuccess) return 0;
    last_error = error;
    cudaGetLastError(); /* so that the next call does not find it again */
    const bool none = error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver || error == cudaErrorStubLibrary;
    return none ? BFLY_CUDA_ENODEVICE : BFLY_CUDA_EDRIVER;
}

/* The device is the current one. */
static int prepare(int device)
{
    if (device < 0 || device >= kMaxDevices) return note(cudaErrorInvalidDevice);
    if (ready[device].load(std::memory_order_acquire)) return 0;
    std::lock_guard<std::mutex> lock(starting);
    if (ready[device].load(std::memory_order_relaxed)) return 0;
    Device D;
    int cache = 0, info = note(cudaDeviceGetAttribute(&D.multiprocessors, cudaDevAttrMultiProcessorCount, device));
    if (!info) info = note(cudaDeviceGetAttribute(&D.shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    if (!info) info = note(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, device));
    D.cache = cache;
    for (const Launcher *L : {&launcher_s, &launcher_d, &launcher_c, &launcher_z})
        if (!info) info = note(L->init(D.shared));
    if (info) return info;
    devices[device] = D;
    ready[device].store(1, std::memory_order_release);
    return 0;
}

int current_device(const Device **device)
{
    int now = 0;
    int info = note(cudaGetDevice(&now));
    if (!info) info = prepare(now);
    if (!info) *device = &devices[now];
    return info;
}

} // namespace bfly_cuda

using namespace bfly_cuda;

#ifndef BFLY_CUDA_ARCHS
#  define BFLY_CUDA_ARCHS "unknown"
#endif

extern "C" {

int bfly_cuda_abi_version(void) { return BFLY_CUDA_ABI; }
const char *bfly_cuda_archs(void) { return BFLY_CUDA_ARCHS; }

int bfly_cuda_device_count(int *count)
{
    BFLY_CUDA_CHECK(1, count);
    *count = 0;
    const int info = note(cudaGetDeviceCount(count));
    if (info) *count = 0;
    return info;
}

int bfly_cuda_get_device(int *device)
{
    BFLY_CUDA_CHECK(1, device);
    return note(cudaGetDevice(device));
}

int bfly_cuda_set_device(int device)
{
    BFLY_CUDA_CHECK(1, device >= 0 && device < kMaxDevices);
    return note(cudaSetDevice(device));
}

int bfly_cuda_pointer_device(const void *pointer, int *device)
{
    BFLY_CUDA_CHECK(1, pointer);
    BFLY_CUDA_CHECK(2, device);
    cudaPointerAttributes what;
    const int info = note(cudaPointerGetAttributes(&what, pointer));
    if (info) return info;
    if (what.type == cudaMemoryTypeUnregistered) return BFLY_CUDA_EHOST;
    *device = what.device;
    return 0;
}

int bfly_cuda_init(int device)
{
    BFLY_CUDA_CHECK(1, device >= 0 && device < kMaxDevices);
    int before = 0, info = note(cudaGetDevice(&before));
    if (!info && before != device) info = note(cudaSetDevice(device));
    if (info) return info;
    info = prepare(device);
    if (before != device) note(cudaSetDevice(before));
    return info;
}

const char *bfly_cuda_strerror(int result)
{
    if (result < 0) return "an argument is illegal: its position is the negative of the result";
    switch (result) {
    case 0: return "no error";
    case BFLY_ENOMEM: return "no memory for the workspace";
    case BFLY_EOVERFLOW: return "sizes times strides do not fit in 64 bits";
    case BFLY_CUDA_EDRIVER: return "a CUDA function failed: see bfly_cuda_last_error_text";
    case BFLY_CUDA_ENODEVICE: return "no CUDA device, or no driver for it";
    case BFLY_CUDA_ESHARED: return "the device's shared memory is too small for this operation";
    case BFLY_CUDA_EHOST: return "a pointer to host memory that no device can reach";
    default: return "unknown result";
    }
}

int bfly_cuda_last_error(void) { return (int)last_error; }
const char *bfly_cuda_last_error_text(void) { return cudaGetErrorString(last_error); }

int bfly_cuda_malloc(void *stream, bfly_int bytes, void **pointer)
{
    BFLY_CUDA_CHECK(2, bytes >= 0);
    BFLY_CUDA_CHECK(3, pointer);
    return note(cudaMallocAsync(pointer, (size_t)std::max(bytes, (bfly_int)1), (cudaStream_t)stream));
}

int bfly_cuda_free(void *stream, void *pointer) { return pointer ? note(cudaFreeAsync(pointer, (cudaStream_t)stream)) : 0; }

int bfly_cuda_copy(void *stream, void *to, const void *from, bfly_int bytes)
{
    BFLY_CUDA_CHECK(2, to || bytes == 0);
    BFLY_CUDA_CHECK(3, from || bytes == 0);
    BFLY_CUDA_CHECK(4, bytes >= 0);
    return bytes ? note(cudaMemcpyAsync(to, from, (size_t)bytes, cudaMemcpyDefault, (cudaStream_t)stream)) : 0;
}

int bfly_cuda_synchronize(void *stream) { return note(cudaStreamSynchronize((cudaStream_t)stream)); }

int bfly_cuda_wait(void *stream, void *other)
{
    if (stream == other) return 0;
    cudaEvent_t event;
    int info = note(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (info) return info;
    info = note(cudaEventRecord(event, (cudaStream_t)other));
    if (!info) info = note(cudaStreamWaitEvent((cudaStream_t)stream, event, 0));
    const int after = note(cudaEventDestroy(event)); /* it lives until it is no longer needed */
    return info ? info : after;
}
}
