"""Hidden layers of the compression experiment: maps of n to n numbers with few parameters, and the dense one.

    dense           W                                                  n^2 parameters
    BPBP            B2 R B1 R, R the bit reversal, B tied              8 (n - 1), twice that when complex
    low-rank        U V^T of rank r                                    2 r n
    circulant       F^-1 diag(F c) F                                   n
    Toeplitz-like   sum over r of circulant(g) skew-circulant(h)       2 r n
    Fastfood        S H G P H D: diagonals S, G, D; P a fixed shuffle  3 n
    Monarch         two block-diagonal factors, transposed between     n (a + b), n = a b: 2 n^(3/2) where a = b

Every start keeps the variance of its input, or a fraction of it.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from pyfly import torch as pt


class LowRank(nn.Module):
    def __init__(self, n, rank=4):
        super().__init__()
        self.u = nn.Parameter(torch.randn(n, rank) / math.sqrt(rank))
        self.v = nn.Parameter(torch.randn(rank, n) / math.sqrt(n))

    def forward(self, x):
        return (x @ self.v.T) @ self.u.T


def circulant_product(c, x):
    """Circular convolution of x with c along the last axis."""
    return torch.fft.irfft(torch.fft.rfft(c) * torch.fft.rfft(x), n=x.shape[-1])


def skew_circulant_product(c, x):
    """The same with a change of sign where it wraps around: a circular convolution of modulated vectors."""
    n = x.shape[-1]
    turn = torch.polar(torch.ones(n, device=x.device), -math.pi / n * torch.arange(n, device=x.device))
    product = torch.fft.ifft(torch.fft.fft(c * turn) * torch.fft.fft(x * turn))
    return (product * turn.conj()).real


class Circulant(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.c = nn.Parameter(torch.randn(n) / math.sqrt(n))

    def forward(self, x):
        return circulant_product(self.c, x)


class ToeplitzLike(nn.Module):
    """Displacement rank r with respect to the cyclic and the skew-cyclic shift."""

    def __init__(self, n, rank=4):
        super().__init__()
        self.g = nn.Parameter(torch.randn(rank, n) / math.sqrt(n * rank))
        self.h = nn.Parameter(torch.randn(rank, n) / math.sqrt(n))

    def forward(self, x):
        inner = skew_circulant_product(self.h, x.unsqueeze(-2))
        return circulant_product(self.g, inner).sum(-2)


class Fastfood(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.s, self.g = (nn.Parameter(torch.randn(n)) for _ in range(2))
        self.d = nn.Parameter(torch.randint(0, 2, (n,)) * 2.0 - 1)
        self.register_buffer("perm", torch.randperm(n))
        hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2)
        self.register_buffer("hadamard", hadamard.expand(n - 1, 2, 2).contiguous())

    def forward(self, x):
        x = pt.butterfly_multiply(self.hadamard, x * self.d, tied=True)
        return pt.butterfly_multiply(self.hadamard, pt.permute(self.perm, x) * self.g, tied=True) * self.s


class Monarch(nn.Module):
    """Two block-diagonal factors with transpositions between: a blocks of b x b, then b of a x a, n = a b."""

    def __init__(self, n):
        super().__init__()
        self.a = 1 << (n.bit_length() - 1) // 2
        self.b = n // self.a
        if self.a * self.b != n:
            raise ValueError(f"n = {n} must be a power of two")
        self.right = nn.Parameter(torch.randn(self.a, self.b, self.b) / math.sqrt(self.b))
        self.left = nn.Parameter(torch.randn(self.b, self.a, self.a) / math.sqrt(self.a))

    def forward(self, x):
        lead = x.shape[:-1]
        x = x.reshape(-1, self.a, self.b).permute(1, 0, 2)  # blocks, batch, entries
        x = torch.bmm(x, self.right.mT).permute(2, 1, 0)
        x = torch.bmm(x, self.left.mT).permute(1, 2, 0)
        return x.reshape(*lead, -1)


HIDDEN = {
    "dense": lambda n: nn.Linear(n, n, bias=False),
    "BPBP complex": lambda n: pt.BPBP(n, n, bias=False, complex=True, init="orthogonal"),
    "BPBP real": lambda n: pt.BPBP(n, n, bias=False, init="orthogonal"),
    "Monarch": Monarch,
    "Toeplitz-like": ToeplitzLike,
    "Fastfood": Fastfood,
    "circulant": Circulant,
    "low-rank": LowRank,
}


class Network(nn.Module):
    """y = W2 relu(W x + b) + b2 with one of the hidden layers for W."""

    def __init__(self, hidden, n, classes):
        super().__init__()
        self.hidden = HIDDEN[hidden](n)
        self.bias = nn.Parameter(torch.zeros(n))
        self.out = nn.Linear(n, classes)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x) + self.bias))


def parameters_of(module):
    """Trainable numbers; a complex one counts as two."""
    return sum(p.numel() * (2 if p.is_complex() else 1) for p in module.parameters() if p.requires_grad)


def compression(parameters, n=1024, outputs=10):
    """The paper's figure, n^2 over the parameters of W and of the output layer with its bias; 39.4 for complex BPBP."""
    return n * n / (parameters + outputs * n + outputs)
