"""Random orthogonal and unitary butterflies: every 2x2 block drawn by itself from Haar's measure.

O(2)  [[c, -t s], [s, t c]], angle uniform, t = +1 or -1       U(2)  [[a, -t b*], [b, t a*]], |a|^2 + |b|^2 = 1, |t| = 1
"""

from __future__ import annotations

import numpy as np

from pyfly._arrays import owned
from pyfly._operators import Butterfly
from pyfly.special._fourier import as_size


def random_orthogonal(n, *, seed=0, increasing_stride=True):
    """Random orthogonal butterfly matrix.

    ``B = S_L ... S_1``, every 2x2 block independent and of Haar's measure on O(2)

    Parameters
    ----------
    n : int
        Size, a power of two.
    seed : int or numpy.random.Generator
        For `numpy.random.default_rng`.
    increasing_stride : bool
        Order of the stages.

    Returns
    -------
    Butterfly, float64, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two.

    Notes
    -----
    Class B: 2 n log2 n parameters, of which n/2 log2 n are free angles. Not of Haar's measure on O(n), which takes
    n (n - 1) / 2 angles. The start that trains best for such layers: arXiv:1903.05895, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> b = special.random_orthogonal(8)
    >>> np.allclose((b.T @ b).todense(), np.eye(8))
    True
    """
    n = as_size(n)
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, _pairs(n))
    side = rng.integers(0, 2, _pairs(n)) * 2 - 1
    cos, sin = np.cos(angle), np.sin(angle)
    blocks = np.stack([np.stack([cos, -side * sin], -1), np.stack([sin, side * cos], -1)], -2)
    return Butterfly(owned(blocks), increasing_stride=increasing_stride)


def random_unitary(n, *, seed=0, increasing_stride=True):
    """Random unitary butterfly matrix.

    ``B = S_L ... S_1``, every 2x2 block independent and of Haar's measure on U(2)

    Parameters
    ----------
    n : int
        Size, a power of two.
    seed : int or numpy.random.Generator
        For `numpy.random.default_rng`.
    increasing_stride : bool
        Order of the stages.

    Returns
    -------
    Butterfly, complex128, n x n

    Raises
    ------
    TypeError
        n is no integer.
    ValueError
        n is no power of two.

    Notes
    -----
    Class B: 2 n log2 n complex parameters, of which 2 n log2 n angles are free.

    Examples
    --------
    >>> import numpy as np
    >>> from pyfly import special
    >>> b = special.random_unitary(8)
    >>> np.allclose((b.H @ b).todense(), np.eye(8))
    True
    """
    n = as_size(n)
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((4, *_pairs(n)))
    parts /= np.sqrt((parts**2).sum(axis=0))
    a, b = parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]
    phase = np.exp(1j * rng.uniform(0, 2 * np.pi, _pairs(n)))
    blocks = np.stack([np.stack([a, -phase * b.conj()], -1), np.stack([b, phase * a.conj()], -1)], -2)
    return Butterfly(owned(blocks), increasing_stride=increasing_stride)


def _pairs(n):
    levels = n.bit_length() - 1
    return levels, n // 2 if levels else 0
