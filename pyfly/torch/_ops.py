"""The registered operators ``torch.ops.pyfly``: C kernels on CPU tensors, torch operations elsewhere.

    butterfly_multiply(twiddle, x, op, increasing_stride, tied) -> y           y = op(B) x on the last axis
    butterfly_multiply_grad(twiddle, x, grad, ...) -> (grad_twiddle, grad_x)
    butterfly_multiply_grad_twiddle(twiddle, x, grad, ...) -> grad_twiddle     where x needs no gradient
    relaxed_permute(prob, x, transposed), relaxed_permute_grad(prob, x, grad), permute(perm, x, inverse)

Every one has a shape function (fake tensors, export, compile), an autograd formula and a batching rule. The gradient
with respect to x alone is the product with the adjoint, so it needs no operator of its own. Kernels check everything
that C would take on trust, because an operator can be called without the functions of this package.
"""

from __future__ import annotations

import torch

from pyfly import _raw
from pyfly.torch import _reference

_OPS = {"N": 0, "T": 1, "C": 2, "conj": 3}
_ADJOINT = {"N": "C", "T": "conj", "C": "N", "conj": "T"}
_F, _D, _C, _Z = torch.float32, torch.float64, torch.complex64, torch.complex128
# Factors and vectors to the number by which the core knows the pair.
TYPES = {(_F, _F): 0, (_F, _C): 1, (_C, _C): 2, (_D, _D): 3, (_D, _Z): 4, (_Z, _Z): 5}
_REAL_TYPES = {pair: number for pair, number in TYPES.items() if not pair[0].is_complex}
_VECTOR_TYPES = {_F: 0, _C: 2, _D: 3, _Z: 5}

_library = torch.library.Library("pyfly", "DEF")
_pt2 = (torch.Tag.pt2_compliant_tag,)


def _define(schema):
    _library.define(schema, tags=_pt2)


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


def _check_multiply(twiddle, x, op, tied):
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


def _check_grad(grad, x, batch):
    if grad.shape != (*batch, x.shape[-1]) or grad.dtype != x.dtype or grad.device != x.device:
        raise ValueError(
            f"grad has shape {tuple(grad.shape)}, dtype {grad.dtype} and device {grad.device}, but those of the "
            f"product are {(*batch, x.shape[-1])}, {x.dtype} and {x.device}"
        )


def _check_relaxed(prob, x):
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


def _multiply_cpu(twiddle, x, op, increasing_stride, tied):
    kind, n, batch = _check_multiply(twiddle, x, op, tied)
    number = _OPS[op]
    w = _packed(twiddle)
    core = 3 if tied else 4
    if w.dim() == core:
        rows, count, inc, dist = _rows(x, n)
        y = x.new_empty(x.shape)
        _raw.multiply(
            kind,
            number,
            increasing_stride,
            tied,
            n,
            count,
            w.data_ptr(),
            rows.data_ptr(),
            inc,
            dist,
            y.data_ptr(),
            1,
            n,
        )
        return y
    y = x.new_empty((*batch, n))

    def run(count, factors, numbers, _):
        (px, ix, dx), (py, iy, dy) = numbers
        _raw.multiply(kind, number, increasing_stride, tied, n, count, factors, px, ix, dx, py, iy, dy)

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


def _multiply_grad_cpu(twiddle, x, grad, op, increasing_stride, tied, need_x=True):
    kind, n, batch = _check_multiply(twiddle, x, op, tied)
    _check_grad(grad, x, batch)
    number = _OPS[op]

    def run(count, factors, numbers, g_factors):
        (px, ix, dx), (pg, ig, dg), *out = numbers
        pgx, igx, dgx = out[0] if out else (0, 1, n)
        _raw.multiply_grad(
            kind, number, increasing_stride, tied, n, count, factors, px, ix, dx, pg, ig, dg, g_factors, pgx, igx, dgx
        )

    return _gradients(twiddle, 3 if tied else 4, x, grad, n, batch, need_x, run)


def _multiply_grad_twiddle_cpu(twiddle, x, grad, op, increasing_stride, tied):
    return _multiply_grad_cpu(twiddle, x, grad, op, increasing_stride, tied, need_x=False)[0]


def _relaxed_cpu(prob, x, transposed):
    kind, n, batch = _check_relaxed(prob, x)
    p = _packed(prob)
    y = x.new_empty((*batch, n))

    def run(count, factors, numbers, _):
        (px, ix, dx), (py, iy, dy) = numbers
        _raw.relaxed(kind, transposed, n, count, factors, px, ix, dx, py, iy, dy)

    lead = p.shape[:-2]
    for index, (rows, out) in enumerate(_stacks(lead, batch, x, y)):
        _call(run, _address(p, index, lead), n, [rows], [out])
    return y


def _relaxed_grad_cpu(prob, x, grad):
    kind, n, batch = _check_relaxed(prob, x)
    _check_grad(grad, x, batch)

    def run(count, factors, numbers, g_factors):
        (px, ix, dx), (pg, ig, dg), (pgx, igx, dgx) = numbers
        _raw.relaxed_grad(kind, n, count, factors, px, ix, dx, pg, ig, dg, g_factors, pgx, igx, dgx)

    return _gradients(prob, 2, x, grad, n, batch, True, run)


def _permute_cpu(perm, x, inverse):
    _check_permute(perm, x)
    n = x.shape[-1]
    kind = _VECTOR_TYPES.get(x.dtype)
    if kind is None or n == 0:
        return _permute_any(perm, x, inverse)
    p = _packed(perm)
    rows, count, inc, dist = _rows(x, n)
    y = x.new_empty(x.shape)
    _raw.permute(kind, inverse, n, count, p.data_ptr(), rows.data_ptr(), inc, dist, y.data_ptr(), 1, n)
    return y


# ---- any device: torch operations ------------------------------------------------------------------------------------


def _multiply_any(twiddle, x, op, increasing_stride, tied):
    _check_multiply(twiddle, x, op, tied)
    return _reference.multiply(twiddle, x, op, increasing_stride, tied).contiguous()


def _multiply_grad_any(twiddle, x, grad, op, increasing_stride, tied):
    _check_grad(grad, x, _check_multiply(twiddle, x, op, tied)[2])
    gw, gx = _reference.multiply_grad(twiddle, x, grad, op, increasing_stride, tied)
    return gw.contiguous(), gx.contiguous()


def _multiply_grad_twiddle_any(twiddle, x, grad, op, increasing_stride, tied):
    return _multiply_grad_any(twiddle, x, grad, op, increasing_stride, tied)[0]


def _relaxed_any(prob, x, transposed):
    _check_relaxed(prob, x)
    return _reference.relaxed(prob, x, transposed).contiguous()


def _relaxed_grad_any(prob, x, grad):
    _check_grad(grad, x, _check_relaxed(prob, x)[2])
    gp, gx = _reference.relaxed_grad(prob, x, grad)
    return gp.contiguous(), gx.contiguous()


def _permute_any(perm, x, inverse):
    _check_permute(perm, x)
    return x.index_select(-1, torch.argsort(perm) if inverse else perm)


# ---- fake tensors ----------------------------------------------------------------------------------------------------


def _multiply_fake(twiddle, x, op, increasing_stride, tied):
    _, n, batch = _check_multiply(twiddle, x, op, tied)
    return x.new_empty((*batch, n))


def _multiply_grad_fake(twiddle, x, grad, op, increasing_stride, tied):
    _check_multiply(twiddle, x, op, tied)
    return twiddle.new_empty(twiddle.shape), x.new_empty(x.shape)


def _multiply_grad_twiddle_fake(twiddle, x, grad, op, increasing_stride, tied):
    return _multiply_grad_fake(twiddle, x, grad, op, increasing_stride, tied)[0]


def _relaxed_fake(prob, x, transposed):
    _, n, batch = _check_relaxed(prob, x)
    return x.new_empty((*batch, n))


def _relaxed_grad_fake(prob, x, grad):
    _check_relaxed(prob, x)
    return prob.new_empty(prob.shape), x.new_empty(x.shape)


def _permute_fake(perm, x, inverse):
    _check_permute(perm, x)
    return x.new_empty(x.shape)


# ---- derivatives -----------------------------------------------------------------------------------------------------


def _setup(ctx, inputs, output):
    tensors = [value for value in inputs if isinstance(value, torch.Tensor)]
    ctx.save_for_backward(*tensors)
    ctx.options = inputs[len(tensors) :]


# The transforms of torch.func (grad, vjp, jvp and their nests) do not enter the autograd formula of a registered
# operator, only that of a torch.autograd.Function; so each operator has one with the same formula, taken when a
# transform is active. The test is private to torch and may move: without it only these transforms are lost.
_transforming = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
_functions = {}


def apply(op, *args):
    """Call a registered operator, through its Function under a transform of torch.func."""
    if not torch.compiler.is_compiling() and _transforming():
        return _functions[op].apply(*args)
    return op(*args)


def _function(op, derivative, rule, tangent):
    """A torch.autograd.Function around a registered operator."""

    def setup_context(ctx, inputs, output):
        _setup(ctx, inputs, output)
        ctx.save_for_forward(*ctx.to_save)

    methods = {
        "forward": op,
        "setup_context": setup_context,
        "backward": derivative,
        "vmap": rule,
        "jvp": tangent,
    }
    body = {name: staticmethod(method) for name, method in methods.items()}
    return type(op._schema.name.split("::")[1], (torch.autograd.Function,), body)


def _multiply_backward(ctx, g):
    twiddle, x = ctx.saved_tensors
    op, increasing_stride, tied = ctx.options
    need_w, need_x = ctx.needs_input_grad[:2]
    gw = gx = None
    if need_w and need_x:
        gw, gx = apply(multiply_grad_op, twiddle, x, g, op, increasing_stride, tied)
    elif need_w:
        gw = apply(multiply_grad_twiddle_op, twiddle, x, g, op, increasing_stride, tied)
    elif need_x:
        gx = apply(multiply_op, twiddle, g, _ADJOINT[op], increasing_stride, tied)
        if gx.shape != x.shape:
            gx = gx.sum_to_size(x.shape)
    return gw, gx, None, None, None


def _multiply_grad_backward(ctx, d_twiddle, d_x=None):
    grads = _reference.multiply_second(*ctx.saved_tensors, d_twiddle, d_x, *ctx.options)
    return *grads, None, None, None


def _relaxed_backward(ctx, g):
    prob, x = ctx.saved_tensors
    (transposed,) = ctx.options
    need_p, need_x = ctx.needs_input_grad[:2]
    gp = gx = None
    if need_p:
        # <g, P^T x> = <P g, x>: the transposed product is the same form with the vectors exchanged.
        ends = (g, x.expand(g.shape)) if transposed else (x, g)
        gp, gx = apply(relaxed_grad_op, prob, *ends)
    if need_x and (transposed or not need_p):
        gx = apply(relaxed_op, prob, g, not transposed)
        if gx.shape != x.shape:
            gx = gx.sum_to_size(x.shape)
    return gp, gx if need_x else None, None


def _relaxed_grad_backward(ctx, d_prob, d_x):
    return _reference.relaxed_second(*ctx.saved_tensors, d_prob, d_x)


def _permute_tangent(ctx, _, d_x, __):
    return apply(permute_op, ctx.saved_tensors[0], d_x, *ctx.options)


def _tangent(reference):
    """Forward derivative of an operator, through the same function in torch operations."""

    def jvp(ctx, *tangents):
        at = ctx.saved_tensors
        along = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(at, tangents, strict=False))
        return torch.func.jvp(lambda *tensors: reference(*tensors, *ctx.options), at, along)[1]

    return jvp


def _permute_backward(ctx, g):
    perm, _ = ctx.saved_tensors
    return None, apply(permute_op, perm, g, not ctx.options[0]), None


# ---- batching rules --------------------------------------------------------------------------------------------------


def _front(tensor, dim, size, core, lead):
    """Batch axis first, every sample with ``lead`` leading axes before the core."""
    tensor = tensor.movedim(dim, 0) if dim is not None else tensor.expand(size, *tensor.shape)
    inner = tensor.shape[1:]
    return tensor.reshape(size, *(1,) * (lead + core - len(inner)), *inner)


def _ranks(tensors, dims, cores):
    return [t.dim() - (d is not None) - c for t, d, c in zip(tensors, dims, cores, strict=False)]


def _batched_product(op, core):
    def rule(info, in_dims, factors, x, *options):
        ranks = _ranks((factors, x), in_dims, (core(options), 1))
        lead = max(ranks)
        if in_dims[0] is not None:
            factors = _front(factors, in_dims[0], info.batch_size, core(options), lead)
        return apply(op, factors, _front(x, in_dims[1], info.batch_size, 1, lead), *options), 0

    return rule


def _batched_gradient(op, core):
    def rule(info, in_dims, factors, x, grad, *options):
        cores = (core(options), 1, 1)
        shapes = [
            tuple(size for axis, size in enumerate(t.shape) if axis != d)
            for t, d in zip((factors, x), in_dims, strict=False)
        ]
        lead = max(_ranks((factors, x, grad), in_dims, cores))
        full = [
            _front(t, d, info.batch_size, c, lead) for t, d, c in zip((factors, x, grad), in_dims, cores, strict=False)
        ]
        out = apply(op, *full, *options)
        if isinstance(out, torch.Tensor):
            return out.reshape(info.batch_size, *shapes[0]), 0
        return tuple(g.reshape(info.batch_size, *s) for g, s in zip(out, shapes, strict=True)), (0, 0)

    return rule


def _permute_batched(info, in_dims, perm, x, inverse):
    if in_dims[0] is None:
        return apply(permute_op, perm, x.movedim(in_dims[1], 0), inverse), 0
    x = x.movedim(in_dims[1], 0) if in_dims[1] is not None else x.expand(info.batch_size, *x.shape)
    rows = [apply(permute_op, p, row, inverse) for p, row in zip(perm.movedim(in_dims[0], 0), x, strict=True)]
    return torch.stack(rows), 0


# ---- registration ----------------------------------------------------------------------------------------------------


def _register(op, cpu, anywhere, fake, backward, batched, tangent):
    name = op._schema.name
    _library.impl(name, cpu, "CPU")
    _library.impl(name, anywhere, "CompositeExplicitAutograd")
    torch.library.register_fake(name, fake, lib=_library)
    torch.library.register_autograd(name, backward, setup_context=_setup, lib=_library)
    torch.library.register_vmap(name, batched, lib=_library)
    _functions[op] = _function(op, backward, batched, tangent)


def _twiddle_core(options):
    return 3 if options[-1] else 4


def _prob_core(options):
    return 2


_register(
    multiply_op,
    _multiply_cpu,
    _multiply_any,
    _multiply_fake,
    _multiply_backward,
    _batched_product(multiply_op, _twiddle_core),
    _tangent(_reference.multiply),
)
_register(
    multiply_grad_op,
    _multiply_grad_cpu,
    _multiply_grad_any,
    _multiply_grad_fake,
    _multiply_grad_backward,
    _batched_gradient(multiply_grad_op, _twiddle_core),
    _tangent(_reference.multiply_grad),
)
_register(
    multiply_grad_twiddle_op,
    _multiply_grad_twiddle_cpu,
    _multiply_grad_twiddle_any,
    _multiply_grad_twiddle_fake,
    _multiply_grad_backward,
    _batched_gradient(multiply_grad_twiddle_op, _twiddle_core),
    _tangent(lambda *args: _reference.multiply_grad(*args)[0]),
)
_register(
    relaxed_op,
    _relaxed_cpu,
    _relaxed_any,
    _relaxed_fake,
    _relaxed_backward,
    _batched_product(relaxed_op, _prob_core),
    _tangent(_reference.relaxed),
)
_register(
    relaxed_grad_op,
    _relaxed_grad_cpu,
    _relaxed_grad_any,
    _relaxed_grad_fake,
    _relaxed_grad_backward,
    _batched_gradient(relaxed_grad_op, _prob_core),
    _tangent(_reference.relaxed_grad),
)
_register(
    permute_op,
    _permute_cpu,
    _permute_any,
    _permute_fake,
    _permute_backward,
    _permute_batched,
    _permute_tangent,
)
