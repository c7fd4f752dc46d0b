"""Operators that change or combine shapes: rectangular matrices and sizes that are no power of two.

    Pad     y = (0, x, 0)            VStack  y = (A_1 x, A_2 x, ...)         BlockDiagonal  y = (A_1 x_1, A_2 x_2, ...)
    Trim    y = x[start : start+m]   HStack  y = A_1 x_1 + A_2 x_2 + ...     Sum            y = A_1 x + A_2 x + ...

Nothing is padded in silence elsewhere: a length that does not fit is an error, and these say how to make it fit. For
instance ``Trim(m, N) @ B @ Pad(N, n)`` is the top-left m x n corner of a butterfly matrix of size N.
"""

from __future__ import annotations

import operator

import numpy as np

from pyfly._base import Operator

__all__ = ["BlockDiagonal", "HStack", "Pad", "Sum", "Trim", "VStack"]


class Pad(Operator):
    """Zero padding, an m x n matrix of zeros and ones: ``y[before : before + n] = x``, zero elsewhere.

    Parameters
    ----------
    m, n : int
        Length of the result and of the data, m >= n >= 1.
    before : int
        Number of zeros in front.

    Raises
    ------
    TypeError
        A parameter is no integer.
    ValueError
        The data do not fit into the result.

    Notes
    -----
    One read and one write of the data; its transpose is `Trim`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.Pad(4, 2) @ np.array([5.0, 6.0])
    array([5., 6., 0., 0.])
    """

    _neutral = True
    _fields = ("m", "n", "before")

    def __init__(self, m, n, before=0):
        self.n, self.m, self.before = _window(n=n, m=m, before=before)
        super().__init__(np.float64, (self.m, self.n))

    n_parameters = 0

    def _act(self, x, op, axis, out=None):
        if op in ("T", "C"):
            return _take(x, axis, self.before, self.n)
        return _put(x, axis, self.before, self.m, out)

    def _cast(self, convert):
        return self

    def _transpose(self):
        return Trim(self.n, self.m, self.before)

    def _details(self):
        return [f"{self.before} zeros before, {self.m - self.n - self.before} after"]


class Trim(Operator):
    """A window of the data, an m x n matrix of zeros and ones: ``y = x[start : start + m]``.

    Parameters
    ----------
    m, n : int
        Length of the result and of the data, n >= m >= 1.
    start : int
        First entry kept.

    Raises
    ------
    TypeError
        A parameter is no integer.
    ValueError
        The window does not fit into the data.

    Notes
    -----
    One read and one write of the data; its transpose is `Pad`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.Trim(2, 4, 1) @ np.arange(4.0)
    array([1., 2.])
    """

    _neutral = True
    _fields = ("m", "n", "start")

    def __init__(self, m, n, start=0):
        self.m, self.n, self.start = _window(m=m, n=n, start=start)
        super().__init__(np.float64, (self.m, self.n))

    n_parameters = 0

    def _act(self, x, op, axis, out=None):
        if op in ("T", "C"):
            return _put(x, axis, self.start, self.n, out)
        return _take(x, axis, self.start, self.m)

    def _cast(self, convert):
        return self

    def _transpose(self):
        return Pad(self.n, self.m, self.start)

    def _details(self):
        return [f"entries {self.start} to {self.start + self.m - 1}"]


class _Several(Operator):
    """What the operators made of several have in common."""

    _fields = ("ops",)

    def __init__(self, ops, shape):
        self.ops = ops
        self._neutral = all(op._neutral and op.dtype.kind != "c" for op in ops)
        types = [op.dtype for op in ops if not op._neutral] or [np.dtype(np.float64)]
        types += [np.complex64 for op in ops if op.dtype.kind == "c"]
        super().__init__(np.result_type(*types), shape)

    @classmethod
    def _from_fields(cls, ops):
        return cls(*ops)

    @property
    def n_parameters(self):
        return sum(op.n_parameters for op in self.ops)

    def _has_complex(self):
        return any(op._has_complex() for op in self.ops)

    def _cast(self, convert):
        return type(self)(*[op._cast(convert) for op in self.ops])

    def _transpose(self):
        return type(self)(*[op.T for op in self.ops])

    def _conjugate(self):
        return type(self)(*[op.conj() for op in self.ops])

    def _scaled(self, alpha):
        return type(self)(*[op._scaled(alpha) for op in self.ops])

    def _details(self):
        names = [type(op).__name__ for op in self.ops]
        shown = ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])}, ... ({len(names)} operators)"
        return [shown, *super()._details()]

    def _spread(self, x, op, axis, out):
        """Every operator acts on the same x (or on its part of it); results stand one after the other."""
        shape = list(x.shape)
        flip = op in ("T", "C")
        shape[axis] = self.shape[1 if flip else 0]
        dtype = self._result_type(x.dtype)
        if out is None or np.may_share_memory(x, out):
            out = np.empty(shape, dtype)
        at = source = 0
        for part in self.ops:
            rows, columns = part.shape[::-1] if flip else part.shape
            given = _take(x, axis, source, columns) if isinstance(self, BlockDiagonal) else x
            target = _take(out, axis, at, rows)
            y = part._act(given, op, axis, target if part._result_type(x.dtype) == dtype else None)
            if y is not target:
                target[...] = y
            at, source = at + rows, source + columns
        return out

    def _gather(self, x, op, axis):
        """Every operator acts on its part of x (or on the whole); the results are added."""
        total, at = None, 0
        for part in self.ops:
            columns = part.shape[0 if op in ("T", "C") else 1]
            y = part._act(x if isinstance(self, Sum) else _take(x, axis, at, columns), op, axis)
            at += columns
            if total is None:
                total = np.array(y, dtype=self._result_type(x.dtype), copy=np.may_share_memory(x, y) or None)
            else:
                total += y
        return total


class VStack(_Several):
    """Operators one above the other: ``y = (A_1 x, A_2 x, ...)``.

    Parameters
    ----------
    *ops : Operator
        Of the same number of columns.

    Attributes
    ----------
    ops : tuple of Operator

    Raises
    ------
    TypeError
        An argument is no pyfly operator.
    ValueError
        No operator, or different numbers of columns.

    Notes
    -----
    Costs the sum of its operators. How the authors' library makes more outputs than inputs.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.VStack(pyfly.Permutation([1, 0]), pyfly.Diagonal([2.0, 2.0])) @ np.array([1.0, 5.0])
    array([ 5.,  1.,  2., 10.])
    """

    def __init__(self, *ops):
        columns = _same("columns", ops, 1)
        super().__init__(ops, (sum(op.shape[0] for op in ops), columns))

    def _act(self, x, op, axis, out=None):
        return self._gather(x, op, axis) if op in ("T", "C") else self._spread(x, op, axis, out)

    def _transpose(self):
        return HStack(*[op.T for op in self.ops])


class HStack(_Several):
    """Operators side by side: ``y = A_1 x_1 + A_2 x_2 + ...`` for the parts x_1, x_2, ... of x.

    Parameters
    ----------
    *ops : Operator
        Of the same number of rows.

    Attributes
    ----------
    ops : tuple of Operator

    Raises
    ------
    TypeError
        An argument is no pyfly operator.
    ValueError
        No operator, or different numbers of rows.

    Notes
    -----
    Costs the sum of its operators and of the additions.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.HStack(pyfly.Permutation([1, 0]), pyfly.Diagonal([2.0, 2.0])) @ np.array([1.0, 5.0, 10.0, 20.0])
    array([25., 41.])
    """

    def __init__(self, *ops):
        rows = _same("rows", ops, 0)
        super().__init__(ops, (rows, sum(op.shape[1] for op in ops)))

    def _act(self, x, op, axis, out=None):
        return self._spread(x, op, axis, out) if op in ("T", "C") else self._gather(x, op, axis)

    def _transpose(self):
        return VStack(*[op.T for op in self.ops])


class BlockDiagonal(_Several):
    """Operators along the diagonal: ``y = (A_1 x_1, A_2 x_2, ...)`` for the parts x_1, x_2, ... of x.

    Parameters
    ----------
    *ops : Operator
        Of any shapes.

    Attributes
    ----------
    ops : tuple of Operator

    Raises
    ------
    TypeError
        An argument is no pyfly operator.
    ValueError
        No operator.

    Notes
    -----
    Costs the sum of its operators.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.BlockDiagonal(pyfly.Permutation([1, 0]), pyfly.Diagonal([2.0])) @ np.array([1.0, 5.0, 10.0])
    array([ 5.,  1., 20.])
    """

    def __init__(self, *ops):
        _same("", ops, None)
        super().__init__(ops, tuple(sum(op.shape[k] for op in ops) for k in range(2)))

    def _act(self, x, op, axis, out=None):
        return self._spread(x, op, axis, out)

    def _inverse(self):
        return BlockDiagonal(*[op.inverse() for op in self.ops])


class Sum(_Several):
    """Sum of operators: ``y = A_1 x + A_2 x + ...``. ``A + B`` and ``A - B`` make it.

    Parameters
    ----------
    *ops : Operator
        Of one shape. Sums among them are flattened.

    Attributes
    ----------
    ops : tuple of Operator

    Raises
    ------
    TypeError
        An argument is no pyfly operator.
    ValueError
        No operator, or different shapes.

    Notes
    -----
    Costs the sum of its operators and of the additions.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> (pyfly.Permutation([1, 0]) + pyfly.Diagonal([2.0, 2.0])) @ np.array([1.0, 5.0])
    array([ 7., 11.])
    """

    def __init__(self, *ops):
        flat = []
        for op in ops:
            flat += op.ops if isinstance(op, Sum) else [op]
        _same("rows", flat, 0)
        _same("columns", flat, 1)
        super().__init__(tuple(flat), flat[0].shape)

    def _act(self, x, op, axis, out=None):
        return self._gather(x, op, axis)


def _same(what, ops, side):
    """Check that all are operators and return the number of rows or columns they share."""
    if not ops:
        raise ValueError("give at least one operator")
    for op in ops:
        if not isinstance(op, Operator):
            raise TypeError(f"{op!r} is no pyfly operator; only those can be combined")
        if side is not None and op.shape[side] != ops[0].shape[side]:
            raise ValueError(f"shapes {ops[0].shape} and {op.shape} differ in their {what}; pad or trim one of them")
    return ops[0].shape[side] if side is not None else None


def _window(**sizes):
    """Return the length of a window, of what it lies in, and where it starts, as integers that fit."""
    values = []
    for name, value in sizes.items():
        try:
            values.append(operator.index(value))
        except TypeError:
            raise TypeError(f"{name} = {value!r} must be an integer") from None
    small, large, start = values
    if small < 1 or start < 0 or start + small > large:
        given = ", ".join(f"{name} = {value}" for name, value in sizes.items())
        raise ValueError(f"{given}: a window of {small} entries from {start} on does not fit into {large}")
    return small, large, start


def _take(x, axis, start, length):
    return x[(slice(None),) * axis + (slice(start, start + length),)]


def _put(x, axis, start, length, out):
    shape = list(x.shape)
    shape[axis] = length
    if out is None or np.may_share_memory(x, out):
        out = np.zeros(shape, x.dtype)
    else:
        _take(out, axis, 0, start)[...] = 0
        _take(out, axis, start + x.shape[axis], length)[...] = 0
    _take(out, axis, start, x.shape[axis])[...] = x
    return out
