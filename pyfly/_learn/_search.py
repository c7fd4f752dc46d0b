"""From the target to the best product: scaling and size before the search, precision and scale after it.

T = s W, s a power of two, entries of W of the order of 1        found: W ~ A_1 A_2 ... ; returned: (s A_1) A_2 ...
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from pyfly._config import get_num_threads, num_threads
from pyfly._learn._auto import auto, auto_any_shape
from pyfly._learn._baselines import alternatives
from pyfly._learn._classes import closest, factors_of, fits, real_part_of, widened
from pyfly._learn._compress import compress
from pyfly._learn._corner import assemble, in_single
from pyfly._learn._factorization import elementary
from pyfly._operators import Scaled
from pyfly._scans import rowwise

# One that may be the chance of a form that is not meant.
_CHANCE = 0.03
# Largest size at which one factor is fitted: peeled off, it is a few per cent from the optimum.
_FITTED = 256
# Largest size at which the algebraic search keeps the kernels to one thread.
_SERIAL = 2048


@dataclass
class Outcome:
    """The best product, ready for the user.

    Attributes
    ----------
    operator : Operator
    model, permutation, tied, history, note
        As in `Found`.
    method : str
        Name of the search that found it.
    alternatives : list of Alternative
    measured : float or None
        Relative error of exactly this operator, if it is known already.
    """

    operator: object
    model: str
    permutation: np.ndarray | None
    tied: bool
    history: list[float]
    note: str
    method: str
    alternatives: list = field(default_factory=list)
    measured: float | None = None


# Forms that do not fit may leave the range of floating point: what becomes of them is measured.
@np.errstate(all="ignore")
def search(matrix, scale, *, method, model, tol, tied, max_depth, expansion, seed, progress, options):
    """Search with W = matrix / scale in double precision, and bring the result back to the target's scale and type.

    Parameters
    ----------
    matrix : ndarray of float32, float64, complex64 or complex128, shape (m, n)
    scale : float
        Power of two of the order of its largest entry.
    method, model, tol, tied, max_depth, expansion, seed, progress
        As in `learn`.
    options : dict
        Further arguments of the gradient search.

    Returns
    -------
    Outcome
    """
    m, n = matrix.shape
    size = expansion * (1 << (max(m, n) - 1).bit_length())
    found, how, work, noise = None, method, None, False
    single = matrix.dtype in (np.float32, np.complex64)
    if method == "auto" and (m, n) != (size, size):
        whole = _double(matrix, scale, None)
        found, noise = auto_any_shape(whole, tol=tol, tied=tied, model=model, progress=progress, single=single)
        how = "auto"
        del whole
    if found is None:
        work = _double(matrix, scale, None if method == "gradient" else size)
        if method == "gradient":
            from pyfly._learn._gradient import OPTIONS, gradient

            if unknown := sorted(options.keys() - set(OPTIONS)):
                raise TypeError(f"{', '.join(unknown)}: the arguments of method='gradient' are {', '.join(OPTIONS)}")
            found = gradient(
                work,
                model=model,
                tied=tied,
                max_depth=max_depth,
                expansion=expansion,
                seed=seed,
                progress=progress,
                tol=tol,
                **options,
            )
        elif model in ("D", "P"):
            found, how = closest(work, model, tied is True), "auto"
        else:
            found, how, noise = _algebraic(
                work,
                method,
                model=model,
                tol=tol,
                tied=tied,
                max_depth=max_depth,
                seed=seed,
                progress=progress,
                single=single,
            )
    operator = assemble(found, (m, n))
    if scale != 1:
        operator = operator * scale
    if isinstance(operator, Scaled) and operator.alpha == 1:
        operator = operator.op
    if single:
        operator = in_single(operator)
    # a power of two changes no digit, unless it leaves the range of normal numbers
    measured = found.measured if abs(math.log10(scale)) < (5 if single else 200) else None
    others = []
    error = found.history[-1] if found.history else 0.0
    # nothing else is worth a look where only noise is left, unless depth was asked for
    if method == "auto" and error > tol and (max_depth > 1 or not noise):
        work = work if work is not None and work.shape == (m, n) else _double(matrix, scale, None)
        others = alternatives(work, _budget(operator, work))
    return Outcome(
        operator, found.model, found.permutation, found.tied, found.history, found.note, how, others, measured
    )


def _algebraic(work, method, *, model, tol, tied, max_depth, seed, progress, single):
    """What `auto` finds, or what is fitted where that leaves much: the product, how it was found, if noise is left."""
    only_peel, size = method == "peel", len(work)
    wish = {"tol": tol, "tied": tied, "progress": progress, "only_peel": only_peel, "single": single}
    # between products of BLAS, threads of the kernels would wait for those of BLAS to rest: only large ones pay
    with num_threads(1 if size <= _SERIAL else get_num_threads()):
        found, error, noise = auto(work, model=model, **wish)
        if found is None:
            # of the class asked for are products with fewer factors as well
            if real_part_of(model) and np.iscomplexobj(work):
                work = np.ascontiguousarray(work.real)
                if not work.any():
                    raise ValueError(f"model = {model!r}: the target has no real part; multiply it by 1j")
            found, error, noise = auto(work, model="BP", **wish)
    how = "peel" if only_peel or found.model in ("BP", "(BP)^T") else "auto"
    depth = max_depth if model == "auto" else factors_of(model)
    # a form of another class may stand in for one factor; for several only where it leaves but noise
    worth = fits(found.model, "BP") or (depth > 1 and error > _CHANCE)
    small = size <= _FITTED and not noise if depth == 1 else True
    if worth and small and error > tol and not only_peel and size >= 4:
        fitted = compress(work, depth, tol=tol, tied=tied is True, start=found, seed=seed, progress=progress)
        if fitted.history[-1] < error:
            found, how = fitted, "fit"
    return found if fits(found.model, model) else widened(found, model), how, noise


def _budget(operator, target):
    """Numbers in the factors: real ones for a real target, of which a complex factor holds two a parameter."""
    double = not np.iscomplexobj(target)
    return sum(f.n_parameters << (double and f.dtype.kind == "c") for f in elementary(operator))


def _double(matrix, scale, size):
    """W in double precision, row by row, real if the target has no imaginary part, with zeros up to a size if given."""
    if np.iscomplexobj(matrix) and not matrix.imag.any():
        matrix = matrix.real
    double = np.complex128 if np.iscomplexobj(matrix) else np.float64
    if size is None or matrix.shape == (size, size):
        rows = rowwise(matrix)
        if scale == 1:
            return rows.astype(double, copy=False)
        return np.multiply(rows, 1 / scale, dtype=double, out=None if rows is matrix or rows.dtype != double else rows)
    work = np.zeros((size, size), double)
    np.multiply(matrix, 1 / scale, out=work[: matrix.shape[0], : matrix.shape[1]])
    return work
