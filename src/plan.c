/* plan.c - plans: arguments, the copy of the items, execution over threads. */
#include "plan.h"

void *bfly_plan_alloc(bfly_plan *plan, double bytes)
{
    if (bytes > 1e18) return NULL;
    bfly_piece *piece = malloc(sizeof *piece + BFLY_ALIGN + (size_t)bytes);
    if (!piece) return NULL;
    piece->next = plan->pieces;
    plan->pieces = piece;
    char *p = (char *)(piece + 1);
    return p + (BFLY_ALIGN - (uintptr_t)p % BFLY_ALIGN) % BFLY_ALIGN;
}

static int is_type(int type) { return type == BFLY_S || type == BFLY_D || type == BFLY_C || type == BFLY_Z; }

/* bytes of the item's data */
static double data_bytes(const bfly_plan *plan, const bfly_item *I)
{
    const double size = bfly_type_double(I->type) ? sizeof(double) : sizeof(float);
    switch (I->kind) {
    case BFLY_ITEM_BUTTERFLY:
        return size * (bfly_type_complex(I->type) ? 2 : 1) * 4 * (double)bfly_blocks(plan->logn, I->form == BFLY_TIED);
    case BFLY_ITEM_PERMUTATION: return (double)plan->n * sizeof(bfly_int);
    case BFLY_ITEM_DIAGONAL: return size * (bfly_type_complex(I->type) ? 2 : 1) * (double)plan->n;
    }
    return 0;
}

static int is_legal(const bfly_plan *plan, const bfly_item *I)
{
    const int typed = is_type(I->type) && bfly_type_double(I->type) == plan->precision;
    switch (I->kind) {
    case BFLY_ITEM_BUTTERFLY:
        return typed && bfly_is_op(I->op) && bfly_is_order(I->order) && bfly_is_form(I->form) && (I->data || plan->n == 1);
    case BFLY_ITEM_PERMUTATION: return bfly_is_op(I->op) && I->data;
    case BFLY_ITEM_DIAGONAL: return typed && bfly_is_op(I->op) && I->data;
    case BFLY_ITEM_REAL_PART: return 1;
    }
    return 0;
}

/* Does perm hold 0 .. n - 1 once each? BFLY_ENOMEM, 0 or -5. */
static int check_permutation(bfly_int n, const bfly_int *perm)
{
    bfly_work memory;
    char *seen = bfly_work_get(&memory, (double)n);
    if (!seen) return BFLY_ENOMEM;
    memset(seen, 0, (size_t)n);
    int result = 0;
    for (bfly_int i = 0; i < n && !result; i++) {
        if (perm[i] < 0 || perm[i] >= n || seen[perm[i]])
            result = -5;
        else
            seen[perm[i]] = 1;
    }
    bfly_work_free(&memory);
    return result;
}

static int copy_items(bfly_plan *plan, const bfly_item *item)
{
    plan->item = bfly_plan_alloc(plan, ((double)plan->items + 1) * sizeof *item);
    if (!plan->item) return BFLY_ENOMEM;
    for (bfly_int i = 0; i < plan->items; i++) {
        const double bytes = data_bytes(plan, &item[i]);
        if (item[i].kind == BFLY_ITEM_PERMUTATION) {
            const int result = check_permutation(plan->n, item[i].data);
            if (result) return result;
        }
        plan->item[i] = item[i];
        plan->item[i].data = NULL;
        if (bytes == 0) continue;
        void *data = bfly_plan_alloc(plan, bytes);
        if (!data) return BFLY_ENOMEM;
        memcpy(data, item[i].data, (size_t)bytes);
        plan->item[i].data = data;
    }
    return 0;
}

int bfly_plan_make(int type_in, int type_out, bfly_int n, bfly_int items, const bfly_item *item, bfly_plan **plan)
{
    if (plan) *plan = NULL;
    BFLY_CHECK(1, is_type(type_in));
    BFLY_CHECK(2, is_type(type_out) && bfly_type_double(type_in) == bfly_type_double(type_out));
    BFLY_CHECK(3, bfly_is_power_of_two(n));
    BFLY_CHECK(4, items >= 0);
    BFLY_CHECK(5, item || items == 0);
    BFLY_CHECK(6, plan);
    if (n > (bfly_int)1 << (BFLY_MAX_LOGN - 2)) return BFLY_EOVERFLOW;
    bfly_plan *made = calloc(1, sizeof *made);
    if (!made) return BFLY_ENOMEM;
    made->type_in = type_in;
    made->type_out = type_out;
    made->precision = bfly_type_double(type_in);
    made->n = n;
    while (((bfly_int)1 << made->logn) < n) made->logn++;
    made->items = items;
    made->isa = bfly_current_isa();
    int result = 0;
    for (bfly_int i = 0; i < items && !result; i++) result = is_legal(made, &item[i]) ? 0 : -5;
    if (!result) result = copy_items(made, item);
    made->info = (bfly_info){.n = n, .items = items, .type_in = type_in, .type_out = type_out, .growth = 1};
    made->info.isa = made->isa->name;

    fenv_t exceptions; /* planning tries what may overflow: the caller's flags do not change */
    const int held = feholdexcept(&exceptions);
    if (!result) result = bfly_plan_build(made);
    if (held == 0) fesetenv(&exceptions);
    made->info.error = 8.0 * (made->info.stages > 1 ? (double)made->info.stages : 1);
    if (result)
        bfly_plan_destroy(made);
    else
        *plan = made;
    return result;
}

void bfly_plan_destroy(bfly_plan *plan)
{
    if (!plan) return;
    for (bfly_piece *p = plan->pieces; p;) {
        bfly_piece *next = p->next;
        free(p);
        p = next;
    }
    free(plan);
}

static int plan_info(const bfly_plan *plan, bfly_info *info)
{
    BFLY_CHECK(1, plan);
    BFLY_CHECK(2, info);
    *info = plan->info;
    return 0;
}

static int plan_item(const bfly_plan *plan, bfly_int i, bfly_item *item)
{
    BFLY_CHECK(1, plan);
    BFLY_CHECK(2, i >= 0 && i < plan->items);
    BFLY_CHECK(3, item);
    *item = plan->item[i];
    return 0;
}

typedef struct job {
    const bfly_plan *plan;
    const bfly_kernels *k;
    bfly_vectors x, y;
    bfly_int size_in, size_out; /* bytes of an element */
    bfly_int count, block;
    size_t tile;
} job;

/* blocks of vectors first .. last - 1, by thread t of a team of nt that shares each of them */
static void run_blocks(const job *J, bfly_int first, bfly_int last, char *tiles, int t, int nt)
{
    for (bfly_int b = first; b < last; b++) {
        const bfly_int k = b * J->block, left = J->count - k;
        bfly_vectors x = J->x, y = J->y;
        x.p += k * x.dist * J->size_in;
        y.p += k * y.dist * J->size_out;
        const bfly_int vectors = left < J->block ? left : J->block;
        if (nt == 1)
            J->k->chain(&J->plan->chain, x, y, vectors, tiles, J->tile);
        else
            J->k->chain_share(&J->plan->chain, x, y, vectors, tiles, J->tile, t, nt);
    }
}

static int plan_execute(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx, void *y,
                        bfly_int incy, bfly_int disty)
{
    BFLY_CHECK(1, plan);
    BFLY_CHECK(2, count >= 0);
    BFLY_CHECK(3, x || count == 0);
    BFLY_CHECK(6, y || count == 0);
    BFLY_CHECK(7, incy != 0 || plan->n == 1);
    BFLY_CHECK(8, disty != 0 || count <= 1);
    const bfly_chain *C = &plan->chain;
    const size_t real = plan->precision ? sizeof(double) : sizeof(float);
    job J = {.plan = plan, .k = plan->isa->kernels[plan->precision], .count = count};
    J.x = (bfly_vectors){(char *)x, incx, distx};
    J.y = (bfly_vectors){y, incy, disty};
    J.size_in = (bfly_int)real << bfly_type_complex(plan->type_in);
    J.size_out = (bfly_int)real << bfly_type_complex(plan->type_out);
    if (!bfly_fits(plan->n, incx, count, distx, (size_t)J.size_in) ||
        !bfly_fits(plan->n, incy, count, disty, (size_t)J.size_out))
        return BFLY_EOVERFLOW;
    if (count == 0) return 0;
    if (plan->hadamard)
        return bfly_fwht_run(J.k, plan->precision, C->complex_in, BFLY_NATURAL, plan->n, count, plan->scale, J.x, J.y);

    bfly_work memory;
    int threads = bfly_threads_for((plan->info.flops + 4.0 * (double)plan->n) * (double)count * (double)real * 0.5);
    if (count == 1 && C->row && incx == 1 && incy == 1 && threads == 1) {
        char *tile = bfly_work_get(&memory, (double)plan->n * (double)J.size_out);
        if (!tile) return BFLY_ENOMEM;
        /* a pass with a reversal writes elsewhere than it reads */
        const int apart = C->rides_out || (C->rides_in && x == y) || (uintptr_t)y % BFLY_ALIGN;
        const int done = J.k->chain_row(C->row, x, y, apart ? tile : y);
        bfly_work_free(&memory);
        if (done) return 0;
    }
    /* the widest tile decides how many vectors go together */
    int real_only = !C->complex_first && !C->complex_last && !C->complex_in && !C->complex_out;
    for (bfly_int i = 0; i < C->steps; i++) real_only &= !C->step[i].complex_x;
    const bfly_program *shape = &C->shape[!real_only];
    int inside;
    J.block = bfly_tile_count(shape, real, count, threads, &inside);
    /* passes that have a reversal in them take runs of numbers */
    const int staged = (C->rides_in && (incx != 1 || !C->complex_in)) || (C->rides_out && (incy != 1 || !C->complex_out));
    const int square = C->rides_in && C->rides_out && C->steps == 1;
    if (square && !staged) J.block = count < 64 ? count : 64;
    J.tile = bfly_tile_bytes(shape, real, J.block);
    const bfly_int blocks = bfly_tiles(count, J.block);
    const size_t tiles = square && !staged ? 0 : J.tile * (C->two_tiles || staged ? 2 : 1);
    if (threads > blocks) threads = (int)blocks;
    char *base = bfly_work_get(&memory, (double)tiles * threads);
    if (!base) return BFLY_ENOMEM;
    if (threads == 1 && inside == 1)
        run_blocks(&J, 0, blocks, base, 0, 1);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(inside > 1 ? inside : threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), nt = bfly_team_size();
            bfly_fp_begin(t);
            if (inside > 1)
                run_blocks(&J, 0, blocks, base, t, nt);
            else
                run_blocks(&J, blocks * t / nt, blocks * (t + 1) / nt, base + tiles * (size_t)t, 0, 1);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

int bfly_plan_create(int type_in, int type_out, bfly_int n, bfly_int items, const bfly_item *item, bfly_plan **plan)
{
    REPORT(bfly_plan_make(type_in, type_out, n, items, item, plan));
}

int bfly_plan_execute(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx, void *y,
                      bfly_int incy, bfly_int disty)
{
    REPORT(plan_execute(plan, count, x, incx, distx, y, incy, disty));
}

int bfly_plan_info(const bfly_plan *plan, bfly_info *info) { REPORT(plan_info(plan, info)); }

int bfly_plan_item(const bfly_plan *plan, bfly_int i, bfly_item *item) { REPORT(plan_item(plan, i, item)); }

int bfly_plan_execute_work(const bfly_plan *plan, bfly_int count, const void *x, bfly_int incx, bfly_int distx, void *y,
                           bfly_int incy, bfly_int disty, void *work, bfly_int *bytes)
{
    REPORT_WORK(10, plan_execute(plan, count, x, incx, distx, y, incy, disty));
}
