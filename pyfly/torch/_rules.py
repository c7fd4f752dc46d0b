"""Derivatives and batching rules of the registered operators, and the way by which eager code calls them.

A backward pass is an operator again; second and higher derivatives, and derivatives along a direction, are torch
operations (_reference.py). Under torch.func.vmap a batch of factors is a stack and a batch of vectors a larger batch.
"""

from __future__ import annotations

import contextlib
import functools

import torch
from torch.autograd import forward_ad

from pyfly.torch import _reference
from pyfly.torch._ops import (
    KERNELS,
    check_one,
    gradients_of_one,
    library,
    multiply_grad_op,
    multiply_grad_twiddle_op,
    multiply_one,
    multiply_op,
    permute_op,
    relaxed_grad_op,
    relaxed_op,
)

_ADJOINT = {"N": "C", "T": "conj", "C": "N", "conj": "T"}


# ---- derivatives -----------------------------------------------------------------------------------------------------


# The dispatcher and the autograd formula of a registered operator cost several times what the kernel takes for a short
# vector. So eager code calls kernels on plain CPU tensors itself, through a torch.autograd.Function where a derivative
# may be wanted; whatever must see an operator (tracers, modes, subclasses, other devices) goes through the dispatcher.
# The transforms of torch.func (grad, vjp, jvp and their nests) and forward differentiation enter only Functions, in
# another form. The names below are private to torch: without them the registered formula serves, more slowly and
# without transforms.
_transforming = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
_below_autograd = getattr(torch._C, "_AutoDispatchBelowAutograd", contextlib.nullcontext)
_modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 1)
_tracing = getattr(torch._C, "_get_tracing_state", lambda: True)
_batched = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda tensor: True)
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_eager = {}
_transformable = {}


def apply(op, factors, x, *args):
    """Call a registered operator by the shortest way that keeps its derivatives."""
    # torch's form of an operator would drop a tangent in silence: the compiler is to break its graph there
    if torch.compiler.is_compiling() and not _carrying():
        return op(factors, x, *args)
    if _watched():
        return _transformable[op].apply(factors, x, *args)
    if torch.is_grad_enabled() and _differentiable(factors, x, *args):
        return _eager[op](factors, x, *args)
    return _run(op, factors, x, *args)


def multiply_squeezed(factors, x, *options):
    """The product with factors that have two leading sizes of 1, which are not the result's.

    A view of the factors is an operation for autograd, forward and backward, and costs more than the kernel for a short
    vector. So the function that records the product sees to them.
    """
    if torch.is_grad_enabled() and not torch.compiler.is_compiling() and not _watched():
        if factors.requires_grad or x.requires_grad:
            return _product(_direct(factors, x), 2, *options)(factors, x)
    return apply(multiply_op, factors.view(factors.shape[2:]), x, *options)


def _carrying():
    """Whether a tensor may carry a tangent."""
    return getattr(forward_ad, "_current_level", 0) >= 0


def _watched():
    """Whether a tensor may be one of a transform, or carry a tangent."""
    return _transforming() or _carrying()


def _direct(factors, x):
    """Whether nobody but the C kernel has to see these tensors; transforms and tangents apart."""
    return _plain(factors, x) and not _modes() and not _tracing()


def direct(factors, x):
    """Whether nobody but the C kernel has to see these tensors."""
    return not torch.compiler.is_compiling() and not _watched() and _direct(factors, x)


def _run(op, factors, x, *args):
    """The kernel itself, no derivative being wanted."""
    if _direct(factors, x):
        third = args[0] if args else None
        if not isinstance(third, torch.Tensor) or _plain(third, x):
            return KERNELS[op][0](factors, x, *args)
    with _below_autograd():
        return op(factors, x, *args)


def _plain(a, b):
    return (
        type(a) in _PLAIN
        and type(b) in _PLAIN
        and a.is_cpu
        and b.is_cpu
        and not (a.is_neg() or b.is_neg() or a.is_conj() or b.is_conj() or _batched(a) or _batched(b))
    )


def _differentiable(factors, x, grad=None, *_):
    return factors.requires_grad or x.requires_grad or (isinstance(grad, torch.Tensor) and grad.requires_grad)


def _save(ctx, inputs, output):
    count = 3 if len(inputs) > 2 and isinstance(inputs[2], torch.Tensor) else 2
    ctx.save_for_backward(*inputs[:count])
    ctx.options = inputs[count:]


def _make_functions(op, backward, batched, tangent):
    def forward(ctx, *args):
        _save(ctx, args, None)
        return _run(op, *args)

    def setup_context(ctx, inputs, output):
        _save(ctx, inputs, output)
        ctx.save_for_forward(*ctx.to_save)

    def function(**methods):
        body = {name: staticmethod(method) for name, method in methods.items()}
        return type(op._schema.name.split("::")[1], (torch.autograd.Function,), body)

    _eager[op] = function(forward=forward, backward=backward).apply
    _transformable[op] = function(forward=op, setup_context=setup_context, backward=backward, vmap=batched, jvp=tangent)


def _product_gradients(twiddle, x, g, options, need_w, need_x):
    op, increasing_stride, tied = options
    gw = gx = None
    if need_w and need_x:
        gw, gx = apply(multiply_grad_op, twiddle, x, g, op, increasing_stride, tied)
    elif need_w:
        gw = apply(multiply_grad_twiddle_op, twiddle, x, g, op, increasing_stride, tied)
    elif need_x:
        gx = apply(multiply_op, twiddle, g, _ADJOINT[op], increasing_stride, tied)
        if gx.shape != x.shape:
            gx = gx.sum_to_size(x.shape)
    return gw, gx


def _multiply_backward(ctx, g):
    return *_product_gradients(*ctx.saved_tensors, g, ctx.options, *ctx.needs_input_grad[:2]), None, None, None


@functools.cache
def _product(plain, lead, *options):
    """The product as eager code records it, for one set of options, with `lead` leading sizes of 1 of the factors.

    plain: operands that nobody but the kernels has to see. They go there without detours, and their first derivatives
    too: for a short vector a detour costs more than the arithmetic, and so do options that go through autograd.
    """
    op, _, tied = options

    def forward(ctx, factors, x):
        ctx.save_for_backward(factors, x)
        if plain:
            ctx.known = known = check_one(factors, x, op, tied, lead)
            if known is not None:
                return multiply_one(factors, x, known, *options)
        return _run(multiply_op, factors.view(factors.shape[lead:]), x, *options)

    def backward(ctx, g):
        factors, x = ctx.saved_tensors
        need_w, need_x = ctx.needs_input_grad
        if plain and ctx.known and need_w and need_x and not torch.is_grad_enabled() and direct(g, x) and x.numel():
            return gradients_of_one(factors, x, g, ctx.known, *options)
        squeezed = factors.view(factors.shape[lead:]) if lead else factors
        gw, gx = _product_gradients(squeezed, x, g, options, need_w, need_x)
        return gw if gw is None or lead == 0 else gw.view(factors.shape), gx

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("butterfly_multiply", (torch.autograd.Function,), body).apply


def _record_product(factors, x, *options):
    return _product(_direct(factors, x), 0, *options)(factors, x)


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
    """Forward derivative of an operator, through the same function in torch operations.

    The gradient is linear in the vector it is given, and its adjoint is the derivative. So no tensor gets a second
    tangent, which torch refuses below a level of forward differentiation and to operands that overlap in memory.
    """

    def jvp(ctx, *tangents):
        # torch stops forward differentiation here, but transforms around this one need theirs: only its own tangents go
        with forward_ad._set_fwd_grad_enabled(True):
            at = tuple(forward_ad.unpack_dual(tensor).primal for tensor in ctx.saved_tensors)
            along = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(at, tangents, strict=False))
            y, gradient = torch.func.vjp(lambda *tensors: reference(*tensors, *ctx.options), *at)
            zeros = tuple(map(torch.zeros_like, y)) if isinstance(y, tuple) else torch.zeros_like(y)
            return torch.func.vjp(gradient, zeros)[1](along)[0]

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


def _register(op, backward, batched, tangent):
    name = op._schema.name
    torch.library.register_autograd(name, backward, setup_context=_save, lib=library)
    torch.library.register_vmap(name, batched, lib=library)
    _make_functions(op, backward, batched, tangent)


def _twiddle_core(options):
    return 3 if options[-1] else 4


def _prob_core(options):
    return 2


_register(
    multiply_op,
    _multiply_backward,
    _batched_product(multiply_op, _twiddle_core),
    _tangent(_reference.multiply),
)
_register(
    multiply_grad_op,
    _multiply_grad_backward,
    _batched_gradient(multiply_grad_op, _twiddle_core),
    _tangent(_reference.multiply_grad),
)
_register(
    multiply_grad_twiddle_op,
    _multiply_grad_backward,
    _batched_gradient(multiply_grad_twiddle_op, _twiddle_core),
    _tangent(lambda *args: _reference.multiply_grad(*args)[0]),
)
_register(
    relaxed_op,
    _relaxed_backward,
    _batched_product(relaxed_op, _prob_core),
    _tangent(_reference.relaxed),
)
_register(
    relaxed_grad_op,
    _relaxed_grad_backward,
    _batched_gradient(relaxed_grad_op, _prob_core),
    _tangent(_reference.relaxed_grad),
)
_register(
    permute_op,
    _permute_backward,
    _permute_batched,
    _permute_tangent,
)
_eager[multiply_op] = _record_product
