"""The gradient search over several butterflies and corners: its distance, its parts, and what it finds."""

import numpy as np
import pytest
import scipy.linalg

import pyfly
from pyfly import _fit, _fit_chain, targets
from pyfly._learn._gradient import gradient
from pyfly._learn._gradient_chain import Chain
from pyfly._learn._gradient_fit import Cancelled
from pyfly._learn._gradient_logits import parametrisation
from pyfly._learn._gradient_models import Model, parse
from pyfly._learn._gradient_search import MOST_CANDIDATES, candidates

MODES = {0: (False, False), 1: (True, True), 2: (True, False)}  # complex factors, complex target


def normal(rng, shape, kind):
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind else x


def flat(x, dtype):
    x = np.ascontiguousarray(x)
    return x.view(x.real.dtype).astype(dtype)


class Problem:
    """Everything `_fit_chain.distance` wants, and the same value from dense products of pyfly's operators."""

    def __init__(self, n, shape, depth, mode, tied, relaxed, dtype=np.float64):
        rng = np.random.default_rng([n, depth, mode, tied, relaxed])
        factors, target = MODES[mode]
        levels = n.bit_length() - 1
        self.n, self.mode, self.tied, self.depth = n, mode, tied, depth
        self.shape = (depth, n - 1, 2, 2) if tied else (depth, levels, n // 2, 2, 2)
        self.theta = flat(normal(rng, self.shape, factors), dtype).ravel()
        self.target = normal(rng, shape, target)
        self.perms = np.stack([rng.permutation(n) for _ in range(depth)])
        self.prob = rng.random((depth, 3 * (levels - 1) if relaxed else 0)).astype(dtype)

    def value(self, theta, prob):
        w = theta.astype(np.float64)
        w = (w.view(np.complex128) if self.mode else w).reshape(self.shape)
        product = np.eye(self.n)
        for twiddle, perm, p in zip(w, self.perms, prob.astype(np.float64), strict=True):
            moved = pyfly.relaxed_permute(p.reshape(-1, 3), product, axis=0) if p.size else product[perm]
            product = pyfly.Butterfly(twiddle, tied=self.tied).todense() @ moved
        corner = product[: self.target.shape[0], : self.target.shape[1]]
        return 0.5 * np.linalg.norm((corner.real if self.mode == 2 else corner) - self.target) ** 2

    def distance(self):
        dtype, grad, slope = self.theta.dtype, np.full_like(self.theta, np.nan), np.full_like(self.prob, np.nan)
        columns = self.target.shape[1]
        space = np.empty(_fit_chain.workspace(self.n, columns, self.depth, self.mode, self.prob.size > 0), dtype)
        f = _fit_chain.distance(
            self.theta,
            flat(self.target.T, dtype),
            self.n,
            self.mode,
            self.tied,
            self.perms,
            self.prob,
            space,
            grad,
            slope,
        )
        return f, grad, slope


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("relaxed", [True, False])
@pytest.mark.parametrize("n, shape, depth", [(2, (2, 2), 2), (4, (3, 2), 1), (16, (16, 16), 2), (16, (5, 9), 3)])
def test_distance_and_gradients_agree_with_dense_products(n, shape, depth, relaxed, tied, mode):
    problem = Problem(n, shape, depth, mode, tied, relaxed and n > 2)
    f, grad, slope = problem.distance()
    assert f == pytest.approx(problem.value(problem.theta, problem.prob), rel=1e-12)
    rng = np.random.default_rng(1)
    for _ in range(3):
        step, turn = rng.standard_normal(grad.shape), rng.standard_normal(slope.shape)
        h = 1e-5 / np.linalg.norm(step)
        change = problem.value(problem.theta + h * step, problem.prob + h * turn)
        change -= problem.value(problem.theta - h * step, problem.prob - h * turn)
        assert np.sum(grad * step) + np.sum(slope * turn) == pytest.approx(
            change / (2 * h), abs=1e-6 * np.linalg.norm(grad) * np.linalg.norm(step)
        )


def test_single_precision_is_close_to_double():
    single, double = (Problem(32, (32, 32), 2, 2, False, False, dtype) for dtype in (np.float32, np.float64))
    double.theta = single.theta.astype(np.float64)
    (f, grad, _), (exact, slope, _) = single.distance(), double.distance()
    assert f == pytest.approx(exact, rel=1e-5)
    assert np.linalg.norm(grad - slope) <= 1e-5 * np.linalg.norm(slope)


def test_sizes_that_do_not_fit_are_refused_before_c_sees_them():
    p = Problem(8, (8, 8), 2, 1, True, False)
    grad, space = np.empty_like(p.theta), np.empty(_fit_chain.workspace(8, 8, 2, 1, False))
    good = [p.theta, flat(p.target.T, np.float64), 8, 1, True, p.perms, p.prob, space, grad, p.prob]
    for at, wrong in (
        (0, p.theta[:-1].copy()), (1, good[1][:, :-1].copy()), (1, np.zeros((9, 16))), (2, 6), (2, 16), (3, 3),
        (5, p.perms[:, :-1].copy()), (5, p.perms + 8), (5, p.perms - 8), (6, np.zeros((2, 5))), (7, space[:-1].copy()),
        (8, grad[:-1].copy()), (9, np.zeros((1, 0))),
    ):  # fmt: skip
        arguments = list(good)
        arguments[at] = wrong
        with pytest.raises(ValueError):
            _fit_chain.distance(*arguments)


def test_a_step_of_adam_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    theta, grad, moments = rng.standard_normal(7), rng.standard_normal(7), np.zeros((2, 7))
    before = theta.copy()
    _fit.adam_step(theta, moments, grad, 1, 0.1, 3.0, 2)
    scale = np.r_[np.full(5, 0.1), 0.3, 0.3]
    np.testing.assert_allclose(theta, before - scale * grad / (np.abs(grad) + 1e-8), rtol=1e-9)
    with pytest.raises(ValueError, match="moments"):
        _fit.adam_step(theta, moments[:, :-1].copy(), grad, 1, 0.1)


@pytest.mark.parametrize(
    "name, model, canonical",
    [
        ("BP", Model(), "BP"),
        ("BPBP", Model(2), "BPBP"),
        ("(BP)^2", Model(2), "BPBP"),
        ("BPBPBP", Model(3), "(BP)^3"),
        ("Re(BPP)", Model(1, True, True), "Re(BPP)"),
        ("Re((BPP)^2)", Model(2, True, True), "Re(BPPBPP)"),
        ("(BP)^2_2", Model(2, expansion=2), "(BP)^2_2"),
    ],
)
def test_models_have_the_names_of_the_paper(name, model, canonical):
    assert parse(name) == model and model.name == canonical and parse(canonical) == model


@pytest.mark.parametrize("name", ["PB", "B", "BPBPP", "(BP)^9", "(BP)^0", "Re(BP", "(BP)^2_3", "BPBPBPBPBPBPBPBPBP"])
def test_other_names_are_refused_with_a_list_of_those_known(name):
    with pytest.raises(ValueError, match="model = .*(BPBP|power of two)"):
        gradient(targets.dft(8), model=name)


def test_an_expansion_that_contradicts_the_name_is_refused():
    assert parse("(BP)^2_2", 2).expansion == 2 and parse("BPBP", 4).expansion == 4
    with pytest.raises(ValueError, match="expansion = 4"):
        parse("(BP)^2_2", 4)


def test_candidates_are_all_products_or_a_bounded_selection():
    rng = np.random.default_rng(0)
    pairs = candidates(Model(2), 16, rng)
    assert sorted(tuple(c[:, 0, :, 0].min(axis=1)) for c in pairs) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    many = candidates(Model(3, second=True), 16, rng)
    assert len(many) <= MOST_CANDIDATES and many[0].shape == (3, 2, 3, 3)
    assert sum(all(np.array_equal(c[0], part) for part in c) for c in many) == 8


def circulant(n, seed, kind):
    c = normal(np.random.default_rng([seed, n]), n, kind)
    return c[(np.arange(n)[:, None] - np.arange(n)) % n]


@pytest.mark.parametrize("kind", [False, True])
@pytest.mark.parametrize("n", [16, 32])
def test_convolutions_are_two_factors_from_any_seed(n, kind):
    for seed in range(3):
        target = circulant(n, seed, kind)
        found = pyfly.learn(target, method="gradient", model="BPBP", seed=seed)
        assert found.converged and found.relative_error < 1e-11 and found.model == "BPBP"
        assert found.operator.dtype == target.dtype
        assert np.linalg.norm(found.operator.todense() - target) <= 1e-11 * np.linalg.norm(target)


def test_depth_lets_auto_try_several_factors():
    target = circulant(16, 0, False)
    options = {"method": "gradient", "seed": 0, "restarts": 0}
    assert not pyfly.learn(target, **options).converged
    found = pyfly.learn(target, max_depth=2, **options)
    assert found.converged and found.model == "BPBP"


def test_a_toeplitz_matrix_is_the_corner_of_two_factors_of_twice_its_size():
    rng = np.random.default_rng(0)
    target = scipy.linalg.toeplitz(rng.standard_normal(16), rng.standard_normal(16))
    found = pyfly.learn(target, method="gradient", model="BPBP", expansion=2, seed=0)
    assert found.converged and found.model == "(BP)^2_2" and found.operator.shape == (16, 16)
    assert np.linalg.norm(found.operator.todense() - target) <= 1e-10 * np.linalg.norm(target)


@pytest.mark.parametrize("shape", [(12, 16), (13, 9), (1, 3)])
def test_any_shape_is_the_corner_of_a_power_of_two(shape):
    target = targets.dft(16)[: shape[0], : shape[1]]
    found = pyfly.learn(target, method="gradient", seed=0)
    assert found.converged and found.operator.shape == shape
    assert np.linalg.norm(found.operator.todense() - target) <= 1e-10 * np.linalg.norm(target)


def test_the_real_part_of_two_complex_factors_is_real():
    target = circulant(16, 1, False)
    found = gradient(target, model="Re(BPBP)", seed=0, restarts=0, tol=1e-4)
    product = found.factors[0].todense()
    assert found.model == "Re(BPBP)" and product.dtype == np.float64
    assert np.linalg.norm(product - target) <= 1e-4 * np.linalg.norm(target)


def test_three_factors_of_a_real_target_train():
    found = gradient(targets.randn(8), model="(BP)^3", seed=0, restarts=0)
    assert found.model == "(BP)^3" and len(found.factors[0].op.factors) == 6 and found.history[-1] < 0.4


def test_relaxed_permutations_of_two_factors_are_rounded():
    found = gradient(circulant(16, 0, True), model="BPBP", permutation="shared a", seed=0, restarts=0)
    perms = [factor.perm for factor in found.factors[1::2]]
    assert all(sorted(perm) == list(range(16)) for perm in perms) and found.history[-1] < 1


def test_two_factors_begin_anew_after_rounding():
    for seed in range(2):
        target = circulant(32, seed, False)
        found = gradient(target, model="BPBP", permutation="shared a", seed=seed)
        assert found.history[-1] < 1e-10


@pytest.mark.parametrize("model, permutation", [("BPBP", "shared a + top ac"), ("BPPBPP", "shared a")])
def test_several_factors_have_one_relaxed_permutation_each(model, permutation):
    with pytest.raises(ValueError, match="permutation = .*enumerate"):
        gradient(targets.dft(8), model=model, permutation=permutation)


def test_one_relaxed_permutation_of_a_class_with_two_leaves_the_other_out():
    found = gradient(targets.dft(16), model="BPP", permutation="shared a", seed=0)
    assert found.model == "BP" and found.history[-1] < 1e-12


def test_gradients_of_logits_of_several_permutations_agree_with_differences():
    logits = parametrisation("shared abc + level a", 16)
    run = Chain(
        targets.dft(16), size=16, depth=2, logits=logits, tied=True, complex_factors=True,
        rng=np.random.default_rng(0), single=False,
    )  # fmt: skip
    theta, grad = run.theta.copy(), np.empty_like(run.theta)
    run._distance(theta, grad)
    for i in range(len(theta) - logits.count, len(theta)):
        step = np.zeros_like(theta)
        step[i] = 1e-5
        up, down = (run._distance(theta + sign * step, np.empty_like(theta)) for sign in (1, -1))
        assert grad[i] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9)


def test_a_set_flag_ends_a_run_of_several_factors():
    flag = np.ones(1, np.int64)
    run = Chain(
        targets.dft(8), size=8, depth=2, tied=True, complex_factors=True, rng=np.random.default_rng(0), cancel=flag
    )
    run.harden(candidates(Model(2), 8, None)[0])
    for call in (lambda: run.adam(np.full(10**7, 0.1)), lambda: run.polish()):
        with pytest.raises(Cancelled):
            call()
