/* plan_passes.c - the passes of a butterfly together with a reversal of bits before or after it.
 *
 *     strides, W = 8:   1 2 4 | 8 16 32 | 64 128           increasing:  IN, then PAIRS
 *              W = 16:  1 2 4 | 8 16 32 | 64 128           IN, SWAP, then PAIRS
 *
 * IN and OUT join rows at distance n / 8 of the caller's vectors, whose numbers in a row are those that differ in the
 * largest strides. Decreasing: the same in the opposite order, with OUT at the end.
 */
#include "plan.h"

static void add_pass(bfly_program *P, int kind, int q, int e, int lh)
{
    bfly_pass *A = &P->pass[P->npass++];
    *A = (bfly_pass){.kind = kind, .form = BFLY_PASS_REDUCED, .q = q, .e = e, .lh = lh};
    A->nblocks = (P->row >> P->logw) >> e;
    if (A->nblocks < 1) A->nblocks = 1;
}

/* the group of the tile in which the block's number with all register and lane bits 0 stands */
static bfly_int group_of(const bfly_program *P, bfly_int block)
{
    const bfly_int p = bfly_reverse_bits(block << P->logw, P->logn);
    if (P->logw <= 3) return p >> P->logw;
    /* bit 3 is where the highest one belongs */
    return (p | (p >> 3 & 1) << (P->logn - 1)) >> P->logw;
}

int bfly_plan_reversed(bfly_plan *plan, bfly_program *P, int side, int alone)
{
    const int w = P->logw, most = plan->isa->kernels[plan->precision]->most, e = w < 3 ? w : 3, left = w > 3;
    if (!P->complex_w || !P->complex_x || P->decreasing != (side == BFLY_REVERSED_OUT) || w < 2) return 0;
    P->npass = 0;
    if (P->logn == 6 && w >= 3 && alone) {
        add_pass(P, BFLY_PASS_SQUARE, 3, 3, 0);
        P->pass[0].nblocks = 1;
        P->reversed = BFLY_REVERSED_IN | BFLY_REVERSED_OUT;
        return 1;
    }
    int stages = P->logn - e;
    if (P->logn < (left ? 7 : 2 * w) || (most == 2 && stages % 2)) return 0;
    bfly_int *at = bfly_plan_alloc(plan, (double)((P->n >> w) >> e) * sizeof *at);
    if (!at) return BFLY_ENOMEM;
    add_pass(P, side == BFLY_REVERSED_IN ? BFLY_PASS_IN : BFLY_PASS_OUT, 0, e, 0);
    for (bfly_int b = 0; b < P->pass[0].nblocks; b++) at[b] = group_of(P, b);
    P->pass[0].at = at;
    /* register bits are the highest of the position, the one that is left in the lanes excepted */
    for (int t = 0; t < e; t++) P->pass[0].step[t] = ((P->n >> w) >> (e + left)) << t;
    if (left && P->logn == 7) { /* the lowest of them is bit 3, which stands where the highest belongs */
        P->pass[0].step[0] = 4;
        P->pass[0].step[1] = 1;
        P->pass[0].step[2] = 2;
    }
    for (int done = e; stages > 0;) {
        const int take = most == 3 && (stages == 3 || stages > 4) ? 3 : 2, swap = left && done == e;
        add_pass(P, swap ? take == 3 ? BFLY_PASS_SWAP3 : BFLY_PASS_SWAP2 : take == 3 ? BFLY_PASS_PAIRS3 : BFLY_PASS_PAIRS2, 0,
                 take, swap ? 0 : done - w);
        if (swap) {
            bfly_pass *A = &P->pass[P->npass - 1];
            A->step[0] = P->n >> w >> 1;
            A->step[1] = 1;
            A->step[2] = 2;
        }
        done += take;
        stages -= take;
    }
    for (int i = 0, j = P->npass - 1; i < j && P->decreasing; i++, j--) {
        const bfly_pass A = P->pass[i];
        P->pass[i] = P->pass[j];
        P->pass[j] = A;
    }
    P->reversed = side;
    return 1;
}
