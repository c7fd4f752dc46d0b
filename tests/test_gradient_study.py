"""The gradient search as a study of Optuna, and without it."""

import subprocess
import sys

import numpy as np
import pytest

import pyfly
from pyfly import targets


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pyfly\[optuna\]"):
        pyfly.learn(targets.dft(8), method="gradient", search="optuna")


@pytest.mark.parametrize(
    "options",
    [
        {"search": "grid"},
        {"search": "optuna", "trials": 0},
        {"search": "optuna", "storage": "sqlite:///x.db"},
        {"storage": "sqlite:///x.db", "study_name": "a"},
        {"search": "optuna", "study_name": 3},
        {"search": "optuna", "storage": "nowhere", "study_name": "a"},
    ],
)
def test_bad_arguments_are_named(options):
    if "storage" in options and "search" in options:
        pytest.importorskip("optuna")
    with pytest.raises((TypeError, ValueError), match="search|trials|storage|study_name"):
        pyfly.learn(targets.dft(8), method="gradient", **options)


def learn(target, **options):
    pytest.importorskip("optuna")
    return pyfly.learn(target, method="gradient", search="optuna", **options)


@pytest.mark.parametrize("make, model", [(targets.dft, "BP"), (targets.dct, "Re(BPP)"), (targets.convolution, "BPBP")])
def test_a_study_finds_transforms(make, model):
    target = make(16)
    found = learn(target, model=model, seed=0, trials=60)
    assert found.converged
    assert np.linalg.norm(found.operator.todense() - target) <= 1e-10 * np.linalg.norm(target)


def test_one_worker_is_deterministic():
    one, two = (learn(targets.dct(16), model="Re(BPP)", seed=3, trials=20, workers=1) for _ in range(2))
    assert np.array_equal(one.operator.todense(), two.operator.todense()) and one.history == two.history


def test_poor_trials_are_pruned_and_counted(tmp_path):
    optuna = pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    found = learn(targets.randn(8), model="BP", trials=16, storage=storage, study_name="poor", seed=0, workers=2)
    trials = optuna.load_study(storage=storage, study_name="poor").trials
    states = [trial.state.name for trial in trials]
    assert len(trials) == 16 and not found.converged and states.count("PRUNED") >= 4 and states.count("COMPLETE") >= 1
    best = min(trial.value for trial in trials if trial.value is not None and trial.state.name == "COMPLETE")
    assert found.relative_error == pytest.approx(best, rel=1e-9)


def test_processes_share_a_study_and_its_winner(tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    options = {"model": "BP", "storage": storage, "study_name": "dft", "workers": 1, "trials": 40}
    first = learn(targets.dft(16), seed=1, **options)
    again = learn(targets.dft(16), seed=2, **options)  # the winner is made anew from the seed that it had
    assert first.converged and "of at most 40" in again.note and "attempt 0" in again.note
    np.testing.assert_allclose(again.operator.todense(), first.operator.todense(), atol=1e-13)
    with pytest.raises(ValueError, match="another target"):
        learn(targets.hadamard(16), seed=1, **options)


PROCESS = """
import sys, pyfly
from pyfly import targets
found = pyfly.learn(targets.randn(16), method="gradient", model="BP", search="optuna", trials=6, workers=1,
                    storage=sys.argv[1], study_name="shared")
print(found.relative_error)
"""


def test_processes_that_begin_together_draw_different_trials(tmp_path):
    optuna = pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    command = [sys.executable, "-c", PROCESS, storage]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [float(process.communicate(timeout=300)[0]) for process in both]
    trials = optuna.load_study(study_name="shared", storage=storage).trials
    assert len(trials) == len({trial.params["rate"] for trial in trials}) == 12
    assert min(errors) == pytest.approx(min(trial.value for trial in trials if trial.state.name == "COMPLETE"))


def test_a_storage_of_optuna_may_be_a_file_to_which_all_append(tmp_path):
    optuna = pytest.importorskip("optuna")
    journal = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.log"))
    options = {"storage": optuna.storages.JournalStorage(journal), "study_name": "dft"}
    assert learn(targets.dft(16), seed=1, model="BP", trials=40, **options).converged


def test_an_interrupt_ends_a_study():
    def interrupt(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(targets.randn(32), model="BP", trials=1000, progress=interrupt)
