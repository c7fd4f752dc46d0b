"""The order in which structure is looked for: cheap tests first, exact answers end the search, the best answer is kept.

    one entry a row and column -> B P and its transpose -> A (x) B -> one transform decides
    -> Re(B P P') and its transpose -> columns in any order -> rows and columns in any order
    -> rows and columns where they vary slowly -> the greedy product, when nothing fits

Every test looks at a few rows, columns or blocks before it touches the whole matrix. A result beyond the tolerance is
kept as the best so far (noise, single precision), and replaced by one that leaves less.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from pyfly._algebra import to_untied
from pyfly._learn import _peel
from pyfly._learn._alternating import scaled_convolutions
from pyfly._learn._characters import fourier
from pyfly._learn._classes import fits
from pyfly._learn._compress import single
from pyfly._learn._convolution import convolution, hankel
from pyfly._learn._corner import assemble, in_single
from pyfly._learn._disorder import disordered
from pyfly._learn._factorization import distance, slabs, square
from pyfly._learn._found import behind, made_real, reordered
from pyfly._learn._kaleidoscope import two_factors
from pyfly._learn._kronecker import kronecker
from pyfly._learn._matching import matched
from pyfly._learn._monomial import diagonalised, monomial, scrambled
from pyfly._learn._pairs import two_bases
from pyfly._learn._realpart import rank_share, real_part
from pyfly._learn._scaling import balance, in_order, rescaled
from pyfly._learn._seriation import seriated
from pyfly._learn._unordered import clean, unordered

# A structure that leaves more than this share of the target's energy is chance.
_CLEAR = 0.2
# One that leaves less than this fits, up to noise.
_FITS = 0.03
# Relative error that is taken for noise below the size at which noise can be told from structure.
_NOISE, _TELLING = 0.15, 32
# Relative error from which one butterfly, though within the tolerance, may stand for a convolution of a large range.
_EXACT = 1e-12
# Entries taken for zeros are at most this part of the error of the best so far.
_ZEROS = 0.5
# Classes without factors that could be tied.
_NO_BUTTERFLIES = ("D", "P", "DP")


def auto(target, *, tol, tied="auto", model="auto", progress=None, only_peel=False, single=False):
    """Look for the best exact or nearly exact product.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, largest entry of the order of 1.
    tol : float
    tied : {"auto", True, False}
    model : str
        Class wanted, or "auto".
    progress : callable, optional
    only_peel : bool
        Stop after B P, its transpose and permuted columns.
    single : bool
        Whether the product will be cast to single precision: candidates are judged by what they are then.

    Returns
    -------
    Found or None
        None where nothing of the class wanted was met.
    float
        Its relative error.
    bool
        Whether what it leaves looks like noise.
    """
    search = _Search(target, tol, tied, model, progress, single)
    for step in _PEEL_ONLY if only_peel else _STEPS:
        if step(search):
            break
    return search.best, search.error, search.noise()


def auto_any_shape(target, *, tol, tied="auto", model="auto", progress=None, single=False):
    """Exact forms that need no power of two: convolutions of any shape, or None.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)
    tol, tied, model, progress, single
        As in `auto`.

    Returns
    -------
    Found or None
    bool
        Whether what it leaves looks like noise.
    """
    search = _Search(target, tol, tied, model, progress, single)
    for find in (convolution, hankel):
        if search.take(find(target)):
            return search.best, False
    return search.best if search.error < math.sqrt(_CLEAR) else None, search.noise()


class _Search:
    """The target, what is asked for, and the best product so far."""

    def __init__(self, target, tol, tied, model, progress, single):
        self.target, self.tol, self.tied, self.model, self.progress = target, tol, tied, model, progress
        self.single = single
        self.norm = math.sqrt(square(target))
        self.real = not np.iscomplexobj(target)
        self.best, self.error, self.numbers = None, math.inf, math.inf
        self._seen, self._even = None, False

    @cached_property
    def balanced(self):
        """Factors that balance the target, None if there are none."""
        return balance(self.target)

    def take(self, found, error=None):
        """Keep a product if it is wanted and better; say whether the search is over."""
        if found is not None and self.real and self.model == "auto":
            found = made_real(found)
        if found is None or not fits(found.model, self.model) or not self._tied_as_asked(found):
            return False
        # the error that a search knows is that of double precision
        measured = error is None or self.single
        if measured:
            error = self.measure(found)
            found.history = [*found.history[:-1], error]
        # a form with more numbers must leave clearly less than noise would by chance: one part in n^2 a number
        numbers = sum(factor.n_parameters for factor in found.factors)
        gain = min(max(4 * (numbers - self.numbers) / self.target.size, 1e-3), 0.2) if numbers > self.numbers else 0.03
        if self.expanded() and found.size == len(self.target) and error < _FITS**0.5:
            # what the corner of a larger form leaves less may be chance
            gain = -0.2
        if error < self.error * math.sqrt(1 - gain):
            self.best, self.error, self.numbers = found, error, numbers
            found.measured = error if measured else None
        return self.error <= self.tol

    def _tied_as_asked(self, found):
        """Give every pair its own block where free factors are asked for; say whether the factors are as asked."""
        if self.tied is False and found.tied:
            found.factors, found.tied = tuple(to_untied(factor) for factor in found.factors), False
        if self.tied is True and found.model in _NO_BUTTERFLIES:
            found.tied = True
        return self.tied == "auto" or found.tied == self.tied

    def tied_if_small(self):
        """Tied factors alone up to n = 8: free ones of Re(BP) or BPBP have more numbers than the matrix, noise fits."""
        return True if len(self.target) <= 8 else self.tied

    def measure(self, found):
        """Relative error of a product in the precision it will have: large ranges do not survive a cast."""
        operator = assemble(found, self.target.shape)
        if self.single:
            operator = in_single(operator)
        return distance(operator, self.target, 1.0) / self.norm

    def expanded(self):
        """Whether the best so far is the corner of a larger product."""
        return self.best is not None and self.best.size not in (None, len(self.target))

    def settled(self):
        """Whether what is left is noise: little, and evenly spread; at small sizes a small error may be chance."""
        if not self.tol < self.error < _FITS**0.5 * (1 - 16 / len(self.target)):
            return False
        if self._seen is not self.best:
            self._seen = self.best
            rows, columns = (np.zeros(size) for size in self.target.shape)
            for part, block in slabs(assemble(self.best, self.target.shape)):
                energy = np.square(np.abs(block - self.target[part]))
                rows[part] = energy.sum(axis=1)
                columns += energy.sum(axis=0)
            self._even = all(line.max() < (1 + 12 / len(line) ** 0.5) * line.mean() for line in (rows, columns))
        return self._even

    def noise(self):
        """Whether what is left looks like noise; at small sizes that cannot be told, and little is taken for noise."""
        return self.settled() or (self.error < _NOISE and len(self.target) < _TELLING)

    def tell(self, message):
        """Report progress by name; the share of the whole is not known."""
        if self.progress is not None:
            self.progress(0.0, message)


def _one_entry(search):
    found = monomial(search.target)
    return found is not None and search.take(found)


def _levels(search):
    """B P and its transpose, when a few rows do not speak against it."""
    if not fits("BP", search.model):
        return False
    search.tell("BP")
    views = (search.target, search.target.T)
    if len(search.target) > 4 and all(rank_share(v, 1, even=even) > _CLEAR for even in (True, False) for v in views):
        return False
    found = _peel.peel(search.target, tol=search.tol, tied=search.tied, any_order=False, progress=search.progress)
    done = search.take(found, found.history[-1])
    if done and search.error > _EXACT and not search.single:
        for find in (convolution, hankel):
            search.take(find(search.target))
    return done


def _kronecker(search):
    """A Kronecker product of smaller matrices, each with a form of its own."""
    if len(search.target) < 4:
        return False

    def side(matrix):
        return auto(matrix, tol=search.tol, tied=search.tied, single=search.single)[0]

    return search.take(kronecker(search.target, side))


def _transforms(search):
    search.tell("scrambled transforms")
    if len(search.target) < 4:
        return False
    done = False
    for found in scrambled(search.target):
        done = search.take(found) or done
    if not done and search.best is not None and search.error < _FITS**0.5:
        done = search.take(rescaled(search.best, search.target))
    return done


def _convolutions(search):
    search.tell("convolutions")
    if len(search.target) < 4:
        return False
    if any(search.take(find(search.target)) for find in (convolution, diagonalised, hankel)):
        return True
    if len(search.target) < 8 or not _open(search):
        return False
    for found in scaled_convolutions(search.target, lambda: search.balanced):
        if search.take(found):
            return True
        if not _open(search):
            break
    return False


def _pairs(search):
    """Two known bases, one after the other; a few rows or columns that are scaled may look like noise."""
    if len(search.target) < 8:
        return False
    search.tell("pairs of transforms")
    return search.take(two_bases(search.target))


def _open(search):
    """Whether a convolution may still be found: in noise an expanded product fits a circulant as well."""
    return search.expanded() or not search.settled()


def _scrambled_convolutions(search):
    search.tell("scrambled convolutions")
    if len(search.target) < 8 or search.settled():
        return False
    return any(search.take(found) for found in disordered(search.target, search.balanced))


def _matched(search):
    """A known basis with rows and columns scaled and in any order."""
    if len(search.target) < 8 or search.settled():
        return False
    search.tell("scrambled and scaled transforms")
    return search.take((matched if search.real else fourier)(search.target, search.balanced))


def _real_parts(search):
    """Re(B P P') and its transpose."""
    n = len(search.target)
    if not search.real or n < 4 or not fits("Re(BPP)", search.model) or search.settled():
        return False
    for turned in (False, True):
        view = search.target.T if turned else search.target
        found = real_part(view, tol=search.tol, tied=search.tied_if_small(), progress=search.progress)
        if found is not None and found.history[-1] < min(math.sqrt(_CLEAR), search.error):
            if turned:
                found.factors = tuple(factor.T for factor in found.factors[::-1])
                found.model = f"({found.model})^T"
                found.permutation = np.argsort(found.permutation)
            if search.take(found):
                return True
    return False


def _two_butterflies(search):
    """B R B, R the bit reversal."""
    n = len(search.target)
    if not 8 <= n <= 2048 or not fits("BPBP", search.model) or search.settled():
        return False
    search.tell("BPBP")
    return search.take(two_factors(search.target, tol=search.tol, tied=search.tied_if_small()))


def _clustered(search):
    """Columns, or rows, in any order, when a few pairs of rows say so."""
    if search.tied is True or not fits("BP", search.model):
        return False
    found = _peel.clustered(search.target, give_up=_FITS, tol=search.tol, progress=search.progress)
    return found is not None and search.take(found, found.history[-1])


def _unordered(search):
    """Rows and columns in any order."""
    return not search.settled() and _in_any_order(search, search.target)


def _noisy_zeros(search):
    """The same where zeros are hidden by noise."""
    cleaned = clean(search.target) if not search.settled() else None
    # what is taken for zeros must be less than what the best so far leaves
    if cleaned is None or square(cleaned - search.target) > (_ZEROS * search.error * search.norm) ** 2:
        return False
    return _in_any_order(search, cleaned)


def _in_any_order(search, target):
    """The matrix, then its transpose, whose blocks of zeros may say more."""
    if search.tied is True or len(target) < 8 or not fits("BP", search.model):
        return False
    search.tell("BP, rows and columns in any order")
    for turned in (False, True):
        found = unordered(target.T if turned else target, give_up=min(_CLEAR, search.error**2))
        if found is None:
            continue
        if turned:
            found.factors = tuple(factor.T for factor in found.factors[::-1])
            found.model = "(BP)^T P" if found.model == "P BP" else "(BP)^T"
            found.permutation = np.argsort(found.permutation)
        if search.take(found):
            return True
    return False


def _smoothed(search):
    """Rows and columns in an order in which the matrix varies slowly: kernels at scattered points."""
    if search.noise():
        return False
    rows, columns = seriated(search.target)
    if rows is None and columns is None:
        return False
    inner = np.ascontiguousarray(reordered(search.target, rows, columns))
    inside = _Search(inner, search.tol, search.tied, search.model, search.progress, search.single)
    for find in (convolution, hankel):
        inside.take(find(inner))
    if inside.error > _FITS**0.5:
        inside.balanced = in_order(search.balanced, rows, columns)
        for found in (*scaled_convolutions(inner, lambda: inside.balanced), single(inner)):
            inside.take(found)
        _real_parts(inside)
    return search.take(behind(inside.best, rows, columns))


def _greedy(search):
    """The best product of one butterfly and any permutation; it is the answer when nothing fits."""
    if search.error < _FITS**0.5 or not fits("BP", search.model):
        return False
    found = _peel.peel(search.target, tol=search.tol, tied=search.tied, progress=search.progress)
    if search.tied is not True and found.history[-1] > _FITS**0.5 and len(search.target) > 2:
        # greedy choices at the levels are not always the best
        found = min(found, single(search.target), key=lambda found: found.history[-1])
    if search.best is None:
        search.best, search.error = found, found.history[-1]
        return search.error <= search.tol
    return search.take(found, found.history[-1])


_PEEL_ONLY = (_levels, _greedy)
_STEPS = (
    _one_entry,
    _levels,
    _kronecker,
    _transforms,
    _convolutions,
    _pairs,
    _clustered,
    _matched,
    _unordered,
    _scrambled_convolutions,
    _real_parts,
    _two_butterflies,
    _noisy_zeros,
    _smoothed,
    _greedy,
)
