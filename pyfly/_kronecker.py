"""Kronecker products: ``(A (x) B) vec(X) = vec(A X B^T)`` for row-major vec.

kron(B_p, B_q)    two butterflies of sizes p and q are one butterfly of size p q: the stages of B_q have strides
                  1, ..., q/2, those of B_p have q, ..., p q / 2
"""

from __future__ import annotations

import numpy as np

from pyfly._arrays import owned
from pyfly._base import Item, Operator
from pyfly._operators import Butterfly, Diagonal, Permutation

__all__ = ["Kronecker", "kron"]


class Kronecker(Operator):
    """Kronecker product of two operators: ``y = (A (x) B) x``, for row-major matrices ``Y = A X B^T``.

    Parameters
    ----------
    a, b : Operator
        Of any shapes.

    Attributes
    ----------
    a, b : Operator

    Raises
    ------
    TypeError
        a or b is no pyfly operator.

    Notes
    -----
    Costs A applied to the columns and B to the rows of X, and stores no more than A and B. A plan fuses both into
    factors of the full size.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> k = pyfly.Kronecker(pyfly.Diagonal([1.0, 10.0]), pyfly.Permutation([1, 0]))
    >>> k @ np.arange(4.0)
    array([ 1.,  0., 30., 20.])
    """

    _fields = ("a", "b")

    def __init__(self, a, b):
        for name, op in (("a", a), ("b", b)):
            if not isinstance(op, Operator):
                raise TypeError(f"{name} = {op!r} is no pyfly operator; only those have Kronecker products here")
        self.a, self.b = a, b
        self._neutral = a._neutral and b._neutral and "c" not in (a.dtype.kind, b.dtype.kind)
        types = [op.dtype for op in (a, b) if not op._neutral] or [np.dtype(np.float64)]
        types += [np.complex64 for op in (a, b) if op.dtype.kind == "c"]
        super().__init__(np.result_type(*types), (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]))

    @property
    def n_parameters(self):
        return self.a.n_parameters + self.b.n_parameters

    def _act(self, x, op, axis, out=None):
        flip = op in ("T", "C")
        (ma, na), (mb, nb) = (s[::-1] if flip else s for s in (self.a.shape, self.b.shape))
        lead, trail = x.shape[:axis], x.shape[axis + 1 :]
        y = x.reshape(*lead, na, nb, *trail)
        if mb * na <= ma * nb:  # the one that shortens more, first
            y = self.a._act(self.b._act(y, op, axis + 1), op, axis)
        else:
            y = self.b._act(self.a._act(y, op, axis), op, axis + 1)
        return y.reshape(*lead, ma * mb, *trail)

    def _has_complex(self):
        return self.a._has_complex() or self.b._has_complex()

    def _cast(self, convert):
        return Kronecker(self.a._cast(convert), self.b._cast(convert))

    def _transpose(self):
        return Kronecker(self.a.T, self.b.T)

    def _conjugate(self):
        return Kronecker(self.a.conj(), self.b.conj())

    def _inverse(self):
        return Kronecker(self.a.inverse(), self.b.inverse())

    def _power(self, p):
        return Kronecker(self.a**p, self.b**p)

    def _scaled(self, alpha):
        from pyfly._operators import Scaled

        b = self.b._scaled(alpha)
        if not isinstance(b, Scaled):
            return Kronecker(self.a, b)
        a = self.a._scaled(alpha)
        return Scaled(self, alpha) if isinstance(a, Scaled) else Kronecker(a, self.b)

    def _items(self):
        (p, columns), (q, _) = self.a.shape, self.b.shape
        if p != columns or q != self.b.shape[1]:
            return super()._items()
        a, b, chain = self.a._items(), self.b._items(), []
        if any(item.kind == "real_part" for item in (*a, *b)):
            raise ValueError(f"{self!r} cannot be planned: the real part of one side is no step of the whole")
        while a or b:
            both = a and b and _matches(a[0], b[0])
            # of two steps that do not match, the one that nothing later on the other side waits for
            only_b = not a or b and not both and not any(_matches(item, b[0]) for item in a)
            first = None if only_b else a.pop(0)
            second = b.pop(0) if both or only_b else None
            kind = (first or second).kind
            chain.append(_FUSED[kind](first or _nothing(second, p), second or _nothing(first, q), p, q))
        return chain

    def _details(self):
        sides = [f"{type(op).__name__} of {op.shape[0]}x{op.shape[1]}" for op in (self.a, self.b)]
        return [" and ".join(sides), *super()._details()]


def kron(a, b):
    """Return the Kronecker product of two operators, as one factor of the full size where there is one.

    Parameters
    ----------
    a, b : Operator

    Returns
    -------
    Operator
        A `Butterfly` for two butterflies of the same direction, a `Permutation` for two permutations, a `Diagonal` for
        two diagonals, otherwise a `Kronecker`.

    Raises
    ------
    TypeError
        a or b is no pyfly operator.

    Notes
    -----
    A butterfly of size p q stores p q log2(p q) numbers twice over, against those of the two factors that a
    `Kronecker` keeps: prefer the latter for large sizes. Tied factors stay tied.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> h = pyfly.Butterfly(np.array([[[1.0, 1.0], [1.0, -1.0]]]), tied=True)
    >>> pyfly.kron(h, h)
    <4x4 Butterfly: float64, tied, 12 parameters>
    >>> bool((pyfly.kron(h, h).todense() == np.kron(h.todense(), h.todense())).all())
    True
    """
    lazy = Kronecker(a, b)
    p, q = a.shape[0], b.shape[0]
    if isinstance(a, Butterfly) and isinstance(b, Butterfly) and 1 not in (p, q):
        if a.increasing_stride == b.increasing_stride:
            return _butterfly_of(_fuse_butterflies(a._items()[0], b._items()[0], p, q))
    if isinstance(a, Permutation) and isinstance(b, Permutation):
        return Permutation(owned(_fuse_permutations(a._items()[0], b._items()[0], p, q).data))
    if isinstance(a, Diagonal) and isinstance(b, Diagonal):
        return Diagonal(owned(np.outer(a.d, b.d).ravel().copy()))
    return lazy


def _butterfly_of(item):
    return Butterfly(owned(item.data), increasing_stride=item.increasing_stride, tied=item.tied)


def untie(twiddle, increasing):
    """Return the untied twiddle of a tied one."""
    n = len(twiddle) + 1
    pair = np.arange(n // 2)
    strides = [1 << k for k in range(n.bit_length() - 1)]
    stages = [twiddle[s - 1 : 2 * s - 1][pair % s] for s in (strides if increasing else strides[::-1])]
    return np.stack(stages) if stages else np.empty((0, 0, 2, 2), twiddle.dtype)


def _matches(first, second):
    if first.kind != second.kind:
        return False
    return first.kind != "butterfly" or first.increasing_stride == second.increasing_stride


def _nothing(item, n):
    """Return the identity of size n as an item of the same kind."""
    if item.kind == "butterfly":
        return item._replace(data=np.broadcast_to(np.eye(2, dtype=item.data.dtype), (n - 1, 2, 2)), tied=True)
    return item._replace(data=np.arange(n) if item.kind == "permutation" else np.ones(n, item.data.dtype))


def _fuse_butterflies(a, b, p, q):
    increasing = a.increasing_stride
    tied = a.tied and b.tied
    if tied:
        twiddle = [b.data] + [np.repeat(a.data[s - 1 : 2 * s - 1], q, axis=0) for s in (1 << k for k in _levels(p))]
        return Item("butterfly", np.concatenate(twiddle), "N", increasing, True)
    left, right = (untie(w.data, increasing) if w.tied else w.data for w in (a, b))
    left = np.repeat(left, q, axis=1) if p > 1 else np.empty((0, q // 2, 2, 2), left.dtype)
    right = np.tile(right, (1, p, 1, 1)) if q > 1 else np.empty((0, p // 2, 2, 2), right.dtype)
    return Item("butterfly", np.concatenate([right, left] if increasing else [left, right]), "N", increasing, False)


def _fuse_permutations(a, b, p, q):
    return Item("permutation", (a.data[:, None] * q + b.data).ravel())


def _fuse_diagonals(a, b, p, q):
    return Item("diagonal", np.outer(a.data, b.data).ravel())


def _levels(n):
    return range(n.bit_length() - 1)


_FUSED = {"butterfly": _fuse_butterflies, "permutation": _fuse_permutations, "diagonal": _fuse_diagonals}
