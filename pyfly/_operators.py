"""The elementary operators and what is made of them: the classes that a fast algorithm is written in.

    Butterfly   B = S_L ... S_2 S_1, stages of 2x2 blocks        Product    A_1 A_2 ... A_k
    Permutation y[i] = x[p[i]]                                   RealPart   Re(A)
    Diagonal    y[i] = d[i] x[i]                                 Scaled     alpha A

Transposes, conjugates and inverses of a class are of the same class: a transposed butterfly has the stages in
opposite order with transposed blocks.
"""

from __future__ import annotations

import numpy as np

from pyfly._arrays import as_numbers, as_permutation_indices, owned, real_type, same_kind, scaled_type, twiddle_size
from pyfly._base import Item, Operator
from pyfly._functions import butterfly_multiply, permute

__all__ = ["Butterfly", "Diagonal", "Item", "Operator", "Permutation", "Product", "RealPart", "Scaled"]


# Bytes from which on a product reuses the memory of its intermediate results; below, new memory is quicker to get.
_LARGE = 1 << 16


class Butterfly(Operator):
    """Butterfly matrix: a product of log2 n sparse stages of 2x2 blocks.

    ``B = S_L ... S_2 S_1``: the stage of stride s maps each pair of positions (p, p + s) by a 2x2 block of its own;
    pair i has ``p = 2 (i - i % s) + i % s``.

    Parameters
    ----------
    twiddle : array_like, shape (log2 n, n/2, 2, 2), or (n - 1, 2, 2) when tied
        Untied: ``twiddle[k, i]`` is block i of the k-th stage applied. Tied: the blocks of stride s stand at
        ``[s - 1 : 2 s - 1]``, and pair i uses block ``i % s``. It is copied unless it is read-only.
    increasing_stride : bool
        Whether strides 1, 2, ..., n/2 are applied in this order; otherwise n/2, ..., 2, 1.
    tied : bool
        Whether the pairs of one stage share blocks.

    Attributes
    ----------
    twiddle : ndarray
        Read-only.
    increasing_stride, tied : bool

    Raises
    ------
    TypeError
        twiddle has a type that is not supported (long double, object).
    ValueError
        twiddle has another shape.

    Notes
    -----
    2 n log2 n multiplications and additions a vector (4 times as many when both are complex); 2 n log2 n parameters,
    4 (n - 1) when tied. Dao et al., arXiv:1903.05895, section 3.

    Examples
    --------
    The Hadamard matrix, dense and fast:

    >>> import numpy as np
    >>> import pyfly
    >>> block = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> h = pyfly.Butterfly(np.broadcast_to(block, (2, 2, 2, 2)))
    >>> h
    <4x4 Butterfly: float64, 16 parameters>
    >>> h.todense()
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    >>> h @ np.array([1.0, 0.0, 0.0, 0.0])
    array([1., 1., 1., 1.])
    """

    _fields = ("twiddle", "increasing_stride", "tied")

    def __init__(self, twiddle, *, increasing_stride=True, tied=False):
        twiddle = as_numbers("twiddle", twiddle)
        self.tied, self.increasing_stride = bool(tied), bool(increasing_stride)
        n = twiddle_size(twiddle.shape, self.tied)
        self.twiddle = twiddle
        super().__init__(twiddle.dtype, (n, n))

    @property
    def n_parameters(self):
        return self.twiddle.size

    def stages(self):
        """Yield (stride, blocks) in order of application, blocks of shape (n/2, 2, 2), or (stride, 2, 2) if tied."""
        n = self.shape[0]
        strides = [1 << k for k in range(n.bit_length() - 1)]
        for k, stride in enumerate(strides if self.increasing_stride else strides[::-1]):
            yield (stride, self.twiddle[stride - 1 : 2 * stride - 1] if self.tied else self.twiddle[k])

    def _like(self, twiddle):
        return Butterfly(owned(twiddle), increasing_stride=self.increasing_stride, tied=self.tied)

    def _act(self, x, op, axis, out=None):
        axis = -1 if axis == x.ndim - 1 else axis  # the quick way through the ufunc
        return butterfly_multiply(
            self.twiddle, x, op=op, increasing_stride=self.increasing_stride, tied=self.tied, axis=axis, out=out
        )

    def _cast(self, convert):
        return self._like(convert(self.twiddle))

    def _transpose(self):
        return self._reversed(self.twiddle.swapaxes(-1, -2))

    def _conjugate(self):
        return self._like(self.twiddle.conj())

    def _reversed(self, twiddle):
        """Return the butterfly of these blocks, each at its stride, with the stages in opposite order."""
        twiddle = twiddle if self.tied else twiddle[::-1]
        return Butterfly(owned(twiddle), increasing_stride=not self.increasing_stride, tied=self.tied)

    def _inverse(self):
        blocks = self.twiddle
        a, b, c, d = (blocks[..., 0, 0], blocks[..., 0, 1], blocks[..., 1, 0], blocks[..., 1, 1])
        det = a * d - b * c
        with np.errstate(invalid="ignore", over="ignore"):
            bad = ~(np.abs(det) > 4 * np.finfo(self.dtype).eps * (np.abs(a * d) + np.abs(b * c)))
        if bad.any():
            where = [int(i) for i in np.argwhere(bad)[0]]
            raise ValueError(
                f"block twiddle{where} = {blocks[tuple(where)].tolist()} is singular to working precision: the "
                "butterfly has no inverse; solve with scipy.sparse.linalg.lsqr"
            )
        inverse = np.stack([np.stack([d, -b], -1), np.stack([-c, a], -1)], -2) / det[..., None, None]
        return self._reversed(inverse)

    def _scaled(self, alpha):
        """Scale the stage that is applied last."""
        if self.shape[0] == 1:
            return Diagonal(np.full(1, alpha, scaled_type(self.dtype, alpha)))
        twiddle = self.twiddle.astype(scaled_type(self.dtype, alpha))
        n = self.shape[0]
        if not self.tied:
            last = slice(-1, None)
        elif self.increasing_stride:
            last = slice(n // 2 - 1, None)
        else:
            last = slice(0, 1)
        twiddle[last] *= alpha
        return self._like(twiddle)

    def _items(self):
        if self.shape[0] == 1:
            return []
        return [Item("butterfly", self.twiddle, "N", self.increasing_stride, self.tied)]

    def _details(self):
        words = ["tied"] if self.tied else []
        words += [] if self.increasing_stride else ["decreasing stride"]
        return [*words, *super()._details()]


class Permutation(Operator):
    """Permutation matrix: ``y[i] = x[perm[i]]``.

    Parameters
    ----------
    perm : array_like of int, shape (n,)
        Gather indices: every index 0 ... n - 1 once. n is any size of at least 1.

    Attributes
    ----------
    perm : ndarray of int64
        Read-only.

    Raises
    ------
    TypeError
        perm does not hold integers.
    ValueError
        perm has another number of dimensions, is empty, or does not hold every index once.

    Notes
    -----
    One read and one write of the data. The matrix has a one at (i, perm[i]); its dtype is float64, and in a product
    it takes the type of the other factors.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> p = pyfly.Permutation([2, 0, 1])
    >>> p @ np.array([10.0, 20.0, 30.0])
    array([30., 10., 20.])
    >>> p.T.perm
    array([1, 2, 0])
    """

    _neutral = True
    _fields = ("perm",)

    def __init__(self, perm):
        self.perm = as_permutation_indices("perm", perm)
        super().__init__(np.float64, (self.perm.size, self.perm.size))

    @property
    def n_parameters(self):
        return 0

    def _act(self, x, op, axis, out=None):
        axis = -1 if axis == x.ndim - 1 else axis
        return permute(self.perm if op in ("N", "conj") else self._backwards(), x, axis=axis, out=out)

    def _backwards(self):
        inverse = self.__dict__.get("_backward")
        if inverse is None:
            inverse = np.empty_like(self.perm)
            inverse[self.perm] = np.arange(self.perm.size)
            self._backward = inverse = owned(inverse)
        return inverse

    def _cast(self, convert):
        return self

    def astype(self, dtype):
        super().astype(dtype)
        return self

    def _transpose(self):
        return Permutation(self._backwards())

    def _inverse(self):
        return self._transpose()

    def _power(self, p):
        power, square = np.arange(self.perm.size), self.perm
        while p:
            power = power[square] if p & 1 else power
            square, p = square[square], p >> 1
        return Permutation(power)

    def _items(self):
        return [Item("permutation", self.perm)]

    def _details(self):
        perm = self.perm
        shown = ", ".join(map(str, perm[:8].tolist())) + (", ..." if perm.size > 8 else "")
        return [f"[{shown}]"]


class Diagonal(Operator):
    """Diagonal matrix: ``y[i] = d[i] x[i]``.

    Parameters
    ----------
    d : array_like, shape (n,)
        The diagonal; n is any size of at least 1.

    Attributes
    ----------
    d : ndarray
        Read-only.

    Raises
    ------
    TypeError
        d has a type that is not supported.
    ValueError
        d has another number of dimensions, or is empty.

    Notes
    -----
    n multiplications a vector, n parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.Diagonal([2.0, 1j]).H @ np.array([1j, 1.0])
    array([0.+2.j, 0.-1.j])
    """

    _fields = ("d",)

    def __init__(self, d):
        self.d = as_numbers("d", d, ndim=1)
        if not self.d.size:
            raise ValueError("d is empty; a diagonal needs at least one entry")
        super().__init__(self.d.dtype, (self.d.size, self.d.size))

    @property
    def n_parameters(self):
        return self.d.size

    def _act(self, x, op, axis, out=None):
        d = self.d.conj() if op in ("C", "conj") else self.d
        return np.multiply(x, d.reshape((-1,) + (1,) * (x.ndim - 1 - axis)), out=out)

    def _cast(self, convert):
        return Diagonal(owned(convert(self.d)))

    def _transpose(self):
        return self

    def _conjugate(self):
        return Diagonal(owned(self.d.conj()))

    def _inverse(self):
        zero = np.flatnonzero(self.d == 0)
        if zero.size:
            raise ValueError(f"d[{zero[0]}] is zero: the diagonal is singular and has no inverse")
        return Diagonal(owned(1 / self.d))

    def _scaled(self, alpha):
        return Diagonal(owned((self.d * alpha).astype(scaled_type(self.dtype, alpha), copy=False)))

    def _power(self, p):
        return Diagonal(owned(self.d**p))

    def _items(self):
        return [Item("diagonal", self.d)]


class Product(Operator):
    """Product of operators: ``A = A_1 A_2 ... A_k``; the last factor acts first.

    Parameters
    ----------
    *factors : Operator
        Leftmost first. Products among them are flattened.

    Attributes
    ----------
    factors : tuple of Operator

    Raises
    ------
    TypeError
        A factor is no pyfly operator.
    ValueError
        No factor, or two neighbours whose shapes do not fit.

    Notes
    -----
    Costs the sum of its factors. After the first factor the data are overwritten in place where shapes and types
    allow. ``A @ B`` is the same.

    Examples
    --------
    >>> import pyfly
    >>> a = pyfly.Diagonal([2.0, 3.0]) @ pyfly.Permutation([1, 0])
    >>> a
    <2x2 Product: float64, Diagonal Permutation, 2 parameters>
    >>> a.todense()
    array([[0., 2.],
           [3., 0.]])
    """

    _fields = ("factors",)

    def __init__(self, *factors):
        if not factors:
            raise ValueError("a product needs at least one factor")
        flat = []
        for factor in factors:
            if not isinstance(factor, Operator):
                raise TypeError(
                    f"factor {factor!r} is no pyfly operator; wrap numbers as Diagonal or multiply arrays with @"
                )
            flat += factor.factors if isinstance(factor, Product) else [factor]
        for left, right in zip(flat, flat[1:], strict=False):
            if left.shape[1] != right.shape[0]:
                raise ValueError(f"shapes {left.shape} and {right.shape} of neighbouring factors do not fit")
        self.factors = tuple(flat)
        self._neutral = all(f._neutral for f in flat)
        types = [f.dtype for f in flat if not f._neutral] or [np.dtype(np.float64)]
        types += [np.complex64 for f in flat if f.dtype.kind == "c"]
        super().__init__(np.result_type(*types), (flat[0].shape[0], flat[-1].shape[1]))

    @classmethod
    def _from_fields(cls, factors):
        return cls(*factors)

    @property
    def n_parameters(self):
        return sum(f.n_parameters for f in self.factors)

    def _act(self, x, op, axis, out=None):
        factors = self.factors[::-1] if op in ("N", "conj") else self.factors
        given = x
        for k, factor in enumerate(factors):
            dtype = factor._result_type(x.dtype)
            target = None
            if out is not None and k == len(factors) - 1:
                target = out if out.dtype == dtype else None
            elif k and x.nbytes > _LARGE and dtype == x.dtype and not factor._neutral and x is not given:
                square = factor.shape[0] == factor.shape[1]
                target = x if square and not np.may_share_memory(x, given) else None
            x = factor._act(x, op, axis, target)
        return x

    def _has_complex(self):
        return any(f._has_complex() for f in self.factors)

    def _cast(self, convert):
        return Product(*[f._cast(convert) for f in self.factors])

    def _transpose(self):
        return Product(*[f.T for f in self.factors[::-1]])

    def _conjugate(self):
        return Product(*[f.conj() for f in self.factors])

    def _inverse(self):
        return Product(*[f.inverse() for f in self.factors[::-1]])

    def _scaled(self, alpha):
        """Scale the first factor that can take the number in."""
        for k, factor in enumerate(self.factors):
            scaled = factor._scaled(alpha)
            if not isinstance(scaled, Scaled):
                return Product(*self.factors[:k], scaled, *self.factors[k + 1 :])
        return Scaled(self, alpha)

    def _items(self):
        if any(f.shape[0] != f.shape[1] for f in self.factors):
            return super()._items()
        return [item for f in self.factors[::-1] for item in f._items()]

    def _details(self):
        names = [type(f).__name__ for f in self.factors]
        shown = " ".join(names) if len(names) <= 6 else f"{' '.join(names[:5])} ... ({len(names)} factors)"
        return [shown, *super()._details()]


class RealPart(Operator):
    """Real part of a matrix: ``y = Re(A) x``, which is ``Re(A x)`` for real x.

    Parameters
    ----------
    op : Operator
        The operator A.

    Attributes
    ----------
    op : Operator

    Raises
    ------
    TypeError
        op is no pyfly operator.

    Notes
    -----
    The cost of A for real x. Complex x are taken part by part, so that the operator stays linear over the complex
    numbers. In the notation of the paper: Re(BP), and so on.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> a = pyfly.RealPart(pyfly.Diagonal([1 + 2j, 3 - 1j]))
    >>> a @ np.array([1.0, 1j])
    array([1.+0.j, 0.+3.j])
    """

    _fields = ("op",)

    def __init__(self, op):
        if not isinstance(op, Operator):
            raise TypeError(f"op = {op!r} is no pyfly operator; the real part is taken of operators only")
        self.op = op.op if isinstance(op, RealPart) else op
        self._neutral = op._neutral
        super().__init__(real_type(op.dtype), op.shape)

    @property
    def n_parameters(self):
        return self.op.n_parameters

    def _act(self, x, op, axis, out=None):
        op = "T" if op in ("T", "C") else "N"
        if x.dtype.kind != "c":
            y = self.op._act(x, op, axis)
            if y.dtype.kind != "c":
                return y
            if out is None:
                return y.real.copy(order="K")
            out[...] = y.real
            return out
        shape = list(x.shape)
        shape[axis] = self.shape[0 if op == "N" else 1]
        y = np.empty(shape, x.dtype)
        y.real = self.op._act(x.real, op, axis).real
        y.imag = self.op._act(x.imag, op, axis).real
        return y

    def _has_complex(self):
        return False

    def _cast(self, convert):
        return RealPart(self.op._cast(lambda a: same_kind(convert, a)))

    def _transpose(self):
        return RealPart(self.op.T)

    def _conjugate(self):
        return self

    def _scaled(self, alpha):
        return Scaled(self, alpha) if isinstance(alpha, complex) else RealPart(self.op._scaled(alpha))

    def _items(self):
        return [*self.op._items(), Item("real_part")] if self.op._has_complex() else self.op._items()

    def _details(self):
        inner = self.op._details()[:1] if isinstance(self.op, Product) else []
        return [f"of {type(self.op).__name__}", *inner, *super()._details()]


class Scaled(Operator):
    """Multiple of an operator: ``y = alpha A x``. Made by ``alpha * A`` when no factor of A can take the number in.

    Parameters
    ----------
    op : Operator
        The operator A.
    alpha : number
        Real or complex.

    Attributes
    ----------
    op : Operator
    alpha : float or complex

    Raises
    ------
    TypeError
        op is no pyfly operator, or alpha no number.

    Notes
    -----
    The cost of A and one multiplication a number.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> (2 * pyfly.Permutation([1, 0])) @ np.array([1.0, 5.0])
    array([10.,  2.])
    """

    _fields = ("op", "alpha")

    def __init__(self, op, alpha):
        if not isinstance(op, Operator):
            raise TypeError(f"op = {op!r} is no pyfly operator")
        if not np.isscalar(alpha) or isinstance(alpha, str | bytes):
            raise TypeError(f"alpha = {alpha!r}: an operator is scaled by a number")
        self.op, self._neutral = op, op._neutral
        self.alpha = complex(alpha) if isinstance(alpha, complex | np.complexfloating) else float(alpha)
        super().__init__(scaled_type(op.dtype, self.alpha), op.shape)

    @property
    def n_parameters(self):
        return self.op.n_parameters + 1

    def _act(self, x, op, axis, out=None):
        alpha = self.alpha.conjugate() if op in ("C", "conj") else self.alpha
        y = self.op._act(x, op, axis)
        if out is None and np.result_type(y.dtype, alpha) == y.dtype and not np.may_share_memory(x, y):
            out = y
        return np.multiply(y, alpha, out=out)

    def _has_complex(self):
        return isinstance(self.alpha, complex) or self.op._has_complex()

    def _cast(self, convert):
        return Scaled(self.op._cast(lambda a: same_kind(convert, a)), self.alpha)

    def _transpose(self):
        return Scaled(self.op.T, self.alpha)

    def _conjugate(self):
        return Scaled(self.op.conj(), self.alpha.conjugate())

    def _inverse(self):
        if self.alpha == 0:
            raise ValueError("the operator is scaled by zero and has no inverse")
        return self.op.inverse()._scaled(1 / self.alpha)

    def _scaled(self, alpha):
        return Scaled(self.op, self.alpha * alpha)

    def _items(self):
        return [*self.op._items(), Item("diagonal", np.full(self.shape[0], self.alpha, self.dtype))]

    def _details(self):
        return [f"{self.alpha:g} times {self.op!r}"]
