/* grad.cu - gradients of y = op(B) x on the device: arguments, then for every chunk of vectors the passes forward to
 * find their inputs, and back. The parts of gw are added pass by pass, chunk by chunk, in order. */
#include "host.h"

namespace bfly_cuda {

/* Everything that depends on sizes; the same for the query and for the run. */
struct GradPlan {
    Passes S;
    bfly_int chunk;
    bfly_int blocks[kMaxPasses];
    Vectors input[kMaxPasses]; /* of each pass in the order of application; 0: x */
    Vectors g;                 /* between passes, when gx is not wanted */
    void *parts;
    bfly_int bytes;
};

static int make_plan(const Launcher &L, const Device &device, bfly_int n, bfly_int count, bool has_gx, void *work, GradPlan *plan)
{
    int steps = L.back_steps;
    while (steps > 0 && L.back_bytes(steps) > (unsigned)device.shared) steps--;
    const int most = std::min(2 * steps, forward_stages(L, device));
    if (most == 0) return BFLY_CUDA_ESHARED;
    plan->S = cut(log2_of(n), most, L.table_bits, L.number_bytes);
    const Passes &S = plan->S;
    plan->chunk = std::max((bfly_int)1, std::min(S.count == 1 ? kMaxCount : chunk_of(device, n, kMaxCount, L.number_bytes), count));
    Workspace W(work);
    for (int k = 1; k < S.count; k++) plan->input[k] = {W.take(plan->chunk * n * L.number_bytes), 1, n};
    plan->g = Vectors{nullptr, 0, 0};
    if (S.count > 1 && !has_gx) plan->g = {W.take(plan->chunk * n * L.number_bytes), 1, n};
    bfly_int parts = 0;
    for (int k = 0; k < S.count; k++) {
        const Pass &P = S.pass[k];
        const bfly_int each = (bfly_int)L.back_tiles * vectors_in_tile(P), items = (plan->chunk + each - 1) / each;
        plan->blocks[k] = std::max((bfly_int)1, std::min(items, (device.multiprocessors + tiles_of(P) - 1) / tiles_of(P)));
        parts = std::max(parts, tiles_of(P) * plan->blocks[k] * 2 * ((P.g + 1) / 2) * kSlotBlocks * 4 * L.number_bytes);
    }
    plan->parts = W.take(parts);
    plan->bytes = W.used;
    return 0;
}

static void back_pass(const Launcher &L, const GradPlan &plan, int k, const Factors &F, int up, int accumulate, Vectors x, Vectors gy,
                      void *gw, Vectors gx, bfly_int count, cudaStream_t stream)
{
    const Pass &P = plan.S.pass[k];
    BackwardArgs A;
    A.pass = P;
    A.F = F;
    A.up = up;
    A.x = x;
    A.gy = gy;
    A.gx = gx;
    A.sx = strides_of(P, x);
    A.sgy = strides_of(P, gy);
    A.sgx = strides_of(P, gx);
    A.count = count;
    const bfly_int each = (bfly_int)L.back_tiles * vectors_in_tile(P);
    A.items = (int)((count + each - 1) / each);
    A.parts = plan.parts;
    const int steps = (P.g + 1) / 2;
    L.backward(A, grid_of(plan.blocks[k], P), L.back_bytes(steps), stream);

    ReduceArgs R;
    R.pass = P;
    R.F = F;
    R.up = up;
    R.steps = steps;
    R.blocks = (int)plan.blocks[k];
    R.parts = plan.parts;
    R.gw = gw;
    R.accumulate = accumulate;
    const bfly_int numbers = (bfly_int)2 * steps * kSlotBlocks * 4 * (L.number_bytes / L.real_bytes);
    if (plan.blocks[k] > 1) L.add_parts(R, grid_of((numbers + 255) / 256, P), stream);
    /* a warp a block of factors when a block has many members */
    const bfly_int half = (bfly_int)1 << (P.logn - 1);
    const bfly_int blocks = F.tied ? (((bfly_int)1 << P.g) - 1) << P.lo : P.g * half;
    R.lanes_log = F.tied || vectors_in_tile(P) > 4 ? 5 : 0;
    L.add_members(R, dim3((unsigned)(((blocks << R.lanes_log) + 255) / 256)), stream);
}

static int grad(int type, bool is_real, void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const void *w,
                const void *x, bfly_int incx, bfly_int distx, const void *gy, bfly_int incgy, bfly_int distgy, void *gw, void *gx,
                bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    const int w_bytes = is_real ? L.real_bytes : L.number_bytes;
    BFLY_CUDA_CHECK(2, is_op(op));
    BFLY_CUDA_CHECK(3, is_order(order));
    BFLY_CUDA_CHECK(4, is_form(form));
    BFLY_CUDA_CHECK(5, accumulate == 0 || accumulate == 1);
    BFLY_CUDA_CHECK(6, is_power_of_two(n));
    BFLY_CUDA_CHECK(7, count >= 0);
    const bool wants_w = gw && n > 1, reads = count > 0 && (wants_w || gx);
    BFLY_CUDA_CHECK(8, n == 1 || !reads || (w && aligned(w, w_bytes)));
    BFLY_CUDA_CHECK(9, count == 0 || !wants_w || (x && aligned(x, L.number_bytes)));
    BFLY_CUDA_CHECK(12, !reads || (gy && aligned(gy, L.number_bytes)));
    BFLY_CUDA_CHECK(15, aligned(gw, w_bytes));
    BFLY_CUDA_CHECK(16, aligned(gx, L.number_bytes));
    BFLY_CUDA_CHECK(17, !gx || incgx != 0 || n == 1);
    BFLY_CUDA_CHECK(18, !gx || distgx != 0 || count <= 1);
    const Vectors vx = {(void *)x, incx, distx}, vgy = {(void *)gy, incgy, distgy}, vgx = {gx, gx ? incgx : 0, gx ? distgx : 0};
    if (n > kMaxN || !fits(n, vx, count, L.number_bytes) || !fits(n, vgy, count, L.number_bytes) || !fits(n, vgx, count, L.number_bytes))
        return BFLY_EOVERFLOW;
    const Factors F = factors(w, op, order, form, is_real);
    const int up = ascends(op, order);
    const cudaStream_t s = (cudaStream_t)stream;
    if (!wants_w) { /* gx := op(B)^H gy */
        if (!gx || count == 0) return 0;
        Factors adjoint = F;
        adjoint.transposed = !F.transposed;
        adjoint.conjugated = !F.conjugated;
        return multiply(L, adjoint, !up, n, count, kPlain, vgy, vgx, work, work_bytes, 19, s);
    }
    const Device *device;
    int info = current_device(&device);
    if (info) return info;
    GradPlan plan;
    info = make_plan(L, *device, n, count, gx != nullptr, work, &plan);
    if (info) return info;
    BFLY_CUDA_CHECK(19, work && aligned(work, 16));
    BFLY_CUDA_CHECK(20, work_bytes >= plan.bytes);
    const Passes &S = plan.S;
    for (bfly_int first = 0; first == 0 || first < count; first += plan.chunk) {
        const bfly_int now = std::min(plan.chunk, count - first);
        const Vectors cx = advance(vx, first, L.number_bytes), cgy = advance(vgy, first, L.number_bytes),
                      cgx = advance(vgx, first, L.number_bytes);
        for (int k = 0; k + 1 < S.count && now > 0; k++)
            run_pass(L, *device, S.pass[up ? k : S.count - 1 - k], &F, up, 0, kPlain, k ? plan.input[k] : cx, plan.input[k + 1], now, s);
        for (int k = S.count - 1; k >= 0; k--) {
            const Vectors between = gx ? cgx : plan.g, none = {nullptr, 0, 0};
            back_pass(L, plan, up ? k : S.count - 1 - k, F, up, accumulate || first > 0, k ? plan.input[k] : cx,
                      k == S.count - 1 ? cgy : between, gw, k || gx ? between : none, now, s);
        }
    }
    return note(cudaGetLastError());
}

} // namespace bfly_cuda

using namespace bfly_cuda;

extern "C" {

#define BFLY_CUDA_GRAD(t, type, W, T, is_real)                                                                                 \
    int bfly_cuda_##t##grad(void *stream, int op, int order, int form, int accumulate, bfly_int n, bfly_int count, const W *w, \
                            const T *x, bfly_int incx, bfly_int distx, const T *gy, bfly_int incgy, bfly_int distgy, W *gw, T *gx, \
                            bfly_int incgx, bfly_int distgx, void *work, bfly_int work_bytes)                                  \
    {                                                                                                                          \
        return grad(type, is_real, stream, op, order, form, accumulate, n, count, w, x, incx, distx, gy, incgy, distgy, gw,   \
                    gx, incgx, distgx, work, work_bytes);                                                                      \
    }
BFLY_CUDA_GRAD(s, 's', float, float, false)
BFLY_CUDA_GRAD(d, 'd', double, double, false)
BFLY_CUDA_GRAD(c, 'c', void, void, false)
BFLY_CUDA_GRAD(z, 'z', void, void, false)
BFLY_CUDA_GRAD(cs, 'c', float, void, true)
BFLY_CUDA_GRAD(zd, 'z', double, void, true)

int bfly_cuda_grad_work(int type, bfly_int n, bfly_int count, int has_gx, bfly_int *bytes)
{
    const Launcher *L = launcher_of(type);
    BFLY_CUDA_CHECK(1, L);
    BFLY_CUDA_CHECK(2, is_power_of_two(n));
    BFLY_CUDA_CHECK(3, count >= 0);
    BFLY_CUDA_CHECK(5, bytes);
    if (n > kMaxN || !fits(n, Vectors{nullptr, 1, n}, count, L->number_bytes)) return BFLY_EOVERFLOW;
    const Device *device;
    int info = current_device(&device);
    if (info) return info;
    *bytes = 0;
    if (n == 1) return 0;
    GradPlan plan;
    info = make_plan(*L, *device, n, count, has_gx != 0, nullptr, &plan);
    if (info == 0) *bytes = plan.bytes;
    return info;
}
}
