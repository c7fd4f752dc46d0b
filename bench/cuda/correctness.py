"""Whether pyfly.cuda is right on the device at hand: every function against the processor's.

Types, sizes 2^1 .. 2^16, odd batches, strides, in place, the adjoint <B x, y> = <x, B^H y>, graph replay, and the same
bits when run again. Errors are in units of max(1, log2 n) eps of the largest number expected.
"""

import itertools

import numpy as np

import pyfly
import pyfly.cuda

TYPES = ("ff", "dd", "FF", "DD", "fF", "dD")
MOST = 64


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def factors(rng, n, dtype, tied):
    """Well-conditioned random factors: of norm about 1 a stage."""
    return numbers(rng, (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2), dtype) / 2**0.5


class View:
    """Some of the numbers of a DeviceArray, as NumPy's basic indexing takes them."""

    def __init__(self, array, index):
        model = np.empty(array.shape, array.dtype)
        part = model[index]
        start = part.ctypes.data - model.ctypes.data
        self.array, self.index = array, index
        self.__cuda_array_interface__ = {
            **array.__cuda_array_interface__,
            "shape": part.shape,
            "strides": part.strides,
            "data": (array.address + start, False),
        }

    def get(self):
        return self.array.get()[self.index]


class Report:
    """Worst errors by what was compared, and the failures."""

    def __init__(self, show=print):
        self.worst, self.failures, self.checks, self.show = {}, 0, 0, show

    def fail(self, text):
        self.failures += 1
        if self.failures <= 20:
            self.show(f"FAILED {text}")

    def compare(self, what, got, expected, n, where):
        self.checks += 1
        got = got.get() if hasattr(got, "get") else got
        if got.shape != expected.shape or got.dtype != expected.dtype:
            return self.fail(f"{what} {where}: {got.dtype}{got.shape}, not {expected.dtype}{expected.shape}")
        size = float(abs(expected).max(initial=0)) or 1.0
        error = float(abs(got - expected).max(initial=0)) / size / max(1, n.bit_length() - 1) / np.finfo(got.dtype).eps
        self.worst[what] = max(self.worst.get(what, 0.0), error)
        if not error < MOST:
            self.fail(f"{what} {where}: error {error:.3g} log2(n) eps")

    def same_bits(self, what, first, second, where):
        self.checks += 1
        if first.get().tobytes() != second.get().tobytes():
            self.fail(f"{what} {where}: other bits the second time")


def layouts(count, n):
    """(shape of the memory, index of the vectors in it): dense, rows apart, columns, backwards, every other."""
    return [
        ((count, n), np.s_[:, :]),
        ((count, n + 3), np.s_[:, :n]),
        ((count, n), np.s_[::-1, ::-1]),
        ((count, 2 * n), np.s_[:, ::2]),
    ]


def check_products(report, rng, dtypes, logn, count, combinations):
    n = 1 << logn
    for turn, (op, up, tied) in enumerate(combinations):
        how = {"op": op, "increasing_stride": up, "tied": tied}
        where = f"{dtypes} n={n} count={count} {how}"
        w = factors(rng, n, dtypes[0], tied)
        shape, index = layouts(count, n)[turn % 4]
        memory, g = numbers(rng, shape, dtypes[1]), numbers(rng, (count, n), dtypes[1])
        x = memory[index]
        dw, dg, dx = pyfly.cuda.asarray(w), pyfly.cuda.asarray(g), View(pyfly.cuda.asarray(memory), index)
        expected = pyfly.butterfly_multiply(w, x, **how)
        y = pyfly.cuda.butterfly_multiply(dw, dx, **how)
        report.compare("multiply", y, expected, n, where)
        report.same_bits("multiply", y, pyfly.cuda.butterfly_multiply(dw, dx, **how), where)
        gradients = pyfly.cuda.butterfly_multiply_grad(dw, dx, dg, **how)
        for name, mine, theirs, again in zip(
            ("grad_twiddle", "grad_x"),
            gradients,
            pyfly.butterfly_multiply_grad(w, x, g, **how),
            pyfly.cuda.butterfly_multiply_grad(dw, dx, dg, **how),
            strict=True,
        ):
            # a gradient of the factors is a sum over the batch, tied over n too
            terms = 1 if name == "grad_x" else (count * (n if tied else 1)) ** 0.5
            report.compare(name, mine.get() / np.float32(terms), theirs / np.float32(terms), n, where)
            report.same_bits(name, mine, again, where)
        left = np.vdot(g.astype(complex), y.get())
        right = np.vdot(gradients[1].get().astype(complex), x)
        report.checks += 1
        scale = float(np.linalg.norm(g) * np.linalg.norm(expected)) or 1.0
        if not abs(left - right) <= MOST * logn * np.finfo(dtypes[0]).eps * scale:
            report.fail(f"adjoint {where}: {left} and {right}")
        pyfly.cuda.butterfly_multiply(dw, dx, out=dx, **how)
        report.compare("in place", dx.get(), expected, n, where)


def check_others(report, rng, dtype, logn, count):
    n, real = 1 << logn, np.dtype(dtype).char.lower()
    where = f"{dtype} n={n} count={count}"
    x, g = numbers(rng, (count, n), dtype), numbers(rng, (count, n), dtype)
    dx, dg = pyfly.cuda.asarray(x), pyfly.cuda.asarray(g)
    for order in ("natural", "paley", "sequency"):
        report.compare("fwht", pyfly.cuda.fwht(dx, order=order), pyfly.fwht(x, order=order), n, f"{where} {order}")
    perm = rng.permutation(n)
    moved = pyfly.cuda.permute(pyfly.cuda.asarray(perm), dx).get()
    report.checks += 1
    if not np.array_equal(moved, x[:, perm]):
        report.fail(f"permute {where}")
    prob = rng.random((max(logn - 1, 0), 3)).astype(real)
    dp = pyfly.cuda.asarray(prob)
    report.compare("relaxed_permute", pyfly.cuda.relaxed_permute(dp, dx), pyfly.relaxed_permute(prob, x), n, where)
    mine, again = (pyfly.cuda.relaxed_permute_grad(dp, dx, dg) for _ in range(2))
    for name, a, b, c in zip(
        ("grad_prob", "relaxed grad_x"), mine, pyfly.relaxed_permute_grad(prob, x, g), again, strict=True
    ):
        terms = np.float32((count * n) ** 0.5 if name == "grad_prob" else 1)
        report.compare(name, a.get() / terms, b / terms, n, where)
        report.same_bits(name, a, c, where)


def check_graph(report, rng):
    """A product and its gradients captured once and replayed on other numbers; needs PyTorch."""
    try:
        import torch
    except ImportError:
        report.show("graph replay: left out, PyTorch is not installed")
        return
    n, count = 1024, 333
    device = {"device": "cuda", "dtype": torch.float32}
    w, x = torch.randn(10, n // 2, 2, 2, **device) / 2**0.5, torch.randn(count, n, **device)
    y = torch.empty_like(x)
    pyfly.cuda.butterfly_multiply(w, x, out=y)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pyfly.cuda.butterfly_multiply(w, x, out=y)
    for _ in range(3):
        x.copy_(torch.from_numpy(numbers(rng, (count, n), "f")))
        graph.replay()
        torch.cuda.synchronize()
        expected = pyfly.butterfly_multiply(w.cpu().numpy(), x.cpu().numpy())
        report.compare("graph replay", y.cpu().numpy(), expected, n, "float32")


def correct(quick=False, sizes=None, show=print):
    """Runs all of it; the number of failures."""
    rng, report = np.random.default_rng(0), Report(show)
    every = list(itertools.product(("N", "T", "C", "conj"), (True, False), (False, True)))
    for logn in sizes or ((1, 3, 6, 10, 11, 12) if quick else range(1, 17)):
        count = 37 if quick else max(3, min(5001, (1 << 19) >> logn) | 1)
        for dtypes in TYPES:
            check_products(report, rng, dtypes, logn, count, every[logn % 3 :: 3] if quick else every)
        for dtype in "fdFD":
            check_others(report, rng, dtype, logn, count)
    check_graph(report, rng) if pyfly.cuda.is_available() and not sizes else None
    for what, error in sorted(report.worst.items()):
        show(f"{what:16} largest error {error:8.3g} log2(n) eps")
    show(f"{report.checks} checks, {report.failures} failed")
    return report.failures
