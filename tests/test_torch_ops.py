"""Registered operators for PyTorch: numbers, derivatives, batching, compilation, export."""

import itertools
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import pyfly  # noqa: E402
import pyfly.torch as pt  # noqa: E402
from pyfly.torch import _ops, _reference  # noqa: E402

# torch itself still calls torch.jit, which is deprecated, in forward differentiation and in its compiler
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.* is deprecated:DeprecationWarning")

OPS = ("N", "T", "C", "conj")
D, Z = torch.float64, torch.complex128
KINDS = list(_ops.TYPES)
# torch.compile's own code generator needs a C++ compiler
COMPILERS = ["aot_eager", *(["inductor"] if shutil.which("c++") or shutil.which("g++") else [])]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def factors(n, tied=False, dtype=torch.float64, lead=(), **options):
    bits = n.bit_length() - 1
    core = (n - 1, 2, 2) if tied else (bits, n // 2, 2, 2)
    return torch.randn(*lead, *core, dtype=dtype, **options)


def bound(dtype, n, size=1.0):
    """8 log2 n eps times a size."""
    return 8 * max(1, n.bit_length() - 1) * torch.finfo(dtype).eps * size


def assert_close(got, want, n, size=None):
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if want.numel():
        scale = want.abs().max().item() if size is None else size
        assert (got - want).abs().max().item() <= bound(want.dtype, n, max(scale, 1.0))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("n", [1, 2, 8, 64])
def test_product_is_that_of_the_numpy_function(kind, n):
    for op, tied, increasing in itertools.product(OPS, (False, True), (False, True)):
        w, x = factors(n, tied, kind[0]), torch.randn(3, n, dtype=kind[1])
        y = pt.butterfly_multiply(w, x, op=op, tied=tied, increasing_stride=increasing)
        want = pyfly.butterfly_multiply(w.numpy(), x.numpy(), op=op, tied=tied, increasing_stride=increasing)
        assert np.array_equal(y.numpy(), want)


@pytest.mark.parametrize(
    "lead_w, lead_x",
    [
        ((), ()),
        ((2,), (3, 1)),
        ((2,), (3, 2)),
        ((2, 1), (3,)),
        ((2, 3), (1,)),
        ((2,), (4, 2, 3, 2)),
        ((2, 1), (4, 2, 3)),
    ],
)
def test_kernels_and_torch_operations_agree_for_every_broadcast(lead_w, lead_x):
    n = 8
    for kind, tied, op in itertools.product(KINDS, (False, True), OPS):
        w, x = factors(n, tied, kind[0], lead_w), torch.randn(*lead_x, n, dtype=kind[1])
        args = (op, True, tied)
        y = _ops.multiply_op(w, x, *args)
        assert_close(y, _reference.multiply(w, x, *args), n)
        g = torch.randn_like(y)
        want = _reference.multiply_grad(w, x, g, *args)
        for got, expected in zip(_ops.multiply_grad_op(w, x, g, *args), want, strict=True):
            assert_close(got, expected, n, 4 * expected.abs().max().item())
        assert torch.equal(_ops.multiply_grad_twiddle_op(w, x, g, *args), _ops.multiply_grad_op(w, x, g, *args)[0])
    p = torch.rand(*lead_w, 2, 3, dtype=D)
    x = torch.randn(*lead_x, n, dtype=Z)
    y = pt.relaxed_permute(p, x)
    assert_close(y, _reference.relaxed(p, x, False), n)
    for got, expected in zip(_ops.relaxed_grad_op(p, x, y), _reference.relaxed_grad(p, x, y), strict=True):
        assert_close(got, expected, n)


def test_strided_and_conjugated_tensors_need_no_copy_by_the_caller():
    w, x = factors(8, dtype=Z), torch.randn(8, 5, dtype=Z)
    want = pt.butterfly_multiply(w, x.T.contiguous())
    assert torch.equal(pt.butterfly_multiply(w, x.T), want)
    assert torch.equal(pt.butterfly_multiply(w, x, axis=0), want.T)
    assert torch.equal(pt.butterfly_multiply(w, x.T.flip(0)), want.flip(0))
    lazy = pt.butterfly_multiply(w.conj(), x.T.conj())
    assert_close(lazy, want.conj(), 8)
    assert torch.equal(
        pt.butterfly_multiply(w.transpose(-1, -2), x.T[::2]), pt.butterfly_multiply(w.mT.clone(), x.T[::2])
    )


def test_other_types_are_promoted_and_half_precision_is_rounded_once():
    w, x = factors(16, dtype=torch.float32), torch.randn(4, 16)
    assert pt.butterfly_multiply(w, x.double()).dtype == D
    assert pt.butterfly_multiply(w.to(torch.complex64), x).dtype == torch.complex64
    assert pt.butterfly_multiply(w, torch.arange(16)).dtype == torch.float32
    half = [t.to(torch.bfloat16) for t in (w, x)]
    want = pt.butterfly_multiply(*(t.float() for t in half)).to(torch.bfloat16)
    assert torch.equal(pt.butterfly_multiply(*half), want)


def test_relaxed_permutation_is_that_of_the_numpy_function():
    for n, dtype in itertools.product((1, 2, 4, 32), (torch.float32, Z)):
        p = torch.rand(max(n.bit_length() - 2, 0), 3, dtype=dtype.to_real())
        x = torch.randn(3, n, dtype=dtype)
        assert np.array_equal(pt.relaxed_permute(p, x).numpy(), pyfly.relaxed_permute(p.numpy(), x.numpy()))


def test_permutation_and_its_inverse():
    perm, x = torch.randperm(7), torch.randn(2, 3, 7)
    assert torch.equal(pt.permute(perm, x), x[..., perm])
    assert torch.equal(_ops.permute_op(perm, pt.permute(perm, x), True), x)
    assert torch.equal(pt.permute(perm, x.movedim(-1, 0), axis=0), x[..., perm].movedim(-1, 0))
    assert torch.equal(pt.permute(perm, torch.arange(7)), perm)


@pytest.mark.parametrize("kind", [(D, D), (D, Z), (Z, Z)], ids=str)
@pytest.mark.parametrize("op", OPS)
def test_first_and_second_derivatives(kind, op):
    for tied, lead in ((False, (2,)), (True, ())):
        w = factors(4, tied, kind[0], lead, requires_grad=True)
        x = torch.randn(2, 1, 4, dtype=kind[1], requires_grad=True)

        def product(w, x, tied=tied):
            return pt.butterfly_multiply(w, x, op=op, tied=tied, increasing_stride=op != "T")

        assert torch.autograd.gradcheck(product, (w, x), fast_mode=True)
        assert torch.autograd.gradgradcheck(product, (w, x), fast_mode=True)


@pytest.mark.parametrize("dtype", [D, Z], ids=str)
def test_derivatives_of_permutations(dtype):
    p = torch.rand(2, 3, dtype=D, requires_grad=True)
    x = torch.randn(2, 8, dtype=dtype, requires_grad=True)
    for transposed in (False, True):

        def product(p, x, transposed=transposed):
            return _ops.relaxed_op(p, x, transposed)

        assert torch.autograd.gradcheck(product, (p, x))
        assert torch.autograd.gradgradcheck(product, (p, x))
    perm = torch.randperm(8)
    assert torch.autograd.gradcheck(lambda x: pt.permute(perm, x), (x,))
    assert torch.autograd.gradgradcheck(lambda x: pt.permute(perm, x), (x,))


def test_third_derivatives():
    w, x = factors(4, requires_grad=True), torch.randn(4, dtype=D)

    def second(w):
        first = torch.autograd.grad(pt.butterfly_multiply(w, x).sin().sum(), w, create_graph=True)[0]
        return torch.autograd.grad(first.pow(2).sum(), w, create_graph=True)[0]

    assert torch.autograd.gradcheck(second, (w,), fast_mode=True)


def test_a_gradient_is_computed_only_where_it_is_wanted():
    w, x = factors(8), torch.randn(3, 8, dtype=D)
    both = torch.autograd.grad(
        pt.butterfly_multiply(w.requires_grad_(), x.requires_grad_(), op="T").pow(2).sum(), (w, x)
    )
    only_w = torch.autograd.grad(pt.butterfly_multiply(w, x.detach(), op="T").pow(2).sum(), w)[0]
    only_x = torch.autograd.grad(pt.butterfly_multiply(w.detach(), x, op="T").pow(2).sum(), x)[0]
    assert torch.equal(only_w, both[0])
    assert_close(only_x, both[1], 8)


def operator_calls():
    x, g = (torch.randn(3, 8, dtype=Z, requires_grad=True) for _ in range(2))
    w, p = factors(8, requires_grad=True), torch.rand(2, 3, dtype=D, requires_grad=True)
    options = ("C", True, False)
    return [
        (_ops.multiply_op, (w, x, *options)),
        (_ops.multiply_op, (factors(8, True, torch.float32, requires_grad=True), torch.randn(8), "N", False, True)),
        (_ops.multiply_grad_op, (w, x, g, *options)),
        (_ops.multiply_grad_twiddle_op, (w, x, g, *options)),
        (_ops.relaxed_op, (p, x, False)),
        (_ops.relaxed_grad_op, (p, x, g)),
        (_ops.permute_op, (torch.randperm(8), x, True)),
    ]


@pytest.mark.parametrize("which", range(7))
def test_operators_are_registered_as_torch_asks(which):
    op, args = operator_calls()[which]
    torch.library.opcheck(op, args)


def test_vmap_over_either_operand():
    w, x = factors(8, lead=(5,)), torch.randn(5, 3, 8, dtype=D)
    f = pt.butterfly_multiply
    each = torch.stack([f(a, b) for a, b in zip(w, x, strict=True)])
    assert torch.equal(torch.func.vmap(f)(w, x), each)
    assert torch.equal(torch.func.vmap(f, in_dims=(None, 1), out_dims=1)(w[0], x), f(w[0], x))
    assert torch.equal(torch.func.vmap(f, in_dims=(0, None))(w, x[0]), torch.stack([f(a, x[0]) for a in w]))
    p = torch.rand(5, 2, 3, dtype=D)
    each = torch.stack([pt.relaxed_permute(a, b) for a, b in zip(p, x, strict=True)])
    assert torch.equal(torch.func.vmap(pt.relaxed_permute)(p, x), each)
    perms = torch.stack([torch.randperm(8) for _ in range(5)])
    each = torch.stack([b[:, a] for a, b in zip(perms, x, strict=True)])
    assert torch.equal(torch.func.vmap(pt.permute)(perms, x), each)


def test_gradients_per_sample_and_hessians_with_torch_func():
    w, x = factors(4), torch.randn(5, 3, 4, dtype=D)

    def loss(w, x):
        return pt.butterfly_multiply(w, x).pow(3).sum()

    each = torch.stack([torch.func.grad(loss)(w, sample) for sample in x])
    assert torch.allclose(torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(w, x), each, rtol=1e-12)
    want = torch.autograd.functional.hessian(lambda w: loss(w, x), w)
    assert torch.allclose(torch.func.hessian(loss)(w, x), want, rtol=1e-12)
    p = torch.rand(1, 3, dtype=D)

    def relaxed_loss(p):
        return pt.relaxed_permute(p, x).pow(3).sum()

    assert torch.allclose(torch.func.hessian(relaxed_loss)(p), torch.autograd.functional.hessian(relaxed_loss, p))
    perm = torch.randperm(4)
    jacobian = torch.func.jacfwd(lambda x: pt.permute(perm, x))(x[0, 0])
    assert torch.equal(jacobian, torch.eye(4, dtype=D)[perm])


def calls_with_derivatives():
    perm = torch.randperm(8)
    x = torch.randn(3, 8, dtype=Z, requires_grad=True)
    layer = pt.Butterfly(8, 8, bias=False, dtype=D)
    chain = pt.BPBP(8, 8, bias=False, permutation="learn", dtype=D)
    return [
        (pt.butterfly_multiply, (factors(8, lead=(3,), requires_grad=True), x)),
        (lambda w, x: pt.butterfly_multiply(w, x, op="C", tied=True), (factors(8, True, Z, requires_grad=True), x)),
        (pt.relaxed_permute, (torch.rand(2, 3, dtype=D, requires_grad=True), x)),
        (lambda x: pt.permute(perm, x), (x,)),
        (lambda w, x: torch.func.functional_call(layer, {"twiddle": w}, x), (layer.twiddle, x.real.detach())),
        (lambda w, x: torch.func.functional_call(chain, {"twiddle": w}, x), (chain.twiddle, x.real.detach())),
    ]


@pytest.mark.parametrize("which", range(6))
def test_forward_and_batched_derivatives(which):
    call, args = calls_with_derivatives()[which]
    args = tuple(arg.requires_grad_() for arg in args)
    forward = dict(check_forward_ad=True, check_batched_forward_grad=True)
    assert torch.autograd.gradcheck(call, args, fast_mode=True, check_batched_grad=True, **forward)
    assert torch.autograd.gradgradcheck(call, args, fast_mode=True, check_batched_grad=True, check_fwd_over_rev=True)
    # a tangent is there without gradients too
    primals, tangents = [arg.detach() for arg in args], [torch.randn_like(arg) for arg in args]
    want = torch.func.jvp(call, tuple(primals), tuple(tangents))[1]
    with torch.autograd.forward_ad.dual_level(), torch.no_grad():
        duals = [torch.autograd.forward_ad.make_dual(*pair) for pair in zip(primals, tangents, strict=True)]
        got = torch.autograd.forward_ad.unpack_dual(call(*duals)).tangent
    assert_close(got, want, 8, 100)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # of torch about itself
def test_compiled_code_keeps_tangents():
    torch.compiler.reset()
    layer, x, t = pt.BPBP(8, 8, bias=False, permutation="learn"), torch.randn(3, 8), torch.randn(3, 8)
    compiled = torch.compile(lambda x, t: torch.func.jvp(layer, (x,), (t,))[1], backend="eager")
    assert torch.allclose(compiled(x, t), layer(t), rtol=1e-5)


def test_jacobians_and_hessians_of_every_strategy_agree():
    w, x = factors(4), torch.randn(5, 4, dtype=D)

    def loss(w):
        return pt.butterfly_multiply(w, x).pow(3).sum()

    functional, func = torch.autograd.functional, torch.func
    want = functional.hessian(loss, w)
    for got in (
        functional.hessian(loss, w, vectorize=True),
        functional.hessian(loss, w, vectorize=True, outer_jacobian_strategy="forward-mode"),
        func.jacfwd(func.jacfwd(loss))(w),
        func.jacrev(func.jacfwd(loss))(w),
    ):
        assert torch.allclose(got, want, rtol=1e-12)
    matrix = pt.butterfly_multiply(w, torch.eye(4, dtype=D)).mT
    for strategy in ("reverse-mode", "forward-mode"):
        got = functional.jacobian(lambda x: pt.butterfly_multiply(w, x), x[0], vectorize=True, strategy=strategy)
        assert torch.allclose(got, matrix, rtol=1e-12)


def test_derivatives_along_a_direction_with_factors_that_overlap_in_memory():
    hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=D).expand(2, 2, 2, 2)
    matrix = pt.butterfly_multiply(hadamard, torch.eye(4, dtype=D))
    x = torch.randn(4, dtype=D)
    assert torch.equal(torch.func.jacfwd(lambda x: pt.butterfly_multiply(hadamard, x))(x), matrix)
    layer = pt.BP(8, 8, permutation="learn_shared", dtype=D)
    parameters, x = dict(layer.named_parameters()), torch.randn(8, dtype=D)

    def loss(parameters):
        return torch.func.functional_call(layer, parameters, x).pow(3).sum()

    got, want = torch.func.jacfwd(loss)(parameters), torch.func.grad(loss)(parameters)
    assert all(torch.allclose(got[name], want[name]) for name in parameters)
    torch.func.hessian(loss)(parameters)


class Product(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(factors(8, dtype=torch.float32))
        self.logits = torch.nn.Parameter(torch.randn(2, 3))

    def forward(self, x):
        return pt.butterfly_multiply(self.w, pt.relaxed_permute(self.logits.sigmoid(), x)).relu()


@pytest.mark.parametrize("backend", COMPILERS)
def test_compile_without_graph_break(backend):
    torch.compiler.reset()
    model, x = Product(), torch.randn(3, 8)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    assert torch.allclose(compiled(x), model(x), rtol=1e-6)
    for parameter in model.parameters():
        grads = [torch.autograd.grad(f(x).sum(), parameter)[0] for f in (compiled, model)]
        assert torch.allclose(*grads, rtol=1e-5)


def test_export_with_any_batch():
    model, x = Product(), torch.randn(3, 8)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (x,), dynamic_shapes={"x": {0: batch}})
    targets = [str(node.target) for node in exported.graph.nodes]
    assert "pyfly.butterfly_multiply.default" in targets
    y = torch.randn(7, 8)
    assert torch.equal(exported.module()(y), model(y))


@pytest.mark.parametrize(
    "w, x, options, error, text",
    [
        ((3, 4, 2, 2), (6,), {}, ValueError, "power of two"),
        ((2, 4, 2, 2), (8,), {}, ValueError, r"\(3, 4, 2, 2\)"),
        ((7, 2, 2), (16,), {"tied": True}, ValueError, r"\(15, 2, 2\)"),
        ((3, 3, 4, 2, 2), (2, 8), {}, ValueError, "broadcast"),
        ((3, 4, 2, 2), (8,), {"op": "H"}, ValueError, "'H'"),
        ((3, 4, 2, 2), (), {}, ValueError, "scalar"),
    ],
)
def test_a_wrong_operand_is_named(w, x, options, error, text):
    with pytest.raises(error, match=text):
        pt.butterfly_multiply(torch.ones(w), torch.ones(x), **options)


def test_wrong_types_and_wrong_permutations_are_named():
    with pytest.raises(TypeError, match="ndarray"):
        pt.butterfly_multiply(np.ones((1, 1, 2, 2)), torch.ones(2))
    with pytest.raises(TypeError, match="probabilities are real"):
        pt.relaxed_permute(torch.ones(1, 3, dtype=Z), torch.ones(4))
    with pytest.raises(ValueError, match="prob has shape"):
        pt.relaxed_permute(torch.ones(3, 3), torch.ones(4))
    with pytest.raises(ValueError, match="int64"):
        pt.permute(torch.tensor([0.0, 1.0]), torch.ones(2))
    with pytest.raises(ValueError, match="exactly once"):
        pt.permute(torch.tensor([0, 0]), torch.ones(2))
    with pytest.raises(TypeError, match="one precision"):
        _ops.multiply_op(torch.ones(1, 1, 2, 2), torch.ones(2, dtype=D), "N", True, False)
    with pytest.raises(ValueError, match="grad has shape"):
        _ops.multiply_grad_op(torch.ones(1, 1, 2, 2), torch.ones(2), torch.ones(3, 2), "N", True, False)


def test_empty_batches():
    w = factors(8, dtype=torch.float32, requires_grad=True)
    x = torch.randn(0, 8, requires_grad=True)
    y = pt.butterfly_multiply(w, x)
    assert y.shape == (0, 8)
    y.sum().backward()
    assert x.grad.shape == (0, 8)
    assert torch.equal(w.grad, torch.zeros_like(w))
    call = pt.butterfly_multiply
    assert torch.func.jvp(lambda x: call(w, x), (x.detach(),), (x.detach(),))[1].shape == (0, 8)
    (g,) = torch.autograd.grad(call(w, x).pow(2).sum(), w, create_graph=True)
    assert torch.equal(torch.autograd.grad(g.sum(), w)[0], torch.zeros_like(w))


@pytest.mark.parametrize("which", range(7))
def test_operators_take_empty_batches(which):
    op, args = operator_calls()[which]
    args = [a[:0].detach().requires_grad_() if isinstance(a, torch.Tensor) and a.dtype == Z else a for a in args]
    if args[1].dtype != Z:
        args[1] = torch.randn(0, 8)
    torch.library.opcheck(op, tuple(args))
