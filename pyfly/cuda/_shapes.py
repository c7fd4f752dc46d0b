"""Operands as vectors, how their dimensions broadcast, and the calls that a batch is cut into.

The leading dimensions of the factors are stacks; they and the remaining ones of x broadcast. A C call takes vectors at
one distance that share their factors, so neighbouring dimensions are merged where strides allow, the largest that is
left becomes the batch of a call, and calls run over the others.
"""

import itertools

import numpy as np

from pyfly.cuda._arrays import contiguous_strides
from pyfly.cuda._library import INT


class Vectors:
    """An operand as vectors: n numbers at a distance of inc, and the other dimensions."""

    def __init__(self, operand, axis):
        rank = len(operand.shape)
        if rank == 0:
            raise ValueError(f"{operand.name} has shape (); it must have at least one dimension, the vectors'")
        if not isinstance(axis, int) or not -rank <= axis < rank:
            raise ValueError(f"axis={axis} is out of range for {operand.name} of shape {operand.shape}")
        axis %= rank
        self.operand, self.axis = operand, axis - rank  # from the end: broadcasting puts new dimensions in front
        self.n, self.inc = operand.shape[axis], operand.strides[axis]
        self.shape = operand.shape[:axis] + operand.shape[axis + 1 :]
        self.strides = operand.strides[:axis] + operand.strides[axis + 1 :]
        if self.n == 1:
            self.inc = 1

    def broadcast(self, full):
        """Strides of the dimensions of `full`."""
        return broadcast_strides(self.shape, self.strides, full)

    def arguments(self, offset, dist):
        return self.operand.at(offset), INT(self.inc), INT(dist)


def broadcast_strides(shape, strides, full):
    extra = len(full) - len(shape)
    return [0] * extra + [0 if size == 1 else stride for size, stride in zip(shape, strides, strict=True)]


def power_of_two(x):
    if x.n < 1 or x.n & (x.n - 1):
        raise ValueError(
            f"{x.operand.name} has length {x.n} along axis {x.axis}, which must be a power of two: pad or trim it"
        )
    return x.n


def core_of(operand, wanted, n):
    """Leading shape and strides of factors whose last dimensions have this shape, without gaps."""
    core = len(wanted)
    if operand.shape[-core:] != wanted:
        rule = ", ".join(map(str, wanted))
        raise ValueError(
            f"{operand.name} has shape {operand.shape}; for vectors of length {n} it must be (..., {rule})"
        )
    for have, want, size in zip(operand.strides[-core:], contiguous_strides(wanted), wanted, strict=True):
        if size > 1 and have != want:
            raise ValueError(f"{operand.name} must be C-contiguous in its last {core} dimensions: copy it")
    return operand.shape[:-core], operand.strides[:-core]


def common(lead, x, name):
    try:
        return np.broadcast_shapes(lead, x.shape)
    except ValueError:
        raise ValueError(
            f"the leading dimensions of {name}, {lead}, do not broadcast against those of {x.operand.name}, {x.shape}"
        ) from None


def with_axis(full, n, axis):
    """The shape of a result: n at `axis`, counted from the end."""
    shape = list(full)
    shape.insert(len(full) + 1 + axis, n)
    return tuple(shape)


def pieces(full, apart, strides):
    """Calls for a batch of shape `full`: (offset of the factors, offsets of each operand, count, its distances).

    apart: strides of the factors; vectors with different factors go to different calls. strides: of each operand.
    """
    if 0 in full:
        return
    dims = [d for d in zip(full, apart, *strides, strict=True) if d[0] != 1]
    loops = [d for d in dims if d[1]]
    batch = []  # neighbours in one
    for size, _, *steps in (d for d in dims if not d[1]):
        if batch and all(outer == size * inner for outer, inner in zip(batch[-1][2:], steps, strict=True)):
            size *= batch.pop()[0]
        batch.append((size, 0, *steps))
    inner = max(batch, key=lambda d: d[0], default=None)
    loops += [d for d in batch if d is not inner]
    count, dists = (inner[0], inner[2:]) if inner else (1, None)
    for index in itertools.product(*(range(d[0]) for d in loops)):
        offsets = [sum(i * d[k] for i, d in zip(index, loops, strict=True)) for k in range(1, 2 + len(strides))]
        yield offsets[0], offsets[1:], count, dists or [1] * len(strides)
