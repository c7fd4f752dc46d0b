/* program.c - from (op, order, form, n) to the list of passes that the kernels execute. */
#include "internal.h"

static int log2_of(bfly_int n)
{
    int l = 0;
    while (((bfly_int)1 << l) < n) l++;
    return l;
}

static void add_pass(bfly_program *P, int q, int e, int lh)
{
    static const int low[] = {BFLY_PASS_SMALL, BFLY_PASS_LOW1, BFLY_PASS_LOW2, BFLY_PASS_LOW3};
    bfly_pass *A = &P->pass[P->npass++];
    bfly_int groups = P->row >> P->logw, own = P->n >> P->logw;
    A->kind = lh > 0 ? (e == 3 ? BFLY_PASS_PAIRS3 : BFLY_PASS_PAIRS2) : low[e];
    A->form = BFLY_PASS_PLAIN;
    A->q = q;
    A->e = e;
    A->lh = lh;
    A->nblocks = groups >> e;
    /* short vectors repeat their coefficients along the row, tied ones along the vector */
    A->period = P->tied ? (bfly_int)1 << lh : (own >> e) > 0 ? own >> e : 1;
    A->bcoef = 2 * (q + e) * ((bfly_int)1 << e);
    A->data = NULL;
}

/* Shares `above` stages between registers among passes of at most `most`, the rest in the first pass. */
static void add_passes(bfly_program *P, int above, int most)
{
    const int passes = (above + most - 1) / most;
    int first = above - 2 * (passes - 1);
    if (first > most) first = most;
    add_pass(P, P->logw, first, 0);
    for (int i = 1, done = first; i < passes; i++) {
        const int e = above - done > 2 * (passes - i) ? 3 : 2;
        add_pass(P, 0, e, done);
        done += e;
    }
}

void bfly_program_init(bfly_program *P, int op, int order, int form, bfly_int n, int complex_w, int complex_x,
                       int logw, int most)
{
    bfly_int four = (bfly_int)4 << logw;
    P->n = n;
    P->row = n > four ? n : four;
    P->logn = log2_of(n);
    P->logw = logw;
    P->transpose = op == BFLY_TRANS || op == BFLY_CONJ_TRANS;
    P->conj = complex_w && (op == BFLY_CONJ || op == BFLY_CONJ_TRANS);
    P->tied = form == BFLY_TIED;
    P->increasing = order == BFLY_INCREASING;
    P->decreasing = P->increasing == P->transpose;
    P->complex_w = complex_w;
    P->complex_x = complex_x;
    P->npass = 0;

    /* in order of increasing stride */
    int above = P->logn - logw;
    if (above <= 0)
        add_pass(P, P->logn, 0, 0);
    else
        add_passes(P, above, most);
    if (P->decreasing)
        for (int i = 0, j = P->npass - 1; i < j; i++, j--) {
            bfly_pass t = P->pass[i];
            P->pass[i] = P->pass[j];
            P->pass[j] = t;
        }
    P->ncoef = 0;
    for (int i = 0; i < P->npass; i++) {
        P->pass[i].coef = P->ncoef;
        P->ncoef += P->pass[i].period * P->pass[i].bcoef;
    }
}

static size_t lane_bytes(const bfly_program *P, size_t size) { return size << P->logw; }

/* Vectors of the caller that one tile takes: a full set of rows while the tile stays in the cache, fewer beyond. */
bfly_int bfly_tile_count(const bfly_program *P, size_t size)
{
    bfly_int rows = P->complex_x ? BFLY_TILE_VECTORS / 2 : BFLY_TILE_VECTORS;
    if ((double)P->row * (double)size * BFLY_TILE_VECTORS > 512 * 1024) rows /= 2;
    return rows * (P->row / P->n);
}

size_t bfly_coef_bytes(const bfly_program *P, size_t size)
{
    return (size_t)P->ncoef * (P->complex_w ? 2 : 1) * lane_bytes(P, size);
}

size_t bfly_tile_bytes(const bfly_program *P, size_t size, bfly_int count)
{
    bfly_int per_row = P->row / P->n, rows = (count + per_row - 1) / per_row;
    size_t bytes = (size_t)(P->row >> P->logw) * (size_t)rows * (P->complex_x ? 2 : 1) * lane_bytes(P, size);
    return (bytes + BFLY_ALIGN - 1) / BFLY_ALIGN * BFLY_ALIGN;
}
