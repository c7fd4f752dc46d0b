"""Fast transforms by name: each an operator whose product with the identity is the textbook matrix.

Fourier       fft, ifft, fft2, ifft2, hartley; bluestein         BP, Re(BP); any size: (BP)^2_r
Cosine, sine  dct, idct, dst, idst                                Re(BP), Re(PB)
Walsh         hadamard, haar, hadamard_diagonal, fastfood         B, PB, (BD)^k
Convolution   circulant, skew_circulant, toeplitz, conv1d, conv2d BB, (BP)^2_2
Random        random_orthogonal, random_unitary                   B
Learnt        acdc                                                products of cosine transforms and diagonals

B is a butterfly matrix, P a permutation, D a diagonal, Re the real part, in the notation of arXiv:1903.05895. `norm` is
as in `scipy.fft`. Factors are rounded once from long double; single precision data are transformed in single precision.
"""

from pyfly.special._convolution import bluestein, circulant, conv1d, conv2d, skew_circulant, toeplitz
from pyfly.special._cosine import acdc, dct, dst, idct, idst
from pyfly.special._fourier import fft, fft2, hartley, ifft, ifft2
from pyfly.special._random import random_orthogonal, random_unitary
from pyfly.special._walsh import fastfood, haar, hadamard, hadamard_diagonal

__all__ = [
    "acdc",
    "bluestein",
    "circulant",
    "conv1d",
    "conv2d",
    "dct",
    "dst",
    "fastfood",
    "fft",
    "fft2",
    "haar",
    "hadamard",
    "hadamard_diagonal",
    "hartley",
    "idct",
    "idst",
    "ifft",
    "ifft2",
    "random_orthogonal",
    "random_unitary",
    "skew_circulant",
    "toeplitz",
]
