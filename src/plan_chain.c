/* plan_chain.c - from the items of a plan to the steps that are executed.
 *
 * Permutations in a row become one; a diagonal goes into a neighbouring butterfly, past a permutation where needed; real
 * parts move to the front past all that is real; real numbers become complex as late as possible. Permutations at the
 * ends and changes of type there ride in the load and the store.
 */
#include "plan.h"

typedef struct chain {
    bfly_plan *plan;
    bfly_node *node;
    bfly_int nodes;
} chain;

static bfly_node *push(chain *Q, int kind)
{
    bfly_node *N = &Q->node[Q->nodes++];
    *N = (bfly_node){.kind = kind};
    return N;
}

static bfly_node *from_end(const chain *Q, bfly_int back)
{
    return Q->nodes >= back ? &Q->node[Q->nodes - back] : NULL;
}

static int is(const bfly_node *N, int kind) { return N && N->kind == kind; }

static bfly_complex *ones(chain *Q)
{
    bfly_complex *d = bfly_plan_alloc(Q->plan, (double)Q->plan->n * sizeof *d);
    for (bfly_int i = 0; d && i < Q->plan->n; i++) d[i] = (bfly_complex){1, 0};
    return d;
}

static int add_permutation(chain *Q, const bfly_item *I)
{
    const bfly_int n = Q->plan->n, *p = I->data;
    bfly_int *perm = bfly_plan_alloc(Q->plan, (double)n * sizeof *perm);
    if (!perm) return BFLY_ENOMEM;
    for (bfly_int i = 0; i < n; i++)
        if (bfly_transposes(I->op))
            perm[p[i]] = i;
        else
            perm[i] = p[i];
    bfly_node *last = from_end(Q, 1);
    if (is(last, BFLY_NODE_PERMUTE)) {
        for (bfly_int i = 0; i < n; i++) perm[i] = last->perm[perm[i]];
        Q->nodes--;
    }
    bfly_int i = 0;
    while (i < n && perm[i] == i) i++;
    if (i < n) push(Q, BFLY_NODE_PERMUTE)->perm = perm;
    return 0;
}

/* the diagonal that acts after everything so far: d[i] on the number that is element i now */
static int add_diagonal(chain *Q, const bfly_item *I)
{
    const bfly_int n = Q->plan->n;
    const int conj = I->op == BFLY_CONJ || I->op == BFLY_CONJ_TRANS;
    bfly_node *last = from_end(Q, 1);
    const bfly_node *P = is(last, BFLY_NODE_PERMUTE) ? last : NULL;
    if (P) last = from_end(Q, 2);
    int is_complex = 0;
    for (bfly_int i = 0; i < n; i++) is_complex |= bfly_number(I->data, I->type, i, 0).im != 0;

    bfly_complex **target;
    if (is(last, BFLY_NODE_BUTTERFLY) && (last->is_complex || !is_complex))
        target = &last->post;
    else {
        if (!is(last, BFLY_NODE_DIAGONAL)) {
            last = push(Q, BFLY_NODE_DIAGONAL);
            P = NULL;
        }
        last->is_complex |= is_complex;
        target = &last->diag;
    }
    if (!*target) *target = ones(Q);
    if (!*target) return BFLY_ENOMEM;
    for (bfly_int i = 0; i < n; i++) {
        bfly_complex *d = &(*target)[P ? P->perm[i] : i];
        *d = bfly_times(*d, bfly_number(I->data, I->type, i, conj));
    }
    return 0;
}

static int add_butterfly(chain *Q, const bfly_item *I)
{
    const bfly_plan *plan = Q->plan;
    if (plan->n == 1) return 0;
    bfly_node B = {.kind = BFLY_NODE_BUTTERFLY, .item = I};
    const bfly_int numbers = 4 * bfly_blocks(plan->logn, I->form == BFLY_TIED);
    for (bfly_int i = 0; bfly_type_complex(I->type) && i < numbers && !B.is_complex; i++)
        B.is_complex = bfly_number(I->data, I->type, i, 0).im != 0;

    /* a diagonal before it, also before a permutation: B P D = B (P D P^T) P */
    bfly_node *last = from_end(Q, 1), *P = is(last, BFLY_NODE_PERMUTE) ? last : NULL;
    bfly_node *D = P ? from_end(Q, 2) : last;
    if (is(D, BFLY_NODE_DIAGONAL) && (B.is_complex || !D->is_complex)) {
        B.pre = D->diag;
        Q->nodes--;
        if (P) {
            B.pre = bfly_plan_alloc(Q->plan, (double)plan->n * sizeof *B.pre);
            if (!B.pre) return BFLY_ENOMEM;
            for (bfly_int i = 0; i < plan->n; i++) B.pre[i] = D->diag[P->perm[i]];
            *D = *P;
        }
    }
    *push(Q, BFLY_NODE_BUTTERFLY) = B;
    return 0;
}

static void add_real_part(chain *Q)
{
    bfly_int k = Q->nodes;
    push(Q, BFLY_NODE_REAL);
    for (; k > 0; k--) {
        const bfly_node *before = &Q->node[k - 1];
        if (before->kind == BFLY_NODE_REAL || before->is_complex) break;
        Q->node[k] = Q->node[k - 1];
        Q->node[k - 1] = (bfly_node){.kind = BFLY_NODE_REAL};
    }
}

static int to_nodes(chain *Q)
{
    const bfly_plan *plan = Q->plan;
    for (bfly_int i = 0; i < plan->items; i++) {
        const bfly_item *I = &plan->item[i];
        int result = 0;
        switch (I->kind) {
        case BFLY_ITEM_BUTTERFLY: result = add_butterfly(Q, I); break;
        case BFLY_ITEM_PERMUTATION: result = add_permutation(Q, I); break;
        case BFLY_ITEM_DIAGONAL: result = add_diagonal(Q, I); break;
        default: add_real_part(Q);
        }
        if (result) return result;
    }
    return 0;
}

/* ---- nodes to steps ---- */

typedef struct writer {
    bfly_plan *plan;
    bfly_step *step;
    bfly_int steps;
    int is_complex; /* the data here */
} writer;

static bfly_step *add_step(writer *R, int kind)
{
    bfly_step *S = &R->step[R->steps++];
    *S = (bfly_step){.kind = kind, .complex_x = R->is_complex};
    return S;
}

static void to_complex(writer *R)
{
    if (R->is_complex) return;
    if (R->steps == 0 && !R->plan->chain.complex_in)
        R->plan->chain.complex_first = 1;
    else /* also where the load takes the real part of complex numbers */
        add_step(R, BFLY_STEP_COMPLEX);
    R->is_complex = 1;
}

static int add_scaling(writer *R, const bfly_complex *d, double scale, int is_complex)
{
    bfly_plan *plan = R->plan;
    const bfly_int w = (bfly_int)1 << plan->isa->kernels[plan->precision]->logw, m = is_complex ? 2 : 1;
    const bfly_int groups = plan->n > w ? plan->n / w : 1;
    const size_t real = plan->precision ? sizeof(double) : sizeof(float);
    if (is_complex) to_complex(R);
    bfly_step *S = add_step(R, BFLY_STEP_DIAGONAL);
    void *out = bfly_plan_alloc(plan, (double)(groups * w * m) * (double)real);
    if (!out) return BFLY_ENOMEM;
    S->complex_d = is_complex;
    S->diag = out;
    for (bfly_int i = 0; i < groups * w; i++)
        for (bfly_int part = 0; part < m; part++) {
            const bfly_complex v = d ? d[i & (plan->n - 1)] : (bfly_complex){scale, 0};
            const bfly_int at = (i / w * m + part) * w + i % w;
            if (plan->precision)
                ((double *)out)[at] = part ? v.im : v.re;
            else
                ((float *)out)[at] = (float)(part ? v.im : v.re);
        }
    plan->info.bytes += groups * w * m * (bfly_int)real;
    plan->info.passes++;
    plan->info.flops += (double)plan->n * (is_complex ? 6 : R->is_complex ? 2 : 1);
    return 0;
}

/* A butterfly with a reversal of bits at that side, where it is at that end of the chain: 1, 0 or an error. */
static int write_reversed(writer *R, const bfly_node *N, int side, int alone)
{
    bfly_plan *plan = R->plan;
    const bfly_item *I = N->item;
    const bfly_kernels *k = plan->isa->kernels[plan->precision];
    int without = 0;
    if (N->kind != BFLY_NODE_BUTTERFLY || !N->is_complex || (side == BFLY_REVERSED_IN && R->steps > 0)) return 0;
    if (!R->is_complex && (R->steps > 0 || plan->chain.complex_in)) return 0;
    bfly_program *P = bfly_plan_alloc(plan, sizeof *P);
    if (!P) return BFLY_ENOMEM;
    bfly_program_init(P, I->op, I->order, I->form, plan->n, 1, 1, k->logw, k->most);
    const int found = bfly_plan_reversed(plan, P, side, alone);
    if (found != 1) return found;
    const int result = bfly_plan_reduce(plan, N, P, &without);
    if (result) return result == -1 ? 0 : result;
    to_complex(R);
    add_step(R, BFLY_STEP_BUTTERFLY)->P = P;
    plan->info.bytes += plan->n / 8 >> k->logw << 3;
    return 1;
}

static int write_butterfly(writer *R, const bfly_node *N)
{
    bfly_plan *plan = R->plan;
    const bfly_item *I = N->item;
    const bfly_kernels *k = plan->isa->kernels[plan->precision];
    double scale = 1;
    int without = 0;
    if (N->is_complex) to_complex(R);
    bfly_program *P = bfly_plan_alloc(plan, sizeof *P);
    if (!P) return BFLY_ENOMEM;
    if (plan->n > (bfly_int)1 << k->logw && bfly_plan_is_hadamard(plan, N, &scale)) {
        bfly_program_init(P, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, plan->n, 0, R->is_complex, k->logw, k->most);
        P->reversed = 0;
        for (int i = 0; i < P->npass; i++) {
            P->pass[i].form = BFLY_PASS_HADAMARD;
            P->pass[i].shift = 0;
            P->pass[i].data = NULL;
        }
        plan->info.stages += plan->logn;
        plan->info.hadamard_stages += plan->logn;
        plan->info.passes += P->npass;
        plan->info.flops += (double)plan->n * plan->logn * (R->is_complex ? 2 : 1);
        add_step(R, BFLY_STEP_BUTTERFLY)->P = P;
        return scale == 1 ? 0 : add_scaling(R, NULL, scale, 0);
    }
    bfly_program_init(P, I->op, I->order, I->form, plan->n, N->is_complex, R->is_complex, k->logw, k->most);
    P->reversed = 0;
    int result = bfly_plan_reduce(plan, N, P, &without);
    if (result < 0) { /* a pass with three stages between registers would be PLAIN */
        bfly_program_init(P, I->op, I->order, I->form, plan->n, N->is_complex, R->is_complex, k->logw, 2);
        result = bfly_plan_reduce(plan, N, P, &without);
    }
    if (result) return result;
    if (without && N->pre && add_scaling(R, N->pre, 1, N->is_complex)) return BFLY_ENOMEM;
    add_step(R, BFLY_STEP_BUTTERFLY)->P = P;
    if (without && N->post && add_scaling(R, N->post, 1, N->is_complex)) return BFLY_ENOMEM;
    return 0;
}

static int is_reduced(const bfly_program *P)
{
    for (int i = 0; i < P->npass; i++)
        if (P->pass[i].form != BFLY_PASS_REDUCED && P->pass[i].form != BFLY_PASS_LAST) return 0;
    return 1;
}

/* The passes over one vector, of a chain that is the one butterfly P: its own, or of real numbers others with more stages
 * each, packed once more, where those compute the same. */
static int write_row(bfly_plan *plan, const bfly_node *N, const bfly_program *P)
{
    const bfly_item *I = N->item;
    const bfly_kernels *k = plan->isa->kernels[plan->precision];
    if (P->row != P->n || P->complex_x != P->complex_w) return 0;
    plan->chain.row = P;
    if (P->complex_x || k->most_row == k->most || P->npass == 1 || !is_reduced(P)) return 0;
    bfly_program *R = bfly_plan_alloc(plan, sizeof *R);
    if (!R) return BFLY_ENOMEM;
    bfly_program_init(R, I->op, I->order, I->form, plan->n, 0, 0, k->logw, k->most_row);
    R->reversed = 0;
    if (R->npass == P->npass && R->pass[0].e == P->pass[0].e && R->pass[R->npass - 1].e == P->pass[P->npass - 1].e) return 0;
    const bfly_info info = plan->info;
    int without = 0;
    const int result = bfly_plan_reduce(plan, N, R, &without);
    plan->info = info;
    if (result == 0 && !without && is_reduced(R)) plan->chain.row = R;
    return result == -1 ? 0 : result;
}

static void note_permutation(bfly_plan *plan)
{
    plan->info.bytes += plan->n * (bfly_int)sizeof(bfly_int);
}

static int is_reversal(const bfly_plan *plan, const bfly_int *perm)
{
    for (bfly_int i = 0; perm && i < plan->n; i++)
        if (perm[i] != bfly_reverse_bits(i, plan->logn)) return 0;
    return perm != NULL;
}

static int to_steps(const chain *Q)
{
    bfly_plan *plan = Q->plan;
    bfly_chain *C = &plan->chain;
    const bfly_int n = Q->nodes;
    writer R = {.plan = plan, .is_complex = bfly_type_complex(plan->type_in)};
    R.step = bfly_plan_alloc(plan, (double)(4 * n + 4) * sizeof *R.step);
    if (!R.step) return BFLY_ENOMEM;
    int last_real = 0; /* the real part is taken by the store */
    for (bfly_int i = 0; i < n; i++) {
        const bfly_node *N = &Q->node[i];
        int result = 0;
        last_real = 0;
        if (i + 1 < n) { /* a reversal of bits may ride in the butterfly beside it */
            const int alone = n == 2;
            if (i == 0 && N->kind == BFLY_NODE_PERMUTE && is_reversal(plan, N->perm))
                result = write_reversed(&R, N + 1, BFLY_REVERSED_IN, alone);
            else if (N[1].kind == BFLY_NODE_PERMUTE && is_reversal(plan, N[1].perm) &&
                     (i == n - 2 || (i == n - 3 && N[2].kind == BFLY_NODE_REAL && !C->complex_out)))
                result = write_reversed(&R, N, BFLY_REVERSED_OUT, alone);
            if (result < 0) return result;
            if (result) {
                i++;
                continue;
            }
        }
        switch (N->kind) {
        case BFLY_NODE_BUTTERFLY: result = write_butterfly(&R, N); break;
        case BFLY_NODE_DIAGONAL: result = add_scaling(&R, N->diag, 1, N->is_complex); break;
        case BFLY_NODE_PERMUTE:
            note_permutation(plan);
            if (R.steps == 0 && !C->perm_in && C->complex_first == C->complex_in)
                C->perm_in = N->perm;
            else if (i == n - 1 || (i == n - 2 && Q->node[n - 1].kind == BFLY_NODE_REAL))
                C->perm_out = N->perm;
            else {
                bfly_step *S = add_step(&R, BFLY_STEP_PERMUTE);
                S->perm = N->perm;
                S->reversed = is_reversal(plan, N->perm);
            }
            break;
        default:
            if (!R.is_complex) break;
            if (i == n - 1 && !C->complex_out)
                last_real = 1;
            else if (R.steps == 0 && C->complex_first)
                C->complex_first = 0;
            else
                add_step(&R, BFLY_STEP_REAL);
            R.is_complex = last_real;
        }
        if (result) return result;
    }
    if (R.is_complex && !C->complex_out && !last_real) return -2;
    C->complex_last = R.is_complex;
    C->reversed_in = is_reversal(plan, C->perm_in);
    C->reversed_out = is_reversal(plan, C->perm_out);
    C->steps = R.steps;
    C->step = R.step;
    C->rides_in = R.steps > 0 && R.step[0].P && R.step[0].P->reversed & BFLY_REVERSED_IN;
    C->rides_out = R.steps > 0 && R.step[R.steps - 1].P && R.step[R.steps - 1].P->reversed & BFLY_REVERSED_OUT;
    for (bfly_int i = 0; i < C->steps; i++)
        C->two_tiles |= C->step[i].kind != BFLY_STEP_BUTTERFLY && C->step[i].kind != BFLY_STEP_DIAGONAL;
    if (C->steps != 1 || C->step[0].kind != BFLY_STEP_BUTTERFLY || C->perm_in || C->perm_out) return 0;
    if (C->complex_in != C->complex_first || C->complex_in != C->complex_last || C->complex_in != C->complex_out) return 0;
    const bfly_node *N = Q->node;
    while (N->kind != BFLY_NODE_BUTTERFLY) N++;
    return write_row(plan, N, C->step[0].P);
}

int bfly_plan_build(bfly_plan *plan)
{
    const bfly_kernels *k = plan->isa->kernels[plan->precision];
    chain Q = {.plan = plan};
    Q.node = bfly_plan_alloc(plan, ((double)plan->items + 1) * sizeof *Q.node);
    if (!Q.node) return BFLY_ENOMEM;
    plan->chain.complex_in = plan->chain.complex_first = bfly_type_complex(plan->type_in);
    plan->chain.complex_out = bfly_type_complex(plan->type_out);
    for (int c = 0; c < 2; c++)
        bfly_program_init(&plan->chain.shape[c], BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, plan->n, c, c, k->logw, k->most);
    const int result = to_nodes(&Q);
    if (result) return result;
    if (Q.nodes == 1 && Q.node[0].kind == BFLY_NODE_BUTTERFLY && bfly_plan_is_hadamard(plan, &Q.node[0], &plan->scale) &&
        bfly_type_complex(plan->type_in) == bfly_type_complex(plan->type_out)) {
        plan->hadamard = 1;
        plan->info.stages = plan->info.hadamard_stages = plan->logn;
        plan->info.passes = (plan->logn + 2) / 3;
        plan->info.flops = (double)plan->n * plan->logn * (bfly_type_complex(plan->type_in) ? 2 : 1);
        return 0;
    }
    return to_steps(&Q);
}
