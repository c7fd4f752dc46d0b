"""Relaxed permutations of the gradient search: which probability is the sigmoid of which logit, and rounding.

    P = product over levels of (c P_c + (1 - c) I) (b P_b + (1 - b) I) (a P_a + (1 - a) I),   a = sigmoid(logit), ...

The paper gives every level three logits of its own ("level abc"). Fewer logits are easier to learn: the reversals b and
c are absorbed by untied factors, and one a for all levels ("shared a") holds both the bit reversal and the identity.
Which probabilities share a logit, and which are fixed, is an integer table of the probabilities' shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Parametrisations of one permutation: one logit a for all levels; a logit a for each level; one a, b and c for all
#: levels; a, b and c for each level, which is the paper's; a and c of the largest block alone.
PARAMETRISATIONS = ("shared a", "level a", "shared abc", "level abc", "top ac")

_ZERO, _ONE = -1, -2  # fixed probabilities, as pyfly._fit reads them


@dataclass(frozen=True)
class Logits:
    """Logits of one or more permutations of size n.

    Attributes
    ----------
    name : str
        What it is called in reports.
    table : ndarray of int64, shape (k, log2 n - 1, 3)
        Index of the logit behind each probability, -1 for a fixed 0, -2 for a fixed 1.
    count : int
        Number of logits.
    """

    name: str
    table: np.ndarray
    count: int

    def probabilities(self, logits):
        """Probabilities at given logits, shape (k, log2 n - 1, 3)."""
        fixed = np.where(self.table == _ONE, 1.0, 0.0)
        if self.count == 0:
            return fixed
        with np.errstate(over="ignore"):
            learnt = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
        return np.where(self.table >= 0, learnt[np.maximum(self.table, 0)], fixed)

    def round(self, logits):
        """Nearest choices 0 or 1, shape (k, log2 n - 1, 3); a logit of 0 gives 1."""
        return (self.probabilities(logits) >= 0.5).astype(np.int64)

    def nearby(self, logits, count, columns=(0, 1, 2)):
        """The nearest choices, then those with the least certain logits turned over, `count` in all at most.

        Only logits of the given columns (a, b, c) are turned over.
        """
        logits = np.asarray(logits, np.float64)
        used = np.unique(self.table[:, :, list(columns)])
        doubtful = sorted((i for i in used if i >= 0), key=lambda i: abs(logits[i]))[:4]
        subsets = [[i for k, i in enumerate(doubtful) if mask >> k & 1] for mask in range(1 << len(doubtful))]
        subsets.sort(key=lambda subset: sum(abs(logits[i]) for i in subset))
        found = []
        for subset in subsets[:count]:
            turned = np.where(logits >= 0, 1.0, -1.0)
            turned[subset] *= -1
            found.append(self.round(turned))
        return found

    def decide(self, logits, levels):
        """Fix the rounded choices of the ``levels`` largest blocks, where no smaller block shares the logit."""
        table, fixed = self.table.copy(), np.where(self.round(logits), _ONE, _ZERO)
        lower = set(table[:, : table.shape[1] - levels].ravel())
        own = (table >= 0) & ~np.isin(table, list(lower))
        own[:, : table.shape[1] - levels] = False
        table[own] = fixed[own]
        return Logits(self.name, table, self.count)

    def __add__(self, other):
        """Logits of two permutations, the right one acting on the vector first."""
        shifted = np.where(other.table >= 0, other.table + self.count, other.table)
        return Logits(f"{self.name} + {other.name}", np.concatenate([self.table, shifted]), self.count + other.count)


def parametrisation(name, n):
    """Logits of one permutation.

    Parameters
    ----------
    name : str
        One of `PARAMETRISATIONS`, or several joined by ``" + "``: a product of as many permutations.
    n : int
        Size, a power of two.

    Returns
    -------
    Logits

    Raises
    ------
    ValueError
        The name is unknown.

    Examples
    --------
    >>> parametrisation("shared a", 16).table[0]
    array([[ 0, -1, -1],
           [ 0, -1, -1],
           [ 0, -1, -1]])
    """
    if " + " in name:
        first, rest = name.split(" + ", 1)
        return parametrisation(first, n) + parametrisation(rest, n)
    levels = max(n.bit_length() - 2, 0)
    table = np.full((1, levels, 3), _ZERO, np.int64)
    if name == "shared a":
        table[..., 0] = 0
    elif name == "level a":
        table[..., 0] = np.arange(levels)
    elif name == "shared abc":
        table[:] = np.arange(3)
    elif name == "level abc":
        table[:] = np.arange(3 * levels).reshape(levels, 3)
    elif name == "top ac":
        table[0, -1:, ::2] = np.arange(2)
    else:
        raise ValueError(
            f"permutation = {name!r}: the parametrisations are {', '.join(map(repr, PARAMETRISATIONS))}, products of"
            ' them joined by " + ", and "enumerate"'
        )
    return Logits(name, table, int(table.max(initial=-1)) + 1)
