"""The functions of pyfly on NVIDIA GPUs, for arrays of any library.

    y = op(B) x,   x and the factors any array with ``__cuda_array_interface__`` or ``__dlpack__``: of CuPy, PyTorch ...

The library behind it is loaded on first use; without it, or without a GPU, ``is_available()`` is False and every other
call a RuntimeError that says why. Experimental: the kernels have been checked by simulation only.

Streams      Calls are queued and not waited for. They run in the stream given, else in that which x or another operand
             names, else in the legacy default stream. They start after the work that the operands' own streams hold
             now, and those streams go on after them.
Results      A tensor where x is one of PyTorch's, else a DeviceArray, which other libraries take without a copy:
             ``cupy.asarray(y)``, ``jax.dlpack.from_dlpack(y)``; or `out`. Gradients have the same bits every time.
"""

from pyfly.cuda._arrays import DeviceArray, asarray, in_device_memory
from pyfly.cuda._functions import (
    butterfly_multiply,
    butterfly_multiply_grad,
    fwht,
    permute,
    relaxed_permute,
    relaxed_permute_grad,
)
from pyfly.cuda._library import device_count, is_available

__all__ = [
    "DeviceArray",
    "asarray",
    "butterfly_multiply",
    "butterfly_multiply_grad",
    "device_count",
    "fwht",
    "in_device_memory",
    "is_available",
    "permute",
    "relaxed_permute",
    "relaxed_permute_grad",
]
