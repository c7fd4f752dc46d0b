/* butterfly_cuda.h - the functions of butterfly.h on NVIDIA GPUs. C; needs no CUDA header.
 *
 * The meaning of op, order, form, n, count, factors, strides and gradients is that of butterfly.h. What differs:
 *
 *   Stream     The first argument is a cudaStream_t, passed as a pointer; NULL is the legacy default stream. Functions
 *              return when their kernels are queued. Nothing is synchronised or allocated, so that calls can be
 *              captured in a graph; call bfly_cuda_init(device) before the first capture.
 *   Pointers   Factors, vectors and workspace are in memory that the current device can reach, aligned to one number
 *              (complex: to the pair). alpha, beta and scale are the host's.
 *   Device     The calling thread's current device, to which the stream has to belong.
 *   Workspace  Given by the caller, 16-byte aligned, as large as the matching bfly_cuda_..._work says for this device
 *              and these sizes (0: NULL will do). In use until the kernels have run. A gradient that has no gw needs
 *              none.
 *   Returns    0; or -i when argument i, counted from 1, is illegal, found before any CUDA function is called; or a
 *              positive BFLY_E... or BFLY_CUDA_E... code. Errors of a kernel itself show at the next synchronisation.
 *   Results    The same bits every time for the same sizes on the same kind of device: there are no atomic operations.
 *              They agree with the processor's to rounding, not to the bit.
 *   Stability  Experimental as a whole: checked by simulation of the kernels, see tests/c/cuda.
 */
#ifndef BUTTERFLY_CUDA_H
#define BUTTERFLY_CUDA_H

#include "butterfly.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with every change of this interface; compare with bfly_cuda_abi_version() after loading the library. */
#define BFLY_CUDA_ABI 2

/* Positive results, besides those of butterfly.h. */
enum bfly_cuda_error {
    BFLY_CUDA_EDRIVER = 101, /* a CUDA function failed: bfly_cuda_last_error tells which error */
    BFLY_CUDA_ENODEVICE = 102, /* no driver, or no device */
    BFLY_CUDA_ESHARED = 103, /* the device's shared memory is too small for this operation */
    BFLY_CUDA_EHOST = 104    /* a pointer to host memory that no device can reach */
};

/* Types of the work queries: the letter in a function's name; 'c' also for cs, 'z' also for zd. */

/* ---- y := alpha op(B) x + beta y -------------------------------------------------------------------------------
 * One kernel for n up to 1024 (float 2048, complex double 512) on devices with 227 KB of shared memory, then one for every 7
 * to 10 further stages, over chunks of vectors that stay in the second-level cache. Workspace only with several kernels and
 * beta not 0. */
BFLY_API int bfly_cuda_smul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, float alpha,
                            const float *w, const float *x, bfly_int incx, bfly_int distx, float beta, float *y,
                            bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_dmul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, double alpha,
                            const double *w, const double *x, bfly_int incx, bfly_int distx, double beta, double *y,
                            bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_cmul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,
                            const void *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y,
                            bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zmul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,
                            const void *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y,
                            bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_csmul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,
                             const float *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y,
                             bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zdmul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, const void *alpha,
                             const double *w, const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y,
                             bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_mul_work(int type, bfly_int n, bfly_int count, int has_beta, bfly_int *bytes);

/* ---- gradients of y = op(B) x ----------------------------------------------------------------------------------
 * As bfly_?grad: gw and gx may be NULL, gx may be gy. Workspace: the parts of gw, and the vectors between kernels. One
 * kernel back for n up to 1024, complex double 16, which needs 96 KB of shared memory: BFLY_CUDA_ESHARED otherwise. */
BFLY_API int bfly_cuda_sgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                             const float *w, const float *x, bfly_int incx, bfly_int distx, const float *gy,
                             bfly_int incgy, bfly_int distgy, float *gw, float *gx, bfly_int incgx, bfly_int distgx,
                             void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_dgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                             const double *w, const double *x, bfly_int incx, bfly_int distx, const double *gy,
                             bfly_int incgy, bfly_int distgy, double *gw, double *gx, bfly_int incgx, bfly_int distgx,
                             void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_cgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                             const void *w, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                             bfly_int incgy, bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx,
                             void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                             const void *w, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                             bfly_int incgy, bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx,
                             void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_csgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                              const float *w, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                              bfly_int incgy, bfly_int distgy, float *gw, void *gx, bfly_int incgx, bfly_int distgx,
                              void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zdgrad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count,
                              const double *w, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                              bfly_int incgy, bfly_int distgy, double *gw, void *gx, bfly_int incgx, bfly_int distgx,
                              void *work, bfly_int work_bytes);
/* has_gx: whether gx will be given */
BFLY_API int bfly_cuda_grad_work(int type, bfly_int n, bfly_int count, int has_gx, bfly_int *bytes);

/* ---- permutations ----------------------------------------------------------------------------------------------
 * perm is in device memory and is not checked: places that a wrong one names nothing for keep what they held.
 * Workspace only when y is x. */
BFLY_API int bfly_cuda_sperm(void *stream, int op, bfly_int n, bfly_int count, const bfly_int *perm, const float *x,
                             bfly_int incx, bfly_int distx, float *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_dperm(void *stream, int op, bfly_int n, bfly_int count, const bfly_int *perm, const double *x,
                             bfly_int incx, bfly_int distx, double *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_cperm(void *stream, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x,
                             bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_zperm(void *stream, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x,
                             bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_perm_work(int type, bfly_int n, bfly_int count, int in_place, bfly_int *bytes);

/* ---- relaxed permutations and their gradients ------------------------------------------------------------------
 * A block of threads takes a vector through all levels: in shared memory for n up to about 2^14 (gradient 2^11) floats,
 * beyond that in workspace, which is slow when there are few vectors. */
BFLY_API int bfly_cuda_srelaxed_perm(void *stream, int op, bfly_int n, bfly_int count, const float *prob,
                                     const float *x, bfly_int incx, bfly_int distx, float *y, bfly_int incy,
                                     bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_drelaxed_perm(void *stream, int op, bfly_int n, bfly_int count, const double *prob,
                                     const double *x, bfly_int incx, bfly_int distx, double *y, bfly_int incy,
                                     bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_crelaxed_perm(void *stream, int op, bfly_int n, bfly_int count, const float *prob,
                                     const void *x, bfly_int incx, bfly_int distx, void *y, bfly_int incy,
                                     bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zrelaxed_perm(void *stream, int op, bfly_int n, bfly_int count, const double *prob,
                                     const void *x, bfly_int incx, bfly_int distx, void *y, bfly_int incy,
                                     bfly_int disty, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_relaxed_perm_work(int type, bfly_int n, bfly_int count, bfly_int *bytes);

BFLY_API int bfly_cuda_srelaxed_perm_grad(void *stream, int op, int accumulate, bfly_int n, bfly_int count,
                                          const float *prob, const float *x, bfly_int incx, bfly_int distx,
                                          const float *gy, bfly_int incgy, bfly_int distgy, float *gprob, float *gx,
                                          bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_drelaxed_perm_grad(void *stream, int op, int accumulate, bfly_int n, bfly_int count,
                                          const double *prob, const double *x, bfly_int incx, bfly_int distx,
                                          const double *gy, bfly_int incgy, bfly_int distgy, double *gprob, double *gx,
                                          bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_crelaxed_perm_grad(void *stream, int op, int accumulate, bfly_int n, bfly_int count,
                                          const float *prob, const void *x, bfly_int incx, bfly_int distx,
                                          const void *gy, bfly_int incgy, bfly_int distgy, float *gprob, void *gx,
                                          bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_zrelaxed_perm_grad(void *stream, int op, int accumulate, bfly_int n, bfly_int count,
                                          const double *prob, const void *x, bfly_int incx, bfly_int distx,
                                          const void *gy, bfly_int incgy, bfly_int distgy, double *gprob, void *gx,
                                          bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes);
BFLY_API int bfly_cuda_relaxed_perm_grad_work(int type, bfly_int n, bfly_int count, bfly_int *bytes);

/* ---- fast Walsh-Hadamard transform: y := scale H x -------------------------------------------------------------
 * ordering of the rows of H: natural (Sylvester), Paley (by bit reversal) or sequency (by sign changes). Workspace
 * only with several kernels and an ordering that is not natural. */
enum bfly_cuda_ordering { BFLY_CUDA_NATURAL = 231, BFLY_CUDA_PALEY = 232, BFLY_CUDA_SEQUENCY = 233 };
BFLY_API int bfly_cuda_sfwht(void *stream, int ordering, bfly_int n, bfly_int count, float scale, const float *x,
                             bfly_int incx, bfly_int distx, float *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_dfwht(void *stream, int ordering, bfly_int n, bfly_int count, double scale, const double *x,
                             bfly_int incx, bfly_int distx, double *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_cfwht(void *stream, int ordering, bfly_int n, bfly_int count, float scale, const void *x,
                             bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_zfwht(void *stream, int ordering, bfly_int n, bfly_int count, double scale, const void *x,
                             bfly_int incx, bfly_int distx, void *y, bfly_int incy, bfly_int disty, void *work,
                             bfly_int work_bytes);
BFLY_API int bfly_cuda_fwht_work(int type, int ordering, bfly_int n, bfly_int count, bfly_int *bytes);

/* ---- the library and the device --------------------------------------------------------------------------------
 *
 * bfly_cuda_abi_version   BFLY_CUDA_ABI when the library was compiled.
 * bfly_cuda_archs         The architectures the kernels were compiled for, as "sm_90 compute_90".
 * bfly_cuda_device_count  The number of devices; without a driver BFLY_CUDA_ENODEVICE, and *count is 0.
 * bfly_cuda_pointer_device  The device whose memory a pointer is in: BFLY_CUDA_EHOST for ordinary host memory.
 * bfly_cuda_init          Prepares the kernels for a device; otherwise the first call on it does.
 * bfly_cuda_strerror      A static text for a result of any function here.
 * bfly_cuda_last_error    The calling thread's last CUDA error, a cudaError_t, 0 for none; its text.
 * bfly_cuda_malloc, ...   Memory in stream order, for callers that have no CUDA library of their own. A copy goes in
 *                         whichever direction the pointers say; bfly_cuda_synchronize waits for the stream.
 * bfly_cuda_wait          Work queued later in stream waits for what is now in the other stream.
 */
BFLY_API int bfly_cuda_abi_version(void);
BFLY_API const char *bfly_cuda_archs(void);
BFLY_API int bfly_cuda_device_count(int *count);
BFLY_API int bfly_cuda_init(int device);
BFLY_API const char *bfly_cuda_strerror(int result);
BFLY_API int bfly_cuda_last_error(void);
BFLY_API const char *bfly_cuda_last_error_text(void);
BFLY_API int bfly_cuda_get_device(int *device);
BFLY_API int bfly_cuda_set_device(int device);
BFLY_API int bfly_cuda_pointer_device(const void *pointer, int *device);
BFLY_API int bfly_cuda_malloc(void *stream, bfly_int bytes, void **pointer);
BFLY_API int bfly_cuda_free(void *stream, void *pointer);
BFLY_API int bfly_cuda_copy(void *stream, void *to, const void *from, bfly_int bytes);
BFLY_API int bfly_cuda_synchronize(void *stream);
BFLY_API int bfly_cuda_wait(void *stream, void *other);

#ifdef __cplusplus
}
#endif

#endif
