"""The elementary operators against dense matrices: every class, type, order and form, and SciPy's solvers."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse.linalg as sla

import pyfly
from pyfly import Butterfly, Diagonal, Operator, Permutation, Product, RealPart, Scaled

TYPES = [np.float32, np.float64, np.complex64, np.complex128]


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def dense(twiddle, increasing, tied):
    """Product of the stages, from the definition."""
    n = len(twiddle) + 1 if tied else 2 ** len(twiddle)
    stages = n.bit_length() - 1
    matrix = np.eye(n, dtype=np.complex128)
    for k in range(stages):
        s = 2**k if increasing else 2 ** (stages - 1 - k)
        stage = np.zeros((n, n), dtype=np.complex128)
        for i in range(n // 2):
            p = 2 * (i - i % s) + i % s
            stage[np.ix_([p, p + s], [p, p + s])] = twiddle[s - 1 + i % s] if tied else twiddle[k, i]
        matrix = stage @ matrix
    return matrix


def butterfly(rng, n, dtype=np.complex128, increasing=True, tied=False):
    levels = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (levels, n // 2 if levels else 0, 2, 2)
    return Butterfly(numbers(rng, shape, dtype) / 2, increasing_stride=increasing, tied=tied)


def everything(rng, n, dtype=np.complex128):
    """One operator of each kind with its dense matrix."""
    for increasing in (True, False):
        for tied in (True, False):
            b = butterfly(rng, n, dtype, increasing, tied)
            yield b, dense(b.twiddle, increasing, tied)
    perm, d = rng.permutation(n), numbers(rng, n, dtype)
    b = butterfly(rng, n, dtype)
    matrix = dense(b.twiddle, True, False)
    yield Permutation(perm), np.eye(n)[perm]
    yield Diagonal(d), np.diag(d)
    yield b @ Permutation(perm) @ Diagonal(d), matrix @ np.eye(n)[perm] @ np.diag(d)
    yield RealPart(b @ Diagonal(d)), (matrix @ np.diag(d)).real
    yield Scaled(Permutation(perm), 3), 3 * np.eye(n)[perm]
    yield RealPart(b) @ Diagonal(d), matrix.real @ np.diag(d)


def check(op, matrix, dtype=np.complex128, c=20):
    n = matrix.shape[1]
    atol = c * max(1, n.bit_length() - 1) * np.finfo(dtype).eps * max(1e-300, np.linalg.norm(matrix, 2))
    assert op.shape == matrix.shape
    np.testing.assert_allclose(op.todense(), matrix, rtol=0, atol=atol)
    assert op.todense().dtype == op.dtype


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [1, 2, 4, 16])
def test_dense_matrix_transpose_adjoint_conjugate(n, dtype):
    for op, matrix in everything(np.random.default_rng(n), n, dtype):
        check(op, matrix, dtype)
        check(op.T, matrix.T, dtype)
        check(op.H, matrix.conj().T, dtype)
        check(op.conj(), matrix.conj(), dtype)
        check(op.real, matrix.real, dtype)
        check(op.T.T.H.H.conj().conj(), matrix, dtype)
        check(2.5 * op, 2.5 * matrix, dtype)
        check(op * (2 - 1j), (2 - 1j) * matrix, dtype)
        check(-op / 4, -matrix / 4, dtype)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_products_with_vectors_and_columns(n):
    rng = np.random.default_rng(7)
    for op, matrix in everything(rng, n):
        for shape in [(n,), (n, 1), (n, 5), (3, n, 2)]:
            x = numbers(rng, shape, np.complex128)
            np.testing.assert_allclose(op @ x, matrix @ x, atol=1e-13)
            np.testing.assert_allclose(op @ x.real, matrix @ x.real, atol=1e-13)
        x = numbers(rng, (5, n), np.complex128)
        np.testing.assert_allclose(x @ op, x @ matrix, atol=1e-13)
        np.testing.assert_allclose(op.matvec(x[0]), matrix @ x[0], atol=1e-13)
        np.testing.assert_allclose(op.rmatvec(x[0]), matrix.conj().T @ x[0], atol=1e-13)
        np.testing.assert_allclose(op.rmatmat(x.T), matrix.conj().T @ x.T, atol=1e-13)
        np.testing.assert_allclose(op @ x[0].tolist(), matrix @ x[0], atol=1e-13)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_apply_along_any_axis(axis):
    rng = np.random.default_rng(3)
    n = 8
    for op, matrix in everything(rng, n):
        shape = [2, 3, 5]
        shape[axis] = n
        x = numbers(rng, shape, np.complex128)
        expected = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
        np.testing.assert_allclose(op.apply(x, axis=axis), expected, atol=1e-13)
        out = np.empty_like(x)
        assert op.apply(x, axis=axis, out=out) is out
        np.testing.assert_allclose(out, expected, atol=1e-13)
        before = x.copy()
        op.apply(x.transpose(2, 0, 1), axis=(axis % 3 + 1) % 3)
        np.testing.assert_array_equal(x, before)
        assert op.apply(x, axis=axis, out=x) is x
        np.testing.assert_allclose(x, expected, atol=1e-13)


def test_out_of_another_type_or_layout():
    rng = np.random.default_rng(4)
    op = butterfly(rng, 8, np.float32) @ Permutation(rng.permutation(8))
    x = numbers(rng, (4, 8), np.float32)
    for out in (np.empty((4, 8)), np.empty((8, 4), np.float32).T, np.empty((4, 16), np.complex64)[:, ::2]):
        op.apply(x, out=out)
        np.testing.assert_allclose(out, op.apply(x), rtol=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
def test_precision_is_that_of_the_data(dtype):
    rng = np.random.default_rng(5)
    single = np.dtype(dtype) in (np.float32, np.complex64)
    for kind in TYPES:
        for op, matrix in everything(rng, 8, kind):
            x = numbers(rng, 8, dtype)
            y = op @ x
            assert y.dtype.char in ("fF" if single else "dD")
            assert (y.dtype.kind == "c") == (op.dtype.kind == "c" or x.dtype.kind == "c")
            eps = np.finfo(np.float32 if single else np.float64).eps
            np.testing.assert_allclose(y, matrix @ x, atol=40 * eps)
            out = np.empty_like(y)
            np.testing.assert_array_equal(op.apply(x, out=out), y)


def test_integers_and_half_precision_take_the_operators_precision():
    h = Diagonal(np.ones(4, np.float32))
    assert h.apply(np.ones(4, np.float16)).dtype == np.float32
    assert h.apply(np.ones(4, np.int8)).dtype == np.float32
    assert h.apply([1, 2, 3, 4]).dtype == np.float64
    assert Permutation([1, 0]).apply([True, False]).tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(h.apply(np.arange(4.0).astype(">f8")), np.arange(4))


@pytest.mark.parametrize("n", [1, 2, 16])
def test_inverse(n):
    rng = np.random.default_rng(6)
    for op, matrix in everything(rng, n):
        if isinstance(op, RealPart) or "RealPart" in repr(op):
            with pytest.raises(ValueError, match="no inverse that is known to be fast"):
                op.inverse()
            continue
        inverse = op.inverse()
        scale = np.linalg.norm(inverse.todense(), 2) * np.linalg.norm(matrix, 2)
        np.testing.assert_allclose(inverse.todense() @ matrix, np.eye(n), atol=1e-14 * scale)
        assert type(inverse) is type(op)
        assert inverse.n_parameters == op.n_parameters


def test_inverse_of_a_singular_factor_names_it():
    twiddle = np.random.default_rng(0).standard_normal((2, 2, 2, 2))
    twiddle[1, 0] = [[1, 2], [3, 6]]
    with pytest.raises(ValueError, match=r"twiddle\[1, 0\] = .* is singular"):
        Butterfly(twiddle).inverse()
    with pytest.raises(ValueError, match=r"d\[1\] is zero"):
        Diagonal([1.0, 0.0]).inverse()
    with pytest.raises(ValueError, match="scaled by zero"):
        (0 * Permutation([1, 0])).inverse()


def test_powers():
    rng = np.random.default_rng(8)
    for op, matrix in everything(rng, 4):
        for p in (0, 1, 2, 3):
            check(op**p, np.linalg.matrix_power(matrix, p), c=100)
    check(Permutation([1, 2, 0]) ** -2, np.eye(3)[[1, 2, 0]])
    assert isinstance(Permutation([1, 2, 0]) ** 5, Permutation)
    with pytest.raises(TypeError, match="integer powers"):
        Permutation([0]) ** 0.5


def test_composition_with_scipy_operators():
    rng = np.random.default_rng(9)
    a = butterfly(rng, 8)
    dense_b = rng.standard_normal((8, 8))
    b = sla.aslinearoperator(dense_b)
    x = rng.standard_normal(8)
    np.testing.assert_allclose((a @ b) @ x, a @ (dense_b @ x), atol=1e-13)
    np.testing.assert_allclose((b @ a) @ x, dense_b @ (a @ x), atol=1e-13)
    np.testing.assert_allclose((a + 2 * a - b) @ x, 3 * (a @ x) - dense_b @ x, atol=1e-13)
    product = a @ a
    assert isinstance(product, Product) and product.factors == (a, a)
    assert (a @ product).factors == (a, a, a)


def test_works_in_scipy_solvers():
    rng = np.random.default_rng(10)
    n = 32
    a = butterfly(rng, n) @ Permutation(rng.permutation(n))
    matrix = a.todense()
    singular = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(np.sort(sla.svds(a, 3, return_singular_vectors=False))[::-1], singular[:3], rtol=1e-9)
    np.testing.assert_allclose(np.sort(sla.eigsh(a.H @ a, 2)[0])[::-1], singular[:2] ** 2, rtol=1e-9)
    r = butterfly(rng, n, np.float64)
    b = rng.standard_normal(n)
    x = sla.lsqr(r, b, atol=1e-14, btol=1e-14, conlim=0, iter_lim=10000)[0]
    np.testing.assert_allclose(r.todense().T @ (r @ x - b), 0, atol=1e-8)
    spd = Diagonal(np.linspace(1, 2, n))
    q = Product(Permutation(rng.permutation(n)), spd)
    x, info = sla.cg(q.T @ q, b, rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose(q.T @ (q @ x), b, atol=1e-9)


def test_pickle_copy_and_repr():
    rng = np.random.default_rng(11)
    for op, matrix in everything(rng, 8):
        op @ np.ones(8, np.float32)
        for other in (pickle.loads(pickle.dumps(op)), copy.copy(op), copy.deepcopy(op)):
            assert type(other) is type(op) and repr(other) == repr(op)
            check(other, matrix)
            check(other.H, matrix.conj().T)
        assert repr(op).startswith(f"<8x8 {type(op).__name__}: {op.dtype}")


def test_operators_do_not_change_with_the_arrays_they_were_made_of():
    twiddle = np.ones((1, 1, 2, 2))
    b = Butterfly(twiddle)
    twiddle[:] = 5
    assert b.todense().tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="read-only"):
        b.twiddle[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        pickle.loads(pickle.dumps(b)).twiddle[0] = 1


def test_astype():
    rng = np.random.default_rng(12)
    for op, matrix in everything(rng, 8, np.float64):
        for dtype in TYPES:
            cast = op.astype(dtype)
            check(cast, matrix, dtype)
            assert cast.dtype == dtype or op._neutral
    with pytest.raises(TypeError, match="real part"):
        butterfly(rng, 8).astype(np.float64)
    with pytest.raises(TypeError, match="float32, float64"):
        butterfly(rng, 8).astype(np.float16)


def test_dask_arrays_stay_lazy():
    da = pytest.importorskip("dask.array")
    rng = np.random.default_rng(13)
    x = numbers(rng, (6, 8), np.float32)
    for op, _ in everything(rng, 8):
        y = op.apply(da.from_array(x, chunks=(2, 8)))
        assert isinstance(y, da.Array) and y.dtype == op.apply(x).dtype
        np.testing.assert_array_equal(y.compute(), op.apply(x))


def test_items_describe_the_chain_from_the_right():
    b, p, d = butterfly(np.random.default_rng(0), 4), Permutation([3, 1, 2, 0]), Diagonal([1j, 1, 1, 1])
    kinds = [item.kind for item in (RealPart(d @ b @ p))._items()]
    assert kinds == ["permutation", "butterfly", "diagonal", "real_part"]
    assert [item.kind for item in Scaled(p, 2.0)._items()] == ["permutation", "diagonal"]


@pytest.mark.parametrize(
    "shape, tied", [((2, 2, 2), False), ((3, 2, 2, 2), False), ((0, 1, 2, 2), False), ((2, 2, 2), True), ((3, 2), True)]
)
def test_bad_twiddles(shape, tied):
    with pytest.raises(ValueError, match=r"twiddle has shape .*power of two"):
        Butterfly(np.ones(shape), tied=tied)


def test_bad_arguments():
    with pytest.raises(TypeError, match="longdouble|float128|complex64"):
        Butterfly(np.ones((1, 1, 2, 2), np.longdouble))
    with pytest.raises(TypeError, match="integers"):
        Permutation([0.0, 1.0])
    for perm in ([0, 0], [1, 2], [-1, 0]):
        with pytest.raises(ValueError, match="exactly once"):
            Permutation(perm)
    for perm in ([], [[0, 1]]):
        with pytest.raises((ValueError, TypeError), match="perm has"):
            Permutation(np.array(perm, dtype=int))
    with pytest.raises(ValueError, match="d is empty"):
        Diagonal([])
    with pytest.raises(ValueError, match="d has shape"):
        Diagonal(np.ones((2, 2)))
    with pytest.raises(ValueError, match="do not fit"):
        Diagonal(np.ones(2)) @ Diagonal(np.ones(3))
    with pytest.raises(TypeError, match="no pyfly operator"):
        Product(np.eye(2))
    with pytest.raises(TypeError, match="no pyfly operator"):
        RealPart(np.eye(2))
    with pytest.raises(ValueError, match="at least one factor"):
        Product()


def test_bad_data():
    op = Diagonal(np.ones(4))
    for call in (op.apply, op.__matmul__, op.matvec):
        with pytest.raises(ValueError):
            call(np.ones(3))
    with pytest.raises(ValueError, match="length 3 along axis 1.*pad or trim"):
        op.apply(np.ones((4, 3)))
    with pytest.raises(ValueError, match="axis = 2 is out of range"):
        op.apply(np.ones((4, 4)), axis=2)
    with pytest.raises(TypeError, match="axis = 1.5"):
        op.apply(np.ones((4, 4)), axis=1.5)
    with pytest.raises(ValueError, match="single number"):
        op.apply(3.0)
    with pytest.raises(TypeError, match="x has dtype"):
        op.apply(np.ones(4, np.longdouble))
    with pytest.raises(TypeError, match="x has dtype"):
        op.apply(["a"] * 4)
    with pytest.raises(ValueError, match="out has shape"):
        op.apply(np.ones(4), out=np.empty(5))
    with pytest.raises(TypeError, match="cannot hold"):
        op.apply(np.ones(4) * 1j, out=np.empty(4))
    with pytest.raises(TypeError, match="must be a NumPy array"):
        op.apply(np.ones(4), out=[0] * 4)
    out = np.empty(4)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        op.apply(np.ones(4), out=out)


def test_public_names():
    assert issubclass(pyfly.Butterfly, Operator) and issubclass(Operator, sla.LinearOperator)


def test_long_products_reuse_memory_but_never_the_data():
    rng = np.random.default_rng(14)
    n = 64
    a, d, p = butterfly(rng, n), Diagonal(numbers(rng, n, np.complex128)), Permutation(rng.permutation(n))
    for op in (a @ d @ a @ p, d @ a @ d, p @ d @ p, RealPart(a) @ RealPart(a), a @ d @ RealPart(a) @ d):
        for dtype in TYPES:
            x = numbers(rng, (500, n), dtype)
            before = x.copy()
            y = op.apply(x)
            np.testing.assert_array_equal(x, before)
            eps = np.finfo(dtype).eps
            scale = np.linalg.norm(op.todense(), 2) * n
            np.testing.assert_allclose(y, x @ op.todense().T, rtol=0, atol=100 * eps * scale)
            np.testing.assert_array_equal(op.apply(x, out=np.empty_like(y)), y)


def layouts(x):
    """The same array in other memory: Fortran order, reversed, with gaps, unaligned, read-only, of another subclass."""
    yield np.asfortranarray(x)
    yield x[:, ::-1].copy()[:, ::-1]
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, 1::3] = x
    yield wide[::2, 1::3]
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    raw[...] = x
    yield raw
    packed = np.zeros(x.shape, [("pad", "i4"), ("value", x.dtype)])
    packed["value"] = x
    yield packed["value"]
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen
    yield np.broadcast_to(x[:1], x.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_any_layout_of_data_and_results(dtype):
    rng = np.random.default_rng(15)
    n = 16
    cases = [*everything(rng, n)]
    cases += [(op @ op, matrix @ matrix) for op, matrix in cases]
    for op, matrix in cases:
        for x in layouts(numbers(rng, (n, n), dtype)):
            for axis in (0, 1):
                expected = matrix @ x if axis == 0 else x @ matrix.T
                atol = 200 * np.finfo(dtype).eps * (1 + np.linalg.norm(matrix, 2))
                y = op.apply(x, axis=axis)
                np.testing.assert_allclose(y, expected, atol=atol)
                for out in layouts(np.zeros_like(y)):
                    if out.flags.writeable and 0 not in out.strides:
                        op.apply(x, axis=axis, out=out)
                        np.testing.assert_array_equal(out, y)
    for op, _ in cases:
        assert op.apply(np.ones((0, n), dtype)).shape == (0, n)
        assert op.apply(np.ones((3, n, 0), dtype), axis=1).shape == (3, n, 0)


def test_results_may_overlap_the_data():
    rng = np.random.default_rng(16)
    n = 16
    for op, matrix in everything(rng, n):
        memory = numbers(rng, 3 * n, np.complex128)
        x, out = memory[:n], memory[5 : 5 + n]
        expected = matrix @ x
        op.apply(x, out=out)
        np.testing.assert_allclose(out, expected, atol=1e-13)
        square = numbers(rng, (n, n), np.complex128)
        expected = square @ matrix.T
        op.apply(square, out=square.T)
        np.testing.assert_allclose(square.T, expected, atol=1e-13)
        square = numbers(rng, (n, n), np.complex128)
        expected = square @ matrix.T
        op.apply(square, out=square[::-1])
        np.testing.assert_allclose(square[::-1], expected, atol=1e-13)
