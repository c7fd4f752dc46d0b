"""Convolutions and the matrices that they are: circulant, skew-circulant, Toeplitz, in one and two dimensions.

circulant  C = F^-1 diag(F c) F = conj(B) D B^T / n      the bit reversals of F = B R = R B^T cancel
skew       the same with F_1/2, the transform of frequencies k + 1/2
Toeplitz   a corner of a circulant of twice the size: Trim @ C @ Pad
"""

from __future__ import annotations

import operator

import numpy as np

from pyfly._algebra import simplify, to_untied
from pyfly._arrays import SINGLE, as_numbers, owned
from pyfly._kronecker import Kronecker
from pyfly._operators import Butterfly, Diagonal, Product, RealPart
from pyfly._routing import bit_reversal
from pyfly._shapes import Pad, Trim
from pyfly.special._fourier import as_norm, fourier_twiddle, root, turn


def circulant(c):
    """Circulant matrix: circular convolution with its first column.

    ``A[k, j] = c[(k - j) mod n]``

    Parameters
    ----------
    c : array_like, shape (n,)
        First column. If n is no power of two, the matrix is taken from a circulant of a power of two, at least 2 n - 1.

    Returns
    -------
    Operator, n x n
        For n a power of two a Product of two Butterfly, its RealPart for real c.

    Raises
    ------
    TypeError
        c has a type that is not supported.
    ValueError
        c is empty or has several dimensions.

    Notes
    -----
    Class BB (a special BPBP, in which the bit reversals cancel), 4 n log2 n complex multiplications and additions;
    2 n log2 n + 4 (n - 1) complex parameters, made from n. The matrix of ``scipy.linalg.circulant(c)``.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> special.circulant([1.0, 2.0, 3.0, 4.0]).todense().round(12)
    array([[1., 4., 3., 2.],
           [2., 1., 4., 3.],
           [3., 2., 1., 4.],
           [4., 3., 2., 1.]])
    """
    c = _filter("c", c, 1)
    return _circulant(c, skew=False) if _fits(c.size) else _embedded(c, c[1:][::-1], c.size)


def skew_circulant(c):
    """Skew-circulant matrix: a circulant with the entries above the diagonal negated.

    ``A[k, j] = c[k - j]`` for k >= j, ``-c[n + k - j]`` for k < j

    Parameters
    ----------
    c : array_like, shape (n,)
        First column. If n is no power of two, the matrix is taken from a circulant of a power of two, at least 2 n - 1.

    Returns
    -------
    Operator, n x n
        For n a power of two a Product of two Butterfly, its RealPart for real c.

    Raises
    ------
    TypeError
        c has a type that is not supported.
    ValueError
        c is empty or has several dimensions.

    Notes
    -----
    Class BB, parameters and cost as `circulant`. The product of polynomials modulo z^n + 1.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> special.skew_circulant([1.0, 2.0, 3.0, 4.0]).todense().round(12)
    array([[ 1., -4., -3., -2.],
           [ 2.,  1., -4., -3.],
           [ 3.,  2.,  1., -4.],
           [ 4.,  3.,  2.,  1.]])
    """
    c = _filter("c", c, 1)
    return _circulant(c, skew=True) if _fits(c.size) else _embedded(c, -c[1:][::-1], c.size)


def toeplitz(c, r=None):
    """Toeplitz matrix of any shape.

    ``A[k, j] = c[k - j]`` for k >= j, ``r[j - k]`` for k < j

    Parameters
    ----------
    c : array_like, shape (m,)
        First column.
    r : array_like, shape (n,), optional
        First row, of which r[0] is not used; by default conj(c), which makes the matrix Hermitian if c[0] is real.

    Returns
    -------
    Product of Trim, `circulant` and Pad, m x n

    Raises
    ------
    TypeError
        c or r has a type that is not supported.
    ValueError
        c or r is empty or has several dimensions.

    Notes
    -----
    Class (BP)^2_2: the corner of a circulant of size N, the power of two from m + n - 1 on. 4 N log2 N complex
    multiplications and additions. The matrix of ``scipy.linalg.toeplitz(c, r)``.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> special.toeplitz([1.0, 2.0, 3.0], [1.0, 5.0]).todense().round(12) + 0
    array([[1., 5.],
           [2., 1.],
           [3., 2.]])
    """
    c = _filter("c", c, 1)
    r = c.conj() if r is None else _filter("r", r, 1)
    return _embedded(c, r[1:], r.size)


def conv1d(weight, n, *, mode="circular"):
    """Convolution of one channel with a fixed filter.

    Circular: ``y[k] = sum_i weight[i] x[(k - i) mod n]``; the other modes take x to be zero outside

    Parameters
    ----------
    weight : array_like, shape (l,)
        The filter. It is applied as a convolution: reverse it for a correlation, as in neural networks.
    n : int
        Length of the data, of any size.
    mode : {"circular", "full", "same", "valid"}
        Length of the result: n, n + l - 1, n (the middle part), or |n - l| + 1 (without the borders), as in
        `scipy.signal.convolve`.

    Returns
    -------
    Operator, m x n

    Raises
    ------
    TypeError
        weight has a type that is not supported, or n is no integer.
    ValueError
        weight is empty or has several dimensions, n is below 1, or mode is unknown.

    Notes
    -----
    `circulant`, or a `toeplitz` of the size of the full convolution, of which a part is kept: BB or (BP)^2_r.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> (special.conv1d([1.0, -1.0], 4) @ x).round(12)
    array([-3.,  1.,  1.,  1.])
    >>> np.allclose(special.conv1d([1.0, -1.0], 4, mode="full") @ x, np.convolve(x, [1.0, -1.0]))
    True
    """
    weight = _filter("weight", weight, 1)
    n = _length("n", n)
    _mode(mode)
    if mode == "circular":
        return circulant(owned(_wrapped(weight, (n,))))
    size = _power(n + weight.size - 1)
    c = np.zeros(size, weight.dtype)
    c[: weight.size] = weight
    start, m = _part(mode, n, weight.size)
    return Product(Trim(m, size, start), _circulant(c, skew=False), Pad(size, n))


def conv2d(weight, shape, *, mode="circular"):
    """Two-dimensional convolution of one channel with a fixed filter, on matrices stored row by row as vectors.

    Circular: ``Y[k, l] = sum_{i, j} weight[i, j] X[(k - i) mod p, (l - j) mod q]``; the other modes take X to be zero
    outside

    Parameters
    ----------
    weight : array_like, shape (a, b)
        The filter. It is applied as a convolution: reverse both axes for a correlation, as in neural networks.
    shape : (int, int)
        Rows p and columns q of the data, of any size.
    mode : {"circular", "full", "same", "valid"}
        Shape of the result, in both dimensions as in `conv1d`.

    Returns
    -------
    Operator, m x p q

    Raises
    ------
    TypeError
        weight has a type that is not supported, or shape does not hold integers.
    ValueError
        weight is empty or not of two dimensions, shape does not hold two sizes, mode is unknown, or mode is "valid" and
        the filter is larger in one dimension and smaller in the other.

    Notes
    -----
    ``conj(B) D B^T / N`` with B the Kronecker product of the butterflies of both dimensions, between Kronecker products
    of `Pad` and `Trim`; 4 N log2 N complex multiplications and additions for N the padded size.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.signal
    >>> from pyfly import special
    >>> x, w = np.arange(15.0).reshape(3, 5), np.array([[1.0, 2.0], [0.0, -1.0]])
    >>> y = special.conv2d(w, (3, 5), mode="same") @ x.ravel()
    >>> np.allclose(y.reshape(3, 5), scipy.signal.convolve2d(x, w, mode="same"))
    True
    """
    weight = _filter("weight", weight, 2)
    try:
        p, q = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape = {shape!r} must hold two sizes") from None
    sizes = (_length("shape[0]", p), _length("shape[1]", q))
    _mode(mode)
    if mode == "circular":
        kernel = _wrapped(weight, sizes)
        if all(_fits(n) for n in sizes):
            return _diagonalized(kernel)
        # every axis of another size becomes the corner of a longer circle, on which the kernel is laid out twice
        longer = tuple(n if _fits(n) else _power(2 * n - 1) for n in sizes)
        for axis, (n, size) in enumerate(zip(sizes, longer, strict=True)):
            if size != n:
                once, again = np.split(kernel, [0], axis)[1], np.split(kernel, [1], axis)[1]
                middle = list(kernel.shape)
                middle[axis] = size - 2 * n + 1
                kernel = np.concatenate([once, np.zeros(middle, kernel.dtype), again], axis)
        parts = [(0, n) for n in sizes]
    else:
        longer = tuple(_power(n + k - 1) for n, k in zip(sizes, weight.shape, strict=True))
        kernel = np.zeros(longer, weight.dtype)
        kernel[: weight.shape[0], : weight.shape[1]] = weight
        if mode == "valid" and (sizes[0] - weight.shape[0]) * (sizes[1] - weight.shape[1]) < 0:
            raise ValueError(
                f"weight of shape {weight.shape} is larger than the data of shape {sizes} in one dimension only; "
                'mode = "valid" has no result: take "same" or "full"'
            )
        parts = [_part(mode, n, k) for n, k in zip(sizes, weight.shape, strict=True)]
    trims = [Trim(m, size, start) for (start, m), size in zip(parts, longer, strict=True)]
    pads = [Pad(size, n) for n, size in zip(sizes, longer, strict=True)]
    return Product(Kronecker(*trims), _diagonalized(kernel), Kronecker(*pads))


def bluestein(n, *, norm=None):
    """Discrete Fourier transform of any size.

    ``A[k, j] = exp(-2 pi i k j / n) = w_k conj(w_{k-j}) w_j`` with ``w_k = exp(-pi i k^2 / n)``

    Parameters
    ----------
    n : int
        Size, at least 1.
    norm : {None, "backward", "ortho", "forward"}
        As in `fft`.

    Returns
    -------
    Product of Diagonal, `toeplitz` and Diagonal, complex128, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is below 1, or norm is unknown.

    Notes
    -----
    Class (BP)^2_r: a convolution with a chirp, of size N, the power of two from 2 n - 1 on; 4 N log2 N complex
    multiplications and additions. For n a power of two `fft` needs a quarter of that or less. Bluestein, NEREM Record
    10 (1968).

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> x = np.random.default_rng(0).standard_normal(12)
    >>> np.allclose(special.bluestein(12) @ x, np.fft.fft(x))
    True
    """
    n, norm = _length("n", n), as_norm(norm)
    chirp = turn(np.arange(n) ** 2, 2 * n)
    scale = {"backward": 1, "ortho": 1 / root(n), "forward": 1 / np.longdouble(n)}[norm]
    middle = _embedded(chirp.conj(), chirp[1:].conj(), n)
    left, right = ((chirp * s).astype(np.complex128) for s in (scale, 1))
    return Product(Diagonal(owned(left)), middle, Diagonal(owned(right)))


def _circulant(c, skew):
    """Return the (skew-)circulant of a first column of 2^k entries: two butterflies, one with the diagonal in it."""
    n = c.size
    if n == 1:
        return Diagonal(c.astype(np.complex128) if c.dtype == np.clongdouble else c)
    spectrum = c.astype(np.clongdouble)
    if skew:
        spectrum = spectrum * turn(np.arange(n), 2 * n)
    spectrum = np.fft.fft(spectrum)
    if skew:  # F_1/2 = F diag(exp(-i pi j / n)) = R B^T diag: the diagonal goes into the first stage, stride n/2
        shift = turn(np.arange(n), 2 * n)
        inner = _shifted(n, shift)
    else:
        inner = Butterfly(fourier_twiddle(n), tied=True).T
    diagonal = Diagonal(owned((spectrum[bit_reversal(n)] / n).astype(np.complex128)))
    product = simplify(Product(inner.H, diagonal, to_untied(inner)))
    return _as_type(product, c)


def _shifted(n, diagonal):
    twiddle = np.array(fourier_twiddle(n)).swapaxes(-1, -2).astype(np.clongdouble)
    twiddle[n // 2 - 1 :] *= diagonal.reshape(2, -1).T[:, None, :]
    return Butterfly(owned(twiddle.astype(np.complex128)), increasing_stride=False, tied=True)


def _diagonalized(kernel):
    """Return the operator of two-dimensional circular convolution on a grid of powers of two."""
    p, q = kernel.shape
    spectrum = np.fft.fft2(kernel.astype(np.clongdouble))[np.ix_(bit_reversal(p), bit_reversal(q))] / kernel.size
    inner = Kronecker(*(Butterfly(fourier_twiddle(n), tied=True).T for n in (p, q)))
    return _as_type(Product(inner.H, Diagonal(owned(spectrum.astype(np.complex128).ravel())), inner), kernel)


def _as_type(product, c):
    """Return the real part for real c, in the precision of c."""
    product = product.astype(np.complex64) if c.dtype in SINGLE else product
    return product if c.dtype.kind == "c" else RealPart(product)


def _embedded(c, r, n):
    """Return the Toeplitz matrix of first column c and row (c[0], r) as the corner of a circulant."""
    m = c.size
    size = _power(m + n - 1)
    column = np.zeros(size, np.result_type(c, r))
    column[:m] = c
    if n > 1:
        column[size - n + 1 :] = r[::-1]
    return Product(Trim(m, size), _circulant(column, skew=False), Pad(size, n))


def _wrapped(weight, sizes):
    """Return the filter laid on a circle, what reaches beyond added where it falls."""
    kernel = np.zeros(sizes, weight.dtype)
    np.add.at(kernel, np.ix_(*(np.arange(k) % n for k, n in zip(weight.shape, sizes, strict=True))), weight)
    return kernel


def _part(mode, n, k):
    """Return where the kept part of a full convolution starts and how long it is."""
    if mode == "full":
        return 0, n + k - 1
    if mode == "same":
        return (k - 1) // 2, n
    return min(n, k) - 1, abs(n - k) + 1


def _mode(mode):
    if mode not in ("circular", "full", "same", "valid"):
        raise ValueError(f'mode = {mode!r}: it must be "circular", "full", "same" or "valid"')


def _filter(name, values, ndim):
    values = as_numbers(name, values, ndim=ndim)
    if not values.size:
        raise ValueError(f"{name} has shape {values.shape}; it must not be empty")
    return values


def _length(name, n):
    try:
        value = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} = {n!r} must be an integer") from None
    if value < 1:
        raise ValueError(f"{name} = {value} must be at least 1")
    return value


def _fits(n):
    return n & (n - 1) == 0


def _power(n):
    """Return the first power of two from n on."""
    return 1 << (n - 1).bit_length()
