// main.cpp - the C++ user's program: the Hadamard matrix of 8 applied to the first unit vector gives ones.
#include <algorithm>
#include <butterfly.hpp>
#include <cstdio>

int main()
{
    const butterfly::integer n = 8;
    std::vector<float> w = butterfly::hadamard_factors<float>(n), x(n), y(n);
    x[0] = 1;
    butterfly::multiply(n, 1, w.data(), x.data(), y.data());
    std::puts(butterfly::config().c_str());
    return std::count(y.begin(), y.end(), 1.0f) != n;
}
