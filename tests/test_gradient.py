"""The gradient search: its distance and gradients against a dense reference, its parts, and what it finds."""

import threading
import time

import numpy as np
import pytest

import pyfly
from pyfly import _fit, targets
from pyfly._learn._gradient import gradient
from pyfly._learn._gradient_fit import Cancelled, Fit, cosine, gather, random_unitary, untied
from pyfly._learn._gradient_logits import PARAMETRISATIONS, parametrisation
from pyfly._learn._gradient_parallel import in_order
from pyfly._learn._gradient_polish import polish, units

MODES = {0: ("d", "d"), 1: ("D", "D"), 2: ("D", "d")}


def normal(rng, shape, kind):
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind in "FD" else x


def dense(twiddle, n, tied):
    """The butterfly matrix, stage by stage."""
    product = np.eye(n)
    for k in range(n.bit_length() - 1):
        s = 1 << k
        stage = np.zeros((n, n), twiddle.dtype)
        for i in range(n // 2):
            p = 2 * (i - i % s) + i % s
            stage[np.ix_([p, p + s], [p, p + s])] = twiddle[s - 1 + i % s] if tied else twiddle[k, i]
        product = stage @ product
    return product


def relaxed_permutation(prob, n):
    product = np.eye(n)
    for level in range(len(prob) - 1, -1, -1):
        m = 4 << level
        index = np.arange(m)
        parity = np.r_[index[0::2], index[1::2]]
        first = np.r_[index[: m // 2][::-1], index[m // 2 :]]
        second = np.r_[index[: m // 2], index[m // 2 :][::-1]]
        for p, order in zip(prob[level], (parity, first, second), strict=True):
            block = np.kron(np.eye(n // m), np.eye(m)[order])
            product = (p * block + (1 - p) * np.eye(n)) @ product
    return product


def numbers(x, dtype):
    x = np.ascontiguousarray(x)
    return x.view(x.real.dtype).ravel().astype(dtype)


class Problem:
    """A random distance with everything `_fit.distance` wants, and the same value from the reference."""

    def __init__(self, n, mode, tied, perms, dtype=np.float64, seed=0):
        rng = np.random.default_rng([seed, n, mode, tied, perms])
        w_kind, a_kind = MODES[mode]
        levels = n.bit_length() - 1
        self.n, self.mode, self.tied = n, mode, tied
        self.shape = (n - 1, 2, 2) if tied else (levels, n // 2, 2, 2)
        self.target = normal(rng, (n, n), a_kind)
        table = np.arange(perms * max(levels - 1, 0) * 3, dtype=np.int64)
        if len(table) > 4:
            table[1], table[2], table[4] = -1, -2, 0  # fixed at 0 and at 1; shared
        self.table, self.logits = table, len(table)
        self.theta = np.concatenate([numbers(normal(rng, self.shape, w_kind), dtype), rng.standard_normal(self.logits)])
        self.theta = self.theta.astype(dtype)
        self.perms = perms if levels > 1 else 0

    def value(self, theta):
        split = len(theta) - self.logits
        w = theta[:split].astype(np.float64)
        w = (w.view(np.complex128) if self.mode else w).reshape(self.shape)
        logits = theta[split:].astype(np.float64)
        prob = np.where(self.table == -2, 1.0, 0.0)
        prob = (
            np.where(self.table >= 0, (1 / (1 + np.exp(-logits)))[np.maximum(self.table, 0)], prob)
            if self.logits
            else prob
        )
        product = dense(w, self.n, self.tied)
        for p in prob.reshape(self.perms, -1, 3) if self.perms else ():
            product = product @ relaxed_permutation(p, self.n)
        return 0.5 * np.linalg.norm((product.real if self.mode == 2 else product) - self.target) ** 2

    def distance(self, theta=None, threads=0):
        theta = self.theta if theta is None else theta
        grad = np.full_like(theta, np.nan)
        flat = numbers(self.target, theta.dtype)
        f = _fit.distance(theta, flat, self.n, self.mode, self.tied, self.table, self.logits, grad, threads)
        return f, grad


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("perms", [0, 1, 2])
@pytest.mark.parametrize("n", [2, 4, 8, 32, 64])
def test_distance_and_gradient_agree_with_the_dense_product(n, perms, tied, mode):
    problem = Problem(n, mode, tied, perms)
    f, grad = problem.distance()
    assert f == pytest.approx(problem.value(problem.theta), rel=1e-12)
    rng = np.random.default_rng(1)
    for _ in range(3):
        step = rng.standard_normal(len(problem.theta))
        h = 1e-5 / np.linalg.norm(step)
        slope = (problem.value(problem.theta + h * step) - problem.value(problem.theta - h * step)) / (2 * h)
        assert grad @ step == pytest.approx(slope, abs=1e-6 * np.linalg.norm(grad) * np.linalg.norm(step))


@pytest.mark.parametrize("isa", ["scalar", "avx2", "avx512"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_instruction_set_gives_the_same_distance(isa, dtype):
    before = pyfly.get_isa()
    problems = [Problem(n, mode, tied, 1, dtype) for n in (4, 16, 64) for mode in MODES for tied in (True, False)]
    expected = [Problem(p.n, p.mode, p.tied, 1, np.float64) for p in problems]
    try:
        pyfly.set_isa(isa)
    except ValueError:
        pyfly.set_isa("scalar")
    try:
        found = [p.distance() for p in problems]
    finally:
        pyfly.set_isa(before)
    tolerance = 200 * float(np.finfo(dtype).eps)
    for (f, grad), problem in zip(found, expected, strict=True):
        exact, slope = problem.distance(problem.theta.astype(dtype).astype(np.float64))
        assert f == pytest.approx(exact, rel=tolerance)
        assert np.linalg.norm(grad - slope) <= tolerance * np.linalg.norm(slope)


@pytest.mark.parametrize("perms", [0, 1])
@pytest.mark.parametrize("tied", [True, False])
def test_bits_do_not_depend_on_the_number_of_threads(tied, perms):
    problem = Problem(256, 1, tied, 0) if not perms else Problem(128, 2, tied, 1)
    one, two = problem.distance(threads=1), problem.distance(threads=2)
    assert one[0] == two[0]
    assert np.array_equal(one[1], two[1])


def test_sizes_that_do_not_fit_are_refused_before_c_sees_them():
    problem = Problem(8, 1, True, 1)
    flat, grad = numbers(problem.target, np.float64), np.empty_like(problem.theta)
    good = [problem.theta, flat, 8, 1, True, problem.table, problem.logits, grad]
    for at, wrong in (
        (0, problem.theta[:-1].copy()), (1, flat[:-1].copy()), (2, 6), (2, 16), (3, 3), (5, problem.table[:-1].copy()),
        (5, problem.table + 100), (7, grad[:-1].copy()),
    ):  # fmt: skip
        arguments = list(good)
        arguments[at] = wrong
        with pytest.raises(ValueError):
            _fit.distance(*arguments)


def test_adam_takes_the_steps_of_its_definition():
    problem = Problem(8, 2, True, 1)
    theta = problem.theta.copy()
    moments = np.zeros((2, len(theta)))
    rates = np.array([0.1, 0.05, 0.02])
    history = np.zeros(3)
    done = _fit.adam(
        theta, moments, 0, rates, 4.0, numbers(problem.target, np.float64), 8, 2, True, problem.table, problem.logits,
        0.0, np.zeros(1, np.int64), history, 1,
    )  # fmt: skip
    expected, m, v = problem.theta.copy(), 0.0, 0.0
    scale = np.where(np.arange(len(theta)) < len(theta) - problem.logits, 1.0, 4.0)
    for t, rate in enumerate(rates, 1):
        f, g = problem.distance(expected)
        assert history[t - 1] == pytest.approx(f, rel=1e-12)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        expected -= rate * scale * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert done == 3
    np.testing.assert_allclose(theta, expected, rtol=1e-6, atol=1e-9)


def test_adam_stops_at_its_goal_without_a_further_step():
    problem = Problem(8, 0, True, 0)
    theta = problem.theta.copy()
    f, _ = problem.distance()
    history = np.zeros(5)
    done = _fit.adam(
        theta, np.zeros((2, len(theta))), 0, np.full(5, 0.1), 1.0, numbers(problem.target, np.float64), 8, 0, True,
        problem.table, problem.logits, 2 * f, np.zeros(1, np.int64), history, 1,
    )  # fmt: skip
    assert done == 1
    assert np.array_equal(theta, problem.theta)


@pytest.mark.parametrize(
    "name, count", [("shared a", 1), ("level a", 4), ("shared abc", 3), ("level abc", 12), ("top ac", 2)]
)
def test_a_parametrisation_has_the_logits_of_its_name(name, count):
    logits = parametrisation(name, 32)
    assert name in PARAMETRISATIONS and logits.count == count and logits.table.shape == (1, 4, 3)
    used = logits.table[logits.table >= 0]
    assert set(used) == set(range(count))
    if name.endswith(" a"):
        assert (logits.table[..., 1:] == -1).all()
    both = parametrisation(f"{name} + top ac", 32)
    assert both.count == count + 2 and both.table.shape == (2, 4, 3)


def test_rounding_takes_the_nearer_choice_and_zero_counts_as_one():
    logits = parametrisation("level abc", 8)
    values = np.array([-0.1, 0.1, 0.0, 5.0, -5.0, 1e-9])
    assert np.array_equal(logits.round(values)[0], [[0, 1, 1], [1, 0, 1]])
    assert np.array_equal(parametrisation("shared a", 8).round([2.0])[0], [[1, 0, 0], [1, 0, 0]])


def test_unknown_parametrisations_are_refused():
    with pytest.raises(ValueError, match="shared b"):
        parametrisation("shared b", 8)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("n", [2, 4, 16])
def test_units_are_what_one_entry_moves(n, tied):
    rng = np.random.default_rng(n)
    shape = (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2)
    twiddle = normal(rng, shape, "D")
    found = units(twiddle, n, tied)
    here = dense(twiddle, n, tied)
    for index in np.ndindex(shape):
        moved = twiddle.copy()
        moved[index] += 1
        assert found[index] == pytest.approx(np.linalg.norm(dense(moved, n, tied) - here), rel=1e-12)


def test_polish_returns_the_best_point_and_stops_at_its_goal():
    middle = np.arange(5.0)
    scale = np.array([1.0, 10.0, 1.0, 3.0, 1.0])

    def evaluate(x):
        return 0.5 * np.sum((scale * (x - middle)) ** 2), scale**2 * (x - middle)

    x, values = polish(np.ones(5), evaluate, norm=1.0, units=scale, goal=1e-9)
    np.testing.assert_allclose(x, middle, atol=1e-8)
    assert values[-1] == min(values) and len(values) < 40


def test_random_factors_are_unitary():
    for tied in (True, False):
        for complex_factors in (True, False):
            twiddle = random_unitary(16, tied, complex_factors, np.random.default_rng(0))
            assert np.iscomplexobj(twiddle) == complex_factors
            product = dense(twiddle, 16, tied)
            np.testing.assert_allclose(product @ product.conj().T, np.eye(16), atol=1e-14)


def test_untied_factors_are_the_same_matrix():
    twiddle = normal(np.random.default_rng(0), (15, 2, 2), "D")
    np.testing.assert_allclose(dense(untied(twiddle, 16), 16, False), dense(twiddle, 16, True), rtol=1e-13)


def test_rates_fall_along_a_cosine():
    rates = cosine(0.1, 0.01, 100)
    assert rates[0] == pytest.approx(0.1) and np.all(np.diff(rates) < 0) and rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_calls_end_in_their_order_and_the_first_accepted_one_is_the_last():
    stopped = threading.Event()

    def slow(cancel):
        time.sleep(0.05)
        return 0

    def endless(cancel):
        while not cancel[0]:
            time.sleep(0.001)
        stopped.set()
        return 2

    results = list(in_order([slow, lambda cancel: 1, endless], workers=3, accept=lambda result: result == 1))
    assert results == [0, 1] and stopped.is_set()


def test_a_long_call_lets_the_waiting_thread_tick():
    ticks = []
    results = list(
        in_order([lambda cancel: time.sleep(1.2)], workers=1, accept=lambda result: True, tick=lambda: ticks.append(1))
    )
    assert results == [None] and 1 <= len(ticks) <= 3


def test_an_interrupt_while_an_attempt_runs_stops_it():
    def interrupt():
        raise KeyboardInterrupt

    def endless(cancel):
        while not cancel[0]:
            time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        list(in_order([endless], workers=1, accept=lambda result: True, tick=interrupt))


def test_a_set_flag_ends_a_run():
    flag = np.ones(1, np.int64)
    fit = Fit(
        targets.dft(16), parametrisation("shared a", 16), complex_factors=True, tied=True, rng=np.random.default_rng(0),
        cancel=flag,
    )  # fmt: skip
    with pytest.raises(Cancelled):
        fit.adam(np.full(10**7, 0.1))


def test_an_interrupt_in_the_progress_callback_leaves_at_once():
    def interrupt(fraction, message):
        raise KeyboardInterrupt

    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        gradient(targets.randn(64), seed=0, restarts=50, progress=interrupt)
    assert time.perf_counter() - start < 20


def product_of(found, n):
    x = np.eye(n)
    for factor in reversed(found.factors):
        x = factor @ x
    return x


def check(found, target, tolerance):
    """The product is the target, the permutation is hard, the history falls."""
    n = len(target)
    error = np.linalg.norm(product_of(found, n) - target) / np.linalg.norm(target)
    assert error <= tolerance
    assert sorted(found.permutation) == list(range(n))
    assert np.all(np.diff(found.history) <= 0) and found.history[-1] == pytest.approx(error, rel=0.5, abs=1e-14)
    return error


def signed_hadamard(n, seed):
    return targets.hadamard(n) * np.random.default_rng(seed).choice([-1.0, 1.0], n)[:, None]


def turned_dft(n, seed):
    return np.exp(2j * np.pi * np.random.default_rng(seed).random(n))[:, None] * targets.dft(n)


@pytest.mark.parametrize("make", [lambda n, seed: targets.dft(n), signed_hadamard, turned_dft])
@pytest.mark.parametrize("n", [16, 64])
def test_transforms_are_found_to_the_last_digits_from_any_seed(make, n):
    found = [gradient(target, seed=seed) for seed in range(3) for target in [make(n, seed)]]
    for seed, result in enumerate(found):
        assert result.model == "BP"
        check(result, make(n, seed), 1e-12)


@pytest.mark.parametrize("make", [targets.dft, targets.hadamard])
def test_tied_factors_are_found_with_the_permutation_of_untied_ones(make):
    found = gradient(make(256), seed=0)
    check(found, make(256), 1e-12)
    assert found.tied and found.factors[0].n_parameters == 4 * 255


@pytest.mark.parametrize("make", [targets.dct, targets.dst, targets.hartley, lambda n: targets.dct(n, 4)])
@pytest.mark.parametrize("n", [16, 32])
def test_real_transforms_are_real_parts_with_tied_factors(make, n):
    found = gradient(make(n), seed=1)
    check(found, make(n), 1e-12)
    assert found.model in ("Re(BP)", "Re(BPP)") and found.tied


def test_the_scale_of_the_target_does_not_matter():
    target = targets.dft(16) * 1e-3
    check(gradient(target, seed=0), target, 1e-12)


def test_tied_and_untied_are_what_was_asked_for():
    for tied in (True, False):
        found = gradient(targets.dft(32), seed=2, tied=tied)
        check(found, targets.dft(32), 1e-12)
        assert found.tied is tied


def test_column_scalings_of_a_real_part_need_untied_factors():
    target = targets.dct(32) * np.random.default_rng(0).uniform(0.5, 2, 32)
    found = gradient(target, seed=0, model="Re(BPP)")
    check(found, target, 1e-10)
    assert not found.tied


@pytest.mark.parametrize("seed", range(4))
def test_random_tied_factors_of_a_real_part_are_found_from_several_starts(seed):
    twiddle = random_unitary(32, True, True, np.random.default_rng(seed))
    target = pyfly.Butterfly(twiddle, tied=True).todense()[:, gather(np.array([[[1, 0, 0]] * 4]), 32)].real
    check(gradient(target, seed=seed, model="Re(BP)"), target, 1e-10)


def test_a_matrix_outside_the_class_gets_an_honest_error():
    target = targets.randn(16)
    found = gradient(target, seed=0, restarts=0)
    error = np.linalg.norm(product_of(found, 16) - target) / np.linalg.norm(target)
    assert 0.1 < error < 1 and found.history[-1] == pytest.approx(error, rel=1e-6)


def test_the_same_seed_gives_the_same_product_for_any_number_of_workers():
    one, two = (gradient(targets.dct(16), seed=3, workers=workers) for workers in (1, 3))
    assert np.array_equal(product_of(one, 16), product_of(two, 16)) and one.history == two.history


def test_progress_is_reported_in_words():
    seen = []
    gradient(targets.dft(8), seed=0, progress=lambda fraction, message: seen.append((fraction, message)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and "shared a" in seen[-1][1]


@pytest.mark.parametrize(
    "argument, value",
    [
        ("model", "PB"),
        ("tied", "both"),
        ("restarts", -1),
        ("seed", -1),
        ("workers", 0),
        ("permutation", "b"),
    ],
)
def test_arguments_out_of_range_are_named(argument, value):
    with pytest.raises(ValueError, match=argument):
        pyfly.learn(targets.dft(8), method="gradient", **{argument: value})


@pytest.mark.parametrize(
    "argument, value",
    [
        ("restarts", True),
        ("seed", 0.5),
        ("seed", None),
        ("workers", "2"),
        ("single", "no"),
        ("permutation", None),
        ("max_steps", 3),
    ],
)
def test_arguments_of_the_wrong_kind_are_named(argument, value):
    with pytest.raises(TypeError, match=argument):
        pyfly.learn(targets.dft(8), method="gradient", **{argument: value})


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_smallest_sizes_work(n):
    target = normal(np.random.default_rng(n), (n, n), "D") if n < 4 else targets.dft(4)
    found = gradient(target, seed=0)
    assert np.linalg.norm(product_of(found, n) - target) <= 1e-12 * np.linalg.norm(target)


def test_large_blocks_are_decided_first_and_shared_logits_are_left_alone():
    logits = parametrisation("level a", 32).decide([1.0, -1.0, 2.0, -3.0], 2)
    assert np.array_equal(logits.table[0, :, 0], [0, 1, -2, -1])
    assert np.array_equal(logits.round([-1.0, 1.0, -9.0, 9.0])[0, :, 0], [0, 1, 1, 0])
    shared = parametrisation("shared a", 32)
    assert np.array_equal(shared.decide([1.0], 2).table, shared.table)


def test_the_next_roundings_turn_over_the_least_certain_logits():
    found = parametrisation("level abc", 8).nearby([3.0, 0.1, 0.2, -0.3, 2.0, 2.0], 3, (0,))
    assert [c[0, :, 0].tolist() for c in found] == [[1, 0], [1, 1], [0, 0]]
    assert len(parametrisation("shared a", 8).nearby([1.0], 4)) == 2


@pytest.mark.parametrize("name", ["level a", "level abc"])
def test_logits_of_each_level_find_a_mixed_permutation(name):
    n, choices = 16, np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0]])
    perm = pyfly.permutation_from_choices(choices)
    target = np.empty((n, n))
    target[:, perm] = dense(random_unitary(n, False, False, np.random.default_rng(5)), n, False)
    found = gradient(target, seed=0, model="BP", permutation=name)
    check(found, target, 1e-10)


@pytest.mark.parametrize("n", [16, 32])
@pytest.mark.parametrize("make", [targets.dst, lambda n: targets.dct(n, 4)])
def test_relaxed_logits_of_real_parts_are_tried_from_several_starts(make, n):
    for seed in range(4):
        found = gradient(make(n), seed=seed, model="Re(BPP)", permutation="shared a + top ac", tied=True)
        check(found, make(n), 1e-12)


@pytest.mark.parametrize("make, n", [(targets.dft, 32), (targets.dct, 32), (targets.hartley, 32)])
@pytest.mark.parametrize("noise", [1e-3, 1e-1])
def test_noise_is_not_fitted_and_the_permutation_is_right(make, n, noise):
    exact, rng = make(n), np.random.default_rng(3)
    extra = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if np.iscomplexobj(exact) else 0)
    target = exact + noise * np.linalg.norm(exact) / np.linalg.norm(extra) * extra
    found = gradient(target, seed=0)
    fitted = product_of(found, n)
    assert np.linalg.norm(fitted - target) <= noise * np.linalg.norm(exact)
    assert np.linalg.norm(fitted - exact) < 0.6 * noise * np.linalg.norm(exact)
    assert np.array_equal(found.permutation, gradient(exact, seed=0).permutation)
    assert "attempt" in found.note and int(found.note.split("attempt ")[1].split()[0]) <= 6  # not all of them
