"""The paper's modules as layers: BP = B P and BPBP = B2 P2 B1 P1, with fixed or learnt permutations.

A learnt permutation is relaxed, P = product of (p P_s + (1 - p) I) with p = sigmoid(logit), until ``round_`` makes it
hard; the state dict has the same keys before and after.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pyfly import _raw
from pyfly.torch import _init, _ops
from pyfly.torch._functional import butterfly_multiply, permute, relaxed_permute
from pyfly.torch._layers import Structured, StructuredLinear, as_array, as_complex, as_size, next_power_of_two
from pyfly.torch._ops import VECTOR_TYPES, working_type
from pyfly.torch._rules import direct

_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def _permuted(perm, x):
    """``permute`` for indices known to be a permutation: torch's gather is faster for real data without gradient."""
    if torch.compiler.is_compiling():
        return x.index_select(-1, perm)
    if (torch.is_grad_enabled() and x.requires_grad) or (x.is_complex() and x.numel() > perm.numel()):
        return permute(perm, x)
    return x.index_select(-1, perm)


def _kind(module):
    return None if isinstance(module, nn.Identity) else "learn_shared" if module.shared else "learn"


def _none():
    """The indices of a module that is no permutation by indices."""
    return None


def bit_reversal(n):
    """Indices of the bit reversal of n = 2^L entries."""
    perm = torch.zeros(1, dtype=torch.int64, device="cpu")
    while perm.numel() < n:
        perm = torch.cat((2 * perm, 2 * perm + 1))
    return perm


class LearnablePermutation(Structured):
    """Permutation of n entries given by three choices a level, relaxed while it is learnt.

    Parameters
    ----------
    n : int
        Power of two.
    shared : bool
        One triple of logits for all levels.
    device, dtype : optional

    Attributes
    ----------
    logits : Parameter, shape (log2 n - 1, 3), or (1, 3) when shared
        Columns a (even entries, then odd), b and c (reversal of either half); started N(0, 1). A logit >= 0 rounds
        to 1.
    rounded : buffer, bool
        Whether the permutation is hard.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import LearnablePermutation
    >>> p = LearnablePermutation(8)
    >>> with torch.no_grad():
    ...     _ = p.logits.copy_(torch.tensor([[1.0, -1.0, -1.0], [1.0, -1.0, -1.0]]))
    >>> p.round_()(torch.arange(8.0))
    tensor([0., 4., 2., 6., 1., 5., 3., 7.])
    """

    _structured = ("logits",)

    def __init__(self, n, shared=False, device=None, dtype=None):
        super().__init__()
        self.n, self.shared = as_size("n", n), bool(shared)
        if self.n & (self.n - 1):
            raise ValueError(f"n = {n} must be a power of two")
        self._levels = max(self.n.bit_length() - 2, 0)
        rows = min(1, self._levels) if shared else self._levels
        self.logits = nn.Parameter(torch.empty(rows, 3, dtype=dtype, device=device))
        self.register_buffer("rounded", torch.empty((), dtype=torch.bool, device=device))
        self.register_buffer("_perm", torch.empty(self.n, dtype=torch.int64, device=device), persistent=False)
        self.reset_parameters()

    def reset_parameters(self):
        """Start again with random logits, relaxed."""
        nn.init.normal_(self.logits)
        torch.arange(self.n, out=self._perm)
        self.relax_()

    def kept(self, x):
        """The share of the mean square of x that is left by the relaxed permutation, a mean of permutations."""
        with torch.no_grad():
            return self(x).square().mean() / x.square().mean()

    def _indices(self):
        """The indices of a permutation that is hard; None for others."""
        return self._buffers["_perm"] if self._hard else None

    def permutation(self):
        """The hard permutation nearest to the logits, as indices: ``out[i] = x[permutation[i]]``."""
        from pyfly import permutation_from_choices

        choices = (self.logits.detach() >= 0).expand(self._levels, 3).to(torch.int64).cpu().numpy()
        perm = permutation_from_choices(choices) if self._levels else np.arange(self.n)
        return torch.as_tensor(np.ascontiguousarray(perm), device=self.logits.device)

    def round_(self):
        """Make the permutation hard; its logits get no gradient from now on. Returns self."""
        self._perm = self.permutation()
        self.rounded.fill_(True)
        self._hard = True
        return self

    def relax_(self):
        """Undo ``round_``. Returns self."""
        self.rounded.fill_(False)
        # the same as the buffer, for control flow that does not read a tensor
        self._hard = False
        return self

    def forward(self, input):
        """Permute the last axis."""
        if self._hard:
            return _permuted(self._perm, input)
        return relaxed_permute(self.logits.sigmoid().expand(self._levels, 3), input)

    def _load_from_state_dict(self, *args, **kwargs):
        super()._load_from_state_dict(*args, **kwargs)
        if self.rounded.item():
            self.round_()
        else:
            self.relax_()

    def extra_repr(self):
        return f"n={self.n}, shared={self.shared}, rounded={self._hard}"


class FixedPermutation(nn.Module):
    """Permutation of the last axis by indices that are part of the state dict."""

    def __init__(self, perm, device=None):
        super().__init__()
        self._first = perm
        self.register_buffer("perm", perm.to(device, copy=True))

    def reset_parameters(self):
        """The first indices again, for instance after ``to_empty``, which moves a layer from the meta device."""
        self.perm.copy_(self._first)

    def _indices(self):
        return self._buffers["perm"]

    def permutation(self):
        """The indices: ``out[i] = x[permutation[i]]``."""
        return self.perm

    def forward(self, input):
        """Permute the last axis."""
        return _permuted(self.perm, input)

    def extra_repr(self):
        return f"n={self.perm.numel()}"


def _permutation_module(permutation, n, device, dtype):
    if permutation is None:
        return nn.Identity()
    if isinstance(permutation, str):
        if permutation == "bit_reversal":
            return FixedPermutation(bit_reversal(n), device)
        if permutation in ("learn", "learn_shared"):
            return LearnablePermutation(n, permutation == "learn_shared", device, dtype)
        raise ValueError(
            f"permutation = {permutation!r} must be 'bit_reversal', 'learn', 'learn_shared', None or a tensor of "
            f"indices"
        )
    perm = torch.as_tensor(permutation, device="cpu")
    if perm.dtype in _INTEGERS and torch.equal(perm.sort().values.long(), torch.arange(n, device="cpu")):
        return FixedPermutation(perm.long(), device)
    raise ValueError(f"permutation must hold every index of 0 .. {n - 1} once, as integers of shape ({n},)")


class BPChain(StructuredLinear):
    """Product of butterfly matrices and permutations, ``B_depth P_depth ... B_1 P_1``, as a layer; see `BP`, `BPBP`."""

    inits = ("random", "orthogonal", "identity", "fft", "ifft", "hadamard", "dct")
    _options = ("complex", "tied", "init", "real_output")

    def __init__(
        self,
        depth,
        in_features,
        out_features,
        bias=True,
        complex=False,
        tied=True,
        permutation="bit_reversal",
        init="random",
        real_output=True,
        device=None,
        dtype=None,
    ):
        super().__init__(in_features, out_features)
        self.depth = as_size("depth", depth)
        self.complex, self.tied = bool(complex), bool(tied)
        self.real_output = bool(real_output) or not self.complex
        self.n = next_power_of_two(max(self.in_features, self.out_features))
        self.init = _init.name_of(init, self.inits)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        device = _init.place(device)
        if self.init == "dct":
            permutation = _dct_permutations(self, permutation)
        if not isinstance(permutation, (list, tuple)):
            permutation = [permutation] * self.depth
        if len(permutation) != self.depth:
            raise ValueError(f"permutation has {len(permutation)} entries, but there are {self.depth} factors B P")
        self.permutations = nn.ModuleList(_permutation_module(p, self.n, device, dtype) for p in permutation)
        self.twiddle = nn.Parameter(self._start(dtype, device))
        self._make_bias(bias, not self.real_output, dtype, device)

    def _recipe(self):
        # indices are in the state dict, so that any stand for them
        kinds = ["bit_reversal" if isinstance(p, FixedPermutation) else _kind(p) for p in self.permutations]
        return {**super()._recipe(), "permutation": kinds}

    def reset_parameters(self):
        """Start again as ``init`` says, for instance after ``to_empty``, which moves a layer from the meta device."""
        for module in self.permutations:
            if not isinstance(module, nn.Identity):
                module.reset_parameters()
        super().reset_parameters()

    def _start(self, dtype, device):
        options = dict(complex=self.complex, tied=self.tied, increasing_stride=True, dtype=dtype, device=device)
        if self.init == "dct":
            twiddle = _dct_factors(self, options)
        elif self.init in ("fft", "ifft", "hadamard"):
            twiddle = self._with_identities(self.init, options)
        else:
            twiddle = _init.factors(self.init, self.n, lead=(self.depth,), **options)
        if self.init == "random" and twiddle.numel():
            # Stages make up in equal parts for what is lost: zeros of the padding carry no variance, nor does the
            # imaginary part that is left out, and a relaxed permutation takes means.
            kept = self.in_features / self.n / (2 if self.complex and self.real_output else 1) * self._kept(twiddle)
            twiddle *= kept ** (-0.5 / (self.depth * (self.n.bit_length() - 1)))
        return (torch.view_as_real(twiddle) if self.complex else twiddle).to(dtype)

    def _with_identities(self, init, options):
        """One factor that starts as named, the others as the identity."""
        first = _init.factors(init, self.n, lead=(1,), **options)
        return torch.cat((first, _init.factors("identity", self.n, lead=(self.depth - 1,), **options)))

    def _kept(self, like):
        """The share of the variance that relaxed permutations leave, by random vectors."""
        kept, inputs = 1.0, self.in_features
        for module in self.permutations:
            if isinstance(module, LearnablePermutation):
                x = torch.randn(32, self.n, dtype=like.dtype.to_real(), device=like.device)
                x[:, inputs:] = 0
                kept = kept * module.kept(x)
            inputs = self.n
        return kept

    def factors(self):
        """The factors as tensors, one butterfly matrix each, first applied first."""
        twiddle = as_complex(self.twiddle) if self.complex else self.twiddle
        return (twiddle.squeeze(0),) if self.depth == 1 else twiddle.unbind(0)

    def _without_derivatives(self, x):
        """The product on the processor where no derivative is wanted; None where it is not as simple as that.

        For few vectors torch's views of the factors and the calls between the kernels cost several times the kernels.
        """
        twiddle = self._parameters.get("twiddle")  # not there where a parametrization computes it
        if twiddle is None or x.dtype != twiddle.dtype or x.dtype not in VECTOR_TYPES or not direct(twiddle, x):
            return None
        kind = VECTOR_TYPES[x.dtype.to_complex() if self.complex else x.dtype]
        perms = [getattr(module, "_indices", _none)() for module in self.permutations]
        usable = [perm is not None and perm.is_cpu and perm.is_contiguous() for perm in perms]
        if not all(usable) or not twiddle.is_contiguous():
            return None
        x = x.contiguous()
        y = torch.empty_like(x, dtype=x.dtype.to_complex()) if self.complex else torch.empty_like(x)
        _raw.chain(
            _ops.threads(),
            kind,
            self.tied,
            self.n,
            x.numel() // self.n,
            tuple([perm.data_ptr() for perm in perms]),
            twiddle.data_ptr(),
            twiddle.stride(0) * twiddle.element_size(),
            x.data_ptr(),
            self.complex,
            y.data_ptr(),
        )
        return y

    def _linear(self, input):
        x = self._padded(input, self.n)
        y = None if torch.is_grad_enabled() else self._without_derivatives(x)
        if y is None:
            y = self._product(x)
        if y.shape[-1] != self.out_features:
            y = y[..., : self.out_features]
        if not (self.complex and self.real_output):
            return y
        # no complex numbers of reduced precision are computed with
        reduced = working_type(self.twiddle.dtype) != self.twiddle.dtype
        return y.real.to(torch.promote_types(input.dtype, self.twiddle.dtype).to_real()) if reduced else y.real

    def _product(self, y):
        factors = self.factors()
        if self.complex and not y.is_complex():
            y = y.to(factors[0].dtype)
        for permutation, twiddle in zip(self.permutations, factors, strict=True):
            y = butterfly_multiply(twiddle, permutation(y), tied=self.tied)
        return y

    def round_permutations(self):
        """Make every learnt permutation hard. Returns self."""
        for module in self.permutations:
            if isinstance(module, LearnablePermutation):
                module.round_()
        return self

    def to_operator(self):
        """The matrix as a `pyfly.Operator` for NumPy, SciPy and C; learnt permutations rounded.

        Raises
        ------
        ValueError
            If in_features and out_features are not one power of two: an operator is square.
        """
        from pyfly import Butterfly, Permutation, Product, RealPart

        if not self.in_features == self.out_features == self.n:
            raise ValueError(
                f"in_features = {self.in_features} and out_features = {self.out_features} must be one power of two "
                f"for an operator; use to_linear"
            )
        operators = []
        for permutation, twiddle in zip(self.permutations, self.factors(), strict=True):
            if not isinstance(permutation, nn.Identity):
                operators.append(Permutation(permutation.permutation().cpu().numpy()))
            operators.append(Butterfly(as_array(twiddle), tied=self.tied))
        product = operators[0] if len(operators) == 1 else Product(*operators[::-1])
        return RealPart(product) if self.complex and self.real_output else product

    @classmethod
    def from_linear(cls, linear, **options):
        """A layer that approximates a trained torch.nn.Linear; see `pyfly.torch.from_linear`."""
        from pyfly.torch._convert import from_linear

        return from_linear(linear, cls, **options)


def _dct_permutations(layer, permutation):
    """P' = evens, then odds reversed, before the bit reversal; the other factors have none."""
    if not (layer.complex and layer.real_output):
        raise ValueError("init = 'dct' is the real part of a complex product: pass complex=True, real_output=True")
    if permutation != "bit_reversal":
        raise ValueError("init = 'dct' brings its own permutation: leave permutation at its default")
    order = torch.arange(layer.n, device="cpu")
    order = torch.cat((order[::2], order[1::2].flip(0)))
    return [order[bit_reversal(layer.n)]] + [None] * (layer.depth - 1)


def _dct_factors(layer, options):
    """Factors of the orthonormal DCT-II, Re(D F P')."""
    n, device = layer.n, options["device"]
    twiddle = layer._with_identities("fft", {**options, "dtype": torch.float64})
    angle = -torch.pi * torch.arange(n, dtype=torch.float64, device=device) / (2 * n)
    scale = torch.polar(torch.full_like(angle, 2**0.5), angle)
    scale[0] = 1
    if n > 1:
        # row p and row p + n/2 of the last stage belong to one pair
        last = twiddle[0, n // 2 - 1 :] if layer.tied else twiddle[0, -1]
        last *= scale.view(2, -1).T[..., None]
    return twiddle.to(working_type(options["dtype"]).to_complex())


class BP(BPChain):
    """``y = B P x + bias``: one butterfly matrix after a permutation, the paper's basic module, as a layer.

    Parameters
    ----------
    in_features, out_features : int
        Any sizes; the matrix is the corner of one of size n, the next power of two of the larger.
    bias : bool
        Whether to add a bias.
    complex : bool
        Complex factors.
    tied : bool
        4 (n - 1) numbers a factor as in the paper, or 2 n log2 n.
    permutation : str, None, Tensor or a list of them
        ``"bit_reversal"``; ``"learn"`` for three logits a level, ``"learn_shared"`` for three in all, see
        `LearnablePermutation`; indices; None for none. A list gives one for each factor, first applied first.
    init : str
        As in `Butterfly`; ``"dct"`` for the orthonormal DCT-II (complex). With bit reversal ``"fft"`` is the unitary
        DFT.
    real_output : bool
        Whether complex factors give the real part of the product.
    device, dtype : optional
        As in torch.nn.Linear; `dtype` is real.

    Attributes
    ----------
    twiddle : Parameter, shape (depth, n - 1, 2, 2), or (depth, log2 n, n/2, 2, 2); one more axis of 2 when complex
    permutations : ModuleList

    Notes
    -----
    arXiv:1903.05895, section 3.3.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import BP
    >>> x = torch.randn(3, 8, dtype=torch.float64)
    >>> dft = BP(8, 8, bias=False, complex=True, init="fft", real_output=False, dtype=torch.float64)
    >>> torch.allclose(dft(x), torch.fft.fft(x, norm="ortho"))
    True
    """

    def __init__(self, in_features, out_features, *args, **options):
        super().__init__(1, in_features, out_features, *args, **options)


class BPBP(BPChain):
    """``y = B2 P2 B1 P1 x + bias``: the layer of the paper's compression experiment; parameters as in `BP`.

    Examples
    --------
    >>> from pyfly.torch import BPBP
    >>> BPBP(1024, 1024, bias=False).twiddle.numel()
    8184
    """

    def __init__(self, in_features, out_features, *args, **options):
        super().__init__(2, in_features, out_features, *args, **options)
