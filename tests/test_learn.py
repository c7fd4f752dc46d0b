"""learn: every transform of the paper comes back exactly, with its class, permutation and error; the rest gets a no."""

import numpy as np
import pytest
import scipy.linalg

import pyfly
from pyfly import targets
from pyfly._learn._factorization import elementary
from pyfly._learn._words import choices_of, folded, in_words

pytestmark = pytest.mark.filterwarnings("error")

SIZES = [8, 16, 64, 256]


def skew_circulant(c):
    k = np.subtract.outer(np.arange(len(c)), np.arange(len(c)))
    return np.where(k >= 0, 1, -1) * c[k % len(c)]


def half_sample_dft(n):
    k = 2 * np.arange(n) + 1
    return np.exp(-2j * np.pi * (np.outer(k, k) % (4 * n)) / (4 * n))


def transforms(n):
    """Name, matrix, classes it may be said to be in."""
    rng = np.random.default_rng(n)
    c = rng.standard_normal(n)
    z = c + 1j * rng.standard_normal(n)
    even = c + np.roll(c[::-1], 1)
    yield from ((name, getattr(targets, name)(n), {"BP"}) for name in ("dft", "idft", "hadamard", "walsh"))
    yield "half-sample dft", half_sample_dft(n), {"BP"}
    yield "hartley", targets.hartley(n), {"Re(BP)", "BP"}
    for type in (2, 3, 4):
        for make in (targets.dct, targets.dst):
            models = {"(Re(BPP))^T"} if type == 3 else {"Re(BPP)"}
            yield f"{make.__name__} {type}", make(n, type), models
    yield "circulant", scipy.linalg.circulant(c), {"Re(BPBP)"}
    yield "complex circulant", scipy.linalg.circulant(z), {"BPBP"}
    yield "symmetric circulant", scipy.linalg.circulant(even), {"Re(BPBP)", "Re(BP) Re(BP)"}
    yield "skew circulant", skew_circulant(c), {"Re(BPBP)"}
    yield "complex skew circulant", skew_circulant(z), {"BPBP"}
    yield "dyadic", c[np.arange(n)[:, None] ^ np.arange(n)], {"BPBP"}
    yield "diagonal", np.diag(c), {"D"}
    yield "permutation", np.eye(n)[rng.permutation(n)], {"P"}


@pytest.mark.parametrize("n", SIZES)
def test_transforms(n):
    for name, target, models in transforms(n):
        found = pyfly.learn(target)
        assert found.converged and found.relative_error < 1e-13, name
        assert found.model in models, (name, found.model)
        assert found.operator.shape == (n, n)
        dense = found.operator.todense()
        assert dense.dtype == target.dtype, name
        assert np.linalg.norm(dense - target) <= 1e-13 * np.linalg.norm(target), name
        assert found.relative_error == pytest.approx(np.linalg.norm(dense - target) / np.linalg.norm(target), abs=1e-15)
        assert found.rmse == pytest.approx(np.linalg.norm(dense - target) / n, abs=1e-15 * np.linalg.norm(target))
        if models - {"D", "P"} and (n, name) != (8, "hartley"):
            assert found.tied and found.n_parameters <= 2 * 4 * (n - 1), name


@pytest.mark.parametrize("tied", [True, False])
def test_factors_are_tied_as_asked(tied):
    n = 16
    corner = np.random.default_rng(0).standard_normal(25)[np.subtract.outer(np.arange(12), np.arange(13)) + 12]
    targets_ = [*transforms(n), ("toeplitz corner", corner, ()), ("legendre", targets.legendre(n), ())]
    for name, target, models in targets_:
        found = pyfly.learn(target, tied=tied)
        assert found.tied == tied and (found.converged or name == "legendre"), name
        assert found.model in models or not models, name
        factors = [factor for factor in elementary(found.operator) if isinstance(factor, pyfly.Butterfly)]
        assert all(factor.tied == tied for factor in factors), name
        assert found.n_parameters == found.counts["tied" if tied else "untied"], name


def test_large_transforms():
    n = 1024
    for target in (targets.dft(n), targets.hadamard(n), targets.dct(n), targets.convolution(n)):
        found = pyfly.learn(target)
        assert found.tied and found.relative_error < 1e-14


def test_what_is_returned_for_the_dft():
    found = pyfly.learn(targets.dft(32))
    assert found.model == "BP" and found.tied and found.n_parameters == 124
    assert found.counts == {"tied": 124, "untied": 320}
    assert found.permutation_in_words == "bit reversal"
    assert found.seconds > 0 and found.method == "peel" and found.shape == (32, 32)
    text = found.summary()
    assert "bit reversal" in text and "124 of 1024" in text and "BP" in text
    free = pyfly.learn(targets.dft(32), tied=False)
    assert not free.tied and free.n_parameters == 320 and free.converged


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float64, np.complex128, np.int64])
def test_precision_follows_the_target(dtype):
    n = 64
    target = (targets.hadamard(n) * 8).round() if dtype == np.int64 else targets.dct(n)
    target = targets.dft(n) if np.issubdtype(dtype, np.complexfloating) else target
    found = pyfly.learn(target.astype(dtype))
    single = dtype in (np.float32, np.complex64)
    expected = np.float64 if dtype == np.int64 else dtype
    assert found.operator.dtype == expected and found.tol == (1e-5 if single else 1e-10)
    assert found.converged and found.relative_error < (5e-7 if single else 1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e200])
def test_scale_of_the_target(scale):
    for make in (
        targets.dft,
        targets.hadamard,
        targets.dct,
        targets.convolution,
        lambda n: np.diag(np.arange(1.0, n + 1)),
    ):
        found = pyfly.learn(make(32) * scale)
        assert found.converged and found.relative_error < 1e-13
        x = np.random.default_rng(0).standard_normal(32)
        np.testing.assert_allclose(found.operator @ x / scale, make(32) @ x, atol=1e-12)


def test_no_for_a_random_matrix():
    found = pyfly.learn(targets.randn(64))
    assert not found.converged and 0.5 < found.relative_error < 1
    assert "no exact form" in found.summary()


def test_save_load_verify(tmp_path):
    for target in (targets.dft(16), targets.dct(16), targets.convolution(16), targets.randn(12)[:, :9]):
        found = pyfly.learn(target)
        found.save(tmp_path / "found.npz")
        back = pyfly.load(tmp_path / "found.npz")
        assert back.verify(target) == pytest.approx(found.relative_error, rel=1e-12)
        for name in (
            "model",
            "relative_error",
            "rmse",
            "converged",
            "n_parameters",
            "tied",
            "history",
            "shape",
            "note",
        ):
            assert getattr(back, name) == getattr(found, name), name
        assert back.permutation_in_words == found.permutation_in_words
        assert back.summary() == found.summary()
    with pytest.raises(ValueError, match="shape"):
        back.verify(targets.dft(16))
    pyfly._files.save_operator(tmp_path / "plain.npz", pyfly.Diagonal([1.0, 2.0]))
    with pytest.raises(ValueError, match="no factorization"):
        pyfly.load(tmp_path / "plain.npz")


def test_residual_by_block():
    target = targets.dft(16).copy()
    found = pyfly.learn(target)
    target[3, 13] += 1
    blocks = found.residual_by_block(target, 4)
    assert np.unravel_index(blocks.argmax(), blocks.shape) == (0, 3)
    assert np.count_nonzero(blocks > 1e-14) == 1
    whole = np.sqrt((blocks**2).mean())
    assert whole == pytest.approx(found.verify(target))


@pytest.mark.parametrize(
    ("target", "error", "match"),
    [
        (np.zeros((4, 4)), ValueError, "zero"),
        (np.full((4, 4), np.nan), ValueError, "NaN"),
        (np.array([[1.0, np.inf], [0, 1]]), ValueError, "infinity"),
        (np.array([[1.0, 1j * np.inf], [0, 1]]), ValueError, "infinity"),
        (np.ones(4), ValueError, "shape"),
        (np.ones((2, 2, 2)), ValueError, "shape"),
        (np.ones((0, 3)), ValueError, "empty"),
        (np.ones((4, 4), dtype=np.longdouble), TypeError, "double"),
        (np.array([["a", "b"], ["c", "d"]]), TypeError, "numbers"),
        (np.array([[None, 1], [1, 1]], dtype=object), TypeError, "numbers"),
    ],
)
def test_bad_targets(target, error, match):
    with pytest.raises(error, match=match):
        pyfly.learn(target)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"method": "magic"}, ValueError),
        ({"tied": "yes"}, ValueError),
        ({"tol": -1.0}, ValueError),
        ({"tol": float("nan")}, ValueError),
        ({"tol": "small"}, TypeError),
        ({"model": 3}, TypeError),
        ({"max_depth": 0}, ValueError),
        ({"max_depth": 1.5}, TypeError),
        ({"expansion": 3}, ValueError),
        ({"progress": 5}, TypeError),
        ({"steps": 5}, TypeError),
    ],
)
def test_bad_arguments(arguments, error):
    with pytest.raises(error, match=next(iter(arguments))):
        pyfly.learn(targets.dft(8), **arguments)


def test_tiny_sizes():
    for value in (0.75, -2.0, 1 + 1j):
        found = pyfly.learn(np.array([[value]]))
        assert found.converged and found.relative_error == 0
    rng = np.random.default_rng(0)
    for shape in ((2, 2), (1, 3), (3, 1), (2, 1)):
        found = pyfly.learn(rng.standard_normal(shape))
        assert found.operator.shape == shape and found.relative_error < 1e-14


def test_permutations_in_words():
    rng = np.random.default_rng(3)
    for n in (4, 8, 32, 128):
        levels = n.bit_length() - 2
        assert in_words(np.arange(n)) == "identity"
        for _ in range(10):
            choices = rng.integers(2, size=(levels, 3))
            perm = pyfly.permutation_from_choices(choices)
            np.testing.assert_array_equal(pyfly.permutation_from_choices(choices_of(perm)), perm)
    assert choices_of(np.array([1, 2, 3, 0])) is None
    assert in_words(np.array([0, 2, 4, 6, 1, 3, 5, 7])) == "even/odd at level 8"
    assert in_words(folded(8)[pyfly.permutation_from_choices([(1, 0, 0)] * 2)]) == (
        "evens, then odds reversed, then bit reversal"
    )
    assert in_words(np.array([3, 4, 5, 0, 1, 2])) == "cyclic shift by 3"
    assert in_words(rng.permutation(64)) == "arbitrary"


@pytest.mark.parametrize("n", [8, 16, 32, 64, 128, 256, 512])
def test_rows_of_zeros_may_hold_rounding(n):
    k = np.arange(n)
    angles = 2 * np.pi * np.outer(k, k) / n
    d = np.random.default_rng(n).standard_normal((2, n))
    for target in (np.sin(angles), np.cos(angles), 1e-30 * np.sin(angles[:, ::-1]), targets.dft(n).imag):
        for matrix in (target, target.T, d[0][:, None] * target * d[1]):
            found = pyfly.learn(matrix)
            assert found.converged and found.relative_error < 1e-13 * n / 64 + 1e-13, found
