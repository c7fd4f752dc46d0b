"""What a search for a fast algorithm hands back, before it is checked, cast and named for the user.

The product ``factors[0] @ factors[1] @ ...`` approximates the target; a search always returns the best product
it met, whether or not it meets a tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyfly._operators import Operator


@dataclass
class Found:
    """Best product of one search.

    Attributes
    ----------
    factors : tuple of Operator
        Elementary operators, leftmost first.
    model : str
        Class in the notation of the paper: ``"BP"``, ``"(BP)^T"``, ``"Re(BP)"``, ``"BPBP"``.
    permutation : ndarray of int64 or None
        Gather indices of the (first) permutation factor.
    tied : bool
        Whether the butterfly factors are stored tied.
    history : list of float
        Error of the search at successive moments: per level for the algebraic search (relative residual), per
        evaluation for the gradient search (relative Frobenius error).
    note : str
        One sentence for the user on how it was found or why not.
    size : int or None
        Size of the factors where the target is the corner of a larger product.
    measured : float or None
        Relative error of the product itself, where the search has computed it.
    """

    factors: tuple[Operator, ...]
    model: str
    permutation: np.ndarray | None
    tied: bool
    history: list[float] = field(default_factory=list)
    note: str = ""
    size: int | None = None
    measured: float | None = None


def reordered(target, rows, columns):
    """The matrix with rows and columns in another order, ``target[rows][:, columns]``; None: as they are."""
    if rows is not None:
        target = target[rows]
    return target if columns is None else target[:, columns]


def behind(found, rows, columns):
    """The product for a target of which `found` is the one for ``reordered(target, rows, columns)``, or None."""
    from pyfly._operators import Permutation

    if found is None:
        return None
    if rows is not None:
        place = np.arange(found.factors[0].shape[0])
        place[rows] = np.arange(len(rows))
        if isinstance(found.factors[0], Permutation):
            found.factors = (Permutation(found.factors[0].perm[place]), *found.factors[1:])
        else:
            found.factors, found.model = (Permutation(place), *found.factors), "P " + found.model
    if columns is not None:
        place = np.arange(found.factors[-1].shape[1])
        place[: len(columns)] = columns
        if isinstance(found.factors[-1], Permutation):
            found.factors = (*found.factors[:-1], Permutation(place[found.factors[-1].perm]))
        else:
            found.factors, found.model = (*found.factors, Permutation(place)), found.model + " P"
    where = [name for name, order in (("rows", rows), ("columns", columns)) if order is not None]
    if where:
        found.note = found.note[:-1] + f", its {' and '.join(where)} scrambled."
    return found


def made_real(found, always=False):
    """The product as one with real entries: the real part of what stands between real diagonals and permutations.

    A product that is real is left as it is, unless it shall be the real part of something `always`.
    """
    from pyfly._operators import Product, RealPart

    words, factors = found.model.split(), list(found.factors)
    outer = [[], []]
    for side, end in zip(outer, (0, -1), strict=True):
        while words and words[end] in ("D", "P") and factors[end].dtype.kind != "c":
            side.append((words.pop(end), factors.pop(end)))
    if not always and not any(factor.dtype.kind == "c" for factor in factors):
        return found
    before, after = outer[0], outer[1][::-1]
    name = " ".join(words)
    name = f"(Re{name[:-2]})^T" if len(words) == 1 and name.endswith(")^T") else f"Re({name})"
    inner = RealPart(factors[0] if len(factors) == 1 else Product(*factors)), name
    words, factors = zip(*before, inner[::-1], *after, strict=True)
    return replace(found, factors=factors, model=" ".join(words))
