"""What is measured: the table of cases, and the problem each one stands for (data, pyfly's call, counts).

    case      group, kind, dtype, n, batch          a row of the table
    problem   factors and vectors, the call that is timed, slots (fused multiply-adds), bytes moved and bytes resident

Counts are nominal, two flops for every product with a stored number, as for dense and sparse matrices: 4 n log2 n for a
real butterfly (2 n log2 n numbers), four times as many for a complex one, so that flops over the peak rate is the share
of the multiply-add slots in use. A plan stores n (log2 n + 1) numbers that need an operation, as few as there can be.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

import pyfly
from pyfly import _core
from pyfly._bench.timer import optional

__all__ = ["CASES", "GROUPS", "Case", "Problem", "available"]

SMALL_BYTES = 2**16  # up to here results go to new arrays, as in a user's code; above, memory would be timed too


@dataclass(frozen=True)
class Case:
    """A row of the table; dtype is NumPy's letter f, d, F or D."""

    group: str
    kind: str
    dtype: str
    n: int
    batch: int
    quick: bool = False

    @property
    def label(self):
        size = f"2^{self.n.bit_length() - 1}" if self.n > 2**14 else str(self.n)
        return f"{self.kind} {np.dtype(self.dtype).name} n={size} batch={self.batch}"


class Problem:
    """Data of a case and pyfly's call on it; one class per kind, by `Problem.of(case)`."""

    kinds = {}
    fourier = False  # whether FFT peers compute the same numbers

    def __init_subclass__(cls, kind):
        Problem.kinds[kind] = cls
        cls.kind = kind

    @staticmethod
    def of(case):
        return Problem.kinds[case.kind](case)

    def __init__(self, case):
        self.case = case
        self.dtype = np.dtype(case.dtype)
        self.n, self.batch, self.levels = case.n, case.batch, case.n.bit_length() - 1
        self.rng = np.random.default_rng(0)
        self.x = self.numbers((self.n,) if self.batch == 1 else (self.batch, self.n))
        self.y = np.empty_like(self.x)
        self.setup()
        # complex: four real multiply-adds for each complex one
        self.slots = self.products * self.batch * (4 if self.dtype.kind == "c" else 1)
        self.flops = 2 * self.slots
        self.traffic = self.factor_bytes + self.vector_bytes

    def numbers(self, shape):
        x = self.rng.standard_normal(shape)
        if self.dtype.kind == "c":
            x = (x + 1j * self.rng.standard_normal(shape)) * np.sqrt(0.5)
        return x.astype(self.dtype)

    @property
    def vector_bytes(self):
        return 2 * self.x.nbytes

    @property
    def resident(self):
        """Bytes that a repeated call touches."""
        return self.traffic

    def result(self):
        """What the timed call computes, as an array."""
        return self.call()

    @cached_property
    def dense(self):
        """The transform as a matrix in the case's type, or None when it is too large to be worth the memory."""
        if self.n > 4096 or self.n**2 * self.dtype.itemsize > 2**27:
            return None
        return np.ascontiguousarray(self.apply(np.eye(self.n, dtype=self.dtype)).T)

    def with_out(self, function, *args, **kwargs):
        """A call without arguments, with out= where the result is large."""
        if self.x.nbytes <= SMALL_BYTES:
            return partial(function, *args, **kwargs)
        return partial(function, *args, out=self.y, **kwargs)


class Multiply(Problem, kind="multiply"):
    """y = B x with random untied factors."""

    tied = False

    def setup(self):
        shape = (self.n - 1, 2, 2) if self.tied else (self.levels, self.n // 2, 2, 2)
        self.twiddle = self.numbers(shape) * self.dtype.type(np.sqrt(0.5))
        self.products = 2 * self.n * self.levels
        self.factor_bytes = self.twiddle.nbytes
        self.call = self.with_out(pyfly.butterfly_multiply, self.twiddle, self.x, tied=self.tied)
        if not self.tied:
            self.call.keywords.pop("tied")

    def apply(self, x):
        return pyfly.butterfly_multiply(self.twiddle, x, tied=self.tied)

    def stages(self):
        """(stride, blocks) of every stage in order of application, a block for every pair."""
        for k in range(self.levels):
            stride = 1 << k
            if self.tied:
                yield stride, self.twiddle[stride - 1 + np.arange(self.n // 2) % stride]
            else:
                yield stride, self.twiddle[k]


class Tied(Multiply, kind="tied"):
    """y = B x with tied factors."""

    tied = True


class Gradient(Multiply, kind="gradient"):
    """Gradients of the factors and of x."""

    def setup(self):
        super().setup()
        self.grad = self.numbers(self.x.shape)
        self.forward = self.call
        self.products *= 3
        self.factor_bytes *= 2
        self.call = partial(pyfly.butterfly_multiply_grad, self.twiddle, self.x, self.grad)

    @property
    def vector_bytes(self):
        return 3 * self.x.nbytes

    def result(self):
        return self.call()[1]


class Hadamard(Problem, kind="fwht"):
    """Fast Walsh-Hadamard transform: n log2 n additions, each in one slot."""

    def setup(self):
        self.products = self.n * self.levels // (2 if self.dtype.kind == "c" else 1)
        self.factor_bytes = 0
        self.call = self.with_out(pyfly.fwht, self.x)

    def apply(self, x):
        return pyfly.fwht(x)


class BitReversal(Problem, kind="permute"):
    """y[i] = x[rev(i)]."""

    def setup(self):
        reverse = np.zeros(1, dtype=np.int64)
        while reverse.size < self.n:
            reverse = np.concatenate([2 * reverse, 2 * reverse + 1])
        self.perm = reverse
        self.products = 0
        self.factor_bytes = self.perm.nbytes
        self.call = self.with_out(pyfly.permute, self.perm, self.x)

    dense = None


class Relaxed(Problem, kind="relaxed"):
    """Relaxed permutation: three interpolations for an entry and level."""

    def setup(self):
        self.prob = self.rng.uniform(size=(self.levels - 1, 3)).astype(self.dtype.char.lower())
        # two products an entry for level a, and for one of b and c; real probabilities
        self.products = 4 * self.n * (self.levels - 1) // (2 if self.dtype.kind == "c" else 1)
        self.factor_bytes = self.prob.nbytes
        self.call = self.with_out(pyfly.relaxed_permute, self.prob, self.x)

    def apply(self, x):
        return pyfly.relaxed_permute(self.prob, x)


class Planned(Multiply, kind="plan"):
    """The same product as "multiply", by a plan: fixed factors, packed and reduced."""

    def setup(self):
        super().setup()
        self.multiply = self.call
        self.plan = self.operator().plan()
        self.products = self.n * (self.levels + 1)
        self.factor_bytes = self.products * self.dtype.itemsize
        self.call = self.with_out(self.plan.apply, self.x)

    def operator(self):
        return pyfly.Butterfly(self.twiddle)

    def apply(self, x):
        return self.operator().apply(x)


class PlannedFourier(Planned, kind="plan-dft"):
    """A DFT's factors and bit reversal in a plan: what `learn` finds in the matrix, against libraries made for it."""

    fourier = True

    def operator(self):
        # the factors are given as numbers: nothing tells the plan that this is a Fourier transform
        self.twiddle = _core.fft_factors(self.n, dtype=self.dtype)
        return pyfly.Butterfly(self.twiddle) @ pyfly.Permutation(BitReversal(self.case).perm)

    def stages(self):
        return None


def _rows(group, kind, dtypes, sizes, batches, quick=()):
    """Cases of every combination; `quick` holds those (dtype, n, batch) that also the short run takes."""
    return [
        Case(group, kind, dtype, n, batch, (dtype, n, batch) in quick)
        for dtype in dtypes
        for n in sizes
        for batch in batches
    ]


CASES = [
    *_rows("first", "multiply", "fF", [1024], [256], quick=[("f", 1024, 256), ("F", 1024, 256)]),
    *_rows("multiply", "multiply", "fdFD", [16, 64, 256, 1024, 4096], [16], quick=[("f", 64, 16), ("F", 1024, 16)]),
    *_rows("batch", "multiply", "f", [64, 1024], [1, 32, 256], quick=[("f", 64, 256)]),
    *_rows("batch", "multiply", "F", [64, 1024], [1, 32, 256]),
    *_rows("vector", "multiply", "f", [16, 64, 512, 1024, 4096, 2**20], [1], quick=[("f", 16, 1), ("f", 1024, 1)]),
    *_rows("vector", "tied", "f", [64, 512, 1024, 4096], [1], quick=[("f", 1024, 1)]),
    *_rows("gradient", "gradient", "f", [64, 1024, 4096, 2**14], [256], quick=[("f", 1024, 256)]),
    *_rows("gradient", "gradient", "f", [2**20], [4]),
    *_rows("gradient", "gradient", "F", [64, 1024], [256]),
    *_rows("fwht", "fwht", "f", [64, 1024], [16], quick=[("f", 1024, 16)]),
    *_rows("fwht", "fwht", "f", [2**20], [1]),
    *_rows("permute", "permute", "fF", [1024], [16]),
    *_rows("permute", "permute", "F", [2**20], [1]),
    *_rows("permute", "relaxed", "f", [1024], [16]),
    *_rows("plan", "plan", "F", [64], [512]),
    *_rows("plan", "plan", "F", [256, 1024], [16], quick=[("F", 1024, 16)]),
    *_rows("plan", "plan", "F", [1024], [1, 256]),
    *_rows("plan", "plan", "F", [4096, 2**14], [16]),
    *_rows("plan", "plan", "F", [2**20], [1]),
    *_rows("plan", "plan", "f", [64, 4096, 2**14], [1]),
    *_rows("plan", "plan", "fdD", [1024], [1, 16], quick=[("f", 1024, 16)]),
    *_rows("plan", "plan-dft", "F", [64], [512]),
    *_rows("plan", "plan-dft", "F", [1024], [16, 256], quick=[("F", 1024, 256)]),
    *_rows("plan", "plan-dft", "F", [4096], [16]),
]
GROUPS = list(dict.fromkeys(case.group for case in CASES))


def available(cases):
    """The cases this build can run: plans came later than products."""
    plans = optional("pyfly._plan") is not None
    return [case for case in cases if plans or not case.kind.startswith("plan")]
