"""What a "no" of `learn` costs: time and memory for matrices that are in no class.

    python bench/learn_no.py [--sizes 256,1024] [--only A,B] [--json FILE]

A row is a matrix, learnt in a process of its own after a small one: time over that of the dense product T @ T (median
of seven, same process), resident memory beyond what was there over the size of the target, what was found, the best of
the other forms. Memory is that of Linux (/proc); elsewhere it is left out.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path

import numpy as np
import scipy.special

import pyfly
from pyfly import targets


def _points(n, rng):
    """Grids of the unit interval."""
    return np.arange(n) / n, np.arange(n) / n


def _scattered(n, rng):
    """Random points of the unit interval."""
    return rng.random(n), rng.random(n)


def gaussian(x, y):
    return np.exp(-50 * np.subtract.outer(x, y) ** 2)


def cauchy(x, y):
    return 1 / (0.01 + np.add.outer(x, y))


def exponential(x, y):
    return np.exp(-3 * np.abs(np.subtract.outer(x, y)))


def logarithm(x, y):
    return np.log(np.abs(np.subtract.outer(x, y)) + 1 / len(x))


def orthogonal(n, rng):
    """Random, uniform over the orthogonal group."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))


def weights(n, rng):
    """Random singular vectors, singular values i^(-1/2)."""
    return orthogonal(n, rng) * np.arange(1, n + 1) ** -0.5 @ orthogonal(n, rng)


def attention(n, rng):
    """Softmax of queries and keys of 32 numbers."""
    return scipy.special.softmax(rng.standard_normal((n, 32)) @ rng.standard_normal((32, n)) / 32**0.5, axis=1)


def covariance(n, rng):
    a = rng.standard_normal((n, n))
    return a @ a.T


def chebyshev(n, rng):
    """Chebyshev polynomials at scattered points."""
    return np.cos(np.outer(np.arccos(2 * rng.random(n) - 1), np.arange(n)))


def complex_normal(n, rng):
    return (rng.standard_normal((2, n, n)).T @ [1, 1j]).T


def nonuniform_dft(n, rng):
    return np.exp(-2j * np.pi * np.outer(rng.random(n), np.arange(n)))


def almost(transform, n):
    """A transform of which a tenth of the rows are another matrix's."""
    matrix = transform(n)
    matrix[:: max(n // 10, 1)] = np.random.default_rng(0).standard_normal(matrix[:: max(n // 10, 1)].shape) / n**0.5
    return matrix


def grid(n):
    return np.arange(n)


MATRICES = {
    "random normal": lambda n, rng: rng.standard_normal((n, n)),
    "random normal, complex": complex_normal,
    "random sizes": lambda n, rng: np.abs(rng.standard_normal((n, n))),
    "random integers": lambda n, rng: rng.integers(-9, 10, (n, n)),
    "random signs": lambda n, rng: rng.choice([-1.0, 1.0], (n, n)),
    "random orthogonal": orthogonal,
    "random, one in a hundred": lambda n, rng: rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.01),
    "weights, i^-1/2": weights,
    "low rank and noise": lambda n, rng: (
        rng.standard_normal((n, n // 25)) @ rng.standard_normal((n // 25, n)) + rng.standard_normal((n, n))
    ),
    "covariance": covariance,
    "attention": attention,
    "Legendre": lambda n, rng: targets.legendre(n),
    "Chebyshev, scattered": chebyshev,
    "DCT-I": lambda n, rng: np.cos(np.pi * np.outer(grid(n), grid(n)) / (n - 1)),
    "DST-I": lambda n, rng: np.sin(np.pi * np.outer(grid(n) + 1, grid(n) + 1) / (n + 1)),
    "DFT, scattered": nonuniform_dft,
    "DFT, a tenth of the rows lost": lambda n, rng: almost(targets.dft, n),
    "DCT-II, a tenth of the rows lost": lambda n, rng: almost(targets.dct, n),
    **{
        f"{kernel.__name__}, {where}": lambda n, rng, kernel=kernel, points=points: kernel(*points(n, rng))
        for kernel in (gaussian, cauchy, exponential, logarithm)
        for where, points in (("grid", _points), ("scattered", _scattered))
        if kernel is cauchy or where == "scattered"
    },
}


def measure(name, n):
    """Time and memory of one, and what came of it."""
    target = np.asarray(MATRICES[name](n, np.random.default_rng(0)))
    if target.dtype.kind == "i":
        target = target.astype(float)
    pyfly.learn(np.random.default_rng(1).standard_normal((16, 16)))
    products = []
    for _ in range(9):
        start = time.perf_counter()
        target @ target
        products.append(time.perf_counter() - start)
    before = _resident(reset=True)
    found = pyfly.learn(target)
    peak = _resident()
    best = min(found.alternatives, key=lambda other: other.relative_error, default=None)
    return {
        "matrix": name,
        "n": n,
        "seconds": found.seconds,
        "ratio": found.seconds / float(np.median(products[2:])),
        "memory": (peak - before) / target.nbytes if peak else None,
        "model": found.model,
        "error": found.relative_error,
        "best other form": best and [best.name, best.relative_error],
    }


def _resident(*, reset=False):
    """Bytes of this process: those it has, with `reset`, from when on the peak is counted; the peak without."""
    status = Path("/proc/self/status")
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS" if reset else "VmHWM"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1024")
    parser.add_argument("--only", help="names of matrices, parted by semicolons")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    cells = []
    print(f"{'':34}{'n':>6}{'t / t0':>8}{'memory':>8}{'error':>9}  class, best other form")
    for n in map(int, options.sizes.split(",")):
        for name in options.only.split(";") if options.only else MATRICES:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                cell = pool.apply(measure, (name, n))
            cells.append(cell)
            memory = "" if cell["memory"] is None else f"{cell['memory']:.1f}"
            other = "{}: {:.1e}".format(*cell["best other form"]) if cell["best other form"] else ""
            print(
                f"{name:34}{n:6}{cell['ratio']:8.0f}{memory:>8}{cell['error']:9.1e}  {cell['model']}; {other}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
