"""learn on matrices without an exact form: deeper products, and the other forms at the same budget."""

import numpy as np
import pytest

import pyfly
from pyfly._learn._baselines import alternatives, rest_of_largest

pytestmark = pytest.mark.filterwarnings("error")


def cauchy(n):
    x = np.sort(np.random.default_rng(0).random(n)) * n
    return 1 / (x[:, None] - np.arange(n) - 0.37)


@pytest.mark.parametrize("turned", [False, True])
def test_deeper_products_leave_less(turned):
    target = cauchy(32).T if turned else cauchy(32)
    errors = []
    for depth in (1, 2, 3):
        found = pyfly.learn(target, max_depth=depth)
        assert found.relative_error == pytest.approx(
            np.linalg.norm(found.operator.todense() - target) / np.linalg.norm(target), rel=1e-10
        )
        errors.append(found.relative_error)
    assert errors[1] < 0.8 * errors[0] and errors[2] <= errors[1]
    assert found.n_parameters in (2 * 320, 3 * 320) and not found.tied
    assert {other.name for other in found.alternatives} >= {"low rank", "sparse"}


def test_complex_target_and_other_size():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((12, 16)) + 1j * rng.standard_normal((12, 16))
    one, two = (pyfly.learn(target, max_depth=depth) for depth in (1, 2))
    assert two.relative_error < one.relative_error
    assert two.verify(target) == two.relative_error


def test_the_winner_is_named():
    rng = np.random.default_rng(1)
    low = rng.standard_normal((64, 3)) @ rng.standard_normal((3, 64))
    found = pyfly.learn(low)
    assert found.winner == "low rank" and found.alternatives[0].relative_error < 1e-13
    assert "best of all: low rank" in found.summary()


def test_alternatives_at_equal_budget():
    rng = np.random.default_rng(2)
    n, rank, count = 64, 4, 100
    low = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, n))
    spikes = np.zeros(n * n)
    spikes[rng.choice(n * n, count, replace=False)] = 30 * rng.choice([-1, 1], count)
    target = low + spikes.reshape(n, n)
    found = {other.name: other for other in alternatives(target, 4 * rank * n)}
    assert all(other.n_parameters <= 4 * rank * n for other in found.values())
    assert found["sparse + low rank"].relative_error < 0.05
    assert found["low rank"].relative_error > 0.1 and found["sparse"].relative_error > 0.1
    values = np.linalg.svd(target, compute_uv=False)
    expected = np.linalg.norm(values[2 * rank :]) / np.linalg.norm(target)
    assert found["low rank"].relative_error == pytest.approx(expected)
    assert np.count_nonzero(rest_of_largest(target, 7)) == n * n - 7
