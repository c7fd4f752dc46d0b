"""Butterfly layers beside torch.nn.Linear on one thread: overhead of a call, training step, inference.

    python bench/torch_speed.py [--seconds 0.5]

Each line ends with what the figure must be, and whether it is. Overhead is the time of a call through torch less that
of the C function; ratios are dense over butterfly, so that larger is better. The sides of a figure take turns of many
calls, so that they meet the same machine, warm; times are medians. The exit status is 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch

from pyfly import _raw
from pyfly.torch import BPBP, Butterfly, butterfly_multiply


def median_times(seconds, *functions, rounds=8):
    """Median time of each function in microseconds, each warm; they take turns of many calls."""
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, spent in zip(functions, times, strict=True):
            function()
            stop = time.perf_counter() + seconds / rounds
            while time.perf_counter() < stop or not spent:
                start = time.perf_counter()
                function()
                spent.append(time.perf_counter() - start)
    return [1e6 * float(np.median(spent)) for spent in times]


class Figures:
    """Prints figures, and counts those that are not what they must be."""

    def __init__(self):
        self.missed = 0

    def line(self, text, value, unit, least=None, most=None):
        """A figure that must be at least `least` or at most `most`, if anything."""
        verdict = ""
        if least is not None or most is not None:
            good = value >= least if most is None else value <= most
            self.missed += not good
            rule = f">= {least:g}" if most is None else f"<= {most:g}"
            verdict = f"   must be {rule}: {'reached' if good else 'MISSED'}"
        print(f"{text:58} {value:8.1f} {unit:2}{verdict}", flush=True)


def overheads(figures, seconds, n=1024):
    """Time of a product of one vector beyond the C calls, by what autograd has to do."""
    w, x, g = torch.randn(n.bit_length() - 1, n // 2, 2, 2), torch.randn(1, n), torch.randn(1, n)
    y, gw, gx = torch.empty_like(x), torch.empty_like(w), torch.empty_like(x)
    # one thread, type float32, op N, increasing strides, untied
    how, pw, px, pg = (1, 0, 0, True, False, n, 1), w.data_ptr(), x.data_ptr(), g.data_ptr()
    py, pgw, pgx = y.data_ptr(), gw.data_ptr(), gx.data_ptr()

    def forward():
        _raw.multiply(*how, pw, px, 1, n, py, 1, n)

    def backward():
        _raw.multiply_grad(*how, pw, px, 1, n, pg, 1, n, pgw, pgx, 1, n)

    def product():
        butterfly_multiply(w, x)

    with torch.inference_mode():
        c, through = median_times(seconds, forward, product)
    figures.line(f"one product of n = {n} in C", c, "us")
    figures.line("through torch in inference mode: beyond C", through - c, "us", most=10)
    with torch.no_grad():
        c, through = median_times(seconds, forward, product)
    figures.line("through torch with no_grad: beyond C", through - c, "us", most=20)
    w.requires_grad_(), x.requires_grad_()
    c, c_back, both = median_times(
        seconds, forward, backward, lambda: torch.autograd.grad(butterfly_multiply(w, x), (w, x), g)
    )
    figures.line("forward and backward in C", c + c_back, "us")
    figures.line("through torch with gradients: beyond C", both - c - c_back, "us", most=60)


def training(figures, n, batch, seconds, least):
    """Forward and backward pass of a batch: dense over butterfly."""
    x, g = torch.randn(batch, n, requires_grad=True), torch.randn(batch, n)

    def step(layer):
        (weight,) = layer.parameters()
        return lambda: torch.autograd.grad(layer(x), (weight, x), g)

    dense, ours = median_times(seconds, step(torch.nn.Linear(n, n, bias=False)), step(Butterfly(n, n, bias=False)))
    text = f"forward and backward, n = {n}, batch {batch}: {dense:.0f} / {ours:.0f} us"
    figures.line(text, dense / ours, "x", least=least)


def inference(figures, seconds, n=1024):
    """One vector through the hidden layer: dense over butterfly, through torch and through a plan from NumPy."""
    x = torch.randn(1, n)
    dense = torch.nn.Linear(n, n, bias=False)
    layers = {
        "Butterfly": Butterfly(n, n, bias=False),
        "real BPBP": BPBP(n, n, bias=False),
        "complex BPBP": BPBP(n, n, bias=False, complex=True),
    }
    for name, layer in layers.items():
        plan, vector = layer.to_operator().plan(), x[0].numpy()
        with torch.inference_mode():
            base, ours, planned = median_times(
                seconds, lambda: dense(x), lambda layer=layer: layer(x), lambda p=plan, v=vector: p.apply(v)
            )
        figures.line(f"one vector, {name} in torch: {base:.1f} / {ours:.1f} us", base / ours, "x", least=4)
        figures.line(f"one vector, {name} as a plan: {base:.1f} / {planned:.1f} us", base / planned, "x", least=20)


def parameters(figures, n=1024, classes=10):
    """The paper's count: a dense layer over the hidden layer's numbers and an output layer's weights."""
    for name, least, options in ("complex", 39.4, {"complex": True}), ("real", 56.9, {}):
        numbers = sum(p.numel() for p in BPBP(n, n, bias=False, **options).parameters()) + n * classes
        figures.line(f"{name} BPBP: fewer parameters", n * n / numbers, "x", least=least - 0.05)


def main(arguments=None):
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each side of a figure")
    seconds = parser.parse_args(arguments).seconds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    figures = Figures()
    overheads(figures, seconds)
    for n, least in (64, 1), (256, None), (1024, 12), (4096, None):
        training(figures, n, 256, seconds, least)
    inference(figures, seconds)
    parameters(figures)
    return int(figures.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
