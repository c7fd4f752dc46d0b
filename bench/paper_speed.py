"""The two speed figures of Dao et al. (arXiv:1903.05895), measured here, beside the published ones.

    python bench/paper_speed.py [--figure inference|training] [--json FILE] [--plot FILE] [--largest N]

Inference: N = 64 ... 8192, one vector, one thread, real float32; the speed-up over the dense product (GEMV). BP is the
tied butterfly after a bit reversal. FFT is numpy's of a complex128 vector, as in the paper; FFT c64 is scipy's in
single precision, DCT and DST are scipy's. The plan is the same BP with fixed factors.
Training: forward and backward of N x N at batch 256, gradients of factors and vectors; the speed-up over the three
dense products (GEMM). The FFT has no factors: its forward and backward are two transforms. The published figures of
training come from a GPU (P100, cuFFT), these from one thread of a processor: only the shapes of the curves compare.

Times include the call from Python, which below N = 256 is most of what is seen; `bench_c` measures without it.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from functools import partial

import numpy as np
import scipy.fft

import pyfly
from pyfly._bench.machine import measure_machine
from pyfly._bench.timer import measure, optional, threads

SIZES = [64, 128, 256, 512, 1024, 2048, 4096, 8192]
BATCH = 256
# speed-up over GEMV and over GEMM by N, as published; the rows DCT and DST hold the ends of the printed ranges
PUBLISHED = {
    "inference": {
        "BP": dict(zip(SIZES, [0.19, 0.19, 0.58, 1.6, 4.4, 10.6, 65.8, 172], strict=True)),
        "FFT": dict(zip(SIZES, [0.67, 0.96, 3.2, 9.4, 22, 26, 215, 461], strict=True)),
        "DCT": dict(zip(SIZES, [0.44, 0.49, 1.6, 4.2, 10.7, 23, 131, 250], strict=True)),
        "DST": dict(zip(SIZES, [0.44, 0.49, 1.6, 4.2, 11.7, 26, 131, 277], strict=True)),
    },
    "training": {
        "BP": {64: 0.48, 256: 0.45, 1024: 1.16, 2048: 2.5, 8192: 7.5},
        "FFT": {64: 0.55, 256: 0.49, 1024: 1.16 / 0.75, 2048: 3.5, 8192: 31},
    },
}
BASE = {"inference": "GEMV", "training": "GEMM"}


def bit_reversal(n):
    """Choice a on every level, b and c on none."""
    choices = np.zeros((n.bit_length() - 2, 3), dtype=int)
    choices[:, 0] = 1
    return pyfly.permutation_from_choices(choices)


def agree(name, got, want, n):
    error = np.linalg.norm(got - want) / np.linalg.norm(want)
    if not error < 100 * np.log2(n) * np.finfo(np.float32).eps:
        raise ArithmeticError(f"{name} at N = {n} is off by {error:.1e}: nothing was timed")


def inference(n, rng):
    """Competitors for one vector; the dense matrix is that of the BP."""
    tied = (rng.standard_normal((n - 1, 2, 2)) * np.sqrt(0.5)).astype(np.float32)
    perm, x = bit_reversal(n), rng.standard_normal(n).astype(np.float32)
    product = pyfly.Butterfly(tied, tied=True) @ pyfly.Permutation(perm)
    dense = np.ascontiguousarray(product.apply(np.eye(n, dtype=np.float32)).T)

    def bp():
        return pyfly.butterfly_multiply(tied, pyfly.permute(perm, x), tied=True)

    calls = {
        "GEMV": partial(np.dot, dense, x),
        "BP": bp,
        "B alone": partial(pyfly.butterfly_multiply, tied, x, tied=True),
        "FFT": partial(np.fft.fft, x.astype(complex)),
        "FFT c64": partial(scipy.fft.fft, x.astype(np.complex64)),
        "DCT": partial(scipy.fft.dct, x),
        "DST": partial(scipy.fft.dst, x),
    }
    if optional("pyfly._plan"):
        calls["plan"] = partial(product.plan().apply, x)
        agree("plan", calls["plan"](), calls["GEMV"](), n)
    agree("BP", bp(), calls["GEMV"](), n)
    return calls


def training(n, rng):
    """Competitors for forward and backward at batch 256."""
    x, g = rng.standard_normal((2, BATCH, n)).astype(np.float32)
    perm = bit_reversal(n)
    inverse = np.argsort(perm)
    tied = (rng.standard_normal((n - 1, 2, 2)) * np.sqrt(0.5)).astype(np.float32)
    product = pyfly.Butterfly(tied, tied=True) @ pyfly.Permutation(perm)
    dense = np.ascontiguousarray(product.apply(np.eye(n, dtype=np.float32)).T)
    untied = (rng.standard_normal((n.bit_length() - 1, n // 2, 2, 2)) * np.sqrt(0.5)).astype(np.float32)
    y, grad_x, grad_dense = np.empty_like(x), np.empty_like(x), np.empty_like(dense)
    z, gz = x.astype(np.complex64), g.astype(np.complex64)

    def gemm():
        np.matmul(x, dense.T, out=y)
        np.matmul(g.T, x, out=grad_dense)
        return np.matmul(g, dense, out=grad_x)

    def bp(factors, is_tied):
        px = pyfly.permute(perm, x)
        pyfly.butterfly_multiply(factors, px, tied=is_tied)
        _, gradient = pyfly.butterfly_multiply_grad(factors, px, g, tied=is_tied)
        return pyfly.permute(inverse, gradient)

    def fft():
        scipy.fft.fft(z)
        return scipy.fft.fft(gz)

    agree("the gradient of BP", bp(tied, True), gemm(), n)
    return {"GEMM": gemm, "BP": partial(bp, tied, True), "BP untied": partial(bp, untied, False), "FFT": fft}


def figure(name, sizes, say):
    """Rows {"n", "seconds": {...}, "speedup": {...}} of one figure."""
    rows = []
    for n in sizes:
        calls = {"inference": inference, "training": training}[name](n, np.random.default_rng(n))
        timing = measure(calls, slot=2e-3, rounds=15, budget=3)
        speedup = {key: timing.ratio(BASE[name], over=key) for key in calls if key != BASE[name]}
        rows.append({"n": n, "seconds": {key: timing[key] for key in calls}, "speedup": speedup})
        say(name, rows)
    return rows


def brief(value):
    return "" if value is None else f"{value:.{2 if value < 9.95 else 1 if value < 99.5 else 0}f}"


def say(name, rows):
    """Print a row, with the title before the first."""
    row, published = rows[-1], PUBLISHED[name]
    columns = list(row["speedup"])
    if len(rows) == 1:
        what = "one vector" if name == "inference" else f"forward and backward, batch {BATCH}"
        print(f"\n{name}: {what}, float32, one thread; speed-up over {BASE[name]}, published ones at the right")
        titles = [f"{c:>11}" for c in columns] + [f"{c + ' publ.':>11}" for c in published]
        print(f"{'N':>6}{BASE[name]:>12}" + "".join(titles))
    cells = [f"{brief(row['speedup'][c]):>11}" for c in columns]
    cells += [f"{brief(p.get(row['n'])):>11}" for p in published.values()]
    print(f"{row['n']:>6}{1e6 * row['seconds'][BASE[name]]:>9.3g} us" + "".join(cells), flush=True)


def plot(path, figures, title):
    """Speed-up against N on log axes; what was measured solid, what was published dashed in the same colour."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(6 * len(figures), 4.6), layout="constrained")
    for axes, (name, rows) in zip(np.atleast_1d(picture.subplots(1, len(figures))), figures.items(), strict=True):
        for i, key in enumerate(rows[0]["speedup"]):
            values = [row["speedup"][key] for row in rows]
            axes.plot([row["n"] for row in rows], values, "osD^vP*"[i], linestyle="-", color=f"C{i}", label=key, ms=4)
            if key in PUBLISHED[name]:
                published = {n: v for n, v in PUBLISHED[name][key].items() if n <= rows[-1]["n"]}
                axes.plot(published.keys(), published.values(), "--", color=f"C{i}", alpha=0.6)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="N", ylabel=f"speed-up over {BASE[name]}")
        axes.set_xticks([row["n"] for row in rows], [row["n"] for row in rows])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
        kind = "one vector" if name == "inference" else f"forward and backward, batch {BATCH}"
        axes.set_title(f"{kind}; dashed: published", fontsize=10)
    picture.suptitle(title, fontsize=9)
    picture.savefig(path, dpi=150)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", choices=list(BASE), help="only this one")
    parser.add_argument("--largest", type=int, default=SIZES[-1], metavar="N", help="stop at this size; default 8192")
    parser.add_argument("--json", metavar="FILE", help="write times and speed-ups to FILE")
    parser.add_argument("--plot", metavar="FILE", help="write the log plot to FILE (.png, .pdf, .svg)")
    args = parser.parse_args(argv)
    sizes = [n for n in SIZES if n <= args.largest]
    if not sizes:
        parser.error(f"--largest {args.largest} must be at least {SIZES[0]}")
    with threads(1):
        machine = measure_machine()
        print(machine)
        figures = {name: figure(name, sizes, say) for name in ([args.figure] if args.figure else BASE)}
    if args.json:
        content = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.as_dict(),
            "measured": figures,
            "published": PUBLISHED,
        }
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    if args.plot:
        plot(args.plot, figures, f"{machine.name}, {machine.isa}, one thread")
    return 0


if __name__ == "__main__":
    sys.exit(main())
