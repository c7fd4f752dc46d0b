"""The figures that the CUDA library has to reach, and whether a table of times reaches them.

Times are kept as {(what, type, n): seconds a call}; what is one of forward, backward, copy, fft, gemm, gemm_tf32,
hadamard, fast_hadamard. A figure is a ratio of two of them in one run.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    figure: str
    above: tuple  # (what, type): a time that is divided by the other
    below: tuple
    must: dict  # n -> the least ratio, or the largest
    largest: bool = False

    def ratio(self, times, n):
        above, below = times.get((*self.above, n)), times.get((*self.below, n))
        return None if above is None or below is None else above / below

    def reached(self, ratio, n):
        return ratio <= self.must[n] if self.largest else ratio >= self.must[n]


def _sizes(first, last, must):
    return {1 << k: must for k in range(first, last + 1)}


_F, _C = "float32", "complex64"
TARGETS = (
    Target(
        "float32 forward, share of a copy",
        ("copy", _F),
        ("forward", _F),
        {**_sizes(6, 10, 0.75), 2048: 0.6, **_sizes(12, 16, 0.4)},
    ),
    Target(
        "complex64 against cuFFT",
        ("fft", _C),
        ("forward", _C),
        {**_sizes(6, 9, 0.75), 1024: 0.6, **_sizes(11, 14, 0.4)},
    ),
    Target("float32 over cuBLAS in float32", ("gemm", _F), ("forward", _F), {1024: 12}),
    Target("float32 over cuBLAS in tf32", ("gemm_tf32", _F), ("forward", _F), {1024: 1.8}),
    Target("float32 backward over forward", ("backward", _F), ("forward", _F), _sizes(6, 10, 3.0), largest=True),
    Target(
        "Hadamard over fast-hadamard-transform",
        ("fast_hadamard", _F),
        ("hadamard", _F),
        {**_sizes(6, 8, 1.5), **_sizes(9, 13, 0.95)},
    ),
)
# What there is no kernel for yet: tensor cores come once a GPU has run the others.
NOT_BUILT = ("bfloat16 256 .. 1024: 0.5 of a copy", "bfloat16 over cuBLAS in bfloat16: 1.5 at n = 1024, 4 at 4096")


def verdicts(times):
    """Lines: figure, n, ratio, what it must be, and reached, MISSED or open."""
    for target in TARGETS:
        for n, must in target.must.items():
            ratio = target.ratio(times, n)
            sign = "<=" if target.largest else ">="
            state = "open" if ratio is None else "reached" if target.reached(ratio, n) else "MISSED"
            value = "-" if ratio is None else f"{ratio:.2f}"
            yield f"{target.figure:40} {n:6} {value:>8} {sign} {must:<5g} {state}"
    for figure in NOT_BUILT:
        yield f"{figure:47} {'-':>8} no such kernel yet"
