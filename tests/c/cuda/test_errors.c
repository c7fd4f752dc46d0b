/* test_errors.c - the interface from C: the codes of illegal arguments, and a machine without a GPU.
 *
 * Every function is called with each argument wrong in turn; the check comes before any CUDA function, so the result is
 * the same with and without a GPU. Linked to the real library; with "sim" to the simulated one, which has a device.
 */
#include <stdio.h>
#include <string.h>

#include "butterfly_cuda.h"

static long done, failed;

static void expect(int line, int result, int wanted)
{
    done++;
    if (result == wanted) return;
    failed++;
    fprintf(stderr, "%s:%d: %d, not %d\n", __FILE__, line, result, wanted);
}
#define EXPECT(call, wanted) expect(__LINE__, call, wanted)

static double memory[64];
static float *const f = (float *)memory, *const odd = (float *)((char *)memory + 1);
static void *const p = memory, *const half = (char *)memory + 4;
static const bfly_int *const perm = (const bfly_int *)memory;
enum { N = BFLY_NO_TRANS, UP = BFLY_INCREASING, UN = BFLY_UNTIED };

static void products(void)
{
    const float one[2] = {1, 0};
    EXPECT(bfly_cuda_smul(0, 110, UP, UN, 4, 2, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), -2);
    EXPECT(bfly_cuda_smul(0, N, 200, UN, 4, 2, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), -3);
    EXPECT(bfly_cuda_smul(0, N, UP, 213, 4, 2, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), -4);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 3, 2, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), -5);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, -1, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), -6);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, 0, f, 1, 4, 0, f, 1, 4, 0, 0), -8);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, odd, f, 1, 4, 0, f, 1, 4, 0, 0), -8);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, 0, 1, 4, 0, f, 1, 4, 0, 0), -9);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, 1, 4, 0, 0, 1, 4, 0, 0), -13);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, 1, 4, 0, odd, 1, 4, 0, 0), -13);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, 1, 4, 0, f, 0, 4, 0, 0), -14);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, 1, 4, 0, f, 1, 0, 0, 0), -15);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, INT64_MAX / 4, 4, 0, f, 1, 4, 0, 0), BFLY_EOVERFLOW);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, INT64_MIN, 4, 0, f, 1, 4, 0, 0), BFLY_EOVERFLOW);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 0, 1, 0, 0, 1, 4, 0, 0, 1, 4, 0, 0), 0);
    EXPECT(bfly_cuda_cmul(0, N, UP, UN, 4, 2, 0, p, p, 1, 4, one, p, 1, 4, 0, 0), -7);
    EXPECT(bfly_cuda_cmul(0, N, UP, UN, 4, 2, one, half, p, 1, 4, one, p, 1, 4, 0, 0), -8);
    EXPECT(bfly_cuda_csmul(0, N, UP, UN, 4, 2, one, odd, p, 1, 4, one, p, 1, 4, 0, 0), -8);
    EXPECT(bfly_cuda_csmul(0, N, UP, UN, 4, 2, one, (float *)half, half, 1, 4, one, p, 1, 4, 0, 0), -9);
    EXPECT(bfly_cuda_cmul(0, N, UP, UN, 4, 2, one, p, p, 1, 4, 0, p, 1, 4, 0, 0), -12);
    EXPECT(bfly_cuda_zmul(0, N, UP, UN, 0, 2, memory, p, p, 1, 4, memory, p, 1, 4, 0, 0), -5);
    EXPECT(bfly_cuda_dmul(0, 115, UP, UN, 4, 2, 1, memory, memory, 1, 4, 0, memory, 1, 4, 0, 0), -2);
    EXPECT(bfly_cuda_zdmul(0, N, 203, UN, 4, 2, memory, memory, p, 1, 4, memory, p, 1, 4, 0, 0), -3);
    bfly_int bytes;
    EXPECT(bfly_cuda_mul_work('x', 4, 2, 0, &bytes), -1);
    EXPECT(bfly_cuda_mul_work('s', 5, 2, 0, &bytes), -2);
    EXPECT(bfly_cuda_mul_work('s', 4, -2, 0, &bytes), -3);
    EXPECT(bfly_cuda_mul_work('s', 4, 2, 0, 0), -5);
    EXPECT(bfly_cuda_mul_work('z', (bfly_int)1 << 40, (bfly_int)1 << 40, 0, &bytes), BFLY_EOVERFLOW);
}

static void gradients(void)
{
    EXPECT(bfly_cuda_sgrad(0, 0, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -2);
    EXPECT(bfly_cuda_sgrad(0, N, 0, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -3);
    EXPECT(bfly_cuda_sgrad(0, N, UP, 0, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -4);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 2, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -5);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 6, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -6);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, -2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -7);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, 0, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -8);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, 0, 1, 4, f, 1, 4, f, f, 1, 4, 0, 0), -9);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, 0, 1, 4, f, f, 1, 4, 0, 0), -12);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, odd, f, 1, 4, 0, 0), -15);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, odd, 1, 4, 0, 0), -16);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 0, 4, 0, 0), -17);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 0, 0, 0), -18);
    EXPECT(bfly_cuda_dgrad(0, N, UP, UN, 0, 4, 2, memory, memory, 1, 4, memory, 1, INT64_MAX / 2, memory, memory, 1, 4, 0, 0), BFLY_EOVERFLOW);
    EXPECT(bfly_cuda_cgrad(0, N, UP, UN, 0, 4, 2, p, half, 1, 4, p, 1, 4, p, p, 1, 4, 0, 0), -9);
    EXPECT(bfly_cuda_csgrad(0, N, UP, UN, 0, 4, 2, f, p, 1, 4, half, 1, 4, f, p, 1, 4, 0, 0), -12);
    EXPECT(bfly_cuda_zgrad(0, 1, UP, UN, 0, 4, 2, p, p, 1, 4, p, 1, 4, p, p, 1, 4, 0, 0), -2);
    EXPECT(bfly_cuda_zdgrad(0, N, UP, 9, 0, 4, 2, memory, p, 1, 4, p, 1, 4, memory, p, 1, 4, 0, 0), -4);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, 0, 0, 1, 4, 0, 0), 0);
    bfly_int bytes;
    EXPECT(bfly_cuda_grad_work(0, 4, 2, 1, &bytes), -1);
    EXPECT(bfly_cuda_grad_work('d', 0, 2, 1, &bytes), -2);
    EXPECT(bfly_cuda_grad_work('d', 4, -1, 1, &bytes), -3);
    EXPECT(bfly_cuda_grad_work('d', 4, 2, 1, 0), -5);
}

static void permutations(void)
{
    EXPECT(bfly_cuda_sperm(0, 0, 3, 2, perm, f, 1, 3, f, 1, 3, 0, 0), -2);
    EXPECT(bfly_cuda_sperm(0, N, 0, 2, perm, f, 1, 3, f, 1, 3, 0, 0), -3);
    EXPECT(bfly_cuda_sperm(0, N, 3, -1, perm, f, 1, 3, f, 1, 3, 0, 0), -4);
    EXPECT(bfly_cuda_sperm(0, N, 3, 2, 0, f, 1, 3, f, 1, 3, 0, 0), -5);
    EXPECT(bfly_cuda_sperm(0, N, 3, 2, perm, 0, 1, 3, f, 1, 3, 0, 0), -6);
    EXPECT(bfly_cuda_dperm(0, N, 3, 2, perm, memory, 1, 3, 0, 1, 3, 0, 0), -9);
    EXPECT(bfly_cuda_cperm(0, N, 3, 2, perm, p, 1, 3, p, 0, 3, 0, 0), -10);
    EXPECT(bfly_cuda_zperm(0, N, 3, 2, perm, p, 1, 3, p, 1, 0, 0, 0), -11);
    EXPECT(bfly_cuda_srelaxed_perm(0, 1, 8, 2, f, f, 1, 8, f, 1, 8, 0, 0), -2);
    EXPECT(bfly_cuda_srelaxed_perm(0, N, 12, 2, f, f, 1, 8, f, 1, 8, 0, 0), -3);
    EXPECT(bfly_cuda_srelaxed_perm(0, N, 8, -2, f, f, 1, 8, f, 1, 8, 0, 0), -4);
    EXPECT(bfly_cuda_srelaxed_perm(0, N, 8, 2, 0, f, 1, 8, f, 1, 8, 0, 0), -5);
    EXPECT(bfly_cuda_drelaxed_perm(0, N, 8, 2, memory, 0, 1, 8, memory, 1, 8, 0, 0), -6);
    EXPECT(bfly_cuda_crelaxed_perm(0, N, 8, 2, f, p, 1, 8, half, 1, 8, 0, 0), -9);
    EXPECT(bfly_cuda_zrelaxed_perm(0, N, 8, 2, memory, p, 1, 8, p, 0, 8, 0, 0), -10);
    EXPECT(bfly_cuda_zrelaxed_perm(0, N, 8, 2, memory, p, 1, 8, p, 1, 0, 0, 0), -11);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, 0, 0, 8, 2, f, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -2);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 3, 8, 2, f, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -3);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 7, 2, f, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -4);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, -1, f, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -5);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, 2, 0, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -6);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, 2, f, 0, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -7);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, 2, f, f, 1, 8, 0, 1, 8, f, f, 1, 8, 0, 0), -10);
    EXPECT(bfly_cuda_drelaxed_perm_grad(0, N, 0, 8, 2, memory, memory, 1, 8, memory, 1, 8, (double *)odd, memory, 1, 8, 0, 0), -13);
    EXPECT(bfly_cuda_crelaxed_perm_grad(0, N, 0, 8, 2, f, p, 1, 8, p, 1, 8, f, half, 1, 8, 0, 0), -14);
    EXPECT(bfly_cuda_zrelaxed_perm_grad(0, N, 0, 8, 2, memory, p, 1, 8, p, 1, 8, memory, p, 0, 8, 0, 0), -15);
    EXPECT(bfly_cuda_zrelaxed_perm_grad(0, N, 0, 8, 2, memory, p, 1, 8, p, 1, 8, memory, p, 1, 0, 0, 0), -16);
    bfly_int bytes;
    EXPECT(bfly_cuda_perm_work('q', 3, 2, 1, &bytes), -1);
    EXPECT(bfly_cuda_perm_work('s', 0, 2, 1, &bytes), -2);
    EXPECT(bfly_cuda_perm_work('s', 3, -2, 1, &bytes), -3);
    EXPECT(bfly_cuda_perm_work('s', 3, 2, 1, 0), -5);
    EXPECT(bfly_cuda_relaxed_perm_work('q', 4, 2, &bytes), -1);
    EXPECT(bfly_cuda_relaxed_perm_work('s', 3, 2, &bytes), -2);
    EXPECT(bfly_cuda_relaxed_perm_grad_work('s', 4, -2, &bytes), -3);
    EXPECT(bfly_cuda_relaxed_perm_grad_work('s', 4, 2, 0), -4);
}

static void hadamard(void)
{
    EXPECT(bfly_cuda_sfwht(0, 230, 4, 2, 1, f, 1, 4, f, 1, 4, 0, 0), -2);
    EXPECT(bfly_cuda_sfwht(0, BFLY_CUDA_PALEY, 6, 2, 1, f, 1, 4, f, 1, 4, 0, 0), -3);
    EXPECT(bfly_cuda_sfwht(0, BFLY_CUDA_PALEY, 4, -2, 1, f, 1, 4, f, 1, 4, 0, 0), -4);
    EXPECT(bfly_cuda_dfwht(0, BFLY_CUDA_PALEY, 4, 2, 1, 0, 1, 4, memory, 1, 4, 0, 0), -6);
    EXPECT(bfly_cuda_cfwht(0, BFLY_CUDA_PALEY, 4, 2, 1, p, 1, 4, half, 1, 4, 0, 0), -9);
    EXPECT(bfly_cuda_zfwht(0, BFLY_CUDA_PALEY, 4, 2, 1, p, 1, 4, p, 0, 4, 0, 0), -10);
    EXPECT(bfly_cuda_zfwht(0, BFLY_CUDA_PALEY, 4, 2, 1, p, 1, 4, p, 1, 0, 0, 0), -11);
    bfly_int bytes;
    EXPECT(bfly_cuda_fwht_work('q', 231, 4, 2, &bytes), -1);
    EXPECT(bfly_cuda_fwht_work('s', 2, 4, 2, &bytes), -2);
    EXPECT(bfly_cuda_fwht_work('s', 231, 5, 2, &bytes), -3);
    EXPECT(bfly_cuda_fwht_work('s', 231, 4, -1, &bytes), -4);
    EXPECT(bfly_cuda_fwht_work('s', 231, 4, 2, 0), -5);
}

/* Workspace is checked once the device is known. */
static void with_device(void)
{
    bfly_int bytes = 0;
    EXPECT(bfly_cuda_grad_work('s', 4, 2, 1, &bytes), 0);
    EXPECT(bytes > 0, 1);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, 0, bytes), -19);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, memory, bytes - 1), -20);
    EXPECT(bfly_cuda_sperm(0, N, 3, 2, perm, f, 1, 3, f, 1, 3, 0, 0), -12);
    EXPECT(bfly_cuda_sperm(0, N, 3, 2, perm, f, 1, 3, f, 1, 3, memory, 4), -13);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, 2, f, f, 1, 8, f, 1, 8, f, f, 1, 8, 0, 0), -17);
    EXPECT(bfly_cuda_srelaxed_perm_grad(0, N, 0, 8, 2, f, f, 1, 8, f, 1, 8, f, f, 1, 8, memory, 4), -18);
}

static void without_device(void)
{
    int count = -1;
    bfly_int bytes;
    EXPECT(bfly_cuda_device_count(&count), BFLY_CUDA_ENODEVICE);
    EXPECT(count, 0);
    EXPECT(bfly_cuda_init(0), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_mul_work('s', 4, 2, 0, &bytes), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_smul(0, N, UP, UN, 4, 2, 1, f, f, 1, 4, 0, f, 1, 4, 0, 0), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_sgrad(0, N, UP, UN, 0, 4, 2, f, f, 1, 4, f, 1, 4, f, f, 1, 4, memory, 1 << 20), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_sperm(0, N, 3, 2, perm, f, 1, 3, f + 8, 1, 3, 0, 0), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_sfwht(0, BFLY_CUDA_NATURAL, 4, 2, 1, f, 1, 4, f, 1, 4, 0, 0), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_pointer_device(memory, &count), BFLY_CUDA_ENODEVICE);
    EXPECT(bfly_cuda_last_error() != 0, 1);
    EXPECT(strlen(bfly_cuda_last_error_text()) > 0, 1);
}

int main(void)
{
    EXPECT(bfly_cuda_abi_version(), BFLY_CUDA_ABI);
    products();
    gradients();
    permutations();
    hadamard();
    EXPECT(bfly_cuda_device_count(0), -1);
    EXPECT(bfly_cuda_get_device(0), -1);
    EXPECT(bfly_cuda_set_device(-1), -1);
    EXPECT(bfly_cuda_init(-1), -1);
    EXPECT(bfly_cuda_pointer_device(0, (int *)memory), -1);
    EXPECT(bfly_cuda_pointer_device(memory, 0), -2);
    EXPECT(bfly_cuda_malloc(0, -1, (void **)memory), -2);
    EXPECT(bfly_cuda_malloc(0, 1, 0), -3);
    EXPECT(bfly_cuda_copy(0, 0, memory, 8), -2);
    EXPECT(bfly_cuda_copy(0, memory, 0, 8), -3);
    EXPECT(bfly_cuda_copy(0, memory, memory, -8), -4);
    for (int result = -3; result < 110; result++) EXPECT(strlen(bfly_cuda_strerror(result)) > 0, 1);
    int devices;
    if (bfly_cuda_device_count(&devices) == 0)
        with_device();
    else
        without_device();
    printf("%ld checks, %ld failed\n", done, failed);
    return failed != 0;
}
