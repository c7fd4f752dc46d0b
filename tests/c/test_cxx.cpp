// test_cxx.cpp - butterfly.hpp: every overload does what the C function does, every error throws and names its argument.
#include "butterfly.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

namespace bf = butterfly;

static long checks, failed;

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(condition) && ++failed <= 20) {                                                                          \
            std::fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                       \
            std::fprintf(stderr, __VA_ARGS__);                                                                         \
            std::fputc('\n', stderr);                                                                                  \
        }                                                                                                              \
    } while (0)

static std::mt19937 engine(3);

template <class T> struct random_number {
    static T get() { return T(std::uniform_real_distribution<double>(-1, 1)(engine)); }
};
template <class T> struct random_number<std::complex<T>> {
    static std::complex<T> get() { return {random_number<T>::get(), random_number<T>::get()}; }
};
template <class T> std::vector<T> random_vector(bf::integer k)
{
    std::vector<T> v(static_cast<std::size_t>(k));
    std::generate(v.begin(), v.end(), random_number<T>::get);
    return v;
}

template <class T> const char *name();
template <> const char *name<float>() { return "float"; }
template <> const char *name<double>() { return "double"; }
template <> const char *name<std::complex<float>>() { return "complex float"; }
template <> const char *name<std::complex<double>>() { return "complex double"; }

template <class T> T conjugate(T a) { return a; }
template <class T> std::complex<T> conjugate(std::complex<T> a) { return std::conj(a); }

template <class T> double distance(const std::vector<T> &a, const std::vector<T> &b)
{
    double d = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); i++) d = std::max(d, double(std::abs(a[i] - b[i])));
    return d;
}

template <class X> using real_t = typename bf::detail::real_t<X>;

template <class X> double tolerance() { return 200 * double(std::numeric_limits<real_t<X>>::epsilon()); }

// y = alpha op(B) x + beta y against the dense matrix, and with the gradient <gy, op(B) x> = <gx, x>
template <class W, class X> void test_products(bf::op o, bf::order r, bf::form f)
{
    const bf::integer n = 16, count = 3, size = n * count;
    const auto w = random_vector<W>(bf::factor_count(n, f));
    const auto x = random_vector<X>(size), gy = random_vector<X>(size);
    const X alpha = random_number<X>::get(), beta = random_number<X>::get();
    std::vector<W> a(n * n);
    bf::dense(o, r, f, n, w.data(), a.data(), n);
    auto y = random_vector<X>(size), want = y;
    for (bf::integer k = 0; k < count; k++)
        for (bf::integer i = 0; i < n; i++) {
            X sum = 0;
            for (bf::integer j = 0; j < n; j++) sum += a[i * n + j] * x[k * n + j];
            want[k * n + i] = alpha * sum + beta * want[k * n + i];
        }
    auto one = y, left = y, plain = x;
    bf::multiply(o, r, f, n, count, alpha, w.data(), x.data(), 1, n, beta, y.data(), 1, n);
    CHECK(distance(y, want) < tolerance<X>(), "multiply %s", name<X>());
    for (bf::integer k = 0; k < count; k++)
        bf::bmv(o, r, f, n, alpha, w.data(), x.data() + k * n, 1, beta, one.data() + k * n, 1);
    CHECK(one == y, "bmv %s differs from multiply", name<X>());
    bf::bmm(bf::layout::col_major, bf::side::left, o, r, f, n, count, alpha, w.data(), x.data(), n, beta, left.data(),
            n);
    CHECK(left == y, "bmm %s differs from multiply", name<X>());

    bf::multiply(n, count, w.data(), plain.data(), plain.data(), o, r, f); // in place
    std::vector<W> gw(w.size());
    std::vector<X> gx(size), gx_only(size);
    bf::gradient(o, r, f, false, n, count, w.data(), x.data(), 1, n, gy.data(), 1, n, gw.data(), gx.data(), 1, n);
    X by_y = 0, by_x = 0;
    for (bf::integer i = 0; i < size; i++) {
        by_y += conjugate(gy[i]) * plain[i];
        by_x += conjugate(gx[i]) * x[i];
    }
    CHECK(std::abs(by_y - by_x) < 10 * tolerance<X>(), "gradient %s: %g", name<X>(), double(std::abs(by_y - by_x)));
    bf::gradient(o, r, f, false, n, count, w.data(), x.data(), 1, n, gy.data(), 1, n, nullptr, gx_only.data(), 1, n);
    CHECK(distance(gx, gx_only) < tolerance<X>(), "gradient %s without gw differs", name<X>());
    std::vector<W> twice = gw;
    bf::gradient(o, r, f, true, n, count, w.data(), x.data(), 1, n, gy.data(), 1, n, twice.data(), nullptr, 0, 0);
    for (std::size_t i = 0; i < gw.size(); i++) gw[i] += gw[i];
    CHECK(distance(gw, twice) < tolerance<X>(), "gradient %s does not accumulate", name<X>());
}

template <class X> void test_single()
{
    const bf::integer n = 8, count = 2;
    const std::vector<bf::integer> perm = {3, 1, 0, 2, 7, 5, 6, 4};
    const auto x = random_vector<X>(n * count);
    std::vector<X> y(x.size()), back(x.size());
    bf::permute(n, count, perm.data(), x.data(), y.data());
    for (bf::integer i = 0; i < n; i++) CHECK(y[n + i] == x[n + perm[i]], "permute %s", name<X>());
    bf::permute(n, count, perm.data(), y.data(), back.data(), bf::op::trans);
    CHECK(back == x, "permute there and back %s", name<X>());

    const auto prob = random_vector<real_t<X>>(3 * 2);
    const auto gy = random_vector<X>(n * count);
    std::vector<X> gx(x.size());
    std::vector<real_t<X>> gprob(prob.size());
    bf::relaxed_permute(bf::op::none, n, count, prob.data(), x.data(), 1, n, y.data(), 1, n);
    bf::relaxed_permute_gradient(bf::op::none, false, n, count, prob.data(), x.data(), 1, n, gy.data(), 1, n,
                                 gprob.data(), gx.data(), 1, n);
    X by_y = 0, by_x = 0;
    for (bf::integer i = 0; i < n * count; i++) {
        by_y += conjugate(gy[i]) * y[i];
        by_x += conjugate(gx[i]) * x[i];
    }
    CHECK(std::abs(by_y - by_x) < tolerance<X>(), "relaxed_permute %s", name<X>());

    // the Hadamard matrix is its own inverse up to n
    for (bf::form f : {bf::form::untied, bf::form::tied}) {
        const auto w = bf::hadamard_factors<X>(n, bf::order::decreasing, f);
        bf::multiply(n, count, w.data(), x.data(), y.data(), bf::op::none, bf::order::decreasing, f);
        bf::multiply(n, count, w.data(), y.data(), y.data(), bf::op::trans, bf::order::decreasing, f);
        for (auto &v : y) v /= real_t<X>(n);
        CHECK(distance(x, y) < tolerance<X>(), "hadamard_factors %s", name<X>());
    }
}

// the _work faces: as many bytes as they ask for give the same bits, one fewer is refused
template <class W, class X> void test_work()
{
    const bf::integer n = 256, count = 40, size = n * count;
    const auto none = bf::op::none;
    const auto up = bf::order::increasing;
    const auto untied = bf::form::untied;
    const auto w = random_vector<W>(bf::factor_count(n));
    const auto x = random_vector<X>(size);
    std::vector<X> y(size), want(size), gx(size), want_gx(size);
    std::vector<W> gw(w.size()), want_gw(w.size());
    bf::multiply(n, count, w.data(), x.data(), want.data());
    bf::integer bytes = bf::multiply_bytes(none, up, untied, n, count, 1, w.data(), x.data(), 1, n, 0, y.data(), 1, n);
    CHECK(bytes > 0 && y[0] == X(0), "multiply_bytes %s: %ld", name<X>(), long(bytes));
    std::vector<char> work(static_cast<std::size_t>(bytes));
    bf::multiply(none, up, untied, n, count, 1, w.data(), x.data(), 1, n, 0, y.data(), 1, n, work.data(), bytes);
    CHECK(y == want, "multiply with work %s", name<X>());
    int refused = 0;
    try {
        bf::multiply(none, up, untied, n, count, 1, w.data(), x.data(), 1, n, 0, y.data(), 1, n, nullptr, bytes - 1);
    } catch (const std::bad_alloc &) {
        refused++;
    }
    bf::gradient(none, up, untied, false, n, count, w.data(), x.data(), 1, n, x.data(), 1, n, want_gw.data(),
                 want_gx.data(), 1, n);
    bytes = bf::gradient_bytes(none, up, untied, false, n, count, w.data(), x.data(), 1, n, x.data(), 1, n, gw.data(),
                               gx.data(), 1, n);
    work.resize(static_cast<std::size_t>(bytes));
    bf::gradient(none, up, untied, false, n, count, w.data(), x.data(), 1, n, x.data(), 1, n, gw.data(), gx.data(), 1, n,
                 work.data(), bytes);
    CHECK(bytes > 0 && gw == want_gw && gx == want_gx, "gradient with work %s", name<X>());
    try {
        bf::gradient(none, up, untied, false, n, count, w.data(), x.data(), 1, n, x.data(), 1, n, gw.data(), gx.data(),
                     1, n, nullptr, bytes - 1);
    } catch (const std::bad_alloc &) {
        refused++;
    }
    const bf::plan<X> plan(n, bf::chain().butterfly(w.data()));
    plan(x.data(), want.data(), count);
    bytes = plan.execute_bytes(count, x.data(), 1, n, y.data(), 1, n);
    work.resize(static_cast<std::size_t>(bytes));
    plan(count, x.data(), 1, n, y.data(), 1, n, work.data(), bytes);
    CHECK(y == want, "plan with work %s", name<X>());
    CHECK(refused == 2, "too little memory was taken, %s", name<X>());
}

// sequency j of the Hadamard matrix has j changes of sign, its transform there and back is n
template <class X> void test_fwht()
{
    const bf::integer n = 16, count = 3;
    for (bf::integer j = 0; j < n; j++) {
        std::vector<X> row(n), y(n);
        row[j] = X(1);
        bf::fwht(n, 1, row.data(), y.data(), bf::ordering::sequency);
        int changes = 0;
        for (bf::integer i = 1; i < n; i++) changes += y[i] != y[i - 1];
        CHECK(changes == j, "row %ld of the sequency ordering, %s, has %d changes", long(j), name<X>(), changes);
    }
    const auto x = random_vector<X>(n * count);
    const auto w = bf::hadamard_factors<X>(n);
    std::vector<X> y(x.size()), want(x.size());
    bf::fwht(bf::ordering::natural, n, count, 0.5f, x.data(), count, 1, y.data(), 1, n);
    bf::multiply(bf::op::none, bf::order::increasing, bf::form::untied, n, count, real_t<X>(0.5), w.data(), x.data(),
                 count, 1, 0, want.data(), 1, n);
    CHECK(distance(y, want) < tolerance<X>(), "fwht %s", name<X>());
}

template <class X> void test_fft()
{
    const bf::integer n = 8;
    const auto w = bf::fft_factors<X>(n), v = bf::fft_factors<X>(n, bf::direction::inverse);
    std::vector<X> y(n, X(1)), back(n);
    bf::multiply(n, 1, w.data(), y.data(), y.data()); // bit reversal leaves ones alone
    CHECK(std::abs(y[0] - X(8)) < tolerance<X>(), "fft_factors %s", name<X>());
    for (bf::integer i = 1; i < n; i++) CHECK(std::abs(y[i]) < tolerance<X>(), "fft_factors %s", name<X>());
    bf::multiply(n, 1, v.data(), y.data(), back.data()); // and the first unit vector
    for (bf::integer i = 0; i < n; i++) CHECK(std::abs(back[i] - X(1)) < tolerance<X>(), "inverse %s", name<X>());
}

// a plan of one of each does what the functions do one after the other; moved, saved and loaded it stays the same
template <class X> void test_plan()
{
    const bf::integer n = 16, count = 3;
    const auto w = random_vector<X>(bf::factor_count(n)), tied = random_vector<X>(bf::factor_count(n, bf::form::tied));
    const auto d = random_vector<X>(n), x = random_vector<X>(n * count);
    std::vector<bf::integer> perm(n);
    for (bf::integer i = 0; i < n; i++) perm[i] = (5 * i + 3) % n;
    std::vector<X> want(x.size()), y(x.size()), z(x.size());
    bf::multiply(n, count, w.data(), x.data(), want.data(), bf::op::trans);
    bf::permute(n, count, perm.data(), want.data(), z.data());
    for (bf::integer i = 0; i < n * count; i++) z[i] *= conjugate(d[i % n]);
    bf::multiply(n, count, tied.data(), z.data(), want.data(), bf::op::none, bf::order::decreasing, bf::form::tied);

    bf::chain c;
    c.butterfly(w.data(), bf::op::trans).permutation(perm.data()).diagonal(d.data(), bf::op::conj);
    c.butterfly(tied.data(), bf::op::none, bf::order::decreasing, bf::form::tied);
    bf::plan<X> plan(n, c);
    plan(x.data(), y.data(), count);
    CHECK(distance(y, want) < 20 * tolerance<X>(), "plan %s: %g", name<X>(), distance(y, want));
    CHECK(plan.size() == n && plan.info().items == 4, "info of a plan %s", name<X>());
    std::vector<X> columns(x.size());
    for (bf::integer k = 0; k < count; k++)
        for (bf::integer i = 0; i < n; i++) columns[i * count + k] = x[k * n + i];
    plan(count, columns.data(), count, 1, columns.data(), count, 1);
    for (bf::integer k = 0; k < count; k++)
        for (bf::integer i = 0; i < n; i++) CHECK(columns[i * count + k] == y[k * n + i], "strided plan %s", name<X>());

    bf::plan<X> moved(std::move(plan));
    moved(x.data(), z.data(), count);
    CHECK(z == y && plan.get() == nullptr, "a moved plan %s", name<X>());
    const auto memory = moved.to_memory();
    auto read = bf::plan<X>::from_memory(memory.data(), bf::integer(memory.size()));
    read(x.data(), z.data(), count);
    CHECK(z == y, "a plan %s from memory", name<X>());
    const std::string path = "test_cxx.plan";
    moved.save(path);
    read = bf::plan<X>::load(path);
    z.assign(z.size(), X(0));
    read(x.data(), z.data(), count);
    CHECK(z == y, "a plan %s from a file", name<X>());
    std::remove(path.c_str());
    CHECK(!std::is_copy_constructible<bf::plan<X>>::value && !std::is_copy_assignable<bf::plan<X>>::value,
          "a plan can be copied");

    // to real numbers
    using R = real_t<X>;
    c.real_part();
    const bf::plan<X, R> real(n, c);
    std::vector<R> re(x.size());
    real(x.data(), re.data(), count);
    for (std::size_t i = 0; i < re.size(); i++)
        CHECK(std::abs(re[i] - std::real(y[i])) < 20 * tolerance<X>(), "real part of a plan %s", name<X>());
}

template <class F> void throws_code(int code, F call)
{
    int got = 0;
    try {
        call();
    } catch (const bf::error &e) {
        got = e.code();
    }
    CHECK(got == code, "threw %d, not %d", got, code);
}

template <class F> void throws_illegal(const char *argument, int position, F call)
{
    std::string got = "nothing", what;
    int at = 0;
    try {
        call();
    } catch (const bf::illegal_argument &e) {
        got = e.argument();
        at = e.position();
        what = e.what();
    }
    CHECK(got == argument && at == position, "threw %s at %d, not %s", got.c_str(), at, argument);
    CHECK(what.find(argument) != std::string::npos, "\"%s\" does not name %s", what.c_str(), argument);
}

static void test_errors()
{
    const bf::integer n = 8;
    const auto w = random_vector<double>(bf::factor_count(n));
    const auto x = random_vector<double>(n);
    std::vector<double> y(n, 7), before = y;
    const auto none = bf::op::none;
    const auto up = bf::order::increasing;
    const auto untied = bf::form::untied;
    throws_illegal("op", 1, [&] { bf::multiply(n, 1, w.data(), x.data(), y.data(), bf::op(5)); });
    throws_illegal("order", 2, [&] { bf::multiply(n, 1, w.data(), x.data(), y.data(), none, bf::order(5)); });
    throws_illegal("form", 3, [&] { bf::multiply(n, 1, w.data(), x.data(), y.data(), none, up, bf::form(5)); });
    throws_illegal("n", 4, [&] { bf::multiply(7, 1, w.data(), x.data(), y.data()); });
    throws_illegal("count", 5, [&] { bf::multiply(n, -1, w.data(), x.data(), y.data()); });
    throws_illegal("w", 7, [&] { bf::multiply(n, 1, static_cast<double *>(nullptr), x.data(), y.data()); });
    throws_illegal("incy", 13, [&] {
        bf::multiply(none, up, untied, n, 1, 1, w.data(), x.data(), 1, n, 0, y.data(), 0, n);
    });
    throws_illegal("disty", 14, [&] {
        bf::multiply(none, up, untied, n, 2, 1, w.data(), x.data(), 1, 0, 0, y.data(), 1, 0);
    });
    throws_illegal("incgx", 16, [&] {
        bf::gradient(none, up, untied, false, n, 1, w.data(), x.data(), 1, n, x.data(), 1, n, nullptr, y.data(), 0, n);
    });
    throws_illegal("lda", 7, [&] { bf::dense(none, up, untied, n, w.data(), y.data(), n - 1); });
    throws_illegal("ldc", 14, [&] {
        bf::bmm(bf::layout::row_major, bf::side::right, none, up, untied, 1, n, 1, w.data(), x.data(), n, 0, y.data(),
                n - 1);
    });
    throws_illegal("incy", 11, [&] { bf::bmv(none, up, untied, n, 1, w.data(), x.data(), 1, 0, y.data(), 0); });
    const std::vector<bf::integer> twice(n, 1);
    throws_illegal("perm", 4, [&] { bf::permute(n, 1, twice.data(), x.data(), y.data()); });
    throws_illegal("n", 1, [&] { bf::factor_count(12); });
    try {
        bf::factor_count(bf::integer(1) << 58);
        CHECK(false, "%s", "a number of factors beyond 64 bits");
    } catch (const bf::error &e) {
        CHECK(e.code() == BFLY_EOVERFLOW, "factor_count threw %d", e.code());
    }
    throws_illegal("ordering", 1, [&] { bf::fwht(n, 1, x.data(), y.data(), bf::ordering(5)); });
    throws_illegal("n", 2, [&] { bf::fwht(7, 1, x.data(), y.data()); });
    throws_illegal("bytes", 16, [&] {
        bf::multiply(none, up, untied, n, 1, 1, w.data(), x.data(), 1, n, 0, y.data(), 1, n, y.data(), -1);
    });
    throws_illegal("direction", 1, [&] { bf::fft_factors<std::complex<float>>(n, bf::direction(1)); });
    throws_code(BFLY_EOVERFLOW, [&] {
        bf::multiply(none, up, untied, n, 1, 1, w.data(), x.data(), INT64_MAX, n, 0, y.data(), 1, n);
    });
    throws_code(BFLY_EISA, [] { bf::set_isa("nonsense"); });
    throws_code(BFLY_EIO, [] { bf::plan<double>::load("there/is/no/such.plan"); });
    throws_code(BFLY_EFORMAT, [&] { bf::plan<double>::from_memory(w.data(), n); });
    const std::vector<unsigned char> of_double = bf::plan<double>(n, bf::chain().butterfly(w.data())).to_memory();
    throws_code(BFLY_EFORMAT, [&] {
        bf::plan<float>::from_memory(of_double.data(), bf::integer(of_double.size())); // another type
    });
    throws_illegal("n", 3, [&] { bf::plan<double>(12, bf::chain().butterfly(w.data())); });
    throws_illegal("item", 5, [&] { bf::plan<double>(n, bf::chain().butterfly(w.data(), bf::op(9))); });
    throws_illegal("count", 2, [&] { bf::plan<double>(n, bf::chain())(x.data(), y.data(), -1); });
    CHECK(y == before, "an output was touched");
}

static void test_library()
{
    const int before = bf::num_threads();
    {
        bf::local_threads two(2);
        CHECK(bf::num_threads() == 2 || bf::num_threads() == 1, "%d threads", bf::num_threads());
        bf::local_threads one(1);
        CHECK(bf::num_threads() == 1, "%d threads", bf::num_threads());
    }
    CHECK(bf::num_threads() == before, "%d threads, %d before", bf::num_threads(), before);
    CHECK(bf::config().find(bf::isa()) != std::string::npos, "config does not tell the instruction set");
}

int main()
{
    for (bf::op o : {bf::op::none, bf::op::trans, bf::op::conj_trans, bf::op::conj})
        for (bf::order r : {bf::order::increasing, bf::order::decreasing})
            for (bf::form f : {bf::form::untied, bf::form::tied}) {
                test_products<float, float>(o, r, f);
                test_products<double, double>(o, r, f);
                test_products<std::complex<float>, std::complex<float>>(o, r, f);
                test_products<std::complex<double>, std::complex<double>>(o, r, f);
                test_products<float, std::complex<float>>(o, r, f);
                test_products<double, std::complex<double>>(o, r, f);
            }
    test_single<float>();
    test_single<double>();
    test_single<std::complex<float>>();
    test_single<std::complex<double>>();
    test_work<float, float>();
    test_work<double, std::complex<double>>();
    test_work<std::complex<float>, std::complex<float>>();
    test_fwht<float>();
    test_fwht<double>();
    test_fwht<std::complex<float>>();
    test_fwht<std::complex<double>>();
    test_fft<std::complex<float>>();
    test_fft<std::complex<double>>();
    test_plan<float>();
    test_plan<double>();
    test_plan<std::complex<float>>();
    test_plan<std::complex<double>>();
    test_errors();
    test_library();
    std::printf("cxx: %ld checks, %ld failed\n", checks, failed);
    return failed != 0 || checks == 0;
}
