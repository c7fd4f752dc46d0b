"""The corner of a larger operator: rectangular matrices and sizes that are no power of two.

y = S A S'^T x        S keeps the first m numbers, S'^T pads n numbers with zeros (the expansion of the paper)
"""

from __future__ import annotations

import numpy as np

from pyfly._operators import Operator


class Corner(Operator):
    """Top left m x n corner of an operator.

    Parameters
    ----------
    op : Operator, shape (M, N)
    shape : tuple of int
        (m, n), at most (M, N).

    Raises
    ------
    TypeError
        op is no pyfly operator.
    ValueError
        The shape is not inside op's.

    Notes
    -----
    The cost of op, and a padded copy of the data.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> from pyfly._learn._corner import Corner
    >>> Corner(pyfly.Diagonal([1.0, 2.0, 3.0, 4.0]), (3, 2)).todense()
    array([[1., 0.],
           [0., 2.],
           [0., 0.]])
    """

    _fields = ("op", "shape")

    def __init__(self, op, shape):
        if not isinstance(op, Operator):
            raise TypeError(f"op = {op!r} is no pyfly operator")
        shape = tuple(int(size) for size in shape)
        if len(shape) != 2 or not all(1 <= size <= most for size, most in zip(shape, op.shape, strict=True)):
            raise ValueError(f"shape = {shape}: a corner of an operator of shape {op.shape} lies inside it")
        self.op, self._neutral = op, False
        super().__init__(op.dtype, shape)

    @property
    def n_parameters(self):
        return self.op.n_parameters

    def _act(self, x, op, axis, out=None):
        turned = op in ("T", "C")
        m, n = self.shape[::-1] if turned else self.shape
        rows, columns = self.op.shape[::-1] if turned else self.op.shape
        if columns > n:
            padded = np.zeros(x.shape[:axis] + (columns,) + x.shape[axis + 1 :], x.dtype)
            padded[(slice(None),) * axis + (slice(0, n),)] = x
            x = padded
        y = self.op._act(x, op, axis)
        return y if rows == m else y[(slice(None),) * axis + (slice(0, m),)].copy()

    def _has_complex(self):
        return self.op._has_complex()

    def _cast(self, convert):
        return Corner(self.op._cast(convert), self.shape)

    def _transpose(self):
        return Corner(self.op.T, self.shape[::-1])

    def _conjugate(self):
        return Corner(self.op.conj(), self.shape)

    def _scaled(self, alpha):
        return Corner(self.op._scaled(alpha), self.shape)

    def plan(self):
        raise ValueError(
            f"{self!r} cannot be planned: plans are square; plan its attribute op, which takes vectors padded with "
            f"zeros to {self.op.shape[1]} and whose first {self.shape[0]} results are those of the corner"
        )

    def _details(self):
        return [f"corner of {self.op!r}"]


def assemble(found, shape):
    """The operator of a `Found`: the product of its factors, cut to the shape of the target."""
    from pyfly._operators import Product

    operator = found.factors[0] if len(found.factors) == 1 else Product(*found.factors)
    return operator if operator.shape == tuple(shape) else Corner(operator, shape)


def in_single(operator):
    """The operator in single precision."""
    return operator.astype(np.complex64 if operator.dtype.kind == "c" else np.float32)
