"""The gradient search: the paper's way to a fast algorithm, by training (arXiv:1903.05895, section 4.1).

    T = B P,   Re(B P P'),   (B P)^k, ...      Adam on factors and permutations, rounding, L-BFGS in float64

Attempts differ in class, in how the permutation is found (relaxed logits, or a search over hard permutations), in tied
or untied factors, and in the seed; they run side by side, and the first in their order that meets the tolerance is
taken.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pyfly._config import get_num_threads
from pyfly._learn._arguments import count
from pyfly._learn._found import Found
from pyfly._learn._gradient_logits import parametrisation
from pyfly._learn._gradient_models import Model, parse
from pyfly._learn._gradient_parallel import in_order
from pyfly._learn._gradient_search import Recipe, attempt, padded_size
from pyfly._learn._gradient_study import study

#: What `learn` hands on beside its own arguments.
OPTIONS = ("permutation", "restarts", "workers", "single", "search", "trials", "storage", "study_name")
#: The largest error of which two attempts alike are taken for noise.
_NOISE = 0.15
#: Starts of an attempt whose relaxed permutations round to wrong choices more often than not.
_STARTS = 6
#: Searches of an attempt over hard permutations of real parts.
_SEARCHES = 4
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
    search="restarts",
    trials=64,
    storage=None,
    study_name=None,
):
    """Train factors and permutations until their product is the target.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)
        Finite, not zero. Unless it is square with n a power of two, it is the corner of a product of such a size.
    model : str
        ``"BP"``, ``"BPP"`` (a second permutation P' with choices a and c of the largest block), ``"BPBP"``,
        ``"(BP)^k"``, ``"(BPP)^k"``, ``"Re(...)"`` of these (the real part of complex factors), with an expansion r
        ``"(BP)^k_r"``; or ``"auto"``, those of one butterfly, then (BP)^2 up to ``max_depth``.
    tied : {"auto", True, False}
        Tied factors (4 n - 4 numbers, the paper's), free ones, or whichever is as exact with fewer numbers.
    max_depth : int
        Most butterflies that ``"auto"`` tries.
    expansion : int
        A power of two: the factors are so many times as large as the target.
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
    search : {"restarts", "optuna"}
        ``"restarts"`` tries every way with fixed learning rates. ``"optuna"``, which needs the extra of that name,
        tries learning rates, starts and permutations at random, and lets the best quarter of them go on, rung by rung
        (asynchronous successive halving).
    trials : int
        Of ``"optuna"``: the most trials of this process.
    storage : str or storage of Optuna, optional
    study_name : str, optional
        Of ``"optuna"``: the URL of a database, such as ``"sqlite:///study.db"``, and a name in it. Processes, on one
        machine or many, that are given the same pair search together, each with trials of its own.

    Returns
    -------
    Found
        The best product met. Its history is the relative error after each evaluation of the attempt that won, the
        lowest so far; what relaxed permutations reached counts only as far as the hard one reached it, too.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, or out of range.
    ImportError
        Optuna is asked for and not installed.

    Notes
    -----
    A step costs O(n^2) with a hard permutation and O(n^2 log n) with a relaxed one or several butterflies.
    """
    _check(tied, single, permutation, search, storage, study_name)
    restarts, trials = count("restarts", restarts, 0, 10**6), count("trials", trials, 1)
    workers = get_num_threads() if workers is None else count("workers", workers, 1)
    recipes = _recipes(target, model, tied, permutation, restarts, max_depth, expansion)
    if target.shape == (1, 1):
        return _single_entry(target, tied is not False)
    # the norm of such a corner of an orthogonal matrix
    size = padded_size(target.shape, parse(recipes[0].model).expansion)
    scale = float(np.linalg.norm(target)) / math.sqrt(target.size / size)
    unit = target / scale

    if search == "optuna":
        ways = recipes[: len(recipes) // (restarts + 1)]
        best, tried = study(
            unit, ways, seed=seed, tol=tol, trials=trials, workers=workers, progress=progress, single=single,
            storage=storage, study_name=study_name,
        )  # fmt: skip
        total = trials
    else:
        best, tried = _restarts(unit, recipes, seed, tol, workers, progress, single)
        total = len(recipes)
    if progress is not None:
        progress(1.0, f"error {best.error:.1e}: {best.recipe.name}")
    return _found(best, scale, tried, total, tol, real=not np.iscomplexobj(target))


def _restarts(unit, recipes, seed, tol, workers, progress, single):
    """The best of the recipes, run in their order until one meets the tolerance, and how many were run."""

    best, tried, runs = None, 0, []

    def call(index, recipe):
        return lambda cancel: attempt(
            unit, recipe, seed=[seed, index], tol=tol, single=single, cancel=cancel, watch=runs.append
        )

    def tick():
        if runs:
            error = min(runs[-1].error, best.error if best else 1.0)
            progress(tried / len(recipes), f"error {error:.1e}: {recipes[tried].name}")

    def enough(result):
        # within the tolerance, or the same small error again: what is left is noise
        again = best is not None and best.error < _NOISE and abs(result.error - best.error) < 0.01 * best.error
        return result.error <= tol or again

    calls = (call(index, recipe) for index, recipe in enumerate(recipes))
    options = {"workers": workers, "tick": tick if progress is not None else None}
    for result in in_order(calls, accept=enough, **options):
        tried += 1
        if best is None or result.error < best.error:
            best = result
        if progress is not None:
            progress(tried / len(recipes), f"error {result.error:.1e}: {result.recipe.name}")
    return best, tried


def _recipes(target, model, tied, permutation, restarts, max_depth, expansion):
    """What to try, in order: cheap and likely first, then the same again with other random numbers."""
    complex_target = np.iscomplexobj(target)
    if model == "auto":
        models = [Model(expansion=expansion)]
        if not complex_target:
            models.append(Model(second=True, real_part=True, expansion=expansion))
        models += [Model(depth, expansion=expansion) for depth in range(2, max_depth + 1)]
    else:
        wanted = parse(model, expansion)
        models = [replace(wanted, real_part=wanted.real_part and not complex_target)]
    ways = []
    for one in models:
        factors = _FACTORS[tied]
        if factors is None:
            factors = "untied then tied" if one.depth == 1 and not one.real_part else "tied then untied"
        names = [permutation] if permutation != "auto" else _permutations(one)
        for way in names:
            size = padded_size(target.shape, one.expansion)
            if way != "enumerate":
                parametrisation(way, size)  # refuses unknown names
                if one.depth > 1 and (one.second or " + " in way):
                    raise ValueError(
                        f"permutation = {way!r}: for model = {one.name!r} choose 'enumerate', or for (BP)^k one "
                        "parametrisation that every factor has"
                    )
            ways.append(tuned(Recipe(one.name, way, factors), size))
    return ways * (restarts + 1)


def _permutations(model):
    if model.depth > 1 or model.real_part:
        return ["enumerate"]
    return ["shared a + top ac", "enumerate"] if model.second else ["shared a", "level a"]


def tuned(recipe, size):
    """Steps and rates for a recipe and a size of the factors.

    Logits of each level are decided one after the other, from the largest blocks to those of 32; below, all roundings
    are tried. Decided at once, the smaller blocks choose before the factors know. Several butterflies need more and
    slower steps, the larger the more, since their error stays at 1 for a while (400 steps at n = 1024), and more than
    one start each. One butterfly with tied factors needs half the rate: Hadamard, n = 1024, 4 of 4 seeds in place of 1.
    """
    model = parse(recipe.model)
    if model.depth == 1 and not model.real_part and recipe.factors == "tied":
        recipe = replace(recipe, rate=0.05, hard_rate=0.02, hard_steps=400)
    if model.depth > 1:
        large = math.sqrt(max(1.0, size / 256))
        recipe = replace(
            recipe,
            starts=2 if size < 512 else 1,
            rung=round(300 * max(1.0, math.sqrt(size / 128))),
            search_rate=0.02 / large,
            final_rate=0.02 / large,
            final_steps=1500,
            relaxed_steps=400,
            rate=0.03 / large,
            hard_steps=500,
            hard_rate=0.02 / large,
        )
    if recipe.permutation == "enumerate" and model.depth == 1 and model.real_part:
        recipe = replace(recipe, searches=_SEARCHES)
    if recipe.permutation != "enumerate" and (model.depth > 1 or model.real_part):
        recipe = replace(recipe, starts=_STARTS)
    if "level" in recipe.permutation:
        stages = max(1, size.bit_length() - 4)
        return replace(recipe, relaxed_steps=80 * stages, stages=stages, roundings=8)
    return recipe


def _found(best, scale, tried, total, tol, *, real):
    """The product's operators at the target's scale."""
    from pyfly import Product, RealPart

    fit, model = best.fit, parse(best.recipe.model)
    choices = fit.choices if fit.choices.ndim == 4 else fit.choices[None]
    if model.second and not choices[:, 1:].any():
        model = replace(model, second=False)  # P' is the identity
    factors = fit.factors(scale)
    if real and fit.mode != 0:
        factors = (RealPart(Product(*factors)),)
    history = np.minimum.accumulate(best.history)
    way = "within the tolerance" if best.error <= tol else "the best"
    note = (
        f"{best.recipe.name}: attempt {tried} of at most {total}, {best.steps} steps of Adam; {way} of what was tried"
    )
    return Found(
        factors=factors,
        model=model.name,
        permutation=fit.perm,
        tied=fit.tied,
        history=[float(h) for h in np.maximum(history, best.error)],
        note=note,
        size=fit.size,
    )


def _single_entry(target, tied):
    from pyfly import Diagonal, Permutation

    perm = np.zeros(1, np.int64)
    return Found((Diagonal(target[0].copy()), Permutation(perm)), "BP", perm, tied, [0.0])


def _check(tied, single, permutation, search, storage, study_name):
    if not (tied == "auto" or isinstance(tied, bool)):
        raise ValueError(f"tied = {tied!r}: choose 'auto', True or False")
    if not isinstance(single, (bool, np.bool_)):
        raise TypeError(f"single = {single!r}: choose True or False")
    if not isinstance(permutation, str):
        raise TypeError(f"permutation = {permutation!r}: give a name, or 'auto'")
    if search not in ("restarts", "optuna"):
        raise ValueError(f"search = {search!r}: choose 'restarts' or 'optuna'")
    for name, value in (("storage", storage), ("study_name", study_name)):
        if value is not None and search != "optuna":
            raise ValueError(f"{name} = {value!r}: only with search='optuna'")
    if not (study_name is None or isinstance(study_name, str)):
        raise TypeError(f"study_name = {study_name!r}: give a string")
    if storage is not None and study_name is None:
        raise ValueError(f"storage = {storage!r}: give study_name, too, by which processes find the same study")
