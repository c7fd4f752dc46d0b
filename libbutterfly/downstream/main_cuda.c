/* Links butterfly::cuda, and runs with and without a GPU. */
#include <butterfly_cuda.h>
#include <stdio.h>

int main(void)
{
    int devices;
    const int result = bfly_cuda_device_count(&devices);
    printf("libbutterfly_cuda for %s: %d devices (%s)\n", bfly_cuda_archs(), devices, bfly_cuda_strerror(result));
    return bfly_cuda_abi_version() != BFLY_CUDA_ABI || (result != 0 && result != BFLY_CUDA_ENODEVICE);
}
