"""Cosine and sine transforms as the real part of one Fourier transform of the same size.

With v = (even entries of x, odd entries in reverse), the angle pi k (2 j + 1) / (2 n) of entry v_m is, up to the sign
of the second half, 2 pi m k / n + pi k / (2 n): a Fourier transform and a factor for every result. Type IV has the
frequencies k + 1/2, type II of the sine k + 1; type III is the transpose of type II. Sines are Re(i exp(-i angle)).
"""

from __future__ import annotations

import numpy as np

from pyfly._arrays import as_numbers, owned
from pyfly._operators import Diagonal, Permutation, Product, RealPart
from pyfly._routing import bit_reversal
from pyfly.special._fourier import as_norm, as_size, fourier_product, root, turn

_FLIP = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def dct(n, type=2, *, norm=None):
    """Discrete cosine transform.

    Type 2: ``A[k, j] = 2 cos(pi k (2 j + 1) / (2 n))``

    Type 3: ``A[k, j] = h_j 2 cos(pi j (2 k + 1) / (2 n))``, h = 1/2 for j = 0, otherwise 1

    Type 4: ``A[k, j] = 2 cos(pi (2 k + 1) (2 j + 1) / (4 n))``

    Parameters
    ----------
    n : int
        Size, a power of two.
    type : {2, 3, 4}
    norm : {None, "backward", "ortho", "forward"}
        As in `scipy.fft.dct`: factor 1; 1/sqrt(2 n), and row 0 of type 2 or column 0 of type 3 scaled so that the
        matrix is orthogonal; 1/(2 n).

    Returns
    -------
    RealPart of a Product, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or type or norm is unknown (type 1 has no power of two inside).

    Notes
    -----
    Class Re(BP) (type 3: Re(PB)), P being evens, then odds reversed, then bit reversal. 4 (n - 1) complex parameters,
    2 n log2 n complex multiplications and additions. Makhoul, IEEE Trans. ASSP 28 (1980); arXiv:1903.05895, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> k = np.arange(8)
    >>> np.allclose(special.dct(8).todense(), 2 * np.cos(np.pi * np.outer(k, 2 * k + 1) / 16))
    True
    >>> c = special.dct(8, norm="ortho")
    >>> np.allclose((c.T @ c).todense(), np.eye(8))
    True
    """
    n, type, norm = as_size(n), _type(type), as_norm(norm)
    k = np.arange(n)
    if type == 4:
        return _transform(n, norm, 2 * turn(2 * k + 1, 8 * n), shift=1, alternate=True)
    post = 2 * turn(k, 4 * n)
    post[0] *= _end(type, norm)
    two = _transform(n, norm, post)
    return two if type == 2 else two.T


def idct(n, type=2, *, norm=None):
    """Inverse discrete cosine transform: the inverse of `dct` of the same type and norm.

    Parameters
    ----------
    n : int
        Size, a power of two.
    type : {2, 3, 4}
    norm : {None, "backward", "ortho", "forward"}
        As in `scipy.fft.idct`.

    Returns
    -------
    RealPart of a Product, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or type or norm is unknown.

    Notes
    -----
    Type 3 inverts type 2, type 2 inverts type 3, type 4 itself, with the factor 1/(2 n). Class and cost as `dct`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> np.allclose((special.idct(8) @ special.dct(8)).todense(), np.eye(8))
    True
    """
    return dct(n, {2: 3, 3: 2, 4: 4}[_type(type)], norm=_FLIP[as_norm(norm)])


def dst(n, type=2, *, norm=None):
    """Discrete sine transform.

    Type 2: ``A[k, j] = 2 sin(pi (k + 1) (2 j + 1) / (2 n))``

    Type 3: ``A[k, j] = h_j 2 sin(pi (j + 1) (2 k + 1) / (2 n))``, h = 1/2 for j = n - 1, otherwise 1

    Type 4: ``A[k, j] = 2 sin(pi (2 k + 1) (2 j + 1) / (4 n))``

    Parameters
    ----------
    n : int
        Size, a power of two.
    type : {2, 3, 4}
    norm : {None, "backward", "ortho", "forward"}
        As in `scipy.fft.dst`: factor 1; 1/sqrt(2 n), and row n - 1 of type 2 or column n - 1 of type 3 scaled so that
        the matrix is orthogonal; 1/(2 n).

    Returns
    -------
    RealPart of a Product, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or type or norm is unknown (type 1 has no power of two inside).

    Notes
    -----
    Class Re(BP) (type 3: Re(PB)), as `dct`. 4 (n - 1) complex parameters, 2 n log2 n complex multiplications and
    additions. Makhoul, IEEE Trans. ASSP 28 (1980); arXiv:1903.05895, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> k = np.arange(8)
    >>> np.allclose(special.dst(8).todense(), 2 * np.sin(np.pi * np.outer(k + 1, 2 * k + 1) / 16))
    True
    >>> s = special.dst(8, norm="ortho")
    >>> np.allclose((s.T @ s).todense(), np.eye(8))
    True
    """
    n, type, norm = as_size(n), _type(type), as_norm(norm)
    k = np.arange(n)
    if type == 4:
        return _transform(n, norm, 2j * turn(2 * k + 1, 8 * n), shift=1)
    post = 2j * turn(k + 1, 4 * n)
    post[-1] *= _end(type, norm)
    two = _transform(n, norm, post, shift=2, alternate=True)
    return two if type == 2 else two.T


def idst(n, type=2, *, norm=None):
    """Inverse discrete sine transform: the inverse of `dst` of the same type and norm.

    Parameters
    ----------
    n : int
        Size, a power of two.
    type : {2, 3, 4}
    norm : {None, "backward", "ortho", "forward"}
        As in `scipy.fft.idst`.

    Returns
    -------
    RealPart of a Product, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or type or norm is unknown.

    Notes
    -----
    Type 3 inverts type 2, type 2 inverts type 3, type 4 itself, with the factor 1/(2 n). Class and cost as `dst`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> np.allclose((special.idst(8, 3) @ special.dst(8, 3)).todense(), np.eye(8))
    True
    """
    return dst(n, {2: 3, 3: 2, 4: 4}[_type(type)], norm=_FLIP[as_norm(norm)])


def acdc(a, d):
    """Diagonals in the original and in the cosine domain, a layer with 2 n parameters.

    ``A = C^-1 diag(d) C diag(a)`` with C the orthogonal cosine transform of type II

    Parameters
    ----------
    a, d : array_like, shape (n,)
        Diagonals in the original and in the cosine domain; n a power of two.

    Returns
    -------
    Product of four factors, n x n

    Raises
    ------
    TypeError
        A diagonal has a type that is not supported.
    ValueError
        The diagonals differ in length, or it is no power of two.

    Notes
    -----
    Class (BP)^2 under two real parts; two `dct` and 2 n multiplications. Moczulski et al., arXiv:1511.05946, there for
    row vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> a, d = np.arange(1.0, 9), np.arange(8.0)
    >>> c = special.dct(8, norm="ortho").todense()
    >>> np.allclose(special.acdc(a, d).todense(), c.T @ np.diag(d) @ c @ np.diag(a))
    True
    """
    a, d = as_numbers("a", a, ndim=1), as_numbers("d", d, ndim=1)
    if a.size != d.size:
        raise ValueError(f"a has {a.size} entries and d has {d.size}; they must have as many")
    c = dct(as_size(a.size, "a.size"), norm="ortho")
    return Product(c.T, Diagonal(d), c, Diagonal(a))


def _transform(n, norm, post, shift=0, alternate=False):
    """Return Re(diag(post) F_a v) for v the even entries of x and then the odd ones in reverse."""
    scale = {"backward": 1, "ortho": 1 / root(2 * n), "forward": 1 / np.longdouble(2 * n)}[norm]
    order = np.concatenate([np.arange(0, n, 2), np.arange(1, n, 2)[::-1]])
    permutation = Permutation(owned(order[bit_reversal(n)]))
    return RealPart(fourier_product(n, permutation, shift=shift, alternate=alternate, post=post, scale=scale))


def _end(type, norm):
    """Return the factor of the row of type II that has twice the square of the others, or half of it in type III."""
    if norm == "ortho":
        return 1 / root(2)
    return np.longdouble(0.5) if type == 3 else np.longdouble(1)


def _type(type):
    if isinstance(type, bool | np.bool_) or type not in (2, 3, 4):
        raise ValueError(f"type = {type!r}: the types with a fast algorithm of size 2^k are 2, 3 and 4")
    return int(type)
