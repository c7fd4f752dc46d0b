"""learn on products of two known transforms, in any order between them, scaled there, and partly outside."""

import numpy as np
import pytest

import pyfly
from pyfly import targets

pytestmark = pytest.mark.filterwarnings("error")

MAKE = {
    "dft": targets.dft,
    "hadamard": targets.hadamard,
    "walsh": targets.walsh,
    "hartley": targets.hartley,
    "dct": targets.dct,
    "dst3": lambda n: targets.dst(n, 3),
    "dct4": lambda n: targets.dct(n, 4),
}


@pytest.mark.parametrize("n", [16, 128])
@pytest.mark.parametrize("second", MAKE)
@pytest.mark.parametrize("first", MAKE)
def test_a_diagonal_between(first, second, n):
    d = np.random.default_rng(n).standard_normal(n)
    found = pyfly.learn(MAKE[first](n) * d @ MAKE[second](n))
    # where a row and a column have other scales, small sizes converge slowly
    slow = (first, second) == ("dct", "dst3") and n == 16
    assert found.relative_error < (1e-2 if slow else 2e-11) and found.model.count("B") == 2


def test_a_permutation_and_a_diagonal_between_and_its_class():
    n, rng = 64, np.random.default_rng(0)
    order, d = rng.permutation(n), rng.standard_normal(n)
    cosine = targets.dct(n, 4)
    found = pyfly.learn(cosine[:, order] * d @ targets.hartley(n))
    assert found.model == "Re(BPP) P Re(BP)" and found.relative_error < 1e-14
    found = pyfly.learn(targets.dft(n)[:, order] * d @ targets.hadamard(n))
    assert found.model == "BPBP" and found.tied and found.n_parameters == 8 * (n - 1) and found.relative_error < 1e-14
    x = rng.standard_normal(n)
    np.testing.assert_allclose(found.operator.plan().apply(x.astype(complex)), found.operator.apply(x), atol=1e-12)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1])
def test_noise(size):
    rng = np.random.default_rng(0)
    target = targets.dct(64, 4) * rng.standard_normal(64) @ targets.hadamard(64)
    noise = rng.standard_normal((64, 64))
    found = pyfly.learn(target + size * np.linalg.norm(target) / np.linalg.norm(noise) * noise)
    assert found.relative_error < size and found.model == "Re(BPP) BP"
