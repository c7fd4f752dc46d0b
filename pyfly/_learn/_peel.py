"""Algebraic search: T = B P, or its transpose, by taking off one stage after the other.

    T = S_{n/2} diag(S_{n/4}, S_{n/4}') ... P        largest stride first; at every level the columns of all nodes are
                                                     grouped by even and odd or by halves, whichever leaves less

No gradients: the stages come from rank-one approximations of two-row blocks, O(n^2) work in all since the data halve
from level to level. The reversals b and c of the permutation are absorbed by factors that are free in every block; tied
factors, 4 (n - 1) numbers, are searched with a and c. If no such grouping works, the columns are grouped by their
directions, which finds any permutation P. A target outside the class gets the greedy approximation.

The squared residuals of the levels add up to the squared error, so an error seen on a few rows of one level bounds
the error of everything that could follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pyfly._learn._cluster import guess, peel_clustered
from pyfly._learn._factorization import square
from pyfly._learn._found import Found
from pyfly._learn._levels import Step, Tied, Untied

_EPS = np.finfo(np.float64).eps


@dataclass
class _Candidate:
    """One way to bring the target into the form B P.

    Attributes
    ----------
    model : str
        Class of the target if it works.
    view : ndarray, shape (n, n)
        The matrix that should be B P; the target itself is never copied.
    wrap : callable
        Turns twiddle, permutation and tied of the view into the factors of the target, leftmost first, and the
        permutation among them.
    rank : int
        Place in the order of preference.
    bound : float
        Lower bound of the squared error.
    """

    model: str
    view: np.ndarray
    wrap: object
    rank: int
    bound: float = 0.0


@dataclass
class _Path:
    """Steps from the whole matrix down to 2x2 nodes, with the squared error of the product.

    The permutation is given by the steps' choices unless it is more general.
    """

    steps: list[Step]
    last: np.ndarray
    total: float
    perm: np.ndarray | None = None


def peel(target, *, tol, tied="auto", any_order=True, progress=None):
    """Find factors of a matrix that is a butterfly matrix times a permutation, or the transpose of one.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two; finite, largest entry of the order of 1.
    tol : float
        Relative Frobenius error at which the search stops.
    tied : {"auto", True, False}
        Whether all nodes of a level share their blocks: True for the greedy product of that kind, "auto" if it is as
        exact as the product of free factors. Tied factors are searched with permutations of choices (a, b, c) only.
    any_order : bool
        Whether to look for arbitrary permutations when no choices (a, b, c) do.
    progress : callable, optional
        Called as ``progress(fraction, message)`` after every level.

    Returns
    -------
    Found
        The best product met. Model ``"BP"`` has the factors (Butterfly, Permutation), ``"(BP)^T"``
        (Permutation, transposed Butterfly), and `permutation` is that of the factor: one of the choices (a, b, c) where
        they suffice, otherwise any. The stages are in the order of increasing stride. The history is the relative
        residual after each level.

    Notes
    -----
    O(n^2) time and, beyond the target, at most twice its memory. Arithmetic is backward stable whatever the scaling
    of rows and columns: factors that exist are found with a relative error of some eps sqrt(log2 n).

    The method is the hierarchical factorization of Zheng, Riccietti and Gribonval (arXiv:2110.01230) with the
    permutation of arXiv:1903.05895, section 3.2, discovered on the way; unknown permutations in general are the
    subject of arXiv:2307.00820.

    Examples
    --------
    >>> from pyfly import targets
    >>> from pyfly._learn._peel import peel
    >>> found = peel(targets.dft(8), tol=1e-10)
    >>> found.model, found.permutation, max(found.history) < 1e-15
    ('BP', array([0, 4, 2, 6, 1, 5, 3, 7]), True)
    """
    from pyfly._operators import Diagonal

    if len(target) == 1:
        note = "A number is its own fast algorithm."
        return Found((Diagonal(target[0].copy()),), "BP", np.zeros(1, np.int64), tied is not False, [0.0], note)
    with np.errstate(under="ignore"):
        return _peel(target, tol, tied, any_order, progress)


def _peel(target, tol, tied, any_order, progress):
    n, norm2 = len(target), _norm2(target)
    floor = (8 * _EPS) ** 2 * norm2 * math.log2(2 * n)
    limit = max(tol**2 * norm2, floor)
    report = _Report(progress)
    levels = Tied() if tied is True else Untied()
    candidates = _candidates(target)
    for candidate in candidates:
        candidate.bound = _bound(levels, candidate.view)
    candidates.sort(key=lambda candidate: max(candidate.bound, floor))

    paths = []
    for index, candidate in enumerate(candidates):
        best = min((path.total for _, path in paths), default=math.inf)
        if _worth(candidate, best, limit, floor):
            report.share(index / len(candidates), 1 / len(candidates), candidate.model)
            paths.append((candidate, _Search(levels, limit, floor, report).run(candidate.view)))
    candidate, path = _choose(paths, norm2)
    if any_order and path.total > limit and tied is not True:
        # a chance gain is not enough
        candidate, path = _any_order(candidates, (candidate, path), path.total / 4, floor, report)

    shared = tied is True or (tied == "auto" and n == 2)
    if tied == "auto" and not shared and path.perm is None:
        order = [candidate] + [other for other in candidates if other is not candidate and path.total <= limit]
        found = _tie(order, path, limit, floor, norm2)
        if found is not None:
            shared, (candidate, path) = True, found
    report.done()
    return _found(candidate, path, shared, norm2, tol)


def _candidates(target):
    """The forms to try, the preferred first."""
    from pyfly._operators import Butterfly, Permutation

    def direct(twiddle, perm, tied):
        return (Butterfly(twiddle, tied=tied), Permutation(perm)), perm

    def transposed(twiddle, perm, tied):
        inverse = np.argsort(perm)
        turned = np.ascontiguousarray((twiddle if tied else twiddle[::-1]).swapaxes(-1, -2))
        return (Permutation(inverse), Butterfly(turned, increasing_stride=False, tied=tied)), inverse

    return [_Candidate("BP", target, direct, 0), _Candidate("(BP)^T", target.T, transposed, 1)]


def _worth(candidate, best, limit, floor):
    """Whether a candidate may do better than an error already reached.

    An error within the tolerance is usually the rounding of the target and the same for all candidates. It may also be
    rows too small to show that the candidate was wrong: another without any such error on its sample is tried then.
    """
    if best <= limit:
        return best > floor and candidate.bound * len(candidate.view) < best / 100
    return candidate.bound < best


def _choose(paths, norm2):
    """The path of least error; under noise a symmetric matrix has two that differ by chance, and the first is meant."""
    best = min(paths, key=lambda pair: pair[1].total)
    slack = 1 + 4 / len(best[0].view) if best[1].total < norm2 / 10 else 1
    return next(
        pair for pair in sorted(paths, key=lambda pair: pair[0].rank) if pair[1].total <= slack**2 * best[1].total
    )


def clustered(target, *, give_up, tol, progress=None):
    """Find T = B P, or its transpose, with any permutation P.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
    give_up : float
        Share of the target's energy that may be left.
    tol : float
        Relative error at which it counts as found.
    progress : callable, optional

    Returns
    -------
    Found or None
    """
    norm2 = _norm2(target)
    candidate, path = _any_order(_candidates(target), (None, None), give_up * norm2, 0.0, _Report(progress))
    return None if candidate is None else _found(candidate, path, False, norm2, tol)


def _any_order(candidates, reached, worth, floor, report):
    """Try arbitrary permutations; one is taken if it leaves no more than is worth it, another for half of the error."""
    for candidate in candidates:
        if guess(candidate.view) <= max(worth, floor):
            path = _Path(*peel_clustered(candidate.view, max(worth, floor), report))
            if path.total <= max(worth, floor):
                reached, worth = (candidate, path), path.total / 4
    return reached


def _tie(candidates, path, limit, floor, norm2):
    """Look for tied factors as exact as the free ones of ``path``, which belongs to the first candidate.

    Both have a residual of the size of the noise times the root of the degrees of freedom they leave. Within the
    tolerance the noise is rounding, which may be correlated; beyond it only a close agreement of these sizes counts,
    and only for a matrix that clearly has the structure.
    """
    n = len(candidates[0].view)
    bits = n.bit_length() - 1
    ratio = (n * n - 3 * n + 2) / (n * n - n * bits - n)
    slack = 4 if path.total <= limit else 1 + 2 / n
    if path.total > norm2 / 10:
        return None
    within = max(floor, slack**2 * ratio * path.total)
    for index, candidate in enumerate(candidates):
        levels = Tied(path.steps[0] if index == 0 else None)
        if _bound(levels, candidate.view) <= within:
            tied = _Search(levels, within, floor, _Report(None), only_within=True).run(candidate.view)
            if tied.total <= within:
                return candidate, tied
    return None


class _Search:
    """Depth-first search over the bits of the permutation; the first choice is the one of least residual.

    Another choice is tried when the first leads to no exact product and the other could to one within ``limit``: zeros
    or rows of very different size make both look right at one level. The columns of a
    node do not depend on the order in which even/odd and halves were chosen, so that two sequences with equally
    many of each succeed or fail together: at most log2(n)^2 / 2 nodes of the search are visited.
    """

    def __init__(self, levels, limit, floor, report, *, only_within=False):
        self._levels = levels
        self._limit = limit
        self._floor = floor
        self._report = report
        self._give_up = limit if only_within else math.inf
        self._visited = set()

    def run(self, matrix):
        """Return the best path met."""
        return self._descend(matrix[None], np.ones((1, len(matrix))), (), 0.0)

    def _descend(self, nodes, weights, bits, spent):
        self._visited.add((len(bits), sum(bits)))
        self._report(len(bits))
        if nodes.shape[-1] == 2:
            return _Path([], nodes, spent)
        if spent > self._give_up:
            return _Path([], nodes, math.inf)
        bounds = [self._levels.bound(nodes, weights, bit) for bit in (0, 1)]
        bit = self._less(bounds)
        step = self._levels.step(nodes, weights, bit)
        bounds[bit] = step.residual
        if self._less(bounds) != bit:
            other = self._levels.step(nodes, weights, 1 - bit)
            bounds[1 - bit] = other.residual
            if self._less(bounds) != bit:
                bit, step = 1 - bit, other
            del other
        path = self._follow(step, bits, spent)
        other = 1 - bit
        within_reach = spent + bounds[other] <= min(self._limit, path.total)
        unseen = (len(bits) + 1, sum(bits) + other) not in self._visited
        if path.total > self._floor and within_reach and unseen:
            step = self._levels.step(nodes, weights, other)
            path = min(path, self._follow(step, bits, spent), key=lambda path: path.total)
        return path

    def _less(self, bounds):
        """The bit of the smaller residual; halves, which keep the columns where they are, unless it matters."""
        return int(max(bounds[1], self._floor) < bounds[0])

    def _follow(self, step, bits, spent):
        path = self._descend(step.children, step.weights, (*bits, step.bit), spent + step.residual)
        # Only the first step is wanted whole, by the search for tied factors; the others give their memory back.
        if bits:
            step.children = None
        path.steps.insert(0, step)
        return path


class _Report:
    """Progress of a search whose level j costs half of level j - 1."""

    def __init__(self, progress):
        self._progress = progress
        self._start, self._length, self._model, self._last = 0.0, 1.0, "BP", 0.0

    def share(self, start, length, model):
        """Announce which part of the whole the next levels are."""
        self._start, self._length, self._model = start, length, model

    def __call__(self, depth):
        if self._progress is not None:
            self._last = max(self._last, self._start + self._length * (1 - 0.5**depth))
            self._progress(self._last, f"{self._model}: level {depth + 1}")

    def done(self):
        """Announce the end."""
        if self._progress is not None:
            self._progress(1.0, "factors found")


def _found(candidate, path, shared, norm2, tol):
    """Put the steps together."""
    from pyfly._functions import permutation_from_choices

    n = len(candidate.view)
    perm = path.perm
    if perm is None:
        choices = np.zeros((n.bit_length() - 2, 3), dtype=np.int64)
        for row, step in zip(choices[::-1], path.steps, strict=True):
            row[0], row[2] = step.bit, step.reverse
        perm = permutation_from_choices(choices)
    stages = [path.last] + [step.blocks for step in path.steps[::-1]]
    if shared:
        twiddle = np.concatenate([stage.reshape(-1, 2, 2) for stage in stages])
    else:
        twiddle = np.stack([stage.reshape(n // 2, 2, 2) for stage in stages])
    errors = np.sqrt(np.cumsum([0.0, *(step.residual for step in path.steps)]) / norm2)
    history = [float(error) for error in errors[1:]] or [0.0]
    factors, perm = candidate.wrap(twiddle, perm, shared)
    kind = "tied" if shared else "free"
    if history[-1] <= tol:
        note = f"Found by peeling off {len(stages)} stages with {kind} factors."
    else:
        note = (
            f"No {candidate.model} within the tolerance: the greedy approximation with {kind} factors is left with a "
            f"relative residual of {history[-1]:.2e}."
        )
    return Found(factors, candidate.model, perm, shared, history, note)


def _bound(levels, matrix):
    """Lower bound of the squared error of any search in these levels."""
    if len(matrix) == 2:
        return 0.0
    nodes, weights = matrix[None], np.ones((1, len(matrix)))
    return min(levels.bound(nodes, weights, bit) for bit in (0, 1))


def _norm2(matrix):
    return square(matrix)
