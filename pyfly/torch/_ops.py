"""The registered operators ``torch.ops.pyfly``: C kernels on CPU tensors, torch operations elsewhere.

    butterfly_multiply(twiddle, x, op, increasing_stride, tied) -> y           y = op(B) x on the last axis
    butterfly_multiply_grad(twiddle, x, grad, ...) -> (grad_twiddle, grad_x)
    butterfly_multiply_grad_twiddle(twiddle, x, grad, ...) -> grad_twiddle     where x needs no gradient
    relaxed_permute(prob, x, transposed), relaxed_permute_grad(prob, x, grad), permute(perm, x, inverse)

Every one has a shape function here (fake tensors, export, compile); derivatives and batching rules are in _rules.py.
The gradient with respect to x alone is the product with the adjoint, so it needs no operator of its own. Kernels check
everything that C would take on trust, because an operator can be called without the functions of this package.
"""

from __future__ import annotations

import torch

from pyfly import _raw
from pyfly.torch import _reference

# What limits torch limits the kernels too: two pools of threads on the same processors slow each other down.
threads = torch.get_num_threads

_OPS = {"N": 0, "T": 1, "C": 2, "conj": 3}
_F, _D, _C, _Z = torch.float32, torch.float64, torch.complex64, torch.complex128
# Factors and vectors to the number by which the core knows the pair.
TYPES = {(_F, _F): 0, (_F, _C): 1, (_C, _C): 2, (_D, _D): 3, (_D, _Z): 4, (_Z, _Z): 5}
_REAL_TYPES = {pair: number for pair, number in TYPES.items() if not pair[0].is_complex}
VECTOR_TYPES = {_F: 0, _C: 2, _D: 3, _Z: 5}

_WORKING = {torch.float16: _F, torch.bfloat16: _F, torch.complex32: _C}


def working_type(dtype):
    """The type in which numbers of reduced precision are computed."""
    return _WORKING.get(dtype, dtype)


library = torch.library.Library("pyfly", "DEF")
_pt2 = (torch.Tag.pt2_compliant_tag,)


def _define(schema):
    library.define(schema, tags=_pt2)


_define("butterfly_multiply(Tensor twiddle, Tensor x, str op, bool increasing_stride, bool tied) -> Tensor")
_define(
    "butterfly_multiply_grad(Tensor twiddle, Tensor x, Tensor grad, str op, bool increasing_stride, bool tied) "
    "-> (Tensor, Tensor)"
)
_define(
    "butterfly_multiply_grad_twiddle(Tensor twiddle, Tensor x, Tensor grad, str op, bool increasing_stride, bool tied) "
    "-> Tensor"
)
_define("relaxed_permute(Tensor prob, Tensor x, bool transposed) -> Tensor")
_define("relaxed_permute_grad(Tensor prob, Tensor x, Tensor grad) -> (Tensor, Tensor)")
_define("permute(Tensor perm, Tensor x, bool inverse) -> Tensor")

multiply_op = torch.ops.pyfly.butterfly_multiply.default
multiply_grad_op = torch.ops.pyfly.butterfly_multiply_grad.default
multiply_grad_twiddle_op = torch.ops.pyfly.butterfly_multiply_grad_twiddle.default
relaxed_op = torch.ops.pyfly.relaxed_permute.default
relaxed_grad_op = torch.ops.pyfly.relaxed_permute_grad.default
permute_op = torch.ops.pyfly.permute.default


# ---- checks ----------------------------------------------------------------------------------------------------------


def _length(x):
    if x.dim() == 0:
        raise ValueError("x is a scalar: it needs at least one axis")
    n = int(x.shape[-1])  # a symbolic size is fixed here: the factors fix it anyway
    if n < 1 or n & (n - 1):
        raise ValueError(f"x has length {n} along the transformed axis, which must be a power of two: pad or trim it")
    return n


def _pair(name, factors, x, types):
    kind = types.get((factors.dtype, x.dtype))
    if kind is None:
        raise TypeError(
            f"{name} has dtype {factors.dtype} and x {x.dtype}: the operator takes float32, float64, complex64 and "
            f"complex128 of one precision, and real factors of complex vectors; convert one of them"
        )
    if factors.device != x.device:
        raise ValueError(f"{name} is on {factors.device} and x on {x.device}: move one of them")
    return kind


def _core_shape(name, shape, core, want, n):
    if shape[-core:] != want:
        raise ValueError(
            f"{name} has shape {tuple(shape)}, but vectors of length {n} need {want} as its last {core} sizes"
        )


def _batch(name, lead, x):
    try:
        return torch.broadcast_shapes(lead, x.shape[:-1])
    except RuntimeError:
        raise ValueError(
            f"the leading shape {tuple(lead)} of {name} does not broadcast against {tuple(x.shape[:-1])}, that of x"
        ) from None


def check_multiply(twiddle, x, op, tied):
    """Type number, length and the shape of the batch."""
    kind = _pair("twiddle", twiddle, x, TYPES)
    n = _length(x)
    if op not in _OPS:
        raise ValueError(f"op = {op!r} must be one of 'N', 'T', 'C', 'conj'")
    if tied:
        core, want = 3, (n - 1, 2, 2) if n > 1 else (0, 2, 2)
    else:
        core, want = 4, (n.bit_length() - 1, n // 2, 2, 2)
    shape = twiddle.shape
    _core_shape("twiddle", shape, core, want, n)
    if len(shape) == core:
        return kind, n, x.shape[:-1]
    return kind, n, _batch("twiddle", shape[:-core], x)


# what check_multiply has passed for one set of factors: looking it up takes a fifth of its time
_known = {}


def check_one(twiddle, x, op, tied, lead):
    """Type number and length for factors with `lead` leading sizes of 1; None where there are others."""
    if twiddle.dim() != (3 if tied else 4) + lead or x.dim() == 0:
        return None
    n = x.shape[-1]
    key = (twiddle.dtype, x.dtype, twiddle.shape, n, op, tied)
    kind = _known.get(key)
    if kind is None:
        kind = check_multiply(twiddle.view(twiddle.shape[lead:]) if lead else twiddle, x, op, tied)[0]
        if len(_known) > 10000:
            _known.clear()
        _known[key] = kind
    return kind, n


def check_grad(grad, x, batch):
    if grad.shape != (*batch, x.shape[-1]) or grad.dtype != x.dtype or grad.device != x.device:
        raise ValueError(
            f"grad has shape {tuple(grad.shape)}, dtype {grad.dtype} and device {grad.device}, but those of the "
            f"product are {(*batch, x.shape[-1])}, {x.dtype} and {x.device}"
        )


def check_relaxed(prob, x):
    kind = _pair("prob", prob, x, _REAL_TYPES)
    n = _length(x)
    _core_shape("prob", prob.shape, 2, (max(n.bit_length() - 2, 0), 3), n)
    return kind, n, x.shape[:-1] if prob.dim() == 2 else _batch("prob", prob.shape[:-2], x)


def _check_permute(perm, x):
    if perm.dtype != torch.int64 or perm.dim() != 1 or x.dim() == 0 or perm.shape[0] != x.shape[-1]:
        raise ValueError(
            f"perm has dtype {perm.dtype} and shape {tuple(perm.shape)}, but x of shape {tuple(x.shape)} needs an "
            f"int64 permutation of its last axis"
        )
    if perm.device != x.device:
        raise ValueError(f"perm is on {perm.device} and x on {x.device}: move one of them")


# ---- CPU: addresses to the C library ---------------------------------------------------------------------------------


def _rows(x, n):
    """x as vectors: (tensor that owns them, count, stride of an item, stride of a vector)."""
    if x.is_contiguous():
        return x, x.numel() // n, 1, n
    if x.dim() != 2:
        x = x.reshape(-1, n) if x.dim() else x
    count = x.shape[0]
    dist, inc = x.stride()
    return x, count, inc, dist


def _packed(factors):
    return factors if factors.is_contiguous() else factors.contiguous()


def _stacks(lead, batch, *tensors):
    """Slices of ``tensors``, broadcast to ``batch``, for each index of the leading shape of the factors.

    A size of 1 is part of the batch of one call, so that factors used by many vectors are read once.
    """
    padded = (1,) * (len(batch) - len(lead)) + tuple(lead)
    every = [t.expand(*batch, t.shape[-1]) for t in tensors]
    sizes = [size for size in padded if size > 1]
    for index in _indices(sizes):
        rest = iter(index)
        place = tuple(next(rest) if size > 1 else slice(None) for size in padded)
        yield [t[place] for t in every]


def _indices(sizes):
    if not sizes:
        yield ()
        return
    for first in range(sizes[0]):
        for rest in _indices(sizes[1:]):
            yield (first, *rest)


def _call(run, factors_in, n, inputs, outputs, factors_out=0):
    """One C call for a batch with the same factors; outputs that are no rows in memory go through a buffer."""
    rows = [_rows(t, n) for t in inputs]
    numbers = [(t.data_ptr(), inc, dist) for t, _, inc, dist in rows]
    copies = []
    for out in outputs:
        target = out
        if out.dim() != 2:
            try:
                target = out.view(-1, n)
            except RuntimeError:
                target = out.new_empty((rows[0][1], n))
                copies.append((out, target))
        dist, inc = target.stride()
        numbers.append((target.data_ptr(), inc, dist))
    run(rows[0][1], factors_in, numbers, factors_out)
    for out, buffer in copies:
        out.copy_(buffer.view(out.shape))


def multiply_one(twiddle, x, known, op, increasing_stride, tied):
    """The product for one set of factors that has been checked with x; known: type number and length."""
    kind, n = known
    w = twiddle if twiddle.is_contiguous() else twiddle.contiguous()
    rows, count, inc, dist = _rows(x, n)
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    at = rows.data_ptr()
    _raw.multiply(
        threads(),
        kind,
        _OPS[op],
        increasing_stride,
        tied,
        n,
        count,
        w.data_ptr(),
        at,
        inc,
        dist,
        y.data_ptr(),
        1,
        n,
    )
    return y


def multiply_cpu(twiddle, x, op, increasing_stride, tied):
    one = check_one(twiddle, x, op, tied, 0)
    if one is not None:
        return multiply_one(twiddle, x, one, op, increasing_stride, tied)
    number, w = _OPS.get(op), _packed(twiddle)
    kind, n, batch = check_multiply(w, x, op, tied)
    core = 3 if tied else 4
    y = x.new_empty((*batch, n))

    def run(count, factors, numbers, _):
        (px, ix, dx), (py, iy, dy) = numbers
        _raw.multiply(threads(), kind, number, increasing_stride, tied, n, count, factors, px, ix, dx, py, iy, dy)

    lead = w.shape[:-core]
    for index, (rows, out) in enumerate(_stacks(lead, batch, x, y)):
        _call(run, _address(w, index, lead), n, [rows], [out])
    return y


def _address(factors, index, lead):
    """Address of the ``index``-th set of contiguous factors."""
    return factors.data_ptr() + index * (factors.numel() // max(lead.numel(), 1)) * factors.element_size()


def _gradients(factors, core, x, grad, n, batch, need_x, run):
    """Gradients of factors and x through ``run``, summed over broadcast sizes."""
    f = _packed(factors)
    g_factors = torch.empty_like(f, memory_format=torch.contiguous_format)
    lead = f.shape[:-core]
    gx = grad.new_empty(grad.shape) if need_x else None
    if grad.numel() == 0:
        g_factors.zero_()
    else:
        tensors = (x, grad, gx) if need_x else (x, grad)
        for index, parts in enumerate(_stacks(lead, batch, *tensors)):
            _call(run, _address(f, index, lead), n, parts[:2], parts[2:], _address(g_factors, index, lead))
    if need_x and gx.shape != x.shape:
        gx = gx.sum_to_size(x.shape)
    return g_factors, gx


def gradients_of_one(twiddle, x, grad, known, op, increasing_stride, tied, need_x=True):
    """Gradients for one set of factors that has been checked with x; known: type number and length."""
    kind, n = known
    w = _packed(twiddle)
    gw = torch.empty_like(w)
    gx = torch.empty_like(x, memory_format=torch.contiguous_format) if need_x else None
    rows, count, incx, distx = _rows(x, n)
    g, _, incg, distg = _rows(grad, n)
    _raw.multiply_grad(
        threads(),
        kind,
        _OPS[op],
        increasing_stride,
        tied,
        n,
        count,
        w.data_ptr(),
        rows.data_ptr(),
        incx,
        distx,
        g.data_ptr(),
        incg,
        distg,
        gw.data_ptr(),
        gx.data_ptr() if need_x else 0,
        1,
        n,
    )
    return gw, gx


def multiply_grad_cpu(twiddle, x, grad, op, increasing_stride, tied, need_x=True):
    one = check_one(twiddle, x, op, tied, 0)
    if one is not None and grad.numel():
        check_grad(grad, x, x.shape[:-1])
        # the common case without a loop over stacks, which costs as much as the gradients of a short vector
        return gradients_of_one(twiddle, x, grad, one, op, increasing_stride, tied, need_x)
    number, core = _OPS.get(op), 3 if tied else 4
    kind, n, batch = check_multiply(twiddle, x, op, tied)
    check_grad(grad, x, batch)

    def run(count, factors, numbers, g_factors):
        (px, ix, dx), (pg, ig, dg), *out = numbers
        pgx, igx, dgx = out[0] if out else (0, 1, n)
        _raw.multiply_grad(
            threads(),
            kind,
            number,
            increasing_stride,
            tied,
            n,
            count,
            factors,
            px,
            ix,
            dx,
            pg,
            ig,
            dg,
            g_factors,
            pgx,
            igx,
            dgx,
        )

    return _gradients(twiddle, core, x, grad, n, batch, need_x, run)


def _multiply_grad_twiddle_cpu(twiddle, x, grad, op, increasing_stride, tied):
    return multiply_grad_cpu(twiddle, x, grad, op, increasing_stride, tied, need_x=False)[0]


def _relaxed_cpu(prob, x, transposed):
    kind, n, batch = check_relaxed(prob, x)
    p = _packed(prob)
    y = x.new_empty((*batch, n))

    def run(count, factors, numbers, _):
        (px, ix, dx), (py, iy, dy) = numbers
        _raw.relaxed(threads(), kind, transposed, n, count, factors, px, ix, dx, py, iy, dy)

    lead = p.shape[:-2]
    for index, (rows, out) in enumerate(_stacks(lead, batch, x, y)):
        _call(run, _address(p, index, lead), n, [rows], [out])
    return y


def _relaxed_grad_cpu(prob, x, grad):
    kind, n, batch = check_relaxed(prob, x)
    check_grad(grad, x, batch)

    def run(count, factors, numbers, g_factors):
        (px, ix, dx), (pg, ig, dg), (pgx, igx, dgx) = numbers
        _raw.relaxed_grad(threads(), kind, n, count, factors, px, ix, dx, pg, ig, dg, g_factors, pgx, igx, dgx)

    return _gradients(prob, 2, x, grad, n, batch, True, run)


def _permute_cpu(perm, x, inverse):
    _check_permute(perm, x)
    n = x.shape[-1]
    kind = VECTOR_TYPES.get(x.dtype)
    if kind is None or n == 0:
        return _permute_any(perm, x, inverse)
    p = _packed(perm)
    rows, count, inc, dist = _rows(x, n)
    y = x.new_empty(x.shape)
    _raw.permute(threads(), kind, inverse, n, count, p.data_ptr(), rows.data_ptr(), inc, dist, y.data_ptr(), 1, n)
    return y


# ---- any device: torch operations ------------------------------------------------------------------------------------


def _multiply_any(twiddle, x, op, increasing_stride, tied):
    check_multiply(twiddle, x, op, tied)
    return _reference.multiply(twiddle, x, op, increasing_stride, tied).contiguous()


def _multiply_grad_any(twiddle, x, grad, op, increasing_stride, tied):
    check_grad(grad, x, check_multiply(twiddle, x, op, tied)[2])
    gw, gx = _reference.multiply_grad(twiddle, x, grad, op, increasing_stride, tied)
    return gw.contiguous(), gx.contiguous()


def _multiply_grad_twiddle_any(twiddle, x, grad, op, increasing_stride, tied):
    return _multiply_grad_any(twiddle, x, grad, op, increasing_stride, tied)[0]


def _relaxed_any(prob, x, transposed):
    check_relaxed(prob, x)
    return _reference.relaxed(prob, x, transposed).contiguous()


def _relaxed_grad_any(prob, x, grad):
    check_grad(grad, x, check_relaxed(prob, x)[2])
    gp, gx = _reference.relaxed_grad(prob, x, grad)
    return gp.contiguous(), gx.contiguous()


def _permute_any(perm, x, inverse):
    _check_permute(perm, x)
    return x.index_select(-1, torch.argsort(perm) if inverse else perm)


# ---- fake tensors ----------------------------------------------------------------------------------------------------


def _multiply_fake(twiddle, x, op, increasing_stride, tied):
    _, n, batch = check_multiply(twiddle, x, op, tied)
    return x.new_empty((*batch, n))


def _multiply_grad_fake(twiddle, x, grad, op, increasing_stride, tied):
    check_multiply(twiddle, x, op, tied)
    return twiddle.new_empty(twiddle.shape), x.new_empty(x.shape)


def _multiply_grad_twiddle_fake(twiddle, x, grad, op, increasing_stride, tied):
    return _multiply_grad_fake(twiddle, x, grad, op, increasing_stride, tied)[0]


def _relaxed_fake(prob, x, transposed):
    _, n, batch = check_relaxed(prob, x)
    return x.new_empty((*batch, n))


def _relaxed_grad_fake(prob, x, grad):
    check_relaxed(prob, x)
    return prob.new_empty(prob.shape), x.new_empty(x.shape)


def _permute_fake(perm, x, inverse):
    _check_permute(perm, x)
    return x.new_empty(x.shape)


# ---- registration ----------------------------------------------------------------------------------------------------

KERNELS = {
    multiply_op: (multiply_cpu, _multiply_any, _multiply_fake),
    multiply_grad_op: (multiply_grad_cpu, _multiply_grad_any, _multiply_grad_fake),
    multiply_grad_twiddle_op: (_multiply_grad_twiddle_cpu, _multiply_grad_twiddle_any, _multiply_grad_twiddle_fake),
    relaxed_op: (_relaxed_cpu, _relaxed_any, _relaxed_fake),
    relaxed_grad_op: (_relaxed_grad_cpu, _relaxed_grad_any, _relaxed_grad_fake),
    permute_op: (_permute_cpu, _permute_any, _permute_fake),
}

for _op, (_cpu, _anywhere, _fake) in KERNELS.items():
    library.impl(_op._schema.name, _cpu, "CPU")
    library.impl(_op._schema.name, _anywhere, "CompositeExplicitAutograd")
    torch.library.register_fake(_op._schema.name, _fake, lib=library)
