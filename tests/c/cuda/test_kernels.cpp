/* test_kernels.cpp - the whole CUDA library, its kernels simulated, against the library for processors.
 *
 *     test_kernels [part | short | normal | full] [KB of shared memory a block may have: 227, 163, 99, 64]
 *
 * Every type, size, op, order and form; several vectors a tile and several tiles a vector; strides; in place; on
 * devices with little shared memory and cache, so that the passes are many; each result the same bits when run again.
 */
#include <algorithm>
#include <complex>
#include <cstdio>
#include <random>
#include <vector>

#include "butterfly_cuda.h"
#include "sim.h"

static long done, failed;
#define CHECK(ok, ...)                                                        \
    do {                                                                      \
        done++;                                                               \
        if (!(ok) && failed++ < 20) {                                         \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #ok);          \
            fprintf(stderr, __VA_ARGS__);                                     \
            fputc('\n', stderr);                                              \
        }                                                                     \
    } while (0)

static std::mt19937_64 generator(1);
static double random_real() { return (double)(int64_t)(generator() >> 11) * 0x1p-52 - 1; }

/* ---- the functions of one type --------------------------------------------------------------------------------------- */
template <class W, class X> struct Api;
#define COMMON(t, letter, R)                                                                                                  \
    static constexpr const char *name = #t;                                                                                   \
    static constexpr int type = letter;                                                                                       \
    using real = R;
#define REAL_API(t, letter, T)                                                                                                \
    template <> struct Api<T, T> {                                                                                            \
        COMMON(t, letter, T)                                                                                                  \
        static int mul(int op, int order, int form, bfly_int n, bfly_int count, T a, const T *w, const T *x, bfly_int ix, bfly_int dx, T b, T *y, bfly_int iy, bfly_int dy) { return bfly_##t##mul(op, order, form, n, count, a, w, x, ix, dx, b, y, iy, dy); } \
        static int cuda_mul(int op, int order, int form, bfly_int n, bfly_int count, T a, const T *w, const T *x, bfly_int ix, bfly_int dx, T b, T *y, bfly_int iy, bfly_int dy, void *work, bfly_int bytes) { return bfly_cuda_##t##mul(nullptr, op, order, form, n, count, a, w, x, ix, dx, b, y, iy, dy, work, bytes); } \
        static constexpr auto grad = bfly_##t##grad;                                                                          \
        static constexpr auto cuda_grad = bfly_cuda_##t##grad;                                                                \
    };
#define COMPLEX_API(t, letter, R, W)                                                                                          \
    template <> struct Api<W, std::complex<R>> {                                                                              \
        COMMON(t, letter, R)                                                                                                  \
        using T = std::complex<R>;                                                                                            \
        static int mul(int op, int order, int form, bfly_int n, bfly_int count, T a, const W *w, const T *x, bfly_int ix, bfly_int dx, T b, T *y, bfly_int iy, bfly_int dy) { return bfly_##t##mul(op, order, form, n, count, &a, w, x, ix, dx, &b, y, iy, dy); } \
        static int cuda_mul(int op, int order, int form, bfly_int n, bfly_int count, T a, const W *w, const T *x, bfly_int ix, bfly_int dx, T b, T *y, bfly_int iy, bfly_int dy, void *work, bfly_int bytes) { return bfly_cuda_##t##mul(nullptr, op, order, form, n, count, &a, w, x, ix, dx, &b, y, iy, dy, work, bytes); } \
        static constexpr auto grad = bfly_##t##grad;                                                                          \
        static constexpr auto cuda_grad = bfly_cuda_##t##grad;                                                                \
    };
REAL_API(s, 's', float)
REAL_API(d, 'd', double)
COMPLEX_API(c, 'c', float, std::complex<float>)
COMPLEX_API(z, 'z', double, std::complex<double>)
COMPLEX_API(cs, 'c', float, float)
COMPLEX_API(zd, 'z', double, double)

template <class T> struct PermApi;
#define PERM_API(t, letter, R, X)                                        \
    template <> struct PermApi<X> {                                      \
        static constexpr int type = letter;                              \
        using real = R;                                                  \
        static constexpr auto perm = bfly_##t##perm;                     \
        static constexpr auto cuda_perm = bfly_cuda_##t##perm;           \
        static constexpr auto relaxed = bfly_##t##relaxed_perm;          \
        static constexpr auto cuda_relaxed = bfly_cuda_##t##relaxed_perm; \
        static constexpr auto grad = bfly_##t##relaxed_perm_grad;        \
        static constexpr auto cuda_grad = bfly_cuda_##t##relaxed_perm_grad; \
        static constexpr auto fwht = bfly_cuda_##t##fwht;                \
        static constexpr auto hadamard = bfly_##t##hadamard_factors;     \
        static constexpr auto mul = bfly_##t##mul;                       \
    };
PERM_API(s, 's', float, float)
PERM_API(d, 'd', double, double)
PERM_API(c, 'c', float, std::complex<float>)
PERM_API(z, 'z', double, std::complex<double>)

/* ---- data ------------------------------------------------------------------------------------------------------------ */
template <class T> void put_random(T &v) { v = (T)random_real(); }
template <class T> void put_random(std::complex<T> &v) { v = {(T)random_real(), (T)random_real()}; }
template <class T> std::vector<T> random_vector(size_t size)
{
    std::vector<T> v(size);
    for (T &e : v) put_random(e);
    return v;
}

/* count vectors of n numbers somewhere in a buffer */
struct Shape {
    bfly_int n, count, inc, dist;
    size_t size() const { return (size_t)(1 + (n - 1) * std::abs(inc) + std::max((bfly_int)0, count - 1) * std::abs(dist)); }
    size_t start() const { return (size_t)((inc < 0 ? -(n - 1) * inc : 0) + (dist < 0 && count > 1 ? -(count - 1) * dist : 0)); }
};
static Shape shape_of(int kind, bfly_int n, bfly_int count)
{
    switch (kind) {
    case 1: return {n, count, 1, n + 3};           /* rows apart */
    case 2: return {n, count, count + 1, 1};       /* columns */
    case 3: return {n, count, -1, -n};             /* backwards */
    case 4: return {n, count, 2, 2 * n};
    default: return {n, count, 1, n};
    }
}

template <class T> double distance(const std::vector<T> &a, const std::vector<T> &b)
{
    double most = 0, size = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const double d = std::abs(a[i] - b[i]);
        if (!(d <= most)) most = d; /* a NaN stays */
        size = std::max(size, (double)std::abs(b[i]));
    }
    return most / (size > 0 ? size : 1);
}
template <class T> bool same_bits(const std::vector<T> &a, const std::vector<T> &b)
{
    return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}
template <class R> double tolerance(int logn, double terms) { return 16 * std::max(1, logn) * (double)std::numeric_limits<R>::epsilon() * std::sqrt(terms); }

struct Work {
    void *p = nullptr;
    bfly_int bytes;
    explicit Work(bfly_int bytes) : bytes(bytes)
    {
        if (bytes) {
            p = aligned_alloc(256, (size_t)bytes);
            memset(p, 0xff, (size_t)bytes);
        }
    }
    ~Work() { free(p); }
};

static const int ops[] = {BFLY_NO_TRANS, BFLY_TRANS, BFLY_CONJ_TRANS, BFLY_CONJ}, orders[] = {BFLY_INCREASING, BFLY_DECREASING},
                 forms[] = {BFLY_UNTIED, BFLY_TIED};
static size_t blocks_of(bfly_int n, int logn, int form) { return (size_t)(form == BFLY_TIED ? n - 1 : logn * (n / 2)); }

/* ---- multiply and gradients ------------------------------------------------------------------------------------------- */
template <class W, class X> void one_mul(int logn, bfly_int count, int op, int order, int form, int kind_x, int kind_y, int scaling)
{
    using A = Api<W, X>;
    const bfly_int n = (bfly_int)1 << logn;
    const Shape sx = shape_of(kind_x, n, count), sy = shape_of(kind_y, n, count);
    const std::vector<W> w = random_vector<W>(4 * blocks_of(n, logn, form));
    const std::vector<X> x = random_vector<X>(sx.size()), y0 = random_vector<X>(sy.size());
    X alpha = X(1), beta = X(0);
    if (scaling) put_random(alpha), put_random(beta);
    if (scaling == 2) beta = X(0);
    if (scaling == 3) alpha = X(0);
    std::vector<X> expected = y0, got = y0;
    CHECK(A::mul(op, order, form, n, count, alpha, w.data(), x.data() + sx.start(), sx.inc, sx.dist, beta, expected.data() + sy.start(), sy.inc, sy.dist) == 0, "mul");
    bfly_int bytes = -1;
    CHECK(bfly_cuda_mul_work(A::type, n, count, beta != X(0), &bytes) == 0, "work");
    for (int again = 0; again < 2; again++) {
        const Work work(bytes);
        std::vector<X> out = y0;
        const int info = A::cuda_mul(op, order, form, n, count, alpha, w.data(), x.data() + sx.start(), sx.inc, sx.dist, beta, out.data() + sy.start(), sy.inc, sy.dist, work.p, work.bytes);
        CHECK(info == 0, "%smul: %d", A::name, info);
        CHECK(!again || same_bits(out, got), "%smul n=%ld differs from itself", A::name, (long)n);
        got = out;
    }
    const double d = distance(got, expected);
    CHECK(d <= tolerance<typename A::real>(logn, 1), "%smul n=%ld count=%ld op=%d order=%d form=%d shapes %d %d scaling %d: %g", A::name, (long)n, (long)count, op, order, form, kind_x, kind_y, scaling, d);
    if (kind_x == kind_y && scaling == 0) { /* in place */
        std::vector<X> both = x;
        CHECK(A::cuda_mul(op, order, form, n, count, alpha, w.data(), both.data() + sx.start(), sx.inc, sx.dist, beta, both.data() + sx.start(), sx.inc, sx.dist, nullptr, 0) == 0, "in place");
        for (bfly_int k = 0; k < count; k++)
            for (bfly_int i = 0; i < n; i++) {
                const size_t at = (size_t)((bfly_int)sx.start() + i * sx.inc + k * sx.dist);
                CHECK(both[at] == got[at], "%smul in place n=%ld", A::name, (long)n);
            }
    }
}

template <class W, class X> void one_grad(int logn, bfly_int count, int op, int order, int form, int kind, int accumulate, int wants)
{
    using A = Api<W, X>;
    const bfly_int n = (bfly_int)1 << logn;
    const Shape s = shape_of(kind, n, count), dense = shape_of(0, n, count);
    const std::vector<W> w = random_vector<W>(4 * blocks_of(n, logn, form)), gw0 = random_vector<W>(w.size());
    const std::vector<X> x = random_vector<X>(s.size()), gy = random_vector<X>(dense.size());
    std::vector<W> gw = gw0, gw_got = gw0;
    std::vector<X> gx = x, gx_got = x;
    W *no_w = nullptr;
    X *no_x = nullptr;
    CHECK(A::grad(op, order, form, accumulate, n, count, w.data(), x.data() + s.start(), s.inc, s.dist, gy.data(), 1, n, wants & 1 ? gw.data() : no_w, wants & 2 ? gx.data() + s.start() : no_x, s.inc, s.dist) == 0, "grad");
    bfly_int bytes = -1;
    const int able = bfly_cuda_grad_work(A::type, n, count, wants & 2, &bytes);
    if (A::type == 'z' && sim::settings.shared < 96 * 1024 && n > 1) { /* said in the header */
        CHECK(able == BFLY_CUDA_ESHARED, "work: %d", able);
        return;
    }
    CHECK(able == 0, "work: %d", able);
    for (int again = 0; again < 2; again++) {
        const Work work(bytes);
        std::vector<W> this_w = gw0;
        std::vector<X> this_x = x;
        const int info = A::cuda_grad(nullptr, op, order, form, accumulate, n, count, w.data(), x.data() + s.start(), s.inc, s.dist, gy.data(), 1, n, wants & 1 ? this_w.data() : no_w, wants & 2 ? this_x.data() + s.start() : no_x, s.inc, s.dist, work.p, work.bytes);
        CHECK(info == 0, "%sgrad n=%ld: %d", A::name, (long)n, info);
        CHECK(!again || (same_bits(this_w, gw_got) && same_bits(this_x, gx_got)), "%sgrad n=%ld differs from itself", A::name, (long)n);
        gw_got = this_w;
        gx_got = this_x;
    }
    const double terms = form == BFLY_TIED ? (double)(n * std::max((bfly_int)1, count)) : (double)std::max((bfly_int)1, count);
    const double dw = distance(gw_got, gw), dx = distance(gx_got, gx), most = tolerance<typename A::real>(logn, 1 + terms / 16);
    CHECK(dw <= most, "%sgrad n=%ld count=%ld op=%d order=%d form=%d shape %d wants %d: gw %g > %g", A::name, (long)n, (long)count, op, order, form, kind, wants, dw, most);
    CHECK(dx <= tolerance<typename A::real>(logn, 1), "%sgrad n=%ld count=%ld op=%d order=%d form=%d shape %d wants %d: gx %g", A::name, (long)n, (long)count, op, order, form, kind, wants, dx);
    if (wants == 3 && kind == 0 && count > 0) { /* gx is gy */
        const Work work(bytes);
        std::vector<W> this_w = gw0;
        std::vector<X> both = gy;
        A::cuda_grad(nullptr, op, order, form, accumulate, n, count, w.data(), x.data(), 1, n, both.data(), 1, n, this_w.data(), both.data(), 1, n, work.p, work.bytes);
        CHECK(same_bits(both, gx_got) && same_bits(this_w, gw_got), "%sgrad in place n=%ld", A::name, (long)n);
    }
}

static bool part; /* one in five combinations */

template <class W, class X> void products(int from, int to, bool thorough)
{
    for (int logn = from; logn <= to; logn++) {
        const bfly_int n = (bfly_int)1 << logn, tile = n >= 1024 ? 1 : 1024 / n;
        const bfly_int counts[] = {1, 5 * tile + (n < 1024 ? 3 : 0), tile, 13 * tile};
        int turn = logn;
        for (int op : ops)
            for (int order : orders)
                for (int form : forms) {
                    if (part && turn % 5) {
                        turn++;
                        continue;
                    }
                    /* otherwise every other combination at this size, the others at the next */
                    if (thorough || turn % 2) {
                        for (int k = 0; k < (thorough ? 4 : 1); k++)
                            one_mul<W, X>(logn, counts[(turn / 2 + k) % (n > 4096 ? 2 : 4)], op, order, form, turn % 5, turn / 2 % 5, (turn / 2 + k) % 4);
                        one_grad<W, X>(logn, counts[turn / 2 % 2], op, order, form, turn % 5, turn / 4 % 2, 3);
                    }
                    if (thorough || turn % 2 == 0) one_mul<W, X>(logn, counts[turn / 2 % 2], op, order, form, turn % 5, turn % 5, 0);
                    if (thorough) one_grad<W, X>(logn, counts[2], op, order, form, 0, turn % 2, 3);
                    turn++;
                }
        one_grad<W, X>(logn, 3, BFLY_TRANS, BFLY_INCREASING, BFLY_UNTIED, 0, 1, 1);
        one_grad<W, X>(logn, 3, BFLY_TRANS, BFLY_DECREASING, BFLY_TIED, 0, 0, 2);
        one_grad<W, X>(logn, 0, BFLY_NO_TRANS, BFLY_DECREASING, BFLY_TIED, 0, 0, 3);
        one_mul<W, X>(logn, 0, BFLY_NO_TRANS, BFLY_DECREASING, BFLY_TIED, 0, 0, 0);
    }
}

/* ---- permutations and Hadamard ----------------------------------------------------------------------------------------- */
template <class X> void permutations(bfly_int n, bfly_int count, int op, int kind_x, int kind_y)
{
    using A = PermApi<X>;
    const Shape sx = shape_of(kind_x, n, count), sy = shape_of(kind_y, n, count);
    std::vector<bfly_int> perm((size_t)n);
    for (size_t i = 0; i < perm.size(); i++) perm[i] = (bfly_int)i;
    std::shuffle(perm.begin(), perm.end(), generator);
    const std::vector<X> x = random_vector<X>(sx.size()), y0 = random_vector<X>(sy.size());
    std::vector<X> expected = y0, got = y0;
    A::perm(op, n, count, perm.data(), x.data() + sx.start(), sx.inc, sx.dist, expected.data() + sy.start(), sy.inc, sy.dist);
    CHECK(A::cuda_perm(nullptr, op, n, count, perm.data(), x.data() + sx.start(), sx.inc, sx.dist, got.data() + sy.start(), sy.inc, sy.dist, nullptr, 0) == 0, "perm");
    CHECK(same_bits(got, expected), "perm n=%ld count=%ld op=%d", (long)n, (long)count, op);
    bfly_int bytes;
    CHECK(bfly_cuda_perm_work(A::type, n, count, 1, &bytes) == 0 && bytes > 0, "work");
    const Work work(bytes);
    expected = got = x;
    A::perm(op, n, count, perm.data(), x.data() + sx.start(), sx.inc, sx.dist, expected.data() + sx.start(), sx.inc, sx.dist);
    CHECK(A::cuda_perm(nullptr, op, n, count, perm.data(), got.data() + sx.start(), sx.inc, sx.dist, got.data() + sx.start(), sx.inc, sx.dist, work.p, bytes) == 0, "perm");
    CHECK(same_bits(got, expected), "perm in place n=%ld count=%ld op=%d", (long)n, (long)count, op);
}

template <class X> void relaxed(int logn, bfly_int count, int op, int kind)
{
    using A = PermApi<X>;
    using R = typename A::real;
    const bfly_int n = (bfly_int)1 << logn;
    const Shape s = shape_of(kind, n, count);
    std::vector<R> prob = random_vector<R>(3 * (size_t)std::max(0, logn - 1)), gprob0 = random_vector<R>(prob.size());
    for (R &p : prob) p = (R)0.5 * (p + 1);
    if (!prob.empty()) prob[0] = 0, prob[prob.size() - 1] = 1;
    const std::vector<X> x = random_vector<X>(s.size()), gy = random_vector<X>((size_t)(n * count));
    std::vector<X> expected = x, got = x;
    A::relaxed(op, n, count, prob.data(), x.data() + s.start(), s.inc, s.dist, expected.data() + s.start(), s.inc, s.dist);
    bfly_int bytes;
    CHECK(bfly_cuda_relaxed_perm_work(A::type, n, count, &bytes) == 0, "work");
    const Work work(bytes);
    CHECK(A::cuda_relaxed(nullptr, op, n, count, prob.data(), x.data() + s.start(), s.inc, s.dist, got.data() + s.start(), s.inc, s.dist, work.p, bytes) == 0, "relaxed");
    CHECK(distance(got, expected) <= tolerance<R>(logn, 1), "relaxed n=%ld count=%ld op=%d: %g", (long)n, (long)count, op, distance(got, expected));
    CHECK(bfly_cuda_relaxed_perm_grad_work(A::type, n, count, &bytes) == 0, "work");
    for (int wants = 1; wants <= 3; wants++) {
        std::vector<R> gprob = gprob0, gprob_got = gprob0;
        std::vector<X> gx = x, gx_got = x;
        R *no_prob = nullptr;
        X *no_x = nullptr;
        A::grad(op, wants % 2, n, count, prob.data(), x.data() + s.start(), s.inc, s.dist, gy.data(), 1, n, wants & 1 ? gprob.data() : no_prob, wants & 2 ? gx.data() + s.start() : no_x, s.inc, s.dist);
        for (int again = 0; again < 2; again++) {
            const Work space(std::max(bytes, work.bytes));
            std::vector<R> this_prob = gprob0;
            std::vector<X> this_x = x;
            const int info = A::cuda_grad(nullptr, op, wants % 2, n, count, prob.data(), x.data() + s.start(), s.inc, s.dist, gy.data(), 1, n, wants & 1 ? this_prob.data() : no_prob, wants & 2 ? this_x.data() + s.start() : no_x, s.inc, s.dist, space.p, space.bytes);
            CHECK(info == 0, "relaxed_perm_grad n=%ld: %d", (long)n, info);
            CHECK(!again || (same_bits(this_prob, gprob_got) && same_bits(this_x, gx_got)), "relaxed_perm_grad differs from itself");
            gprob_got = this_prob;
            gx_got = this_x;
        }
        CHECK(distance(gprob_got, gprob) <= tolerance<R>(logn, 1 + (double)(n * count)), "gprob n=%ld count=%ld op=%d wants %d: %g", (long)n, (long)count, op, wants, distance(gprob_got, gprob));
        CHECK(distance(gx_got, gx) <= tolerance<R>(logn, 1), "gx n=%ld count=%ld op=%d wants %d: %g", (long)n, (long)count, op, wants, distance(gx_got, gx));
    }
}

static int sign_changes(bfly_int row, bfly_int n)
{
    int changes = 0;
    for (bfly_int k = 1; k < n; k++) changes += (__builtin_popcountll((unsigned long long)(row & k)) ^ __builtin_popcountll((unsigned long long)(row & (k - 1)))) & 1;
    return changes;
}

template <class X> void hadamard(int logn, bfly_int count, int ordering, int kind)
{
    using A = PermApi<X>;
    using R = typename A::real;
    const bfly_int n = (bfly_int)1 << logn;
    const Shape s = shape_of(kind, n, count);
    const std::vector<X> x = random_vector<X>(s.size());
    std::vector<X> natural = x, expected = x, got = x, w(4 * blocks_of(n, logn, BFLY_TIED));
    A::hadamard(BFLY_INCREASING, BFLY_TIED, n, w.data());
    if constexpr (sizeof(X) == sizeof(R))
        A::mul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_TIED, n, count, (R)0.25, w.data(), x.data() + s.start(), s.inc, s.dist, 0, natural.data() + s.start(), s.inc, s.dist);
    else {
        const X alpha = X((R)0.25), beta = X(0);
        A::mul(BFLY_NO_TRANS, BFLY_INCREASING, BFLY_TIED, n, count, &alpha, w.data(), x.data() + s.start(), s.inc, s.dist, &beta, natural.data() + s.start(), s.inc, s.dist);
    }
    for (bfly_int i = 0; i < n; i++) {
        bfly_int place = i;
        if (ordering == BFLY_CUDA_PALEY) {
            place = 0;
            for (int b = 0; b < logn; b++) place |= (i >> b & 1) << (logn - 1 - b);
        } else if (ordering == BFLY_CUDA_SEQUENCY)
            place = n <= 2048 ? sign_changes(i, n) : -1;
        if (place < 0) return;
        for (bfly_int k = 0; k < count; k++) expected[(size_t)((bfly_int)s.start() + place * s.inc + k * s.dist)] = natural[(size_t)((bfly_int)s.start() + i * s.inc + k * s.dist)];
    }
    bfly_int bytes;
    CHECK(bfly_cuda_fwht_work(A::type, ordering, n, count, &bytes) == 0, "work");
    const Work work(bytes);
    CHECK(A::fwht(nullptr, ordering, n, count, (R)0.25, x.data() + s.start(), s.inc, s.dist, got.data() + s.start(), s.inc, s.dist, work.p, bytes) == 0, "fwht");
    CHECK(distance(got, expected) <= tolerance<R>(logn, 1), "fwht n=%ld count=%ld ordering %d: %g", (long)n, (long)count, ordering, distance(got, expected));
    std::vector<X> both = x;
    A::fwht(nullptr, ordering, n, count, (R)0.25, both.data() + s.start(), s.inc, s.dist, both.data() + s.start(), s.inc, s.dist, work.p, bytes);
    CHECK(same_bits(both, got), "fwht in place n=%ld", (long)n);
}

template <class X> void others(bool thorough)
{
    for (int op : ops) {
        for (bfly_int n : {1, 2, 3, 257, 1000}) permutations<X>(n, 5, op, (int)n % 5, (int)(n + op) % 5);
        for (int logn = 0; logn <= (thorough ? 12 : 9); logn++) relaxed<X>(logn, logn > 8 ? 4 : 9, op, (logn + op) % 5);
    }
    for (int ordering : {BFLY_CUDA_NATURAL, BFLY_CUDA_PALEY, BFLY_CUDA_SEQUENCY})
        for (int logn = 0; logn <= (thorough ? 15 : 12); logn++)
            for (bfly_int count : {1, 7}) hadamard<X>(logn, count, ordering, (logn + ordering) % 5);
}

int main(int argc, char **argv)
{
    const bool quick = argc > 1 && !strcmp(argv[1], "short"), full = argc > 1 && !strcmp(argv[1], "full");
    part = argc > 1 && !strcmp(argv[1], "part");
    const int shared = argc > 2 ? atoi(argv[2]) : 227;
    /* the cache so small that some thousand numbers are a chunk */
    sim::settings = {1, shared == 227 ? 3 : 2, shared * 1024, 1 << 17};
    if (bfly_cuda_init(0)) return 2;
    const int least = part ? 10 : 0, most = part || quick ? 11 : full ? 15 : 13;
    products<float, float>(least, most, full);
    products<double, double>(least, part ? most : most - 1, full);
    products<std::complex<float>, std::complex<float>>(least, most - 1, full);
    products<std::complex<double>, std::complex<double>>(part ? 9 : 0, most - 2, full);
    if (!part) {
        products<float, std::complex<float>>(1, quick ? 5 : 10, false);
        products<double, std::complex<double>>(1, quick ? 5 : 9, false);
        others<float>(!quick);
        others<double>(full);
        others<std::complex<float>>(full);
        others<std::complex<double>>(full);
    }
    printf("%ld checks, %ld failed; %ld launches, %ld blocks\n", done, failed, sim::report.launches, sim::report.blocks);
    return failed != 0;
}
