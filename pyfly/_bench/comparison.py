"""Measuring the cases: data are made, numbers compared, pyfly and its peers timed in turns."""

import numpy as np

from pyfly._bench.cases import Problem
from pyfly._bench.peers import peers_of
from pyfly._bench.timer import SETTLE, measure

__all__ = ["check", "measure_case"]


def check(problem, peers):
    """Compare what the calls compute: a fast wrong peer, or pyfly, would make the figures worthless.

    Raises
    ------
    ArithmeticError
        A peer's result is farther from what it should compute than 100 log2 n eps, in the relative 2-norm.
    """
    bound = 100 * max(1, problem.levels) * float(np.finfo(problem.dtype).eps)
    for name, peer in peers.items():
        if peer.result is None:
            continue
        got, want = np.asarray(peer.result()), np.asarray(peer.expected())
        error = np.linalg.norm(got - want) / np.linalg.norm(want)
        if got.shape != want.shape or not error <= bound:
            raise ArithmeticError(f"{problem.case.label}: {name} is off by {error:.1e}, more than {bound:.1e}")


def measure_case(case, machine, *, peers=None, slot=1e-3, rounds=9, budget=None):
    """Time one case beside its peers.

    Parameters
    ----------
    case : Case
    machine : Machine
        The limits; its number of threads is used and must be set (`timer.threads`).
    peers : iterable of str, optional
        Names of peers; all by default.
    slot, rounds, budget
        As in `measure`.

    Returns
    -------
    dict
        "seconds" of a call, "gflops", "gbytes" a second, "share" of the "limit" that binds, "ratios" of the time of
        each peer to pyfly's (above 1: pyfly is faster), "peers" with their seconds, and what was run.
    """
    problem = Problem.of(case)
    found = peers_of(problem, peers, machine.threads)
    check(problem, found)
    calls = {"pyfly": problem.call} | {name: peer.call for name, peer in found.items()}
    settle = SETTLE if machine.threads > 1 else 0
    timing = measure(calls, slot=slot, rounds=rounds, budget=budget, settle=settle)
    seconds = timing["pyfly"]
    floor, limit = machine.floor(problem.dtype, problem.slots, problem.traffic, problem.resident)
    return {
        "group": case.group,
        "kind": case.kind,
        "dtype": problem.dtype.name,
        "n": case.n,
        "batch": case.batch,
        "label": case.label,
        "seconds": seconds,
        "spread": timing.spread("pyfly"),
        "gflops": problem.flops / seconds / 1e9,
        "gbytes": problem.traffic / seconds / 1e9,
        "floor": floor,
        "limit": limit,
        "share": floor / seconds,
        "ratios": {name: timing.ratio(name, over="pyfly") for name in found},
        "peers": {name: timing[name] for name in found},
        "rounds": len(timing.seconds),
    }
