"""Times of the kernels beside a copy, cuFFT, cuBLAS, torch operations and fast-hadamard-transform, in one run.

2^27 numbers a call, so that the launch does not count, or as many as fit in memory; medians of CUDA events. Needs
PyTorch with CUDA.
"""

import statistics
import time

from targets import verdicts

import pyfly.cuda

MOST_NUMBERS = 1 << 27
COLUMNS = ("forward", "backward", "hadamard", "copy", "fft", "gemm", "gemm_tf32", "gemm_bf16", "torch", "fast_hadamard")


def seconds_of(torch, call, least=7):
    """The median time of a call on the device."""
    for _ in range(2):
        call()
    times = []
    for _ in range(least):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) / 1e3)
    return statistics.median(times)


def numbers_of(torch, dtype):
    """Numbers a call: ten such arrays have to fit in the device's memory."""
    numbers, free = MOST_NUMBERS, torch.cuda.mem_get_info()[0]
    while 10 * numbers * dtype.itemsize > free:
        numbers //= 2
    return numbers


def calls_of(torch, dtype, n, numbers):
    """{what: call} for one type and size."""
    from pyfly.torch import _reference

    try:
        from fast_hadamard_transform import hadamard_transform
    except ImportError:
        hadamard_transform = None
    x = torch.randn(numbers // n, n, dtype=dtype, device="cuda")
    y = torch.empty_like(x)
    w = torch.randn(n.bit_length() - 1, n // 2, 2, 2, dtype=dtype, device="cuda") / 2**0.5
    calls = {
        "forward": lambda: pyfly.cuda.butterfly_multiply(w, x, out=y),
        "backward": lambda: pyfly.cuda.butterfly_multiply_grad(w, x, y),
        "hadamard": lambda: pyfly.cuda.fwht(x, out=y),
        "copy": lambda: y.copy_(x),
    }
    if x.is_complex():
        calls["fft"] = lambda: torch.fft.fft(x, out=y)
    if n <= 1024:
        calls["torch"] = lambda: _reference.multiply(w, x[: numbers // n // 8], "N", True, False)
    if n <= 4096:
        dense = torch.randn(n, n, dtype=dtype, device="cuda")
        calls["gemm"] = lambda: torch.mm(x, dense, out=y)
    if dtype == torch.float32 and n <= 4096:

        def tf32():
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.mm(x, dense, out=y)
            torch.backends.cuda.matmul.allow_tf32 = False

        half, dense_half = x.bfloat16(), dense.bfloat16()
        calls["gemm_tf32"] = tf32
        calls["gemm_bf16"] = lambda: torch.mm(half, dense_half)
    if dtype == torch.float32 and hadamard_transform is not None and n <= 1 << 15:
        calls["fast_hadamard"] = lambda: hadamard_transform(x)
    return calls


def measure(seconds=500):
    """{(what, type, n): seconds}; sizes that there is no time for any more are left out, and named."""
    import torch

    begun, times = time.monotonic(), {}
    print(f"{torch.cuda.get_device_name()}, {pyfly.cuda.device_count()} of them; milliseconds a call")
    print(f"{'type':10} {'n':>6} " + " ".join(f"{name:>13}" for name in COLUMNS))
    for name in ("float32", "complex64", "float64", "complex128"):
        dtype = getattr(torch, name)
        numbers = numbers_of(torch, dtype)
        print(f"{name}: {numbers} numbers a call")
        for logn in range(6, 17):
            if time.monotonic() - begun > seconds:
                print(f"{name} from n = {1 << logn}: left out, {seconds} s are over")
                break
            row, calls = [], calls_of(torch, dtype, 1 << logn, numbers)
            for what, call in calls.items():
                scale = 8 if what == "torch" else 1  # it takes an eighth of the vectors
                times[what, name, 1 << logn] = scale * seconds_of(torch, call)
            for what in COLUMNS:
                row.append(f"{1e3 * times[what, name, 1 << logn]:13.3f}" if what in calls else f"{'-':>13}")
            print(f"{name:10} {1 << logn:6} " + " ".join(row), flush=True)
            del calls, call
    return times


def table():
    """Prints the times and what they say of the figures asked for; the number of figures missed."""
    lines = list(verdicts(measure()))
    print("\nfigure, n, measured, what it must be")
    print("\n".join(lines))
    return sum("MISSED" in line for line in lines)
