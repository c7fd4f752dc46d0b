"""bench/cuda without a GPU: the correctness part over the simulated library, and what the others decide."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyfly.cuda
from pyfly.cuda import _library

FOLDER = Path(__file__).parents[1] / "bench" / "cuda"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)

    def get(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return get


@pytest.mark.parametrize("part", ["correct", "sanitize", "time", "sweep", "all"])
def test_every_part_says_why_it_cannot_run(load, monkeypatch, capsys, part):
    monkeypatch.setattr(_library, "_library", None)
    monkeypatch.setattr(_library, "PATH", Path("/nowhere/libbutterfly_cuda.so"))
    assert load("bench").main([part]) == 2
    assert "nothing to run: pyfly was built without CUDA" in capsys.readouterr().err


if shutil.which("c++") or shutil.which("g++"):

    def test_the_correctness_part_passes_over_the_simulation(load, cuda_library):
        lines = []
        assert load("correctness").correct(quick=True, sizes=(1, 2, 4), show=lines.append) == 0
        assert lines[-1].endswith("checks, 0 failed") and int(lines[-1].split()[0]) > 500

    def test_the_correctness_part_finds_wrong_numbers(load, cuda_library, monkeypatch):
        right = pyfly.cuda.fwht
        monkeypatch.setattr(pyfly.cuda, "fwht", lambda x, order: right(x, order="natural"))
        lines = []
        assert load("correctness").correct(quick=True, sizes=(3,), show=lines.append) == 8
        assert sum(line.startswith("FAILED fwht") for line in lines) == 8

    def test_bits_that_change_are_a_failure(load, cuda_library):
        report = load("correctness").Report(show=lambda line: None)
        one, other = (pyfly.cuda.asarray(np.array([value])) for value in (1.0, 1.0 + 2**-52))
        report.same_bits("x", one, one, "")
        assert report.failures == 0
        report.same_bits("x", one, other, "")
        assert report.failures == 1


def test_verdicts_compare_each_ratio_with_what_it_must_be(load):
    times = {
        ("copy", "float32", 64): 0.8,
        ("forward", "float32", 64): 1.0,
        ("copy", "float32", 128): 0.7,
        ("forward", "float32", 128): 1.0,
        ("backward", "float32", 64): 2.9,
        ("backward", "float32", 128): 3.1,
    }
    lines = list(load("targets").verdicts(times))
    found = {tuple(line.rsplit(None, 5)[1:]): line.split()[-1] for line in lines if "forward, share" in line}
    assert found["64", "0.80", ">=", "0.75", "reached"] == "reached"
    assert found["128", "0.70", ">=", "0.75", "MISSED"] == "MISSED"
    assert found["256", "-", ">=", "0.75", "open"] == "open"
    backward = [line.split()[-1] for line in lines if "backward over forward" in line]
    assert backward[:3] == ["reached", "MISSED", "open"]
    assert sum("no such kernel" in line for line in lines) == 2


def test_the_sweep_writes_the_fastest_that_does_not_spill(load):
    sweep = load("sweep")
    text = sweep.DISPATCH.read_text()
    now = sweep.settings(text)
    assert now["BFLY_TILES_S"] == 4 and now["BFLY_L2_SHARE"] == 0.5 and sweep.written(text, now) == text
    every = list(sweep.candidates(now))
    assert every[0] == now and all(values.keys() == now.keys() for values in every)
    slow = {"forward": 2.0, "hadamard": 2.0, "backward": 2.0}
    fast = {"forward": 1.0, "hadamard": 3.0, "backward": 1.0}
    other = {**now, "BFLY_TILES_S": 3, "BFLY_WARPS_S": 16, "BFLY_BACK_S": 1, "BFLY_TILES_D": 1, "BFLY_HADAMARD_S": 4}
    letters = "SDCZ"
    best = sweep.best_of(
        [(now, set(), dict.fromkeys(letters, slow)), (other, {("D", "forward")}, dict.fromkeys(letters, fast))]
    )
    assert (best["BFLY_TILES_S"], best["BFLY_WARPS_S"], best["BFLY_BACK_S"]) == (3, 16, 1)
    assert best["BFLY_TILES_D"] == now["BFLY_TILES_D"]  # the faster one spills
    after = sweep.settings(sweep.written(text, best))
    assert after == best
    with pytest.raises(ValueError, match="BFLY_NONE"):
        sweep.written(text, {"BFLY_NONE": 1})


NAME = "_ZN9bfly_cuda7forwardINS_2cxIfEELi2ELb1ELb0ELi1EEEvNS_11ForwardArgsE"
LOG = f"""ptxas info    : Compiling entry function '{NAME}' for 'sm_90'
ptxas info    : Function properties for {NAME}
    {{spills}} bytes stack frame, {{spills}} bytes spill stores, {{spills}} bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers
"""


def test_registers_are_read_and_spills_found(load, tmp_path, monkeypatch):
    registers = load("registers")
    (row,) = registers.read(LOG.format(spills=8))
    assert row == ("sm_90", "forward", "C", "cx<float>, 2, 1, 0, 1", 168, 16)
    assert list(registers.table([row]))[-1] == "| forward<cx<float>, 2, 1, 0, 1> | 168 +16 B |"
    assert "sm_90: forward<cx<float>, 2, 1, 0, 1> spills 16 bytes" in list(registers.problems([row]))
    monkeypatch.setattr(registers, "EXPECTED", {"forward": 1})
    assert list(registers.problems(registers.read(LOG.format(spills=0)))) == []
    assert list(registers.problems([])) == ["any architecture: 0 kernels forward, not 1"]


def test_the_page_has_a_row_for_every_main_kernel(load):
    page = (FOLDER / "README.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| forward<", "| backward<"))]
    expected = load("registers").EXPECTED
    assert len(rows) == expected["forward"] + expected["backward"]
    assert all(" B |" not in row for row in rows)


def test_a_broken_nvcc_is_a_notice_of_one_line(tmp_path):
    script = FOLDER.parents[1] / "libbutterfly" / "build_cuda.sh"
    fails = """case "$*" in
*dryrun*) echo "#$ TOP=/" >&2 ;;
*list-gpu-code*) echo sm_90 ;;
*) echo "error: no" >&2; exit 1 ;;
esac"""
    broken = {"knows nothing": "exit 1", "compiles nothing": fails}
    for name, body in broken.items():
        nvcc = tmp_path / name / "nvcc"
        nvcc.parent.mkdir()
        nvcc.write_text(f"#!/bin/sh\n{body}\n")
        nvcc.chmod(0o755)
        out = tmp_path / name / "out" / "lib.so"
        for mode, status in ("auto", 0), ("1", 1):
            environment = {"PATH": f"{nvcc.parent}:/usr/bin:/bin", "BUTTERFLY_CUDA": mode, "BUTTERFLY_CUDA_ARCHS": "90"}
            done = subprocess.run(
                ["sh", script, out, tmp_path / name / "objects"], env=environment, capture_output=True, text=True
            )
            assert done.returncode == status and not out.exists()
            last = done.stderr.strip().splitlines()[-1]
            assert last.startswith("notice: building without CUDA" if mode == "auto" else "error: BUTTERFLY_CUDA=1")
            assert str(nvcc) in last
