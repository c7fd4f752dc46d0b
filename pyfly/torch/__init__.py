"""Butterfly operators and layers for PyTorch: ``import pyfly.torch``.

The operators run the C kernels on CPU tensors and torch operations elsewhere; they work with autograd of any order,
torch.func, torch.compile and torch.export. The layers have the interface of torch.nn.Linear. README.md beside this file
tells when to use them.
"""

from pyfly.torch._functional import butterfly_multiply, permute, relaxed_permute

__all__ = ["butterfly_multiply", "permute", "relaxed_permute"]
