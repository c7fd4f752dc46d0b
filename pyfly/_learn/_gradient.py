"""The gradient search: the paper's way to a fast algorithm, by training (arXiv:1903.05895, section 4.1).

    T = B P,   Re(B P),   Re(B P P'), ...      Adam on factors and permutations, rounding, L-BFGS in float64

Attempts differ in class, in how the permutation is found (relaxed logits, or a search over hard permutations), in tied
or untied factors, and in the seed; they run side by side, and the first in their order that meets the tolerance is
taken.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pyfly._learn._found import Found
from pyfly._learn._gradient_logits import parametrisation
from pyfly._learn._gradient_parallel import in_order
from pyfly._learn._gradient_search import Recipe, attempt

_MODELS = ("BP", "BPP", "Re(BP)", "Re(BPP)")
_FACTORS = {"auto": None, True: "tied", False: "untied"}


def gradient(
    target,
    *,
    model="auto",
    tied="auto",
    max_depth=1,
    expansion=1,
    seed=0,
    progress=None,
    tol=1e-10,
    permutation="auto",
    restarts=3,
    workers=None,
    single=True,
):
    """Train factors and permutations until their product is the target.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two; finite, not zero.
    model : str
        ``"BP"``, ``"BPP"`` (a second permutation P' with choices a and c of the largest block), ``"Re(BP)"``,
        ``"Re(BPP)"``, or ``"auto"``.
    tied : {"auto", True, False}
        Tied factors (4 n - 4 numbers, the paper's), free ones, or whichever is as exact with fewer numbers.
    max_depth, expansion : int
        Only 1 here.
    seed : int
        Start of the random choices; the result depends on nothing else.
    progress : callable, optional
        Called as ``progress(fraction, message)``.
    tol : float
        Relative Frobenius error at which the search stops.
    permutation : str
        How the permutation is found: ``"enumerate"``, a search over hard permutations scored by short fits; or relaxed,
        with one of the parametrisations ``"shared a"``, ``"level a"``, ``"shared abc"``, ``"level abc"`` (the paper's),
        for BPP two of them joined by ``" + "``, such as ``"shared a + top ac"``; or ``"auto"``, several in turn.
    restarts : int
        How many times every way is tried again with other random numbers.
    workers : int, optional
        Attempts at a time; the library's number of threads by default.
    single : bool
        Train in float32 before the polish in float64.

    Returns
    -------
    Found
        The best product met. Its history is the relative error after each evaluation of the attempt that won, the
        lowest so far; what relaxed permutations reached counts only as far as the hard one reached it, too.

    Raises
    ------
    ValueError
        An argument is out of range.

    Notes
    -----
    A step costs O(n^2) with a hard permutation and O(n^2 log n) with a relaxed one.
    """
    n = len(target)
    _check(model, tied, restarts, seed)
    if workers is None:
        from pyfly import get_num_threads

        workers = get_num_threads()
    if n == 1:
        return _single_entry(target)
    norm = float(np.linalg.norm(target))
    unit = target * (math.sqrt(n) / norm)
    recipes = _recipes(target, model, tied, permutation, restarts)

    def call(index, recipe):
        return lambda cancel: attempt(unit, recipe, seed=[seed, index], tol=tol, single=single, cancel=cancel)

    best, tried = None, 0
    calls = (call(index, recipe) for index, recipe in enumerate(recipes))
    for result in in_order(calls, workers=workers, accept=lambda result: result.error <= tol):
        tried += 1
        if best is None or result.error < best.error:
            best = result
        if progress is not None:
            progress(tried / len(recipes), f"{result.recipe.name}: relative error {result.error:.1e}")
    if progress is not None:
        progress(1.0, f"{best.recipe.name}: relative error {best.error:.1e}")
    return _found(best, norm / math.sqrt(n), tried, len(recipes), tol)


def _recipes(target, model, tied, permutation, restarts):
    """What to try, in order: cheap and likely first, then the same again with other random numbers."""
    n = len(target)
    complex_target = np.iscomplexobj(target)
    models = ["BP"] if complex_target else ["BP", "Re(BPP)"]
    if model != "auto":
        models = [model[3:-1] if complex_target and model.startswith("Re(") else model]
    ways = []
    for name in models:
        real_part = name.startswith("Re(")
        factors = _FACTORS[tied] or ("tied then untied" if real_part else "untied then tied")
        names = [permutation] if permutation != "auto" else _permutations(name)
        for way in names:
            if way != "enumerate":
                parametrisation(way, n)  # refuses unknown names
            ways.append(tuned(Recipe(name, way, factors)))
    return ways * (restarts + 1)


def _permutations(name):
    if name == "BP":
        return ["shared a", "level a"]
    if name == "BPP":
        return ["shared a + top ac", "enumerate"]
    return ["enumerate"]


def tuned(recipe):
    """Logits of each level are decided in two stages, with more steps and the next best roundings."""
    if "level" in recipe.permutation:
        return replace(recipe, relaxed_steps=400, logit_rate=1.0, stages=2, roundings=4)
    return recipe


def _found(best, scale, tried, total, tol):
    """The product's operators at the target's scale."""
    from pyfly import Butterfly, Permutation, Product, RealPart

    fit = best.fit
    twiddle = fit.twiddle.copy()
    last = slice(fit.n // 2 - 1, None) if fit.tied else slice(-1, None)
    twiddle[last] *= scale
    factors = (Butterfly(twiddle, tied=fit.tied), Permutation(fit.perm))
    model = _model(best)
    if fit.mode == 2:
        factors = (RealPart(Product(*factors)),)
    history = np.minimum.accumulate(best.history)
    way = "within the tolerance" if best.error <= tol else "the best"
    note = (
        f"{best.recipe.name}: attempt {tried} of at most {total}, {best.steps} steps of Adam; {way} of what was tried"
    )
    return Found(
        factors=factors,
        model=model,
        permutation=fit.perm,
        tied=fit.tied,
        history=[float(h) for h in np.maximum(history, best.error)],
        note=note,
    )


def _model(best):
    """BPP with a P' that is the identity is BP."""
    choices = best.fit.choices
    if "PP" in best.recipe.model and not choices[1:].any():
        return best.recipe.model.replace("PP", "P")
    return best.recipe.model


def _single_entry(target):
    from pyfly import Diagonal, Permutation

    return Found(
        (Diagonal(target[0].copy()), Permutation(np.zeros(1, np.int64))), "BP", np.zeros(1, np.int64), True, [0.0]
    )


def _check(model, tied, restarts, seed):
    if model != "auto" and model not in _MODELS:
        raise ValueError(f"model = {model!r}: method='gradient' knows {', '.join(_MODELS)} and 'auto'")
    if tied not in _FACTORS:
        raise ValueError(f"tied = {tied!r}: choose 'auto', True or False")
    if isinstance(restarts, bool) or not isinstance(restarts, (int, np.integer)) or restarts < 0:
        raise ValueError(f"restarts = {restarts!r}: give an integer of at least 0")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed = {seed!r}: give an integer of at least 0")
