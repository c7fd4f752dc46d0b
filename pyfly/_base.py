"""The base of all operators: what an m x n matrix A can do when only its fast product is known.

    A.apply(x)     vectors along one axis of any array              A @ X         columns, as a matrix
    A.T A.H        transpose, adjoint                               A @ B, 2 * A, A ** 3, A.inverse()

A class supplies one method, ``_act(x, op, axis, out)``, for all four of BLAS's op; the base does the checks, the
precision and SciPy's interface. The precision of a product is the data's, as in `scipy.fft`: single precision data
meet factors that were rounded to single once, and stay single.
"""

from __future__ import annotations

import operator
from types import ModuleType
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator

from pyfly._arrays import COMPLEX, SINGLE, TYPES, as_axis, as_data, as_scalar, check_out, to_double, to_single


class Item(NamedTuple):
    """One link of the chain that a plan is made of.

    Attributes
    ----------
    kind : {"butterfly", "permutation", "diagonal", "real_part"}
    data : ndarray or None
        Twiddle, gather indices, diagonal; None for the real part.
    op : {"N", "T", "C", "conj"}
    increasing_stride, tied : bool
        Of a butterfly.
    """

    kind: str
    data: np.ndarray | None = None
    op: str = "N"
    increasing_stride: bool = True
    tied: bool = False


class Operator(LinearOperator):
    """Base class of pyfly's operators: an m x n matrix that is known by its fast product.

    Every operator is a `scipy.sparse.linalg.LinearOperator`. Operators do not change once made, and their arrays are
    read-only.

    Attributes
    ----------
    shape : tuple of int
        (m, n)
    dtype : dtype
        float32, float64, complex64 or complex128: the type of the matrix.
    n_parameters : int
        Numbers that the operator stores, a complex one counted once, indices not counted.

    See Also
    --------
    Butterfly, Permutation, Diagonal, Product, RealPart, Scaled
    """

    # A matrix of zeros and ones alone: products with others keep the others' type.
    _neutral = False
    # Names of the attributes, and arguments, that make up an operator.
    _fields = ()

    def __init__(self, dtype, shape):
        super().__init__(np.dtype(dtype), shape)

    @classmethod
    def _from_fields(cls, **fields):
        return cls(**fields)

    # ---- what a class supplies ---------------------------------------------------------------------------------------

    def _act(self, x, op, axis, out=None):
        """Return op(A) x along an axis of an array of floats; `out`, if given, may be used for the result."""
        raise NotImplementedError

    def _cast(self, convert):
        """Return the operator with `convert` applied to every array of numbers."""
        raise NotImplementedError

    def _transpose(self):
        raise NotImplementedError

    def _conjugate(self):
        raise NotImplementedError

    def _inverse(self):
        raise ValueError(f"{self!r} has no inverse that is known to be fast; solve with scipy.sparse.linalg.lsqr")

    def _scaled(self, alpha):
        from pyfly._operators import Scaled

        return Scaled(self, alpha)

    def _items(self):
        """Chain of `Item` for a plan, the first applied first."""
        raise ValueError(
            f"{self!r} cannot be planned: a plan is a chain of square butterflies, permutations, diagonals and real "
            "parts; plan its square factors"
        )

    @property
    def n_parameters(self):
        raise NotImplementedError

    # ---- products ----------------------------------------------------------------------------------------------------

    def apply(self, x, *, axis=-1, out=None):
        """Multiply every vector along an axis: ``y = A x``.

        Parameters
        ----------
        x : array_like, shape (..., n, ...)
            Vectors along `axis`; integers and half precision are promoted.
        axis : int
            Axis of the vectors, the last one by default.
        out : ndarray, optional
            Where to write the result; of the shape of the result. It may be x itself.

        Returns
        -------
        ndarray, shape (..., m, ...)
            Of the precision of x, complex if the operator or x is.

        Raises
        ------
        TypeError
            Of x or out: no numeric array, or long double.
        ValueError
            x is not of length n along the axis, or out has another shape or is read-only.

        Examples
        --------
        >>> import numpy as np
        >>> import pyfly
        >>> pyfly.Diagonal([1.0, 2.0, 3.0]).apply(np.ones((2, 3)))
        array([[1., 2., 3.],
               [1., 2., 3.]])
        """
        return self._run(x, "N", axis, out)

    def _run(self, x, op, axis=-1, out=None):
        """Check the data, choose the precision, multiply."""
        if hasattr(x, "__dask_graph__"):
            return self._run_dask(x, op, axis, out)
        x = as_data(x, self.dtype)
        axis = as_axis(axis, x.ndim)
        rows, columns = self.shape if op in ("N", "conj") else self.shape[::-1]
        if x.shape[axis] != columns:
            raise ValueError(
                f"x has length {x.shape[axis]} along axis {axis}, but the operator of shape {self.shape} needs "
                f"{columns} there; pad or trim x, or name another axis"
            )
        fast = self._at(x.dtype)
        if out is None:
            y = fast._act(x, op, axis)
            return y.copy() if np.may_share_memory(x, y) else y
        shape = x.shape[:axis] + (rows,) + x.shape[axis + 1 :]
        dtype = fast._result_type(x.dtype)
        check_out(out, shape, dtype)
        y = fast._act(x, op, axis, out) if out.dtype == dtype else fast._act(x, op, axis)
        if y is not out:
            out[...] = y
        return out

    def _run_dask(self, x, op, axis, out):
        import dask.array as da

        if out is not None:
            raise TypeError("out cannot be used with a Dask array x; assign the result instead")
        axis = as_axis(axis, x.ndim)
        rows = self.shape[0 if op in ("N", "conj") else 1]
        data = as_data(np.empty(0, x.dtype), self.dtype).dtype
        dtype = self._at(data)._result_type(data)
        moved = da.moveaxis(x, axis, -1)
        y = da.apply_gufunc(
            lambda block: self._run(block, op), "(n)->(m)", moved, output_sizes={"m": rows}, output_dtypes=dtype
        )
        return da.moveaxis(y, -1, axis)

    def todense(self):
        """Return the matrix as an ndarray of shape (m, n) and the operator's dtype.

        Costs the product of m vectors.

        Examples
        --------
        >>> import pyfly
        >>> pyfly.Permutation([1, 2, 0]).todense()
        array([[0., 1., 0.],
               [0., 0., 1.],
               [1., 0., 0.]])
        """
        return self._run(np.eye(self.shape[0], dtype=self.dtype), "T")

    def plan(self):
        """Return a `Plan`: the factors packed once for many products.

        Returns
        -------
        pyfly.Plan

        Raises
        ------
        ValueError
            The operator is no chain of square butterflies, permutations, diagonals and real parts.
        """
        from pyfly._plan import Plan

        return Plan(self)

    # ---- algebra -----------------------------------------------------------------------------------------------------

    def conj(self):
        """Return the operator of the complex conjugate of the matrix."""
        return self._conjugate() if self._has_complex() else self

    conjugate = conj

    def _has_complex(self):
        return self.dtype.kind == "c"

    def _adjoint(self):
        return self._transpose().conj()

    @property
    def real(self):
        """The operator of the real part of the matrix."""
        from pyfly._operators import RealPart

        return RealPart(self) if self.dtype.kind == "c" else self

    def inverse(self):
        """Return the operator of the inverse matrix, factor by factor.

        Raises
        ------
        ValueError
            The matrix is not square, is singular, or has no inverse that is known to be fast.

        Notes
        -----
        Butterfly factors are inverted block by block and stay butterfly factors: the cost of a product stays the same.

        Examples
        --------
        >>> import pyfly
        >>> pyfly.Diagonal([2.0, 4.0]).inverse().d
        array([0.5 , 0.25])
        """
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"{self!r} is not square: it has no inverse; solve with scipy.sparse.linalg.lsqr")
        return self._inverse()

    def astype(self, dtype):
        """Return the operator with its numbers converted to another type.

        Parameters
        ----------
        dtype : {float32, float64, complex64, complex128}

        Raises
        ------
        TypeError
            Another type, or a real one for a complex operator.

        Examples
        --------
        >>> import pyfly
        >>> pyfly.Diagonal([1.0, 2.0]).astype("complex64").dtype
        dtype('complex64')
        """
        dtype = np.dtype(dtype)
        if dtype not in TYPES:
            raise TypeError(f"dtype = {dtype}: operators are float32, float64, complex64 or complex128")
        if self.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError(f"dtype = {dtype}: the operator is {self.dtype}; take its real part with .real")
        if dtype == self.dtype:
            return self
        cast = self._cast(lambda a: a.astype(dtype))
        if cast.dtype == dtype or self._neutral:
            return cast
        from pyfly._operators import Diagonal, Product

        return Product(Diagonal(np.ones(self.shape[0], dtype)), cast)

    def _at(self, data):
        """Return the operator in the precision of a data type, real or complex as it is; the twin is kept."""
        if self._neutral or (self.dtype in SINGLE) == (data in SINGLE):
            return self
        twin = self.__dict__.get("_twin")
        if twin is None:
            twin = self._twin = self._cast(to_single if data in SINGLE else to_double)
        return twin

    def _result_type(self, data):
        """Type of the product with data of a type, for an operator of the same or lower precision."""
        return COMPLEX[data] if self.dtype.kind == "c" else data

    def __getstate__(self):
        # neither caches nor what SciPy keeps for itself (from 1.18 on a module, which cannot be pickled)
        own = {name: value for name, value in self.__dict__.items() if name not in ("_twin", "_backward")}
        return {name: value for name, value in own.items() if not isinstance(value, ModuleType)}

    def __setstate__(self, state):
        super().__init__(state["dtype"], state["shape"])
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)

    # ---- SciPy's interface -------------------------------------------------------------------------------------------

    def _matvec(self, x):
        return self._run(x, "N", 0)

    def _matmat(self, x):
        return self._run(x, "N", 0)

    def _rmatvec(self, x):
        return self._run(x, "C", 0)

    def _rmatmat(self, x):
        return self._run(x, "C", 0)

    def dot(self, x):
        """``A @ x``: another operator (composes), an array of columns (..., n, k), a vector, or a number (scales)."""
        if isinstance(x, Operator):
            from pyfly._operators import Product

            return Product(self, x)
        if np.isscalar(x):
            return self._scaled(as_scalar(x))
        if isinstance(x, np.ndarray) and not isinstance(x, np.matrix) and x.ndim > 0:
            return self._run(x, "N", -2 if x.ndim > 1 else 0)
        return super().dot(x)

    def _rdot(self, x):
        if isinstance(x, np.ndarray) and not isinstance(x, np.matrix) and x.ndim > 0:
            return self._run(x, "T", -1)
        return super()._rdot(x)

    def __rmul__(self, x):
        return self._scaled(as_scalar(x)) if np.isscalar(x) else self._rdot(x)

    def __truediv__(self, other):
        return self._scaled(1 / as_scalar(other)) if np.isscalar(other) else super().__truediv__(other)

    def __neg__(self):
        return self._scaled(-1.0)

    def __add__(self, other):
        if not isinstance(other, Operator):
            return super().__add__(other)
        from pyfly._shapes import Sum

        return Sum(self, other)

    def __pow__(self, p):
        try:
            p = operator.index(p)
        except TypeError:
            raise TypeError(f"exponent {p!r}: an operator can be raised to integer powers only") from None
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"{self!r} is not square: it has no powers; multiply by its transpose first")
        return self._power(p) if p >= 0 else self.inverse()._power(-p)

    def _power(self, p):
        from pyfly._operators import Diagonal, Product

        return Product(*[self] * p) if p else Diagonal(np.ones(self.shape[0], self.dtype))

    def __repr__(self):
        details = ", ".join([str(self.dtype), *self._details()])
        return f"<{self.shape[0]}x{self.shape[1]} {type(self).__name__}: {details}>"

    def _details(self):
        return [f"{self.n_parameters} parameters"]
