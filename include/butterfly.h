/* butterfly.h - products of butterfly factors, their gradients, permutations.
 *
 * A butterfly matrix of size n = 2^L is a product of L sparse stages (Dao et al., arXiv:1903.05895).
 * The stage of stride s multiplies every pair of positions (p, p + s) by a 2x2 block of its own:
 *
 *     [ out[p]     ]   [ a  b ] [ in[p]     ]      pair i, 0 <= i < n/2, of the stage of stride s:
 *     [ out[p + s] ] = [ c  d ] [ in[p + s] ]      p = 2 (i - i % s) + i % s
 *
 * Conventions, valid for every function unless it says otherwise
 *
 *   Types      The letter in the name: s float, d double, c complex float, z complex double; cs and zd
 *              have real factors and complex data. Complex data and scalars are pointers to (re, im) pairs.
 *   Sizes      bfly_int is int64_t. n is a power of two, n >= 1; count >= 0 is the number of vectors.
 *   Vectors    Element i of vector k is x[i * incx + k * distx], in elements (a complex one counts once).
 *              The pointer is element 0 of vector 0, also when a stride is negative. distx = 0 (one vector
 *              read count times) is allowed for inputs; for outputs, inc = 0 with n > 1 and dist = 0 with
 *              count > 1 are illegal. No alignment is asked for.
 *   Aliasing   An output may be the input itself with the same strides. Any other overlap is undefined.
 *   Returns    0; or -i when argument i (counted from 1) is illegal; or a positive BFLY_E... code. When the
 *              result is not 0 because of an argument or for want of memory, no output was touched.
 *   NULL       A pointer to numbers that the call does not read or write may be NULL: vectors when count = 0, w, x
 *              and prob where the sections say so. alpha, beta and perm may not.
 *   Threads    Every function may be called by any number of threads at once. Inside, OpenMP threads share
 *              the vectors when the work pays; results have the same bits for every number of threads, and
 *              a vector's result does not depend on count. In a parallel region and in a forked child a call uses
 *              one thread. Nothing is printed.
 *   Memory     At most one allocation a call, released before it returns; plans keep what they are made of, and
 *              making, saving and loading them takes several. Up to 128 KiB of the caller's stack.
 *   Stability  Stable, but for sections titled (experimental), of which any release may change or drop what is there.
 */
#ifndef BUTTERFLY_H
#define BUTTERFLY_H

#include <stdint.h>

#define BFLY_VERSION_MAJOR 0
#define BFLY_VERSION_MINOR 1
#define BFLY_VERSION_PATCH 0

#if defined(_WIN32) && defined(BFLY_SHARED)
#  ifdef BFLY_BUILDING
#    define BFLY_API __declspec(dllexport)
#  else
#    define BFLY_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define BFLY_API __attribute__((visibility("default")))
#else
#  define BFLY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t bfly_int;

enum bfly_layout { BFLY_ROW_MAJOR = 101, BFLY_COL_MAJOR = 102 };
enum bfly_op { BFLY_NO_TRANS = 111, BFLY_TRANS = 112, BFLY_CONJ_TRANS = 113, BFLY_CONJ = 114 };
enum bfly_side { BFLY_LEFT = 141, BFLY_RIGHT = 142 };
enum bfly_order { BFLY_INCREASING = 201, BFLY_DECREASING = 202 };
enum bfly_form { BFLY_UNTIED = 211, BFLY_TIED = 212 };
enum bfly_ordering { BFLY_NATURAL = 231, BFLY_PALEY = 232, BFLY_SEQUENCY = 233 };
enum bfly_direction { BFLY_FORWARD = 221, BFLY_INVERSE = 222 };

/* Positive results. */
enum bfly_error {
    BFLY_ENOMEM = 1,    /* no memory for the workspace */
    BFLY_EOVERFLOW = 2, /* sizes times strides do not fit in 64 bits */
    BFLY_EISA = 3,      /* bfly_set_isa: unknown, not compiled in, or not available on this processor */
    BFLY_EIO = 4,       /* a file cannot be opened, read, written or moved: errno tells why */
    BFLY_EFORMAT = 5,   /* not a plan, or damaged, cut short, inconsistent */
    BFLY_EVERSION = 6   /* a plan of another version of the format */
};

/* ---- y := alpha op(B) x + beta y -------------------------------------------------------------------------------
 *
 * op     BFLY_NO_TRANS B, BFLY_TRANS B^T, BFLY_CONJ_TRANS B^H, BFLY_CONJ conj(B).
 * order  BFLY_INCREASING: op N applies strides 1, 2, ..., n/2 in this order; BFLY_DECREASING: n/2, ..., 2, 1.
 * form   BFLY_UNTIED: w is (log2 n, n/2, 2, 2), row-major; w[k][i] = [[a, b], [c, d]] is block i of the k-th stage
 *        that op N applies. BFLY_TIED: w is (n - 1, 2, 2): the blocks of stride s stand at [s - 1, 2s - 1), pair i
 *        uses block i % s; by stride, whatever the order.
 * w      describes B and is never reordered by op: T and C run the stages backwards with transposed blocks.
 * beta   0: y is not read. alpha 0: w and x are not read.
 * Cost   2 n log2 n multiplications and as many additions a vector (complex: times 4, cs and zd: times 2).
 * Error  componentwise at most 8 max(1, log2 n) eps (|S_L| ... |S_1| |x|).
 * n = 1  B is the 1x1 identity; w may be NULL.
 */
BFLY_API int bfly_smul(int op, int order, int form, bfly_int n, bfly_int count, float alpha, const float *w,
                       const float *x, bfly_int incx, bfly_int distx, float beta, float *y, bfly_int incy,
                       bfly_int disty);
BFLY_API int bfly_dmul(int op, int order, int form, bfly_int n, bfly_int count, double alpha, const double *w,
                       const double *x, bfly_int incx, bfly_int distx, double beta, double *y, bfly_int incy,
                       bfly_int disty);
BFLY_API int bfly_cmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                       const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                       bfly_int disty);
BFLY_API int bfly_zmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                       const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                       bfly_int disty);
BFLY_API int bfly_csmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const float *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                        bfly_int disty);
BFLY_API int bfly_zdmul(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const double *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                        bfly_int disty);

/* ---- the same as a BLAS would call it ---------------------------------------------------------------------------
 *
 * bmv   y := alpha op(B) x + beta y for one vector. Arguments as above without count and dist.
 * bmm   BFLY_LEFT: C := alpha op(B) A + beta C, B of size rows; BFLY_RIGHT: C := alpha A op(B) + beta C, B of size cols.
 *       A and C are rows x cols with leading dimensions lda, ldc >= max(1, cols) when layout is BFLY_ROW_MAJOR, and
 *       >= max(1, rows) when BFLY_COL_MAJOR. The size of B is a power of two, the other one any number >= 0.
 *       layout tells how A and C lie; w is as above in both. C may be A with ldc = lda. Nothing is transposed.
 * The enum values are those of CBLAS. The strides of bmv are this library's: x and y are element 0, even when negative.
 */
BFLY_API int bfly_sbmv(int op, int order, int form, bfly_int n, float alpha, const float *w, const float *x,
                       bfly_int incx, float beta, float *y, bfly_int incy);
BFLY_API int bfly_dbmv(int op, int order, int form, bfly_int n, double alpha, const double *w, const double *x,
                       bfly_int incx, double beta, double *y, bfly_int incy);
BFLY_API int bfly_cbmv(int op, int order, int form, bfly_int n, const void *alpha, const void *w, const void *x,
                       bfly_int incx, const void *beta, void *y, bfly_int incy);
BFLY_API int bfly_zbmv(int op, int order, int form, bfly_int n, const void *alpha, const void *w, const void *x,
                       bfly_int incx, const void *beta, void *y, bfly_int incy);
BFLY_API int bfly_csbmv(int op, int order, int form, bfly_int n, const void *alpha, const float *w, const void *x,
                        bfly_int incx, const void *beta, void *y, bfly_int incy);
BFLY_API int bfly_zdbmv(int op, int order, int form, bfly_int n, const void *alpha, const double *w, const void *x,
                        bfly_int incx, const void *beta, void *y, bfly_int incy);
BFLY_API int bfly_sbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, float alpha,
                       const float *w, const float *a, bfly_int lda, float beta, float *c, bfly_int ldc);
BFLY_API int bfly_dbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols, double alpha,
                       const double *w, const double *a, bfly_int lda, double beta, double *c, bfly_int ldc);
BFLY_API int bfly_cbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
                       const void *alpha, const void *w, const void *a, bfly_int lda, const void *beta, void *c,
                       bfly_int ldc);
BFLY_API int bfly_zbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
                       const void *alpha, const void *w, const void *a, bfly_int lda, const void *beta, void *c,
                       bfly_int ldc);
BFLY_API int bfly_csbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
                        const void *alpha, const float *w, const void *a, bfly_int lda, const void *beta, void *c,
                        bfly_int ldc);
BFLY_API int bfly_zdbmm(int layout, int side, int op, int order, int form, bfly_int rows, bfly_int cols,
                        const void *alpha, const double *w, const void *a, bfly_int lda, const void *beta, void *c,
                        bfly_int ldc);

/* ---- gradients of y = op(B) x ----------------------------------------------------------------------------------
 *
 * gy is the gradient at y. gx := op(B)^H gy. gw has w's layout and receives, summed over the vectors, for every block
 * T with input pair x and incoming gradient g:  N: g x^H,  T: conj(x) g^T,  C: x g^H,  conj: conj(g) x^T.
 * With real factors and complex data gw receives the real part.
 *
 * accumulate  0: gw is overwritten; 1: gw is added to. gx is always overwritten.
 * gw, gx      either may be NULL: it is not computed. gx may be gy with the same strides.
 * Cost        6 to 8 n log2 n multiplications and as many additions a vector (complex: times 4, cs and zd: times 2): the
 *             product again, gx and gw, and once more the stages of the product inside a pass over the data.
 * Order of    The sum over vectors is cut into chunks that depend on n and count only and added in a fixed order:
 * summation   the same bits for every number of threads.
 * Workspace   bounded, bfly_?grad_work tells the bytes. At most log2 n / 2 + 2 tiles a thread, or for the team where threads
 *             share large vectors. A tile holds up to 16 real or 8 complex vectors of max(n, 64) numbers, fewer where
 *             tiles would not stay below 256 MiB together, one at least. Of more than a tile of vectors, factors up to
 *             4 MiB are packed, tied ones always; their gradients are summed in up to 16 buffers, below 256 MiB together.
 */
BFLY_API int bfly_sgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                        const float *x, bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy,
                        bfly_int distgy, float *gw, float *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_dgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                        const double *x, bfly_int incx, bfly_int distx, const double *gy, bfly_int incgy,
                        bfly_int distgy, double *gw, double *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_cgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                        bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_zgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                        const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                        bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_csgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                         const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                         bfly_int distgy, float *gw, void *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_zdgrad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                         const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                         bfly_int distgy, double *gw, void *gx, bfly_int incgx, bfly_int distgx);

/* ---- permutations ----------------------------------------------------------------------------------------------
 *
 * N, conj: y[i] = x[perm[i]];  T, C (the inverse): y[perm[i]] = x[i]. Here n is any size >= 1, not only a power of
 * two. perm must hold every index of 0 .. n - 1 once: anything else is illegal argument 4. Cost: one read and one
 * write of the vectors.
 */
BFLY_API int bfly_sperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const float *x, bfly_int incx,
                        bfly_int distx, float *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_dperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const double *x, bfly_int incx,
                        bfly_int distx, double *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_cperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
                        bfly_int distx, void *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_zperm(int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx,
                        bfly_int distx, void *y, bfly_int incy, bfly_int disty);

/* ---- fast Walsh-Hadamard transform: y := scale H x -------------------------------------------------------------
 *
 * Natural   H[j][k] = (-1)^(number of ones in the bits j & k), Sylvester's matrix.
 * Paley     row j is row rev(j) of the natural one, rev the reversal of the log2 n bits.
 * Sequency  row j is row rev(j ^ (j >> 1)) of the natural one: it has j changes of sign (Walsh's order).
 *
 * H is symmetric in each ordering and H H = n I. Cost: n log2 n additions a vector (complex: twice as many), and no
 * multiplication when scale = 1. y may be x with the same strides. Error: at most log2 n eps sum |x|, plus scaling.
 * Every instruction set and every number of threads gives the same bits. Natural ordering of vectors with stride 1
 * allocates nothing.
 */
BFLY_API int bfly_sfwht(int ordering, bfly_int n, bfly_int count, float scale, const float *x, bfly_int incx,
                        bfly_int distx, float *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_dfwht(int ordering, bfly_int n, bfly_int count, double scale, const double *x, bfly_int incx,
                        bfly_int distx, double *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_cfwht(int ordering, bfly_int n, bfly_int count, float scale, const void *x, bfly_int incx,
                        bfly_int distx, void *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_zfwht(int ordering, bfly_int n, bfly_int count, double scale, const void *x, bfly_int incx,
                        bfly_int distx, void *y, bfly_int incy, bfly_int disty);

/* ---- relaxed permutations --------------------------------------------------------------------------------------
 *
 * The product over levels of  (c P_c + (1 - c) I) (b P_b + (1 - b) I) (a P_a + (1 - a) I), applied to every contiguous
 * block of the level's size m: P_a gathers the even entries, then the odd ones; P_b reverses the first half, P_c the
 * second. prob is (log2 n - 1, 3), row-major, columns a, b, c; row l holds the level m = 2^(l + 2). The largest block
 * acts on x first. With every entry 0 or 1 this is a permutation. n = 1 and n = 2: the identity, prob may be NULL.
 * op T and C apply the transpose; conj is N, since prob is real. Complex data have real prob of their precision.
 * Cost: at most 4 n (log2 n - 1) multiplications and half as many additions a vector (complex: times 2).
 */
BFLY_API int bfly_srelaxed_perm(int op, bfly_int n, bfly_int count, const float *prob, const float *x, bfly_int incx,
                                bfly_int distx, float *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_drelaxed_perm(int op, bfly_int n, bfly_int count, const double *prob, const double *x,
                                bfly_int incx, bfly_int distx, double *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_crelaxed_perm(int op, bfly_int n, bfly_int count, const float *prob, const void *x, bfly_int incx,
                                bfly_int distx, void *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_zrelaxed_perm(int op, bfly_int n, bfly_int count, const double *prob, const void *x, bfly_int incx,
                                bfly_int distx, void *y, bfly_int incy, bfly_int disty);

/* Gradients of the above: gx := op(P)^T gy, gprob (shape of prob) summed over the vectors, of complex data the real
 * part. accumulate, NULL, aliasing and the order of summation as in bfly_?grad. Cost: three times the above. */
BFLY_API int bfly_srelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const float *prob,
                                     const float *x, bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy,
                                     bfly_int distgy, float *gprob, float *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_drelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const double *prob,
                                     const double *x, bfly_int incx, bfly_int distx, const double *gy,
                                     bfly_int incgy, bfly_int distgy, double *gprob, double *gx, bfly_int incgx,
                                     bfly_int distgx);
BFLY_API int bfly_crelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const float *prob,
                                     const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                                     bfly_int distgy, float *gprob, void *gx, bfly_int incgx, bfly_int distgx);
BFLY_API int bfly_zrelaxed_perm_grad(int op, int accumulate, bfly_int n, bfly_int count, const double *prob,
                                     const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                                     bfly_int distgy, double *gprob, void *gx, bfly_int incgx, bfly_int distgx);

/* ---- dense expansion: A := op(B) -------------------------------------------------------------------------------
 *
 * A is n x n, row-major, row i at a + i * lda, lda >= n. Cost: that of n vectors.
 */
BFLY_API int bfly_sdense(int op, int order, int form, bfly_int n, const float *w, float *a, bfly_int lda);
BFLY_API int bfly_ddense(int op, int order, int form, bfly_int n, const double *w, double *a, bfly_int lda);
BFLY_API int bfly_cdense(int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda);
BFLY_API int bfly_zdense(int op, int order, int form, bfly_int n, const void *w, void *a, bfly_int lda);

/* ---- exact factors ---------------------------------------------------------------------------------------------
 *
 * fft_factors       With R the bit reversal: F = B R when increasing, F = R B when decreasing, where F is the DFT,
 *                   F[j][k] = exp(-2 pi i j k / n) (BFLY_FORWARD), or its inverse, conj(F) / n (BFLY_INVERSE).
 *                   Each entry is rounded once.
 * hadamard_factors  B is the Sylvester-Hadamard matrix, entries +1 and -1, without a permutation.
 *
 * w has the layout of form, as in bfly_?mul; with n = 1 nothing is written. Cost: one write of w; fft_factors n / 2 sines and
 * cosines.
 */
BFLY_API int bfly_cfft_factors(int direction, int order, int form, bfly_int n, void *w);
BFLY_API int bfly_zfft_factors(int direction, int order, int form, bfly_int n, void *w);
BFLY_API int bfly_shadamard_factors(int order, int form, bfly_int n, float *w);
BFLY_API int bfly_dhadamard_factors(int order, int form, bfly_int n, double *w);
BFLY_API int bfly_chadamard_factors(int order, int form, bfly_int n, void *w);
BFLY_API int bfly_zhadamard_factors(int order, int form, bfly_int n, void *w);

/* ---- distance from a dense matrix (experimental) -----------------------------------------------------------------
 *
 * f := 1/2 ||A - B P_1 ... P_k||_F^2 and its gradients, with B increasing and P_j relaxed permutations as above; k = perms
 * may be 0. cr and zr have complex factors and a real A, which is compared with the real part of the product.
 *
 * w, gw        factors and their gradient, df = Re <gw, dw>, in the layout of form.
 * prob, gprob  (perms, log2 n - 1, 3), row-major; not used for n <= 2 or perms = 0.
 * a            n x n, row-major, row i at a + i * lda, lda >= n.
 * Cost         about 24 n^2 multiplications untied, 16 n^2 tied (complex: times 4), without permutations: the vectors are
 *              the columns of the identity, of which a stage of stride s has only blocks of 2s rows to fill.
 * Order of     As for the gradients: the same bits for every number of threads.
 * summation
 * Workspace    about n^2 / 2 numbers untied, n^2 / 32 tied, and 40 n a thread; with permutations (perms + 8) n W more, W
 *              numbers in a vector register.
 */
BFLY_API int bfly_sfit(int form, bfly_int n, bfly_int perms, const float *w, const float *prob, const float *a,
                       bfly_int lda, double *f, float *gw, float *gprob);
BFLY_API int bfly_dfit(int form, bfly_int n, bfly_int perms, const double *w, const double *prob, const double *a,
                       bfly_int lda, double *f, double *gw, double *gprob);
BFLY_API int bfly_cfit(int form, bfly_int n, bfly_int perms, const void *w, const float *prob, const void *a,
                       bfly_int lda, double *f, void *gw, float *gprob);
BFLY_API int bfly_zfit(int form, bfly_int n, bfly_int perms, const void *w, const double *prob, const void *a,
                       bfly_int lda, double *f, void *gw, double *gprob);
BFLY_API int bfly_crfit(int form, bfly_int n, bfly_int perms, const void *w, const float *prob, const float *a,
                        bfly_int lda, double *f, void *gw, float *gprob);
BFLY_API int bfly_zrfit(int form, bfly_int n, bfly_int perms, const void *w, const double *prob, const double *a,
                        bfly_int lda, double *f, void *gw, double *gprob);

/* ---- stages taken off a matrix (experimental) --------------------------------------------------------------------
 *
 * bfly_?peel replaces pairs of rows by one row, on each group of columns by itself, as well as it goes:
 *
 *     [x0]     [d0]
 *     [x1]  ~  [d1] w      minimising  o0 |x0 - d0 w|^2 + o1 |x1 - d1 w|^2,  the larger of d0, d1 being 1
 *
 * which takes the outermost stage off a matrix T = S diag(L, R) P: d are its 2x2 blocks, w the rows of L and R.
 *
 * count, pairs   count nodes of 2 pairs rows; rows k and k + pairs are a pair.
 * columns        of every node; groups = 1 or 2 groups of equal size, one after the other.
 * order          the columns are taken as order[0], order[1], ..., order + v * orderdist those of node v; orderdist is 0
 *                or >= columns. NULL: as they stand.
 * x              (count, 2 pairs, columns), row-major.
 * weight         (count, 2 pairs) positive numbers o.
 * d              (count, pairs, 2, groups).
 * w              (count, groups, pairs, columns / groups).
 * passed         (count, groups, pairs): o0 |d0|^2 + o1 |d1|^2, what an error in w costs.
 * error          (count, pairs): the weighted squared error, summed over groups.
 *
 * Outputs overlap nothing. Cost: two passes over x, about 12 operations a number. The same bits for any number of threads.
 */
BFLY_API int bfly_speel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                        bfly_int orderdist, const float *x, const double *weight, float *d, float *w, double *passed,
                        double *error);
BFLY_API int bfly_dpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                        bfly_int orderdist, const double *x, const double *weight, double *d, double *w,
                        double *passed, double *error);
BFLY_API int bfly_cpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                        bfly_int orderdist, const void *x, const double *weight, void *d, void *w, double *passed,
                        double *error);
BFLY_API int bfly_zpeel(bfly_int count, bfly_int pairs, bfly_int columns, int groups, const bfly_int *order,
                        bfly_int orderdist, const void *x, const double *weight, void *d, void *w, double *passed,
                        double *error);

/* ---- plans: fixed factors, packed for speed --------------------------------------------------------------------
 *
 * A plan is a chain of items that act on a vector of length n from the first to the last:
 *
 *     BFLY_ITEM_BUTTERFLY    x := op(B) x    order, form and data as in bfly_?mul: data is w
 *     BFLY_ITEM_PERMUTATION  x := op(P) x    data: bfly_int[n], (P x)[i] = x[perm[i]]; type is not read
 *     BFLY_ITEM_DIAGONAL     x := op(D) x    data: n numbers
 *     BFLY_ITEM_REAL_PART    x := Re x       type, op and data are not read
 *
 * type is that of data: of the precision of the plan, real or complex. Fields that a kind does not read may hold
 * anything. Real numbers become complex at the first complex item.
 *
 * bfly_plan_create   type_in, type_out: types of the vectors, one precision. A complex type_out takes real results, a
 *                    real one needs a chain that ends in real numbers (else illegal argument 2). n: a power of two.
 *                    items >= 0; an illegal item is illegal argument 5. *plan is set to NULL when the result is not 0.
 *                    Copies all data: nothing of the caller's is read later. The instruction set is the one in use now
 *                    and stays. Cost: some 50 n log2 n operations of a butterfly.
 * bfly_plan_execute  y := chain(x) for count vectors. y may be x with the same strides when both types are the same.
 *                    Never changes the plan: any number of threads may execute one at once, with the same bits as one
 *                    after the other. Cost: info.flops a vector, in info.passes passes over it; info.bytes are read.
 * bfly_plan_info     Fills *info.
 * bfly_plan_item     Item i, 0 <= i < items, as given; its data belong to the plan.
 * bfly_plan_destroy  Not while another thread executes the plan. NULL is allowed.
 *
 * The plan stores a butterfly as D prod [[1, b], [c, 1]], half the multiplications, wherever that is safe: pivots are not
 * zero, every number stays normal, and no intermediate result grows by more than 2^60 (single) or 2^500 (double) over that
 * of the plain product; other stages keep four numbers. Results may therefore overflow for |x| > largest / (n growth),
 * where the product itself might not; infinities and NaN spread in another pattern. Errors keep the bound of bfly_?mul.
 * Where all stages of a complex butterfly are diagonal times [[1, w], [1, -w]] up to rounding, as for every factorization of a
 * discrete Fourier transform between two diagonals, it is stored that way: w alone, made equal where the stages of the
 * transform repeat it, again up to rounding. A reversal of bits before or after such a chain moves no numbers of its own.
 * Factors (1, 1; 1, -1) times a constant use additions only. Diagonals next to a butterfly are absorbed in it.
 */
enum bfly_type { BFLY_S = 's', BFLY_D = 'd', BFLY_C = 'c', BFLY_Z = 'z' };
enum bfly_item_kind {
    BFLY_ITEM_BUTTERFLY = 241,
    BFLY_ITEM_PERMUTATION = 242,
    BFLY_ITEM_DIAGONAL = 243,
    BFLY_ITEM_REAL_PART = 244
};
typedef struct bfly_item {
    int kind, type, op, order, form;
    const void *data;
} bfly_item;

typedef struct bfly_plan bfly_plan;
typedef struct bfly_info {
    bfly_int n, items;
    int type_in, type_out;
    bfly_int bytes;           /* of packed numbers and tables read by an execution */
    bfly_int passes;          /* over the data */
    bfly_int stages;          /* of all butterflies; of them */
    bfly_int reduced_stages;  /* with two multiplications a pair */
    bfly_int fallback_stages; /* kept at four because reducing them was not safe */
    bfly_int hadamard_stages; /* with additions only */
    bfly_int fft_stages;      /* as [[1, w], [1, -w]], with one multiplication a pair */
    double flops;             /* real additions and multiplications for a vector */
    double growth;            /* of intermediate results over those of the plain product */
    double error;             /* |error| <= error eps (|S_L| ... |S_1| |x|), of the longest chain of stages */
    const char *isa;          /* name of the instruction set, a static text */
} bfly_info;

BFLY_API int bfly_plan_create(int type_in, int type_out, bfly_int n, bfly_int items, const bfly_item *item,
                              bfly_plan **plan);
BFLY_API int bfly_plan_execute(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx,
                               void *y, bfly_int incy, bfly_int disty);
BFLY_API int bfly_plan_info(const bfly_plan *plan, bfly_info *info);
BFLY_API int bfly_plan_item(const bfly_plan *plan, bfly_int i, bfly_item *item);
BFLY_API void bfly_plan_destroy(bfly_plan *plan);

/* ---- memory of the caller --------------------------------------------------------------------------------------
 *
 * As the functions without _work, but they allocate nothing.
 *
 * work   NULL: nothing is computed, *bytes receives the size that this very call would take (0: none). Otherwise memory
 *        for the call, of any alignment.
 * bytes  not NULL. The size of work; less than is needed is BFLY_ENOMEM, with the outputs as they were. The need may
 *        change with all arguments, the number of threads and the instruction set.
 */
BFLY_API int bfly_smul_work(int op, int order, int form, bfly_int n, bfly_int count, float alpha, const float *w,
                            const float *x, bfly_int incx, bfly_int distx, float beta, float *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_dmul_work(int op, int order, int form, bfly_int n, bfly_int count, double alpha, const double *w,
                            const double *x, bfly_int incx, bfly_int distx, double beta, double *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_cmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                            const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_zmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const void *w,
                            const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_csmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const float *w,
                            const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_zdmul_work(int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const double *w,
                            const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,
                            bfly_int disty, void *work, bfly_int *bytes);
BFLY_API int bfly_sgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                             const float *x, bfly_int incx, bfly_int distx, const float *gy, bfly_int incgy,
                             bfly_int distgy, float *gw, float *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_dgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                             const double *x, bfly_int incx, bfly_int distx, const double *gy, bfly_int incgy,
                             bfly_int distgy, double *gw, double *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_cgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                             const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                             bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_zgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                             const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                             bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_csgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const float *w,
                             const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                             bfly_int distgy, float *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_zdgrad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const double *w,
                             const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy,
                             bfly_int distgy, double *gw, void *gx, bfly_int incgx, bfly_int distgx, void *work,
                             bfly_int *bytes);
BFLY_API int bfly_plan_execute_work(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx,
                                    bfly_int distx, void *y, bfly_int incy, bfly_int disty, void *work,
                                    bfly_int *bytes);

/* ---- plans in files and in memory --------------------------------------------------------------------------------
 *
 * What is stored is the chain as it was given, little endian, with a version and a checksum; it is packed for the
 * instruction set in use when it is loaded. The format is described in src/plan_file.c.
 *
 * bfly_plan_to_memory    bytes NULL: *size receives the bytes needed. Otherwise capacity must be at least that many
 *                        (else illegal argument 3); they are written, their number goes to *size.
 * bfly_plan_from_memory  *plan receives a new plan. size must be exact; bytes need no alignment. A damaged, cut or
 *                        lengthened input is BFLY_EFORMAT and *plan stays as it was. Nothing that the input says about
 *                        its sizes is believed before it agrees with size: no memory is asked for in vain.
 * bfly_plan_save         Written beside path under a name of its own and moved over it when complete: the old file, whose
 *                        mode the new one takes, stays whole until then. A symbolic link stays, and what it stands for is
 *                        replaced. A pipe or a device is written to as it is.
 * bfly_plan_load         As from_memory, of a file; sizes are checked against the file's.
 *
 * Cost: one read or write of the numbers; from_memory and load then that of bfly_plan_create.
 */
BFLY_API int bfly_plan_to_memory(const bfly_plan *plan, void *bytes, bfly_int capacity, bfly_int *size);
BFLY_API int bfly_plan_from_memory(const void *bytes, bfly_int size, bfly_plan **plan);
BFLY_API int bfly_plan_save(const bfly_plan *plan, const char *path);
BFLY_API int bfly_plan_load(const char *path, bfly_plan **plan);

/* ---- the library -----------------------------------------------------------------------------------------------
 *
 * bfly_version                10000 major + 100 minor + patch.
 * bfly_config                 One line of text: version, instruction set in use and those available, OpenMP, threads,
 *                             and whether BUTTERFLY_ISA was refused. Valid until the thread's next call of it.
 * bfly_strerror               A static text for a result of any function here, also for unknown ones.
 * bfly_set_error_handler      For all threads: from now on handler(function, result) is called, in the thread and at the
 *                             end of a call, for every result that is not 0. NULL, as at the start: nothing is called.
 *                             Returns the old one. function is the name of the public function. The call has released
 *                             all it held: the handler may leave by longjmp, and may call this library.
 * bfly_get_num_threads        The number of threads a call from this thread may use, >= 1.
 * bfly_set_num_threads        For all threads; k <= 0 returns to the default: BUTTERFLY_NUM_THREADS, else
 *                             OMP_NUM_THREADS, else the processors this process may use (affinity, cgroup).
 * bfly_set_num_threads_local  For the calling thread only, above the global one; k <= 0 removes it. Returns the
 *                             old value, 0 when there was none.
 * bfly_get_isa                Name of the instruction set in use: "avx2", ...
 * bfly_set_isa                Choose one by name ("scalar", "sse2", "avx2", "avx512", "neon"), "auto" for the best available.
 *                             Takes effect for calls that start later. BUTTERFLY_ISA sets the initial one.
 * bfly_isas                   The available ones, separated by blanks, best last.
 */
BFLY_API int bfly_version(void);
BFLY_API const char *bfly_config(void);
BFLY_API const char *bfly_strerror(int result);
typedef void (*bfly_error_handler)(const char *function, int result);
BFLY_API bfly_error_handler bfly_set_error_handler(bfly_error_handler handler);
BFLY_API int bfly_get_num_threads(void);
BFLY_API void bfly_set_num_threads(int k);
BFLY_API int bfly_set_num_threads_local(int k);
BFLY_API const char *bfly_get_isa(void);
BFLY_API int bfly_set_isa(const char *name);
BFLY_API const char *bfly_isas(void);

#ifdef __cplusplus
}
#endif

#endif
