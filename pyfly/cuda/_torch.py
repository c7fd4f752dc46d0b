"""CUDA tensors of PyTorch: their interface names neither the stream nor the device, so they are read as they are.

torch is never imported here: who passes a tensor has done it.
"""

import sys

import numpy as np


def is_tensor(x):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def in_device_memory(tensor):
    return tensor.is_cuda


def stream_of(tensor):
    """The stream in which torch works now, on the tensor's device."""
    return sys.modules["torch"].cuda.current_stream(tensor.device).cuda_stream


def place(tensor, name):
    """(address, shape, strides, dtype or None, device)"""
    if tensor.requires_grad:
        raise TypeError(
            f"{name} requires a gradient, which is not recorded here: use pyfly.torch, or pass {name}.detach()"
        )
    if tensor.is_conj() or tensor.is_neg():
        raise TypeError(f"{name} is conjugated or negated only in name: pass {name}.resolve_conj().resolve_neg()")
    dtype = getattr(np, str(tensor.dtype).removeprefix("torch."), None)
    dtype = None if dtype is None else np.dtype(dtype)
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), dtype, tensor.device.index or 0


def empty_like(tensor, shape, dtype):
    """A new tensor beside this one, of another shape and NumPy dtype."""
    torch = sys.modules["torch"]
    return torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name), device=tensor.device)
