"""How often the gradient search succeeds: seeds that reach a relative error of 1e-10, cell by cell.

    python bench/gradient_rates.py [--sizes 16 32 64] [--only DFT] [--way "level a"] [--seeds 20] [--restarts 3]
                                   [--double] [--json FILE] [--markdown FILE]

A cell is a transform, a size, a way to find the permutation and the form of the factors, each named as what it is. A
seed may try again with other random numbers, ``restarts`` times at most. Cells that fail are printed like the others.
Seconds are CPU time of one thread, restarts included; steps are those of Adam in the last attempt. With ``--json FILE``
cells are added to the file as they end, and those that stand in it are not run again; ``--markdown FILE`` writes the
table of gradient_rates.md.

What stays hard: real parts of complex butterflies with free factors, whose rows may each be conjugated, and with them
real transforms whose columns have random signs (positive scales are found: tied first, then untied); products of two
random butterflies with free factors; transposed classes, such as DCT-III, which only ``method="auto"`` looks for; three
logits a level, which miss the Hadamard matrix from one or two seeds in ten from n = 512; anything relaxed that is never
rounded.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg

from pyfly import targets
from pyfly._learn._gradient import tuned
from pyfly._learn._gradient_models import parse
from pyfly._learn._gradient_search import Recipe, attempt, padded_size
from pyfly._replace import replacing

GOAL = 1e-12
SIZES = [16, 32, 64]


def circulant(n, seed):
    return targets.convolution(n, seed=seed)


def complex_circulant(n, seed):
    return targets.convolution(n, seed=seed) + 1j * targets.convolution(n, seed=seed + 1000)


def toeplitz(n, seed):
    rng = np.random.default_rng(seed)
    return scipy.linalg.toeplitz(rng.standard_normal(n), rng.standard_normal(n))


TRANSFORMS = {
    "DFT": lambda n, seed: targets.dft(n),
    "Hadamard": lambda n, seed: targets.hadamard(n),
    "DCT-II": lambda n, seed: targets.dct(n),
    "DST-II": lambda n, seed: targets.dst(n),
    "DCT-IV": lambda n, seed: targets.dct(n, 4),
    "Hartley": lambda n, seed: targets.hartley(n),
    "convolution": circulant,
    "complex conv.": complex_circulant,
    "Toeplitz": toeplitz,
}


@dataclass(frozen=True)
class Way:
    """A recipe and how many seeds it is tried with, each with so many restarts."""

    recipe: Recipe
    seeds: int = 10
    restarts: int = 3


ONE = [
    Way(Recipe("BP", "shared a", "untied"), seeds=20, restarts=0),
    Way(Recipe("BP", "shared a", "tied"), restarts=0),
    Way(Recipe("BP", "level a", "untied")),
    Way(Recipe("BP", "shared abc", "untied")),
    Way(Recipe("BP", "level abc", "untied")),
]
REAL_PART = [
    Way(Recipe("Re(BPP)", "enumerate", "tied")),
    Way(Recipe("Re(BPP)", "shared a + top ac", "tied")),
    Way(Recipe("Re(BPP)", "level a + top ac", "tied")),
]
TWO = [Way(Recipe("BPBP", "enumerate", "tied then untied")), Way(Recipe("BPBP", "shared a", "tied then untied"))]
WAYS = dict.fromkeys(("DFT", "Hadamard"), ONE)
WAYS |= dict.fromkeys(("DCT-II", "DST-II", "DCT-IV", "Hartley"), REAL_PART)
WAYS |= dict.fromkeys(("convolution", "complex conv."), TWO)
WAYS["Toeplitz"] = [
    Way(Recipe("(BP)^2_2", "enumerate", "tied then untied")),
    Way(Recipe("(BP)^2_2", "shared a", "tied then untied")),
]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seeds", type=int, help="in place of each cell's own number")
    parser.add_argument("--restarts", type=int, help="in place of each cell's own number")
    parser.add_argument("--only", nargs="+", choices=tuple(TRANSFORMS), default=list(TRANSFORMS), metavar="TRANSFORM")
    parser.add_argument("--way", default="", help="only ways whose name contains this")
    parser.add_argument("--double", action="store_true", help="train in float64, not float32")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else []
    heads = f"{'transform':13} {'n':>5} {'way':58} {'restarts':>8}"
    print(f"{heads} {'found':>7} {'RMSE':>7} {'steps':>6} {'error':>9} {'s':>9}")
    for name in options.only:
        for n in options.sizes:
            for way in WAYS[name]:
                if options.way not in way.recipe.name:
                    continue
                cell = {
                    "transform": name,
                    "n": n,
                    "way": way.recipe.name,
                    "seeds": options.seeds or way.seeds,
                    "restarts": way.restarts if options.restarts is None else options.restarts,
                    "training": "float64" if options.double else "float32",
                }
                done = next((old for old in known if cell.items() <= old.items()), None)
                if done is None:
                    done = cell | run(name, n, way.recipe, cell["seeds"], cell["restarts"], not options.double)
                    known.append(done)
                    if options.json:
                        with replacing(options.json) as path:
                            Path(path).write_text(json.dumps(known, indent=1))
                show(done)
    if options.markdown:
        options.markdown.write_text(markdown(known))


def run(name, n, recipe, seeds, restarts, single):
    """Run one cell."""
    size = padded_size((n, n), parse(recipe.model).expansion)
    recipe = tuned(recipe, size)
    start, errors, rmse, steps, attempts = time.process_time(), [], [], [], []
    for seed in range(seeds):
        target = TRANSFORMS[name](n, seed)
        scale = np.linalg.norm(target) / np.sqrt(target.size / size)
        for again in range(restarts + 1):
            result = attempt(target / scale, recipe, seed=[seed, again], tol=GOAL, single=single)
            if result.error <= GOAL:
                break
        errors.append(result.error)
        rmse.append(result.error * np.linalg.norm(target) / n / np.sqrt(1 + np.iscomplexobj(target)))
        steps.append(result.steps)
        attempts.append(again + 1)
    good = np.array(errors) <= GOAL
    return {
        "found": int(good.sum()),
        "rmse_below_1e-4": int(np.sum(np.array(rmse) < 1e-4)),
        "within_300_steps": int(np.sum(good & (np.array(steps) <= 300))),
        "median_steps": float(np.median(np.array(steps)[good])) if good.any() else float(np.median(steps)),
        "worst_error_found": float(np.max(np.array(errors)[good])) if good.any() else None,
        "median_error": float(np.median(errors)),
        "attempts": float(np.mean(attempts)),
        "seconds": (time.process_time() - start) / seeds,
    }


def markdown(cells):
    """Found seeds, steps and seconds, a row for each way, a column for each size."""

    def seconds(value):
        return f"{value:.0f}" if value >= 10 else f"{value:.2g}"

    sizes = sorted({cell["n"] for cell in cells})
    rows = {}
    for cell in sorted(cells, key=lambda cell: (list(TRANSFORMS).index(cell["transform"]), cell["n"])):
        key = cell["transform"], cell["way"], cell["restarts"], cell["training"]
        rows.setdefault(key, {})[cell["n"]] = (
            f"{cell['found']}/{cell['seeds']}, {cell['median_steps']:.0f}, {seconds(cell['seconds'])} s"
        )
    lines = [
        "# Seeds that find the transform by gradients",
        "",
        "Seeds found, to a relative error of 1e-12, of those tried; the median of the steps of Adam in their last",
        "attempt (the polish comes after them); seconds of CPU a seed on one thread, restarts included. Factors are",
        "tied or untied. Relaxed is the way of the paper, with one logit a for all levels (shared a), one a",
        "level (level a), or three a level as it has them (level abc). The search halves a set of hard",
        "permutations. Written by `python bench/gradient_rates.py --json FILE --markdown FILE`.",
        "",
        f"| transform | way | restarts | training | {' | '.join(f'n = {n}' for n in sizes)} |",
        "|---" * (4 + len(sizes)) + "|",
    ]
    for (name, way, restarts, training), entries in rows.items():
        found = " | ".join(entries.get(n, "") for n in sizes)
        lines.append(f"| {name} | {way} | {restarts} | {training} | {found} |")
    return "\n".join(lines) + "\n"


def show(cell):
    found, rmse = (f"{cell[key]}/{cell['seeds']}" for key in ("found", "rmse_below_1e-4"))
    error = cell["worst_error_found"] or cell["median_error"]
    print(
        f"{cell['transform']:13} {cell['n']:5} {cell['way']:58} {cell['restarts']:8} {found:>7} {rmse:>7} "
        f"{cell['median_steps']:6.0f} {error:9.1e} {cell['seconds']:9.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
