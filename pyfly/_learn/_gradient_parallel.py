"""Attempts of the gradient search, many at once: one thread each, since the C loops hold no lock."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np


def in_order(calls, *, workers, accept, tick=None):
    """Run calls side by side and take their results in the order of the calls, up to the first that is accepted.

    The outcome does not depend on the number of workers or on which call ends first. Ctrl-C, an exception or an
    accepted result stops the calls still running.

    Parameters
    ----------
    calls : iterable of callable
        Each is called with a flag, an int64 array of one entry, that it should watch: not 0 means stop.
    workers : int
        Calls at a time.
    accept : callable
        ``result -> bool``, called in the main thread.
    tick : callable, optional
        Called in the main thread, without arguments, while it waits: every half second.

    Yields
    ------
    object
        Results, in order; an accepted one is the last.
    """
    cancel = np.zeros(1, np.int64)
    waiting = iter(calls)
    running = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        while True:
            while len(running) < workers and (call := next(waiting, None)) is not None:
                running.append(pool.submit(call, cancel))
            if not running:
                return
            first = running.popleft()
            while tick is not None and not wait([first], timeout=0.5).done:
                tick()
            result = first.result()
            done = accept(result)
            yield result
            if done:
                return
    finally:
        cancel[0] = 1
        pool.shutdown(wait=True, cancel_futures=True)
