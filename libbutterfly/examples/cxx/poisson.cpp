// poisson.cpp - solves -(u_xx + u_yy) = f on the unit square with u = 0 on its boundary, by sine transforms.
//
// At the cell centres x_j = (j + 1/2) / n the DST-II, S[k][j] = sin(pi (k + 1) x_j), gives the coefficients of a sine
// series; there the equation is a division by pi^2 (k^2 + l^2). S is a chain around a fast Fourier transform,
//
//     S = reversal . Re . diag(exp(-i pi k / 2n)) . DFT . (even entries, then the odd ones backwards) . diag((-1)^j),
//
// and its transpose, the way back, is the same chain from right to left: S S^T = n/2 diag(1, ..., 1, 2).
//
//     c++ -std=c++17 poisson.cpp $(pkg-config --cflags --libs butterfly)
#include <algorithm>
#include <butterfly.hpp>
#include <cmath>
#include <cstdio>

namespace bf = butterfly;
using complex = std::complex<double>;
const double pi = std::acos(-1.0);

struct sine_transform {
    bf::plan<double> forward, back;

    static sine_transform make(bf::integer n)
    {
        std::vector<complex> w = bf::fft_factors<complex>(n), turn(n);
        std::vector<double> sign(n);
        std::vector<bf::integer> bits(n), order(n), reversal(n);
        for (bf::integer i = 0; i < n; i++) {
            bits[i] = bits[i / 2] / 2 + i % 2 * (n / 2);
            order[i] = bits[i] < n / 2 ? 2 * bits[i] : 2 * (n - bits[i]) - 1; // the DFT's bit reversal included
            reversal[i] = n - 1 - i;
            sign[i] = i % 2 ? -1 : 1;
            turn[i] = std::polar(1.0, -pi * double(i) / double(2 * n));
        }
        bf::chain there, back;
        there.diagonal(sign.data()).permutation(order.data()).butterfly(w.data());
        there.diagonal(turn.data()).real_part().permutation(reversal.data());
        back.permutation(reversal.data()).diagonal(turn.data()).butterfly(w.data(), bf::op::trans);
        back.permutation(order.data(), bf::op::trans).real_part().diagonal(sign.data());
        return {bf::plan<double>(n, there), bf::plan<double>(n, back)};
    }
};

// T a T^T in place: T to every row, then to every column
static void both_sides(const bf::plan<double> &t, std::vector<double> &a, bf::integer n)
{
    t(n, a.data(), 1, n, a.data(), 1, n);
    t(n, a.data(), n, 1, a.data(), n, 1);
}

int main()
{
    const bf::integer n = 64;
    const auto g = [](double t) { return std::sin(pi * t) * std::exp(std::cos(pi * t)); };
    const auto g2 = [g](double t) { // its second derivative
        const double s = std::sin(pi * t), c = std::cos(pi * t);
        return -pi * pi * g(t) * (1 + 3 * c - s * s);
    };
    const auto x = [n](bf::integer j) { return (double(j) + 0.5) / double(n); };
    std::vector<double> u(n * n);
    for (bf::integer j = 0; j < n; j++)
        for (bf::integer i = 0; i < n; i++) u[j * n + i] = -g2(x(j)) * g(x(i)) - g(x(j)) * g2(x(i));

    const sine_transform s = sine_transform::make(n);
    both_sides(s.forward, u, n);
    const auto norm = [n](bf::integer k) { return double(k == n ? n : n / 2); };
    for (bf::integer k = 1; k <= n; k++)
        for (bf::integer l = 1; l <= n; l++)
            u[(k - 1) * n + l - 1] /= pi * pi * double(k * k + l * l) * norm(k) * norm(l);
    both_sides(s.back, u, n);

    double error = 0;
    for (bf::integer j = 0; j < n; j++)
        for (bf::integer i = 0; i < n; i++) error = std::max(error, std::abs(u[j * n + i] - g(x(j)) * g(x(i))));
    std::printf("%ld x %ld points, largest error %.1e\n", long(n), long(n), error);
    return !(error < 1e-13);
}
