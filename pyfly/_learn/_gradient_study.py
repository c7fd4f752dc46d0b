"""The gradient search as a study of Optuna: asynchronous successive halving over learning rate and seed.

    trial = (way, learning rate log-uniform, hard permutation or relaxed logits, random start)
    rung r ends after 75 * 2^r steps: the trials in the best quarter of those that got so far go on

A trial is reproducible from its parameters and its number, so that a study in a shared storage can run on many
machines: each runs its own trials, all are pruned by the results of all, and the winner is run again where it is
wanted.
"""

from __future__ import annotations

import numpy as np

from pyfly._learn._gradient_parallel import in_order
from pyfly._learn._gradient_search import READY, Attempt, Maker, candidates, complete

#: The paper's range is 1e-4 to 0.5; below 3e-3 nothing happens in the steps that a trial has.
RATES = (3e-3, 0.3)
_FIRST_RUNG, _RUNGS, _FACTOR = 75, 6, 4


def study(target, recipes, *, seed, tol, trials, workers, progress=None, single=True, storage=None, study_name=None):
    """Run trials until one meets the tolerance.

    Parameters
    ----------
    target : ndarray of float64 or complex128
        As for `pyfly._learn._gradient_search.attempt`.
    recipes : list of Recipe
        Ways to choose from.
    seed : int
        With one worker and a storage of its own the result depends on nothing else.
    tol : float
    trials : int
        The most trials of this process.
    workers : int
        Trials at a time.
    progress : callable, optional
    single : bool
    storage : str, optional
        URL of a database, as Optuna takes it; in memory by default. Processes that name the same storage and study
        share their trials.
    study_name : str, optional

    Returns
    -------
    Attempt
        The best of all trials, those of other processes included.
    int
        How many trials this process has run.

    Raises
    ------
    ImportError
        Optuna is not installed.
    """
    optuna = _optuna()
    by_name = {recipe.name: recipe for recipe in recipes}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        shared = optuna.create_study(
            storage=storage,
            study_name=study_name,
            load_if_exists=study_name is not None,
            sampler=optuna.samplers.RandomSampler(seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_FACTOR),
        )

        def call(trial):
            return lambda cancel: _run(optuna, shared, trial, by_name, target, seed, tol, single, cancel)

        def calls():
            for _ in range(trials):
                if "found" in shared.user_attrs:
                    return
                yield call(shared.ask())

        best, done = None, 0
        for result in in_order(
            calls(), workers=workers, accept=lambda result: result is not None and result[1].error <= tol
        ):
            done += 1
            if result is not None and (best is None or result[1].error < best[1].error):
                best = result
            if progress is not None and best is not None:
                progress(done / trials, f"error {best[1].error:.1e}: trial {done}")
        winner = _winner(optuna, shared)
        if best is None or winner.number != best[0]:
            best = winner.number, _train(winner, by_name, target, seed, tol, single, None)
        return best[1], done
    finally:
        optuna.logging.set_verbosity(verbosity)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise ImportError("search='optuna' needs Optuna, which is an extra: pip install 'pyfly[optuna]'") from None
    return optuna


def _winner(optuna, shared):
    """The trial of least error; as long as none is complete, the best of those that were pruned."""
    for state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED):
        trials = shared.get_trials(deepcopy=False, states=(state,))
        if trials:
            return min(trials, key=lambda trial: (trial.value, trial.number))
    return None


def _run(optuna, shared, trial, by_name, target, seed, tol, single, cancel):
    """One trial, told to the study: its number and Attempt, or None if it was pruned."""
    way = trial.suggest_categorical("way", list(by_name))
    trial.suggest_float("rate", *RATES, log=True)
    trial.suggest_int("permutation", 0, 10**6)
    state = optuna.trial.TrialState.FAIL
    result = None
    try:
        result = _train(trial, by_name, target, seed, tol, single, cancel, trial)
        state = optuna.trial.TrialState.PRUNED if result is None else optuna.trial.TrialState.COMPLETE
    finally:
        value = None if result is None else result.error
        shared.tell(trial, value, state=state)
    if result is None:
        return None
    if result.error <= tol:
        shared.set_user_attr("found", [trial.number, way])
    return trial.number, result


def _train(trial, by_name, target, seed, tol, single, cancel, judge=None):
    """Train by a trial's parameters; None when `judge` prunes it after a rung."""
    recipe, rate = by_name[trial.params["way"]], trial.params["rate"]
    new = Maker(target, recipe, np.random.default_rng([seed, trial.number]), single=single, cancel=cancel)
    fit = new(recipe.factors.startswith("tied"), recipe.permutation)
    if recipe.permutation == "enumerate":
        choices = candidates(new.model, new.size, np.random.default_rng(0))
        fit.harden(choices[trial.params["permutation"] % len(choices)])
    else:
        fit.adam(np.full(recipe.relaxed_steps, rate), logit_rate=recipe.logit_rate)
        fit.harden()
    for rung in range(_RUNGS):
        fit.adam(np.full(_FIRST_RUNG << max(rung - 1, 0), rate), stop=READY)
        if fit.error <= READY:
            break
        if judge is not None:
            judge.report(fit.error, rung + 1)
            if judge.should_prune():
                return None
    steps = len(fit.history)
    fit = complete(new, fit, tol)
    return Attempt(recipe, fit, fit.error, fit.history, steps)
