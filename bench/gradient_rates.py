"""How often the gradient search succeeds: seeds that reach a relative error of 1e-10, one attempt each, cell by cell.

    python bench/gradient_rates.py [--sizes 16 32 64] [--seeds 10] [--restarts 0] [--only NAME]

A cell is a transform, a size, a way to find the permutation and the form of the factors, each named as what it is. With
``--restarts k`` a seed may try again k times. Cells that fail are printed like the others. Seconds are CPU time.
"""

import argparse
import time

import numpy as np

from pyfly import targets
from pyfly._learn._gradient import tuned
from pyfly._learn._gradient_search import Recipe, attempt

GOAL = 1e-10
TRANSFORMS = {
    "DFT": targets.dft,
    "Hadamard": targets.hadamard,
    "DCT-II": targets.dct,
    "DST-II": targets.dst,
    "DCT-IV": lambda n: targets.dct(n, 4),
    "Hartley": targets.hartley,
}
COMPLEX_OR_REAL = [
    Recipe("BP", "shared a", "untied"),
    Recipe("BP", "shared a", "tied"),
    Recipe("BP", "level a", "untied"),
    Recipe("BP", "shared abc", "untied"),
    Recipe("BP", "level abc", "untied"),
]
REAL_PART = [
    Recipe("Re(BPP)", "enumerate", "tied"),
    Recipe("Re(BPP)", "shared a + top ac", "tied"),
    Recipe("Re(BPP)", "level a + top ac", "tied"),
]
WAYS = {name: COMPLEX_OR_REAL if name in ("DFT", "Hadamard") else REAL_PART for name in TRANSFORMS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--restarts", type=int, default=0)
    parser.add_argument("--only", choices=tuple(TRANSFORMS))
    options = parser.parse_args()
    print(f"{'transform':9} {'n':>5} {'way':58} {'found':>7} {'steps':>6} {'median error':>12} {'s a seed':>9}")
    for name in [options.only] if options.only else TRANSFORMS:
        for n in options.sizes:
            target = TRANSFORMS[name](n)
            target = target * (np.sqrt(n) / np.linalg.norm(target))
            for recipe in map(tuned, WAYS[name]):
                cell(name, n, target, recipe, options)


def cell(name, n, target, recipe, options):
    """Run and print one cell; steps are the median number of Adam's before the polish."""
    start, errors, steps = time.process_time(), [], []
    for seed in range(options.seeds):
        for again in range(options.restarts + 1):
            result = attempt(target, recipe, seed=[seed, again], tol=GOAL)
            if result.error <= GOAL:
                break
        errors.append(result.error)
        steps.append(result.steps)
    seconds = (time.process_time() - start) / options.seeds
    found = f"{sum(error <= GOAL for error in errors)}/{options.seeds}"
    print(
        f"{name:9} {n:5} {recipe.name:58} {found:>7} {np.median(steps):6.0f} {np.median(errors):12.1e} {seconds:9.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
