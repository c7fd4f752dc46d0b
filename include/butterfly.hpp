/* butterfly.hpp - the C++17 face of butterfly.h: overloads by type, errors as exceptions, plans that own themselves.
 *
 * Header only; link libbutterfly. Meaning, shapes, strides, aliasing and thread safety are those of butterfly.h, and so
 * are the orders of the arguments. Numbers are float, double, std::complex<float> and std::complex<double>; factors may
 * be real where the data are complex.
 *
 *     std::vector<std::complex<double>> w = butterfly::fft_factors<std::complex<double>>(n);
 *     butterfly::multiply(n, count, w.data(), x.data(), y.data());
 *
 * A function that is given an illegal argument throws butterfly::illegal_argument, which knows the argument's name; want
 * of memory is std::bad_alloc; anything else butterfly::error, which knows the code. Outputs are then as they were.
 */
#ifndef BUTTERFLY_HPP
#define BUTTERFLY_HPP

#include "butterfly.h"

#include <complex>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace butterfly {

using integer = bfly_int;

enum class op : int { none = BFLY_NO_TRANS, trans = BFLY_TRANS, conj_trans = BFLY_CONJ_TRANS, conj = BFLY_CONJ };
enum class order : int { increasing = BFLY_INCREASING, decreasing = BFLY_DECREASING };
enum class form : int { untied = BFLY_UNTIED, tied = BFLY_TIED };
enum class ordering : int { natural = BFLY_NATURAL, paley = BFLY_PALEY, sequency = BFLY_SEQUENCY };
enum class direction : int { forward = BFLY_FORWARD, inverse = BFLY_INVERSE };
enum class layout : int { row_major = BFLY_ROW_MAJOR, col_major = BFLY_COL_MAJOR };
enum class side : int { left = BFLY_LEFT, right = BFLY_RIGHT };

/* ---- errors ---- */

class illegal_argument : public std::invalid_argument {
public:
    illegal_argument(const std::string &function, int position, const std::string &name)
        : std::invalid_argument(function + ": illegal argument " + std::to_string(position) + " (" + name + ")"),
          function_(function), name_(name), position_(position)
    {
    }
    const std::string &function() const noexcept { return function_; } /* the C function: "bfly_mul" */
    const std::string &argument() const noexcept { return name_; }     /* its name there: "incy" */
    int position() const noexcept { return position_; }                /* counted from 1 */

private:
    std::string function_, name_;
    int position_;
};

class error : public std::runtime_error {
public:
    error(const std::string &function, int code)
        : std::runtime_error(function + ": " + bfly_strerror(code)), function_(function), code_(code)
    {
    }
    const std::string &function() const noexcept { return function_; }
    int code() const noexcept { return code_; } /* BFLY_E... */

private:
    std::string function_;
    int code_;
};

namespace detail {

/* arguments: the names, separated by blanks */
inline void check(int result, const char *function, const char *arguments)
{
    if (result == 0) return;
    if (result == BFLY_ENOMEM) throw std::bad_alloc();
    if (result > 0) throw error(function, result);
    std::string name;
    int position = 1;
    for (const char *p = arguments; *p != '\0' && position <= -result; p++) {
        if (*p == ' ')
            position++;
        else if (position == -result)
            name += *p;
    }
    throw illegal_argument(function, -result, name);
}

template <class T> struct real_of {
    using type = T;
};
template <class T> struct real_of<std::complex<T>> {
    using type = T;
};
template <class T> using real_t = typename real_of<T>::type;
/* an argument that takes no part in finding the type */
template <class T> struct same {
    using type = T;
};
template <class T> using same_t = typename same<T>::type;

/* real scalars go by value, complex ones by pointer */
inline float pass(const float &a) { return a; }
inline double pass(const double &a) { return a; }
template <class T> const void *pass(const std::complex<T> &a) { return &a; }

/* The C functions by type of factors W and of data X. */
template <class W, class X> struct pair {
    static_assert(sizeof(W) == 0, "butterfly: factors and data must be float, double or std::complex of these, "
                                  "of the same precision, and not complex factors with real data");
};
template <class X> struct single {
    static_assert(sizeof(X) == 0, "butterfly: data must be float, double or std::complex of these");
};
#define BUTTERFLY_PAIR(t, W, X)                                                                                        \
    template <> struct pair<W, X> {                                                                                    \
        static constexpr auto mul = bfly_##t##mul;                                                                     \
        static constexpr auto grad = bfly_##t##grad;                                                                   \
        static constexpr auto mul_work = bfly_##t##mul_work;                                                           \
        static constexpr auto grad_work = bfly_##t##grad_work;                                                         \
        static constexpr auto bmv = bfly_##t##bmv;                                                                     \
        static constexpr auto bmm = bfly_##t##bmm;                                                                     \
    };
BUTTERFLY_PAIR(s, float, float)
BUTTERFLY_PAIR(d, double, double)
BUTTERFLY_PAIR(c, std::complex<float>, std::complex<float>)
BUTTERFLY_PAIR(z, std::complex<double>, std::complex<double>)
BUTTERFLY_PAIR(cs, float, std::complex<float>)
BUTTERFLY_PAIR(zd, double, std::complex<double>)
#undef BUTTERFLY_PAIR
#define BUTTERFLY_SINGLE(t, X)                                                                                         \
    template <> struct single<X> {                                                                                     \
        static constexpr auto perm = bfly_##t##perm;                                                                   \
        static constexpr auto fwht = bfly_##t##fwht;                                                                   \
        static constexpr auto relaxed_perm = bfly_##t##relaxed_perm;                                                   \
        static constexpr auto relaxed_perm_grad = bfly_##t##relaxed_perm_grad;                                         \
        static constexpr auto dense = bfly_##t##dense;                                                                 \
        static constexpr auto hadamard_factors = bfly_##t##hadamard_factors;                                           \
    };
BUTTERFLY_SINGLE(s, float)
BUTTERFLY_SINGLE(d, double)
BUTTERFLY_SINGLE(c, std::complex<float>)
BUTTERFLY_SINGLE(z, std::complex<double>)
#undef BUTTERFLY_SINGLE
inline int fft_factors(int d, int o, int f, integer n, std::complex<float> *w)
{
    return bfly_cfft_factors(d, o, f, n, w);
}
inline int fft_factors(int d, int o, int f, integer n, std::complex<double> *w)
{
    return bfly_zfft_factors(d, o, f, n, w);
}

} // namespace detail

/* ---- products and gradients ---- */

/* y := alpha op(B) x + beta y for count vectors; bfly_?mul */
template <class W, class X>
void multiply(op o, order r, form f, integer n, integer count, detail::same_t<X> alpha, const W *w, const X *x,
              integer incx, integer distx, detail::same_t<X> beta, X *y, integer incy, integer disty)
{
    detail::check(detail::pair<W, X>::mul(int(o), int(r), int(f), n, count, detail::pass(alpha), w, x, incx, distx,
                                          detail::pass(beta), y, incy, disty),
                  "bfly_mul", "op order form n count alpha w x incx distx beta y incy disty");
}

/* y := op(B) x for count vectors, one after the other */
template <class W, class X>
void multiply(integer n, integer count, const W *w, const X *x, X *y, op o = op::none, order r = order::increasing,
              form f = form::untied)
{
    multiply(o, r, f, n, count, X(1), w, x, 1, n, X(0), y, 1, n);
}

/* gw and gx, either of which may be nullptr; bfly_?grad */
template <class W, class X>
void gradient(op o, order r, form f, bool accumulate, integer n, integer count, const W *w, const X *x, integer incx,
              integer distx, const X *gy, integer incgy, integer distgy, detail::same_t<W> *gw, detail::same_t<X> *gx,
              integer incgx, integer distgx)
{
    detail::check(detail::pair<W, X>::grad(int(o), int(r), int(f), int(accumulate), n, count, w, x, incx, distx, gy,
                                           incgy, distgy, gw, gx, incgx, distgx),
                  "bfly_grad",
                  "op order form accumulate n count w x incx distx gy incgy distgy gw gx incgx distgx");
}

/* The same in memory of the caller, without an allocation. multiply_bytes and gradient_bytes tell how many bytes such a
 * call takes, fewer are std::bad_alloc; bfly_?mul_work, bfly_?grad_work */
template <class W, class X>
integer multiply_bytes(op o, order r, form f, integer n, integer count, detail::same_t<X> alpha, const W *w, const X *x,
                       integer incx, integer distx, detail::same_t<X> beta, X *y, integer incy, integer disty)
{
    integer bytes = 0;
    detail::check(detail::pair<W, X>::mul_work(int(o), int(r), int(f), n, count, detail::pass(alpha), w, x, incx, distx,
                                               detail::pass(beta), y, incy, disty, nullptr, &bytes),
                  "bfly_mul_work", "op order form n count alpha w x incx distx beta y incy disty work bytes");
    return bytes;
}
template <class W, class X>
void multiply(op o, order r, form f, integer n, integer count, detail::same_t<X> alpha, const W *w, const X *x,
              integer incx, integer distx, detail::same_t<X> beta, X *y, integer incy, integer disty, void *work,
              integer bytes)
{
    char none;
    detail::check(detail::pair<W, X>::mul_work(int(o), int(r), int(f), n, count, detail::pass(alpha), w, x, incx, distx,
                                               detail::pass(beta), y, incy, disty, work ? work : &none, &bytes),
                  "bfly_mul_work", "op order form n count alpha w x incx distx beta y incy disty work bytes");
}
template <class W, class X>
integer gradient_bytes(op o, order r, form f, bool accumulate, integer n, integer count, const W *w, const X *x,
                       integer incx, integer distx, const X *gy, integer incgy, integer distgy, detail::same_t<W> *gw,
                       detail::same_t<X> *gx, integer incgx, integer distgx)
{
    integer bytes = 0;
    detail::check(detail::pair<W, X>::grad_work(int(o), int(r), int(f), int(accumulate), n, count, w, x, incx, distx,
                                                gy, incgy, distgy, gw, gx, incgx, distgx, nullptr, &bytes),
                  "bfly_grad_work",
                  "op order form accumulate n count w x incx distx gy incgy distgy gw gx incgx distgx work bytes");
    return bytes;
}
template <class W, class X>
void gradient(op o, order r, form f, bool accumulate, integer n, integer count, const W *w, const X *x, integer incx,
              integer distx, const X *gy, integer incgy, integer distgy, detail::same_t<W> *gw, detail::same_t<X> *gx,
              integer incgx, integer distgx, void *work, integer bytes)
{
    char none;
    detail::check(detail::pair<W, X>::grad_work(int(o), int(r), int(f), int(accumulate), n, count, w, x, incx, distx,
                                                gy, incgy, distgy, gw, gx, incgx, distgx, work ? work : &none, &bytes),
                  "bfly_grad_work",
                  "op order form accumulate n count w x incx distx gy incgy distgy gw gx incgx distgx work bytes");
}

/* y := alpha op(B) x + beta y for one vector; bfly_?bmv */
template <class W, class X>
void bmv(op o, order r, form f, integer n, detail::same_t<X> alpha, const W *w, const X *x, integer incx,
         detail::same_t<X> beta, X *y, integer incy)
{
    detail::check(detail::pair<W, X>::bmv(int(o), int(r), int(f), n, detail::pass(alpha), w, x, incx,
                                          detail::pass(beta), y, incy),
                  "bfly_bmv", "op order form n alpha w x incx beta y incy");
}

/* C := alpha op(B) A + beta C or alpha A op(B) + beta C; bfly_?bmm */
template <class W, class X>
void bmm(layout l, side s, op o, order r, form f, integer rows, integer cols, detail::same_t<X> alpha, const W *w,
         const X *a, integer lda, detail::same_t<X> beta, X *c, integer ldc)
{
    detail::check(detail::pair<W, X>::bmm(int(l), int(s), int(o), int(r), int(f), rows, cols, detail::pass(alpha), w, a,
                                          lda, detail::pass(beta), c, ldc),
                  "bfly_bmm", "layout side op order form rows cols alpha w a lda beta c ldc");
}

/* ---- permutations ---- */

/* y[i] = x[perm[i]], or back with op::trans; bfly_?perm */
template <class X>
void permute(op o, integer n, integer count, const integer *perm, const X *x, integer incx, integer distx, X *y,
             integer incy, integer disty)
{
    detail::check(detail::single<X>::perm(int(o), n, count, perm, x, incx, distx, y, incy, disty), "bfly_perm",
                  "op n count perm x incx distx y incy disty");
}
template <class X>
void permute(integer n, integer count, const integer *perm, const X *x, X *y, op o = op::none)
{
    permute(o, n, count, perm, x, 1, n, y, 1, n);
}

/* bfly_?relaxed_perm and its gradient: prob is real */
template <class X>
void relaxed_permute(op o, integer n, integer count, const detail::real_t<X> *prob, const X *x, integer incx,
                     integer distx, X *y, integer incy, integer disty)
{
    detail::check(detail::single<X>::relaxed_perm(int(o), n, count, prob, x, incx, distx, y, incy, disty),
                  "bfly_relaxed_perm", "op n count prob x incx distx y incy disty");
}
template <class X>
void relaxed_permute_gradient(op o, bool accumulate, integer n, integer count, const detail::real_t<X> *prob,
                              const X *x, integer incx, integer distx, const X *gy, integer incgy, integer distgy,
                              detail::real_t<X> *gprob, detail::same_t<X> *gx, integer incgx, integer distgx)
{
    detail::check(detail::single<X>::relaxed_perm_grad(int(o), int(accumulate), n, count, prob, x, incx, distx, gy,
                                                       incgy, distgy, gprob, gx, incgx, distgx),
                  "bfly_relaxed_perm_grad",
                  "op accumulate n count prob x incx distx gy incgy distgy gprob gx incgx distgx");
}

/* ---- the Walsh-Hadamard transform ---- */

/* y := scale H x; bfly_?fwht */
template <class X>
void fwht(ordering o, integer n, integer count, detail::real_t<detail::same_t<X>> scale, const X *x, integer incx,
          integer distx, X *y, integer incy, integer disty)
{
    detail::check(detail::single<X>::fwht(int(o), n, count, scale, x, incx, distx, y, incy, disty), "bfly_fwht",
                  "ordering n count scale x incx distx y incy disty");
}
template <class X> void fwht(integer n, integer count, const X *x, X *y, ordering o = ordering::natural)
{
    fwht(o, n, count, 1, x, 1, n, y, 1, n);
}

/* ---- dense matrices and exact factors ---- */

/* A := op(B), row-major; bfly_?dense */
template <class X> void dense(op o, order r, form f, integer n, const X *w, X *a, integer lda)
{
    detail::check(detail::single<X>::dense(int(o), int(r), int(f), n, w, a, lda), "bfly_dense",
                  "op order form n w a lda");
}

/* How many numbers the factors of a matrix of size n are: 2 n log2 n untied, 4 (n - 1) tied. */
inline integer factor_count(integer n, form f = form::untied)
{
    if (n < 1 || (n & (n - 1)) != 0) throw illegal_argument("factor_count", 1, "n");
    if (n > integer(1) << 55) throw error("factor_count", BFLY_EOVERFLOW);
    if (f == form::tied) return 4 * (n - 1);
    integer stages = 0;
    while ((integer(1) << stages) < n) stages++;
    return 2 * n * stages;
}

/* The exact factors of the DFT without its bit reversal; bfly_?fft_factors */
template <class X>
std::vector<X> fft_factors(integer n, direction d = direction::forward, order r = order::increasing,
                           form f = form::untied)
{
    std::vector<X> w(static_cast<std::size_t>(factor_count(n, f)));
    detail::check(detail::fft_factors(int(d), int(r), int(f), n, w.data()), "bfly_fft_factors",
                  "direction order form n w");
    return w;
}

/* The exact factors of the Hadamard matrix; bfly_?hadamard_factors */
template <class X>
std::vector<X> hadamard_factors(integer n, order r = order::increasing, form f = form::untied)
{
    std::vector<X> w(static_cast<std::size_t>(factor_count(n, f)));
    detail::check(detail::single<X>::hadamard_factors(int(r), int(f), n, w.data()), "bfly_hadamard_factors",
                  "order form n w");
    return w;
}

/* ---- plans ---- */

namespace detail {
template <class X> struct code {
    static_assert(sizeof(X) == 0, "butterfly: numbers must be float, double or std::complex of these");
};
template <> struct code<float> : std::integral_constant<int, BFLY_S> {};
template <> struct code<double> : std::integral_constant<int, BFLY_D> {};
template <> struct code<std::complex<float>> : std::integral_constant<int, BFLY_C> {};
template <> struct code<std::complex<double>> : std::integral_constant<int, BFLY_Z> {};
} // namespace detail

/* What a plan applies, first to last. The arrays must live until the plan is made, which copies them. */
class chain {
public:
    template <class W>
    chain &butterfly(const W *w, op o = op::none, order r = order::increasing, form f = form::untied)
    {
        return add({BFLY_ITEM_BUTTERFLY, detail::code<W>::value, int(o), int(r), int(f), w});
    }
    chain &permutation(const integer *perm, op o = op::none)
    {
        return add({BFLY_ITEM_PERMUTATION, BFLY_S, int(o), BFLY_INCREASING, BFLY_UNTIED, perm});
    }
    template <class W> chain &diagonal(const W *d, op o = op::none)
    {
        return add({BFLY_ITEM_DIAGONAL, detail::code<W>::value, int(o), BFLY_INCREASING, BFLY_UNTIED, d});
    }
    chain &real_part()
    {
        return add({BFLY_ITEM_REAL_PART, BFLY_S, BFLY_NO_TRANS, BFLY_INCREASING, BFLY_UNTIED, nullptr});
    }
    const std::vector<bfly_item> &items() const noexcept { return items_; }

private:
    chain &add(const bfly_item &item)
    {
        items_.push_back(item);
        return *this;
    }
    std::vector<bfly_item> items_;
};

/* A chain made ready for speed, from vectors of In to vectors of Out. Movable, not copyable; executing it is const, and
 * any threads may do so at once. */
template <class In, class Out = In> class plan {
public:
    plan(integer n, const chain &c)
    {
        detail::check(bfly_plan_create(detail::code<In>::value, detail::code<Out>::value, n, integer(c.items().size()),
                                       c.items().data(), &plan_),
                      "bfly_plan_create", "type_in type_out n items item plan");
    }
    ~plan() { bfly_plan_destroy(plan_); }
    plan(plan &&other) noexcept : plan_(std::exchange(other.plan_, nullptr)) {}
    plan &operator=(plan &&other) noexcept
    {
        std::swap(plan_, other.plan_);
        return *this;
    }

    /* count vectors one after the other, or with strides as everywhere here; y may be x */
    void operator()(const In *x, Out *y, integer count = 1) const { (*this)(count, x, 1, size(), y, 1, size()); }
    void operator()(integer count, const In *x, integer incx, integer distx, Out *y, integer incy, integer disty) const
    {
        detail::check(bfly_plan_execute(plan_, count, x, incx, distx, y, incy, disty), "bfly_plan_execute",
                      "plan count x incx distx y incy disty");
    }

    /* The same in memory of the caller, without an allocation; fewer bytes than execute_bytes are std::bad_alloc. */
    integer execute_bytes(integer count, const In *x, integer incx, integer distx, Out *y, integer incy,
                          integer disty) const
    {
        integer bytes = 0;
        detail::check(bfly_plan_execute_work(plan_, count, x, incx, distx, y, incy, disty, nullptr, &bytes),
                      "bfly_plan_execute_work", "plan count x incx distx y incy disty work bytes");
        return bytes;
    }
    void operator()(integer count, const In *x, integer incx, integer distx, Out *y, integer incy, integer disty,
                    void *work, integer bytes) const
    {
        char none;
        detail::check(
            bfly_plan_execute_work(plan_, count, x, incx, distx, y, incy, disty, work ? work : &none, &bytes),
            "bfly_plan_execute_work", "plan count x incx distx y incy disty work bytes");
    }

    bfly_info info() const
    {
        bfly_info facts;
        detail::check(bfly_plan_info(plan_, &facts), "bfly_plan_info", "plan info");
        return facts;
    }
    integer size() const { return info().n; }
    const bfly_plan *get() const noexcept { return plan_; }

    void save(const std::string &path) const
    {
        detail::check(bfly_plan_save(plan_, path.c_str()), "bfly_plan_save", "plan path");
    }
    std::vector<unsigned char> to_memory() const
    {
        integer bytes = 0;
        detail::check(bfly_plan_to_memory(plan_, nullptr, 0, &bytes), "bfly_plan_to_memory", "plan bytes capacity size");
        std::vector<unsigned char> memory(static_cast<std::size_t>(bytes));
        detail::check(bfly_plan_to_memory(plan_, memory.data(), bytes, &bytes), "bfly_plan_to_memory",
                      "plan bytes capacity size");
        return memory;
    }
    /* A plan for other types than In and Out is an error: BFLY_EFORMAT. */
    static plan load(const std::string &path)
    {
        bfly_plan *p = nullptr;
        detail::check(bfly_plan_load(path.c_str(), &p), "bfly_plan_load", "path plan");
        return plan(p, "bfly_plan_load");
    }
    static plan from_memory(const void *bytes, integer size)
    {
        bfly_plan *p = nullptr;
        detail::check(bfly_plan_from_memory(bytes, size, &p), "bfly_plan_from_memory", "bytes size plan");
        return plan(p, "bfly_plan_from_memory");
    }

private:
    plan(bfly_plan *p, const char *function) : plan_(p)
    {
        const bfly_info facts = info();
        if (facts.type_in == detail::code<In>::value && facts.type_out == detail::code<Out>::value) return;
        bfly_plan_destroy(plan_);
        throw error(function, BFLY_EFORMAT);
    }
    bfly_plan *plan_ = nullptr;
};

/* ---- the library ---- */

inline std::string config() { return bfly_config(); }
inline std::string isa() { return bfly_get_isa(); }
inline void set_isa(const std::string &name) { detail::check(bfly_set_isa(name.c_str()), "bfly_set_isa", "name"); }
inline int num_threads() { return bfly_get_num_threads(); }
inline void set_num_threads(int k) { bfly_set_num_threads(k); }

/* The calling thread's number of threads while the object lives. */
class local_threads {
public:
    explicit local_threads(int k) : old_(bfly_set_num_threads_local(k)) {}
    ~local_threads() { bfly_set_num_threads_local(old_); }
    local_threads(const local_threads &) = delete;
    local_threads &operator=(const local_threads &) = delete;

private:
    int old_;
};

} // namespace butterfly

#endif
