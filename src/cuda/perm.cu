/* perm.cu - hard and relaxed permutations on the device, and the gradients of the latter: arguments and launches. */
#include "host.h"

namespace bfly_cuda {

/* ---- hard ---------------------------------------------------------------------------------------------------------- */
static void move(const Launcher &L, bfly_int n, bfly_int count, const bfly_int *perm, int inverse, Vectors x, Vectors y, cudaStream_t stream)
{
    PermArgs A;
    A.n = n;
    A.count = count;
    A.perm = perm;
    A.inverse = inverse;
    A.x = x;
    A.y = y;
    L.permute(A, dim3((unsigned)((n + 255) / 256), (unsigned)std::min(count, (bfly_int)16384)), stream);
}

static bfly_int perm_chunk(bfly_int n, bfly_int count, int number_bytes)
{
    return std::max((bfly_int)1, std::min(count, (bfly_int)(16 << 20) / (n * number_bytes)));
}

static int perm(int type, void *stream, int op, bfly_int n, bfly_int count, const bfly_int *perm, const void *x, bfly_int incx, bfly_int distx,
                void *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    BFLY_CUDA_CHECK(2, is_op(op));
    BFLY_CUDA_CHECK(3, n >= 1);
    BFLY_CUDA_CHECK(4, count >= 0);
    BFLY_CUDA_CHECK(5, count == 0 || (perm && aligned(perm, 8)));
    BFLY_CUDA_CHECK(6, count == 0 || (x && aligned(x, L.number_bytes)));
    BFLY_CUDA_CHECK(9, count == 0 || (y && aligned(y, L.number_bytes)));
    BFLY_CUDA_CHECK(10, incy != 0 || n == 1);
    BFLY_CUDA_CHECK(11, disty != 0 || count <= 1);
    const Vectors vx = {(void *)x, incx, distx}, vy = {y, incy, disty};
    if (n > kMaxN || !fits(n, vx, count, L.number_bytes) || !fits(n, vy, count, L.number_bytes)) return BFLY_EOVERFLOW;
    if (count == 0) return 0;
    const Device *device;
    const int info = current_device(&device);
    if (info) return info;
    const cudaStream_t s = (cudaStream_t)stream;
    if (x != y) {
        move(L, n, count, perm, transposes(op), vx, vy, s);
        return note(cudaGetLastError());
    }
    const bfly_int chunk = perm_chunk(n, count, L.number_bytes);
    Workspace W(work);
    const Vectors copy = {W.take(chunk * n * L.number_bytes), 1, n};
    BFLY_CUDA_CHECK(12, work && aligned(work, 16));
    BFLY_CUDA_CHECK(13, work_bytes >= W.used);
    for (bfly_int k = 0; k < count; k += chunk) {
        const bfly_int now = std::min(chunk, count - k);
        move(L, n, now, nullptr, 0, advance(vx, k, L.number_bytes), copy, s);
        move(L, n, now, perm, transposes(op), copy, advance(vy, k, L.number_bytes), s);
    }
    return note(cudaGetLastError());
}

/* ---- relaxed ------------------------------------------------------------------------------------------------------- */
struct RelaxedPlan {
    bfly_int blocks, bytes;
    unsigned shared;
    void *vectors, *parts;
};

/* held: vectors of n that a block keeps; sums: numbers of its threads */
static int plan_relaxed(const Launcher &L, const Device &device, bfly_int n, bfly_int count, bool gradient, void *work, RelaxedPlan *plan)
{
    const int logn = log2_of(n), held = gradient ? logn + 2 : 2;
    const bfly_int sums = gradient ? (bfly_int)3 * (logn - 1) * kRelaxedThreads * L.real_bytes : 0, vectors = held * n * L.number_bytes;
    if (sums > device.shared) return BFLY_CUDA_ESHARED;
    const bool in_shared = sums + vectors <= device.shared;
    plan->shared = (unsigned)(in_shared ? sums + vectors : sums);
    plan->blocks = std::min(count, (bfly_int)4 * device.multiprocessors);
    if (!in_shared) plan->blocks = std::min(plan->blocks, std::max((bfly_int)1, ((bfly_int)256 << 20) / vectors));
    plan->blocks = std::max((bfly_int)1, plan->blocks);
    Workspace W(work);
    plan->vectors = in_shared ? nullptr : W.take(plan->blocks * vectors);
    plan->parts = gradient ? W.take(plan->blocks * 3 * (logn - 1) * (bfly_int)sizeof(double)) : nullptr;
    plan->bytes = W.used;
    return 0;
}

static int run_relaxed(const Launcher &L, int transposed, bfly_int n, bfly_int count, const void *prob, Vectors x, Vectors y, void *work,
                       bfly_int work_bytes, int position, cudaStream_t stream)
{
    const Device *device;
    int info = current_device(&device);
    if (info) return info;
    RelaxedPlan plan;
    info = plan_relaxed(L, *device, n, count, false, work, &plan);
    if (info) return info;
    BFLY_CUDA_CHECK(position, plan.bytes == 0 || (work && aligned(work, 16)));
    BFLY_CUDA_CHECK(position + 1, work_bytes >= plan.bytes);
    RelaxedArgs A;
    A.logn = log2_of(n);
    A.transposed = transposed;
    A.prob = prob;
    A.x = x;
    A.gy = Vectors{nullptr, 0, 0};
    A.y = y;
    A.count = count;
    A.work = plan.vectors;
    A.vectors = 2;
    A.parts = nullptr;
    L.relaxed(A, dim3((unsigned)plan.blocks), plan.shared, stream);
    return note(cudaGetLastError());
}

static int relaxed_perm(int type, void *stream, int op, bfly_int n, bfly_int count, const void *prob, const void *x, bfly_int incx, bfly_int distx,
                        void *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    BFLY_CUDA_CHECK(2, is_op(op));
    BFLY_CUDA_CHECK(3, is_power_of_two(n));
    BFLY_CUDA_CHECK(4, count >= 0);
    BFLY_CUDA_CHECK(5, n <= 2 || count == 0 || (prob && aligned(prob, L.real_bytes)));
    BFLY_CUDA_CHECK(6, count == 0 || (x && aligned(x, L.number_bytes)));
    BFLY_CUDA_CHECK(9, count == 0 || (y && aligned(y, L.number_bytes)));
    BFLY_CUDA_CHECK(10, incy != 0 || n == 1);
    BFLY_CUDA_CHECK(11, disty != 0 || count <= 1);
    const Vectors vx = {(void *)x, incx, distx}, vy = {y, incy, disty};
    if (n > kMaxN || !fits(n, vx, count, L.number_bytes) || !fits(n, vy, count, L.number_bytes)) return BFLY_EOVERFLOW;
    if (count == 0) return 0;
    return run_relaxed(L, transposes(op), n, count, prob, vx, vy, work, work_bytes, 12, (cudaStream_t)stream);
}

static int relaxed_perm_grad(int type, void *stream, int op, int accumulate, bfly_int n, bfly_int count, const void *prob, const void *x,
                             bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gprob, void *gx,
                             bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    BFLY_CUDA_CHECK(2, is_op(op));
    BFLY_CUDA_CHECK(3, accumulate == 0 || accumulate == 1);
    BFLY_CUDA_CHECK(4, is_power_of_two(n));
    BFLY_CUDA_CHECK(5, count >= 0);
    const bool wants_prob = gprob && n > 2, reads = count > 0 && (wants_prob || gx);
    BFLY_CUDA_CHECK(6, n <= 2 || !reads || (prob && aligned(prob, L.real_bytes)));
    BFLY_CUDA_CHECK(7, count == 0 || !wants_prob || (x && aligned(x, L.number_bytes)));
    BFLY_CUDA_CHECK(10, !reads || (gy && aligned(gy, L.number_bytes)));
    BFLY_CUDA_CHECK(13, aligned(gprob, L.real_bytes));
    BFLY_CUDA_CHECK(14, aligned(gx, L.number_bytes));
    BFLY_CUDA_CHECK(15, !gx || incgx != 0 || n == 1);
    BFLY_CUDA_CHECK(16, !gx || distgx != 0 || count <= 1);
    const Vectors vx = {(void *)x, incx, distx}, vgy = {(void *)gy, incgy, distgy}, vgx = {gx, gx ? incgx : 0, gx ? distgx : 0};
    if (n > kMaxN || !fits(n, vx, count, L.number_bytes) || !fits(n, vgy, count, L.number_bytes) || !fits(n, vgx, count, L.number_bytes))
        return BFLY_EOVERFLOW;
    const cudaStream_t s = (cudaStream_t)stream;
    if (!wants_prob)
        return !gx || count == 0 ? 0 : run_relaxed(L, !transposes(op), n, count, prob, vgy, vgx, work, work_bytes, 17, s);
    const Device *device;
    int info = current_device(&device);
    if (info) return info;
    RelaxedPlan plan;
    info = plan_relaxed(L, *device, n, count, true, work, &plan);
    if (info) return info;
    BFLY_CUDA_CHECK(17, work && aligned(work, 16));
    BFLY_CUDA_CHECK(18, work_bytes >= plan.bytes);
    RelaxedArgs A;
    A.logn = log2_of(n);
    A.transposed = transposes(op);
    A.prob = prob;
    A.x = vx;
    A.gy = vgy;
    A.y = vgx;
    A.count = count;
    A.work = plan.vectors;
    A.vectors = A.logn + 2;
    A.parts = (double *)plan.parts;
    if (count > 0) L.relaxed_grad(A, dim3((unsigned)plan.blocks), plan.shared, s);
    ProbArgs P;
    P.numbers = 3 * (A.logn - 1);
    P.blocks = count > 0 ? (int)plan.blocks : 0;
    P.accumulate = accumulate;
    P.parts = A.parts;
    P.gprob = gprob;
    L.add_probs(P, dim3((unsigned)((P.numbers + 255) / 256)), s);
    return note(cudaGetLastError());
}

static int relaxed_work(int type, bfly_int n, bfly_int count, bool gradient, bfly_int *bytes)
{
    const Launcher *L = launcher_of(type);
    BFLY_CUDA_CHECK(1, L);
    BFLY_CUDA_CHECK(2, is_power_of_two(n));
    BFLY_CUDA_CHECK(3, count >= 0);
    BFLY_CUDA_CHECK(4, bytes);
    if (n > kMaxN || !fits(n, Vectors{nullptr, 1, n}, count, L->number_bytes)) return BFLY_EOVERFLOW;
    const Device *device;
    int info = current_device(&device);
    if (info) return info;
    RelaxedPlan plan;
    info = plan_relaxed(*L, *device, n, count, gradient && n > 2, nullptr, &plan);
    if (info == 0) *bytes = plan.bytes;
    return info;
}

} // namespace bfly_cuda

using namespace bfly_cuda;

extern "C" {

#define BFLY_CUDA_PERM(t, P, T)                                                                                                \
    int bfly_cuda_##t##perm(void *stream, int op, bfly_int n, bfly_int count, const bfly_int *p, const T *x, bfly_int incx,   \
                            bfly_int distx, T *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)             \
    {                                                                                                                         \
        return perm(*#t, stream, op, n, count, p, x, incx, distx, y, incy, disty, work, work_bytes);                          \
    }                                                                                                                         \
    int bfly_cuda_##t##relaxed_perm(void *stream, int op, bfly_int n, bfly_int count, const P *prob, const T *x, bfly_int incx, \
                                    bfly_int distx, T *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)     \
    {                                                                                                                         \
        return relaxed_perm(*#t, stream, op, n, count, prob, x, incx, distx, y, incy, disty, work, work_bytes);               \
    }                                                                                                                         \
    int bfly_cuda_##t##relaxed_perm_grad(void *stream, int op, int accumulate, bfly_int n, bfly_int count, const P *prob,     \
                                         const T *x, bfly_int incx, bfly_int distx, const T *gy, bfly_int incgy,              \
                                         bfly_int distgy, P *gprob, T *gx, bfly_int incgx, bfly_int distgx, void *work,       \
                                         bfly_int work_bytes)                                                                 \
    {                                                                                                                         \
        return relaxed_perm_grad(*#t, stream, op, accumulate, n, count, prob, x, incx, distx, gy, incgy, distgy, gprob, gx,   \
                                 incgx, distgx, work, work_bytes);                                                            \
    }
BFLY_CUDA_PERM(s, float, float)
BFLY_CUDA_PERM(d, double, double)
BFLY_CUDA_PERM(c, float, void)
BFLY_CUDA_PERM(z, double, void)

int bfly_cuda_perm_work(int type, bfly_int n, bfly_int count, int in_place, bfly_int *bytes)
{
    const Launcher *L = launcher_of(type);
    BFLY_CUDA_CHECK(1, L);
    BFLY_CUDA_CHECK(2, n >= 1);
    BFLY_CUDA_CHECK(3, count >= 0);
    BFLY_CUDA_CHECK(5, bytes);
    if (n > kMaxN || !fits(n, Vectors{nullptr, 1, n}, count, L->number_bytes)) return BFLY_EOVERFLOW;
    Workspace W(nullptr);
    if (in_place && count > 0) W.take(perm_chunk(n, count, L->number_bytes) * n * L->number_bytes);
    *bytes = W.used;
    return 0;
}

int bfly_cuda_relaxed_perm_work(int type, bfly_int n, bfly_int count, bfly_int *bytes) { return relaxed_work(type, n, count, false, bytes); }
int bfly_cuda_relaxed_perm_grad_work(int type, bfly_int n, bfly_int count, bfly_int *bytes) { return relaxed_work(type, n, count, true, bytes); }
}
