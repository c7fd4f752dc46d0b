"""Walsh-Hadamard transforms in three orders, the Haar transform, and products of Hadamard matrices and diagonals."""

from __future__ import annotations

import numpy as np

from pyfly._arrays import as_numbers, as_permutation_indices, owned
from pyfly._base import Operator
from pyfly._functions import fwht
from pyfly._operators import Butterfly, Diagonal, Permutation, Product
from pyfly._routing import bit_reversal
from pyfly.special._fourier import as_norm, as_size, root

_BLOCK = np.array([[1.0, 1.0], [1.0, -1.0]])


def hadamard(n, order="natural", *, norm=None):
    """Walsh-Hadamard transform.

    Natural: ``A[k, j] = (-1)^(number of ones in the binary digits of k & j)``; Paley: row k is the natural row of the
    bit-reversed k; sequency: row k changes its sign k times

    Parameters
    ----------
    n : int
        Size, a power of two.
    order : {"natural", "paley", "sequency"}
        Order of the rows; all three matrices are symmetric.
    norm : {None, "backward", "ortho", "forward"}
        Factor 1 (None, "backward"), 1/sqrt(n) ("ortho": its own inverse) or 1/n ("forward": the inverse).

    Returns
    -------
    WalshHadamard, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or order or norm is unknown.

    Notes
    -----
    Class B (natural) or PB, no parameters. n log2 n additions: `pyfly.fwht` is the same as a function. Natural order is
    ``scipy.linalg.hadamard(n)``. Fino and Algazi, IEEE Trans. Comput. C-25 (1976).

    Examples
    --------
    >>> from pyfly import special
    >>> special.hadamard(4).todense()
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    >>> special.hadamard(4, "sequency").todense()
    array([[ 1.,  1.,  1.,  1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.],
           [ 1., -1.,  1., -1.]])
    """
    return WalshHadamard(n, order, norm)


class WalshHadamard(Operator):
    """Walsh-Hadamard matrix by additions alone; made by `hadamard`, which has the formulas.

    Parameters
    ----------
    n : int
        Size, a power of two.
    order : {"natural", "paley", "sequency"}
    norm : {None, "backward", "ortho", "forward"}

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or order or norm is unknown.

    Notes
    -----
    Symmetric, without parameters; `as_product` writes it with a butterfly, of which it is a special case.

    Examples
    --------
    >>> from pyfly import special
    >>> h = special.hadamard(8, "paley", norm="ortho")
    >>> h
    <8x8 WalshHadamard: float64, paley order, norm ortho>
    >>> h.as_product()
    <8x8 Product: float64, Permutation Butterfly, 28 parameters>
    """

    _neutral = True
    _fields = ("n", "order", "norm")
    n_parameters = 0

    def __init__(self, n, order="natural", norm=None):
        self.n, self.order, self.norm = as_size(n), order, as_norm(norm)
        if order not in ("natural", "paley", "sequency"):
            raise ValueError(f'order = {order!r}: it must be "natural", "paley" or "sequency"')
        super().__init__(np.float64, (self.n, self.n))

    def as_product(self):
        """Return the same matrix as a tied Butterfly, after which a Permutation brings the rows in order."""
        n, k = self.n, np.arange(self.n)
        twiddle = np.broadcast_to(_BLOCK, (n - 1, 2, 2)).astype(np.longdouble)
        if n == 1:
            return Butterfly(owned(twiddle.astype(np.float64)), tied=True)
        twiddle[n // 2 - 1 :] *= {"backward": 1, "ortho": 1 / root(n), "forward": 1 / np.longdouble(n)}[self.norm]
        butterfly = Butterfly(owned(twiddle.astype(np.float64)), tied=True)
        if self.order == "natural":
            return butterfly
        rows = k ^ (k >> 1) if self.order == "sequency" else k
        return Product(Permutation(owned(bit_reversal(n)[rows])), butterfly)

    def _act(self, x, op, axis, out=None):
        axis = -1 if axis == x.ndim - 1 else axis
        y = fwht(x, order=self.order, norm="ortho" if self.norm == "ortho" else None, axis=axis, out=out)
        if self.norm == "forward":  # a power of two: exact
            y *= y.real.dtype.type(1 / self.n)
        return y

    def _cast(self, convert):
        return self

    def _transpose(self):
        return self

    def _inverse(self):
        norm = {"backward": "forward", "forward": "backward", "ortho": "ortho"}[self.norm]
        return WalshHadamard(self.n, self.order, norm)

    def _items(self):
        return self.as_product()._items()

    def _details(self):
        return [f"{self.order} order", f"norm {self.norm}"]


def haar(n, *, norm=None):
    """Haar wavelet transform.

    ``A_2m = (A_m (x) (1, 1);  I_m (x) (1, -1))``: the sum of all entries, then differences from coarse to fine

    Parameters
    ----------
    n : int
        Size, a power of two.
    norm : {None, "ortho"}
        None: entries 1, -1 and 0. "ortho": rows scaled to length 1, an orthogonal matrix.

    Returns
    -------
    Product of Permutation and Butterfly, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two, or norm is unknown.

    Notes
    -----
    Class PB: at stride s only the pairs of sums, at multiples of 2 s, are combined; the butterfly is tied, 4 (n - 1)
    parameters. 2 n log2 n multiplications, where 2 (n - 1) additions would do. Haar, Math. Ann. 69 (1910).

    Examples
    --------
    >>> from pyfly import special
    >>> special.haar(4).todense()
    array([[ 1.,  1.,  1.,  1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1.,  0.,  0.],
           [ 0.,  0.,  1., -1.]])
    """
    n = as_size(n)
    if norm not in (None, "ortho"):
        raise ValueError(f'norm = {norm!r}: it must be None or "ortho"')
    twiddle = np.broadcast_to(np.eye(2), (n - 1, 2, 2)).astype(np.longdouble)
    position = np.zeros(n, np.int64)
    stride = 1
    while stride < n:
        twiddle[stride - 1] = _BLOCK
        position[n // (2 * stride) : n // stride] = np.arange(stride, n, 2 * stride)
        stride *= 2
    if norm == "ortho":
        # integers before, one root a row: the differences at stride s have length sqrt(2 s)
        stride = 1
        while stride < n:
            twiddle[stride - 1, 1] /= root(2 * stride)
            stride *= 2
        if n > 1:
            twiddle[n // 2 - 1, 0] /= root(n)
    return Product(Permutation(owned(position)), Butterfly(owned(twiddle.astype(np.float64)), tied=True))


def hadamard_diagonal(diagonals, *, norm=None):
    """Hadamard matrices and diagonals in turn, (HD)^k.

    ``A = H D_k ... H D_2 H D_1``

    Parameters
    ----------
    diagonals : array_like, shape (k, n)
        The first row is applied first; n a power of two.
    norm : {None, "backward", "ortho", "forward"}
        Of every H, as in `hadamard`. With "ortho" and entries of size 1 the product is orthogonal or unitary.

    Returns
    -------
    Product of 2 k factors, n x n

    Raises
    ------
    TypeError
        diagonals has a type that is not supported.
    ValueError
        diagonals is not of two dimensions, or its rows are not of a power of two.

    Notes
    -----
    Class (BD)^k, k n parameters besides the signs; k n log2 n additions and k n multiplications. With k = 3 and random
    signs a fast stand-in for a random rotation: Andoni et al., arXiv:1509.02897.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> d = np.array([[1.0, 2, 3, 4], [1, -1, 1, -1]])
    >>> h = special.hadamard(4).todense()
    >>> np.allclose(special.hadamard_diagonal(d).todense(), h @ np.diag(d[1]) @ h @ np.diag(d[0]))
    True
    """
    diagonals = as_numbers("diagonals", diagonals, ndim=2)
    if not len(diagonals):
        raise ValueError("diagonals has no rows; give at least one")
    h = hadamard(as_size(diagonals.shape[1], "diagonals.shape[1]"), norm=norm)
    factors = []
    for d in diagonals[::-1]:
        factors += [h, Diagonal(d)]
    return Product(*factors)


def fastfood(s, g, b, perm):
    """Fastfood: a stand-in for a random Gaussian matrix with 3 n numbers.

    ``A = diag(s) H diag(g) P H diag(b)`` with H the Hadamard matrix of entries 1 and -1

    Parameters
    ----------
    s, g, b : array_like, shape (n,)
        Scales, Gaussian numbers and signs; n a power of two.
    perm : array_like of int, shape (n,)
        Gather indices of P.

    Returns
    -------
    Product, n x n

    Raises
    ------
    TypeError
        An array has a type that is not supported.
    ValueError
        The lengths differ or are no power of two, or perm is no permutation.

    Notes
    -----
    3 n parameters, 2 n log2 n additions and 3 n multiplications. Le, Sarlos, Smola, ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> s, g, b, p = np.ones(4), np.arange(4.0), np.array([1.0, -1, 1, 1]), np.array([2, 0, 1, 3])
    >>> h = special.hadamard(4).todense()
    >>> np.allclose(special.fastfood(s, g, b, p).todense(), h @ np.diag(g) @ np.eye(4)[p] @ h @ np.diag(b))
    True
    """
    perm = Permutation(as_permutation_indices("perm", perm))
    h = hadamard(as_size(perm.shape[0], "perm.size"))
    d = []
    for name, values in (("s", s), ("g", g), ("b", b)):
        d.append(Diagonal(as_numbers(name, values, ndim=1)))
        if d[-1].shape != perm.shape:
            raise ValueError(
                f"{name} has {d[-1].shape[0]} entries and perm has {perm.shape[0]}; they must have as many"
            )
    return Product(d[0], h, d[1], perm, h, d[2])
