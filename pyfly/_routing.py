"""Any permutation as two butterfly matrices: Benes's network, routed without a loop over elements.

    P = B_2 B_1      strides n/2, ..., 1 and then 1, ..., n/2; every block is the identity or a swap

The outermost switches (stride n/2 on both sides) leave two permutations of half the size. Which half an element goes
through is a two-colouring: the two elements of an output pair take different halves, and so do those of an input pair.
Both constraints are perfect matchings, so that their union consists of even cycles; the smallest element of a cycle,
found by doubling, decides.
"""

from __future__ import annotations

import numpy as np


def bit_reversal(n):
    """Return the indices whose binary digits are reversed, for n a power of two."""
    reversed_ = np.zeros(1, np.int64)
    while reversed_.size < n:
        reversed_ = np.concatenate([2 * reversed_, 2 * reversed_ + 1])
    return reversed_


def route(perm):
    """Return the switches of both halves of the network for ``y[i] = x[perm[i]]``.

    Parameters
    ----------
    perm : ndarray of int64, shape (n,)
        n a power of two.

    Returns
    -------
    first, second : ndarray of bool, shape (log2 n, n/2)
        Whether pair i of the k-th stage applied is swapped; strides decrease in `first` and increase in `second`.
    """
    n = perm.size
    levels = n.bit_length() - 1
    first = np.zeros((levels, n // 2 if levels else 0), bool)
    second = first.copy()
    position = np.arange(n)
    for level in range(levels):
        half = n >> (level + 1)
        inverse = np.empty_like(perm)
        inverse[perm] = position
        # partners across the outer switches: of an output, and of the output that the partner of its input goes to
        output_partner = position ^ half
        cycle = inverse[perm[output_partner] ^ half]
        smallest = position.copy()
        for _ in range(half.bit_length()):
            np.minimum(smallest, smallest[cycle], out=smallest)
            cycle = cycle[cycle]
        lower = smallest > smallest[output_partner]
        upper_outputs = position[(position & half) == 0]
        second[levels - 1 - level] = lower[upper_outputs]
        first[level] = lower[inverse[upper_outputs]]
        # what remains: in each half, output u takes its element from the input that stands at the same place
        base = position & ~(2 * half - 1)
        place = base + half * lower + (position & (half - 1))
        remaining = np.empty_like(perm)
        remaining[place] = (perm & ~(2 * half - 1)) + half * lower + (perm & (half - 1))
        perm = remaining
    return first, second


def swaps_to_twiddle(swaps, dtype):
    """Return 2x2 blocks that swap where told and otherwise do nothing."""
    twiddle = np.zeros((*swaps.shape, 2, 2), dtype)
    twiddle[..., 0, 0] = twiddle[..., 1, 1] = ~swaps
    twiddle[..., 0, 1] = twiddle[..., 1, 0] = swaps
    return twiddle
