"""Layers with the interface of torch.nn.Linear whose matrix is a butterfly product.

    x (in_features) -> pad to n = 2^L -> stacks of [B_nblocks ... B_2 B_1] -> trim to out_features -> + bias

The blocks alternate in the order of their strides, so that two of them are of the form B B^T. Complex factors are kept
as pairs of reals, as the authors' library keeps them: checkpoints are the same, and every optimizer, ``.double()`` and
distributed wrapper treats them as it treats real parameters.
"""

from __future__ import annotations

import math
import operator

import torch
from torch import nn

from pyfly.torch import _init
from pyfly.torch._functional import butterfly_multiply
from pyfly.torch._ops import TYPES, working_type
from pyfly.torch._rules import multiply_squeezed


def next_power_of_two(n):
    return 1 << max(n - 1, 0).bit_length()


def as_size(name, value):
    """A positive integer of any integer type as an int."""
    try:
        size = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        size = 0
    if size < 1:
        raise ValueError(f"{name} = {value!r} must be a positive integer")
    return size


def as_complex(pairs):
    """Complex numbers from pairs of reals; complex64 for half and bfloat16."""
    return torch.view_as_complex(pairs.to(working_type(pairs.dtype)))


def as_array(factors):
    """Factors as a NumPy array; float32 for half and bfloat16."""
    return factors.detach().to("cpu", working_type(factors.dtype)).numpy()


class Structured(nn.Module):
    """Module some of whose parameters weight decay should leave alone: zero factors are no simpler than others.

    They carry the flag ``_is_structured`` of the authors' library, after copies and moves too.
    """

    _structured = ()

    def structured_parameters(self):
        """Those parameters, or the ones from which a parametrization computes them."""
        parametrized = getattr(self, "parametrizations", {})
        for name in self._structured:
            if name in parametrized:
                yield from parametrized[name].parameters()
            elif self._parameters.get(name) is not None:
                yield self._parameters[name]

    def _flag(self):
        for parameter in self.structured_parameters():
            parameter._is_structured = True

    def register_parameter(self, name, param):
        super().register_parameter(name, param)
        self._flag()

    def __setstate__(self, state):
        super().__setstate__(state)
        self._flag()

    def _apply(self, *args, **options):
        super()._apply(*args, **options)
        self._flag()
        return self


class StructuredLinear(Structured):
    """What all layers share: sizes, bias, the check of the input, the dense form."""

    _structured = ("twiddle",)
    # names of the constructor's other arguments, and of the attributes that hold them
    _options = ()

    def __init__(self, in_features, out_features):
        super().__init__()
        self.in_features = as_size("in_features", in_features)
        self.out_features = as_size("out_features", out_features)

    def _recipe(self):
        """The class and the arguments that make such a layer; its factors and indices are in the state dict."""
        sizes = {"in_features": self.in_features, "out_features": self.out_features, "bias": self.bias is not None}
        return {"layer": type(self).__name__, **sizes, **{name: getattr(self, name) for name in self._options}}

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        # beside the version of the module, not a key of its own: keys are those of the authors' library
        metadata = getattr(destination, "_metadata", {}).get(prefix[:-1])
        if metadata is not None:
            metadata["recipe"] = self._recipe()

    def extra_repr(self):
        shown = {name: value for name, value in self._recipe().items() if name not in ("layer", "permutation")}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    def _make_bias(self, bias, complex, dtype, device):
        if bias:
            shape = (self.out_features, 2) if complex else (self.out_features,)
            self.bias = nn.Parameter(torch.empty(shape, dtype=dtype, device=device))
            self._reset_bias()
        else:
            self.register_parameter("bias", None)

    def _reset_bias(self):
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.bias, -bound, bound)

    def reset_parameters(self):
        """Start again as ``init`` says, for instance after ``to_empty``, which moves a layer from the meta device."""
        with torch.no_grad():
            self.twiddle.copy_(self._start(self.twiddle.dtype, self.twiddle.device))
        if self.bias is not None:
            self._reset_bias()

    def _padded(self, x, n):
        if x.dim() == 0:
            raise ValueError("the input is a scalar: its last axis must hold the in_features numbers of a vector")
        if x.shape[-1] != self.in_features:
            raise ValueError(
                f"the last size of the input is {x.shape[-1]}, but the layer has in_features = {self.in_features}"
            )
        return x if n == self.in_features else nn.functional.pad(x, (0, n - self.in_features))

    def matrix(self):
        """The dense matrix, of shape (out_features, in_features), without the bias; differentiable."""
        parameter = next(self.parameters())
        eye = torch.eye(self.in_features, dtype=parameter.dtype, device=parameter.device)
        return self._linear(eye).mT

    def to_linear(self):
        """A torch.nn.Linear with the same matrix and bias.

        Returns
        -------
        torch.nn.Linear
            Of complex dtype when the layer's output is complex.
        """
        with torch.no_grad():
            weight = self.matrix()
            linear = nn.Linear(self.in_features, self.out_features, self.bias is not None, weight.device, weight.dtype)
            linear.weight.copy_(weight)
            if self.bias is not None:
                linear.bias.copy_(self._bias())
        return linear

    def _bias(self):
        return as_complex(self.bias) if self.bias.dim() == 2 else self.bias

    def forward(self, input):
        """Map (..., in_features) to (..., out_features)."""
        output = self._linear(input)
        return output if self.bias is None else output + self._bias()


class Butterfly(StructuredLinear):
    """Butterfly matrix as a layer: a drop-in for torch.nn.Linear with O(n log n) parameters and operations.

    ``y = (B_nblocks ... B_2 B_1) x + bias`` with x padded by zeros to n, the next power of two. For out_features > n
    several such products are stacked; superfluous outputs are cut off.

    Parameters
    ----------
    in_features, out_features : int
        Any sizes.
    bias : bool
        Whether to add a bias, started as in torch.nn.Linear.
    complex : bool
        Complex factors, bias and output; a real input is promoted.
    tied : bool
        4 (n - 1) numbers a block instead of 2 n log2 n: the paper's own form.
    increasing_stride : bool
        Whether the first block begins with stride 1 or with n/2.
    nblocks : int
        Number of blocks; their orders alternate.
    init : {"random", "orthogonal", "identity", "fft", "ifft", "hadamard"}
        Start of the first block (of all for the first three; the others then begin as the identity). Names of the
        authors' library, "randn" and "ortho", are understood.
    device, dtype : optional
        As in torch.nn.Linear; `dtype` is real.

    Attributes
    ----------
    twiddle : Parameter, shape (nstacks, nblocks, log2 n, n/2, 2, 2), or (nstacks, nblocks, n - 1, 2, 2) when tied
        Factors in the order of application; real and imaginary parts along one more axis when complex.
    bias : Parameter, shape (out_features,), or (out_features, 2) when complex

    Notes
    -----
    Per vector and block 4 n log2 n operations forward and about 12 n log2 n backward, times 4 when complex, against
    2 and 4 in_features out_features for a dense layer. arXiv:1903.05895, sections 3 and 4.2.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import Butterfly
    >>> layer = Butterfly(300, 1000)
    >>> layer(torch.ones(7, 300)).shape, layer.twiddle.numel()
    (torch.Size([7, 1000]), 18432)
    """

    _holds_factors = True
    _options = ("complex", "tied", "increasing_stride", "nblocks", "init")

    def __init__(
        self,
        in_features,
        out_features,
        bias=True,
        complex=False,
        tied=False,
        increasing_stride=True,
        nblocks=1,
        init="random",
        device=None,
        dtype=None,
    ):
        super().__init__(in_features, out_features)
        self.nblocks = as_size("nblocks", nblocks)
        self.complex, self.tied, self.increasing_stride = bool(complex), bool(tied), bool(increasing_stride)
        self.n = self._size()
        self.nstacks = -(-self.out_features // self.n)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if not dtype.is_floating_point:
            raise TypeError(
                f"dtype = {dtype} must be a real floating point type; pass complex=True for complex factors"
            )
        self._is_one_product = self.nstacks == self.nblocks == 1 and not self.complex and self._holds_factors
        self.init = self._init_name(init)
        device = _init.place(device)
        self.twiddle = nn.Parameter(self._start(dtype, device))
        self._make_bias(bias, self.complex, dtype, device)

    def _size(self):
        return next_power_of_two(self.in_features)

    def _init_name(self, init):
        return _init.name_of(init)

    def _order(self, block):
        """Whether a block begins with stride 1."""
        return self.increasing_stride != (block % 2 == 1)

    def _start(self, dtype, device):
        blocks = []
        for block in range(self.nblocks):
            one = self.init in ("fft", "ifft", "hadamard") and block > 0
            made = _init.factors(
                "identity" if one else self.init,
                self.n,
                complex=self.complex,
                tied=self.tied,
                increasing_stride=self._order(block),
                lead=(self.nstacks,),
                dtype=dtype,
                device=device,
            )
            blocks.append(made)
        twiddle = torch.stack(blocks, 1)
        if self.init == "random" and twiddle.numel():
            # zeros of the padding carry no variance: the stages make up for it in equal parts
            stages = self.nblocks * (self.n.bit_length() - 1)
            twiddle *= (self.n / self.in_features) ** (0.5 / stages)
        return (torch.view_as_real(twiddle) if self.complex else twiddle).to(dtype)

    def factors(self):
        """The factors as tensors, one a block: shape (nstacks, core...), or (core...) when there is one stack."""
        return self._split(as_complex(self.twiddle) if self.complex else self.twiddle)

    def _split(self, twiddle):
        if self.nstacks == 1:
            core = twiddle.shape[2:]
            return (twiddle.view(core),) if self.nblocks == 1 else twiddle.squeeze(0).unbind(0)
        return (twiddle.squeeze(1),) if self.nblocks == 1 else twiddle.unbind(1)

    def _linear(self, input):
        y = self._padded(input, self.n)
        if self._is_one_product:
            twiddle = self.twiddle
            if (twiddle.dtype, y.dtype) in TYPES:
                y = multiply_squeezed(twiddle, y, "N", self.increasing_stride, self.tied)
                return y if self.out_features == self.n else y[..., : self.out_features]
        if self.nstacks > 1:
            y = y.unsqueeze(-2)
        for block, twiddle in enumerate(self.factors()):
            y = butterfly_multiply(twiddle, y, increasing_stride=self._order(block), tied=self.tied)
        if self.nstacks > 1:
            y = y.flatten(-2)
        return y if y.shape[-1] == self.out_features else y[..., : self.out_features]

    def transposed(self, input, *, conjugate=False):
        """Map (..., out_features) to (..., in_features) by the transposed matrix, conjugated on demand; no bias.

        Parameters
        ----------
        input : Tensor, shape (..., out_features)
        conjugate : bool
            Whether to take the conjugate transpose.
        """
        if input.shape[-1] != self.out_features:
            raise ValueError(
                f"the last size of the input is {input.shape[-1]}, but the layer has out_features = {self.out_features}"
            )
        y = nn.functional.pad(input, (0, self.nstacks * self.n - self.out_features))
        if self.nstacks > 1:
            y = y.unflatten(-1, (self.nstacks, self.n))
        for block, twiddle in reversed(list(enumerate(self.factors()))):
            op = "C" if conjugate else "T"
            y = butterfly_multiply(twiddle, y, op=op, increasing_stride=self._order(block), tied=self.tied)
        if self.nstacks > 1:
            y = y.sum(-2)
        return y[..., : self.in_features]

    def to_operator(self):
        """The matrix as a `pyfly.Operator` for NumPy, SciPy and C: one butterfly a block, no padding.

        Raises
        ------
        ValueError
            If in_features is not n or out_features not n: an operator is square.
        """
        from pyfly import Butterfly as ButterflyOperator
        from pyfly import Product

        if not self.in_features == self.out_features == self.n:
            raise ValueError(
                f"in_features = {self.in_features} and out_features = {self.out_features} must be one power of two "
                f"for an operator; use to_linear"
            )
        operators = [
            ButterflyOperator(as_array(twiddle), increasing_stride=self._order(block), tied=self.tied)
            for block, twiddle in enumerate(self.factors())
        ]
        return operators[0] if len(operators) == 1 else Product(*operators[::-1])

    @classmethod
    def from_linear(cls, linear, **options):
        """A layer that approximates a trained torch.nn.Linear; see `pyfly.torch.from_linear`."""
        from pyfly.torch._convert import from_linear

        return from_linear(linear, cls, **options)


class ButterflyUnitary(Butterfly):
    """Butterfly whose blocks stay unitary while they are trained: angles are the parameters.

    A block is ``e^(i alpha) [[e^(i psi) cos phi, e^(i chi) sin phi], [-e^(-i chi) sin phi, e^(-i psi) cos phi]]``, or
    the rotation by phi when real. For in_features = out_features = n a power of two the matrix is unitary.

    Parameters
    ----------
    in_features, out_features, bias, increasing_stride, nblocks, device, dtype
        As in `Butterfly`.
    complex : bool
        Four angles a block and complex output, or one angle and real output.

    Attributes
    ----------
    twiddle : Parameter, shape (nstacks, nblocks, log2 n, n/2, 4), or without the last axis when real
        Angles (phi, alpha, psi, chi), started by Haar's measure.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import ButterflyUnitary
    >>> q = ButterflyUnitary(8, 8, bias=False, complex=False, dtype=torch.float64).matrix()
    >>> torch.allclose(q @ q.T, torch.eye(8, dtype=torch.float64), atol=1e-14)
    True
    """

    _holds_factors = False
    _options = ("complex", "increasing_stride", "nblocks")

    def __init__(
        self,
        in_features,
        out_features,
        bias=True,
        complex=True,
        increasing_stride=True,
        nblocks=1,
        device=None,
        dtype=None,
    ):
        super().__init__(
            in_features,
            out_features,
            bias,
            complex,
            False,
            increasing_stride,
            nblocks,
            "orthogonal",
            device,
            dtype,
        )

    def _start(self, dtype, device):
        shape = (self.nstacks, self.nblocks, *_init.core_shape(self.n, False)[:2])
        if self.complex:
            return _init.unitary_angles(shape, working_type(dtype), device).to(dtype)
        return torch.rand(shape, dtype=dtype, device=device) * (2 * math.pi)

    def factors(self):
        """The blocks computed from the angles, as `Butterfly.factors` gives them."""
        if self.complex:
            return self._split(_init.unitary_blocks(self.twiddle.to(working_type(self.twiddle.dtype))))
        return self._split(_init.rotation_blocks(self.twiddle))


class Kaleidoscope(Butterfly):
    """Kaleidoscope matrix ``(B B^T)^depth`` as a layer, every B^T with factors of its own.

    Parameters
    ----------
    in_features, out_features, bias, complex, tied, init, device, dtype
        As in `Butterfly`.
    depth : int
        Number of products B B^T; one of them holds every permutation.
    expansion : int
        Power of two; the matrix is the corner of a product that many times as large.

    Notes
    -----
    Dao et al., arXiv:2012.14966: every structured matrix with a fast algorithm is such a product of moderate depth and
    expansion.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import Kaleidoscope
    >>> Kaleidoscope(64, 100, expansion=2)(torch.ones(64)).shape
    torch.Size([100])
    """

    _options = ("complex", "tied", "depth", "expansion", "init")

    def __init__(
        self,
        in_features,
        out_features,
        bias=True,
        complex=False,
        tied=False,
        depth=1,
        expansion=1,
        init="random",
        device=None,
        dtype=None,
    ):
        self.expansion = as_size("expansion", expansion)
        if self.expansion & (self.expansion - 1):
            raise ValueError(f"expansion = {expansion} must be a power of two")
        self.depth = as_size("depth", depth)
        super().__init__(in_features, out_features, bias, complex, tied, False, 2 * self.depth, init, device, dtype)

    def _size(self):
        return self.expansion * next_power_of_two(max(self.in_features, self.out_features))
