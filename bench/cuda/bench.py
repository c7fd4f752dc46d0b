"""What a machine with a GPU is for: whether the CUDA library is right, and how fast. No part takes over ten minutes.

    python bench/cuda/bench.py correct     against the processor; --quick: few sizes
    python bench/cuda/bench.py sanitize    the same under compute-sanitizer: memcheck, racecheck, synccheck, initcheck
    python bench/cuda/bench.py time        beside a copy, cuFFT, cuBLAS and others, and the figures asked for
    python bench/cuda/bench.py sweep       other numbers for src/cuda/dispatch.h; --write: the best are written there
    python bench/cuda/bench.py all         all of them but the sweep

The exit status is 0 when all is well, 1 when something is wrong or a figure is missed, 2 without a GPU. README.md tells
which figures are open.
"""

import argparse
import shutil
import subprocess
import sys

import correctness
import sweep
import timing

import pyfly.cuda

TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")


def sanitize():
    """The number of tools that complain."""
    sanitizer = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if sanitizer is None:
        print("compute-sanitizer, which is part of the CUDA toolkit, was not found in PATH", file=sys.stderr)
        return 1
    bad = 0
    for tool in TOOLS:
        command = [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, __file__, "correct", "--quick"]
        done = subprocess.run(command, capture_output=True, text=True)
        bad += done.returncode != 0
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        print(f"{tool}: {'clean' if done.returncode == 0 else 'ERRORS'}; {last}", flush=True)
        if done.returncode:
            print(done.stdout[-4000:], done.stderr[-2000:], sep="\n")
    return bad


def why_not():
    """Why nothing can run here, or None."""
    try:
        pyfly.cuda.asarray([0.0])
    except RuntimeError as error:
        return str(error)
    return None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("correct", "sanitize", "time", "sweep", "all"))
    parser.add_argument("--quick", action="store_true", help="correct: few sizes")
    parser.add_argument("--write", action="store_true", help="sweep: write src/cuda/dispatch.h")
    arguments = parser.parse_args(arguments)
    reason = why_not()
    if reason is not None:
        print(f"nothing to run: {reason}", file=sys.stderr)
        return 2
    bad = 0
    if arguments.part in ("correct", "all"):
        bad += correctness.correct(arguments.quick)
    if arguments.part in ("sanitize", "all"):
        bad += sanitize()
    if arguments.part in ("time", "all"):
        bad += timing.table()
    if arguments.part == "sweep":
        bad += sweep.sweep(arguments.write)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
