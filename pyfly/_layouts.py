"""Operators in other layouts: the twiddles of the authors' two libraries, and SciPy sparse matrices.

later library    (nstacks, nblocks, log2 n, n/2, 2, 2), stages in order of application, directions alternating
first library    (2, 2, n/2), ..., (2, 2, 1), tied, the largest block size first, the smallest applied first
"""

from __future__ import annotations

import numpy as np

from pyfly._algebra import check_operator, to_tied, to_untied
from pyfly._arrays import as_numbers, owned
from pyfly._operators import Butterfly, Diagonal, Permutation, Product
from pyfly._shapes import VStack

__all__ = ["from_abcd", "from_torch_butterfly", "sparse_factors", "to_abcd", "to_torch_butterfly"]


def from_torch_butterfly(twiddle, *, increasing_stride=True):
    """Return the operator of a twiddle of the authors' later library.

    Parameters
    ----------
    twiddle : array_like, shape (nstacks, nblocks, log2 n, n/2, 2, 2)
        Stages in order of application; the blocks of a stack alternate in the direction of their strides.
    increasing_stride : bool
        Direction of the first block applied.

    Returns
    -------
    Operator, shape (nstacks n, n)
        A `Butterfly` for one stack and block, a `Product` for several blocks, a `VStack` for several stacks.

    Raises
    ------
    TypeError
        twiddle has a type that is not supported.
    ValueError
        twiddle has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.from_torch_butterfly(np.ones((1, 2, 3, 4, 2, 2)))
    <8x8 Product: float64, Butterfly Butterfly, 96 parameters>
    """
    twiddle = as_numbers("twiddle", twiddle)
    shape = twiddle.shape
    if len(shape) != 6 or shape[4:] != (2, 2) or shape[0] < 1 or shape[1] < 1 or shape[3] != (1 << shape[2]) // 2:
        raise ValueError(f"twiddle has shape {shape}; it must have (nstacks, nblocks, log2 n, n/2, 2, 2)")
    stacks = []
    for stack in twiddle:
        blocks = [Butterfly(w, increasing_stride=increasing_stride ^ (k % 2 == 1)) for k, w in enumerate(stack)]
        stacks.append(Product(*blocks[::-1]) if len(blocks) > 1 else blocks[0])
    return VStack(*stacks) if len(stacks) > 1 else stacks[0]


def to_torch_butterfly(op):
    """Return the twiddle of an operator in the layout of the authors' later library.

    Parameters
    ----------
    op : Butterfly, Product of butterflies of alternating direction, or VStack of such
        Tied factors are written out.

    Returns
    -------
    twiddle : ndarray, shape (nstacks, nblocks, log2 n, n/2, 2, 2)
    increasing_stride : bool
        Direction of the first block applied.

    Raises
    ------
    ValueError
        op is of another form.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> twiddle, increasing = pyfly.to_torch_butterfly(pyfly.permutation_to_butterflies([1, 0, 3, 2]))
    >>> twiddle.shape, increasing
    ((1, 2, 2, 2, 2, 2), False)
    """
    check_operator(op)
    stacks = []
    for stack in op.ops if isinstance(op, VStack) else (op,):
        blocks = stack.factors[::-1] if isinstance(stack, Product) else (stack,)
        if not all(isinstance(b, Butterfly) for b in blocks):
            raise ValueError(
                f"{stack!r} is no product of butterflies; that layout holds nothing else: simplify it first"
            )
        stacks.append([to_untied(b) for b in blocks])
    start = stacks[0][0].increasing_stride
    for blocks in stacks:
        directions = [b.increasing_stride ^ (k % 2 == 1) for k, b in enumerate(blocks)]
        if len(blocks) != len(stacks[0]) or any(d != start for d in directions):
            raise ValueError(
                "the layout needs as many blocks in every stack, of alternating direction, the first ones the same; "
                "put an identity between two blocks of one direction"
            )
    return np.stack([np.stack([b.twiddle for b in blocks]) for blocks in stacks]), start


def from_abcd(factors):
    """Return the tied butterfly of the authors' first library.

    Parameters
    ----------
    factors : sequence of array_like, shapes (2, 2, n/2), (2, 2, n/4), ..., (2, 2, 1)
        Largest block size first, as stored there; entry [i, j, k] is what position k of half j adds to position k of
        half i. The smallest size is applied first. Complex arrays, or real ones with a last axis of (re, im).

    Returns
    -------
    Butterfly
        Tied, increasing stride.

    Raises
    ------
    TypeError
        A factor has a type that is not supported.
    ValueError
        The shapes do not follow the rule.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.from_abcd([np.ones((2, 2, 2)), np.ones((2, 2, 1))])
    <4x4 Butterfly: float64, tied, 12 parameters>
    """
    stages = []
    for k, factor in enumerate(list(factors)[::-1]):
        factor = as_numbers(f"factors[{len(factors) - 1 - k}]", factor)
        if factor.ndim == 4 and factor.shape[-1] == 2 and factor.dtype.kind == "f":
            factor = factor[..., 0] + 1j * factor[..., 1]
        if factor.shape != (2, 2, 1 << k):
            raise ValueError(
                f"factors[{len(factors) - 1 - k}] has shape {factor.shape}; it must have (2, 2, {1 << k}), since the "
                "factors go from the largest block size to the smallest"
            )
        stages.append(np.moveaxis(factor, -1, 0))
    if not stages:
        raise ValueError("factors is empty; give one array for every stage")
    return Butterfly(owned(np.concatenate(stages)), tied=True)


def to_abcd(op):
    """Return the factors of a tied butterfly as the authors' first library stores them.

    Parameters
    ----------
    op : Butterfly
        Tied, or with blocks that can be tied; increasing stride.

    Returns
    -------
    list of ndarray, shapes (2, 2, n/2), ..., (2, 2, 1)

    Raises
    ------
    TypeError
        op is no Butterfly.
    ValueError
        It has decreasing stride or cannot be tied.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> [f.shape for f in pyfly.to_abcd(pyfly.Butterfly(np.ones((3, 2, 2)), tied=True))]
    [(2, 2, 2), (2, 2, 1)]
    """
    check_operator(op, Butterfly)
    op = to_tied(op)
    if not op.increasing_stride:
        raise ValueError(
            "op has decreasing stride, the layout has increasing stride only; take op.T or flip_stride(op)"
        )
    return [np.ascontiguousarray(np.moveaxis(blocks, 0, -1)) for _, blocks in op.stages()][::-1]


def sparse_factors(op):
    """Return an operator as a product of SciPy sparse matrices, one for every stage.

    Parameters
    ----------
    op : Butterfly, Permutation, Diagonal, WalshHadamard, or Product of these

    Returns
    -------
    list of scipy.sparse.csr_array
        Leftmost first; their product is the matrix.

    Raises
    ------
    TypeError
        op is no pyfly operator.
    ValueError
        A factor is of another kind.

    Examples
    --------
    >>> import functools, operator
    >>> import numpy as np
    >>> import pyfly
    >>> b = pyfly.Butterfly(np.arange(16.0).reshape(2, 2, 2, 2))
    >>> stages = pyfly.sparse_factors(b)
    >>> [s.nnz for s in stages]
    [8, 8]
    >>> bool((functools.reduce(operator.matmul, stages).toarray() == b.todense()).all())
    True
    """
    import scipy.sparse

    check_operator(op)
    if isinstance(op, Product):
        return [stage for factor in op.factors for stage in sparse_factors(factor)]
    if hasattr(op, "as_product"):
        return sparse_factors(op.as_product())
    n = op.shape[0]
    if isinstance(op, Permutation):
        return [scipy.sparse.csr_array((np.ones(n), op.perm, np.arange(n + 1)), shape=(n, n))]
    if isinstance(op, Diagonal):
        return [scipy.sparse.csr_array((op.d.copy(), np.arange(n), np.arange(n + 1)), shape=(n, n))]
    if not isinstance(op, Butterfly):
        raise ValueError(f"{op!r} is no product of butterflies, permutations and diagonals; take its parts one by one")
    found = []
    position = np.arange(n)
    for stride, blocks in to_untied(op).stages():
        low = position & ~stride
        pair = (position - position % (2 * stride)) // 2 + position % stride
        side = (position & stride) // stride
        data = blocks[pair, side].ravel()
        columns = np.stack([low, low + stride], 1).ravel()
        found.append(scipy.sparse.csr_array((data, columns, 2 * np.arange(n + 1)), shape=(n, n)))
    return found[::-1] or [scipy.sparse.csr_array(np.eye(1, dtype=op.dtype))]
