"""What `learn` returns: a fast operator, how well it represents the target, and how it was found.

T  ~  operator = factors[0] @ factors[1] @ ...        relative_error = ||T - operator||_F / ||T||_F
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pyfly._learn._words import in_words

if TYPE_CHECKING:
    from pyfly._operators import Operator

# Rows of the model formed at a time, in bytes: the error needs no second matrix of the target's size.
_SLAB_BYTES = 1 << 20


@dataclass
class Alternative:
    """Another compressed form of the same target with the same number of parameters.

    Attributes
    ----------
    name : str
        ``"low rank"``, ``"sparse"``, ``"sparse + low rank"``, ``"(BP)^2"``, ...
    relative_error : float
    n_parameters : int
        Numbers kept (values only for sparse forms, whose positions come on top).
    """

    name: str
    relative_error: float
    n_parameters: int


@dataclass(repr=False)
class Factorization:
    """A matrix as a product of butterfly matrices and permutations.

    Attributes
    ----------
    operator : Operator
        The product, a SciPy LinearOperator on the fast kernels: ``operator @ x``, ``operator.apply(x)``.
    model : str
        Class in the notation of arXiv:1903.05895: ``"BP"``, ``"(BP)^T"``, ``"Re(BPP)"``, ``"BPBP"``, ``"(BP)^2_2"``
        (a product of two, at twice the size); D and P are a diagonal and a permutation matrix.
    relative_error : float
        ``||T - model||_F / ||T||_F``, computed in float64 from the operator itself.
    rmse : float
        ``||T - model||_F / sqrt(m n)`` for an m x n target.
    converged : bool
        Whether the relative error is at most `tol`.
    tol : float
    n_parameters : int
        Numbers stored in the factors, permutations not counted; a complex number counts once.
    tied : bool
        Whether the butterfly factors are tied, 4 (n - 1) numbers each.
    permutation : ndarray of int64 or None
        Gather indices of the first permutation among the factors; `permutation_in_words` names it.
    history : list of float
        Relative error as the search went: per level (peel), per evaluation (gradient).
    seconds : float
        Wall time of the search, check of the error included.
    method : str
        How the factors were found: ``"peel"``, ``"auto"`` (other algebra), ``"fit"`` (no exact form), ``"gradient"``.
    note : str
        A sentence on it.
    alternatives : list of Alternative
        For a target without an exact form: what else the same number of parameters can do, best first; for a real
        target the same number of real ones, of which complex factors hold two a parameter.
    shape : tuple of int
        Shape of the target.
    norm : float
        Frobenius norm of the target.
    """

    operator: Operator
    model: str
    relative_error: float
    rmse: float
    converged: bool
    n_parameters: int
    tied: bool
    permutation: np.ndarray | None
    history: list[float]
    seconds: float
    tol: float
    method: str = "auto"
    note: str = ""
    alternatives: list[Alternative] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)
    norm: float = 0.0

    @property
    def permutation_in_words(self):
        """The permutation named: ``"bit reversal"``, ``"even/odd at levels 8, 4"``, ``"arbitrary"``."""
        return in_words(self.permutation)

    @property
    def counts(self):
        """Numbers stored with tied and with untied factors: a dict, ``"tied"`` is None if they are not."""
        tied = untied = 0
        for factor in elementary(self.operator):
            twiddle = getattr(factor, "twiddle", None)
            if twiddle is None:
                size = _numbers(factor)
                tied, untied = tied + size, untied + size
            else:
                n = factor.shape[-1]
                tied += 4 * (n - 1)
                untied += 2 * n * (n.bit_length() - 1)
        return {"tied": tied if self.tied else None, "untied": untied}

    @property
    def winner(self):
        """Name of the best form at this number of parameters: the model, or one of the alternatives."""
        best = min(self.alternatives, key=lambda other: max(other.relative_error, 1e-12), default=None)
        return self.model if best is None or self.relative_error <= best.relative_error else best.name

    def verify(self, target):
        """Recompute the relative error against a target, from the operator as it is.

        Parameters
        ----------
        target : array_like, shape (m, n)

        Returns
        -------
        float
            ``||target - operator||_F / ||target||_F``.

        Raises
        ------
        ValueError
            The shape is not the operator's, or the target is zero.

        Examples
        --------
        >>> import pyfly, tempfile, os
        >>> target = pyfly.targets.dft(16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "dft.npz")
        ...     pyfly.learn(target).save(path)
        ...     bool(pyfly.load(path).verify(target) < 1e-14)
        True
        """
        target = np.asarray(target)
        if target.shape != tuple(self.operator.shape):
            raise ValueError(
                f"target of shape {target.shape}: the operator is {self.operator.shape}; give the matrix it stands for"
            )
        scale = magnitude(target)
        if not scale > 0:
            raise ValueError("target is zero or not finite: it has no relative error")
        return distance(self.operator, target, scale) / norm(target, scale)

    def residual_by_block(self, target, blocks=8):
        """Relative error of each block of the matrix, on a grid of blocks x blocks.

        Parameters
        ----------
        target : array_like, shape (m, n)
        blocks : int
            Blocks along each axis, at most the sides of the target.

        Returns
        -------
        ndarray of float64, shape (blocks, blocks)
            Root mean square of the difference in each block over that of the whole target.

        Raises
        ------
        ValueError
            The shape is not the operator's, or there are more blocks than rows or columns.
        """
        target = np.asarray(target)
        m, n = self.operator.shape
        if target.shape != (m, n):
            raise ValueError(f"target of shape {target.shape}: the operator is {(m, n)}; give the matrix it stands for")
        if not 1 <= blocks <= min(m, n):
            raise ValueError(f"blocks = {blocks}: choose 1 to {min(m, n)}")
        scale = magnitude(target)
        squares = np.zeros((m, n))
        for part_rows, part in slabs(self.operator):
            squares[part_rows] = np.abs(part / scale - target[part_rows] / scale) ** 2
        rows, columns = (np.linspace(0, size, blocks + 1).astype(int) for size in (m, n))
        sums = np.add.reduceat(np.add.reduceat(squares, rows[:-1], 0), columns[:-1], 1)
        mean = sums / np.outer(np.diff(rows), np.diff(columns))
        return np.sqrt(mean) / (norm(target, scale) / np.sqrt(m * n))

    def save(self, path):
        """Write the operator and everything known about it to an ``.npz`` file without pickle.

        Parameters
        ----------
        path : str or os.PathLike
            The file is written under a temporary name and moved.

        See Also
        --------
        pyfly.load : reads it back.
        """
        from pyfly._files import save_operator

        save_operator(path, self.operator, self._metadata())

    def save_plan(self, path):
        """Write the plan of the operator, which a C program loads and executes.

        Parameters
        ----------
        path : str or os.PathLike

        See Also
        --------
        pyfly.Plan.load : reads it in Python.

        Notes
        -----
        Plans are square. Where the m x n target is the corner of a larger product (Toeplitz, sizes that are no power
        of two), the file holds the whole product, of size N: give it vectors of N numbers, zeros from the n-th on, and
        take the first m of its results. N is the plan's size (`bfly_plan_info` in C, ``shape`` in Python).

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np, pyfly
        >>> target = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0])[np.arange(3)[:, None] - np.arange(5) + 4]  # Toeplitz
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "toeplitz.plan")
        ...     pyfly.learn(target).save_plan(path)
        ...     plan = pyfly.Plan.load(path)
        >>> plan.shape
        (8, 8)
        >>> x = np.arange(5.0)
        >>> bool(np.allclose(plan.apply(np.pad(x, (0, 3)))[:3], target @ x))
        True
        """
        from pyfly._learn._corner import Corner

        whole = self.operator.op if isinstance(self.operator, Corner) else self.operator
        whole.plan().save(path)

    def summary(self):
        """Say in words what was found.

        Returns
        -------
        str
            Several lines: class, permutation, error, numbers kept out of m n, how it was found, what else was tried.
        """
        m, n = self.shape
        counts = self.counts
        lines = [
            f"{m} x {n} matrix {'=' if self.converged else '~'} {self.model}"
            + ("" if self.converged else f"  (no exact form of this kind was found; tolerance {self.tol:.0e})"),
            f"  permutation      {self.permutation_in_words}",
            f"  relative error   {self.relative_error:.2e}   (RMSE {self.rmse:.2e})",
            f"  numbers kept     {self.n_parameters} of {m * n}"
            + (f"   (tied; untied {counts['untied']})" if self.tied else ""),
            f"  found by         {self.method} in {self.seconds:.3g} s",
        ]
        if self.note:
            lines.append(f"  {self.note}")
        if self.alternatives:
            lines.append("  other forms with as many numbers:")
            lines += [f"    {other.name:18} {other.relative_error:.3e}" for other in self.alternatives]
            lines.append(f"  best of all: {self.winner}")
        return "\n".join(lines)

    def __repr__(self):
        m, n = self.shape
        return (
            f"<Factorization of a {m} x {n} matrix: {self.model}, permutation {self.permutation_in_words}, relative "
            f"error {self.relative_error:.2e}, {self.n_parameters} numbers>"
        )

    def _metadata(self):
        plain = ("model", "relative_error", "rmse", "converged", "n_parameters", "tied", "history", "seconds", "tol")
        data = {name: getattr(self, name) for name in (*plain, "method", "note", "norm")}
        data["shape"] = list(self.shape)
        data["permutation"] = None if self.permutation is None else [int(i) for i in self.permutation]
        data["alternatives"] = [[a.name, a.relative_error, a.n_parameters] for a in self.alternatives]
        return data


def load(path):
    """Read a factorization written by `Factorization.save`.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    Factorization

    Raises
    ------
    ValueError
        The file is damaged or no such file.
    OSError
        It cannot be read.
    """
    from pyfly._files import load_operator
    from pyfly._learn import _corner  # noqa: F401 - a class that files may hold

    operator, data = load_operator(path)
    try:
        perm = data.get("permutation")
        return Factorization(
            operator=operator,
            model=str(data["model"]),
            relative_error=float(data["relative_error"]),
            rmse=float(data["rmse"]),
            converged=bool(data["converged"]),
            n_parameters=int(data["n_parameters"]),
            tied=bool(data["tied"]),
            permutation=None if perm is None else np.array(perm, dtype=np.int64),
            history=[float(value) for value in data["history"]],
            seconds=float(data["seconds"]),
            tol=float(data["tol"]),
            method=str(data["method"]),
            note=str(data["note"]),
            alternatives=[Alternative(str(a), float(b), int(c)) for a, b, c in data["alternatives"]],
            shape=tuple(int(size) for size in data["shape"]),
            norm=float(data["norm"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds an operator but no factorization ({error!r}); save one with .save") from None


def magnitude(target):
    """A power of two of the order of the largest entry; 0 for a zero matrix, NaN where it is not finite."""
    if target.size == 0:
        return 0.0
    parts = [target.real, target.imag] if np.iscomplexobj(target) else [target]
    low, high = min(float(part.min()) for part in parts), max(float(part.max()) for part in parts)
    top = max(-low, high)
    if not np.isfinite(top) or not np.isfinite(low + high):
        return float("nan")
    # beyond 2^1023 there is no power of two, below the normal numbers its reciprocal overflows
    return 2.0 ** min(max(int(np.frexp(top)[1]), -1020), 1023) if top else 0.0


def norm(target, scale):
    """Frobenius norm over ``scale``, in float64."""
    total = 0.0
    for rows in _row_slabs(target.T if target.T.flags.c_contiguous else target):
        part = np.asarray(rows, dtype=np.complex128 if np.iscomplexobj(rows) else np.float64) / scale
        total += square(part)
    return float(np.sqrt(total))


def square(x):
    """Sum of squares, without BLAS: its threads and those of the kernels would wait for each other."""
    flat = np.ascontiguousarray(x).ravel().view(np.float64)
    return float(np.einsum("i,i->", flat, flat))


def distance(operator, target, scale):
    """Frobenius norm of ``(target - operator) / scale`` in float64, a slab of rows at a time."""
    # squares of numbers of this size neither overflow nor vanish
    moderate = 1e-140 < scale < 1e140
    total = 0.0
    for rows, part in slabs(operator):
        if moderate:
            part = np.subtract(part, target[rows], out=part if part.dtype == target.dtype else None)
        else:
            part = part / scale - target[rows] / scale
        total += square(part)
    return float(np.sqrt(total)) / (scale if moderate else 1.0)


def slabs(operator):
    """Rows of the operator's matrix: pairs (slice, array in float64 or complex128, to be overwritten)."""
    m, n = operator.shape
    double = np.complex128 if np.issubdtype(operator.dtype, np.complexfloating) else np.float64
    turned = operator.T
    height = max(1, min(m, _SLAB_BYTES // (16 * max(m, n))))
    for start in range(0, m, height):
        stop = min(start + height, m)
        unit = np.zeros((stop - start, m), np.float32 if operator.dtype.char in "fF" else np.float64)
        unit[np.arange(stop - start), np.arange(start, stop)] = 1
        yield slice(start, stop), np.array(turned.apply(unit), dtype=double, copy=None)


def _row_slabs(target):
    step = max(1, _SLAB_BYTES // (16 * max(1, target.shape[1])))
    for start in range(0, len(target), step):
        yield target[start : start + step]


def elementary(operator):
    """Factors of a product, of a real part, of a corner, down to the elementary ones."""
    for name in ("factors", "op"):
        inner = getattr(operator, name, None)
        if isinstance(inner, (tuple, list)):
            for factor in inner:
                yield from elementary(factor)
            return
        if hasattr(inner, "shape") and hasattr(inner, "apply"):
            yield from elementary(inner)
            return
    yield operator


def _numbers(factor):
    return int(getattr(factor, "n_parameters", 0))
