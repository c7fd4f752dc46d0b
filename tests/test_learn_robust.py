"""learn on what nobody has in mind: odd structures, huge ranges, repeated singular values, single precision."""

import numpy as np
import pytest

import pyfly
from pyfly import targets
from pyfly._learn._baselines import truncated
from pyfly._learn._classes import fits

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


def test_other_forms_of_real_targets_have_as_many_real_numbers():
    found = pyfly.learn(targets.legendre(64))
    assert found.n_parameters == 316 and found.model == "P Re(BP) D P"
    assert {form.n_parameters for form in found.alternatives if "sparse" in form.name} == {2 * 252 + 64}


def test_low_rank_with_repeated_singular_values():
    target = np.kron(targets.dft(32), np.eye(16))
    assert truncated(target, 20) == pytest.approx(np.sqrt(1 - 20 / 512) * np.linalg.norm(target))


def test_real_targets_get_real_operators():
    rng = np.random.default_rng(0)
    k = np.arange(4)
    rows, columns = ((k[:, None] - k) % 4).repeat(4, 0).repeat(4, 1), np.tile((k[:, None] - k) % 4, (4, 4))
    two_dimensional = rng.standard_normal((4, 4))[rows, columns]
    signs = targets.hadamard(128).copy()
    np.fill_diagonal(signs, 0)
    for target in (two_dimensional, signs * 2.0 ** rng.integers(-30, 30, 128)):
        found = pyfly.learn(target)
        assert found.operator.dtype == np.float64 and found.operator.todense().dtype == np.float64
    assert pyfly.learn(two_dimensional).relative_error < 1e-14


def test_targets_that_would_lose_something_are_refused():
    with pytest.raises(TypeError, match="masked"):
        pyfly.learn(np.ma.masked_array(np.eye(4), np.eye(4) > 2))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="detach"):
        pyfly.learn(torch.eye(4, requires_grad=True))
    assert pyfly.learn(torch.eye(4)).converged


@pytest.mark.parametrize("model", ["(BP)^9", "(BP)^0", "(BP)^2_3", "Re((BP)^2_3)", "BP" * 9, "DP", "(BP)^2^T"])
def test_unknown_classes_are_refused(model):
    with pytest.raises(ValueError, match="model"):
        pyfly.learn(np.eye(16), model=model)


@pytest.mark.parametrize("tied", ["auto", True, False])
@pytest.mark.parametrize("model", ["BP", "D", "P", "Re(BP)", "BPBP", "Re(BPP)", "(BP)^2_2", "Re(BPBP)", "Re((BP)^2_2)"])
def test_the_class_asked_for_is_returned(model, tied):
    n, rng = 8, np.random.default_rng(0)
    dft, eye, gaussian = targets.dft(n), np.eye(n), rng.standard_normal((4, 4))
    for target in (dft, eye, gaussian + 1j * gaussian.T, gaussian[:2, :3], gaussian[:1, :1]):
        found = pyfly.learn(target, model=model, tied=tied)
        assert fits(found.model, model) and found.operator.shape == target.shape, found
        assert found.relative_error == pytest.approx(found.verify(target), abs=1e-14) and found.relative_error <= 1
        assert tied in ("auto", found.tied)
        if target is dft:
            assert found.converged == (model in ("BP", "BPBP", "(BP)^2_2")), found
        if target is eye:
            assert found.converged, found


def test_closest_diagonal_and_closest_permutation():
    rng = np.random.default_rng(1)
    target = rng.standard_normal((16, 16))
    found = pyfly.learn(target, model="D")
    assert np.allclose(found.operator.todense(), np.diag(np.diag(target))) and "closest" in found.note
    perm = rng.permutation(16)
    for factor in (3.0, -2.0, 1 - 2j):
        noisy = factor * np.eye(16)[perm] + 0.1 * target
        found = pyfly.learn(noisy, model="P")
        assert found.model == "P" and np.array_equal(found.permutation, perm) and found.relative_error < 0.5
    with pytest.raises(ValueError, match="no real part"):
        pyfly.learn(1j * target, model="Re(BP)")


_KINDS = (
    lambda n, rng: rng.choice([-1.0, 0, 1], (n, n)),
    lambda n, rng: rng.standard_normal((n, n)) * 10.0 ** rng.integers(-150, 150, (n, n)),
    lambda n, rng: rng.standard_normal((n, n)) * 10.0 ** rng.integers(-15, 15, (n, n)),
    lambda n, rng: np.diag(rng.standard_normal(n)) + np.diag(rng.standard_normal(n - 1), 1),
    lambda n, rng: np.where(rng.random((n, n)) < 0.1, rng.standard_normal((n, n)), np.eye(n)),
    lambda n, rng: targets.dft(n) * (rng.random((n, 1)) < 0.5) + np.eye(n),
    lambda n, rng: targets.hartley(n) * (rng.random(n) < 0.5) + np.eye(n, k=1),
    lambda n, rng: np.kron(rng.standard_normal((2, 2)), targets.hartley(n // 2)),
    lambda n, rng: np.ones((n, n)) + targets.dft(n) - n * np.eye(n) * 2.0 ** rng.integers(-30, 30, n),
    lambda n, rng: 1.0 / np.add.outer(np.arange(n), np.arange(1, n + 1)) * (rng.random((n, 1)) < 0.7),
    lambda n, rng: np.outer(rng.integers(-1, 2, n), np.ones(n)) + np.eye(n, k=-1),
    lambda n, rng: np.vander(np.linspace(-1, 1, n), n),
)


@pytest.mark.parametrize("kind", range(len(_KINDS)))
def test_any_matrix(kind):
    """No exception, no warning; the error is that of the operator, and never above that of zero."""
    for number in range(6):
        rng = np.random.default_rng([kind, number])
        n = 2 ** int(rng.integers(2, 5))
        target = _KINDS[kind](n, rng)
        target = target.T if rng.random() < 0.3 else target
        target = target * rng.standard_normal((n, 1)) if rng.random() < 0.3 else target
        target = target[rng.permutation(n)] if rng.random() < 0.3 else target
        single = rng.random() < 0.5 and np.abs(target).max() < 1e30
        if single:
            target = target.astype(np.complex64 if np.iscomplexobj(target) else np.float32)
        found = pyfly.learn(target)
        scale = np.abs(target).max()
        exact = target.astype(np.result_type(target, np.float64)) / scale
        own = np.linalg.norm(found.operator.todense() / scale - exact) / np.linalg.norm(exact)
        assert found.relative_error <= 1 + 1e-6, (number, found)
        assert found.relative_error == pytest.approx(own, rel=1e-3, abs=1e-6 if single else 1e-14), (number, found)
        assert np.iscomplexobj(target) or found.operator.dtype == target.dtype, (number, found)
