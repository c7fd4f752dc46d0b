"""The gradient search as a study of Optuna: asynchronous successive halving over learning rate and seed.

    trial = (way, learning rate log-uniform, hard permutation or relaxed logits, random start)
    rung r ends after 75 * 2^r steps: the trials in the best quarter of those that got so far go on

A trial is reproducible from its parameters, its number and the seed kept with it, so that a study in a shared storage
can run on many machines: each runs its own trials, all are pruned by the results of all, and the winner is run again
where it is wanted.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np

from pyfly._learn._gradient_parallel import in_order
from pyfly._learn._gradient_search import READY, Attempt, Maker, candidates, complete

#: The paper's range is 1e-4 to 0.5; below 3e-3 nothing happens in the steps that a trial has.
RATES = (3e-3, 0.3)
_FIRST_RUNG, _RUNGS, _FACTOR = 75, 6, 4
#: Seconds before a storage is opened again that another process is just making.
_PAUSES = (0.2, 0.5, 1.0, 2.0)


def study(target, recipes, *, seed, tol, trials, workers, progress=None, single=True, storage=None, study_name=None):
    """Run trials until one meets the tolerance.

    Parameters
    ----------
    target : ndarray of float64 or complex128
        As for `pyfly._learn._gradient_search.attempt`.
    recipes : list of Recipe
        Ways to choose from.
    seed : int
        With one worker and a storage of its own the result depends on nothing else. Processes that share a study may
        have the same or not: what a trial draws depends on its number, too.
    tol : float
    trials : int
        The most trials of this process.
    workers : int
        Trials at a time.
    progress : callable, optional
    single : bool
    storage : str or storage of Optuna, optional
        URL of a database; in memory by default. Processes that name the same storage and study share their trials.
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
    ValueError
        The study is one of another target.
    """
    optuna = _optuna()
    by_name = {recipe.name: recipe for recipe in recipes}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        shared = _open(optuna, storage, study_name, target)

        def call(trial):
            return lambda cancel: _run(optuna, shared, trial, by_name, target, tol, single, cancel)

        def calls():
            for _ in range(trials):
                winner = _winner(optuna, shared)
                if winner is not None and winner.value <= tol:
                    return
                yield call(_ask(optuna, shared, by_name, seed))

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

        def rerun(cancel):
            return _train(winner, by_name, target, tol, single, cancel)

        if best is None or (winner.number != best[0] and best[1].error > tol):
            again = next(in_order([rerun], workers=1, accept=bool))
            best = (winner.number, again) if best is None or again.error < best[1].error else best
        return best[1], done
    finally:
        optuna.logging.set_verbosity(verbosity)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise ImportError("search='optuna' needs Optuna, which is an extra: pip install 'pyfly[optuna]'") from None
    return optuna


def _open(optuna, storage, name, target):
    """The study, new or shared with others of the same target."""
    study = optuna.create_study(
        storage=_database(optuna, storage) if isinstance(storage, str) else storage,
        study_name=name,
        load_if_exists=name is not None,
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_FACTOR),
    )
    digest = hashlib.sha256(repr((target.shape, target.dtype.str)).encode() + target.tobytes()).hexdigest()
    if study.user_attrs.get("target", digest) != digest:
        raise ValueError(f"study_name = {name!r}: this study is one of another target; give a name of its own")
    study.set_user_attr("target", digest)
    return study


def _database(optuna, url):
    """Of processes that make the tables of a new database at the same time only one succeeds at once."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    for pause in _PAUSES:
        try:
            return optuna.storages.get_storage(url)
        except ArgumentError as error:
            raise ValueError(f"storage = {url!r}: give the URL of a database, like 'sqlite:///study.db'") from error
        except DBAPIError:
            time.sleep(pause)
    return optuna.storages.get_storage(url)


def _ask(optuna, shared, by_name, seed):
    """A new trial; what it draws depends on the seed and its number, whoever else asks."""
    trial = shared.ask()
    draw = np.random.SeedSequence([seed, trial.number]).generate_state(1)[0]
    shared.sampler = optuna.samplers.RandomSampler(seed=int(draw))
    trial.suggest_categorical("way", list(by_name))
    trial.suggest_float("rate", *RATES, log=True)
    trial.suggest_int("permutation", 0, 10**6)
    trial.set_user_attr("seed", seed)
    return trial


def _winner(optuna, shared):
    """The trial of least error; as long as none is complete, the best of those that were pruned."""
    for state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED):
        trials = shared.get_trials(deepcopy=False, states=(state,))
        if trials:
            return min(trials, key=lambda trial: (trial.value, trial.number))
    return None


def _run(optuna, shared, trial, by_name, target, tol, single, cancel):
    """One trial, told to the study: its number and Attempt, or None if it was pruned."""
    state = optuna.trial.TrialState.FAIL
    result = None
    try:
        result = _train(trial, by_name, target, tol, single, cancel, trial)
        state = optuna.trial.TrialState.PRUNED if result is None else optuna.trial.TrialState.COMPLETE
    finally:
        value = None if result is None else result.error
        shared.tell(trial, value, state=state)
    return None if result is None else (trial.number, result)


def _train(trial, by_name, target, tol, single, cancel, judge=None):
    """Train by a trial's parameters; None when `judge` prunes it after a rung."""
    recipe, rate = by_name[trial.params["way"]], trial.params["rate"]
    rng = np.random.default_rng([trial.user_attrs["seed"], trial.number])
    new = Maker(target, recipe, rng, single=single, cancel=cancel)
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
