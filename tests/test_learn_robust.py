"""learn on what nobody has in mind: odd structures, huge ranges, repeated singular values, single precision."""

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn._baselines import truncated

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("seed", [0, 25, 30, 59])
def test_single_precision_is_judged_by_what_it_is(seed):
    # in double precision the best form has diagonals that span dozens of orders
    rng = np.random.default_rng(seed)
    target = np.diag(rng.standard_normal(16)) + np.diag(rng.standard_normal(15), 1)
    found = pyfly.learn(target.astype(np.float32))
    assert found.operator.dtype == np.float32 and found.relative_error < 0.5
    assert found.relative_error == pytest.approx(found.verify(target.astype(np.float32)), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [1e6, -1e6, 1e-6])
def test_circulants_whose_wrapped_part_is_of_another_size(f, dtype):
    for n in (16, 256):
        k = np.subtract.outer(np.arange(n), np.arange(n))
        target = np.where(k >= 0, 1, f) * np.random.default_rng(n).standard_normal(n)[k % n]
        assert pyfly.learn(target.astype(dtype)).relative_error < 8 * np.finfo(dtype).eps


def test_convolutions_of_a_large_range_are_not_taken_for_a_butterfly():
    k = np.abs(np.subtract.outer(np.arange(256), np.arange(256)))
    found = pyfly.learn(1.2**k)
    assert found.model == "Re((BP)^2_2)" and found.relative_error < 1e-14


def test_low_rank_with_repeated_singular_values():
    target = np.kron(targets.dft(32), np.eye(16))
    assert truncated(target, 20) == pytest.approx(np.sqrt(1 - 20 / 512) * np.linalg.norm(target))
