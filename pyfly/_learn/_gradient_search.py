"""Ways to run one attempt of the gradient search, each called what it is.

    relaxed     factors and logits together, rounding, factors alone, L-BFGS: the paper's way
    enumerate   a search over hard permutations, scored by short fits with successive halving; nothing is relaxed

Both start with tied factors for the real part of complex ones (untied rows could each be conjugated: local minima
without number), and may untie what was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyfly._learn._gradient_fit import Fit, cosine
from pyfly._learn._gradient_logits import Logits, parametrisation

#: Relative error at which Adam has done its part: L-BFGS converges from here in nearly every run.
READY = 3e-3


@dataclass(frozen=True)
class Recipe:
    """One way to look for a product.

    Attributes
    ----------
    model : {"BP", "BPP", "Re(BP)", "Re(BPP)"}
    permutation : str
        A parametrisation of `pyfly._learn._gradient_logits`, or ``"enumerate"``.
    factors : {"tied", "tied then untied", "untied", "untied then tied"}
        The second half of a name is tried after the first: untied where tied factors did not suffice, tied with the
        permutation that was found where they may.
    relaxed_steps, hard_steps : int
        Steps before and after rounding.
    rate, hard_rate : float
        Adam's learning rate before, and the first one after rounding, falling along a cosine.
    logit_rate : float
        Factor of the rate for the logits: slower ones wait for the factors.
    stages : int
        The relaxed steps come in so many parts: after each, the choices of the largest blocks, which are certain first,
        are fixed, and the others start anew.
    roundings : int
        If the nearest choices fail, those with the least certain logits turned over are tried too, so many in all.
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
    roundings: int = 1

    @property
    def name(self):
        """In words, for notes and progress."""
        how = "search over permutations" if self.permutation == "enumerate" else f"relaxed, {self.permutation}"
        return f"{self.model}, {self.factors}, {how}"


@dataclass
class Attempt:
    """What one run found: its fit after the polish, the relative error of that, and which recipe it was."""

    recipe: Recipe
    fit: Fit
    error: float
    history: list[float]
    steps: int


def attempt(target, recipe, *, seed, tol, single=True, cancel=None):
    """Run a recipe once.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        Of norm sqrt(n).
    recipe : Recipe
    seed : sequence of int
    tol : float
        Relative error that is good enough to try no further.
    single, cancel
        As in `Fit`.

    Returns
    -------
    Attempt
    """
    rng = np.random.default_rng(seed)
    options = {"complex_factors": recipe.model.startswith("Re"), "rng": rng, "single": single, "cancel": cancel}
    tied = recipe.factors.startswith("tied")
    if recipe.permutation == "enumerate":
        fit, before = halving(target, candidates(recipe.model, len(target)), tied=tied, **options)
    else:
        logits = parametrisation(recipe.permutation, len(target))
        fit, before = relaxed(target, logits, recipe, tied=tied, **options), []
    steps = len(fit.history)
    fit.polish(**_effort(fit, tol))
    if recipe.factors == "tied then untied" and fit.error > tol:
        fit = _untie(fit, tol)
    elif recipe.factors == "untied then tied" and fit.error <= tol:
        fit = _tie(fit, tol, options)
    return Attempt(recipe, fit, fit.error, before + fit.history, steps)


def relaxed(target, logits, recipe, *, tied, **options):
    """Train factors and permutations together, round, train the factors."""
    fit = Fit(target, logits, tied=tied, **options)
    levels = logits.table.shape[1]
    if fit.perm is not None:
        roundings = [fit.choices]
    else:
        for stage in range(1, recipe.stages + 1):
            fit.adam(np.full(recipe.relaxed_steps // recipe.stages, recipe.rate), logit_rate=recipe.logit_rate)
            if stage < recipe.stages:
                fit.decide(levels * stage // recipe.stages)
        # the reversals b and c are absorbed by untied factors: turning them over would change nothing
        roundings = fit.logits.nearby(fit.free_logits, recipe.roundings, (0, 1, 2) if tied else (0,))
    best, history = None, list(fit.history)
    for choices in roundings:
        trial = fit.copy()
        trial.harden(choices)
        trial.adam(cosine(recipe.hard_rate, 0.01 * recipe.hard_rate, recipe.hard_steps), stop=READY)
        history += trial.history[len(fit.history) :]
        if best is None or trial.error < best.error:
            best = trial
        if best.error <= 2 * READY:
            break
    best.history = history
    return best


def candidates(model, n):
    """Hard permutations of a class, as choices ``(k, log2 n - 1, 3)`` each.

    P is the bit reversal or the identity; P' has a and c of the largest block, so that BPP holds eight.
    """
    levels = max(n.bit_length() - 2, 0)
    if levels == 0:
        return [np.zeros((1, 0, 3), np.int64)]
    firsts = [np.zeros((levels, 3), np.int64) for _ in range(2)]
    firsts[0][:, 0] = 1
    if "PP" not in model:
        return [first[None] for first in firsts]
    found = []
    for a, c in ((1, 1), (1, 0), (0, 1), (0, 0)):
        for first in firsts:
            second = np.zeros((levels, 3), np.int64)
            second[-1] = a, 0, c
            found.append(np.stack([first, second]))
    return found


def halving(target, permutations, *, tied, rng, steps=150, rate=0.03, final_steps=1000, final_rate=0.02, **options):
    """Successive halving over hard permutations: a quarter of the fits goes on for twice as many steps.

    Returns
    -------
    fit : Fit
        The winner, trained on.
    before : list of float
        Relative errors of the first rung, the best one at every step.
    """
    n = len(target)
    none = Logits("hard", np.zeros((1, 0, 3), np.int64), 0)
    fits = []
    for choices in permutations:
        fit = Fit(target, none, tied=tied, rng=rng, **options)
        fit.harden(choices)
        fits.append(fit)
    rung = steps
    while len(fits) > 1 and n > 2:
        for fit in fits:
            fit.adam(np.full(rung, rate), stop=READY)
        fits.sort(key=lambda fit: fit.error)
        fits = fits[: max(1, len(fits) // 4)] if fits[0].error > READY else fits[:1]
        rung *= 2
    fit = fits[0]
    if fit.error > READY:
        fit.adam(cosine(final_rate, 0.01 * final_rate, final_steps), stop=READY)
    return fit, []


def _effort(fit, tol):
    """Evaluations of the polish: a run that is far off is finished, not rescued."""
    return {"evaluations": 1500 if fit.error < 0.1 else 60, "goal": 0.0}


def _untie(fit, tol):
    """Go on with untied factors from tied ones that did not suffice."""
    fit.untie()
    fit.adam(cosine(0.05, 0.0005, 300), stop=READY)
    fit.polish(**_effort(fit, tol))
    return fit


def _tie(fit, tol, options):
    """Fit tied factors with the permutation that was found; keep them if they are within the tolerance."""
    other = Fit(fit.target, fit.logits, tied=True, **options)
    other.harden(fit.choices)
    other.adam(cosine(0.1, 0.001, 300), stop=READY)
    if other.error > 10 * READY:
        return fit
    other.polish(**_effort(other, tol))
    if other.error > max(tol, 0.0):
        return fit
    other.history = fit.history + other.history
    return other
