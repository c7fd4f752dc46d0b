"""Algebra of operators that stays inside the fast kernels: rewriting, and permutations as factors.

simplify        neighbouring permutations and diagonals merge, diagonals are absorbed: D B = B', B D = B'
flip_stride     B = R B' R with R the bit reversal and the strides of B' in opposite order
to_tied         the blocks of a stage stored once where all pairs agree
permutation_to_butterflies, as_permutation        any permutation is a product of two butterflies, and back
from_torch_butterfly, from_abcd, ...              the twiddle layouts of the authors' two libraries
sparse_factors  the stages as SciPy sparse matrices
"""

from __future__ import annotations

import numpy as np

from pyfly._arrays import as_permutation_indices, owned
from pyfly._base import Operator
from pyfly._kronecker import Kronecker, untie
from pyfly._operators import Butterfly, Diagonal, Permutation, Product, RealPart, Scaled
from pyfly._routing import bit_reversal, route, swaps_to_twiddle

__all__ = [
    "as_permutation",
    "flip_stride",
    "permutation_to_butterflies",
    "simplify",
    "to_tied",
    "to_untied",
]


def simplify(op):
    """Return an equal operator with fewer steps.

    Neighbouring permutations and diagonals are merged, diagonals and scalars move through permutations into the stages
    of a butterfly, what is left of a real part is drawn into it, identities vanish.

    Parameters
    ----------
    op : Operator

    Returns
    -------
    Operator
        Its product is rounded in another order, within the same error bounds.

    Raises
    ------
    TypeError
        op is no pyfly operator.

    Notes
    -----
    A tied butterfly takes a diagonal in at the stage of stride n/2 alone and stays tied; at the other end the diagonal
    is kept, because it costs less than untied factors.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> b = pyfly.Butterfly(np.ones((2, 2, 2, 2)))
    >>> p, d = pyfly.Permutation([3, 1, 0, 2]), pyfly.Diagonal([1.0, 2.0, 3.0, 4.0])
    >>> pyfly.simplify(b @ p @ d @ p)
    <4x4 Product: float64, Butterfly Permutation, 16 parameters>
    """
    check_operator(op)
    if isinstance(op, RealPart):
        inner = simplify(op.op)
        return RealPart(inner) if inner._has_complex() else inner
    if isinstance(op, Kronecker):
        return Kronecker(simplify(op.a), simplify(op.b))
    if isinstance(op, Scaled):
        return simplify(op.op)._scaled(op.alpha)
    if not isinstance(op, Product):
        return op
    alpha, todo = 1.0, []
    for factor in op.factors:
        factor = simplify(factor)
        if isinstance(factor, Scaled):
            alpha, factor = alpha * factor.alpha, factor.op
        todo += factor.factors if isinstance(factor, Product) else [factor]
    done = []
    while todo:
        factor = todo.pop(0)
        if isinstance(factor, Butterfly) and factor.shape[0] == 1:  # no stages, nothing to absorb a diagonal
            factor = Diagonal(np.ones(1, factor.dtype))
        if _is_identity(factor) and (done or todo):
            continue
        merged = _merge(done, factor)
        if merged is None:
            done.append(factor)
        else:  # merging may make more possible: look at the result again
            used, replacement = merged
            del done[len(done) - used :]
            todo[:0] = replacement
    result = Product(*done) if len(done) > 1 else done[0]
    return result if alpha == 1 else result._scaled(alpha)


def _merge(done, right):
    """Return how many of the last factors to replace, with this one, and by what; None if nothing can be done."""
    if not done:
        return None
    left = done[-1]
    if isinstance(left, Permutation) and isinstance(right, Permutation):
        return 1, [Permutation(owned(right.perm[left.perm]))]
    if isinstance(left, Diagonal) and isinstance(right, Diagonal):
        return 1, [Diagonal(owned(left.d * right.d))]
    if isinstance(left, Permutation) and isinstance(right, Diagonal):
        return 1, [Diagonal(owned(right.d[left.perm])), left]
    if isinstance(left, Diagonal) and isinstance(right, Butterfly):
        absorbed = _absorb(right, left.d, last=True)
        return absorbed and (1, [absorbed])
    if isinstance(left, Butterfly) and isinstance(right, Diagonal):
        absorbed = _absorb(left, right.d, last=False)
        return absorbed and (1, [absorbed])
    if isinstance(left, Permutation) and isinstance(right, Butterfly) and len(done) > 1:
        if isinstance(done[-2], Diagonal):  # D P B = P D' B
            absorbed = _absorb(right, done[-2].d[left.T.perm], last=True)
            return absorbed and (2, [left, absorbed])
    if isinstance(right, RealPart) and isinstance(left, Diagonal | Permutation) and left.dtype.kind != "c":
        return 1, [simplify(RealPart(left @ right.op))]
    if isinstance(left, RealPart) and isinstance(right, Diagonal | Permutation) and right.dtype.kind != "c":
        return 1, [simplify(RealPart(left.op @ right))]
    return None


def _absorb(b, d, last):
    """Return the butterfly diag(d) B (last) or B diag(d), or None for a tied one whose stage there is shared."""
    n = b.shape[0]
    if n == 1:
        return None
    stride = n // 2 if b.increasing_stride == last else 1
    if b.tied and stride != n // 2:
        return None
    position = np.arange(n).reshape(-1, 2, stride)
    pairs = d[position].swapaxes(1, 2).reshape(n // 2, 2)
    twiddle = b.twiddle.astype(np.result_type(b.dtype, d.dtype))
    where = slice(stride - 1, 2 * stride - 1) if b.tied else -1 if last else 0
    twiddle[where] *= pairs[:, :, None] if last else pairs[:, None, :]
    return b._like(twiddle)


def _is_identity(op):
    if isinstance(op, Permutation):
        return bool((op.perm == np.arange(op.perm.size)).all())
    return isinstance(op, Diagonal) and op.dtype.kind != "c" and bool((op.d == 1).all())


def to_untied(op):
    """Return an operator whose butterflies have blocks of their own for every pair.

    Parameters
    ----------
    op : Operator
        A Butterfly, or made of butterflies by products, real parts, multiples and Kronecker products.

    Returns
    -------
    Operator
        Equal, with 2 n log2 n parameters for each butterfly.

    Raises
    ------
    TypeError
        op is no pyfly operator.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.to_untied(pyfly.Butterfly(np.ones((7, 2, 2)), tied=True))
    <8x8 Butterfly: float64, 48 parameters>
    """
    return _rebuilt(op, _untied)


def to_tied(op, *, tol=0.0):
    """Return an operator whose butterflies store each stage's shared blocks once.

    Parameters
    ----------
    op : Operator
        A Butterfly, or made of butterflies by products, real parts, multiples and Kronecker products.
    tol : float
        Largest difference of blocks that count as shared, relative to the stage's largest entry. The first one is kept.

    Returns
    -------
    Operator
        With 4 (n - 1) parameters for each butterfly.

    Raises
    ------
    TypeError
        op is no pyfly operator.
    ValueError
        Pairs that would share a block differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> pyfly.to_tied(pyfly.Butterfly(np.ones((3, 4, 2, 2))))
    <8x8 Butterfly: float64, tied, 28 parameters>
    """
    return _rebuilt(op, lambda b: _tied(b, tol))


def _rebuilt(op, convert):
    """Return the operator with every butterfly in it converted."""
    check_operator(op)
    if isinstance(op, Butterfly):
        return convert(op)
    if isinstance(op, Product):
        return Product(*[_rebuilt(f, convert) for f in op.factors])
    if isinstance(op, RealPart):
        return RealPart(_rebuilt(op.op, convert))
    if isinstance(op, Scaled):
        return Scaled(_rebuilt(op.op, convert), op.alpha)
    if isinstance(op, Kronecker):
        return Kronecker(_rebuilt(op.a, convert), _rebuilt(op.b, convert))
    return op


def _untied(op):
    if not op.tied:
        return op
    return Butterfly(owned(untie(op.twiddle, op.increasing_stride)), increasing_stride=op.increasing_stride)


def _tied(op, tol):
    if op.tied:
        return op
    n = op.shape[0]
    tied = np.empty((n - 1, 2, 2), op.dtype)
    for stride, blocks in op.stages():
        groups = blocks.reshape(-1, stride, 2, 2)
        difference = np.abs(groups - groups[0]).max(initial=0)
        if not difference <= tol * np.abs(blocks).max(initial=0):
            raise ValueError(
                f"the stage of stride {stride} is not tied: blocks {stride} pairs apart differ by up to "
                f"{difference:.3g}; keep the butterfly untied or raise tol"
            )
        tied[stride - 1 : 2 * stride - 1] = groups[0]
    return Butterfly(owned(tied), increasing_stride=op.increasing_stride, tied=True)


def flip_stride(op):
    """Write a butterfly with its strides in opposite order, ``B = R B' R`` with R the bit reversal.

    Parameters
    ----------
    op : Butterfly

    Returns
    -------
    Product
        ``Permutation(R) @ Butterfly @ Permutation(R)``, equal to op; the butterfly is untied.

    Raises
    ------
    TypeError
        op is no Butterfly.

    Notes
    -----
    Reversing the binary digits of all positions turns stride s into n/(2s) and leaves the order of the stages.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> b = pyfly.Butterfly(np.arange(16.0).reshape(2, 2, 2, 2))
    >>> flipped = pyfly.flip_stride(b)
    >>> flipped.factors[1].increasing_stride, bool((flipped.todense() == b.todense()).all())
    (False, True)
    """
    check_operator(op, Butterfly)
    r = Permutation(owned(bit_reversal(op.shape[0])))
    return Product(r, _bit_reversed(op), r)


def _bit_reversed(op):
    """Return R B R."""
    op = to_untied(op)
    n = op.shape[0]
    r = bit_reversal(n)
    pair = np.arange(n // 2)
    twiddle = np.empty_like(op.twiddle)
    for k, (stride, blocks) in enumerate(op.stages()):
        other = n // (2 * stride)
        position = r[2 * (pair - pair % stride) + pair % stride]
        twiddle[k, (position - position % (2 * other)) // 2 + position % other] = blocks
    return Butterfly(owned(twiddle), increasing_stride=not op.increasing_stride)


def permutation_to_butterflies(perm, *, increasing_last=True, dtype=np.float64):
    """Write any permutation as a product of two butterflies, exactly.

    ``P = B_2 B_1`` with blocks that are the identity or a swap: Benes's rearrangeable network.

    Parameters
    ----------
    perm : Permutation or array_like of int, shape (n,)
        Gather indices, ``y[i] = x[perm[i]]``; n a power of two.
    increasing_last : bool
        Whether B_1 has strides n/2, ..., 1 and B_2 has 1, ..., n/2; otherwise the other way round.
    dtype : {float32, float64, complex64, complex128}
        Type of the factors.

    Returns
    -------
    Product
        ``B_2 @ B_1``.

    Raises
    ------
    TypeError
        perm holds no integers, or dtype is none of the four.
    ValueError
        perm is no permutation, or its length is no power of two.

    Notes
    -----
    O(n log^2 n) to find; 4 n log2 n parameters, where the permutation itself needs n indices. Dao et al., Kaleidoscope,
    ICLR 2020: every permutation is of the form B B*.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> p = pyfly.permutation_to_butterflies([2, 0, 3, 1])
    >>> p @ np.array([10.0, 20.0, 30.0, 40.0])
    array([30., 10., 40., 20.])
    >>> pyfly.as_permutation(p).perm
    array([2, 0, 3, 1])
    """
    perm = perm.perm if isinstance(perm, Permutation) else as_permutation_indices("perm", perm)
    n = perm.size
    if n & (n - 1):
        raise ValueError(f"perm has length {n}; a butterfly needs a power of two: extend perm by further indices")
    if not increasing_last:
        r = bit_reversal(n)
        perm = r[perm[r]]
    first, second = route(perm)
    b1 = Butterfly(owned(swaps_to_twiddle(first, dtype)), increasing_stride=False)
    b2 = Butterfly(owned(swaps_to_twiddle(second, dtype)), increasing_stride=True)
    return Product(b2, b1) if increasing_last else Product(_bit_reversed(b2), _bit_reversed(b1))


def as_permutation(op, *, tol=None):
    """Return the permutation that an operator is, or None if it is none.

    Parameters
    ----------
    op : Operator
    tol : float, optional
        Relative error up to which it counts as one; 100 n eps by default.

    Returns
    -------
    Permutation or None

    Raises
    ------
    TypeError
        op is no pyfly operator.

    Notes
    -----
    The products with 0, 1, ..., n - 1 and with ones say which permutation it could be, those with four random vectors
    whether it is: for any other matrix A the mean of ``||(A - P) x||^2`` is ``||A - P||_F^2``, so that only a matrix
    within the tolerance can pass, with probability one. Costs six vectors instead of n.

    Examples
    --------
    >>> import numpy as np
    >>> import pyfly
    >>> swap = pyfly.Butterfly(np.array([[[[0.0, 1.0], [1.0, 0.0]]]]))
    >>> pyfly.as_permutation(swap)
    <2x2 Permutation: float64, [1, 0]>
    >>> pyfly.as_permutation(2 * swap) is None
    True
    """
    check_operator(op)
    n = op.shape[1]
    if op.shape[0] != n:
        return None
    eps = np.finfo(op.dtype).eps
    tol = 100 * n * eps if tol is None else tol
    data = np.float32 if op.dtype.char in "fF" and n < 1 << 20 else np.float64
    numbered = op.apply(np.arange(n, dtype=data))
    if not np.isfinite(numbered).all():
        return None
    perm = np.rint(numbered.real).astype(np.int64)
    if perm.min() < 0 or perm.max() >= n or (np.bincount(perm, minlength=n) != 1).any():
        return None
    x = np.random.default_rng(0).standard_normal((4, n)).astype(data)
    x[0] = 1
    error = np.abs(op.apply(x) - x[:, perm]).max()
    return Permutation(owned(perm)) if error <= tol * np.abs(x).max() else None


def check_operator(op, kind=Operator):
    if not isinstance(op, kind):
        raise TypeError(f"op is {type(op).__name__}; it must be a pyfly {kind.__name__}")
