"""Factors to start from.

random       independent entries of variance 1/2, so that every stage, and the product, keeps the variance of x
orthogonal   every 2x2 block orthogonal, or unitary by Haar's measure when complex: so is the product
identity     blocks I
fft, ifft    the unitary DFT or its inverse, up to the bit reversal R: F = B R (increasing stride), R B (decreasing)
hadamard     the orthogonal Walsh-Hadamard matrix in natural order
"""

from __future__ import annotations

import math

import torch

from pyfly import _core
from pyfly.torch._ops import working_type

INITS = ("random", "orthogonal", "identity", "fft", "ifft", "hadamard")
# the names of the authors' library
_OTHER_NAMES = {"randn": "random", "ortho": "orthogonal", "fft_no_br": "fft", "ifft_no_br": "ifft"}


def name_of(init, allowed=INITS):
    """The name of an initialization, other spellings understood."""
    name = _OTHER_NAMES.get(init, init)
    if name not in allowed:
        raise ValueError(f"init = {init!r} must be one of {', '.join(map(repr, allowed))}")
    return name


def place(device):
    """The device asked for, or the one that torch.device names where it is a context."""
    return torch.empty(0, device=device).device


def core_shape(n, tied):
    """Shape of the factors of one butterfly matrix."""
    return (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2)


def factors(init, n, *, complex, tied, increasing_stride, lead=(), dtype, device):
    """Factors of shape (*lead, *core) with real type or its complex partner; each of ``lead`` drawn for itself.

    They are float32 or complex64 for half and bfloat16.
    """
    shape, dtype = (*lead, *core_shape(n, tied)), working_type(dtype)
    kind = dtype.to_complex() if complex else dtype
    if init in ("fft", "ifft"):
        if not complex:
            raise ValueError(f"init = {init!r} needs complex factors: pass complex=True")
        exact = _core.fft_factors(n, inverse=init == "ifft", increasing_stride=increasing_stride, tied=tied)
        # n^(1/2) or n^(-1/2) in equal parts to the stages
        core = torch.from_numpy(exact) * 2 ** (0.5 if init == "ifft" else -0.5)
    elif init == "hadamard":
        exact = _core.hadamard_factors(n, increasing_stride=increasing_stride, tied=tied)
        core = torch.from_numpy(exact) / math.sqrt(2)
    elif init == "identity":
        core = torch.eye(2)
    elif init == "orthogonal":
        return orthogonal(shape[:-2], kind, device)
    else:
        # complex normal numbers of variance 1 have parts of variance 1/2 each
        return torch.randn(shape, dtype=kind, device=device) / math.sqrt(2)
    return core.to(device=device, dtype=kind).expand(shape).clone(memory_format=torch.contiguous_format)


def orthogonal(shape, dtype, device):
    """Random 2x2 orthogonal or unitary matrices, of shape (*shape, 2, 2)."""
    real = dtype.to_real()
    if dtype.is_complex:
        return unitary_blocks(unitary_angles(shape, real, device))
    angle = torch.rand(shape, dtype=real, device=device) * (2 * math.pi)
    blocks = rotation_blocks(angle)
    flip = torch.randint(0, 2, shape, device=device, dtype=real) * 2 - 1
    return torch.stack((blocks[..., 0, :] * flip[..., None], blocks[..., 1, :]), -2)


def rotation_blocks(angle):
    """[[cos, -sin], [sin, cos]], of shape (..., 2, 2)."""
    c, s = angle.cos(), angle.sin()
    return torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)


def unitary_angles(shape, dtype, device):
    """Angles (phi, alpha, psi, chi) whose blocks follow Haar's measure: sin^2 phi and the phases are uniform."""
    phi = torch.rand(shape, dtype=dtype, device=device).sqrt().asin()
    return torch.stack((phi, *(torch.rand((3, *shape), dtype=dtype, device=device) * (2 * math.pi)).unbind(0)), -1)


def unitary_blocks(angles):
    """e^(i alpha) [[e^(i psi) cos phi, e^(i chi) sin phi], [-e^(-i chi) sin phi, e^(-i psi) cos phi]]."""
    phi, alpha, psi, chi = angles.unbind(-1)
    c, s = phi.cos(), phi.sin()
    rows = (
        torch.stack((torch.polar(c, alpha + psi), torch.polar(s, alpha + chi)), -1),
        torch.stack((-torch.polar(s, alpha - chi), torch.polar(c, alpha - psi)), -1),
    )
    return torch.stack(rows, -2)
