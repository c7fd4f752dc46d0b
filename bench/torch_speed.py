"""Butterfly layers beside torch.nn.Linear on one thread: overhead of a call, training step, inference.

    python bench/torch_speed.py [--seconds 0.3]

Overhead is the time of a call through torch less that of the C function. Ratios are dense over butterfly, in the same
run, so that larger is better.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from pyfly import _raw
from pyfly.torch import BPBP, Butterfly, butterfly_multiply


def median_time(function, seconds):
    """Median time of a call in microseconds."""
    function()
    times, stop = [], time.perf_counter() + seconds
    while time.perf_counter() < stop:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def overheads(seconds, n=1024):
    """Time of a product of one vector beyond the C calls, by what autograd has to do."""
    w, x, g = torch.randn(n.bit_length() - 1, n // 2, 2, 2), torch.randn(1, n), torch.randn(1, n)
    y, gw, gx = torch.empty_like(x), torch.empty_like(w), torch.empty_like(x)
    # type float32, op N, increasing strides, untied
    how, pw, px, pg = (1, 0, 0, True, False, n, 1), w.data_ptr(), x.data_ptr(), g.data_ptr()
    py, pgw, pgx = y.data_ptr(), gw.data_ptr(), gx.data_ptr()
    forward = median_time(lambda: _raw.multiply(*how, pw, px, 1, n, py, 1, n), seconds)
    backward = median_time(lambda: _raw.multiply_grad(*how, pw, px, 1, n, pg, 1, n, pgw, pgx, 1, n), seconds)
    print(f"C: forward {forward:.1f} us, backward {backward:.1f} us")
    with torch.inference_mode():
        print(f"inference mode: {median_time(lambda: butterfly_multiply(w, x), seconds) - forward:.1f} us more")
    with torch.no_grad():
        print(f"no_grad: {median_time(lambda: butterfly_multiply(w, x), seconds) - forward:.1f} us more")
    w.requires_grad_(), x.requires_grad_()

    def both():
        torch.autograd.grad(butterfly_multiply(w, x), (w, x), g)

    print(f"forward and backward: {median_time(both, seconds) - forward - backward:.1f} us more")


def training(n, batch, seconds):
    """Forward and backward pass of a batch: dense, butterfly, ratio."""
    x, g = torch.randn(batch, n, requires_grad=True), torch.randn(batch, n)
    times = []
    for layer in (torch.nn.Linear(n, n, bias=False), Butterfly(n, n, bias=False)):
        (weight,) = layer.parameters()
        times.append(median_time(lambda layer=layer, w=weight: torch.autograd.grad(layer(x), (w, x), g), seconds))
    print(f"n = {n}, batch {batch}: dense {times[0]:.0f} us, butterfly {times[1]:.0f} us: {times[0] / times[1]:.2f} x")


def inference(seconds, n=1024):
    """Inference of one vector: dense over butterfly layers and over the operator for NumPy."""
    x = torch.randn(1, n)
    with torch.inference_mode():
        dense = torch.nn.Linear(n, n, bias=False)
        base = median_time(lambda: dense(x), seconds)
        print(f"dense, one vector of {n}: {base:.1f} us")
        layers = {
            "Butterfly": Butterfly(n, n, bias=False),
            "BPBP real": BPBP(n, n, bias=False),
            "BPBP complex": BPBP(n, n, bias=False, complex=True),
        }
        for name, layer in layers.items():
            spent = median_time(lambda layer=layer: layer(x), seconds)
            print(f"{name}: {spent:.1f} us, {base / spent:.1f} x")
            operator, vector = layer.to_operator(), x[0].numpy()
            spent = median_time(lambda operator=operator, v=vector: operator.apply(v), seconds)
            print(f"    its operator from NumPy: {spent:.1f} us, {base / spent:.1f} x")


def main():
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each figure")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    overheads(seconds)
    for n in (64, 256, 1024, 4096):
        training(n, 256, seconds)
    inference(seconds)


if __name__ == "__main__":
    main()
