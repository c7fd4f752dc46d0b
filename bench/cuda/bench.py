"""What a machine with a GPU is for: whether the CUDA library is right, and how fast. Each part takes minutes at most.

    python bench/cuda/bench.py correct            against the processor: types, sizes, ops, twice with the same bits
    python bench/cuda/bench.py time               forward and backward beside a copy, cuFFT and cuBLAS (needs PyTorch)
    compute-sanitizer --tool memcheck python bench/cuda/bench.py correct --quick        also racecheck, synccheck

Times are medians of CUDA events over at least 2^27 numbers; every ratio is to a peer of the same run. Other choices of
the numbers in src/cuda/dispatch.h are compiled with BUTTERFLY_CUDA_FLAGS="-DBFLY_CUDA_TUNED -DBFLY_TILES_S=3 ...".
"""

import argparse
import statistics
import sys

import numpy as np

import pyfly
import pyfly.cuda

TYPES = ("f", "d", "F", "D")


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def correct(quick):
    """Compares with the processor; returns the number of failures."""
    rng, failures = np.random.default_rng(0), 0
    for dtype in TYPES:
        worst = 0.0
        for logn in (3, 6, 10, 11) if quick else range(1, 17):
            n = 1 << logn
            count = 37 if quick else max(3, min(5001, (1 << 21) // n) | 1)
            x, g = numbers(rng, (count, n), dtype), numbers(rng, (count, n), dtype)
            for tied in (False, True):
                w = numbers(rng, (n - 1, 2, 2) if tied else (logn, n // 2, 2, 2), dtype) / 2**0.5
                device = [pyfly.cuda.asarray(v) for v in (w, x, g)]
                for op in ("N", "T", "C", "conj"):
                    for up in (True, False):
                        how = {"op": op, "increasing_stride": up, "tied": tied}
                        y = pyfly.cuda.butterfly_multiply(*device[:2], **how)
                        grads = pyfly.cuda.butterfly_multiply_grad(*device, **how)
                        again = pyfly.cuda.butterfly_multiply_grad(*device, **how)
                        got = [y.get(), *(v.get() for v in grads)]
                        expected = [
                            pyfly.butterfly_multiply(w, x, **how),
                            *pyfly.butterfly_multiply_grad(w, x, g, **how),
                        ]
                        for a, b in zip(got, expected, strict=True):
                            worst = max(worst, float(abs(a - b).max() / abs(b).max()) / logn / np.finfo(dtype).eps)
                        same = all(np.array_equal(a.get(), b) for a, b in zip(again, got[1:], strict=True))
                        if not same or not worst < 64:
                            failures += 1
                            print(f"FAILED {dtype} n={n} {how}: same bits {same}, error {worst:.3g} log2(n) eps")
        print(f"{dtype}: largest error {worst:.3g} log2(n) eps")
    return failures


def median_ms(torch, call):
    for _ in range(3):
        call()
    times = []
    for _ in range(15):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop))
    return statistics.median(times)


def time():
    """A table of times and ratios."""
    import torch

    print(torch.cuda.get_device_name())
    print("type      n  forward ms  of copy  backward/forward  over cuFFT  over cuBLAS")
    for name in ("float32", "complex64", "float64"):
        dtype = getattr(torch, name)
        for logn in range(6, 15):
            n = 1 << logn
            count = (1 << 27) // n
            x = torch.randn(count, n, dtype=dtype, device="cuda")
            y, w = torch.empty_like(x), torch.randn(logn, n // 2, 2, 2, dtype=dtype, device="cuda") / 2**0.5
            stream = torch.cuda.current_stream().cuda_stream or None
            forward = median_ms(
                torch, lambda w=w, x=x, y=y, s=stream: pyfly.cuda.butterfly_multiply(w, x, out=y, stream=s)
            )
            copy = median_ms(torch, lambda x=x, y=y: y.copy_(x))
            back = median_ms(
                torch, lambda w=w, x=x, y=y, s=stream: pyfly.cuda.butterfly_multiply_grad(w, x, y, stream=s)
            )
            fft = median_ms(torch, lambda x=x: torch.fft.fft(x)) if x.is_complex() else float("nan")
            dense = torch.randn(n, n, dtype=dtype, device="cuda")
            gemm = median_ms(torch, lambda x=x, y=y, d=dense: torch.mm(x, d, out=y)) if n <= 4096 else float("nan")
            print(
                f"{name:9} {n:5} {forward:10.3f} {copy / forward:8.2f} {back / forward:17.2f} {fft / forward:11.2f} "
                f"{gemm / forward:12.2f}",
                flush=True,
            )
            del x, y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("correct", "time"))
    parser.add_argument("--quick", action="store_true", help="few sizes, for sanitizers")
    arguments = parser.parse_args()
    if not pyfly.cuda.is_available():
        print("no GPU, or pyfly was built without CUDA", file=sys.stderr)
        return 2
    if arguments.part == "time":
        time()
        return 0
    return min(correct(arguments.quick), 1)


if __name__ == "__main__":
    sys.exit(main())
