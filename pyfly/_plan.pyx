"""Plans: a chain of fixed factors packed once for many products, over libbutterfly's bfly_plan."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cimport numpy as cnp

from pyfly._core cimport raise_result
from pyfly.libbutterfly cimport *

import os

import numpy as np

from pyfly._arrays import as_axis, check_out
from pyfly._replace import replacing

cnp.import_array()

_KINDS = {"butterfly": BFLY_ITEM_BUTTERFLY, "permutation": BFLY_ITEM_PERMUTATION, "diagonal": BFLY_ITEM_DIAGONAL,
          "real_part": BFLY_ITEM_REAL_PART}
_OPS = {"N": BFLY_NO_TRANS, "T": BFLY_TRANS, "C": BFLY_CONJ_TRANS, "conj": BFLY_CONJ}
_TYPES = {"f": BFLY_S, "d": BFLY_D, "F": BFLY_C, "D": BFLY_Z}
_DTYPES = {code: np.dtype(char) for char, code in _TYPES.items()}
_SINGLE = {"f": "f", "d": "f", "F": "F", "D": "F"}
_DOUBLE = {"f": "d", "d": "d", "F": "D", "D": "D"}

# Numbers times passes between two looks for Ctrl-C, some 50 ms.
cdef enum:
    CHUNK = 1 << 26


cdef class Plan:
    """A square operator made ready for many products: its factors packed in the order in which they are read.

    A plan fuses what stands side by side: a permutation rides in the first pass over the data, diagonals are absorbed
    in the butterfly beside them, a butterfly is kept as ``D prod [[1, b], [c, 1]]`` with half the multiplications
    wherever that is safe.

    Parameters
    ----------
    operator : Operator
        A chain of square butterflies, permutations, diagonals and real parts, n a power of two.
    dtype : dtype, optional
        Type of the vectors that go in; the operator's own type by default (of a real part: real). Its precision is the
        plan's: factors are rounded to it.

    Attributes
    ----------
    shape : tuple of int
        (n, n)
    dtype_in, dtype_out : dtype
        Types of the vectors that go in and come out.

    Raises
    ------
    ValueError
        The operator is no such chain.
    TypeError
        `dtype` is none of float32, float64, complex64 and complex128.

    Notes
    -----
    Making one costs about as much as 30 products. A plan never changes: threads may share it. It keeps the instruction
    set that was in use when it was made. Results are those of the operator up to rounding; for vectors near the largest
    numbers see `info` ("growth"). `save` and `load` share files with C's `bfly_plan_load` and `bfly_plan_save`, and
    with C++ and Fortran.

    Examples
    --------
    >>> import numpy as np, pyfly
    >>> plan = pyfly.special.fft(8).plan()
    >>> bool(np.allclose(plan.apply(np.arange(8)), np.fft.fft(np.arange(8))))
    True
    >>> plan.info()["stages"]
    3
    """

    cdef bfly_plan *plan
    cdef readonly tuple shape
    cdef readonly object dtype_in, dtype_out
    cdef int64_t n
    cdef int64_t chunk
    cdef int type_in, type_out  # NumPy's numbers
    cdef int64_t size_in, size_out

    def __init__(self, operator, *, dtype=None):
        items = operator._items()
        if operator.shape[0] != operator.shape[1]:
            raise ValueError(f"operator has shape {operator.shape}; a plan needs a square one")
        precision = np.dtype(operator.dtype if dtype is None else dtype)
        if precision.char not in "fdFD":
            raise TypeError(f"dtype={precision} must be float32, float64, complex64 or complex128")
        ends_real = any(item.kind == "real_part" for item in items) and operator.dtype.kind == "f"
        if dtype is None and operator.dtype.kind == "f":
            kind_in = "f"
        else:
            kind_in = precision.kind
        narrow = _SINGLE if precision.char in "fF" else _DOUBLE
        complex_out = operator.dtype.kind == "c" or (kind_in == "c" and not ends_real)
        self._create(items, operator.shape[0], narrow["d" if kind_in == "f" else "D"],
                     narrow["D" if complex_out else "d"], narrow)
        self._describe()

    cdef _describe(self):
        """The attributes, from the plan itself."""
        cdef bfly_info info
        raise_result("plan_info", bfly_plan_info(self.plan, &info))
        self.n = info.n
        self.shape = (info.n, info.n)
        self.dtype_in, self.dtype_out = _DTYPES[info.type_in], _DTYPES[info.type_out]
        self.type_in, self.type_out = self.dtype_in.num, self.dtype_out.num
        self.size_in, self.size_out = self.dtype_in.itemsize, self.dtype_out.itemsize
        self.chunk = max(1, CHUNK // (self.n * (info.items + self.n.bit_length())))

    cdef _create(self, items, int64_t n, char_in, char_out, narrow):
        cdef bfly_item *c_items = <bfly_item *>malloc((len(items) + 1) * sizeof(bfly_item))
        cdef int result
        cdef size_t address
        if c_items == NULL:
            raise MemoryError("no memory for the items of a plan")
        memset(c_items, 0, (len(items) + 1) * sizeof(bfly_item))
        keep = []
        try:
            for i, item in enumerate(items):
                c_items[i].kind = _KINDS[item.kind]
                if item.data is None:
                    continue
                if item.kind == "permutation":
                    data = np.ascontiguousarray(item.data, dtype=np.int64)
                else:
                    data = np.ascontiguousarray(item.data, dtype=narrow[item.data.dtype.char])
                    c_items[i].type = _TYPES[data.dtype.char]
                keep.append(data)
                address = data.ctypes.data
                c_items[i].data = <const void *>address
                c_items[i].op = _OPS[item.op]
                c_items[i].order = BFLY_INCREASING if item.increasing_stride else BFLY_DECREASING
                c_items[i].form = BFLY_TIED if item.tied else BFLY_UNTIED
            result = bfly_plan_create(_TYPES[char_in], _TYPES[char_out], n, len(items), c_items, &self.plan)
        finally:
            free(c_items)
        raise_result("plan_create", result)

    def __dealloc__(self):
        bfly_plan_destroy(self.plan)

    def apply(self, x, *, axis=-1, out=None):
        """Multiply every vector along an axis.

        Parameters
        ----------
        x : array_like
            Vectors of length n along `axis`; converted to `dtype_in` where that is of the same kind.
        axis : int
            Axis of the vectors.
        out : ndarray, optional
            Receives the result; may be x itself when both types are the same.

        Returns
        -------
        ndarray of `dtype_out`
            Of x's shape.

        Raises
        ------
        TypeError
            x is complex where the plan takes real vectors, or is no array of numbers; `out` has an unfitting type.
        ValueError
            Another length along the axis; `out` of another shape or read-only.
        """
        if axis == -1 and self._takes(x, out):
            y = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), self.type_out, 0) if out is None else out
            self._run(cnp.PyArray_BYTES(x), 1, self.n, cnp.PyArray_BYTES(y), 1, self.n, cnp.PyArray_SIZE(x) // self.n)
            return y
        x = np.asarray(x)
        if not np.can_cast(x.dtype, self.dtype_in, "same_kind"):
            raise TypeError(f"x has dtype {x.dtype}; this plan takes {self.dtype_in}: give real vectors, or make a "
                            "plan with a complex dtype")
        axis = as_axis(axis, x.ndim)
        if x.shape[axis] != self.n:
            raise ValueError(f"x has length {x.shape[axis]} along axis {axis}; the plan is for vectors of {self.n}")
        if out is not None:
            check_out(out, x.shape, self.dtype_out)
            if np.may_share_memory(out, x) and not (
                    out.ctypes.data == x.ctypes.data and out.strides == x.strides and out.dtype == x.dtype):
                x = x.copy()
        rows = self._rows(np.moveaxis(x, axis, -1), self.dtype_in)
        direct = None
        if out is not None and out.dtype == self.dtype_out:
            direct = self._view(np.moveaxis(out, axis, -1))
        y = np.empty(rows.shape, self.dtype_out) if direct is None else direct
        self._execute(rows, y)
        if direct is not None:
            return out
        result = np.moveaxis(y.reshape(np.moveaxis(x, axis, -1).shape), -1, axis)
        if out is None:
            return result
        out[...] = result
        return out

    def _view(self, a):
        """The array as (count, n) with strides in whole numbers, without a copy, or None."""
        if a.ndim == 1:
            a = a[None]
        if a.ndim != 2:
            flat = a.reshape(-1, self.n) if a.flags.c_contiguous else None
            a = flat
        if a is None or not a.flags.aligned or not a.dtype.isnative or any(s % a.itemsize for s in a.strides):
            return None
        return a

    def _rows(self, a, dtype):
        view = self._view(a) if a.dtype == dtype else None
        return np.ascontiguousarray(a, dtype=dtype).reshape(-1, self.n) if view is None else view

    cdef bint _takes(self, x, out):
        """Plain arrays of the right types without overlap, which need none of the conversions (10 us a call)."""
        cdef size_t px, py
        if not cnp.PyArray_CheckExact(x) or cnp.PyArray_TYPE(x) != self.type_in or not cnp.PyArray_ISCARRAY_RO(x):
            return False
        cdef int d, nd = cnp.PyArray_NDIM(x)
        if nd == 0 or cnp.PyArray_DIM(x, nd - 1) != self.n:
            return False
        if out is None:
            return True
        if (not cnp.PyArray_CheckExact(out) or cnp.PyArray_TYPE(out) != self.type_out
                or not cnp.PyArray_ISCARRAY(out) or cnp.PyArray_NDIM(out) != nd):
            return False
        for d in range(nd):
            if cnp.PyArray_DIM(out, d) != cnp.PyArray_DIM(x, d):
                return False
        px, py = <size_t>cnp.PyArray_DATA(x), <size_t>cnp.PyArray_DATA(out)
        return ((px == py and self.type_in == self.type_out) or px + <size_t>cnp.PyArray_NBYTES(x) <= py
                or py + <size_t>cnp.PyArray_NBYTES(out) <= px)

    cdef _execute(self, cnp.ndarray x, cnp.ndarray y):
        cdef int64_t sx = cnp.PyArray_ITEMSIZE(x), sy = cnp.PyArray_ITEMSIZE(y)
        self._run(cnp.PyArray_BYTES(x), x.strides[1] // sx, x.strides[0] // sx, cnp.PyArray_BYTES(y),
                  y.strides[1] // sy, y.strides[0] // sy, x.shape[0])

    cdef int _run(self, char *x, int64_t incx, int64_t distx, char *y, int64_t incy, int64_t disty,
                  int64_t count) except -1:
        """In pieces of some 50 ms, between which Ctrl-C is answered."""
        cdef int64_t first = 0, some
        cdef const bfly_plan *plan = self.plan
        cdef int result
        while first < count:
            some = min(self.chunk, count - first)
            with nogil:
                result = bfly_plan_execute(plan, some, x, incx, distx, y, incy, disty)
            x += some * distx * self.size_in
            y += some * disty * self.size_out
            raise_result("plan_execute", result)
            first += some
            if first < count:
                PyErr_CheckSignals()
        return 0

    def info(self):
        """What the plan is: a dict of sizes, stages by form, cost and error bound.

        Returns
        -------
        dict
            n, items, dtype_in, dtype_out; bytes of packed numbers; passes over the data; stages, and how many of them
            are reduced, fallback (kept at four numbers because reducing them was not safe), hadamard (additions only)
            and fft (``[[1, w], [1, -w]]``, one number a pair, as in every factorization of a discrete Fourier transform
            between two diagonals); flops a vector; growth of intermediate results over the plain product's; error, the
            factor of ``eps |S_L| ... |S_1| |x|`` that bounds the error; isa.
        """
        cdef bfly_info info
        raise_result("plan_info", bfly_plan_info(self.plan, &info))
        return {
            "n": info.n,
            "items": info.items,
            "dtype_in": str(self.dtype_in),
            "dtype_out": str(self.dtype_out),
            "bytes": info.bytes,
            "passes": info.passes,
            "stages": info.stages,
            "reduced_stages": info.reduced_stages,
            "fallback_stages": info.fallback_stages,
            "hadamard_stages": info.hadamard_stages,
            "fft_stages": info.fft_stages,
            "flops": info.flops,
            "growth": info.growth,
            "error": info.error,
            "isa": info.isa.decode(),
        }

    def tobytes(self):
        """The plan as bytes that `bfly_plan_from_memory` and, from a file, `bfly_plan_load` read: unreduced factors in
        little endian with a checksum, the same on every machine.

        Examples
        --------
        >>> import pyfly
        >>> pyfly.special.fft(8).plan().tobytes()[:8]
        b'BFLYPLAN'
        """
        cdef bfly_int size = 0
        raise_result("plan_to_memory", bfly_plan_to_memory(self.plan, NULL, 0, &size))
        data = bytearray(size)
        cdef unsigned char[::1] view = data
        raise_result("plan_to_memory", bfly_plan_to_memory(self.plan, &view[0], size, &size))
        return bytes(data)

    @classmethod
    def frombytes(cls, data):
        """The plan that `tobytes`, or C's `bfly_plan_to_memory`, wrote.

        Parameters
        ----------
        data : bytes-like
            All of it and no more; packed again for the instruction set in use.

        Returns
        -------
        Plan

        Raises
        ------
        ValueError
            The bytes are damaged, cut short, no plan at all, or of another version of the format.
        TypeError
            `data` is not bytes-like.

        Examples
        --------
        >>> import numpy as np, pyfly
        >>> plan = pyfly.Plan.frombytes(pyfly.special.fft(8).plan().tobytes())
        >>> bool(np.allclose(plan.apply(np.arange(8)), np.fft.fft(np.arange(8))))
        True
        """
        return _from_bytes(data, "data")

    def save(self, path):
        """Write the plan to a file that `load` and C's `bfly_plan_load` read.

        Parameters
        ----------
        path : str or os.PathLike
            Written under a temporary name and moved.

        Raises
        ------
        OSError
            The file cannot be written; one that was there is as it was.
        """
        data = self.tobytes()
        with replacing(path) as temporary, open(temporary, "wb") as file:
            file.write(data)

    @classmethod
    def load(cls, path):
        """The plan in a file of `save`, of `Factorization.save_plan`, or of C's `bfly_plan_save`.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        Plan

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is damaged, cut short, no plan at all, or of another version of the format.

        Examples
        --------
        >>> import os, tempfile
        >>> import pyfly
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "dct.plan")
        ...     pyfly.special.dct(16).plan().save(path)
        ...     pyfly.Plan.load(path)
        <16x16 Plan: float64 to float64>
        """
        with open(path, "rb") as file:
            data = file.read()
        return _from_bytes(data, os.fspath(path))

    def __reduce__(self):
        return Plan.frombytes, (self.tobytes(),)

    def __repr__(self):
        return f"<{self.n}x{self.n} Plan: {self.dtype_in} to {self.dtype_out}>"


def _from_bytes(data, source):
    """source: what an error names"""
    cdef const unsigned char[::1] view = memoryview(data).cast("B")
    cdef Plan made = Plan.__new__(Plan)
    cdef const void *p = &view[0] if view.shape[0] else <const void *>b""
    cdef bfly_int size = view.shape[0]
    cdef int result
    with nogil:
        result = bfly_plan_from_memory(p, size, &made.plan)
    if result == BFLY_EVERSION:
        raise ValueError(f"{source} is a plan of another version of the format than this library reads: write it again "
                         "with Plan.save or bfly_plan_save of this version")
    if result == BFLY_EFORMAT:
        raise ValueError(f"{source}: its {size} bytes are not a whole, undamaged plan, as Plan.save and bfly_plan_save "
                         "write one")
    raise_result("plan_from_memory", result)
    made._describe()
    return made
