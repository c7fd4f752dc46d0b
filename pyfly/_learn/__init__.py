"""Finding the fast algorithm of a matrix.

    learn(target):  T  ->  scale, size  ->  search (algebraic, or by gradients)  ->  operator, checked against T

Every search works on the numbers alone: structure is tested, nothing is compared with named matrices.
"""

from __future__ import annotations

import math
import re
import time

import numpy as np

from pyfly._learn._arguments import count
from pyfly._learn._factorization import Alternative, Factorization, distance, load, magnitude, norm

__all__ = ["Alternative", "Factorization", "learn", "load"]

_METHODS = ("auto", "peel", "gradient")
# a product of butterflies B, permutations P and diagonals D, in brackets with a power, real part, transposed
_CLASS = re.compile(
    r"auto|D|P|(?:(?:Re)?\((?:BPP?){1,8}\)|(?:BPP?){1,8})(?:\^T)?|(?:Re)?\(BPP?\)\^[1-8](?:_(?:[248]|16|32|64))?"
    r"|Re\(\(BPP?\)\^[1-8](?:_(?:[248]|16|32|64))?\)"
)


def learn(
    target,
    *,
    method="auto",
    model="auto",
    tol=None,
    tied="auto",
    max_depth=1,
    expansion=1,
    seed=0,
    progress=None,
    **options,
):
    """Find a fast algorithm for a matrix: ``T = B P`` and its relatives, exactly if there is one.

    Parameters
    ----------
    target : array_like, shape (m, n)
        The matrix; real or complex, finite, not zero. Its precision sets the default tolerance. Square with n a power
        of two for an exact form; other shapes are the corner of a larger product.
    method : {"auto", "peel", "gradient"}
        ``"peel"`` takes off one stage after the other, algebraically, on T and on its transpose; ``"auto"`` begins with
        that and goes on to products with more factors, real parts, circulants and scrambled transforms; ``"gradient"``
        trains factors and relaxed permutations with Adam, as the paper does.
    model : str
        Class to look for: ``"BP"``, ``"Re(BP)"``, ``"BPBP"``, ``"D"``, ``"P"``, ...; ``"auto"`` for any. What is
        returned is of this class (transposed, between diagonals and permutations count as the same), exact or not.
    tol : float, optional
        Relative error at which the target counts as found; 1e-10 for double, 1e-5 for single precision.
    tied : {"auto", True, False}
        Whether all blocks of a stage's diagonal are the same, 4 (n - 1) numbers a butterfly: ``"auto"`` takes tied
        factors where they are as exact as free ones; False gives every pair a block of its own, 2 n log2 n numbers.
    max_depth : int
        For a target without an exact form: number of factors BP allowed in its approximation, unless `model` says it.
        The smallest number that reaches `tol` is returned, or the best met; `alternatives` says what other forms of
        this size leave. Several are fitted from a hundred starts: ten seconds or more for two at n = 64.
    expansion : int
        Power of two; the target is the corner of a product ``expansion`` times as large.
    seed : int
        Start of the random choices.
    progress : callable, optional
        Called as ``progress(fraction, message)``.
    **options
        Of the gradient search: ``permutation``, how the permutation is found, ``"enumerate"`` or relaxed with logits
        ``"shared a"``, ``"level a"``, ``"shared abc"``, ``"level abc"``; ``restarts`` (3), ``workers``, attempts at a
        time, and ``single`` (True), training in single precision. ``search="optuna"`` halves ``trials`` (64) over
        learning rate and start instead; ``storage``, the URL of a database, and ``study_name`` spread them over
        processes and machines.

    Returns
    -------
    Factorization
        The best product met, with its error; ``converged`` says whether it is within the tolerance.

    Raises
    ------
    TypeError
        The target is not numeric, or has more than double precision; an argument is of the wrong kind.
    ValueError
        The target is empty, zero, not finite or no matrix; an argument is out of range.

    Notes
    -----
    Algebraic searches cost O(n^2) time a candidate, those of unknown orders some products of matrices, and at most 6
    times the memory of the target. Classes are those of arXiv:1903.05895, sections 3 and 4.1. Transforms, butterflies
    and convolutions are found transposed, scaled on both sides, with rows and columns in any order, and under noise.
    The first call of a process loads SciPy and the searches as well, some 0.2 s that ``seconds`` leaves out.

    Butterflies lose where there is no such structure. At n = 64, with 768 of 4096 numbers, one factor leaves .54 of
    Legendre polynomials and .87 of a random matrix; the largest entries alone leave .45 and .60, and on smooth kernels
    low rank is better. ``pyfly/_learn/README.md`` in the sources has the table.

    Examples
    --------
    >>> import pyfly
    >>> found = pyfly.learn(pyfly.targets.dft(64))
    >>> found.model, found.permutation_in_words, found.converged, found.n_parameters
    ('BP', 'bit reversal', True, 252)
    """
    from pyfly._learn._search import search

    start = time.perf_counter()
    matrix = _matrix(target)
    if method not in _METHODS:
        raise ValueError(f"method = {method!r}: choose one of {', '.join(_METHODS)}")
    if not isinstance(model, str):
        raise TypeError(f"model = {model!r}: give the name of a class, such as 'BP', or 'auto'")
    if not _CLASS.fullmatch(model):
        known = "'BP', 'BPP', 'Re(BP)', 'BPBP', '(BP)^k' with k from 1 to 8, '(BP)^k_r' with r = 2, 4, ... 64, 'D', 'P'"
        raise ValueError(f"model = {model!r}: give a class like {known}, or 'auto'")
    if options and method != "gradient":
        raise TypeError(f"{', '.join(sorted(options))}: only method='gradient' takes further arguments")
    if not (tied == "auto" or isinstance(tied, (bool, np.bool_))):
        raise ValueError(f"tied = {tied!r}: choose 'auto', True or False")
    tied = tied if isinstance(tied, str) else bool(tied)
    max_depth = count("max_depth", max_depth, 1, 8)
    expansion = count("expansion", expansion, 1, 64)
    seed = count("seed", seed, 0)
    if expansion & (expansion - 1):
        raise ValueError(f"expansion = {expansion}: must be a power of two, so that the enlarged size is one")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress = {progress!r}: give a function of (fraction, message), or None")
    single = matrix.dtype in (np.float32, np.complex64)
    tol = _tolerance(tol, single)

    scale = magnitude(matrix)
    if math.isnan(scale):
        raise ValueError("target holds NaN or infinity: only finite matrices can be factorized; clean it first")
    if scale == 0:
        raise ValueError("target is zero: it has no relative error; nothing needs to be learnt")

    found = search(
        matrix,
        scale,
        method=method,
        model=model,
        tol=tol,
        tied=tied,
        max_depth=max_depth,
        expansion=expansion,
        seed=seed,
        progress=progress,
        options=options,
    )
    operator = found.operator
    length = norm(matrix, scale)
    error = found.measured if found.measured is not None else distance(operator, matrix, scale) / length
    missed = error * length
    m, n = matrix.shape
    return Factorization(
        operator=operator,
        model=found.model,
        relative_error=error,
        rmse=missed / math.sqrt(m * n) * scale,
        converged=bool(error <= tol),
        n_parameters=int(operator.n_parameters),
        tied=found.tied,
        permutation=found.permutation,
        history=found.history,
        seconds=time.perf_counter() - start,
        tol=tol,
        method=found.method,
        note=found.note,
        alternatives=found.alternatives,
        shape=(m, n),
        norm=length * scale,
    )


def _matrix(target):
    """The target as a matrix of one of the four types."""
    if isinstance(target, np.ma.MaskedArray):
        raise TypeError(
            "target is a masked array: entries that are missing cannot be learnt; fill them, target.filled(0)"
        )
    if getattr(target, "requires_grad", False):
        raise TypeError("target requires gradients, which stop here; give target.detach()")
    matrix = np.asarray(target)
    if matrix.dtype.kind not in "fciub":
        raise TypeError(f"target of dtype {matrix.dtype}: give an array of real or complex numbers")
    if matrix.dtype.kind in "fc" and matrix.dtype.itemsize > (8 if matrix.dtype.kind == "f" else 16):
        raise TypeError(f"target of dtype {matrix.dtype}: nothing beyond double precision; convert it")
    if matrix.ndim != 2:
        raise ValueError(f"target of shape {matrix.shape}: give a matrix, two dimensions")
    if matrix.size == 0:
        raise ValueError(f"target of shape {matrix.shape}: it is empty; give at least one row and column")
    if matrix.dtype.kind in "iub":
        return matrix.astype(np.float64)
    if matrix.dtype == np.float16:
        return matrix.astype(np.float32)
    return matrix.astype(matrix.dtype.newbyteorder("="), copy=False)


def _tolerance(tol, single):
    if tol is None:
        return 1e-5 if single else 1e-10
    try:
        value = float(tol)
    except (TypeError, ValueError):
        raise TypeError(f"tol = {tol!r}: give a number") from None
    if not 0 <= value < math.inf:
        raise ValueError(f"tol = {tol!r}: a relative error lies between 0 and infinity")
    return value
