/* grad.c - gradients of y = op(B) x: arguments, then chunks of vectors over threads.
 *
 * The vectors are cut into chunks that depend on n and count only. Each chunk adds up the gradients of its packed
 * factors in a buffer of its own; the buffers are added in order and unpacked into gw: the same bits for any number of
 * threads. A single tile of vectors, or factors too large for buffers, write and add straight into gw, and take the
 * factors from w block by block. Without gw the gradient is a multiply by op(B)^H.
 */
#include "args.h"

#define MIN_CHUNK 32 /* vectors: a chunk's buffer costs the time of about two */
#define MAX_CHUNKS 16
#define BUFFERED_BYTES (4.0 * 1024 * 1024) /* factors up to here have their gradients summed in buffers */
#define SCRATCH_BYTES (256.0 * 1024 * 1024) /* buffers stay below it, and tiles while they hold more than one vector */

typedef struct job {
    bfly_program P;
    const bfly_kernels *k;
    size_t size;
    const void *w;
    void *coef, *gw;
    char *sums;
    size_t coef_bytes, tile;
    bfly_vectors x, gy, gx;
    bfly_int count, block, blocks, chunks;
    int accumulate, direct; /* direct: no sums in buffers, nothing packed */
} job;

/* blocks of vectors b0 .. b1 - 1 into sums, or straight into gw when that is NULL; by thread t of a team of nt that shares
 * each of them */
static void run_blocks(const job *J, bfly_int b0, bfly_int b1, void *sums, char *tiles, int t, int nt)
{
    const bfly_int bytes = (bfly_int)J->size * (J->P.complex_x ? 2 : 1);
    for (bfly_int b = b0; b < b1; b++) {
        const bfly_int k = b * J->block, left = J->count - k;
        const bfly_sums to = {sums, sums ? NULL : J->gw, b == b0 && (sums || !J->accumulate)};
        bfly_vectors x = J->x, gy = J->gy, gx = J->gx;
        x.p += k * x.dist * bytes;
        gy.p += k * gy.dist * bytes;
        if (gx.p) gx.p += k * gx.dist * bytes;
        J->k->grad(&J->P, J->coef, J->coef ? NULL : J->w, x, gy, gx, left < J->block ? left : J->block, &to, tiles,
                   t, nt);
    }
}

static void run_chunk(const job *J, bfly_int c, void *sums, char *tiles, int t, int nt)
{
    run_blocks(J, J->blocks * c / J->chunks, J->blocks * (c + 1) / J->chunks, sums, tiles, t, nt);
}

static void pack(const job *J, int t, int nt)
{
    for (int i = 0; J->coef && i < J->P.npass; i++) {
        const bfly_pass *A = &J->P.pass[i];
        J->k->pack(&J->P, A, J->w, J->coef, A->period * t / nt, A->period * (t + 1) / nt);
    }
}

/* share t of nt of: the first sums += the others */
static void add_sums(const job *J, const char *other, int t, int nt)
{
    const size_t numbers = J->coef_bytes / J->size, from = numbers * (size_t)t / (size_t)nt,
                 to = numbers * (size_t)(t + 1) / (size_t)nt;
    if (J->size == sizeof(float))
        for (size_t i = from; i < to; i++) ((float *)J->sums)[i] += ((const float *)other)[i];
    else
        for (size_t i = from; i < to; i++) ((double *)J->sums)[i] += ((const double *)other)[i];
}

/* share t of nt of the sums into gw */
static void unpack(const job *J, int t, int nt)
{
    const int add = J->accumulate || J->P.tied || J->P.n < (bfly_int)1 << J->P.logw; /* shared numbers are 0 or kept */
    for (int i = 0; i < J->P.npass; i++) {
        const bfly_pass *A = &J->P.pass[i];
        J->k->unpack(&J->P, A, J->sums, J->gw, A->period * t / nt, A->period * (t + 1) / nt, add);
    }
}

/* all of it, by thread t of a team of nt: the chunks one after the other */
static void run_shared(const job *J, char *tiles, int t, int nt)
{
    pack(J, t, nt);
    if (nt > 1) bfly_team_meets();
    if (J->direct) {
        run_blocks(J, 0, J->blocks, NULL, tiles, t, nt);
        return;
    }
    for (bfly_int c = 0; c < J->chunks; c++) {
        char *const sums = J->sums + (c ? J->coef_bytes : 0);
        run_chunk(J, c, sums, tiles, t, nt);
        if (c) add_sums(J, sums, t, nt);
        if (nt > 1) bfly_team_meets();
    }
    unpack(J, t, nt);
}

#ifdef _OPENMP
/* all of it, chunks shared out among the threads of the team */
static void run_chunks(const job *J, char *tiles, int t, int nt)
{
    pack(J, t, nt);
#pragma omp barrier
#pragma omp for schedule(dynamic)
    for (bfly_int c = 0; c < J->chunks; c++) run_chunk(J, c, J->sums + (size_t)c * J->coef_bytes, tiles, 0, 1);
    for (bfly_int c = 1; c < J->chunks; c++) add_sums(J, J->sums + (size_t)c * J->coef_bytes, t, nt);
#pragma omp barrier
    if (J->P.tied || J->P.row != J->P.n) { /* blocks share numbers */
        if (t == 0) unpack(J, 0, 1);
    } else
        unpack(J, t, nt);
}
#endif

/* Vectors of one tile: as many as share each coefficient, even where the tiles leave the caches, unless they would take much
 * memory. (Half as many, AVX-512: 1.16 times as long at n = 4096, 1.4 times at 2^16 where memory is far.) */
static bfly_int tile_count(const bfly_program *P, size_t size)
{
    const double row = (double)P->row * (double)size * (P->complex_x ? 2 : 1);
    bfly_int rows = P->complex_x ? BFLY_GRAD_VECTORS / 2 : BFLY_GRAD_VECTORS;
    while (rows > 1 && (double)(P->npass + 1) * (double)rows * row > SCRATCH_BYTES) rows /= 2;
    return bfly_vectors_of(P, rows);
}

static int grad_run(int precision, int complex_w, int complex_x, int op, int order, int form, int accumulate,
                    bfly_int n, bfly_int count, const void *w, bfly_vectors x, bfly_vectors gy, void *gw,
                    bfly_vectors gx)
{
    job J = {.w = w, .x = x, .gy = gy, .gx = gx, .gw = gw, .count = count, .accumulate = accumulate};
    J.k = bfly_current_isa()->kernels[precision];
    J.size = precision ? sizeof(double) : sizeof(float);
    bfly_program_init(&J.P, op, order, form, n, complex_w, complex_x, J.k->logw, 2);
    J.block = tile_count(&J.P, J.size);
    if (J.block > count) J.block = count;
    J.blocks = (count + J.block - 1) / J.block;
    J.coef_bytes = bfly_coef_bytes(&J.P, J.size);
    J.tile = bfly_tile_bytes(&J.P, J.size, J.block);
    J.chunks = count / MIN_CHUNK;
    if (J.chunks > MAX_CHUNKS) J.chunks = MAX_CHUNKS;
    if (J.chunks > J.blocks) J.chunks = J.blocks;
    J.direct = !J.P.tied && J.P.row == n && (J.blocks == 1 || (double)J.coef_bytes > BUFFERED_BYTES);
    while (J.chunks > 1 && (double)J.chunks * (double)J.coef_bytes > SCRATCH_BYTES) J.chunks /= 2;
    if (J.direct || J.chunks < 1) J.chunks = 1;

    const double work = 3.5 * (double)n * J.P.logn * (double)count * (double)J.size * (complex_w ? 4 : complex_x ? 2 : 1);
    int threads = bfly_threads_for(work);
    const int inside = J.P.tied || J.P.row != n ? 1 : bfly_threads_inside(threads, J.chunks, (double)J.tile);
    if (threads > J.chunks) threads = (int)J.chunks;
    const bfly_int buffers = J.direct ? 0 : (threads == 1 || inside > 1) && J.chunks > 2 ? 2 : J.chunks;
    const size_t tiles = (size_t)(J.P.npass + 1) * J.tile;
    const size_t packed = J.direct ? 0 : J.coef_bytes;
    bfly_work memory;
    char *base = bfly_work_get(
        &memory, (double)packed + (double)J.coef_bytes * (double)buffers + (double)tiles * (inside > 1 ? 1 : threads));
    if (!base) return BFLY_ENOMEM;
    if (packed) J.coef = base;
    J.sums = base + packed;
    char *const tile0 = J.sums + J.coef_bytes * (size_t)buffers;
    if (!J.direct && !accumulate && (J.P.tied || n < (bfly_int)1 << J.P.logw))
        memset(gw, 0, (size_t)bfly_blocks(J.P.logn, J.P.tied) * 4 * J.size * (complex_w ? 2 : 1));
    if (threads == 1 && inside == 1)
        run_shared(&J, tile0, 0, 1);
    else {
        int flags = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(inside > 1 ? inside : threads) reduction(| : flags)
        {
            const int t = bfly_thread_id(), nt = bfly_team_size();
            bfly_fp_begin(t);
            if (inside > 1)
                run_shared(&J, tile0, t, nt);
            else
                run_chunks(&J, tile0 + tiles * (size_t)t, t, nt);
            flags |= bfly_fp_end(t);
        }
#endif
        bfly_fp_raise(flags);
    }
    bfly_work_free(&memory);
    return 0;
}

static int grad(int precision, int complex_w, int complex_x, int op, int order, int form, int accumulate, bfly_int n,
                bfly_int count, const void *w, const void *x, bfly_int incx, bfly_int distx, const void *gy,
                bfly_int incgy, bfly_int distgy, void *gw, void *gx, bfly_int incgx, bfly_int distgx)
{
    const size_t real = precision ? sizeof(double) : sizeof(float), size = real * (complex_x ? 2 : 1);
    BFLY_CHECK(1, bfly_is_op(op));
    BFLY_CHECK(2, bfly_is_order(order));
    BFLY_CHECK(3, bfly_is_form(form));
    BFLY_CHECK(4, accumulate == 0 || accumulate == 1);
    BFLY_CHECK(5, bfly_is_power_of_two(n));
    BFLY_CHECK(6, count >= 0);
    const int wanted = gw || gx;
    BFLY_CHECK(7, w || n == 1 || count == 0 || !wanted);
    BFLY_CHECK(8, x || n == 1 || count == 0 || !gw);
    BFLY_CHECK(11, gy || count == 0 || !wanted);
    BFLY_CHECK(16, incgx != 0 || n == 1 || !gx);
    BFLY_CHECK(17, distgx != 0 || count <= 1 || !gx);
    if (n > (bfly_int)1 << (BFLY_MAX_LOGN - 2) || !bfly_fits(n, incx, count, distx, size) ||
        !bfly_fits(n, incgy, count, distgy, size) || (gx && !bfly_fits(n, incgx, count, distgx, size)))
        return BFLY_EOVERFLOW;

    bfly_vectors vx = {(char *)x, incx, distx}, vgy = {(char *)gy, incgy, distgy}, vgx = {gx, incgx, distgx};
    if (!gw || n == 1) {
        /* N, T, C, conj of the adjoint: C, conj, N, T */
        static const int adjoint[] = {BFLY_CONJ_TRANS, BFLY_CONJ, BFLY_NO_TRANS, BFLY_TRANS};
        if (!gx) return 0;
        return bfly_product_run(&(bfly_product){precision, complex_w, complex_x, adjoint[op - BFLY_NO_TRANS], order,
                                                form, n, count, w, vgy, vgx, {{1, 0}, {0, 0}, 1}});
    }
    if (count == 0) {
        if (bfly_querying()) return 0;
        int logn = 0;
        while (((bfly_int)1 << logn) < n) logn++;
        if (!accumulate)
            memset(gw, 0, (size_t)bfly_blocks(logn, form == BFLY_TIED) * 4 * real * (complex_w ? 2 : 1));
        return 0;
    }
    return grad_run(precision, complex_w, complex_x, op, order, form, accumulate, n, count, w, vx, vgy, gw, vgx);
}

#define GRAD(t, wtype, xtype, precision, complex_w, complex_x)                                                       \
    int bfly_##t##grad(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const wtype *w,      \
                       const xtype *x, bfly_int incx, bfly_int distx, const xtype *gy, bfly_int incgy,               \
                       bfly_int distgy, wtype *gw, xtype *gx, bfly_int incgx, bfly_int distgx)                       \
    {                                                                                                                \
        REPORT(grad(precision, complex_w, complex_x, op, order, form, accumulate, n, count, w, x, incx, distx, gy,   \
                    incgy, distgy, gw, gx, incgx, distgx));                                                          \
    }                                                                                                                \
    int bfly_##t##grad_work(int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const wtype *w, \
                            const xtype *x, bfly_int incx, bfly_int distx, const xtype *gy, bfly_int incgy,          \
                            bfly_int distgy, wtype *gw, xtype *gx, bfly_int incgx, bfly_int distgx, void *work,      \
                            bfly_int *bytes)                                                                         \
    {                                                                                                                \
        REPORT_WORK(19, grad(precision, complex_w, complex_x, op, order, form, accumulate, n, count, w, x, incx,     \
                             distx, gy, incgy, distgy, gw, gx, incgx, distgx));                                      \
    }
GRAD(s, float, float, 0, 0, 0)
GRAD(d, double, double, 1, 0, 0)
GRAD(c, void, void, 0, 1, 1)
GRAD(z, void, void, 1, 1, 1)
GRAD(cs, float, void, 0, 0, 1)
GRAD(zd, double, void, 1, 0, 1)
