"""Fourier transforms: the tied factors of Cooley and Tukey's algorithm, also for shifted frequencies.

    X_k = sum_m v_m exp(-2 pi i m (k + a) / n),  a = 0, 1/2 or 1:   block j of stride s is [[1, w], [1, -w]],
                                                                     w = exp(-2 pi i (j + a) / (2 s))

applied to v in bit-reversed order. The shift a gives the cosine and sine transforms of types II and IV.
"""

from __future__ import annotations

import operator

import numpy as np

from pyfly._arrays import owned
from pyfly._kronecker import Kronecker
from pyfly._operators import Butterfly, Permutation, Product, RealPart
from pyfly._routing import bit_reversal
from pyfly.targets import _circle


def fft(n, *, norm=None):
    """Discrete Fourier transform.

    ``A[k, j] = exp(-2 pi i k j / n)``

    Parameters
    ----------
    n : int
        Size, a power of two.
    norm : {None, "backward", "ortho", "forward"}
        Factor 1 (None, "backward"), 1/sqrt(n) ("ortho": unitary) or 1/n ("forward"), as in `scipy.fft.fft`.

    Returns
    -------
    Product of Butterfly and Permutation, complex128, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or norm is unknown.

    Notes
    -----
    Class BP: a tied butterfly after bit reversal, 4 (n - 1) complex parameters. 2 n log2 n complex multiplications and
    additions a vector, as written; half of them in a plan. Cooley and Tukey, Math. Comp. 19 (1965). For sizes that are
    no power of two: `bluestein`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> f = special.fft(8)
    >>> f
    <8x8 Product: complex128, Butterfly Permutation, 28 parameters>
    >>> k = np.arange(8)
    >>> np.allclose(f.todense(), np.exp(-2j * np.pi * np.outer(k, k) / 8))
    True
    """
    n = as_size(n)
    return Product(Butterfly(fourier_twiddle(n, scale=_scale(norm, n)), tied=True), reversal(n))


def ifft(n, *, norm=None):
    """Inverse discrete Fourier transform.

    ``A[k, j] = exp(2 pi i k j / n) / n``

    Parameters
    ----------
    n : int
        Size, a power of two.
    norm : {None, "backward", "ortho", "forward"}
        Factor 1/n (None, "backward"), 1/sqrt(n) ("ortho": unitary) or 1 ("forward"), as in `scipy.fft.ifft`.

    Returns
    -------
    Product of Butterfly and Permutation, complex128, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or norm is unknown.

    Notes
    -----
    Class BP, parameters and cost as `fft`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> np.allclose((special.ifft(8) @ special.fft(8)).todense(), np.eye(8))
    True
    >>> k = np.arange(8)
    >>> np.allclose(special.ifft(8).todense(), np.exp(2j * np.pi * np.outer(k, k) / 8) / 8)
    True
    """
    n = as_size(n)
    return Product(Butterfly(fourier_twiddle(n, sign=1, scale=_scale(norm, n, inverse=True)), tied=True), reversal(n))


def fft2(shape, *, norm=None):
    """Two-dimensional discrete Fourier transform of matrices that are stored row by row as vectors.

    ``A = F_p (x) F_q``, so that ``(A @ X.ravel()).reshape(p, q)`` is ``scipy.fft.fft2(X)``

    Parameters
    ----------
    shape : (int, int)
        Rows p and columns q, powers of two.
    norm : {None, "backward", "ortho", "forward"}
        As in `fft`, with n = p q.

    Returns
    -------
    Kronecker of two `fft`, complex128, p q x p q

    Raises
    ------
    TypeError
        shape does not hold integers.
    ValueError
        shape holds other than two powers of two, or norm is unknown.

    Notes
    -----
    A Kronecker product of two BP, which is itself a BP of size p q (a plan uses it so). 4 (p + q - 2) complex
    parameters, 2 p q log2(p q) complex multiplications and additions.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> x = np.random.default_rng(0).standard_normal((4, 8))
    >>> np.allclose(special.fft2((4, 8)) @ x.ravel(), np.fft.fft2(x).ravel())
    True
    >>> np.allclose(special.fft2((2, 4)).todense(), np.kron(special.fft(2).todense(), special.fft(4).todense()))
    True
    """
    p, q = as_shape(shape)
    return Kronecker(fft(p, norm=norm), fft(q, norm=norm))


def ifft2(shape, *, norm=None):
    """Two-dimensional inverse discrete Fourier transform, the inverse of `fft2`.

    ``A = F_p^-1 (x) F_q^-1``

    Parameters
    ----------
    shape : (int, int)
        Rows p and columns q, powers of two.
    norm : {None, "backward", "ortho", "forward"}
        As in `ifft`, with n = p q.

    Returns
    -------
    Kronecker of two `ifft`, complex128, p q x p q

    Raises
    ------
    TypeError
        shape does not hold integers.
    ValueError
        shape holds other than two powers of two, or norm is unknown.

    Notes
    -----
    Class, parameters and cost as `fft2`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> np.allclose((special.ifft2((4, 8)) @ special.fft2((4, 8))).todense(), np.eye(32))
    True
    """
    p, q = as_shape(shape)
    return Kronecker(ifft(p, norm=norm), ifft(q, norm=norm))


def hartley(n, *, norm=None):
    """Discrete Hartley transform.

    ``A[k, j] = cos(2 pi k j / n) + sin(2 pi k j / n)``

    Parameters
    ----------
    n : int
        Size, a power of two.
    norm : {None, "backward", "ortho", "forward"}
        Factor 1 (None, "backward"), 1/sqrt(n) ("ortho": its own inverse) or 1/n ("forward": the inverse).

    Returns
    -------
    RealPart of a Product, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or norm is unknown.

    Notes
    -----
    Class Re(BP): ``Re((1 + i) F)``, the number absorbed in the last stage. 4 (n - 1) complex parameters, the cost of
    `fft`. Dao et al., arXiv:1903.05895, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> k = np.arange(8)
    >>> angle = 2 * np.pi * np.outer(k, k) / 8
    >>> np.allclose(special.hartley(8).todense(), np.cos(angle) + np.sin(angle))
    True
    """
    n = as_size(n)
    post = np.full(n, 1 + 1j, np.clongdouble)
    return RealPart(fourier_product(n, reversal(n), post=post, scale=_scale(norm, n)))


def fourier_product(n, permutation, *, shift=0, alternate=False, post=None, scale=1):
    """Return ``diag(post) F_a diag(+1, ..., -1) `` in bit-reversed order, times a permutation that includes it."""
    if n == 1:
        from pyfly._operators import Diagonal

        return Product(Diagonal(np.asarray(post * scale, np.complex128)), permutation)
    twiddle = fourier_twiddle(n, shift=shift, alternate=alternate, post=post, scale=scale)
    return Product(Butterfly(twiddle, tied=True), permutation)


def fourier_twiddle(n, *, sign=-1, shift=0, alternate=False, post=None, scale=1):
    """Return the tied twiddle of the transform in the head of this file, in complex128.

    Parameters
    ----------
    n : int
        Size, a power of two.
    sign : {-1, 1}
        Of the exponent.
    shift : {0, 1, 2}
        2 a: twice the shift of the frequencies.
    alternate : bool
        Whether v_m is negated for m >= n/2, which is every other entry in bit-reversed order.
    post : ndarray of clongdouble, shape (n,), optional
        Factors of the results.
    scale : float or longdouble
        Factor of all results.
    """
    twiddle = np.ones((n - 1, 2, 2), np.clongdouble)
    cos, sin = _circle(2 * n)
    circle = cos + sign * 1j * sin
    stride = 1
    while stride < n:
        j = np.arange(stride)
        w = circle[(2 * j + shift) * (n // (2 * stride))]
        blocks = twiddle[stride - 1 : 2 * stride - 1]
        blocks[:, 0, 1], blocks[:, 1, 1] = w, -w
        stride *= 2
    if n > 1:
        if alternate:
            twiddle[0, :, 1] *= -1
        last = twiddle[n // 2 - 1 :]
        if post is not None:
            last *= post.reshape(2, -1).T[:, :, None]
        last *= scale
    return owned(twiddle.astype(np.complex128))


def reversal(n):
    """Return bit reversal as an operator."""
    return Permutation(owned(bit_reversal(n)))


def turn(numerator, denominator):
    """Return ``exp(-2 pi i numerator / denominator)`` in long double, for an integer array."""
    cos, sin = _circle(denominator)
    index = np.asarray(numerator) % denominator
    return cos[index] - 1j * sin[index]


def as_size(n, name="n"):
    """Return n as an int that is a power of two."""
    if isinstance(n, bool | np.bool_):
        raise TypeError(f"{name} = {n!r}: the size must be an integer, not a truth value")
    try:
        value = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} = {n!r}: the size must be an integer") from None
    if value < 1 or value & (value - 1):
        below = 1 << max(0, value.bit_length() - 1)
        raise ValueError(f"{name} = {value}: the size must be a power of two; the nearest are {below} and {2 * below}")
    return value


def as_shape(shape):
    """Return two sizes."""
    try:
        p, q = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape = {shape!r} must hold two sizes") from None
    return as_size(p, "shape[0]"), as_size(q, "shape[1]")


def root(n):
    """Return the square root in long double."""
    return np.sqrt(np.longdouble(n))


def _scale(norm, n, inverse=False):
    norm = as_norm(norm)
    if norm == "ortho":
        return 1 / root(n)
    return 1 / np.longdouble(n) if (norm == "forward") != inverse else np.longdouble(1)


def as_norm(norm):
    """Return "backward", "ortho" or "forward"."""
    if norm is None:
        return "backward"
    if norm not in ("backward", "ortho", "forward"):
        raise ValueError(f'norm = {norm!r}: it must be None, "backward", "ortho" or "forward"')
    return norm
