"""Transforms by name against scipy.fft in long double and scipy.linalg: operator and adjoint, all types and norms."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.signal
import scipy.sparse.linalg as sla

from pyfly import Butterfly, RealPart, special

TYPES = [np.float32, np.float64, np.complex64, np.complex128]
SIZES = [1, 2, 4, 8, 32, 256, 1024, 4096]
NORMS = [None, "ortho", "forward", "backward"]


def vectors(n, dtype, count=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, n))
    return (x + 1j * rng.standard_normal((count, n)) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def long(x):
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def close(y, reference, c=4, least=0.0):
    """Relative error of every vector (last axis), in units of log2(n) eps, is at most c.

    Relative to the result, or to a least norm where results are much smaller than what they are summed from.
    """
    n = reference.shape[-1]
    eps = np.finfo(y.dtype).eps
    error = np.linalg.norm((long(y) - reference).astype(np.complex128), axis=-1)
    norms = np.linalg.norm(reference.astype(np.complex128), axis=-1)
    bound = c * max(1, np.log2(n)) * eps * np.maximum(norms, least)
    assert (error <= bound).all(), f"{(error / bound).max() * c:.3g} log2(n) eps"


def both(op, dtype, forward, adjoint, c=4, count=3, norm=0.0):
    """Check an operator and its adjoint against two functions of long doubles along the last axis."""
    x, y = vectors(op.shape[1], dtype, count), vectors(op.shape[0], dtype, count, 1)
    result = op.apply(x)
    kind = "c" if op.dtype.kind == "c" or x.dtype.kind == "c" else "f"
    assert result.dtype.kind == kind and np.finfo(result.dtype).eps == np.finfo(dtype).eps
    close(result, forward(long(x)), c, norm * np.linalg.norm(x, axis=-1))
    close(op.H.apply(y), adjoint(long(y)), c, norm * np.linalg.norm(y, axis=-1))
    close(op.rmatmat(y.T).T, adjoint(long(y)), c, norm * np.linalg.norm(y, axis=-1))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", SIZES)
def test_fourier(n, norm, dtype):
    mirrored = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}[norm]
    fft, ifft = scipy.fft.fft, scipy.fft.ifft
    both(special.fft(n, norm=norm), dtype, lambda x: fft(x, norm=norm), lambda y: ifft(y, norm=mirrored))
    both(special.ifft(n, norm=norm), dtype, lambda x: ifft(x, norm=norm), lambda y: fft(y, norm=mirrored))


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n", [1, 2, 3, 12, 64, 100, 509])
def test_fourier_of_any_size(n, norm):
    mirrored = {None: "forward", "forward": "backward", "ortho": "ortho"}[norm]
    op = special.bluestein(n, norm=norm)
    assert op.shape == (n, n) and op.dtype == np.complex128
    for dtype in TYPES:
        both(op, dtype, lambda x: scipy.fft.fft(x, norm=norm), lambda y: scipy.fft.ifft(y, norm=mirrored))


def transposed(name, type, norm):
    """Transpose of a cosine or sine transform of SciPy: types II and III exchange, up to the row that has a factor."""
    transform = getattr(scipy.fft, name)

    def apply(y):
        if type == 4 or norm == "ortho":
            return transform(y, {2: 3, 3: 2, 4: 4}[type], norm=norm)
        z = transform(y, {2: 3, 3: 2}[type], norm=norm)
        n = y.shape[-1]
        end = 0 if name == "dct" else n - 1
        if type == 2:
            signs = np.ones(n) if name == "dct" else (-1.0) ** np.arange(n)
            return z + y[..., end, None] * signs / (2 * n if norm == "forward" else 1)
        z[..., end] /= 2
        return z

    return apply


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("type", [2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "dst"])
def test_cosine_and_sine(name, type, norm):
    transform, inverse = getattr(scipy.fft, name), getattr(scipy.fft, f"i{name}")
    for n in SIZES:
        for dtype in TYPES:
            op = getattr(special, name)(n, type, norm=norm)
            assert op.dtype == np.float64 and isinstance(op, RealPart)
            both(op, dtype, lambda x: transform(x, type, norm=norm), transposed(name, type, norm))
        op = getattr(special, f"i{name}")(n, type, norm=norm)
        x = vectors(n, np.float64)
        close(op.apply(x), inverse(long(x), type, norm=norm))


@pytest.mark.parametrize("name", ["dct", "dst"])
@pytest.mark.parametrize("type", [2, 3, 4])
def test_orthogonal_cosine_and_sine_in_every_entry(name, type):
    for n in (1, 2, 4, 64):
        dense = getattr(special, name)(n, type, norm="ortho").todense()
        expected = getattr(scipy.fft, name)(np.eye(n, dtype=np.longdouble), type, axis=0, norm="ortho")
        np.testing.assert_allclose(dense, expected.astype(float), rtol=0, atol=1e-15)
        np.testing.assert_allclose(dense @ dense.T, np.eye(n), rtol=0, atol=5e-15)


def test_type_two_is_the_default():
    for make in (special.dct, special.dst, special.idct, special.idst):
        np.testing.assert_array_equal(make(8).todense(), make(8, 2).todense())


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", SIZES)
def test_hartley(n, dtype):
    def hartley(x):
        def real(v):
            f = scipy.fft.fft(v)
            return f.real - f.imag

        return real(x.real) + 1j * real(x.imag) if x.dtype.kind == "c" else real(x)

    scales = {None: np.longdouble(1), "ortho": 1 / np.sqrt(np.longdouble(n)), "forward": 1 / np.longdouble(n)}
    for norm, scale in scales.items():
        both(special.hartley(n, norm=norm), dtype, lambda x, s=scale: hartley(x) * s, lambda x, s=scale: hartley(x) * s)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (4, 8), (16, 2), (64, 64)])
@pytest.mark.parametrize("norm", NORMS)
def test_fourier_in_two_dimensions(shape, norm):
    mirrored = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}[norm]

    def flat(transform, norm):
        return lambda x: transform(x.reshape(-1, *shape), norm=norm).reshape(len(x), -1)

    fft2, ifft2 = scipy.fft.fft2, scipy.fft.ifft2
    for dtype in TYPES:
        both(special.fft2(shape, norm=norm), dtype, flat(fft2, norm), flat(ifft2, mirrored))
        both(special.ifft2(shape, norm=norm), dtype, flat(ifft2, norm), flat(fft2, mirrored))


@pytest.mark.parametrize("order", ["natural", "paley", "sequency"])
@pytest.mark.parametrize("n", [1, 2, 4, 64, 1024, 4096])
def test_hadamard(n, order):
    k = matrix_rows = np.arange(n)
    if order != "natural":
        digits = (k[:, None] >> np.arange(n.bit_length() - 1)) & 1
        reverse = (digits << np.arange(n.bit_length() - 1)[::-1]).sum(axis=1)
        matrix_rows = reverse if order == "paley" else reverse[k ^ (k >> 1)]
    matrix = scipy.linalg.hadamard(n)[matrix_rows]
    if order == "sequency":
        assert ((np.diff(matrix, axis=1) != 0).sum(axis=1) == k).all()
    op = special.hadamard(n, order)
    if n <= 64:
        np.testing.assert_array_equal(op.todense(), matrix)
        for norm in NORMS:
            scaled = special.hadamard(n, order, norm=norm)
            np.testing.assert_allclose(scaled.as_product().todense(), scaled.todense(), rtol=1e-15)
            np.testing.assert_allclose((scaled.inverse() @ scaled).todense(), np.eye(n), atol=1e-14)

    def transform(x):
        h, rows = 1, matrix_rows
        while h < n:
            x = x.reshape(len(x), -1, 2, h)
            x = np.stack([x[:, :, 0] + x[:, :, 1], x[:, :, 0] - x[:, :, 1]], 2)
            h *= 2
        return x.reshape(len(x), n)[:, rows]

    for dtype in TYPES:
        both(op, dtype, transform, transform)
        for norm, scale in [("ortho", 1 / np.sqrt(np.longdouble(n))), ("forward", 1 / np.longdouble(n))]:
            scaled = special.hadamard(n, order, norm=norm)
            both(scaled, dtype, lambda x, s=scale: transform(x) * s, lambda x, s=scale: transform(x) * s)


@pytest.mark.parametrize("n", [1, 2, 4, 32, 512])
def test_haar(n):
    matrix = np.ones((1, 1))
    while len(matrix) < n:
        matrix = np.concatenate([np.kron(matrix, [1, 1]), np.kron(np.eye(len(matrix)), [1, -1])])
    np.testing.assert_array_equal(special.haar(n).todense(), matrix)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    np.testing.assert_allclose(special.haar(n, norm="ortho").todense(), matrix, rtol=0, atol=1e-15)
    for dtype in TYPES:
        both(special.haar(n, norm="ortho"), dtype, lambda x: x @ matrix.T, lambda y: y @ matrix)


def dense_check(op, matrix, norm=0.0):
    assert op.shape == matrix.shape
    assert op.dtype.kind == matrix.dtype.kind
    for dtype in TYPES:
        both(op, dtype, lambda x: x @ long(matrix).T, lambda y: y @ long(matrix).conj(), norm=norm)


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 100, 256, 512])
def test_circulant_and_skew_circulant(n, kind):
    c = vectors(n, kind, 1, 5)[0]
    # a size that is no power of two lies in a circle of up to four times the length
    dense_check(special.circulant(c), scipy.linalg.circulant(c))
    lower = np.tril(scipy.linalg.circulant(c))
    dense_check(special.skew_circulant(c), 2 * lower - scipy.linalg.circulant(c))


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
@pytest.mark.parametrize("m, n", [(1, 1), (1, 5), (5, 1), (4, 4), (8, 3), (30, 100), (256, 256)])
def test_toeplitz(m, n, kind):
    c, r = vectors(m, kind, 1, 1)[0], vectors(n, kind, 1, 2)[0]
    for op, matrix in [
        (special.toeplitz(c, r), scipy.linalg.toeplitz(c, r)),
        (special.toeplitz(c), scipy.linalg.toeplitz(c)),
    ]:
        dense_check(op, matrix, norm=np.linalg.norm(matrix, 2))
    mixed = special.toeplitz(c.real.copy(), r)
    np.testing.assert_allclose(mixed.todense(), scipy.linalg.toeplitz(c.real, r), atol=1e-13)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("n, size", [(8, 3), (8, 1), (1, 1), (5, 8), (100, 7), (16, 16)])
def test_zero_padded_convolution(n, size, mode):
    w = vectors(size, np.float64, 1, 3)[0]
    matrix = np.stack([scipy.signal.convolve(e, w, mode=mode, method="direct") for e in np.eye(n)], 1)
    op = special.conv1d(w, n, mode=mode)
    assert op.shape == matrix.shape
    np.testing.assert_allclose(op.todense(), matrix, atol=1e-14)
    np.testing.assert_allclose(op.T.todense(), matrix.T, atol=1e-14)


@pytest.mark.parametrize("n, size", [(8, 3), (8, 8), (8, 20), (5, 3), (1, 4), (100, 7)])
def test_circular_convolution(n, size):
    w = vectors(size, np.complex128, 1, 3)[0]
    matrix = np.zeros((n, n), complex)
    for i in range(size):
        matrix += w[i] * np.roll(np.eye(n), i, axis=0)
    np.testing.assert_allclose(special.conv1d(w, n).todense(), matrix, atol=1e-13)
    np.testing.assert_allclose(special.conv1d(w.real.copy(), n).todense(), matrix.real, atol=1e-13)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shape, size", [((4, 8), (3, 2)), ((5, 7), (3, 3)), ((1, 6), (1, 2)), ((3, 3), (5, 4))])
def test_zero_padded_convolution_in_two_dimensions(shape, size, mode):
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(size), rng.standard_normal((3, *shape))
    op = special.conv2d(w, shape, mode=mode)
    expected = np.stack([scipy.signal.convolve2d(a, w, mode=mode) for a in x])
    if mode == "same":  # SciPy's centre
        start = [(k - 1) // 2 for k in size]
        full = [scipy.signal.convolve2d(a, w) for a in x]
        expected = np.stack([f[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]] for f in full])
    assert op.dtype == np.float64
    np.testing.assert_allclose(op.apply(x.reshape(3, -1)), expected.reshape(3, -1), atol=1e-13)
    np.testing.assert_allclose(op.T.todense(), op.todense().T, atol=1e-14)


@pytest.mark.parametrize("shape, size", [((4, 8), (3, 2)), ((5, 7), (3, 3)), ((5, 8), (6, 9)), ((1, 1), (2, 2))])
def test_circular_convolution_in_two_dimensions(shape, size):
    rng = np.random.default_rng(0)
    w = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    x = rng.standard_normal(shape)
    expected = sum(w[i, j] * np.roll(x, (i, j), (0, 1)) for i in range(size[0]) for j in range(size[1]))
    op = special.conv2d(w, shape)
    np.testing.assert_allclose(op @ x.ravel(), expected.ravel(), atol=1e-12)
    np.testing.assert_allclose(op.H.todense(), op.todense().conj().T, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 16, 256])
def test_hadamard_diagonal_fastfood_acdc(n):
    rng = np.random.default_rng(1)
    h = scipy.linalg.hadamard(n)
    d = vectors(n, np.complex128, 3)
    matrix = np.eye(n)
    for row in d:
        matrix = h @ np.diag(row) @ matrix
    dense_check(special.hadamard_diagonal(d), matrix)
    q = special.hadamard_diagonal(rng.choice([-1.0, 1.0], (3, n)), norm="ortho")
    np.testing.assert_allclose((q.T @ q).todense(), np.eye(n), atol=1e-14)
    s, g, b, perm = *vectors(n, np.float64, 3), rng.permutation(n)
    dense_check(special.fastfood(s, g, b, perm), np.diag(s) @ h @ np.diag(g) @ np.eye(n)[perm] @ h @ np.diag(b))
    c = scipy.fft.dct(np.eye(n), axis=0, norm="ortho")
    dense_check(special.acdc(s, g), c.T @ np.diag(g) @ c @ np.diag(s))


def test_random_butterflies_are_haar_distributed():
    n = 256
    for make in (special.random_orthogonal, special.random_unitary):
        b = make(n, seed=3)
        blocks = b.twiddle.reshape(-1, 2, 2)
        squares = blocks @ blocks.conj().swapaxes(1, 2)
        np.testing.assert_allclose(squares, np.broadcast_to(np.eye(2), blocks.shape), atol=1e-15)
        # Haar: all entries have mean 0 and the same second moment, traces of powers have the known mean squares
        assert np.abs(blocks.mean(axis=0)).max() < 0.1
        np.testing.assert_allclose((np.abs(blocks) ** 2).mean(axis=0), 0.5, atol=0.05)
        trace = np.trace(blocks, axis1=1, axis2=2)
        assert np.mean(np.abs(trace) ** 2) == pytest.approx(1, abs=0.15)
        determinant = np.linalg.det(blocks)
        assert abs(determinant.mean()) < 0.1
        np.testing.assert_array_equal(make(n, seed=3).twiddle, b.twiddle)
        assert not np.array_equal(make(n, seed=4).twiddle, b.twiddle)
        assert make(8, seed=np.random.default_rng(0), increasing_stride=False).increasing_stride is False
        assert make(1).shape == (1, 1)
        for dtype in TYPES:
            x = vectors(n, dtype)
            assert np.linalg.norm(b.apply(x)) == pytest.approx(np.linalg.norm(x), rel=1e-5)
    blocks = special.random_unitary(n, seed=3).twiddle.reshape(-1, 2, 2)
    fourth = np.mean(np.abs(np.trace(blocks, axis1=1, axis2=2)) ** 4)
    assert fourth == pytest.approx(2, abs=0.4)


def test_factors_are_shared_and_rounded_once():
    f = special.fft(1024)
    assert f.factors[0].tied and f.n_parameters == 4 * 1023
    last = f.factors[0].twiddle[511:, 0, 1]
    k = np.arange(512)
    exact = np.exp(-8j * np.arctan(np.longdouble(1)) * k / 1024)
    assert max(np.abs((last - exact).real).max(), np.abs((last - exact).imag).max()) < 0.501 * 2**-53
    assert special.dct(1024).n_parameters == special.dst(1024, 3).n_parameters == 4 * 1023


@pytest.mark.parametrize(
    "make", [special.fft, special.ifft, special.dct, special.dst, special.idct, special.idst, special.hartley,
             special.hadamard, special.haar, special.random_orthogonal, special.random_unitary]
)  # fmt: skip
def test_bad_sizes(make):
    for n in (0, -4, 3, 12):
        with pytest.raises(ValueError, match=f"n = {n}"):
            make(n)
    for n in (4.0, "4", None, True):
        with pytest.raises(TypeError, match="n = "):
            make(n)
    assert make(np.int32(4)).shape == (4, 4)


def test_bad_arguments():
    for make in (special.fft, special.ifft, special.dct, special.dst, special.hartley, special.hadamard, special.haar):
        with pytest.raises(ValueError, match="norm = 'unit'"):
            make(4, norm="unit")
    for make in (special.dct, special.idct, special.dst, special.idst):
        for type in (1, 5, "2", None, True):
            with pytest.raises(ValueError, match="type = "):
                make(4, type)
    with pytest.raises(ValueError, match="order = 'dyadic'"):
        special.hadamard(4, "dyadic")
    for shape in (4, (4,), (4, 4, 4)):
        with pytest.raises(ValueError, match="shape = .* two sizes"):
            special.fft2(shape)
    with pytest.raises(ValueError, match=r"shape\[1\] = 3"):
        special.ifft2((4, 3))
    for make in (special.circulant, special.skew_circulant, special.toeplitz):
        with pytest.raises(ValueError, match="must not be empty"):
            make([])
        with pytest.raises(ValueError, match="dimension"):
            make(np.ones((2, 2)))
    for make in (special.conv1d, special.conv2d):
        size, w = (4, [1.0]) if make is special.conv1d else ((4, 4), [[1.0]])
        with pytest.raises(ValueError, match="mode = 'reflect'"):
            make(w, size, mode="reflect")
    with pytest.raises(ValueError, match="n = 0"):
        special.conv1d([1.0], 0)
    with pytest.raises(ValueError, match="larger than the data .* in one dimension only"):
        special.conv2d(np.ones((3, 1)), (2, 4), mode="valid")
    with pytest.raises(ValueError, match="a has 4 entries and d has 2"):
        special.acdc(np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match="g has 2 entries"):
        special.fastfood(np.ones(4), np.ones(2), np.ones(4), np.arange(4))
    with pytest.raises(ValueError, match="no rows"):
        special.hadamard_diagonal(np.ones((0, 4)))


def test_every_square_transform_is_a_chain_for_a_plan():
    c = vectors(8, np.complex128, 1)[0]
    operators = [
        special.fft(8, norm="ortho"), special.ifft(8), special.fft2((2, 4)), special.ifft2((4, 2)), special.hartley(8),
        special.hadamard(8), special.hadamard(8, "paley", norm="ortho"), special.hadamard(8, "sequency"),
        special.haar(8), special.haar(8, norm="ortho"), special.circulant(c), special.circulant(c.real.copy()),
        special.skew_circulant(c), special.conv2d(c.reshape(2, 4), (2, 4)), special.hadamard_diagonal([c, c]),
        special.fastfood(c.real, c.real, c.real, np.arange(8)[::-1]), special.acdc(c.real, c.imag),
        special.random_orthogonal(8), special.random_unitary(8, increasing_stride=False),
        *(make(8, type, norm="ortho") for make in (special.dct, special.dst) for type in (2, 3, 4)),
    ]  # fmt: skip
    for op in operators:
        matrix = np.eye(8, dtype=complex)
        for item in op._items():
            if item.data is not None:
                assert item.data.flags.c_contiguous and item.op == "N"
            if item.kind == "butterfly":
                b = Butterfly(item.data, increasing_stride=item.increasing_stride, tied=item.tied)
                matrix = b.todense() @ matrix
            elif item.kind == "permutation":
                matrix = matrix[item.data]
            elif item.kind == "diagonal":
                matrix = item.data[:, None] * matrix
            else:
                matrix = matrix.real
        np.testing.assert_allclose(matrix, op.todense(), atol=1e-13)


def test_toeplitz_systems_are_solved_by_scipy():
    n = 300
    column = 0.5 ** np.arange(n)
    t = special.toeplitz(column)
    b = vectors(n, np.float64, 1)[0]
    x, info = sla.cg(t, b, rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose(x, scipy.linalg.solve_toeplitz(column, b), atol=1e-9)
    largest = sla.eigsh(t, 1, return_eigenvectors=False)[0]
    assert largest == pytest.approx(np.linalg.norm(scipy.linalg.toeplitz(column), 2), rel=1e-9)
    singular = sla.svds(special.toeplitz(column, np.ones(200)), 1, return_singular_vectors=False)[0]
    assert singular == pytest.approx(np.linalg.norm(scipy.linalg.toeplitz(column, np.ones(200)), 2), rel=1e-9)
