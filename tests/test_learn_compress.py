"""learn on matrices without an exact form: deeper products, and the other forms at the same budget."""

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn import _compress
from pyfly._learn._baselines import alternatives, pursuit, rest_of_largest, truncated

pytestmark = pytest.mark.filterwarnings("error")


def cauchy(n):
    x = np.sort(np.random.default_rng(0).random(n)) * n
    return 1 / (x[:, None] - np.arange(n) - 0.37)


@pytest.fixture
def short_races(monkeypatch):
    """Fewer evaluations and starts than quality asks for."""
    monkeypatch.setattr(_compress, "_HEATS", ((60, 4), (150, 2)))
    monkeypatch.setattr(_compress, "_JOINING", 8)


@pytest.mark.usefixtures("short_races")
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


@pytest.mark.usefixtures("short_races")
def test_complex_target_and_other_size():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((12, 16)) + 1j * rng.standard_normal((12, 16))
    one, two = (pyfly.learn(target, max_depth=depth) for depth in (1, 2))
    assert two.relative_error < one.relative_error
    assert two.verify(target) == two.relative_error


@pytest.mark.usefixtures("short_races")
def test_tied_factors_are_fitted_too():
    rng = np.random.default_rng(0)
    for target in (cauchy(32), (rng.standard_normal((2, 32, 32)).T @ [1, 1j]).T):
        peeled = pyfly.learn(target, tied=True, method="peel")
        one, two = (pyfly.learn(target, tied=True, model=model) for model in ("BP", "BPBP"))
        assert two.relative_error < one.relative_error < peeled.relative_error
        for found, depth in ((one, 1), (two, 2)):
            assert found.tied and found.n_parameters == depth * 124
            assert found.verify(target) == pytest.approx(found.relative_error, rel=1e-10)


def test_one_factor_is_at_its_optimum():
    target = targets.legendre(64)
    found = pyfly.learn(target, model="BP")
    assert found.model == "BP" and found.permutation_in_words == "identity"
    assert found.relative_error < 0.545 < pyfly.learn(target, method="peel").relative_error
    # without a wish, another form of fewer numbers comes closer
    free = pyfly.learn(target)
    assert free.relative_error < 0.5 and free.n_parameters < found.n_parameters
    # any start ends there: it is the optimum as far as can be seen
    again = pyfly.learn(target, seed=5, model="BP", tied=False)
    assert again.relative_error == pytest.approx(found.relative_error, rel=1e-2)


@pytest.mark.usefixtures("short_races")
@pytest.mark.parametrize(("wish", "depth"), [({"max_depth": 2}, 2), ({"model": "BPBP"}, 2), ({"model": "(BP)^3"}, 3)])
def test_several_factors_are_fitted_whatever_stands_in_for_one(wish, depth):
    found = pyfly.learn(targets.legendre(32), **wish)
    assert found.model.count("BP") == depth or f"^{depth}" in found.model
    assert found.n_parameters == depth * 320
    assert found.relative_error < 0.9 * pyfly.learn(targets.legendre(32)).relative_error


@pytest.mark.usefixtures("short_races")
def test_the_smallest_depth_within_a_tolerance():
    target = cauchy(32)
    one = pyfly.learn(target).relative_error
    found = pyfly.learn(target, tol=1.01 * one, max_depth=3)
    assert found.converged and found.n_parameters == 320
    found = pyfly.learn(target, tol=0.82 * one, max_depth=3)
    assert found.converged and found.model in ("BPBP", "(BPBP)^T")


def test_units_are_norms_of_the_jacobian():
    n, rng = 8, np.random.default_rng(0)
    twiddles = rng.standard_normal((2, 3, 4, 2, 2))
    perms = [rng.permutation(n), rng.permutation(n)]

    def dense(twiddles):
        x = np.eye(n)
        for twiddle, perm in zip(twiddles, perms, strict=True):
            x = pyfly.butterfly_multiply(twiddle, x[:, perm])
        return x

    moved = _compress._units(twiddles, perms)
    for index in np.ndindex(*twiddles.shape):
        step = np.zeros_like(twiddles)
        step[index] = 1
        assert moved[index] == pytest.approx(np.linalg.norm(dense(twiddles + step) - dense(twiddles)), rel=1e-10)


def test_pursuit_separates_what_can_be_separated():
    n, rng = 48, np.random.default_rng(3)
    low = rng.standard_normal((n, 2)) @ rng.standard_normal((2, n))
    spikes = np.where(rng.random((n, n)) < 0.05, 10 * rng.standard_normal((n, n)), 0)
    found, basis = pursuit(low + spikes, 10)
    assert np.linalg.norm(found - low) < 1e-4 * np.linalg.norm(low)
    assert np.linalg.norm(low @ basis[:, 2:]) < 1e-4 * np.linalg.norm(low)


@pytest.mark.parametrize("rank", [3, 20])
def test_truncation_of_large_matrices(rank):
    target = np.random.default_rng(0).standard_normal((400, 410))
    values = np.linalg.svd(target, compute_uv=False)
    assert truncated(target, rank) == pytest.approx(np.linalg.norm(values[rank:]), rel=1e-8)
    left, right = target[:, :rank], target[:rank]
    assert truncated(left @ right, rank) < 1e-10 * np.linalg.norm(left @ right)


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


@pytest.mark.parametrize("n", [64, 128])
def test_kernels_at_scattered_points_are_as_good_as_at_sorted_ones(n):
    rng = np.random.default_rng(n)
    x, y = np.sort(rng.random((2, n)))
    rows, columns = rng.permutation(n), rng.permutation(n)
    for kernel in (np.exp(-50 * np.subtract.outer(x, y) ** 2), 1 / (0.01 + np.add.outer(x, y))):
        in_order, scattered = (pyfly.learn(target) for target in (kernel, kernel[rows][:, columns]))
        assert scattered.relative_error < 1.05 * in_order.relative_error
        one, other = (pyfly.learn(target, model="BP") for target in (kernel, kernel[rows][:, columns]))
        assert other.relative_error < 1.05 * one.relative_error and other.model in ("BP", "P BP", "(BP)^T", "(BP)^T P")
        assert other.verify(kernel[rows][:, columns]) == pytest.approx(other.relative_error, rel=1e-9)
        # another form is closer still, and is named however small the error is
        assert scattered.winner != scattered.model and other.winner != other.model


def test_other_forms_are_looked_at_only_where_more_than_noise_is_left():
    rng = np.random.default_rng(0)
    noise = 1e-2 * rng.standard_normal((64, 64)) / 8
    assert not pyfly.learn(targets.dct(64) + noise).alternatives
    low = (rng.standard_normal((5, 64)).T * [1, 0.05, 0.05, 0.05, 0.05]) @ rng.standard_normal((5, 64))
    found = pyfly.learn(low)
    assert found.tol < found.relative_error < 0.15 and found.winner == "low rank"
