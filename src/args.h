/* args.h - argument checks, and memory for a call: the one place for both. */
#ifndef BFLY_ARGS_H
#define BFLY_ARGS_H

#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* returns -i unless the argument at position i is legal */
#define BFLY_CHECK(i, legal)             \
    do {                                 \
        if (BFLY_UNLIKELY(!(legal))) return -(i); \
    } while (0)

/* what every public function ends with: the error handler hears of a result that is not 0 */
#define REPORT(call)                                                     \
    do {                                                                 \
        const int result_ = (call);                                      \
        if (BFLY_UNLIKELY(result_ != 0)) bfly_tell(__func__, result_);   \
        return result_;                                                  \
    } while (0)

static inline int bfly_is_op(int op) { return op >= BFLY_NO_TRANS && op <= BFLY_CONJ; }
static inline int bfly_is_order(int order) { return order == BFLY_INCREASING || order == BFLY_DECREASING; }
static inline int bfly_is_form(int form) { return form == BFLY_UNTIED || form == BFLY_TIED; }
static inline int bfly_is_power_of_two(bfly_int n) { return n >= 1 && (n & (n - 1)) == 0; }
static inline int bfly_transposes(int op) { return op == BFLY_TRANS || op == BFLY_CONJ_TRANS; }

/* Do the addresses of count vectors of n numbers of `size` bytes fit in 64 bits, and log2 n in a program? */
int bfly_fits_exactly(bfly_int n, bfly_int inc, bfly_int count, bfly_int dist, size_t size);
static inline int bfly_fits(bfly_int n, bfly_int inc, bfly_int count, bfly_int dist, size_t size)
{
    /* all below 2^27, or nearly: two products below 2^56, of numbers of at most 16 bytes */
    const uint64_t most = (uint64_t)1 << 27;
    const uint64_t all = (uint64_t)(n | count) | ((uint64_t)inc + most) | ((uint64_t)dist + most);
    return BFLY_LIKELY(all >> 28 == 0) || bfly_fits_exactly(n, inc, count, dist, size);
}

/* |stride|; that of an only vector may be anything, INT64_MIN too */
static inline uint64_t bfly_magnitude(bfly_int stride) { return stride < 0 ? -(uint64_t)stride : (uint64_t)stride; }

/* Eight bytes that are moved and not computed with: a double, or two floats at a multiple of 4 only. */
#if defined(__GNUC__) || defined(__clang__)
typedef double bfly_eight __attribute__((aligned(4), may_alias));
#else
typedef double bfly_eight;
#endif

/* The scalar at p, of the type of the vectors. */
typedef struct bfly_scalar {
    double re, im;
} bfly_scalar;
static inline bfly_scalar bfly_scalar_at(int precision, int is_complex, const void *p)
{
    if (precision) {
        const double *d = p;
        return (bfly_scalar){d[0], is_complex ? d[1] : 0};
    }
    const float *f = p;
    return (bfly_scalar){f[0], is_complex ? f[1] : 0};
}
static inline int bfly_is_zero(bfly_scalar a) { return a.re == 0 && a.im == 0; }

static inline bfly_scale bfly_scale_by(bfly_scalar alpha, bfly_scalar beta)
{
    const int plain = alpha.re == 1 && alpha.im == 0 && beta.re == 0 && beta.im == 0;
    return (bfly_scale){{alpha.re, alpha.im}, {beta.re, beta.im}, plain};
}

void *bfly_work_new(size_t bytes); /* args.c */

/* aligned workspace of one call: a few kilobytes on the stack, otherwise one allocation */
#define BFLY_STACK_BYTES 16384
typedef struct bfly_work {
    char local[BFLY_STACK_BYTES + BFLY_ALIGN];
    void *heap;
} bfly_work;

/* Memory that a caller of a _work function lends for one call: the only thing that changes is where bfly_work_get takes
 * it from. With QUERY it finds none, so that the call ends there, and notes how much it would have taken. */
enum { BFLY_OWN, BFLY_LENT, BFLY_QUERY };
typedef struct bfly_loan {
    int mode;
    char *p;
    double bytes; /* lent; with QUERY: needed */
    int asked;
} bfly_loan;
extern _Thread_local bfly_loan bfly_lent;

static inline char *bfly_aligned(char *p) { return p + (BFLY_ALIGN - (uintptr_t)p % BFLY_ALIGN) % BFLY_ALIGN; }

static inline char *bfly_work_get(bfly_work *work, double bytes)
{
    char *p = work->local;
    bfly_loan *loan = &bfly_lent;
    work->heap = NULL;
    const int outside = bytes > BFLY_STACK_BYTES;
    if (outside && bytes > 1e18) return NULL;
    if (BFLY_UNLIKELY(loan->mode == BFLY_QUERY)) {
        loan->bytes = outside ? bytes + BFLY_ALIGN : 0;
        loan->asked = 1;
        return NULL;
    }
    if (outside) {
        if (loan->mode == BFLY_LENT)
            p = bytes + BFLY_ALIGN <= loan->bytes ? loan->p : NULL;
        else
            p = work->heap = bfly_work_new((size_t)bytes + BFLY_ALIGN);
        if (!p) return NULL;
    }
    return bfly_aligned(p);
}

static inline int bfly_querying(void) { return bfly_lent.mode == BFLY_QUERY; }

static inline int bfly_lend(void *work, const bfly_int *bytes)
{
    if (!bytes || (work && *bytes < 0)) return 0;
    bfly_lent = (bfly_loan){work ? BFLY_LENT : BFLY_QUERY, work, work ? (double)*bytes : 0, 0};
    return 1;
}

static inline int bfly_lend_end(int result, const void *work, bfly_int *bytes)
{
    const bfly_loan loan = bfly_lent;
    bfly_lent = (bfly_loan){BFLY_OWN, NULL, 0, 0};
    if (work || (result != 0 && !(result == BFLY_ENOMEM && loan.asked))) return result;
    *bytes = (bfly_int)loan.bytes;
    return 0;
}

/* REPORT with the last two arguments work and bytes, bytes at this position */
#define REPORT_WORK(position, call) \
    REPORT(bfly_lend(work, bytes) ? bfly_lend_end((call), work, bytes) : -(position))

static inline void bfly_work_free(bfly_work *work) { free(work->heap); }

/* Floating-point exceptions of worker threads reach the caller. */
static inline void bfly_fp_begin(int thread)
{
    if (thread != 0) feclearexcept(FE_ALL_EXCEPT);
}
static inline int bfly_fp_end(int thread) { return thread != 0 ? fetestexcept(FE_ALL_EXCEPT) : 0; }
static inline void bfly_fp_raise(int flags)
{
    if (flags) feraiseexcept(flags);
}

#ifdef _OPENMP
#include <omp.h>
static inline int bfly_thread_id(void) { return omp_get_thread_num(); }
static inline int bfly_team_size(void) { return omp_get_num_threads(); }
#else
static inline int bfly_thread_id(void) { return 0; }
static inline int bfly_team_size(void) { return 1; }
#endif

#endif
