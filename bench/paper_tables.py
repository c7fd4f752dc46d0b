"""The paper's recovery table: eight transforms, n = 8 ... 1024, found by the algebraic search and by gradients.

    python bench/paper_tables.py [--sizes 8 16 ...] [--method auto gradient] [--out FOLDER]

Every cell has the RMSE ||T - model||_F / (n sqrt(c)), c = 2 for a complex T and 1 for a real one (the norm of the
published figures), the relative error, seconds of CPU, numbers kept, and the class. Beside them: the published RMSE,
and low rank, sparse, and sparse plus low rank at 2 n log2 n numbers. Cells that miss the paper's criterion, RMSE below
1e-4, are marked. Written to FOLDER: paper_tables.json and a heat map, paper_tables.png. Published: arXiv:1903.05895.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

import pyfly
from pyfly import targets
from pyfly._learn._baselines import alternatives

SIZES = [8, 16, 32, 64, 128, 256, 512, 1024]
TRANSFORMS = {
    "DFT": targets.dft,
    "DCT": targets.dct,
    "DST": targets.dst,
    "convolution": targets.convolution,
    "Hadamard": targets.hadamard,
    "Hartley": targets.hartley,
    "Legendre": targets.legendre,
    "random": targets.randn,
}
PUBLISHED = {
    "DFT": [3.1e-6, 4.6e-6, 8.7e-6, 1.0e-5, 2.0e-5, 3.8e-5, 8.0e-5, 5.7e-5],
    "DCT": [4.4e-6, 1.1e-5, 8.6e-6, 1.2e-5, 2.1e-5, 1.9e-5, 3.1e-5, 7.3e-5],
    "DST": [1.1e-6, 7.5e-6, 4.6e-5, 5.1e-5, 3.0e-5, 2.1e-5, 3.6e-5, 4.6e-5],
    "convolution": [4.0e-6, 2.5e-5, 6.4e-5, 7.6e-5, 5.9e-5, 7.8e-5, 6.3e-5, 1.9e-2],
    "Hadamard": [8.8e-7, 7.8e-6, 1.3e-5, 3.9e-5, 3.5e-5, 4.5e-5, 6.1e-5, 3.6e-5],
    "Hartley": [3.4e-6, 9.0e-6, 1.1e-5, 1.3e-5, 3.6e-5, 4.3e-5, 4.5e-5, 3.6e-5],
    "Legendre": [3.4e-2, 2.9e-2, 2.4e-2, 1.4e-2, 7.9e-3, 4.5e-3, 2.6e-3, 1.6e-3],
    "random": [1.4e-1, 1.6e-1, 1.4e-1, 1.1e-1, 8.4e-2, 6.1e-2, 4.4e-2, 3.1e-2],
}
CRITERION = 1e-4


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES, metavar="N")
    parser.add_argument("--method", nargs="+", default=["auto", "gradient"], choices=["auto", "peel", "gradient"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args(arguments)
    cells = []
    for name, make in TRANSFORMS.items():
        for n in options.sizes:
            target = make(n)
            cells += [cell(name, n, target, method, options.seed) for method in options.method]
            cells += baselines(name, n, target)
            cells.append({"transform": name, "n": n, "method": "published", "rmse": PUBLISHED[name][SIZES.index(n)]})
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "paper_tables.json", "w") as file:
        json.dump({"norm": "||T - model||_F / (n sqrt(c)), c = 2 complex, 1 real", "cells": cells}, file, indent=1)
    heat_map(cells, options.sizes, options.out / "paper_tables.png")


def cell(name, n, target, method, seed):
    """One search."""
    cpu = time.process_time()
    found = pyfly.learn(target, method=method, seed=seed)
    cpu = time.process_time() - cpu
    rmse = found.rmse / math.sqrt(1 + np.iscomplexobj(target))
    result = {
        "transform": name,
        "n": n,
        "method": method,
        "model": found.model,
        "rmse": rmse,
        "relative_error": found.relative_error,
        "found": bool(rmse < CRITERION),
        "tied": found.tied,
        "parameters": found.n_parameters,
        "cpu_seconds": cpu,
        "note": found.note,
    }
    mark = " " if result["found"] else "*"
    print(
        f"{name:12}{n:6} {method:9}{mark} {found.model:14} rmse {rmse:.1e}  relative {found.relative_error:.1e}  "
        f"{found.n_parameters:6} numbers  {cpu:7.2f} s   published {PUBLISHED[name][SIZES.index(n)]:.1e}",
        flush=True,
    )
    return result


def baselines(name, n, target):
    """The other forms at the budget of one butterfly."""
    scale = np.linalg.norm(target) / (n * math.sqrt(1 + np.iscomplexobj(target)))
    return [
        {
            "transform": name,
            "n": n,
            "method": other.name,
            "rmse": other.relative_error * scale,
            "relative_error": other.relative_error,
            "parameters": other.n_parameters,
        }
        for other in alternatives(target, 2 * n * int(math.log2(n)))
    ]


def heat_map(cells, sizes, path):
    """log10 RMSE, a panel a method."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed", file=sys.stderr)
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    methods = list(dict.fromkeys(cell["method"] for cell in cells))
    figure, axes = plt.subplots(1, len(methods), figsize=(3 * len(methods), 4), sharey=True, squeeze=False)
    for axis, method in zip(axes[0], methods, strict=True):
        grid = np.full((len(TRANSFORMS), len(sizes)), np.nan)
        for entry in cells:
            if entry["method"] == method:
                place = list(TRANSFORMS).index(entry["transform"]), sizes.index(entry["n"])
                grid[place] = math.log10(max(entry["rmse"], 1e-17))
        picture = axis.imshow(grid, vmin=-17, vmax=0, cmap="viridis_r", aspect="auto")
        axis.set_xticks(range(len(sizes)), sizes, rotation=90)
        axis.set_yticks(range(len(TRANSFORMS)), TRANSFORMS)
        axis.set_title(method)
    figure.colorbar(picture, ax=axes, label="log10 RMSE")
    figure.savefig(path, bbox_inches="tight", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
