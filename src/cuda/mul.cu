/* mul.cu - y := alpha op(B) x + beta y and y := scale H x on the device: arguments, then passes over chunks of vectors. */
#include "host.h"

namespace bfly_cuda {

int forward_stages(const Launcher &L, const Device &device)
{
    const bfly_int room = (bfly_int)device.shared - 4 * (bfly_int)kExchangeBytes; /* four warps at least */
    return room < 0 ? 0 : (int)std::min((bfly_int)L.table_bits, room / L.stage_bytes);
}

Passes forward_passes(const Launcher &L, const Device &device, int logn)
{
    if (logn == kTileBits + 1 && L.wide_bytes && (bfly_int)L.wide_bytes + 4 * kExchangeBytes <= device.shared) {
        Passes S;
        S.pass[S.count++] = {logn, 0, kTileBits, 0, 1};
        return S;
    }
    return cut(logn, forward_stages(L, device), L.table_bits, L.number_bytes);
}

void run_pass(const Launcher &L, const Device &device, const Pass &P, const Factors *F, int up, int ordering, const Scale &scale,
              Vectors x, Vectors y, bfly_int count, cudaStream_t stream)
{
    const int hadamard = !F, tiles = hadamard ? L.hadamard_tiles : L.forward_tiles;
    const bfly_int table = hadamard ? 0 : P.wide ? L.wide_bytes : (bfly_int)P.g * L.stage_bytes;
    int warps = (int)std::min((bfly_int)(P.wide ? L.wide_warps : L.warps), ((bfly_int)device.shared - table) / kExchangeBytes);
    for (bfly_int k = 0; k < count; k += kMaxCount) {
        ForwardArgs A;
        A.pass = P;
        A.F = F ? *F : Factors{};
        A.x = advance(x, k, L.number_bytes);
        A.y = advance(y, k, L.number_bytes);
        A.sx = strides_of(P, x);
        A.sy = strides_of(P, y);
        A.count = std::min(kMaxCount, count - k);
        const bfly_int each = (bfly_int)(P.wide ? tiles / 2 : tiles) * vectors_in_tile(P);
        A.items = (int)((A.count + each - 1) / each);
        for (int q = 0; q < 2; q++) {
            A.alpha[q] = scale.alpha[q];
            A.beta[q] = scale.beta[q];
        }
        A.plain = scale.plain();
        A.ordering = ordering;
        /* few vectors: rather more blocks with fewer warps */
        warps = (int)std::max((bfly_int)1, std::min((bfly_int)warps, ((bfly_int)A.items * tiles_of(P) + device.multiprocessors - 1) / device.multiprocessors));
        const bfly_int wanted = ((bfly_int)A.items + warps - 1) / warps;
        /* blocks without a table are cheap: as many as may run at once */
        const bfly_int most = (bfly_int)device.multiprocessors * (hadamard ? std::max(1, 16 / warps) : 1);
        const bfly_int blocks = std::max((bfly_int)1, std::min(wanted, (most + tiles_of(P) - 1) / tiles_of(P)));
        L.forward(A, up, hadamard, grid_of(blocks, P), warps, (unsigned)(table + (bfly_int)warps * kExchangeBytes), stream);
    }
}

void run_chain(const Launcher &L, const Device &device, const Passes &S, const Factors *F, int up, int ordering, const Scale &scale,
               Vectors x, Vectors between, Vectors y, bfly_int count, cudaStream_t stream)
{
    for (int k = 0; k < S.count; k++) {
        const bool last = k == S.count - 1;
        run_pass(L, device, S.pass[up ? k : S.count - 1 - k], F, up, last ? ordering : 0, last ? scale : kPlain, k ? between : x,
                 last ? y : between, count, stream);
    }
}

/* The common end of multiply and fwht. has_between: intermediate vectors cannot lie in y. */
static int run_chunks(const Launcher &L, const Device &device, const Passes &S, const Factors *F, int up, int ordering, const Scale &scale,
                      bool has_between, bfly_int n, bfly_int count, Vectors x, Vectors y, void *work, bfly_int work_bytes, int position,
                      cudaStream_t stream)
{
    const bfly_int chunk = S.count == 1 ? count : chunk_of(device, n, count, L.number_bytes);
    Workspace W(work);
    Vectors between = y;
    if (S.count > 1 && has_between) {
        const bfly_int bytes = chunk * n * L.number_bytes;
        between = {W.take(bytes), 1, n};
        BFLY_CUDA_CHECK(position, work && aligned(work, 16));
        BFLY_CUDA_CHECK(position + 1, work_bytes >= W.used);
    }
    for (bfly_int k = 0; k < count; k += chunk) {
        const Vectors there = advance(y, k, L.number_bytes);
        run_chain(L, device, S, F, up, ordering, scale, advance(x, k, L.number_bytes), has_between ? between : there, there,
                  std::min(chunk, count - k), stream);
    }
    return note(cudaGetLastError());
}

int multiply(const Launcher &L, const Factors &F, int up, bfly_int n, bfly_int count, const Scale &scale, Vectors x, Vectors y,
             void *work, bfly_int work_bytes, int position, cudaStream_t stream)
{
    if (count == 0) return 0;
    const Device *device;
    const int info = current_device(&device);
    if (info) return info;
    const int logn = log2_of(n);
    if (!scale.reads_x()) {
        run_pass(L, *device, no_stages(logn), nullptr, 1, 0, scale, Vectors{nullptr, 0, 0}, y, count, stream);
        return note(cudaGetLastError());
    }
    if (forward_stages(L, *device) == 0) return BFLY_CUDA_ESHARED;
    const Passes S = forward_passes(L, *device, logn);
    return run_chunks(L, *device, S, &F, up, 0, scale, scale.reads_y(), n, count, x, y, work, work_bytes, position, stream);
}

static int mul(int type, bool is_real, void *stream, int op, int order, int form, bfly_int n, bfly_int count, const double *alpha, const void *w,
               const void *x, bfly_int incx, bfly_int distx, const double *beta, void *y, bfly_int incy, bfly_int disty, void *work,
               bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    BFLY_CUDA_CHECK(2, is_op(op));
    BFLY_CUDA_CHECK(3, is_order(order));
    BFLY_CUDA_CHECK(4, is_form(form));
    BFLY_CUDA_CHECK(5, is_power_of_two(n));
    BFLY_CUDA_CHECK(6, count >= 0);
    BFLY_CUDA_CHECK(7, alpha);
    const bool reads = count > 0 && (alpha[0] != 0 || alpha[1] != 0);
    BFLY_CUDA_CHECK(8, !reads || n == 1 || (w && aligned(w, is_real ? L.real_bytes : L.number_bytes)));
    BFLY_CUDA_CHECK(9, !reads || (x && aligned(x, L.number_bytes)));
    BFLY_CUDA_CHECK(12, beta);
    BFLY_CUDA_CHECK(13, count == 0 || (y && aligned(y, L.number_bytes)));
    BFLY_CUDA_CHECK(14, incy != 0 || n == 1);
    BFLY_CUDA_CHECK(15, disty != 0 || count <= 1);
    const Vectors vx = {(void *)x, incx, distx}, vy = {y, incy, disty};
    if (n > kMaxN || !fits(n, vx, count, L.number_bytes) || !fits(n, vy, count, L.number_bytes)) return BFLY_EOVERFLOW;
    const Scale scale = {{alpha[0], alpha[1]}, {beta[0], beta[1]}};
    return multiply(L, factors(w, op, order, form, is_real), ascends(op, order), n, count, scale, vx, vy, work, work_bytes, 16,
                    (cudaStream_t)stream);
}

static int fwht(int type, void *stream, int ordering, bfly_int n, bfly_int count, double scale, const void *x, bfly_int incx, bfly_int distx,
                void *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)
{
    const Launcher &L = *launcher_of(type);
    BFLY_CUDA_CHECK(2, ordering >= BFLY_CUDA_NATURAL && ordering <= BFLY_CUDA_SEQUENCY);
    BFLY_CUDA_CHECK(3, is_power_of_two(n));
    BFLY_CUDA_CHECK(4, count >= 0);
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
    const Passes S = cut(log2_of(n), kTileBits, kTileBits, L.number_bytes);
    return run_chunks(L, *device, S, nullptr, 1, ordering - BFLY_CUDA_NATURAL, Scale{{scale, 0}, {0, 0}}, ordering != BFLY_CUDA_NATURAL, n, count,
                      vx, vy, work, work_bytes, 12, (cudaStream_t)stream);
}

} // namespace bfly_cuda

using namespace bfly_cuda;

extern "C" {

#define BFLY_CUDA_REAL_MUL(t, T)                                                                                              \
    int bfly_cuda_##t##mul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, T alpha, const T *w, const T *x, \
                           bfly_int incx, bfly_int distx, T beta, T *y, bfly_int incy, bfly_int disty, void *work,            \
                           bfly_int work_bytes)                                                                               \
    {                                                                                                                         \
        const double a[2] = {alpha, 0}, b[2] = {beta, 0};                                                                     \
        return mul(*#t, false, stream, op, order, form, n, count, a, w, x, incx, distx, b, y, incy, disty, work, work_bytes); \
    }
#define BFLY_CUDA_COMPLEX_MUL(t, type, T, W, is_real)                                                                          \
    int bfly_cuda_##t##mul(void *stream, int op, int order, int form, bfly_int n, bfly_int count, const void *alpha, const W *w,   \
                           const void *x, bfly_int incx, bfly_int distx, const void *beta, void *y, bfly_int incy,            \
                           bfly_int disty, void *work, bfly_int work_bytes)                                                   \
    {                                                                                                                         \
        const T *pa = (const T *)alpha, *pb = (const T *)beta;                                                                \
        const double a[2] = {pa ? pa[0] : 0, pa ? pa[1] : 0}, b[2] = {pb ? pb[0] : 0, pb ? pb[1] : 0};                        \
        return mul(type, is_real, stream, op, order, form, n, count, pa ? a : nullptr, w, x, incx, distx, pb ? b : nullptr, y, \
                   incy, disty, work, work_bytes);                                                                            \
    }
BFLY_CUDA_REAL_MUL(s, float)
BFLY_CUDA_REAL_MUL(d, double)
BFLY_CUDA_COMPLEX_MUL(c, 'c', float, void, false)
BFLY_CUDA_COMPLEX_MUL(z, 'z', double, void, false)
BFLY_CUDA_COMPLEX_MUL(cs, 'c', float, float, true)
BFLY_CUDA_COMPLEX_MUL(zd, 'z', double, double, true)

int bfly_cuda_mul_work(int type, bfly_int n, bfly_int count, int has_beta, bfly_int *bytes)
{
    const Launcher *L = launcher_of(type);
    BFLY_CUDA_CHECK(1, L);
    BFLY_CUDA_CHECK(2, is_power_of_two(n));
    BFLY_CUDA_CHECK(3, count >= 0);
    BFLY_CUDA_CHECK(5, bytes);
    if (n > kMaxN || !fits(n, Vectors{nullptr, 1, n}, count, L->number_bytes)) return BFLY_EOVERFLOW;
    const Device *device;
    const int info = current_device(&device);
    if (info) return info;
    if (forward_stages(*L, *device) == 0) return BFLY_CUDA_ESHARED;
    *bytes = 0;
    if (!has_beta || count == 0 || forward_passes(*L, *device, log2_of(n)).count == 1) return 0;
    Workspace W(nullptr);
    W.take(chunk_of(*device, n, count, L->number_bytes) * n * L->number_bytes);
    *bytes = W.used;
    return 0;
}

#define BFLY_CUDA_FWHT(t, R, T)                                                                                                \
    int bfly_cuda_##t##fwht(void *stream, int ordering, bfly_int n, bfly_int count, R scale, const T *x, bfly_int incx,       \
                            bfly_int distx, T *y, bfly_int incy, bfly_int disty, void *work, bfly_int work_bytes)             \
    {                                                                                                                         \
        return fwht(*#t, stream, ordering, n, count, scale, x, incx, distx, y, incy, disty, work, work_bytes);                \
    }
BFLY_CUDA_FWHT(s, float, float)
BFLY_CUDA_FWHT(d, double, double)
BFLY_CUDA_FWHT(c, float, void)
BFLY_CUDA_FWHT(z, double, void)

int bfly_cuda_fwht_work(int type, int ordering, bfly_int n, bfly_int count, bfly_int *bytes)
{
    const Launcher *L = launcher_of(type);
    BFLY_CUDA_CHECK(1, L);
    BFLY_CUDA_CHECK(2, ordering >= BFLY_CUDA_NATURAL && ordering <= BFLY_CUDA_SEQUENCY);
    BFLY_CUDA_CHECK(3, is_power_of_two(n));
    BFLY_CUDA_CHECK(4, count >= 0);
    BFLY_CUDA_CHECK(5, bytes);
    if (n > kMaxN || !fits(n, Vectors{nullptr, 1, n}, count, L->number_bytes)) return BFLY_EOVERFLOW;
    const Device *device;
    const int info = current_device(&device);
    if (info) return info;
    *bytes = 0;
    if (ordering == BFLY_CUDA_NATURAL || count == 0 || log2_of(n) <= kTileBits) return 0;
    Workspace W(nullptr);
    W.take(chunk_of(*device, n, count, L->number_bytes) * n * L->number_bytes);
    *bytes = W.used;
    return 0;
}
}
