"""The machine's limits, measured in the run they are compared with.

    peak        2 m^3 flops over the time of NumPy's m x m matrix product: the rate of multiply-adds that its BLAS
                reaches, some per cent below what the processor can do
    read        bytes over the time of BLAS's dot product of two arrays
    copy        bytes read plus written over the time of numpy.copyto

Bandwidths are given for arrays that fit in half of the level-1 cache, in half of level 2, that are a few times larger
than level 2 ("L3", whether or not there is one), and of 128 MB and more. Each is a slope between two sizes, so that the
cost of a call from Python drops out.
"""

import re
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

import pyfly
from pyfly import _core
from pyfly._bench.timer import measure

__all__ = ["Machine", "cache_sizes", "measure_machine"]

MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Machine:
    """Limits: peak in flops/s by float type, read and copy in bytes/s by level; sizes of the caches in bytes."""

    name: str
    isa: str
    best_isa: str
    threads: int
    peak: dict
    read: dict
    copy: dict
    caches: dict

    def memory(self, traffic, resident):
        """Least seconds to read `traffic` bytes out of `resident` ones: no cache serves more of them than it holds."""
        seconds = held = 0.0
        for level, rate in self.read.items():
            size = self.caches[level] * self.threads if level in self.caches else resident
            share = max(0.0, min(size, resident) - held) / resident
            seconds += traffic * share / rate
            held += share * resident
        return seconds

    def floor(self, dtype, slots, traffic, resident):
        """Least seconds for `slots` multiply-adds and `traffic` bytes out of `resident`, and which of them binds."""
        compute = 2 * slots / self.peak[np.dtype(dtype).char.lower()]
        memory = self.memory(traffic, resident)
        return (compute, "FMA") if compute >= memory else (memory, "memory")

    def as_dict(self):
        return asdict(self)

    def __str__(self):
        def rates(by_level):
            return ", ".join(f"{level} {rate / 1e9:.0f}" for level, rate in by_level.items())

        return (
            f"{self.name}; pyfly uses {self.isa}, {self.threads} thread{'s' * (self.threads > 1)}\n"
            f"matrix product {self.peak['f'] / 1e9:.0f} GFLOP/s float32, {self.peak['d'] / 1e9:.0f} float64; "
            f"GB/s read {rates(self.read)}; copy {rates(self.copy)}"
        )


def _processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else "unknown processor"


def cache_sizes():
    """Bytes of the data caches, {"L1": ..., "L2": ..., "L3": ...}; usual sizes where the system does not tell.

    L3 counts as 16 times L2 at most: it is shared, on rented machines with strangers.
    """
    sizes = {"L1": 32 * 2**10, "L2": 512 * 2**10, "L3": 4 * 2**20}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            kind, level = (folder / "type").read_text().strip(), (folder / "level").read_text().strip()
            size = re.fullmatch(r"(\d+)K", (folder / "size").read_text().strip())
        except OSError:
            continue
        if size and kind in ("Data", "Unified") and f"L{level}" in sizes:
            sizes[f"L{level}"] = int(size[1]) * 2**10
    sizes["L3"] = max(sizes["L2"], min(sizes["L3"], 16 * sizes["L2"]))
    return sizes


def _slope(calls, small, large, rounds):
    """Seconds per byte between two sizes, by the same call on both, in the best rounds."""
    timing = measure({"small": calls(small), "large": calls(large)}, rounds=rounds, slot=5e-4)
    few, many = timing.seconds.min(axis=0)
    per_byte = many / large
    slope = (many - few) / (large - small)
    # a slope of noise is no limit: the larger size alone is a safe one
    return slope if 0.3 * per_byte < slope else per_byte


def _dot(size):
    a = np.ones(size // 8, dtype=np.float32)
    return partial(np.dot, a, np.ones_like(a))


def _copy(size):
    a = np.ones(size // 8, dtype=np.float32)
    return partial(np.copyto, np.empty_like(a), a)


def measure_machine(threads=1, *, rounds=9, largest=MOST_BYTES):
    """Measure the limits for this many threads (set them before, with `timer.threads`); takes about two seconds.

    Parameters
    ----------
    threads : int
        What levels 1 and 2 are multiplied by: their rates come from one core; beyond them they are shared.
    rounds : int
        Rounds of the timer.
    largest : int
        Bytes of the two arrays that do not fit in any cache.

    Returns
    -------
    Machine
    """
    caches = cache_sizes()
    m = 768
    products = {}
    for kind in "fd":
        a = np.full((m, m), 1 / m, dtype=kind)
        products[kind] = partial(np.matmul, a, a, out=np.empty_like(a))
    timing = measure(products, rounds=rounds, settle=0.02 if threads > 1 else 0)
    # the best round: what the machine can do is a limit, not an average
    peak = {kind: 2 * m**3 / timing.seconds[:, i].min() for i, kind in enumerate(products)}
    ranges = {
        "L1": (caches["L1"] // 8, caches["L1"] // 2),
        "L2": (caches["L2"] // 8, caches["L2"] // 2),
        "L3": (2 * caches["L2"], 4 * caches["L2"]),
        "DRAM": (largest // 2, largest),
    }
    rate = {}
    for name, calls in ("read", _dot), ("copy", _copy):
        rate[name] = {}
        for level, (small, large) in ranges.items():
            seconds = _slope(calls, small, large, 3 if level == "DRAM" else rounds)
            rate[name][level] = (threads if level in ("L1", "L2") else 1) / seconds
    return Machine(
        _processor(), pyfly.get_isa(), _core.available_isas()[-1], threads, peak, rate["read"], rate["copy"], caches
    )
