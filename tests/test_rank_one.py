"""rank_one: the best row for two rows, against the singular value decomposition of every weighted block."""

import numpy as np
import pytest
from pyfly._rank_one import rank_one

import pyfly


def best(x0, x1, o0, o1):
    """Least weighted squared error of one block."""
    return np.linalg.svd(np.stack([np.sqrt(o0) * x0, np.sqrt(o1) * x1]), compute_uv=False)[1] ** 2


@pytest.fixture(params=["scalar", "avx2", "auto"])
def isa(request):
    before = pyfly.get_isa()
    try:
        pyfly.set_isa(request.param)
    except ValueError:
        pyfly.set_isa("auto")
    yield
    pyfly.set_isa(before)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("columns", [4, 8, 10, 32, 70])
@pytest.mark.parametrize("dtype", [float, complex])
def test_least_error_of_every_block(isa, dtype, columns, groups):
    rng = np.random.default_rng(columns)
    count, pairs = 3, 5
    x = rng.standard_normal((count, 2 * pairs, columns))
    if dtype is complex:
        x = x + 1j * rng.standard_normal(x.shape)
    x[0, 0] *= 1e-8
    x[1, 2] = 0
    o = rng.random((count, 2 * pairs)) + 0.1
    orders = [None, rng.permutation(columns), np.stack([rng.permutation(columns) for _ in range(count)])]
    for order in orders:
        d, w, passed, error = rank_one(x, o, groups, order)
        for v in range(count):
            for k in range(pairs):
                o0, o1 = o[v, k], o[v, k + pairs]
                least = 0
                for g in range(groups):
                    here = np.arange(columns) if order is None else order if order.ndim == 1 else order[v]
                    here = here.reshape(groups, -1)[g]
                    x0, x1 = x[v, k, here], x[v, k + pairs, here]
                    d0, d1 = d[v, k, :, g]
                    assert max(abs(d0), abs(d1)) == 1 and 1 in (d0, d1)
                    assert passed[v, g, k] == pytest.approx(o0 * abs(d0) ** 2 + o1 * abs(d1) ** 2, rel=1e-14)
                    rest = np.stack([x0 - d0 * w[v, g, k], x1 - d1 * w[v, g, k]])
                    left = (np.array([o0, o1]) * (np.abs(rest) ** 2).sum(axis=1)).sum()
                    assert left == pytest.approx(best(x0, x1, o0, o1), rel=1e-10, abs=1e-22)
                    least += left
                assert error[v, k] == pytest.approx(least, rel=1e-10, abs=1e-22)


def test_parallel_rows_leave_rounding_only(isa):
    rng = np.random.default_rng(0)
    row = rng.standard_normal(64) + 1j * rng.standard_normal(64)
    x = np.stack([row, (0.3 - 2j) * row])[None]
    d, w, _, error = rank_one(x, np.ones((1, 2)), 1)
    assert error[0, 0] < 1e-30 * np.linalg.norm(x) ** 2
    np.testing.assert_allclose(d[0, 0, 0, 0] * w[0, 0, 0], row, rtol=1e-14)
    d, w, _, error = rank_one(np.zeros((1, 2, 8)), np.ones((1, 2)), 2)
    assert not error.any() and not w.any() and (d[0, 0] == [[1, 1], [0, 0]]).all()


def test_bad_sizes_are_refused():
    x, o = np.ones((1, 4, 6)), np.ones((1, 4))
    with pytest.raises(ValueError, match="weights"):
        rank_one(x, o[:, :3], 1)
    with pytest.raises(ValueError, match="groups"):
        rank_one(x[:, :, :5], o, 2)
    with pytest.raises(ValueError, match="order"):
        rank_one(x, o, 2, np.arange(6) + 1)
    with pytest.raises(ValueError, match="order"):
        rank_one(x, o, 2, np.arange(5))
