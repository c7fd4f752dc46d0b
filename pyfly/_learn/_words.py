"""Permutations in words, and back from gather indices to the choices (a, b, c) of every level.

P = P_2 ... P_{N/2} P_N      the level of block size N acts first: a separates even and odd, b and c reverse halves
"""

from __future__ import annotations

import numpy as np


def choices_of(perm):
    """Find the choices (a, b, c) whose permutation this is.

    Parameters
    ----------
    perm : ndarray of int64, shape (n,)
        Gather indices, ``out[i] = in[perm[i]]``, n a power of two.

    Returns
    -------
    ndarray of int64, shape (max(log2 n - 1, 0), 3), or None
        Row l belongs to the blocks of size 2^(l+2), as in `permutation_from_choices`; None if there are none. Where
        several sets of choices make the same permutation, the one with fewer reversals in the large blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly._learn._words import choices_of
    >>> choices_of(np.array([0, 2, 4, 6, 7, 5, 3, 1]))
    array([[0, 0, 0],
           [1, 0, 1]])
    """
    n = len(perm)
    if n & (n - 1) or n < 1:
        return None
    rows = _decode(np.asarray(perm))
    return None if rows is None else np.array(rows[::-1], dtype=np.int64).reshape(-1, 3)


def _decode(perm):
    """Choices from the largest block to the smallest, or None."""
    n = len(perm)
    if n <= 2:
        return [] if (perm == np.arange(n)).all() else None
    h = n // 2
    first, second = perm[:h], perm[h:]
    if (first < h).all():
        a, u, v = 0, first, second - h
    elif not (first & 1).any() and (second & 1).all():
        a, u, v = 1, first >> 1, second >> 1
    else:
        return None
    for b in (0, 1):
        inner = h - 1 - u if b else u
        for c in (0, 1):
            if (inner == (h - 1 - v if c else v)).all():
                rest = _decode(inner)
                if rest is not None:
                    return [(a, b, c), *rest]
    return None


def folded(n):
    """Gather indices of the even positions, then the odd ones reversed: choices a and c of the largest block."""
    return np.concatenate([np.arange(0, n, 2), np.arange(n - 1, 0, -2)])


def in_words(perm):
    """Name a permutation.

    Parameters
    ----------
    perm : ndarray of int64, shape (n,) or None
        Gather indices.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly._learn._words import in_words
    >>> in_words(np.array([0, 4, 2, 6, 1, 5, 3, 7]))
    'bit reversal'
    >>> in_words(np.array([0, 2, 4, 6, 1, 3, 5, 7]))
    'even/odd at level 8'
    """
    if perm is None:
        return "none"
    perm = np.asarray(perm)
    n = len(perm)
    place = np.arange(n)
    if (perm == place).all():
        return "identity"
    if (perm == place[::-1]).all():
        return "reversal"
    shift = perm[0]
    if (perm == (place + shift) % n).all():
        return f"cyclic shift by {shift}"
    if n & (n - 1):
        return "arbitrary"
    choices = choices_of(perm)
    if choices is not None:
        return _levels_in_words(choices)
    inner = choices_of(np.argsort(folded(n))[perm])
    if inner is not None:
        rest = _levels_in_words(inner)
        return "evens, then odds reversed" + ("" if rest == "identity" else f", then {rest}")
    if (perm == place ^ (place >> 1)).all():
        return "Gray code"
    inner = choices_of(np.argsort(perm))
    if inner is not None:
        return f"inverse of {_levels_in_words(inner)}"
    if reorders_bits(perm):
        return "binary digits in another order"
    gray = _linear(perm)
    return "arbitrary" if gray is None else gray


def _levels_in_words(choices):
    a, b, c = choices.T
    if a.all() and not b.any() and not c.any():
        return "bit reversal"
    sizes = 2 ** np.arange(2, len(choices) + 2)
    parts = []
    for chosen, what in ((a, "even/odd"), (b, "first half reversed"), (c, "second half reversed")):
        where = sizes[chosen == 1][::-1]
        if len(where) == len(sizes) > 1:
            parts.append(f"{what} at every level")
        elif len(where):
            parts.append(f"{what} at level{'s' * (len(where) > 1)} {', '.join(map(str, where))}")
    return "; ".join(parts) if parts else "identity"


def reorders_bits(perm):
    """Whether a permutation puts the binary digits of the index in another order."""
    return _linear(perm) is not None and perm[0] == 0 and not (perm[_powers(perm)] & (perm[_powers(perm)] - 1)).any()


def _powers(perm):
    return 1 << np.arange(len(perm).bit_length() - 1)


def _linear(perm):
    """A permutation that is linear in the binary digits of the index, up to an offset."""
    n = len(perm)
    image = perm ^ perm[0]
    place = np.arange(n)
    built = np.zeros_like(place)
    for bit in range(n.bit_length() - 1):
        built ^= np.where(place >> bit & 1, image[1 << bit], 0)
    return "linear in the binary digits" if (built == image).all() else None
