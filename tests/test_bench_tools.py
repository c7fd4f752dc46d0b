"""The benchmark's tools: the timer measures, limits are plausible, every case and peer computes the same numbers."""

import argparse
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pyfly
from pyfly import _bench
from pyfly._bench import report
from pyfly._bench.cases import CASES, GROUPS, Case, Problem, available
from pyfly._bench.comparison import check, measure_case
from pyfly._bench.machine import Machine, cache_sizes, measure_machine
from pyfly._bench.peers import PEERS, Peer, load, peers_of
from pyfly._bench.timer import Timing, measure, threads

KINDS = sorted({case.kind for case in available(CASES)})


class Clock:
    """A clock that only its calls move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, seconds):
        def call():
            self.now += seconds

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("pyfly._bench.timer.perf_counter", clock)
    return clock


@pytest.fixture
def machine():
    rate = {"L1": 100e9, "L2": 50e9, "L3": 20e9, "DRAM": 10e9}
    return Machine(
        "none", "scalar", "avx2", 1, {"f": 100e9, "d": 50e9}, rate, rate, {"L1": 2**15, "L2": 2**19, "L3": 2**23}
    )


def test_timer_gives_the_ratio_of_known_durations(clock):
    timing = measure({"short": clock.takes(2e-6), "long": clock.takes(7e-6)}, rounds=5, slot=1e-3)
    assert timing["short"] == pytest.approx(2e-6)
    assert timing.ratio("long", over="short") == pytest.approx(3.5)
    assert timing.calls == {"short": 500, "long": 143}


def test_calls_longer_than_a_slot_are_made_once_a_round(clock):
    timing = measure({"fast": clock.takes(1e-7), "slow": clock.takes(0.1)}, rounds=4, slot=1e-3)
    assert timing.calls == {"fast": 10000, "slow": 1}
    assert timing.seconds.shape == (4, 2)


def test_timer_follows_the_real_clock():
    timing = measure({"short": lambda: time.sleep(1e-3), "long": lambda: time.sleep(2e-2)}, rounds=5)
    assert timing["short"] >= 1e-3 and timing["long"] >= 2e-2
    assert 2 < timing.ratio("long", over="short") <= 21


def test_medians_and_ratios_are_taken_over_rounds():
    timing = Timing(["a", "b"], [[1, 2], [10, 30], [4, 8], [1, 100], [2, 4]], {"a": 1, "b": 1})
    assert timing["a"] == 2 and timing["b"] == 8
    assert timing.ratio("b", over="a") == 2  # the median of 2, 3, 2, 100, 2; not 8 / 2
    assert timing.spread("a") == pytest.approx((4 - 1) / 2)


def test_a_round_visits_every_competitor_and_another_one_begins_each(clock):
    seen = []
    tick = clock.takes(1e-3)
    measure({name: lambda name=name: (seen.append(name), tick()) for name in "abc"}, rounds=4, slot=1e-3)
    assert "".join(seen[-12:]) == "abcbcacababc"


def test_budget_ends_the_rounds_but_not_before_three(clock):
    call = {"a": clock.takes(1e-3)}
    assert len(measure(call, rounds=50, slot=1e-3, budget=0).seconds) == 3
    assert len(measure(call, rounds=2, slot=1e-3, budget=0).seconds) == 2
    assert len(measure(call, rounds=50, slot=1e-3, budget=0.0125).seconds) == 11  # two calls warm up


def test_untimed_calls_settle_the_threads_before_each_slot(clock):
    seen = []
    tick = clock.takes(1e-3)
    calls = {name: lambda name=name: (seen.append(name), tick()) for name in "ab"}
    timing = measure(calls, rounds=2, slot=2e-3, settle=3.5e-3)
    assert timing["a"] == pytest.approx(1e-3)
    assert "".join(seen[-24:]) == "aaaaaabbbbbbbbbbbbaaaaaa"  # four and the two of the slot


def test_timer_refuses_nothing_to_time():
    with pytest.raises(ValueError, match="competitors"):
        measure({})
    with pytest.raises(ValueError, match="rounds=0"):
        measure({"a": dict}, rounds=0)


def test_one_thread_is_pinned_and_settings_come_back():
    pools = pytest.importorskip("threadpoolctl")
    before = os.sched_getaffinity(0), pyfly.get_num_threads(), pools.threadpool_info()
    with threads(1):
        assert len(os.sched_getaffinity(0)) == 1
        assert pyfly.get_num_threads() == 1
        assert all(pool["num_threads"] == 1 for pool in pools.threadpool_info())
    with threads(2):
        assert pyfly.get_num_threads() == 2
        assert os.sched_getaffinity(0) == before[0]
    assert (os.sched_getaffinity(0), pyfly.get_num_threads(), pools.threadpool_info()) == before
    with pytest.raises(ValueError, match="threads=0"), threads(0):
        pass


def test_measured_limits_are_ordered():
    with threads(1):
        found = measure_machine(rounds=3, largest=2**25)
    assert 1e8 < found.peak["d"] < found.peak["f"] < 1e13
    assert found.read["L2"] > found.read["DRAM"] > 1e8
    assert found.copy["L1"] > found.copy["DRAM"] > 1e8
    assert 2**12 <= cache_sizes()["L1"] < cache_sizes()["L2"] <= cache_sizes()["L3"]


def test_floor_is_the_larger_of_compute_and_memory(machine):
    assert machine.floor("f", 5e9, 1e3, 1e3) == (0.1, "FMA")
    assert machine.floor("D", 5e9, 1e3, 1e3) == (0.2, "FMA")
    seconds, limit = machine.floor("f", 1, 1000, 2**15)
    assert limit == "memory" and seconds == pytest.approx(1000 / 100e9)
    # half from level 1, half from level 2
    assert machine.memory(1000, 2**16) == pytest.approx(500 / 100e9 + 500 / 50e9)
    assert machine.memory(2**30, 2**30) == pytest.approx((2**30 - 2**23) / 10e9, rel=0.01)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize("kind", KINDS)
def test_cases_and_peers_compute_the_same(kind, dtype, batch):
    if kind == "plan-dft" and dtype in "fd":
        dtype = {"f": "F", "d": "D"}[dtype]
    problem = Problem.of(Case("test", kind, dtype, 32, batch))
    peers = peers_of(problem)
    check(problem, peers)
    result, bound = problem.result(), 100 * np.finfo(problem.dtype).eps
    assert result.shape == problem.x.shape and result.dtype == problem.dtype
    if kind == "plan-dft":
        want = np.fft.fft(problem.x.astype("D"))
        assert np.linalg.norm(result - want) <= bound * np.linalg.norm(want)
    if kind not in ("permute", "relaxed"):
        assert {"numpy", "scipy.fft"} & peers.keys()
    for peer in peers.values():
        peer.call()


def test_only_installed_libraries_are_peers(monkeypatch):
    for name in "torch", "lazylinop", "pyfaust", "pyfftw", "mkl_fft", "threadpoolctl":
        monkeypatch.setitem(sys.modules, name, None)
    problem = Problem.of(Case("test", "multiply", "f", 16, 4))
    with threads(1):
        assert peers_of(problem).keys() == {"numpy", "scipy.fft", "scipy.dct"}
    assert load(["numpy", "torch", "pyfftw", "memory"]) == ["numpy", "memory"]


def test_a_peer_with_other_numbers_is_noticed():
    problem = Problem.of(Case("test", "multiply", "f", 16, 4))
    with pytest.raises(ArithmeticError, match="liar is off"):
        check(problem, {"liar": Peer(problem.call, lambda: problem.result() * 1.001, problem.result)})


def test_counts_of_a_product():
    real, cplx = (Problem.of(Case("test", "multiply", dtype, 1024, 16)) for dtype in "fF")
    assert real.slots == 16 * 2 * 1024 * 10 and cplx.slots == 4 * real.slots and real.flops == 2 * real.slots
    assert real.traffic == 4 * (2 * 1024 * 10 + 2 * 16 * 1024)


def test_a_measured_case_has_what_the_table_shows(machine):
    row = measure_case(Case("test", "multiply", "f", 64, 4), machine, peers=["numpy", "scipy.fft"], rounds=3, slot=1e-4)
    assert row["seconds"] > 0 and row["ratios"].keys() == {"numpy", "scipy.fft"} == row["peers"].keys()
    assert row["gflops"] == pytest.approx(4 * 2 * 2 * 64 * 6 / row["seconds"] / 1e9)
    assert row["share"] == pytest.approx(row["floor"] / row["seconds"])
    names = list(PEERS)
    text, title = report.line(row, names), report.header(names)
    assert text.startswith("multiply float32 n=64 batch=4")
    assert len(text) <= len(title)
    assert report.legend(machine).startswith("pyfly was held to scalar")


def test_the_table_begins_with_the_dense_product_and_is_short_when_quick():
    first = CASES[0]
    assert (first.kind, first.dtype, first.n, first.batch) == ("multiply", "f", 1024, 256)
    assert first.quick and 5 <= sum(case.quick for case in CASES) <= 20
    assert len({(case.group, case.label) for case in CASES}) == len(CASES)


def options(*words):
    parser = argparse.ArgumentParser()
    _bench.add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_prints_a_table_and_writes_its_files(tmp_path, capsys):
    figures, picture = tmp_path / "b.json", tmp_path / "b.png"
    words = ["--quick", "--group", "first", "--json", str(figures), "--plot", str(picture)]
    assert _bench.main(options(*words)) == 0
    out = capsys.readouterr().out
    assert "multiply float32 n=1024 batch=256" in out and "scipy.fft" in out
    content = json.loads(figures.read_text())
    assert content["cases"][0]["ratios"]["numpy"] > 1
    assert content["machine"]["peak"]["f"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "b.png"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["--group", "nonsense"], "nonsense"),
        (["--threads", "0"], "threads=0"),
        (["--json", "/no/such/folder/b.json"], "/no/such/folder"),
    ],
)
def test_wrong_options_end_with_2(words, message, capsys):
    assert _bench.main(options("--quick", *words)) == 2
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out


def test_every_group_is_in_the_table():
    assert GROUPS[0] == "first" and set(GROUPS) == {case.group for case in CASES}


@pytest.fixture
def paper_speed():
    path = Path(__file__).parent.parent / "bench" / "paper_speed.py"
    spec = importlib.util.spec_from_file_location("paper_speed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_papers_figures_are_redone_and_drawn(paper_speed, tmp_path, capsys):
    figures, picture = tmp_path / "p.json", tmp_path / "p.png"
    assert paper_speed.main(["--largest", "64", "--json", str(figures), "--plot", str(picture)]) == 0
    measured = json.loads(figures.read_text())["measured"]
    for name, base in ("inference", "GEMV"), ("training", "GEMM"):
        (row,) = measured[name]
        assert row["n"] == 64 and row["speedup"].keys() == row["seconds"].keys() - {base}
        assert min(*row["speedup"].values(), *row["seconds"].values()) > 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "BP publ." in out and "forward and backward, batch 256" in out


def test_the_papers_competitors_compute_what_their_names_say(paper_speed):
    calls = paper_speed.inference(64, np.random.default_rng(0))
    assert np.allclose(calls["BP"](), calls["GEMV"](), rtol=0, atol=1e-4)
    assert np.array_equal(paper_speed.bit_reversal(8), [0, 4, 2, 6, 1, 5, 3, 7])
    assert not np.allclose(calls["B alone"](), calls["BP"](), rtol=0, atol=1e-4)
    assert np.allclose(calls["FFT"](), calls["FFT c64"](), rtol=0, atol=1e-4)


def test_figures_for_torch_are_compared_with_what_they_must_be(capsys):
    pytest.importorskip("torch")
    path = Path(__file__).parents[1] / "bench" / "torch_speed.py"
    spec = importlib.util.spec_from_file_location("torch_speed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    figures = module.Figures()
    figures.line("a", 4.0, "x", least=4)
    figures.line("b", 3.9, "x", least=4)
    figures.line("c", 10.0, "us", most=10)
    figures.line("d", 10.1, "us", most=10)
    figures.line("e", 1.0, "us")
    lines = capsys.readouterr().out.splitlines()
    assert figures.missed == 2
    assert [line.split()[-1] for line in lines] == ["reached", "MISSED", "reached", "MISSED", "us"]
    module.parameters(figures)
    assert figures.missed == 2
    calls = []
    fast, slow = module.median_times(0.02, lambda: calls.append(0), lambda: time.sleep(0.001), rounds=2)
    assert fast < slow and slow >= 1000 and calls
