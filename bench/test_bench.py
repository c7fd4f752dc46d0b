"""The cases of `pyfly bench` under pytest-benchmark: `pytest bench --benchmark-group-by=group`.

Each case is a group with pyfly and its peers, on one thread. Not part of the tests: pytest collects tests/ and pyfly/
only, unless it is given this folder. Peers do not take turns here, so ratios are noisier than those of `pyfly bench`;
use this one for histories: `--benchmark-autosave`, `--benchmark-compare`.
"""

from functools import lru_cache

import pytest

from pyfly._bench.cases import CASES, Problem, available
from pyfly._bench.comparison import check
from pyfly._bench.peers import PEERS, Peer, load, peers_of
from pyfly._bench.timer import threads

load()


@lru_cache(maxsize=1)
def problem_of(case):
    return Problem.of(case)


@pytest.mark.parametrize("name", ["pyfly", *PEERS])
@pytest.mark.parametrize("case", available(CASES), ids=lambda case: f"{case.group}: {case.label}")
def test_case(benchmark, case, name):
    with threads(1):
        problem = problem_of(case)
        peers = {"pyfly": Peer(problem.call)} if name == "pyfly" else peers_of(problem, [name])
        if name not in peers:
            pytest.skip(f"{name} is not installed or does not apply")
        check(problem, peers)
        benchmark.group = case.label
        benchmark.extra_info.update(flops=problem.flops, bytes=problem.traffic)
        benchmark(peers[name].call)
