"""The operators on CUDA tensors: libbutterfly_cuda where it was built, else torch operations.

The library works on the tensors' addresses, in torch's current stream, with memory of torch's allocator. Torch
operations also serve where a GPU has too little shared memory, and for fixed permutations, which are copies.
"""

from __future__ import annotations

import functools

import torch

from pyfly import cuda
from pyfly.cuda._functions import relaxed_product
from pyfly.cuda._library import TooSmallDevice
from pyfly.torch import _ops
from pyfly.torch._ops import check_grad, check_multiply, check_relaxed

KERNELS = {}


@functools.cache
def available():
    return cuda.is_available()


def _kernel(op):
    """Registers a function as this operator's kernel for CUDA tensors; it gets tensors without derivatives."""

    def register(function):
        anywhere = _ops.KERNELS[op][1]

        @functools.wraps(function)
        def kernel(factors, *args):
            if not available():
                return anywhere(factors, *args)
            try:
                args = [a.detach() if isinstance(a, torch.Tensor) else a for a in args]
                return function(factors.detach().contiguous(), *args)
            except TooSmallDevice:
                return anywhere(factors, *args)

        _ops.library.impl(op._schema.name, kernel, "CUDA")
        KERNELS[op] = kernel
        return kernel

    return register


@_kernel(_ops.multiply_op)
def _multiply(twiddle, x, op, increasing_stride, tied):
    check_multiply(twiddle, x, op, tied)
    return cuda.butterfly_multiply(twiddle, x, op=op, increasing_stride=increasing_stride, tied=tied)


def _gradients(twiddle, x, grad, op, increasing_stride, tied):
    check_grad(grad, x, check_multiply(twiddle, x, op, tied)[2])
    return cuda.butterfly_multiply_grad(twiddle, x, grad, op=op, increasing_stride=increasing_stride, tied=tied)


_multiply_grad = _kernel(_ops.multiply_grad_op)(_gradients)


@_kernel(_ops.multiply_grad_twiddle_op)
def _multiply_grad_twiddle(*args):
    return _gradients(*args)[0]


@_kernel(_ops.relaxed_op)
def _relaxed(prob, x, transposed):
    check_relaxed(prob, x)
    return relaxed_product(prob, x, "T" if transposed else "N")


@_kernel(_ops.relaxed_grad_op)
def _relaxed_grad(prob, x, grad):
    check_grad(grad, x, check_relaxed(prob, x)[2])
    return cuda.relaxed_permute_grad(prob, x, grad)
