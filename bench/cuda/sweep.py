"""Other choices of the numbers in src/cuda/dispatch.h: compiled, refused when a kernel spills, timed; the best written.

All types are swept at once: in build k each has its k-th candidate. Only the processor's compiler and pyfly are needed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import registers

ROOT = Path(__file__).resolve().parents[2]
DISPATCH = ROOT / "src" / "cuda" / "dispatch.h"
LETTERS = {"S": "f", "D": "d", "C": "F", "Z": "D"}
# (tiles, warps) of the forward kernel, most promising first
FORWARD = {
    "S": [(4, 12), (3, 16), (4, 8), (3, 12), (2, 16), (5, 8), (6, 8)],
    "D": [(2, 8), (2, 12), (1, 16), (1, 12), (3, 8)],
    "C": [(2, 8), (2, 12), (1, 16), (1, 12), (3, 8)],
    "Z": [(1, 8), (1, 12), (2, 4)],
}
HADAMARD, BACK = [1, 2, 3, 4], [1, 2, 3]
TIMED = {"forward": 1024, "hadamard": 1024, "backward": 1024}


def settings(text):
    """{name: value} of the numbers of dispatch.h"""
    return {name: float(value) for name, value in re.findall(r"#\s*define (BFLY_(?!CUDA)\w+) ([\d.]+)", text)}


def written(text, values):
    """dispatch.h with other values."""
    for name, value in values.items():
        text, count = re.subn(rf"(#\s*define {name} )[\d.]+", rf"\g<1>{value:g}", text)
        if count != 1:
            raise ValueError(f"{name} stands {count} times in {DISPATCH}")
    return text


def candidates(now):
    """Settings, one a build; the first is what dispatch.h holds."""
    yield dict(now)
    for k in range(max(len(pairs) for pairs in FORWARD.values())):
        values = dict(now)
        for letter, pairs in FORWARD.items():
            values[f"BFLY_TILES_{letter}"], values[f"BFLY_WARPS_{letter}"] = pairs[k % len(pairs)]
            values[f"BFLY_HADAMARD_{letter}"] = HADAMARD[k % len(HADAMARD)]
            values[f"BFLY_BACK_{letter}"] = BACK[k % len(BACK)]
        yield values


def build(values, folder):
    """The library with these settings and the (type, kernel) that spill; or None and why nvcc refuses."""
    flags = " ".join(["-DBFLY_CUDA_TUNED", *(f"-D{name}={value:g}" for name, value in values.items())])
    environment = {**os.environ, "BUTTERFLY_CUDA": "1", "BUTTERFLY_CUDA_FLAGS": flags}
    library = folder / "libbutterfly_cuda.so"
    script = ROOT / "libbutterfly" / "build_cuda.sh"
    done = subprocess.run(["sh", script, library, folder], env=environment, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1]
    rows = registers.read((folder / "ptxas.log").read_text())
    return library, {(row.letter, _swept(row)) for row in rows if row.spilled}


def _swept(row):
    """The kernel in the words of the sweep: the Hadamard transform is a form of the forward kernel."""
    is_hadamard = row.kernel == "forward" and row.name.split(", ")[3] == "1"
    return "hadamard" if is_hadamard else row.kernel


def times_of(library):
    """{type: {kernel: seconds}} of a library, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, str(library)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def measure(library):
    """In that process: seconds a call at 2^26 numbers."""
    import numpy as np

    import pyfly.cuda
    from pyfly.cuda import _library

    _library.PATH = Path(library)
    result = {}
    for letter, dtype in LETTERS.items():
        n = TIMED["forward"]
        x = np.ones(((1 << 26) // n, n), dtype)
        x, w = pyfly.cuda.asarray(x), pyfly.cuda.asarray(np.full((10, n // 2, 2, 2), 0.5, dtype))
        y = pyfly.cuda.DeviceArray(x.shape, x.dtype)
        calls = {
            "forward": lambda w=w, x=x, y=y: pyfly.cuda.butterfly_multiply(w, x, out=y),
            "hadamard": lambda x=x, y=y: pyfly.cuda.fwht(x, out=y),
            "backward": lambda w=w, x=x, y=y: pyfly.cuda.butterfly_multiply_grad(w, x, y),
        }
        result[letter] = {name: _seconds(call, x) for name, call in calls.items()}
    return result


def _seconds(call, array, repeats=10):
    best = float("inf")
    for _ in range(4):
        _library_synchronize(array)
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        _library_synchronize(array)
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


def _library_synchronize(array):
    array._library.bfly_cuda_synchronize(None)


def best_of(tried):
    """The best settings: for every type and kernel those of the build that was fastest without a spill.

    tried: [(settings, {(type, kernel) that spills}, {type: {kernel: seconds}})]
    """
    best = dict(tried[0][0])
    names = {"forward": ("TILES", "WARPS"), "hadamard": ("HADAMARD",), "backward": ("BACK",)}
    for letter in LETTERS:

        def fastest(kernel, warps=None, letter=letter):
            fit = [
                (times[letter][kernel], values)
                for values, spilled, times in tried
                if (letter, kernel) not in spilled and warps in (None, values[f"BFLY_WARPS_{letter}"])
            ]
            return min(fit, key=lambda item: item[0], default=(None, best))[1]

        chosen = {"forward": fastest("forward"), "backward": fastest("backward")}
        # the number of warps is the Hadamard kernel's too: only builds that share it are comparable
        chosen["hadamard"] = fastest("hadamard", chosen["forward"][f"BFLY_WARPS_{letter}"])
        for kernel, parts in names.items():
            for part in parts:
                best[f"BFLY_{part}_{letter}"] = chosen[kernel][f"BFLY_{part}_{letter}"]
    return best


def sweep(write, seconds=540):
    """Tries candidates until the time is over; prints, and with `write` writes dispatch.h."""
    begun, text, tried, longest = time.monotonic(), DISPATCH.read_text(), [], 0.0
    now = settings(text)
    for values in candidates(now):
        left = seconds - (time.monotonic() - begun)
        if tried and left < 1.2 * longest:
            print(f"{seconds} s are nearly over: the other candidates are left out")
            break
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            library, spilled = build(values, Path(folder))
            changed = {name: f"{value:g}" for name, value in values.items() if value != now[name]}
            if library is None:
                print(f"{changed}: {spilled}")
                continue
            times = times_of(library)
        tried.append((values, spilled, times))
        shown = {k: {kernel: f"{1e3 * t:.3f} ms" for kernel, t in row.items()} for k, row in times.items()}
        print(f"{changed or 'as it is'}: {shown}" + (f", spills: {sorted(spilled)}" if spilled else ""), flush=True)
        longest = max(longest, time.monotonic() - start)
    if not tried:
        print("no candidate could be built", file=sys.stderr)
        return 1
    best = best_of(tried)
    for name, value in best.items():
        print(f"{name} {value:g}" + ("" if value == now[name] else f"   was {now[name]:g}"))
    if write:
        DISPATCH.write_text(written(text, best))
        print(f"wrote {DISPATCH}")
    return 0


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
