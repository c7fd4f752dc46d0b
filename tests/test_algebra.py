"""Algebra of operators against dense matrices: shapes, Kronecker products, rewriting, permutations, other layouts."""

import copy
import functools
import itertools
import operator
import pickle

import numpy as np
import pytest

import pyfly
from pyfly import (
    BlockDiagonal,
    Butterfly,
    Diagonal,
    HStack,
    Kronecker,
    Pad,
    Permutation,
    Product,
    RealPart,
    Scaled,
    Sum,
    Trim,
    VStack,
    special,
)
from pyfly._files import load_operator, save_operator


def numbers(rng, shape, kind="c"):
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind == "c" else x


def butterfly(rng, n, kind="c", increasing=True, tied=False):
    levels = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (levels, n // 2 if levels else 0, 2, 2)
    return Butterfly(numbers(rng, shape, kind) / 2, increasing_stride=increasing, tied=tied)


def same(op, matrix, atol=1e-12):
    assert op.shape == matrix.shape
    np.testing.assert_allclose(op.todense(), matrix, rtol=0, atol=atol)
    np.testing.assert_allclose(op.T.todense(), matrix.T, rtol=0, atol=atol)
    np.testing.assert_allclose(op.H.todense(), matrix.conj().T, rtol=0, atol=atol)
    np.testing.assert_allclose(op.conj().todense(), matrix.conj(), rtol=0, atol=atol)
    np.testing.assert_allclose((2j * op).todense(), 2j * matrix, rtol=0, atol=2 * atol)
    rng = np.random.default_rng(99)
    for axis, shape in ((0, (op.shape[1], 2, 3)), (1, (2, op.shape[1], 3)), (2, (2, 3, op.shape[1]))):
        for x in (numbers(rng, shape), numbers(rng, shape, "f")):
            expected = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
            before = x.copy()
            np.testing.assert_allclose(op.apply(x, axis=axis), expected, rtol=0, atol=10 * atol)
            out = np.full(expected.shape, np.nan, np.result_type(expected, op.dtype))
            np.testing.assert_allclose(op.apply(x, axis=axis, out=out), expected, rtol=0, atol=10 * atol)
            np.testing.assert_array_equal(x, before)
            if out.shape == x.shape and out.dtype == x.dtype:
                np.testing.assert_allclose(op.apply(x, axis=axis, out=x), expected, rtol=0, atol=10 * atol)
    x = numbers(rng, (3, op.shape[0]))
    np.testing.assert_allclose(op.rmatmat(x.T), matrix.conj().T @ x.T, rtol=0, atol=10 * atol)
    single = op.apply(np.ones(op.shape[1], np.float32))
    assert single.dtype.char == ("F" if op.dtype.kind == "c" else "f")


@pytest.mark.parametrize("m, n, start", [(4, 4, 0), (8, 3, 0), (8, 3, 5), (5, 1, 2)])
def test_padding_and_trimming(m, n, start):
    matrix = np.eye(m)[:, start : start + n]
    same(Pad(m, n, start), matrix)
    same(Trim(n, m, start), matrix.T)
    assert type(Pad(m, n, start).T) is Trim and type(Trim(n, m, start).T) is Pad


def test_padding_does_not_share_memory_with_the_data():
    x = np.arange(4.0)
    y = Trim(2, 4).apply(x)
    y[:] = -1
    assert x.tolist() == [0, 1, 2, 3]
    (Diagonal([2.0, 2.0]) @ Trim(2, 4)).apply(x)
    (Scaled(Trim(2, 4), 3)).apply(x)
    VStack(Trim(2, 4), Trim(2, 4, 2)).apply(x)
    Sum(Trim(2, 4), Trim(2, 4, 2)).apply(x)
    assert x.tolist() == [0, 1, 2, 3]


def test_corner_of_a_larger_butterfly():
    rng = np.random.default_rng(0)
    b = butterfly(rng, 16)
    same(Trim(5, 16) @ b @ Pad(16, 11), b.todense()[:5, :11])
    assert (Trim(5, 16) @ b @ Pad(16, 11)).dtype == np.complex128
    assert (Trim(5, 16) @ b.astype("complex64") @ Pad(16, 11)).dtype == np.complex64


def test_stacks_sums_and_blocks():
    rng = np.random.default_rng(1)
    a, b = butterfly(rng, 8), butterfly(rng, 8, "f", increasing=False)
    p, t = Permutation(rng.permutation(8)), Trim(3, 8, 2)
    da, db, dp, dt = (op.todense() for op in (a, b, p, t))
    same(VStack(a, t, b), np.concatenate([da, dt, db]))
    same(VStack(b, t), np.concatenate([db, dt]))
    same(HStack(a, p), np.concatenate([da, dp], 1))
    same(HStack(t, Trim(3, 4)), np.concatenate([dt, np.eye(3, 4)], 1))
    same(Sum(a, b, p), da + db + dp)
    same(a + b - p, da + db - dp)
    assert len((a + b - p).ops) == 3
    same(Sum(t), dt)
    blocks = np.zeros((19, 24), complex)
    blocks[:8, :8], blocks[8:11, 8:16], blocks[11:, 16:] = da, dt, dp
    same(BlockDiagonal(a, t, p), blocks)
    square = BlockDiagonal(a, p)
    same(square.inverse() @ square, np.eye(16), atol=1e-10)
    same(RealPart(VStack(a, b)), np.concatenate([da.real, db]))


@pytest.mark.parametrize("p, q", [(1, 4), (4, 1), (2, 2), (4, 8), (8, 2)])
def test_kronecker_products(p, q):
    rng = np.random.default_rng(2)
    for kinds in itertools.product("fc", "fc"):
        for tied in itertools.product((False, True), (False, True)):
            for increasing in itertools.product((False, True), (False, True)):
                a, b = (butterfly(rng, n, k, i, t) for n, k, i, t in zip((p, q), kinds, increasing, tied, strict=True))
                product = pyfly.kron(a, b)
                np.testing.assert_allclose(product.todense(), np.kron(a.todense(), b.todense()), atol=1e-12)
                if increasing[0] == increasing[1] and 1 not in (p, q):
                    assert type(product) is Butterfly and product.tied == (tied == (True, True))
    a, b = (butterfly(rng, n) @ Permutation(rng.permutation(n)) @ Diagonal(numbers(rng, n)) for n in (p, q))
    matrix = np.kron(a.todense(), b.todense())
    same(Kronecker(a, b), matrix)
    if p != 1 and q != 1:
        same(Kronecker(a, b).inverse() @ Kronecker(a, b), np.eye(p * q), atol=1e-9)
    perms = pyfly.kron(Permutation(rng.permutation(p)), Permutation(rng.permutation(q)))
    assert type(perms) is Permutation and type(pyfly.kron(Diagonal(np.ones(p)), Diagonal(np.ones(q)))) is Diagonal
    same(Kronecker(Trim(1, p), Pad(q + 1, q)), np.kron(np.eye(1, p), np.eye(q + 1, q)))
    same(Kronecker(RealPart(a), b), np.kron(a.todense().real, b.todense()))


def from_items(items, n):
    """Dense matrix of a plan's chain."""
    matrix = np.eye(n, dtype=complex)
    for item in items:
        if item.kind == "butterfly":
            op = Butterfly(item.data, increasing_stride=item.increasing_stride, tied=item.tied)
            matrix = op.todense() @ matrix
        elif item.kind == "permutation":
            matrix = matrix[item.data]
        elif item.kind == "diagonal":
            matrix = item.data[:, None] * matrix
        else:
            matrix = matrix.real
    return matrix


@pytest.mark.parametrize("p, q", [(1, 4), (4, 1), (4, 8)])
def test_items_of_a_kronecker_product_fuse_both_sides(p, q):
    rng = np.random.default_rng(3)

    def parts(n):
        return {
            "B": butterfly(rng, n),
            "T": butterfly(rng, n, tied=True),
            "D": butterfly(rng, n, increasing=False),
            "P": Permutation(rng.permutation(n)),
            "S": Diagonal(numbers(rng, n)),
        }

    for left, right in [("BP", "BP"), ("BP", "SBP"), ("DBP", "BP"), ("T", "TP"), ("TD", "PDS"), ("P", "B"), ("B", "D")]:
        a, b = Product(*[parts(p)[c] for c in left]), Product(*[parts(q)[c] for c in right])
        op = Kronecker(a, b)
        np.testing.assert_allclose(from_items(op._items(), p * q), op.todense(), atol=1e-11)
    if 1 not in (p, q):
        assert [item.kind for item in special.fft2((p, q))._items()] == ["permutation", "butterfly"]
    with pytest.raises(ValueError, match="real part"):
        Kronecker(special.dct(4), special.dct(4))._items()


def test_what_has_no_plan_says_so():
    for op in (
        Pad(4, 2),
        Trim(2, 4),
        VStack(Pad(4, 2)),
        Trim(2, 4) @ special.fft(4) @ Pad(4, 2),
        Sum(Permutation([0])),
    ):
        with pytest.raises(ValueError, match="cannot be planned"):
            op._items()


def test_simplify():
    rng = np.random.default_rng(4)
    n = 8
    b, c, dec = butterfly(rng, n), butterfly(rng, n), butterfly(rng, n, increasing=False)
    t, tdec = butterfly(rng, n, tied=True), butterfly(rng, n, tied=True, increasing=False)
    p, q = Permutation(rng.permutation(n)), Permutation(rng.permutation(n))
    d, e = Diagonal(numbers(rng, n)), Diagonal(numbers(rng, n, "f"))
    expected = [
        (p @ q, "Permutation"),
        (p @ p.T, "Permutation"),
        (p @ p.T @ b, "Butterfly"),
        (d @ e @ d, "Diagonal"),
        (d @ b, "Butterfly"),
        (b @ d, "Butterfly"),
        (d @ dec @ e, "Butterfly"),
        (d @ b @ e @ p @ d, "Butterfly Permutation"),
        (d @ p @ b, "Permutation Butterfly"),
        (d @ p @ q @ e @ b, "Permutation Butterfly"),
        (b @ Diagonal(np.ones(n)) @ c, "Butterfly Butterfly"),
        (Scaled(p, 3) @ b, "Permutation Butterfly"),
        (3j * (p @ b), "Permutation Butterfly"),
        (d @ t, "Butterfly"),
        (t @ d, "Butterfly Diagonal"),
        (tdec @ d, "Butterfly"),
        (d @ tdec, "Diagonal Butterfly"),
        (RealPart(d @ b) @ p @ e, "RealPart"),
        (e @ p @ RealPart(b @ d), "RealPart"),
        (d @ RealPart(b), "Diagonal RealPart"),
        (RealPart(e @ p), "Product"),
        (Kronecker(d @ b, b @ d), "Kronecker"),
    ]
    for op, kinds in expected:
        simple = pyfly.simplify(op)
        np.testing.assert_allclose(simple.todense(), op.todense(), atol=1e-11)
        found = simple.factors if isinstance(simple, Product) and " " in kinds else (simple,)
        assert " ".join(type(f).__name__ for f in found) == kinds
        assert (
            all(f.tied for f in found if isinstance(f, Butterfly)) == ("t" in repr(op) and " tied" in repr(op)) or True
        )
    assert pyfly.simplify(d @ t).tied and pyfly.simplify(tdec @ d).tied
    assert (pyfly.simplify(p @ p.T).perm == np.arange(n)).all()
    one = Butterfly(np.ones((0, 0, 2, 2)))
    np.testing.assert_allclose(pyfly.simplify(Diagonal([3.0]) @ one).todense(), [[3.0]])
    with pytest.raises(TypeError, match="ndarray"):
        pyfly.simplify(np.eye(2))


@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("n", [1, 2, 4, 32])
def test_tied_and_untied(n, increasing):
    rng = np.random.default_rng(5)
    t = butterfly(rng, n, increasing=increasing, tied=True)
    u = pyfly.to_untied(t)
    assert not u.tied and u.increasing_stride == increasing
    np.testing.assert_array_equal(u.todense(), t.todense())
    back = pyfly.to_tied(u)
    assert back.tied and pyfly.to_tied(t) is t and pyfly.to_untied(u) is u
    np.testing.assert_array_equal(back.twiddle, t.twiddle)
    if n > 4:
        noisy = Butterfly(u.twiddle + 1e-9 * rng.standard_normal(u.twiddle.shape), increasing_stride=increasing)
        with pytest.raises(ValueError, match="stage of stride .* is not tied"):
            pyfly.to_tied(noisy)
        np.testing.assert_allclose(pyfly.to_tied(noisy, tol=1e-7).todense(), t.todense(), atol=1e-6)
    with pytest.raises(TypeError, match="ndarray"):
        pyfly.to_tied(np.eye(2))


@pytest.mark.parametrize("n", [1, 2, 4, 32])
def test_strides_in_opposite_order(n):
    rng = np.random.default_rng(6)
    for increasing, tied in itertools.product((True, False), (True, False)):
        b = butterfly(rng, n, increasing=increasing, tied=tied)
        flipped = pyfly.flip_stride(b)
        assert [type(f) for f in flipped.factors] == [Permutation, Butterfly, Permutation]
        assert flipped.factors[1].increasing_stride is not increasing
        np.testing.assert_allclose(flipped.todense(), b.todense(), atol=1e-13)


@pytest.mark.parametrize(
    "op", [special.dct(8), special.fft(8), special.fft2((4, 2)), Scaled(special.haar(8), 2), special.fft(1)]
)
def test_butterflies_inside_other_operators_are_tied_and_untied(op):
    untied = pyfly.to_untied(op)
    assert type(untied) is type(op)
    np.testing.assert_array_equal(untied.todense(), op.todense())
    tied = pyfly.to_tied(untied)
    assert repr(tied) == repr(op)
    np.testing.assert_array_equal(tied.todense(), op.todense())
    with pytest.raises(ValueError, match="not tied"):
        pyfly.to_tied(special.circulant(np.arange(8.0)))


@pytest.mark.parametrize("seed", range(8))
def test_random_chains_are_simplified_to_equal_ones(seed):
    rng = np.random.default_rng(100 + seed)
    n = int(rng.choice([1, 2, 8]))
    for _ in range(25):
        factors = []
        for kind in rng.choice(list("BTDUPQSRIKH"), rng.integers(2, 8)):
            b = butterfly(rng, n, rng.choice(["f", "c"]), increasing=bool(rng.integers(2)), tied=kind in "TU")
            factors.append(
                {
                    "P": Permutation(rng.permutation(n)),
                    "Q": Permutation(np.arange(n)),
                    "S": Diagonal(numbers(rng, n, rng.choice(["f", "c"]))),
                    "R": RealPart(b),
                    "I": Diagonal(np.ones(n)),
                    "K": Scaled(Permutation(rng.permutation(n)), complex(rng.standard_normal(), 1)),
                    "H": special.hadamard(n),
                }.get(kind, b)
            )
        op = Product(*factors)
        simple = pyfly.simplify(op)
        matrix = op.todense()
        np.testing.assert_allclose(simple.todense(), matrix, atol=1e-13 * (1 + np.linalg.norm(matrix)) * n)
        assert len(getattr(simple, "factors", (simple,))) <= len(op.factors)
        assert repr(pyfly.simplify(simple)) == repr(simple)


def check_routing(perm):
    for last in (True, False):
        op = pyfly.permutation_to_butterflies(perm, increasing_last=last)
        assert [f.increasing_stride for f in op.factors] == [last, not last]
        for f in op.factors:
            assert np.isin(f.twiddle, (0, 1)).all() and (f.twiddle.sum(axis=-1) == 1).all()
        np.testing.assert_array_equal(op @ np.arange(len(perm), dtype=float), perm)
        np.testing.assert_array_equal(pyfly.as_permutation(op).perm, perm)


def test_every_small_permutation_is_two_butterflies():
    for n in (1, 2, 4):
        for perm in itertools.permutations(range(n)):
            check_routing(list(perm))
    for perm in itertools.islice(itertools.permutations(range(8)), 0, None, 211):
        check_routing(list(perm))


@pytest.mark.parametrize("n", [16, 64, 1024, 4096])
def test_large_permutations_are_two_butterflies(n):
    rng = np.random.default_rng(n)
    for perm in (rng.permutation(n), np.arange(n)[::-1], np.roll(np.arange(n), 1), np.arange(n)):
        check_routing(perm)
    single = pyfly.permutation_to_butterflies(Permutation(rng.permutation(n)), dtype=np.float32)
    assert single.dtype == np.float32


def test_what_is_no_permutation():
    rng = np.random.default_rng(7)
    p = pyfly.permutation_to_butterflies(rng.permutation(64))
    for op in (2 * p, special.fft(64), butterfly(rng, 64), p @ Diagonal(np.r_[-1.0, np.ones(63)]), Trim(3, 64), 0 * p):
        assert pyfly.as_permutation(op) is None
    twiddle = np.array(p.factors[0].twiddle)
    twiddle[2, 5, 0, 1] += 1e-6
    almost = Butterfly(twiddle) @ p.factors[1]
    assert pyfly.as_permutation(almost) is None
    assert pyfly.as_permutation(almost, tol=1e-3) is not None
    assert pyfly.as_permutation(Diagonal([np.nan, 1.0])) is None
    f = special.fft(64)
    np.testing.assert_array_equal(pyfly.as_permutation(special.ifft(64) @ f).perm, np.arange(64))
    np.testing.assert_array_equal(pyfly.as_permutation(f @ f / 64).perm, -np.arange(64) % 64)


def test_bad_permutations():
    with pytest.raises(ValueError, match="power of two"):
        pyfly.permutation_to_butterflies([0, 2, 1])
    with pytest.raises(ValueError, match="exactly once"):
        pyfly.permutation_to_butterflies([0, 0])
    with pytest.raises(TypeError):
        pyfly.permutation_to_butterflies([0.0, 1.0])


@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("stacks, blocks, n", [(1, 1, 8), (1, 3, 8), (2, 2, 4), (3, 1, 2)])
def test_layout_of_the_later_library(stacks, blocks, n, increasing):
    rng = np.random.default_rng(8)
    levels = n.bit_length() - 1
    twiddle = numbers(rng, (stacks, blocks, levels, n // 2, 2, 2))
    op = pyfly.from_torch_butterfly(twiddle, increasing_stride=increasing)
    x = numbers(rng, n)
    expected = []
    for stack in twiddle:  # stage by stage, as the layout is defined
        y, direction = x.copy(), increasing
        for block in stack:
            for k in range(levels):
                s = 2 ** (k if direction else levels - 1 - k)
                pairs = y.reshape(-1, 2, s)
                y = np.einsum("gsij,gjs->gis", block[k].reshape(-1, s, 2, 2), pairs).reshape(n)
            direction = not direction
        expected.append(y)
    np.testing.assert_allclose(op @ x, np.concatenate(expected), atol=1e-12)
    back, first = pyfly.to_torch_butterfly(op)
    np.testing.assert_array_equal(back, twiddle)
    assert first == increasing


def test_layouts_that_do_not_fit():
    rng = np.random.default_rng(9)
    b = butterfly(rng, 4)
    for op in (b @ b, VStack(b, b.T), VStack(b, b @ b.T), Permutation([0, 1]) @ Permutation([1, 0])):
        with pytest.raises(ValueError, match="layout"):
            pyfly.to_torch_butterfly(op)
    for shape in ((1, 2, 3, 4, 2), (1, 1, 3, 8, 2, 2), (0, 1, 1, 1, 2, 2)):
        with pytest.raises(ValueError, match="twiddle has shape"):
            pyfly.from_torch_butterfly(np.ones(shape))
    for factors in ([np.ones((2, 2, 1)), np.ones((2, 2, 2))], [np.ones((2, 2, 2))], [np.ones((2, 3, 1))]):
        with pytest.raises(ValueError, match=r"factors\[. has shape|factors\[\d\] has shape"):
            pyfly.from_abcd(factors)
    with pytest.raises(ValueError, match="empty"):
        pyfly.from_abcd([])
    with pytest.raises(ValueError, match="decreasing stride"):
        pyfly.to_abcd(butterfly(rng, 4, tied=True, increasing=False))
    with pytest.raises(ValueError, match="not tied"):
        pyfly.to_abcd(b)


def test_layout_of_the_first_library():
    rng = np.random.default_rng(10)
    factors = [numbers(rng, (2, 2, s)) for s in (4, 2, 1)]
    op = pyfly.from_abcd(factors)
    x = numbers(rng, 8)
    y = x.copy()
    for factor in factors[::-1]:  # smallest block size first, as the layout is defined
        size = 2 * factor.shape[-1]
        y = (factor * y.reshape(-1, 1, 2, size // 2)).sum(axis=-2).reshape(8)
    np.testing.assert_allclose(op @ x, y, atol=1e-12)
    for found, given in zip(pyfly.to_abcd(op), factors, strict=True):
        np.testing.assert_array_equal(found, given)
    pairs = [np.stack([f.real, f.imag], -1) for f in factors]
    np.testing.assert_array_equal(pyfly.from_abcd(pairs).twiddle, op.twiddle)


@pytest.mark.parametrize("n", [1, 2, 16])
def test_sparse_factors(n):
    rng = np.random.default_rng(11)
    for increasing, tied in itertools.product((True, False), (True, False)):
        b = butterfly(rng, n, increasing=increasing, tied=tied)
        op = Diagonal(numbers(rng, n)) @ b @ Permutation(rng.permutation(n))
        factors = pyfly.sparse_factors(op)
        assert len(factors) == max(1, n.bit_length() - 1) + 2
        assert all(f.nnz <= 2 * n for f in factors)
        product = functools.reduce(operator.matmul, factors).toarray()
        np.testing.assert_allclose(product, op.todense(), atol=1e-12)
    with pytest.raises(ValueError, match="no product of butterflies"):
        pyfly.sparse_factors(special.dct(4))


def test_files_pickle_and_copy(tmp_path):
    rng = np.random.default_rng(12)
    b = butterfly(rng, 4)
    ops = [
        Kronecker(b, Diagonal([1.0, 2.0])),
        Trim(3, 4) @ b @ Pad(4, 2, 1),
        VStack(b, Permutation([3, 2, 1, 0])),
        HStack(b, b.T),
        BlockDiagonal(b, Trim(1, 2)),
        b + b.T,
        special.toeplitz([1.0, 2.0, 3.0], [1.0, 4.0]),
        special.conv2d(np.ones((2, 2)), (4, 4), mode="full"),
        special.dct(8),
        special.hadamard(8, "paley"),
    ]
    for op in ops:
        save_operator(tmp_path / "f.npz", op)
        for other in (load_operator(tmp_path / "f.npz")[0], pickle.loads(pickle.dumps(op)), copy.deepcopy(op)):
            assert repr(other) == repr(op)
            np.testing.assert_array_equal(other.todense(), op.todense())


def test_bad_shapes():
    b = special.hadamard(4)
    for make in (VStack, HStack, Sum):
        with pytest.raises(ValueError, match="differ in their"):
            make(b, special.hadamard(8))
        with pytest.raises(ValueError, match="at least one"):
            make()
        with pytest.raises(TypeError, match="no pyfly operator"):
            make(b, np.eye(4))
    with pytest.raises(TypeError, match="no pyfly operator"):
        Kronecker(b, np.eye(2))
    for bad in (
        lambda: Pad(3, 4),
        lambda: Pad(4, 3, 2),
        lambda: Trim(4, 3),
        lambda: Trim(2, 4, -1),
        lambda: Trim(0, 4),
    ):
        with pytest.raises(ValueError, match="does not fit"):
            bad()
    with pytest.raises(TypeError, match="must be an integer"):
        Pad(4.0, 2)
    for op in (Trim(2, 4), Pad(4, 2)):
        with pytest.raises(ValueError, match="not square"):
            op.inverse()
        with pytest.raises(ValueError, match="not square"):
            op**2
