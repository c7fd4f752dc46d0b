"""learn on matrices whose rows and columns both stand in any order, and on those with many zeros."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn._unordered import clean, unordered

pytestmark = pytest.mark.filterwarnings("error")


def load_sweep():
    """The tables of transforms and changes of bench/learn_sweep.py."""
    path = Path(__file__).parent.parent / "bench" / "learn_sweep.py"
    spec = importlib.util.spec_from_file_location("learn_sweep", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["learn_sweep"] = module
    spec.loader.exec_module(module)
    return module


sweep = load_sweep()


@pytest.mark.parametrize("n", [8, 64])
@pytest.mark.parametrize("name", ["dft", "half-sample dft", "hadamard", "walsh", "butterfly", "complex butterfly"])
def test_rows_and_columns_in_any_order(name, n):
    target = sweep.transforms(n)[name]
    rng = np.random.default_rng(n)
    for change in ("both", "scaled+both"):
        found = pyfly.learn(sweep.CHANGES[change][0](target, rng))
        assert found.converged and found.relative_error < 1e-13, (change, found)
        assert found.operator.dtype == target.dtype
        assert found.n_parameters <= 2 * n * np.log2(n) + 2 * n


@pytest.mark.parametrize("size", [1e-3, 1e-1])
def test_any_order_under_noise(size):
    n, rng = 128, np.random.default_rng(0)
    for clean_target in (targets.dft(n), targets.walsh(n)):
        target = clean_target[rng.permutation(n)][:, rng.permutation(n)]
        noise = rng.standard_normal((n, n)) * np.linalg.norm(target) / n * size
        found = pyfly.learn(target + noise)
        assert found.relative_error < 1.02 * size
        assert found.verify(target) < 0.5 * size


@pytest.mark.parametrize("n", [8, 32, 128])
def test_haar(n):
    haar = sweep.haar(n)
    np.testing.assert_allclose(haar @ haar.T, np.eye(n), atol=1e-14)
    for index, (change, (make, bound)) in enumerate(sweep.CHANGES.items()):
        found = pyfly.learn(make(haar, np.random.default_rng(index)))
        assert found.relative_error < (1.02 * bound if bound else 1e-7 if change == "single" else 1e-14), (n, change)


def test_pairs_and_orders_make_the_matrix():
    n, rng = 32, np.random.default_rng(4)
    target = sweep.butterfly(n, rng)[rng.permutation(n)][:, rng.permutation(n)]
    found = unordered(target)
    left, butterfly, right = found.factors
    dense = left.todense() @ butterfly.todense() @ right.todense()
    np.testing.assert_allclose(dense, target, atol=1e-13 * np.abs(target).max())
    assert found.model == "P BP" and found.history[-1] < 1e-15
    assert unordered(rng.standard_normal((n, n))) is None


def test_noise_on_zeros_is_told_from_entries():
    rng = np.random.default_rng(0)
    target = np.where(rng.random((64, 64)) < 0.3, 1 + rng.random((64, 64)), 0)
    noisy = target + 1e-2 * rng.standard_normal(target.shape)
    np.testing.assert_array_equal(clean(noisy) != 0, target != 0)
    assert clean(rng.standard_normal((64, 64))) is None
    assert clean(targets.dft(64)) is None
