/* internal.h - what the layers of the library share.
 *
 *     arguments (mul.c, grad.c, ...)  ->  blocks of vectors and threads (driver.h)  ->  kernels (kernel.inc, once per
 *     instruction set and precision)  ->  the caller's memory
 *
 * A kernel works on a tile of rows. With W numbers in a vector register, position p of a row is lane p % W of group
 * p / W; the tile is [group][row][W] (complex data: [group][row][re | im][W]), so that the coefficients of a pair of
 * groups, loaded once, serve all rows. A row holds one vector, or several short ones when n < 4 W.
 *
 * A program lists the passes over the tile. A pass takes blocks of 2^e groups at distance h and applies, in registers,
 * q stages of stride < W and e stages that join whole groups:
 *
 *     strides   1 2 4 | 8 16 | 32 64 | 128 256 |         W = 8, increasing:  q = 3, e = 2, then e = 2 each
 *
 * After a reversal of bits the first strides join rows that are far apart in the caller's memory: no stage is inside a
 * register. The first pass reads groups at distance n / 2^e, and trades its e register bits for e lane bits on the way
 * to the tile, so that the lanes there are the lowest bits of the position as everywhere else; with W > 2^e one bit is
 * left, which the second pass trades. A reversal after decreasing strides is the same backwards.
 */
#ifndef BFLY_INTERNAL_H
#define BFLY_INTERNAL_H

#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "butterfly.h"
#include "index.h"

#define BFLY_MAX_LOGN 48
#define BFLY_ALIGN 64
#define BFLY_HADAMARD_RUN 12 /* log2 of the numbers of a Hadamard block that stays in the first-level cache */
#define BFLY_HADAMARD_LINE 4 /* log2 of the numbers in a column of a large one */
#define BFLY_RELAXED_GRAD_TILES 8 /* tiles of n elements a lane that a gradient of relaxed permutations needs */
#define BFLY_FIT_TILES 8          /* tiles of n numbers a lane that a fit needs beside one for each permutation */
#define BFLY_RUN 32         /* blocks of a pass that are taken together for a row of the caller, at most, */
#define BFLY_RUN_BYTES 12288 /* and bytes of their coefficients */
#define BFLY_GRAD_VECTORS 16 /* vectors a group of the tile of a gradient, at most: 16 real rows or 8 complex ones */

#if defined(__GNUC__) || defined(__clang__)
#define BFLY_LIKELY(x) __builtin_expect(!!(x), 1)
#define BFLY_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define BFLY_INLINE inline __attribute__((always_inline))
#else
#define BFLY_INLINE inline
#define BFLY_LIKELY(x) (x)
#define BFLY_UNLIKELY(x) (x)
#endif

/* SMALL: any q, e = 0;  LOW1 .. LOW4: q = log2 W, e = 1 .. 4;  PAIRS2 .. PAIRS4: q = 0, e = 2 .. 4. PLAIN passes have
 * e <= 2, or 3 for one real row; only one real row has e = 4. With a reversal of bits, q = 0:  IN, OUT: e = min(3, log2 W),
 * the caller's side reversed;  SWAP2, SWAP3: e = 2, 3, the bit that is left;  SQUARE: n = 64, all of it in registers, from
 * the caller's side to the caller's side. */
enum bfly_pass_kind {
    BFLY_PASS_SMALL,
    BFLY_PASS_LOW1,
    BFLY_PASS_LOW2,
    BFLY_PASS_PAIRS2,
    BFLY_PASS_LOW3,
    BFLY_PASS_PAIRS3,
    BFLY_PASS_LOW4,
    BFLY_PASS_PAIRS4,
    BFLY_PASS_SWAP2,
    BFLY_PASS_SWAP3,
    BFLY_PASS_IN,
    BFLY_PASS_OUT,
    BFLY_PASS_SQUARE,
    BFLY_PASS_KINDS,
    BFLY_PLAIN_KINDS = BFLY_PASS_LOW3
};

/* What a stage of a pass multiplies by. PLAIN: y = D x + O partner(x); REDUCED: y = x + t partner(x) (plans only); LAST:
 * REDUCED, but the last stage of the pass PLAIN; HADAMARD: +-1, no coefficients. FFT: [[1, w], [1, -w]], one number a
 * pair; FFT_LAST: FFT, but the last stage PLAIN; DFT: FFT, but scaled, and the first two stages with w = 1 and +-i. */
enum bfly_pass_form {
    BFLY_PASS_PLAIN,
    BFLY_PASS_LAST,
    BFLY_PASS_REDUCED,
    BFLY_PASS_HADAMARD,
    BFLY_PASS_FFT,
    BFLY_PASS_FFT_LAST,
    BFLY_PASS_DFT,
    BFLY_PASS_FORMS
};

typedef struct bfly_pass {
    int kind, form;
    int q, e;         /* stages inside a register; stages between groups */
    int lh;           /* log2 of the distance h between the groups of a block */
    bfly_int first, nblocks; /* blocks in a row: first .. nblocks - 1, first = 0 but for a share of a pass */
    bfly_int period;  /* block b uses coefficient block (b >> shift) % period */
    int shift;        /* of a plan, not in a PLAIN pass: else 0 */
    bfly_int bcoef;   /* coefficients of a block */
    bfly_int coef;    /* coefficients before this pass */
    const void *data; /* of a plan: the coefficients of this pass, coef = 0 */
    bfly_int step[3]; /* IN, OUT, SWAP2, SWAP3: between the groups of a block in the tile, for each bit of a register */
    const bfly_int *at; /* IN, OUT: the first group in the tile of a block */
} bfly_pass;

enum { BFLY_REVERSED_IN = 1, BFLY_REVERSED_OUT = 2 };

typedef struct bfly_program {
    bfly_int n, row; /* length of a vector; of a row, max(n, 4 W) */
    int logn, logw;
    int decreasing;         /* the order in which strides are applied, after op */
    int tied, increasing;   /* how the caller stores the factors */
    int transpose, conj;    /* what op does to a block */
    int complex_w, complex_x;
    int reversed;           /* of a plan: BFLY_REVERSED_IN or _OUT */
    int npass;
    bfly_int ncoef; /* packed coefficients in all, each a vector of W (complex: re and im) */
    bfly_pass pass[BFLY_MAX_LOGN];
} bfly_program;

/* Vectors as the caller has them, in elements of its type. */
typedef struct bfly_vectors {
    char *p;
    bfly_int inc, dist;
} bfly_vectors;

typedef struct bfly_scale {
    double alpha[2], beta[2];
    int plain; /* alpha = 1 and beta = 0 */
} bfly_scale;

/* y := alpha op(B) x + beta y, with legal arguments. */
typedef struct bfly_product {
    int precision, complex_w, complex_x; /* precision: 0 float, 1 double */
    int op, order, form;
    bfly_int n, count;
    const void *w;
    bfly_vectors x, y; /* x.p NULL: x is the identity, y its place */
    bfly_scale scale;
} bfly_product;

/* A fit of A by B P_1 ... P_k, where A is n x n (fit.c). */
typedef struct bfly_fit {
    int logn, logg; /* rows equal modulo 2^logg are taken together */
    int tied, perms;
    int mode; /* 0: all real; 1: all complex; 2: complex factors, real target, compared with the real part */
    const void *w, *prob, *a;
    bfly_int lda;
    void *gw;
} bfly_fit;

/* What a plan executes: load (with a permutation), steps on a tile, store (with a permutation). */
enum bfly_step_kind { BFLY_STEP_BUTTERFLY, BFLY_STEP_PERMUTE, BFLY_STEP_DIAGONAL, BFLY_STEP_REAL, BFLY_STEP_COMPLEX };
typedef struct bfly_step {
    int kind;
    int complex_x;           /* the data it reads */
    int complex_d;           /* the diagonal */
    const bfly_program *P;   /* BUTTERFLY */
    const bfly_int *perm;    /* PERMUTE: out[i] = in[perm[i]] */
    int reversed;            /* perm is the reversal of bits */
    const void *diag;        /* DIAGONAL: a vector W wide a group of a row (complex: re, im) */
} bfly_step;

typedef struct bfly_chain {
    bfly_program shape[2];             /* n, row, logw, complex_x of a real and of a complex tile */
    int complex_in, complex_out;       /* the caller's vectors */
    int complex_first, complex_last;   /* the tile after loading and before storing */
    const bfly_int *perm_in, *perm_out; /* tile[i] = x[perm_in[i]]; y[i] = tile[perm_out[i]]; NULL: the identity */
    int reversed_in, reversed_out;     /* perm_in, perm_out is the reversal of bits */
    int rides_in, rides_out;           /* the first, last pass has the reversal: its side of the caller is a run of numbers */
    int two_tiles;                     /* some step needs another tile to write to */
    bfly_int steps;
    const bfly_step *step;
    const bfly_program *row;           /* the whole chain on one vector where it is one butterfly, else NULL */
} bfly_chain;

/* Pairs of rows to be replaced by one row a group of columns (kernel_peel.inc). */
typedef struct bfly_peel {
    int complex_x, groups;
    bfly_int count, pairs, columns;
    const bfly_int *order; /* NULL: as they stand */
    bfly_int orderdist;
    const void *x;
    const double *weight;
    void *d, *w;
    double *passed, *error;
} bfly_peel;

/* Where the gradients of factors go. */
typedef struct bfly_sums {
    void *packed; /* added up in the order of the packed coefficients */
    void *gw;     /* not NULL: each block of a pass straight into the caller's layout; untied factors, n = row */
    int fresh;    /* what stands there is overwritten, not added to */
} bfly_sums;

/* The kernels of one precision. coef == NULL: coefficients are packed block by block from w on the way. */
typedef struct bfly_kernels {
    int logw;
    int most; /* stages between registers that one pass takes, */
    int most_row; /* and of one real row of a plan */
    void (*pack)(const bfly_program *P, const bfly_pass *A, const void *w, void *coef, bfly_int b0, bfly_int b1);
    /* y := alpha op(B) x + beta y for count vectors, at most those of one tile */
    void (*mul)(const bfly_program *P, const void *coef, const void *w, bfly_vectors x, bfly_vectors y,
                bfly_int count, const bfly_scale *scale, void *tile);
    /* the same by thread t of a team of nt: all of them call it, with one tile */
    void (*mul_share)(const bfly_program *P, const void *coef, const void *w, bfly_vectors x, bfly_vectors y,
                      bfly_int count, const bfly_scale *scale, void *tile, int t, int nt);
    /* y := the plan's chain applied to count vectors, at most those of one tile; tile_bytes: from one to the other */
    void (*chain)(const bfly_chain *Q, bfly_vectors x, bfly_vectors y, bfly_int count, void *tiles, size_t tile_bytes);
    /* the same by thread t of a team of nt: all of them call it, with the same tiles */
    void (*chain_share)(const bfly_chain *Q, bfly_vectors x, bfly_vectors y, bfly_int count, void *tiles,
                        size_t tile_bytes, int t, int nt);
    /* all passes over one vector, or 0: there are none for it; tile: one row, may be y */
    int (*chain_row)(const bfly_program *P, const void *x, void *y, void *tile);
    /* gradients for count vectors, at most those of one tile; gx.p may be NULL. By thread t of a team of nt: untied
     * factors, n = row. */
    void (*grad)(const bfly_program *P, const void *coef, const void *w, bfly_vectors x, bfly_vectors gy,
                 bfly_vectors gx, bfly_int count, const bfly_sums *sums, void *tiles, int t, int nt);
    /* w := packed gradients of blocks b0 .. b1 - 1 of a pass, or w += them; numbers that blocks share: always += */
    void (*unpack)(const bfly_program *P, const bfly_pass *A, const void *sums, void *w, bfly_int b0, bfly_int b1,
                   int add);
    /* count <= W vectors at a time */
    void (*relaxed)(int logn, int transpose, int complex_x, const void *prob, bfly_vectors x, bfly_vectors y,
                    bfly_int count, void *work);
    void (*relaxed_grad)(int logn, int transpose, int complex_x, const void *prob, bfly_vectors x, bfly_vectors gy,
                         bfly_vectors gx, bfly_int count, double *gprob, void *work);
    /* len adjacent numbers, a multiple of 2^hi: y := scale times the Hadamard stages of stride 2^lo .. 2^(hi - 1) */
    void (*hadamard)(const void *x, void *y, bfly_int len, int lo, int hi, double scale);
    /* the e largest strides alone, in place, for columns c0 .. c1 - 1 of 2^BFLY_HADAMARD_LINE numbers, after hadamard on
     * every block of 2^(hi - e) */
    void (*hadamard_columns)(void *y, int hi, int e, bfly_int c0, bfly_int c1, double scale);
    /* the levels of B up to g = 2^logg; rows r, r + g, ... from there on, squared distance returned; gradients below g */
    void (*fit_begin)(const bfly_fit *F, void *base);
    double (*fit_rows)(const bfly_fit *F, bfly_int r, const void *base, void *top, double *gprob, void *work);
    void (*fit_end)(const bfly_fit *F, const void *base, void *top);
    /* pairs t0 .. t1 - 1, counted through all nodes; work: two rows, where there is an order */
    void (*peel)(const bfly_peel *P, bfly_int t0, bfly_int t1, void *work);
} bfly_kernels;

typedef struct bfly_isa {
    const char *name;
    int (*available)(void);
    const bfly_kernels *kernels[2]; /* float, double */
} bfly_isa;

/* NULL where the compiler cannot build it. */
extern const bfly_isa *const bfly_isa_scalar, *const bfly_isa_sse2, *const bfly_isa_avx2, *const bfly_isa_avx512,
    *const bfly_isa_neon;

/* isa.c */
extern _Atomic(const bfly_isa *) bfly_isa_in_use;
const bfly_isa *bfly_first_isa(void);
static inline const bfly_isa *bfly_current_isa(void)
{
    const bfly_isa *isa = atomic_load_explicit(&bfly_isa_in_use, memory_order_acquire);
    return BFLY_LIKELY(isa != NULL) ? isa : bfly_first_isa();
}
int bfly_isa_refused(void); /* BUTTERFLY_ISA named one that is not available */

/* info.c: calls the error handler, if there is one */
void bfly_tell(const char *function, int result);

/* threads.c: how many threads to use for this much work (vector operations), 1 where threads must not be used; how many
 * of them share the passes over one tile after the other, 1 where the tiles are better shared out */
int bfly_threads_for(double work);
int bfly_threads_inside(int threads, bfly_int tiles, double tile_bytes);
/* A barrier. Out of line: where one is in line, clang asks the runtime for the thread at the start of a serial call too. */
void bfly_team_meets(void);

/* program.c: vectors of the caller in so many rows; in a tile of a product or plan, and how many threads share each
 * tile; memory */
void bfly_program_init(bfly_program *P, int op, int order, int form, bfly_int n, int complex_w, int complex_x,
                       int logw, int most);
bfly_int bfly_vectors_of(const bfly_program *P, bfly_int rows);
bfly_int bfly_tile_count(const bfly_program *P, size_t size, bfly_int count, int threads, int *inside);
static inline bfly_int bfly_tiles(bfly_int count, bfly_int block)
{
    return count > block ? (count + block - 1) / block : 1;
}
size_t bfly_coef_bytes(const bfly_program *P, size_t size);
size_t bfly_tile_bytes(const bfly_program *P, size_t size, bfly_int count);

/* mul.c */
int bfly_product_run(const bfly_product *p);

/* fwht.c: the transform with checked arguments */
int bfly_fwht_run(const bfly_kernels *k, int precision, int complex_x, int ordering, bfly_int n, bfly_int count,
                  double scale, bfly_vectors x, bfly_vectors y);

#endif
