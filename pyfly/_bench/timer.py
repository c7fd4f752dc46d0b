"""The interleaved timer: competitors take turns in one process, so that noise of the machine hits all of them alike.

    round 1:  a a a ...  b b b ...  c c c ...        each slot a fixed number of calls, about `slot` seconds
    round 2:  b b b ...  c c c ...  a a a ...        another competitor begins

A time is the median over rounds of (slot / calls). A ratio is the median over rounds of the ratio inside a round, which
is steadier than the ratio of two medians: both slots of a round saw the same machine.
"""

import os
import sys
import warnings
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import repeat
from time import perf_counter

import numpy as np

import pyfly

__all__ = ["SETTLE", "Timing", "measure", "optional", "threads"]

SETTLE = 0.1  # seconds before the slot of another library when they have threads
MOST_CALLS = 100_000


class Timing:
    """Seconds per call of each competitor, one row a round."""

    def __init__(self, names, seconds, calls):
        self.names = tuple(names)
        self.seconds = np.asarray(seconds, dtype=float)
        self.calls = dict(calls)

    def __getitem__(self, name):
        """Median seconds per call."""
        return float(np.median(self._column(name)))

    def ratio(self, name, over):
        """Median over rounds of the time of `name` over the time of `over`."""
        return float(np.median(self._column(name) / self._column(over)))

    def spread(self, name):
        """Distance of the quartiles over the median: how noisy the rounds were."""
        low, middle, high = np.quantile(self._column(name), [0.25, 0.5, 0.75])
        return float((high - low) / middle)

    def _column(self, name):
        return self.seconds[:, self.names.index(name)]


def _slot(call, calls):
    steps = repeat(None, calls)
    begin = perf_counter()
    for _ in steps:
        call()
    return perf_counter() - begin


def _settle(call, seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        call()


def _calibrate(call, slot):
    """Number of calls that fill a slot; warms caches and lazy initialisation on the way."""
    call()
    calls = 1
    while True:
        seconds = _slot(call, calls)
        if seconds >= slot / 2 or calls >= MOST_CALLS:
            return max(1, min(MOST_CALLS, round(calls * slot / seconds)))
        # the first, cold calls look slow: approach the number in steps
        calls = min(MOST_CALLS, max(2 * calls, int(0.7 * calls * slot / max(seconds, 1e-9))))


def measure(competitors, *, slot=1e-3, rounds=9, budget=None, settle=0.0):
    """Time callables against each other.

    Parameters
    ----------
    competitors : dict of str to callable
        Called without arguments.
    slot : float
        Seconds a competitor gets in a round; a call that takes longer is made once.
    rounds : int
        At least 1; all are made unless `budget` ends the measurement, then no fewer than 3 (or `rounds`).
    budget : float, optional
        Seconds after which no further round begins.
    settle : float
        Seconds of calls that are not timed before each slot. For more than one thread: a library's threads spin for
        some time after its calls (OpenBLAS's: up to 100 ms) and share processors with those of the next competitor.

    Returns
    -------
    Timing

    Raises
    ------
    ValueError
        No competitors, or rounds < 1.

    Examples
    --------
    >>> from pyfly._bench.timer import measure
    >>> timing = measure({"short": lambda: sum(range(100)), "long": lambda: sum(range(10000))}, rounds=5)
    >>> timing.ratio("long", over="short") > 5
    True
    """
    if not competitors:
        raise ValueError("competitors is empty: there is nothing to time")
    if rounds < 1:
        raise ValueError(f"rounds={rounds} must be at least 1")
    names = list(competitors)
    begin = perf_counter()
    calls = {}
    for name in names:
        _settle(competitors[name], settle)
        calls[name] = _calibrate(competitors[name], slot)
    seconds = []
    for i in range(rounds):
        if budget is not None and i >= min(3, rounds) and perf_counter() - begin > budget:
            break
        order = names[i % len(names) :] + names[: i % len(names)]
        row = {}
        for name in order:
            _settle(competitors[name], settle)
            row[name] = _slot(competitors[name], calls[name]) / calls[name]
        seconds.append([row[name] for name in names])
    return Timing(names, seconds, calls)


def optional(name):
    """The module, or None when it is not installed; what it warns of while loading is not our user's business."""
    if find_spec(name.partition(".")[0]) is None:
        return None
    with warnings.catch_warnings(record=True):  # recorded, not filtered: some packages reset the filters
        try:
            return import_module(name)
        except ImportError:
            return None


def _affinity(count):
    """Keep the calling thread on the last `count` of its processors (the first one serves most interrupts)."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    return before


@contextmanager
def threads(count):
    """Context manager: `count` threads for every library at hand; one thread is also pinned to one processor.

    Sets pyfly, the BLAS and OpenMP libraries that are loaded (by threadpoolctl, where installed) and torch. pyfftw and
    scipy.fft take the number as an argument of the call.

    Raises
    ------
    ValueError
        count < 1.
    """
    if count < 1:
        raise ValueError(f"threads={count} must be at least 1")
    pools = optional("threadpoolctl")
    torch = sys.modules.get("torch")
    with ExitStack() as stack:
        if count == 1:
            before = _affinity(1)
            if before is not None:
                stack.callback(os.sched_setaffinity, 0, before)
        if pools is not None:
            stack.enter_context(pools.threadpool_limits(count))
        stack.enter_context(pyfly.num_threads(count))
        if torch is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(count)
        yield
