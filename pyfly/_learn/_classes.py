"""Classes of products: names that mean the same, and the best product of the class that is asked for.

BP < (BP)^k            with factors that are identities
(BP)^k < (BP)^k_r      I (x) A, of which A is the corner
(BP)^k < Re((BP)^k)    for real matrices
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import scipy

from pyfly._learn._factorization import square
from pyfly._learn._found import Found, made_real

# Phases to begin with for the closest complex multiple of a permutation, and rounds from each.
_PHASES, _ROUNDS = 4, 10


def fits(model, wanted):
    """Whether a class is the one asked for: transposes, diagonals and permutations around it count as the same."""
    if wanted == "auto":
        return True
    return _core(model) == _core(wanted)


def factors_of(model):
    """How many factors B P a class is the product of, whatever their size or part; 0 for D and P."""
    return _core(model).count("BP")


def real_part_of(model):
    """Whether a class is a real part."""
    return model.startswith("Re(")


def _core(model):
    """The class without transposes, diagonals and permutations around it: "P ((BP)^2)^T D" is "BPBP"."""
    words = model.split()
    return " ".join(_plain(word) for word in words if word not in ("D", "P") or len(words) == 1)


def _plain(word):
    """A class written without powers, outer brackets, transpose and P'."""
    word = re.sub(r"\((BPP?)\)\^(\d)", lambda power: power[1] * int(power[2]), word)
    return re.sub(r"^\((.*)\)$", r"\1", word.removesuffix("^T")).replace("BPP", "BP")


def widened(found, wanted):
    """A product (BP)^j as one of the class asked for, which contains it.

    Parameters
    ----------
    found : Found
        Of class (BP)^j, perhaps with diagonals and permutations around it, j at most the factors of the other.
    wanted : str
        (BP)^k, (BP)^k_r or the real part of these.

    Returns
    -------
    Found
    """
    from pyfly._learn._kronecker import beside
    from pyfly._operators import Butterfly, Permutation

    factors, n = list(found.factors), found.factors[-1].shape[1]
    if n == 1:
        return replace(found, model=wanted)
    place = next(i for i, factor in enumerate(factors) if isinstance(factor, Butterfly))
    depth, levels = factors_of(wanted), n.bit_length() - 1
    shape = (n - 1, 2, 2) if found.tied else (levels, n // 2, 2, 2)
    identity = Butterfly(np.broadcast_to(np.eye(2), shape), tied=found.tied), Permutation(np.arange(n))
    factors[place:place] = identity * (depth - factors_of(found.model))
    expansion = re.search(r"_(\d+)", wanted)
    name = f"(BP)^{depth}" if depth > 2 or expansion else "BP" * depth
    if expansion:
        factors, name = [beside(factor, int(expansion[1]), after=False) for factor in factors], name + expansion[0]
    model = " ".join(
        word if word in ("D", "P") else f"({name})^T" if word.endswith("^T") else name for word in found.model.split()
    )
    size = n * int(expansion[1]) if expansion else found.size
    note = f"{found.note[:-1]}; as one of the class asked for."
    wide = replace(found, factors=tuple(factors), model=model, note=note, size=size, measured=None)
    return made_real(wide, always=True) if real_part_of(wanted) else wide


def closest(target, model, tied=False):
    """The closest diagonal matrix, or the closest multiple of a permutation.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
    model : {"D", "P"}
    tied : bool
        What to say of factors that are not there.

    Returns
    -------
    Found
    """
    from pyfly._operators import Diagonal, Permutation

    n, place = len(target), np.arange(len(target))
    if model == "D":
        perm, factor = place, Diagonal(target.diagonal().copy())
        kept, note = square(factor.d), "The closest diagonal matrix."
    else:
        # |alpha|^2 n - 2 Re(alpha^* sum) is least for alpha = sum / n
        perm, total = max((_along(target, phase) for phase in _starts(target)), key=lambda pair: abs(pair[1]))
        factor = Permutation(perm) * (total / n)
        kept, note = abs(total) ** 2 / n, "The closest multiple of a permutation."
    error = np.sqrt(max(0.0, 1 - kept / square(target)))
    return Found((factor,), model, perm, tied, [float(error)], note)


def _starts(target):
    return np.exp(2j * np.pi * np.arange(_PHASES) / _PHASES) if np.iscomplexobj(target) else (1.0, -1.0)


def _along(target, phase):
    """Permutation with the largest sum of entries in the direction of a phase, then in that of the sum itself."""
    rows, total = np.arange(len(target)), 0.0
    for _ in range(_ROUNDS if np.iscomplexobj(target) else 1):
        columns = scipy.optimize.linear_sum_assignment((target * np.conj(phase)).real, maximize=True)[1]
        before, total = abs(total), target[rows, columns].sum()
        if abs(total) <= before * (1 + 1e-12):
            break
        phase = total / abs(total)
    return columns, total
