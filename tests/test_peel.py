"""Algebraic search: matrices made from known factors come back, whatever their scaling, zeros and permutation."""

import tracemalloc

import numpy as np
import pytest
import scipy.fft
import scipy.linalg

from pyfly import targets
from pyfly._learn._peel import peel

pytestmark = pytest.mark.filterwarnings("error")

TOL = 1e-10
SIZES = [2, 4, 8, 16, 64, 256]
KINDS = ["normal", "zeros", "zero blocks", "singular", "swaps", "signs", "bits", "identity"]


def permutation(choices):
    """Gather indices from rows (a, b, c), largest block last in the array and first to act."""
    perm = np.arange(2 ** (len(choices) + 1))
    for row, (a, b, c) in reversed(list(enumerate(choices))):
        blocks = perm.reshape(-1, 2 ** (row + 2))
        if a:
            blocks = np.hstack([blocks[:, 0::2], blocks[:, 1::2]])
        first, second = np.split(blocks, 2, axis=1)
        perm = np.hstack([first[:, ::-1] if b else first, second[:, ::-1] if c else second]).ravel()
    return perm


def expand(twiddle, tied):
    """Dense butterfly matrix, strides increasing."""
    n = len(twiddle) + 1 if tied else 2 ** len(twiddle)
    matrix = np.eye(n, dtype=twiddle.dtype)
    for k in range(n.bit_length() - 1):
        s = 2**k
        blocks = np.tile(twiddle[s - 1 : 2 * s - 1], (n // (2 * s), 1, 1)) if tied else twiddle[k]
        blocks = blocks.reshape(-1, s, 2, 2)
        matrix = np.einsum("vkij,vjkc->vikc", blocks, matrix.reshape(-1, 2, s, n)).reshape(n, n)
    return matrix


def entries(rng, shape, kind="normal", dtype=float):
    """Random 2x2 blocks of one kind."""
    blocks = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        blocks = blocks + 1j * rng.standard_normal(shape)
    some = rng.random(shape[:-2])[..., None, None]
    if kind == "zeros":
        blocks[rng.random(shape) < 0.5] = 0
    elif kind == "zero blocks":
        blocks = blocks * (some < 0.8)
    elif kind == "singular":
        blocks = np.where(some < 0.5, blocks[..., :1] * blocks[..., :1, :], blocks)
    elif kind == "swaps":
        blocks = np.where(some < 0.5, np.eye(2), np.eye(2)[::-1]).astype(dtype)
    elif kind == "signs":
        blocks = rng.choice([-1, 1], shape).astype(dtype)
    elif kind == "bits":
        blocks = rng.integers(2, size=shape).astype(dtype)
    elif kind == "identity":
        blocks = np.broadcast_to(np.eye(2), shape).astype(dtype)
    return blocks


def product(n, rng, *, kind="normal", tied=False, dtype=float, choices=None):
    """Random B P and the gather indices of P."""
    bits = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (bits, n // 2, 2, 2)
    perm = permutation(rng.integers(2, size=(bits - 1, 3)) if choices is None else choices)
    matrix = expand(entries(rng, shape, kind, dtype), tied)
    target = np.empty_like(matrix)
    target[:, perm] = matrix
    return target, perm


def scaled(target):
    """Largest entry in [1/2, 1)."""
    return target * 2.0 ** -(np.frexp(np.abs(target).max())[1])


def error(target, found):
    """Relative error of the product of the factors."""
    model = found.factors[0].todense()
    for factor in found.factors[1:]:
        model = model @ factor.todense()
    return np.linalg.norm(target - model) / np.linalg.norm(target)


def paley(n):
    """Hadamard matrix with its rows in bit-reversed order."""
    return targets.hadamard(n)[permutation([(1, 0, 0)] * (n.bit_length() - 2))]


@pytest.mark.parametrize("n", [*SIZES, 1024])
@pytest.mark.parametrize("make", [targets.dft, targets.idft, targets.hadamard, paley])
def test_transforms(make, n):
    target = scaled(make(n))
    found = peel(target, tol=TOL)
    assert found.model == "BP" and found.tied
    assert error(target, found) < 1e-15
    assert len(found.history) == max(1, n.bit_length() - 2)
    assert found.factors[0].todense().dtype == target.dtype
    reverse = permutation([(1, 0, 0)] * (n.bit_length() - 2))
    np.testing.assert_array_equal(found.permutation, np.arange(n) if make is targets.hadamard else reverse)


def test_large_transform():
    n = 4096
    found = peel(scaled(targets.dft(n)), tol=TOL)
    x = np.random.default_rng(0).standard_normal((n, 4))
    expected = scipy.fft.fft(x, axis=0, norm="ortho") * 2.0**6 / 2
    butterfly, perm = found.factors
    assert np.linalg.norm(butterfly @ (perm @ x) - expected) < 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize("n", [8, 64])
def test_hadamard_factors_are_signs(n):
    hadamard = scipy.linalg.hadamard(n).astype(float)
    found = peel(hadamard, tol=TOL, tied=False)
    np.testing.assert_array_equal(found.factors[0].todense(), hadamard)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("tied", [False, True])
def test_any_choices(n, dtype, tied):
    rng = np.random.default_rng(n)
    for _ in range(8):
        target = scaled(product(n, rng, tied=tied, dtype=dtype)[0])
        found = peel(target, tol=TOL)
        assert error(target, found) < 1e-14
        assert found.tied == (tied or n == 2)
        assert found.factors[0].todense().dtype == dtype
        if n > 4:
            assert found.model == "BP"
        free = peel(target, tol=TOL, tied=False)
        assert not free.tied and error(target, free) < 1e-14
        if tied:
            forced = peel(target, tol=TOL, tied=True)
            assert forced.tied and error(target, forced) < 1e-14


@pytest.mark.parametrize("choice", [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)])
def test_all_levels_alike(choice):
    rng = np.random.default_rng(1)
    target, perm = product(32, rng, tied=True, choices=[choice] * 4)
    found = peel(scaled(target), tol=TOL)
    assert found.tied and error(scaled(target), found) < 1e-14
    if not choice[1]:
        np.testing.assert_array_equal(found.permutation, perm)


@pytest.mark.parametrize("n", [8, 64, 256])
@pytest.mark.parametrize("tied", [False, True])
def test_transpose(n, tied):
    rng = np.random.default_rng(n)
    # Not the bit reversal R: (B R)^T = (R B^T R) R is of the same class.
    choices = rng.integers(2, size=(n.bit_length() - 2, 3))
    choices[-1, 0] = 0
    target, _ = product(n, rng, tied=tied, dtype=complex, choices=choices)
    target = scaled(target).T.copy()
    found = peel(target, tol=TOL)
    assert found.model == "(BP)^T" and found.tied == tied
    assert error(target, found) < 1e-14
    first, second = (factor.todense() for factor in found.factors)
    np.testing.assert_array_equal(first, np.eye(n)[found.permutation])
    assert second.shape == (n, n)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
def test_degenerate_factors(kind, tied, transpose):
    rng = np.random.default_rng(7)
    with np.errstate(all="raise"):
        for n in (4, 8, 16, 32, 64):
            for dtype in (float, complex):
                target, _ = product(n, rng, kind=kind, tied=tied, dtype=dtype)
                if not target.any():
                    continue
                target = scaled(target.T.copy() if transpose else target)
                found = peel(target, tol=TOL)
                assert error(target, found) < 1e-13
                assert np.isfinite(found.history).all()


@pytest.mark.parametrize("side", ["rows", "columns", "both"])
@pytest.mark.parametrize("spread", [0, 4, 100])
def test_scaled_rows_and_columns(side, spread):
    n, rng = 64, np.random.default_rng(3)
    rows, columns = rng.choice([-1, 1], (2, n)) * 10.0 ** -rng.uniform(0, spread, (2, n))
    with np.errstate(all="raise", under="ignore"):
        for target in (targets.dft(n), targets.hadamard(n), product(n, rng)[0]):
            target = target * (rows[:, None] if side != "columns" else 1) * (columns if side != "rows" else 1)
            target = scaled(target)
            found = peel(target, tol=TOL)
            assert error(target, found) < 1e-14


def test_small_rows_are_found_to_their_own_precision():
    n, rng = 64, np.random.default_rng(5)
    target = scaled(targets.dft(n) * 10.0 ** -rng.uniform(0, 12, n)[:, None])
    butterfly, perm = peel(target, tol=TOL).factors
    difference = butterfly.todense()[:, np.argsort(perm.todense().argmax(axis=1))] - target
    assert (np.linalg.norm(difference, axis=1) <= 1e-14 * np.linalg.norm(target, axis=1)).all()


def test_ties_are_resolved_at_the_bottom():
    # Every wrong choice of this permutation matrix is exact for one level and fails at a later one.
    rng = np.random.default_rng(0)
    for _ in range(20):
        target, _ = product(16, rng, kind="swaps")
        assert error(target / 2, peel(target / 2, tol=TOL, tied=False)) == 0


def test_scaled_columns_are_tied_in_the_transpose():
    n = 64
    target = scaled(targets.dft(n) * np.random.default_rng(0).standard_normal(n))
    found = peel(target, tol=TOL)
    assert found.tied and found.model == "(BP)^T"
    assert error(target, found) < 1e-14
    assert peel(target, tol=TOL, tied=False).model == "BP"


@pytest.mark.parametrize("n", [8, 16, 64, 256])
@pytest.mark.parametrize("side", ["rows", "columns"])
def test_permuted_transforms(n, side):
    rng = np.random.default_rng(n)
    for order in (permutation(rng.integers(2, size=(n.bit_length() - 2, 3))), rng.permutation(n)):
        scales = rng.standard_normal((2, n))
        for make in (targets.dft, targets.hadamard):
            target = make(n)[order] if side == "rows" else make(n)[:, order]
            for case in (target, target * scales[0], target * scales[0][:, None] * scales[1]):
                found = peel(scaled(case), tol=TOL)
                assert error(scaled(case), found) < 1e-14
                assert sorted(found.permutation) == list(range(n))


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("transpose", [False, True])
def test_any_permutation_of_random_factors(dtype, transpose):
    n, rng = 64, np.random.default_rng(11)
    target = scaled(product(n, rng, dtype=dtype)[0][:, rng.permutation(n)])
    target = target.T if transpose else target
    found = peel(target, tol=TOL)
    assert found.model == ("(BP)^T" if transpose else "BP") and not found.tied
    assert error(target, found) < 1e-14


def test_any_permutation_under_noise():
    n, rng = 64, np.random.default_rng(12)
    clean = targets.dft(n)[:, rng.permutation(n)]
    noise = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    noisy = clean + 0.1 * np.linalg.norm(clean) / np.linalg.norm(noise) * noise
    assert error(clean, peel(noisy, tol=TOL)) < 0.05


def test_walsh():
    for n in (8, 64, 512):
        target = scaled(targets.walsh(n))
        assert error(target, peel(target, tol=TOL)) < 1e-14


@pytest.mark.parametrize("n", [64, 256])
@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1, 0.3])
def test_noise(n, size):
    rng = np.random.default_rng(n)
    for tied in (False, True):
        choices = np.zeros((n.bit_length() - 2, 3), dtype=int)
        choices[:, 0] = rng.integers(2, size=len(choices))
        clean, perm = product(n, rng, tied=tied, dtype=complex, choices=choices)
        clean /= np.linalg.norm(clean) * 2
        noise = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
        noise *= size * np.linalg.norm(clean) / np.linalg.norm(noise)
        found = peel(clean + noise, tol=TOL)
        np.testing.assert_array_equal(found.permutation, perm)
        assert found.model == "BP" and found.tied == tied
        assert error(clean, found) < 0.5 * size
        assert error(clean + noise, found) < size
        assert found.history[-1] == pytest.approx(error(clean + noise, found), rel=1e-6)
        assert "No BP within the tolerance" in found.note


@pytest.mark.parametrize("n", [8, 64, 256])
def test_single_precision_data(n):
    target = scaled(targets.dft(n)).astype(np.complex64).astype(complex)
    found = peel(target, tol=1e-5)
    assert found.model == "BP" and found.tied
    assert error(target, found) < 1e-7


@pytest.mark.parametrize("n", [8, 64, 256])
def test_outside_the_class(n):
    target = scaled(targets.randn(n))
    found = peel(target, tol=TOL)
    assert not found.tied and found.model in ("BP", "(BP)^T")
    assert 0.3 < found.history[-1] < 1
    assert found.history == sorted(found.history)
    assert found.history[-1] == pytest.approx(error(target, found), rel=1e-12)
    assert "within the tolerance" in found.note and f"{found.history[-1]:.2e}" in found.note
    tied = peel(target, tol=TOL, tied=True)
    assert tied.tied
    assert found.history[-1] < error(target, tied) <= 1
    assert tied.history[-1] == pytest.approx(error(target, tied), rel=1e-12)


@pytest.mark.parametrize("value", [0.75, -0.5, 0.5 + 0.5j])
def test_size_one(value):
    target = np.array([[value]])
    found = peel(target, tol=TOL)
    assert error(target, found) == 0 and found.model == "BP"


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("tied", ["auto", True, False])
def test_tiny_sizes(n, tied):
    rng = np.random.default_rng(2)
    for _ in range(20):
        target = scaled(product(n, rng, tied=tied is True)[0])
        found = peel(target, tol=TOL, tied=tied)
        assert error(target, found) < 1e-14
        assert found.tied == (n == 2 if tied == "auto" else tied)


def test_progress_rises_to_one():
    calls = []
    for target in (targets.dft(32), targets.randn(32)):
        calls.clear()
        peel(scaled(target), tol=TOL, progress=lambda fraction, message: calls.append((fraction, message)))
        fractions = [fraction for fraction, _ in calls]
        assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] == 1
        assert all(isinstance(message, str) for _, message in calls)


@pytest.mark.parametrize("layout", ["C", "F", "reversed", "read-only"])
def test_layouts_and_the_target_is_left_alone(layout):
    target = scaled(product(32, np.random.default_rng(4), dtype=complex)[0])
    before = target.copy()
    if layout == "F":
        target = np.asfortranarray(target)
    elif layout == "reversed":
        target = before[::-1, ::-1].copy()[::-1, ::-1]
    target.flags.writeable = layout != "read-only"
    assert error(before, peel(target, tol=TOL)) < 1e-14
    np.testing.assert_array_equal(target, before)


def test_memory():
    for target in (targets.dft(512), targets.randn(512)):
        target = scaled(target)
        tracemalloc.start()
        peel(target, tol=TOL)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * target.nbytes
