"""The paper's recovery table: eight transforms, n = 8 ... 1024, found by the algebraic search and by gradients.

    python bench/paper_tables.py [--n 8 16 32] [--methods auto gradient ...] [--limit SECONDS] [--out FOLDER]

Every cell has the RMSE ||T - model||_F / (n sqrt(c)), c = 2 for a complex T and 1 for a real one (the norm in which the
published figures are given), the relative error, seconds of CPU, numbers kept, and the class. Methods:

    auto, gradient                       pyfly.learn; gradient is told the class that the paper names, like the paper
    low rank, sparse, sparse + low rank  at 2 n log2 n numbers; sparse ones keep values, positions come on top
    lazylinop.ksd                        with the identity and with the bit reversal, the better one counts
    pyfaust.butterfly                    with its eight permutations, the best one counts

Cells that miss the paper's criterion, RMSE below 1e-4, are marked by a star, those that ran longer than the limit by
"over the limit". Every method runs in a process of its own, on one thread. Written to FOLDER as the cells end:
paper_tables.json, from which a later run goes on; at the end paper_tables.md and a heat map, paper_tables.png.
Published figures: arXiv:1903.05895.
"""

import argparse
import contextlib
import functools
import io
import json
import math
import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import numpy as np

import pyfly
from pyfly import targets
from pyfly._learn._baselines import alternatives
from pyfly._replace import replacing

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
CLASSES = {"DCT": "Re(BPP)", "DST": "Re(BPP)", "convolution": "BPBP", "Hartley": "Re(BPP)"}
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
BASELINES = ["low rank", "sparse", "sparse + low rank"]
PEERS = {"lazylinop.ksd": "lazylinop.butterfly", "pyfaust.butterfly": "pyfaust"}
METHODS = ["auto", "gradient", *BASELINES, *PEERS]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=SIZES, choices=SIZES, metavar="N")
    parser.add_argument("--only", nargs="+", choices=tuple(TRANSFORMS), default=list(TRANSFORMS), metavar="TRANSFORM")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS, metavar="METHOD")
    parser.add_argument("--limit", type=float, default=600, help="seconds a cell may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "paper_tables.json"
    known = json.loads(path.read_text())["cells"] if path.exists() else []
    cells = {(cell["transform"], cell["n"], cell["method"]): cell for cell in known}
    workers = {}
    try:
        for n in options.n:
            for name in options.only:
                for method in options.methods:
                    if (name, n, method) not in cells:
                        key = "baselines" if method in BASELINES else method
                        if key not in workers:
                            workers[key] = Worker(method, options.seed)
                        cells[name, n, method] = workers[key].run(name, n, method, options.limit)
                        if "failed" in cells[name, n, method]:
                            workers.pop(key).end()
                        with replacing(path) as temporary:
                            text = json.dumps({"norm": NORM, "cells": list(cells.values())}, indent=1)
                            Path(temporary).write_text(text)
                    show(cells[name, n, method])
    finally:
        for worker in workers.values():
            worker.end()
    write_markdown(cells, options.out / "paper_tables.md")
    heat_map(cells, options.out / "paper_tables.png")


NORM = "RMSE = ||T - model||_F / (n sqrt(c)), c = 2 for a complex T, 1 for a real one"


class Worker:
    """A process that runs cells; it is ended when one takes too long."""

    def __init__(self, method, seed):
        self.pipe, end = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(end, method, seed), daemon=True)
        self.process.start()
        end.close()

    def run(self, name, n, method, limit):
        """One cell."""
        try:
            self.pipe.send((name, n, method))
            result = self.pipe.recv() if self.pipe.poll(limit) else {"failed": f"over the limit of {limit:g} s"}
        except (EOFError, OSError):
            result = {"failed": "the process ended early"}
        return {"transform": name, "n": n, "method": method, **result}

    def end(self):
        self.process.terminate()
        self.process.join()


def serve(pipe, method, seed):
    """Run cells and send what came of each; what is imported on first use does not count."""
    pyfly.set_num_threads(1)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception):
        RUN[method](targets.dft(8), "DFT", method, seed)
    while True:
        name, n, method = pipe.recv()
        target = TRANSFORMS[name](n)
        start = time.process_time()
        try:
            result = RUN[method](target, name, method, seed)
        except ImportError as missing:
            result = {"failed": f"{missing.name or PEERS[method]} is not installed"}
        except Exception as error:
            result = {"failed": f"{type(error).__name__}: {error}"}
        result["cpu_seconds"] = time.process_time() - start
        if "relative_error" in result:
            length = float(np.linalg.norm(target)) / (n * math.sqrt(1 + np.iscomplexobj(target)))
            result["rmse"] = result["relative_error"] * length
            result["found"] = bool(result["rmse"] < CRITERION)
        pipe.send(result)


def learnt(target, name, method, seed):
    """pyfly.learn."""
    options = {}
    if method == "gradient":
        hopeless = name in ("Legendre", "random")
        options = {"model": CLASSES.get(name, "BP"), "workers": 1, "restarts": 0 if hopeless else 3}
    found = pyfly.learn(target, method=method, seed=seed, **options)
    attempts = re.search(r"attempt (\d+)", found.note)
    return {
        "relative_error": found.relative_error,
        "model": found.model,
        "parameters": found.n_parameters,
        "tied": found.tied,
        "trials": int(attempts[1]) if attempts else None,
        "evaluations": len(found.history),
        "note": found.note,
    }


@functools.lru_cache(maxsize=1)
def forms(name, n):
    """All of them, from one singular value decomposition."""
    return alternatives(TRANSFORMS[name](n), 2 * n * int(math.log2(n)))


def baseline(target, name, method, seed):
    """One of the other forms at the budget of one butterfly."""
    for other in forms(name, len(target)):
        if other.name == method:
            return {"relative_error": other.relative_error, "parameters": other.n_parameters}
    return {"failed": "the budget holds the whole matrix"}


def ksd(target, name, method, seed):
    """Hierarchical factorization of lazylinop, at given permutations."""
    from lazylinop.butterfly import Chain, ksd

    n = len(target)
    bits = n.bit_length() - 1
    reversal = np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(n)])
    errors, numbers = [], 0
    for order in (np.arange(n), reversal):
        columns = np.ascontiguousarray(target[:, order])
        factors = ksd(columns, Chain.square_dyadic(target.shape))
        errors.append(float(np.linalg.norm(factors.toarray() - columns) / np.linalg.norm(target)))
        numbers = int(sum(values.size for values in factors.ks_values))
    return {"relative_error": min(errors), "parameters": numbers}


def faust(target, name, method, seed):
    """The butterfly factorization of pyfaust with its eight permutations."""
    from pyfaust.fact import butterfly

    product = butterfly(target, type="bbtree", perm="default_8")
    error = float(np.linalg.norm(product.toarray() - target) / np.linalg.norm(target))
    return {"relative_error": error, "parameters": int(product.nnz_sum())}


RUN = {"auto": learnt, "gradient": learnt, **dict.fromkeys(BASELINES, baseline)}
RUN |= {"lazylinop.ksd": ksd, "pyfaust.butterfly": faust}


def show(cell):
    head = f"{cell['transform']:12}{cell['n']:6} {cell['method']:18}"
    if "failed" in cell:
        print(f"{head}* {cell['failed']}", flush=True)
        return
    print(
        f"{head}{' ' if cell['found'] else '*'} rmse {cell['rmse']:.1e}  relative {cell['relative_error']:.1e}  "
        f"{cell['parameters']:7} numbers  {cell['cpu_seconds']:8.2f} s  {cell.get('model', '')}",
        flush=True,
    )


def write_markdown(cells, path):
    """All cells as one table a transform."""
    lines = [
        "# Recovering transforms",
        "",
        f"{NORM}. A star marks cells that miss the paper's",
        "criterion, RMSE below 1e-4. In brackets: relative error, seconds of CPU on one thread, and for pyfly's two",
        "the class, the numbers kept and the trials. Other forms have 2 n log2 n numbers; low rank, sparse and their",
        "sum share one singular value decomposition, counted where it was needed first. At n = 8 the classes hold many",
        "matrices by their size alone, Legendre's among them. Written by `python bench/paper_tables.py`.",
    ]
    for name in TRANSFORMS:
        here = [(n, method) for (other, n, method) in cells if other == name]
        if not here:
            continue
        methods = [method for method in METHODS if any(method == m for _, m in here)]
        lines += ["", f"## {name}", "", f"| n | published | {' | '.join(methods)} |", "|---" * (len(methods) + 2) + "|"]
        for n in sorted({n for n, _ in here}):
            entries = [words(cells.get((name, n, method))) for method in methods]
            lines.append(f"| {n} | {PUBLISHED[name][SIZES.index(n)]:.1e} | {' | '.join(entries)} |")
    path.write_text("\n".join(lines) + "\n")
    print(f"written: {path}")


def words(cell):
    """A cell of the table."""
    if cell is None:
        return "–"
    if "failed" in cell:
        return f"* {cell['failed']}"
    more = [f"{cell['relative_error']:.0e}", f"{cell['cpu_seconds']:.2g} s"]
    if "model" in cell:
        more += [cell["model"], f"{cell['parameters']}"]
        if cell["trials"]:
            more.append(f"{cell['trials']} trial{'s' * (cell['trials'] > 1)}")
    return f"{'' if cell['found'] else '* '}{cell['rmse']:.1e} ({', '.join(more)})"


def heat_map(cells, path):
    """log10 RMSE, a panel a method, the published figures first; grey: no result."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed", file=sys.stderr)
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    methods = ["published", *(method for method in METHODS if any(method == m for _, _, m in cells))]
    figure, axes = plt.subplots(2, math.ceil(len(methods) / 2), figsize=(11, 6), sharey=True, layout="constrained")
    for axis, method in zip(axes.flat, methods, strict=False):
        grid = np.full((len(TRANSFORMS), len(SIZES)), np.nan)
        for row, name in enumerate(TRANSFORMS):
            for column, n in enumerate(SIZES):
                rmse = cells.get((name, n, method), {}).get("rmse")
                rmse = PUBLISHED[name][column] if method == "published" else rmse
                if rmse is not None:
                    grid[row, column] = math.log10(max(rmse, 1e-17))
        picture = axis.imshow(grid, vmin=-17, vmax=0, cmap="viridis_r", aspect="auto")
        axis.set_facecolor("0.8")
        axis.set_xticks(range(len(SIZES)), SIZES, rotation=90)
        axis.set_yticks(range(len(TRANSFORMS)), TRANSFORMS)
        axis.set_title(method)
    for axis in axes.flat[len(methods) :]:
        axis.set_visible(False)
    figure.colorbar(picture, ax=axes, label="log10 RMSE")
    with replacing(path, suffix=".png") as temporary:
        figure.savefig(temporary, dpi=70)
    plt.close(figure)
    print(f"written: {path} ({os.path.getsize(path) // 1024} KB)")


if __name__ == "__main__":
    main()
