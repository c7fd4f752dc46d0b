/* plan.h - what the files of a plan share.
 *
 *     items (plan.c: checked, copied)  ->  nodes (plan_chain.c: merged, absorbed, moved)  ->  steps and packed numbers
 *     (plan_reduce.c)  ->  execution (plan.c)
 */
#ifndef BFLY_PLAN_H
#define BFLY_PLAN_H

#include "args.h"

/* Memory of a plan: a list that is freed at once. */
typedef struct bfly_piece {
    struct bfly_piece *next;
} bfly_piece;

struct bfly_plan {
    int type_in, type_out, precision;
    bfly_int n;
    int logn;
    const bfly_isa *isa;
    bfly_int items;
    bfly_item *item;
    bfly_chain chain;
    int hadamard; /* the whole chain is scale times the Hadamard matrix */
    double scale;
    bfly_info info;
    bfly_piece *pieces;
};

typedef struct bfly_complex {
    double re, im;
} bfly_complex;

/* A step of the chain in the making. */
enum bfly_node_kind { BFLY_NODE_BUTTERFLY, BFLY_NODE_PERMUTE, BFLY_NODE_DIAGONAL, BFLY_NODE_REAL };
typedef struct bfly_node {
    int kind;
    int is_complex;          /* its numbers */
    const bfly_item *item;   /* BUTTERFLY: diag(post) op(B) diag(pre); pre, post may be NULL */
    bfly_complex *pre, *post;
    bfly_int *perm;          /* PERMUTE: out[i] = in[perm[i]] */
    bfly_complex *diag;      /* DIAGONAL */
} bfly_node;

/* 64-byte aligned memory that lives as long as the plan; NULL when there is none */
void *bfly_plan_alloc(bfly_plan *plan, double bytes);

/* plan_chain.c: 0, -2 or BFLY_ENOMEM */
int bfly_plan_build(bfly_plan *plan);

/* plan_passes.c: passes that read (BFLY_REVERSED_IN) or write (_OUT) the caller's numbers in reversed order; alone: there
 * are no other steps. 1, BFLY_ENOMEM, or 0: there are none for this n. */
int bfly_plan_reversed(bfly_plan *plan, bfly_program *P, int side, int alone);

/* plan_pack.c: the k-th stage of a pass: its stride as a power of two; its numbers to their places */
int bfly_plan_stride(const bfly_program *P, const bfly_pass *A, int k);
void bfly_plan_put_stage(const bfly_program *P, const bfly_pass *A, int precision, int k, const bfly_complex *D,
                         const bfly_complex *O, void *out);
/* the numbers of the first stages of a DFT pass, O those of its third */
void bfly_plan_put_dft(const bfly_program *P, const bfly_pass *A, int precision, double scale, double sign,
                       const bfly_complex *O, void *out);
/* vectors of coefficients of the pass, in a form; after what repeats is dropped */
bfly_int bfly_plan_set_form(bfly_pass *A, int form);
bfly_int bfly_plan_shorten(bfly_pass *A, char *packed, size_t bytes);

/* plan_reduce.c: the passes of a butterfly and their numbers; without_diagonals: pre and post could not be absorbed.
 * 0, BFLY_ENOMEM, or -1: ask again for a program whose passes have at most two stages between registers. */
int bfly_plan_reduce(bfly_plan *plan, const bfly_node *node, bfly_program *P, int *without_diagonals);
/* Is the butterfly scale times the Hadamard matrix? */
int bfly_plan_is_hadamard(const bfly_plan *plan, const bfly_node *node, double *scale);

static inline bfly_complex bfly_times(bfly_complex a, bfly_complex b)
{
    if (a.im == 0 && b.im == 0) return (bfly_complex){a.re * b.re, 0};
    return (bfly_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline int bfly_type_complex(int type) { return type == BFLY_C || type == BFLY_Z; }
static inline int bfly_type_double(int type) { return type == BFLY_D || type == BFLY_Z; }

/* number i of data, conjugated on demand */
static inline bfly_complex bfly_number(const void *data, int type, bfly_int i, int conj)
{
    switch (type) {
    case BFLY_S: return (bfly_complex){((const float *)data)[i], 0};
    case BFLY_D: return (bfly_complex){((const double *)data)[i], 0};
    case BFLY_C: {
        const float *p = (const float *)data + 2 * i;
        return (bfly_complex){p[0], conj ? -p[1] : p[1]};
    }
    default: {
        const double *p = (const double *)data + 2 * i;
        return (bfly_complex){p[0], conj ? -p[1] : p[1]};
    }
    }
}

/* bfly_plan_create, of which the error handler does not hear */
int bfly_plan_make(int type_in, int type_out, bfly_int n, bfly_int items, const bfly_item *item, bfly_plan **plan);

#endif
