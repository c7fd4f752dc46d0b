"""Ways to run one attempt of the gradient search, each called what it is.

    relaxed     factors and logits together, rounding, factors alone, L-BFGS: the paper's way
    enumerate   a search over hard permutations, scored by short fits with successive halving; nothing is relaxed

A class of several factors is searched in the same two ways. Both start with tied factors for the real part of complex
ones (untied rows could each be conjugated: local minima without number), and may untie what was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyfly._learn._gradient_chain import Chain
from pyfly._learn._gradient_fit import Fit, cosine
from pyfly._learn._gradient_logits import Logits, parametrisation
from pyfly._learn._gradient_models import parse
from pyfly._learn._gradient_polish import PRECISE

#: Relative error at which Adam has done its part: L-BFGS converges from here in nearly every run.
READY = 3e-3

#: A run with a larger error has few evaluations of L-BFGS to get below it.
_FAR = 0.1

#: Up to this error tied factors may have left nothing but noise: untied ones then fit a part of it, no more than half.
_NOISE, _BY_CHANCE = 0.15, 0.5

#: Products of hard permutations that a search looks at.
MOST_CANDIDATES = 64


@dataclass(frozen=True)
class Recipe:
    """One way to look for a product.

    Attributes
    ----------
    model : str
        A name of `pyfly._learn._gradient_models`. Of a real target, BP has real factors; more than one butterfly has
        complex ones, whose imaginary part is fitted to 0 unless the class is Re.
    permutation : str
        A parametrisation of `pyfly._learn._gradient_logits`, for every factor the same, or ``"enumerate"``.
    factors : {"tied", "tied then untied", "untied", "untied then tied"}
        The second half of a name is tried after the first: untied where tied factors did not suffice, tied with the
        permutation that was found where they may.
    relaxed_steps, hard_steps : int
        Steps before and after rounding; three times as many follow where these do not suffice.
    rate, hard_rate : float
        Adam's learning rate before, and the first one after rounding, falling along a cosine.
    logit_rate : float
        Factor of the rate for the logits: slower ones wait for the factors.
    stages : int
        The relaxed steps come in so many parts: after each but the last, the choices of the next largest blocks, which
        are certain first, are fixed, and the others start anew.
    roundings : int
        If the nearest choices fail, those with the least certain logits turned over are tried too, so many in all.
    starts : int
        Random starts: of the search for each hard permutation, of relaxed ones until one fits.
    searches : int
        Searches over hard permutations, until one fits.
    rung, search_rate, final_steps, final_rate
        Of the search over hard permutations: steps and rate of its first round, and the most steps and first rate that
        the winner gets.
    """

    model: str
    permutation: str
    factors: str
    relaxed_steps: int = 100
    hard_steps: int = 200
    rate: float = 0.1
    hard_rate: float = 0.05
    logit_rate: float = 0.3
    stages: int = 1
    roundings: int = 2
    starts: int = 1
    searches: int = 1
    rung: int = 150
    search_rate: float = 0.03
    final_steps: int = 1000
    final_rate: float = 0.02

    @property
    def name(self):
        """In words, for notes and progress."""
        how = "search over permutations" if self.permutation == "enumerate" else f"relaxed, {self.permutation}"
        return f"{self.model}, {self.factors}, {how}"


@dataclass
class Attempt:
    """What one run found: its fit after the polish, the relative error of that, and which recipe it was."""

    recipe: Recipe
    fit: Fit | Chain
    error: float
    history: list[float]
    steps: int


def attempt(target, recipe, *, seed, tol, single=True, cancel=None, watch=None):
    """Run a recipe once.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)
        Of norm sqrt(m n / size), that of a corner of an orthogonal matrix.
    recipe : Recipe
    seed : sequence of int
    tol : float
        Relative error that is good enough to try no further.
    single, cancel
        As in `Fit`.
    watch : callable, optional
        Called with every run that is begun, so that its error can be looked at from elsewhere.

    Returns
    -------
    Attempt
    """
    new = Maker(target, recipe, np.random.default_rng(seed), watch=watch, single=single, cancel=cancel)
    tied = recipe.factors.startswith("tied")
    fit = halving(new, recipe, tied=tied) if recipe.permutation == "enumerate" else relaxed(new, recipe, tied=tied)
    steps = len(fit.history)
    fit = complete(new, fit, tol)
    return Attempt(recipe, fit, fit.error, fit.history, steps)


class Maker:
    """Makes the runs of one attempt: ``new(tied, permutation)``, permutation as in `Recipe`."""

    def __init__(self, target, recipe, rng, *, watch=None, **options):
        self.watch = watch
        self.recipe, self.model = recipe, parse(recipe.model)
        self.size = padded_size(target.shape, self.model.expansion)
        self.target = target if self.model.depth == 1 or self.model.real_part else target.astype(np.complex128)
        self.rng, self.options = rng, options

    def __call__(self, tied, permutation):
        fit = self._new(tied, permutation)
        if self.watch is not None:
            self.watch(fit)
        return fit

    def _new(self, tied, permutation):
        model = self.model
        options = {"tied": tied, "rng": self.rng, "complex_factors": model.real_part, **self.options}
        logits = None
        if permutation != "enumerate":
            logits = parametrisation(" + ".join([permutation] * model.depth), self.size)
        if model.depth > 1 or self.target.shape != (self.size, self.size):
            return Chain(self.target, size=self.size, depth=model.depth, logits=logits, **options)
        if logits is None:
            logits = Logits("hard", np.zeros((1, 0, 3), np.int64), 0)
        return Fit(self.target, logits, **options)


def padded_size(shape, expansion):
    """Size of the factors of which a matrix of this shape is the corner."""
    return max(2, expansion * (1 << (max(shape) - 1).bit_length()))


def relaxed(new, recipe, *, tied):
    """Train factors and permutations together, round, train the factors; from other starts until one fits.

    Logits settle before the factors know more than a little: small real transforms and several butterflies round to
    the right choices from one start in four to ten, and then nearly always fit. So what has been tried with no success
    is not trained again. The factors of several butterflies begin anew: those that suited relaxed permutations lie in
    poor basins (convolution, n = 64, right choices: none of 8 runs fits from there, 8 of 8 from random factors).
    """
    best, history, tried = None, [], set()
    for _ in range(recipe.starts):
        fit, roundings = _round(new, recipe, tied)
        history += fit.history
        for choices in roundings:
            if choices.tobytes() in tried:
                continue
            tried.add(choices.tobytes())
            trial = new(tied, "enumerate") if new.model.depth > 1 else fit.copy()
            done = len(trial.history)
            trial.harden(choices)
            trial.adam(cosine(recipe.hard_rate, 0.01 * recipe.hard_rate, recipe.hard_steps), stop=READY)
            history += trial.history[done:]
            if best is None or trial.error < best.error:
                best = trial
            if best.error <= 2 * READY:
                break
        if best.error <= 2 * READY:
            break
    if best.error > READY:
        done = len(best.history)
        best.adam(cosine(recipe.hard_rate, 0.01 * recipe.hard_rate, 3 * recipe.hard_steps), stop=READY)
        history += best.history[done:]
    best.history = history
    return best


def _round(new, recipe, tied):
    """A run with relaxed permutations, trained, and the hard ones to try, nearest first."""
    fit = new(tied, recipe.permutation)
    if fit.perm is not None:
        return fit, [fit.choices]
    for stage in range(1, recipe.stages + 1):
        fit.adam(np.full(recipe.relaxed_steps // recipe.stages, recipe.rate), logit_rate=recipe.logit_rate)
        if stage < recipe.stages:
            fit.decide(stage)
    # the reversals b and c are absorbed by untied factors: turning them over would change nothing
    return fit, fit.logits.nearby(fit.free_logits, recipe.roundings, (0, 1, 2) if tied else (0,))


def candidates(model, size, rng):
    """Hard permutations of a class, as choices ``(k, 1 or 2, log2 size - 1, 3)`` each, k that of the class.

    P is the bit reversal or the identity; P' has a and c of the largest block, so that BPP holds eight. Of more than
    `MOST_CANDIDATES` products a random selection is taken, beside those that have the same P in every factor.
    """
    levels = max(size.bit_length() - 2, 0)
    firsts = [np.zeros((levels, 3), np.int64) for _ in range(2 if levels else 1)]
    firsts[0][:, 0] = 1
    one = [first[None] for first in firsts]
    if model.second and levels:
        one = []
        for a, c in ((1, 1), (1, 0), (0, 1), (0, 0)):
            for first in firsts:
                second = np.zeros((levels, 3), np.int64)
                second[-1] = a, 0, c
                one.append(np.stack([first, second]))
    count = len(one) ** model.depth
    numbers = range(count)
    if count > MOST_CANDIDATES:
        same = sum(len(one) ** k for k in range(model.depth))
        chosen = {*range(0, count, same), *rng.choice(count, MOST_CANDIDATES - len(one), replace=False).tolist()}
        numbers = sorted(chosen)
    return [np.stack([one[number // len(one) ** k % len(one)] for k in range(model.depth)]) for number in numbers]


def halving(new, recipe, *, tied):
    """Successive halving over hard permutations, from other starts until one is on its way; the winner is trained on.

    Which minimum the real part of tied factors comes to is decided in the first steps: of random targets, with the
    right permutation, one start in four finds the lowest.
    """
    best = None
    for _ in range(recipe.searches):
        fit = _halved(new, recipe, tied)
        if best is None or fit.error < best.error:
            best = fit
        if best.error <= 10 * READY:
            break
    if best.error > READY:
        best.adam(cosine(recipe.final_rate, 0.01 * recipe.final_rate, recipe.final_steps), stop=READY)
    return best


def _halved(new, recipe, tied):
    """The last of the fits of which a quarter goes on for twice as many steps each time."""
    fits = []
    for choices in candidates(new.model, new.size, new.rng) * recipe.starts:
        fit = new(tied, "enumerate")
        fit.harden(choices)
        fits.append(fit)
    rung = recipe.rung
    while len(fits) > 1 and new.size > 2:
        for fit in fits:
            fit.adam(np.full(rung, recipe.search_rate), stop=READY)
            if fit.error <= READY:
                break
        fits.sort(key=lambda fit: fit.error)
        fits = fits[: max(1, len(fits) // 4)] if fits[0].error > READY else fits[:1]
        rung *= 2
    return fits[0]


def complete(new, fit, tol):
    """What comes after Adam: the polish, then untied factors where tied ones did not suffice, or tied ones that may."""
    _finish(fit)
    if new.recipe.factors == "tied then untied" and fit.error > tol:
        return _untie(fit)
    if new.recipe.factors == "untied then tied" and fit.error <= tol:
        return _tie(new, fit, tol)
    return fit


def _finish(fit):
    """Polish a run: one that is far off is given up soon, not rescued; one that converges slowly goes on."""
    if fit.error >= _FAR:
        fit.polish(evaluations=60)
    enough = _FAR
    while PRECISE < fit.error < enough:
        enough = 0.01 * fit.error
        fit.polish(evaluations=1500)


def _untie(fit):
    """Go on with untied factors from tied ones that did not suffice; back to these if what is gained is noise."""
    tied = fit.copy()
    fit.untie()
    fit.adam(cosine(0.05, 0.0005, 300), stop=READY)
    _finish(fit)
    return tied if tied.error < _NOISE and fit.error > _BY_CHANCE * tied.error else fit


def _tie(new, fit, tol):
    """Fit tied factors with the permutation that was found; keep them if they are within the tolerance."""
    other = new(True, "enumerate")
    other.harden(fit.choices)
    other.adam(np.full(1000, 0.02), stop=READY)
    if other.error > 10 * READY:
        return fit
    _finish(other)
    if other.error > max(tol, 0.0):
        return fit
    other.history = fit.history + other.history
    return other
