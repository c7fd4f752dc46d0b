"""Dense target matrices: the transforms of arXiv:1903.05895, section 4.1, in the scaling of its experiments.

Every function returns the n x n matrix T of the transform ``y = T x``, so that ``T[k, j]`` is what input j adds to
output k. Angles are reduced in integers (k j mod n) and looked up in a table of one period that is evaluated in
the longest available precision on the first octant only: every entry is correct to the last bit, and a search for
a fast algorithm is not limited by the rounding of its target.
"""

from __future__ import annotations

import operator

import numpy as np

__all__ = ["convolution", "dct", "dft", "dst", "hadamard", "hartley", "idft", "legendre", "randn", "walsh"]


def dft(n):
    """Unitary discrete Fourier transform.

    ``T[k, j] = exp(-2 pi i k j / n) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, at least 1.

    Returns
    -------
    ndarray of complex128, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    The matrix of ``scipy.fft.fft(x, norm="ortho")``. O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import targets
    >>> np.round(targets.dft(4) * 2)[1] + 0
    array([ 1.+0.j,  0.-1.j, -1.+0.j,  0.+1.j])
    """
    n = _size(n)
    cos, sin = _circle(n)
    return _lookup((cos - 1j * sin) / _root(n), _products(n), n)


def idft(n):
    """Unitary inverse discrete Fourier transform, the conjugate of `dft`.

    ``T[k, j] = exp(2 pi i k j / n) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, at least 1.

    Returns
    -------
    ndarray of complex128, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    The matrix of ``scipy.fft.ifft(x, norm="ortho")``. O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import targets
    >>> np.allclose(targets.idft(8) @ targets.dft(8), np.eye(8))
    True
    """
    n = _size(n)
    cos, sin = _circle(n)
    return _lookup((cos + 1j * sin) / _root(n), _products(n), n)


def dct(n, type=2):
    """Discrete cosine transform.

    Type 2: ``T[k, j] = 2 cos(pi k (2 j + 1) / (2 n)) / sqrt(n)``

    Type 1: ``T[k, j] = h_j 2 cos(pi k j / (n - 1)) / sqrt(n)``, h = 1/2 at both ends, otherwise 1 (n >= 2)

    Type 3: ``T[k, j] = h_j 2 cos(pi j (2 k + 1) / (2 n)) / sqrt(n)``, h = 1/2 at j = 0, otherwise 1

    Type 4: ``T[k, j] = 2 cos(pi (2 k + 1) (2 j + 1) / (4 n)) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, at least 1; at least 2 for type 1.
    type : {1, 2, 3, 4}
        The paper uses type 2.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, n is too small, or the type is unknown.

    Notes
    -----
    The matrix of ``scipy.fft.dct(x, type)`` divided by sqrt(n). O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> from pyfly import targets
    >>> targets.dct(4)[0]
    array([1., 1., 1., 1.])
    """
    n, type = _size(n), _type(type)
    k = np.arange(n)
    if type == 1:
        if n < 2:
            raise ValueError(f"n = {n}: a DCT of type 1 joins both ends and needs n >= 2; take another type")
        table = _cosines(2 * (n - 1), n)
        matrix = _lookup(table, k[:, None] * k, 2 * (n - 1))
        matrix[:, [0, -1]] *= 0.5
    elif type == 4:
        matrix = _lookup(_cosines(8 * n, n), (2 * k[:, None] + 1) * (2 * k + 1), 8 * n)
    else:
        matrix = _lookup(_cosines(4 * n, n), k[:, None] * (2 * k + 1), 4 * n)
        if type == 3:
            matrix = np.ascontiguousarray(matrix.T)
            matrix[:, 0] *= 0.5
    return matrix


def dst(n, type=2):
    """Discrete sine transform.

    Type 2: ``T[k, j] = 2 sin(pi (k + 1) (2 j + 1) / (2 n)) / sqrt(n)``

    Type 1: ``T[k, j] = 2 sin(pi (k + 1) (j + 1) / (n + 1)) / sqrt(n)``

    Type 3: ``T[k, j] = h_j 2 sin(pi (j + 1) (2 k + 1) / (2 n)) / sqrt(n)``, h = 1/2 at j = n - 1, otherwise 1

    Type 4: ``T[k, j] = 2 sin(pi (2 k + 1) (2 j + 1) / (4 n)) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, at least 1.
    type : {1, 2, 3, 4}
        The paper uses type 2.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, n is below 1, or the type is unknown.

    Notes
    -----
    The matrix of ``scipy.fft.dst(x, type)`` divided by sqrt(n). O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import targets
    >>> signs = (-1.0) ** np.arange(8)
    >>> np.allclose(targets.dst(8), (targets.dct(8) * signs)[::-1])
    True
    """
    n, type = _size(n), _type(type)
    k = np.arange(n)
    if type == 1:
        return _lookup(_sines(2 * (n + 1), n), (k[:, None] + 1) * (k + 1), 2 * (n + 1))
    if type == 4:
        return _lookup(_sines(8 * n, n), (2 * k[:, None] + 1) * (2 * k + 1), 8 * n)
    matrix = _lookup(_sines(4 * n, n), (k[:, None] + 1) * (2 * k + 1), 4 * n)
    if type == 3:
        matrix = np.ascontiguousarray(matrix.T)
        matrix[:, -1] *= 0.5
    return matrix


def hadamard(n):
    """Hadamard transform in natural (Sylvester) order.

    ``T[k, j] = (-1)^(number of ones in the binary digits of k & j) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, a power of two.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or no power of two.

    Notes
    -----
    ``scipy.linalg.hadamard(n) / sqrt(n)``. O(n^2) time.

    Examples
    --------
    >>> from pyfly import targets
    >>> targets.hadamard(4) * 2
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    """
    n = _power_of_two(n)
    matrix = np.empty((n, n))
    matrix[0, 0] = np.float64(1 / _root(n))
    m = 1
    while m < n:
        matrix[m : 2 * m, :m] = matrix[:m, :m]
        matrix[:m, m : 2 * m] = matrix[:m, :m]
        np.negative(matrix[:m, :m], out=matrix[m : 2 * m, m : 2 * m])
        m *= 2
    return matrix


def walsh(n):
    """Walsh transform: the rows of `hadamard` by sequency, row k changing its sign k times.

    ``T[k, j] = H[r(k), j]`` with ``r(k)`` the bit reversal of the Gray code ``k ^ (k >> 1)``

    Parameters
    ----------
    n : int
        Size, a power of two.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or no power of two.

    Notes
    -----
    O(n^2) time.

    Examples
    --------
    >>> from pyfly import targets
    >>> targets.walsh(4) * 2
    array([[ 1.,  1.,  1.,  1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.],
           [ 1., -1.,  1., -1.]])
    """
    n = _power_of_two(n)
    k = np.arange(n)
    gray = k ^ (k >> 1)
    rows = np.zeros(n, dtype=np.int64)
    for _ in range(n.bit_length() - 1):
        rows = (rows << 1) | (gray & 1)
        gray >>= 1
    return hadamard(n)[rows]


def hartley(n):
    """Discrete Hartley transform.

    ``T[k, j] = (cos(2 pi k j / n) + sin(2 pi k j / n)) / sqrt(n)``

    Parameters
    ----------
    n : int
        Size, at least 1.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    Its own inverse, and ``Re((1 + i) F)`` for the Fourier matrix F. O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import targets
    >>> t = targets.hartley(8)
    >>> np.allclose(t @ t, np.eye(8))
    True
    """
    n = _size(n)
    cos, sin = _circle(n)
    return _lookup((cos + sin) / _root(n), _products(n), n)


def convolution(n, seed=0):
    """Circular convolution with a random filter.

    ``T[k, j] = g[(k - j) mod n] / sqrt(n)`` with g standard normal

    Parameters
    ----------
    n : int
        Size, at least 1.
    seed : int or numpy.random.Generator
        Source of the filter g, for `numpy.random.default_rng`.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    ``scipy.linalg.circulant(g) / sqrt(n)``. O(n^2) time; two arrays of n^2 numbers.

    Examples
    --------
    >>> from pyfly import targets
    >>> t = targets.convolution(8)
    >>> bool((t[1:, 1:] == t[:-1, :-1]).all())
    True
    """
    n = _size(n)
    g = np.random.default_rng(seed).standard_normal(n) / np.sqrt(n)
    k = np.arange(n)
    return g[(k[:, None] - k) % n]


def legendre(n):
    """Discrete Legendre transform: Legendre polynomials on an even grid inside (-1, 1).

    ``T[k, j] = P_k(x_j) / sqrt(n)`` with ``x_j = 2 (j + 1) / (n + 1) - 1``

    Parameters
    ----------
    n : int
        Size, at least 1.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    By the recurrence ``k P_k = (2 k - 1) x P_{k-1} - (k - 1) P_{k-2}``, which is stable on [-1, 1]. O(n^2) time.

    Examples
    --------
    >>> from pyfly import targets
    >>> (targets.legendre(3)[1] * 3**0.5).round(12)
    array([-0.5,  0. ,  0.5])
    """
    n = _size(n)
    x = (2 * np.arange(1, n + 1, dtype=np.longdouble) - (n + 1)) / (n + 1)
    before, here = np.zeros_like(x), 1 / _root(n) + np.zeros_like(x)
    matrix = np.empty((n, n))
    for k in range(n):
        matrix[k] = here
        before, here = here, ((2 * k + 1) * x * here - k * before) / (k + 1)
    return matrix


def randn(n, seed=0):
    """Random matrix that has no fast algorithm of this kind: independent normal entries of variance 1/n.

    ``T[k, j] ~ N(0, 1/n)``

    Parameters
    ----------
    n : int
        Size, at least 1.
    seed : int or numpy.random.Generator
        Source of the entries, for `numpy.random.default_rng`.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        n is no integer, or is below 1.

    Notes
    -----
    O(n^2) time.

    Examples
    --------
    >>> from pyfly import targets
    >>> targets.randn(64).shape
    (64, 64)
    """
    n = _size(n)
    return np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def _size(n):
    """Return n as an int of at least 1."""
    if isinstance(n, (bool, np.bool_)):
        raise TypeError(f"n = {n!r}: the size must be an integer, not a truth value")
    try:
        value = operator.index(n)
    except TypeError:
        raise TypeError(f"n = {n!r}: the size must be an integer") from None
    if value < 1:
        raise ValueError(f"n = {value}: the size must be at least 1")
    return value


def _power_of_two(n):
    """Return n as an int that is a power of two."""
    n = _size(n)
    if n & (n - 1):
        below = 1 << (n.bit_length() - 1)
        raise ValueError(
            f"n = {n}: a Hadamard matrix of this kind needs a power of two; the nearest are {below} and {2 * below}"
        )
    return n


def _type(type):
    """Return the type of a cosine or sine transform as an int of 1 to 4."""
    if isinstance(type, bool) or type not in (1, 2, 3, 4):
        raise ValueError(f"type = {type!r}: the types of this transform are 1, 2, 3 and 4")
    return int(type)


def _root(n):
    return np.sqrt(np.longdouble(n))


def _circle(period):
    """Cosine and sine of 2 pi r / period for r = 0 ... period - 1, in long double.

    The argument of the library functions never leaves [0, pi/4]: r is folded there by the symmetries of the
    circle, in integers (8 r against multiples of the period), so that equal values come out equal.
    """
    turn = 8 * np.arange(period, dtype=np.int64)
    octant, rest = turn // period, turn % period
    folded = np.where(octant & 1, period - rest, rest)
    angle = folded.astype(np.longdouble) * np.arctan(np.longdouble(1)) / period
    near, far = np.cos(angle), np.sin(angle)
    swap = ((octant + 1) // 2) & 1 == 1
    cos, sin = np.where(swap, far, near), np.where(swap, near, far)
    cos[(octant >= 2) & (octant < 6)] *= -1
    sin[octant >= 4] *= -1
    return cos + 0, sin + 0


def _cosines(period, n):
    return 2 * _circle(period)[0] / _root(n)


def _sines(period, n):
    return 2 * _circle(period)[1] / _root(n)


def _products(n):
    k = np.arange(n)
    return k[:, None] * k


def _lookup(table, index, period):
    """Round a table of one period to double and read it at ``index mod period`` (index is overwritten)."""
    index %= period
    table = table.astype(np.complex128 if np.iscomplexobj(table) else np.float64)
    return table[index]
