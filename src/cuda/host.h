/* host.h - argument checks, what is known of a device, and how stages are cut into passes: shared by the entry points.
 *
 * A pass of g stages needs g tables of factors in shared memory. One pass when all stages fit; otherwise the lowest
 * stages first, as many as fit, and the others shared out evenly, each tile then having 2^c contiguous numbers, at
 * least the 32 bytes of a sector.
 */
#ifndef BFLY_CUDA_HOST_H
#define BFLY_CUDA_HOST_H

#include <algorithm>
#include <cstdint>

#include "../../include/butterfly_cuda.h"
#include "launch.h"

namespace bfly_cuda {

/* ---- arguments --------------------------------------------------------------------------------------------------- */
#define BFLY_CUDA_CHECK(i, legal)   \
    do {                            \
        if (!(legal)) return -(i);  \
    } while (0)

inline bool is_op(int op) { return op >= BFLY_NO_TRANS && op <= BFLY_CONJ; }
inline bool is_order(int order) { return order == BFLY_INCREASING || order == BFLY_DECREASING; }
inline bool is_form(int form) { return form == BFLY_UNTIED || form == BFLY_TIED; }
inline bool is_power_of_two(bfly_int n) { return n >= 1 && (n & (n - 1)) == 0; }
inline bool transposes(int op) { return op == BFLY_TRANS || op == BFLY_CONJ_TRANS; }
inline bool conjugates(int op) { return op == BFLY_CONJ || op == BFLY_CONJ_TRANS; }
inline bool aligned(const void *p, int bytes) { return (uintptr_t)p % (uintptr_t)bytes == 0; }

constexpr bfly_int kMaxN = (bfly_int)1 << 40, kMaxExtent = INT64_MAX / 64;

/* (a - 1) |stride|, or more than kMaxExtent */
inline bfly_int extent(bfly_int a, bfly_int stride)
{
    if (a <= 1 || stride == 0) return 0;
    if (stride < -kMaxExtent || stride > kMaxExtent) return kMaxExtent + 1;
    const bfly_int s = stride < 0 ? -stride : stride;
    return a - 1 > kMaxExtent / s ? kMaxExtent + 1 : (a - 1) * s;
}
inline bool fits(bfly_int n, const Vectors &x, bfly_int count, int number_bytes)
{
    const bfly_int a = extent(n, x.inc), b = extent(count, x.dist);
    return a <= kMaxExtent && b <= kMaxExtent && a + b < INT64_MAX / 2 / number_bytes &&
           (count == 0 || n <= INT64_MAX / 64 / number_bytes / count);
}
inline int log2_of(bfly_int n)
{
    int l = 0;
    while ((bfly_int)1 << l < n) l++;
    return l;
}
inline Vectors advance(Vectors x, bfly_int k, int number_bytes)
{
    if (x.p) x.p = (char *)x.p + k * x.dist * number_bytes;
    return x;
}

inline const Launcher *launcher_of(int type)
{
    return type == 's' ? &launcher_s : type == 'd' ? &launcher_d : type == 'c' ? &launcher_c : type == 'z' ? &launcher_z : nullptr;
}

/* ---- the device -------------------------------------------------------------------------------------------------- */
struct Device {
    int multiprocessors, shared; /* bytes a block may have */
    bfly_int cache;
};

/* The current device, prepared. 0 or a positive code. */
int current_device(const Device **device);
/* Remembers a CUDA error for the calling thread: 0 or a positive code. */
int note(cudaError_t error);

/* ---- workspace --------------------------------------------------------------------------------------------------- */
struct Workspace {
    char *p;
    bfly_int used = 0;
    explicit Workspace(void *work) : p((char *)work) {}
    void *take(bfly_int bytes) /* with p NULL it only counts */
    {
        void *q = p ? p + used : nullptr;
        used += (bytes + 255) / 256 * 256;
        return q;
    }
};

/* ---- passes ------------------------------------------------------------------------------------------------------ */
constexpr int kMaxPasses = 40;

struct Passes {
    int count = 0;
    Pass pass[kMaxPasses]; /* strides ascend */
};

/* at most g_max stages a pass, in tiles of 2^bits numbers of one vector */
inline Passes cut(int logn, int g_max, int bits, int number_bytes)
{
    Passes S;
    g_max = std::min(g_max, bits);
    if (logn <= g_max) {
        S.pass[S.count++] = {logn, 0, logn, 0, 0};
        return S;
    }
    int sector = 0;
    while (number_bytes << sector < 32) sector++;
    const int more = std::min(g_max, bits - sector), rest = logn - g_max, others = (rest + more - 1) / more;
    S.pass[S.count++] = {logn, 0, g_max, 0, 0};
    for (int k = 0, lo = g_max; k < others; k++) {
        const int g = rest * (k + 1) / others - rest * k / others;
        S.pass[S.count++] = {logn, lo, g, std::min(bits - g, lo), 0};
        lo += g;
    }
    return S;
}

/* a pass without stages: vectors are copied, or beta y is formed */
inline Pass no_stages(int logn) { return {logn, std::min(logn, kTileBits - 1), 0, std::min(logn, kTileBits - 1), 0}; }

/* tiles over the second and third dimension of a grid */
inline dim3 grid_of(bfly_int blocks, const Pass &P)
{
    const bfly_int tiles = tiles_of(P), y = std::min(tiles, (bfly_int)32768);
    return dim3((unsigned)blocks, (unsigned)y, (unsigned)(tiles / y));
}

/* vectors at a time such that what lies between two passes stays in the second-level cache */
inline bfly_int chunk_of(const Device &device, bfly_int n, bfly_int count, int number_bytes)
{
    const bfly_int vectors = (bfly_int)((double)device.cache * BFLY_L2_SHARE / ((double)n * number_bytes));
    return std::max((bfly_int)1, std::min(vectors, count));
}

/* ---- one multiply, used by the multiply, the gradient and the Hadamard transform ---------------------------------- */
constexpr bfly_int kMaxCount = (bfly_int)1 << 30; /* vectors a launch: items are int */

struct Scale {
    double alpha[2], beta[2];
    bool plain() const { return alpha[0] == 1 && alpha[1] == 0 && beta[0] == 0 && beta[1] == 0; }
    bool reads_y() const { return beta[0] != 0 || beta[1] != 0; }
    bool reads_x() const { return alpha[0] != 0 || alpha[1] != 0; }
};
constexpr Scale kPlain = {{1, 0}, {0, 0}};

int forward_stages(const Launcher &L, const Device &device); /* most a pass, 0: not even one */
Passes forward_passes(const Launcher &L, const Device &device, int logn);
void run_pass(const Launcher &L, const Device &device, const Pass &pass, const Factors *F, int up, int ordering,
              const Scale &scale, Vectors x, Vectors y, bfly_int count, cudaStream_t stream);
/* y := op(B) x as a chain of passes, for vectors of one chunk; between: where vectors lie meanwhile */
void run_chain(const Launcher &L, const Device &device, const Passes &S, const Factors *F, int up, int ordering,
               const Scale &scale, Vectors x, Vectors between, Vectors y, bfly_int count, cudaStream_t stream);
int multiply(const Launcher &L, const Factors &F, int up, bfly_int n, bfly_int count, const Scale &scale, Vectors x, Vectors y,
             void *work, bfly_int work_bytes, int position, cudaStream_t stream);

inline Factors factors(const void *w, int op, int order, int form, bool is_real)
{
    return {w, form == BFLY_TIED, order == BFLY_INCREASING, transposes(op), conjugates(op), is_real};
}
inline int ascends(int op, int order) { return (order == BFLY_INCREASING) != transposes(op); }

} // namespace bfly_cuda

#endif
