"""Butterfly operators and layers for PyTorch: ``import pyfly.torch``.

The operators run the C kernels on CPU tensors, libbutterfly_cuda on CUDA tensors where pyfly was built with it, and
torch operations elsewhere; they work with autograd of any order, torch.func, torch.compile and torch.export. The layers
have the interface of torch.nn.Linear. README.md beside this file tells when to use them.

Operators    butterfly_multiply, relaxed_permute, permute
Layers       Butterfly, ButterflyUnitary, Kaleidoscope, BP, BPBP, LearnablePermutation
Conversion   from_linear, to_linear, replace_linear, from_checkpoint, parameter_groups
"""

from pyfly.torch import _cuda as _cuda  # registers kernels
from pyfly.torch._chain import BP, BPBP, BPChain, FixedPermutation, LearnablePermutation, bit_reversal
from pyfly.torch._convert import from_checkpoint, from_linear, parameter_groups, replace_linear, to_linear
from pyfly.torch._functional import butterfly_multiply, permute, relaxed_permute
from pyfly.torch._layers import Butterfly, ButterflyUnitary, Kaleidoscope

__all__ = [
    "BP",
    "BPBP",
    "BPChain",
    "Butterfly",
    "ButterflyUnitary",
    "FixedPermutation",
    "Kaleidoscope",
    "LearnablePermutation",
    "bit_reversal",
    "butterfly_multiply",
    "from_checkpoint",
    "from_linear",
    "parameter_groups",
    "permute",
    "relaxed_permute",
    "replace_linear",
    "to_linear",
]
