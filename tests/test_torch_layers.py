"""Layers for PyTorch: numbers, starts, conversion, checkpoints, compilation."""

import copy
import io
import itertools
import shutil

import numpy as np
import pytest
import scipy.fft

torch = pytest.importorskip("torch")

import pyfly  # noqa: E402
import pyfly.torch as pt  # noqa: E402

nn = torch.nn
D = torch.float64
# torch.compile's own code generator needs a C++ compiler
COMPILERS = ["aot_eager", *(["inductor"] if shutil.which("c++") or shutil.which("g++") else [])]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1)


def assert_close(got, want, eps=1e-13):
    assert got.shape == want.shape
    if want.numel() == 0:
        return
    assert (got - want).abs().max().item() <= eps * max(1.0, want.abs().max().item())


SIZES = [(8, 8), (5, 3), (6, 20), (1, 1), (1, 4), (16, 9)]
KINDS = [
    (pt.Butterfly, {}),
    (pt.Butterfly, {"complex": True, "nblocks": 2, "increasing_stride": False}),
    (pt.Butterfly, {"tied": True, "nblocks": 3}),
    (pt.ButterflyUnitary, {"nblocks": 2}),
    (pt.ButterflyUnitary, {"complex": False}),
    (pt.Kaleidoscope, {"depth": 2, "expansion": 2}),
    (pt.BP, {"permutation": "learn"}),
    (pt.BP, {"complex": True, "tied": False}),
    (pt.BPBP, {"complex": True, "real_output": False, "permutation": "learn_shared"}),
    (pt.BPBP, {"permutation": None}),
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_every_layer_is_an_affine_map_like_its_dense_form(kind, sizes):
    layer, options = KINDS[kind]
    made = layer(*sizes, dtype=D, **options)
    dense = made.to_linear()
    assert tuple(dense.weight.shape) == (sizes[1], sizes[0])
    for lead in ((), (3,), (2, 0), (2, 3)):
        x = torch.randn(*lead, sizes[0], dtype=D)
        assert_close(made(x), dense(x.to(dense.weight.dtype)))
    without = layer(*sizes, bias=False, dtype=D, **options)
    assert not without(torch.zeros(sizes[0], dtype=D)).any()
    assert without.to_linear().bias is None


@pytest.mark.parametrize("complex, tied, increasing", list(itertools.product((False, True), repeat=3)))
def test_numbers_are_those_of_the_numpy_function(complex, tied, increasing):
    layer = pt.Butterfly(16, 16, False, complex, tied, increasing, nblocks=2)
    x = torch.randn(5, 16)
    want = x.numpy().astype("F") if complex else x.numpy()
    for block, twiddle in enumerate(layer.factors()):
        order = increasing != (block == 1)
        want = pyfly.butterfly_multiply(twiddle.detach().numpy(), want, increasing_stride=order, tied=tied)
    assert np.array_equal(layer(x).detach().numpy(), want)
    assert np.allclose(layer.to_operator().apply(x.numpy()), want, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_transposed_and_conjugate_transposed_products(sizes):
    layer = pt.Butterfly(*sizes, bias=False, complex=True, nblocks=2, dtype=D)
    matrix, x = layer.matrix(), torch.randn(3, sizes[1], dtype=torch.complex128)
    assert_close(layer.transposed(x), x @ matrix)
    assert_close(layer.transposed(x, conjugate=True), x @ matrix.conj())
    with pytest.raises(ValueError, match=f"out_features = {sizes[1]}"):
        layer.transposed(torch.ones(sizes[1] + 1))


def test_a_wrong_input_length_is_an_error():
    for layer, options in KINDS:
        with pytest.raises(ValueError, match="in_features = 6"):
            layer(6, 4, **options)(torch.ones(2, 8))


def test_wrong_arguments_are_named():
    for bad, text in (
        ({"in_features": 0}, "in_features = 0"),
        ({"nblocks": 1.5}, "nblocks = 1.5"),
        ({"init": "xavier"}, "'xavier'"),
        ({"init": "fft"}, "complex=True"),
    ):
        with pytest.raises(ValueError, match=text):
            pt.Butterfly(**{"in_features": 4, "out_features": 4, **bad})
    with pytest.raises(TypeError, match="complex64"):
        pt.Butterfly(4, 4, dtype=torch.complex64)
    with pytest.raises(ValueError, match="expansion = 3"):
        pt.Kaleidoscope(4, 4, expansion=3)
    for permutation in ("random", [0, 0, 1, 2], torch.tensor([0, 1, 2])):
        with pytest.raises(ValueError, match="permutation"):
            pt.BP(4, 4, permutation=permutation)
    with pytest.raises(ValueError, match="init = 'dct'"):
        pt.BP(4, 4, init="dct")


@pytest.mark.parametrize("n, tied", [(2, True), (4, False), (64, True), (64, False)])
def test_exact_starts(n, tied):
    x = torch.randn(3, n, dtype=D)
    options = dict(bias=False, complex=True, tied=tied, dtype=D)
    assert_close(pt.BP(n, n, init="fft", real_output=False, **options)(x), torch.fft.fft(x, norm="ortho"))
    assert_close(pt.BP(n, n, init="ifft", real_output=False, **options)(x), torch.fft.ifft(x, norm="ortho"))
    dct = torch.from_numpy(scipy.fft.dct(x.numpy(), norm="ortho"))
    assert_close(pt.BP(n, n, init="dct", **options)(x), dct)
    assert_close(pt.BPBP(n, n, init="dct", **options)(x), dct)
    down = pt.Butterfly(n, n, init="fft", increasing_stride=False, **options)(x)
    assert_close(down[..., pt.bit_reversal(n)], torch.fft.fft(x, norm="ortho"))
    real = dict(bias=False, tied=tied, dtype=D)
    assert_close(pt.Butterfly(n, n, init="identity", **real)(x), x)
    hadamard = pt.Butterfly(n, n, init="hadamard", nblocks=2, **real)
    assert_close(hadamard(x), torch.from_numpy(pyfly.fwht(x.numpy(), norm="ortho")))


@pytest.mark.parametrize("complex", [False, True])
def test_orthogonal_starts_and_unitary_layers_keep_the_norm(complex):
    x = torch.randn(4, 32, dtype=D)
    made = [pt.Butterfly(32, 32, False, complex, tied, init="ortho", nblocks=2, dtype=D) for tied in (False, True)]
    for layer in (*made, pt.ButterflyUnitary(32, 32, False, complex, dtype=D)):
        assert_close(layer(x).norm(dim=-1), x.norm(dim=-1))


def test_a_unitary_layer_stays_unitary_while_it_learns():
    layer, x = pt.ButterflyUnitary(16, 16, False, dtype=D), torch.randn(8, 16, dtype=D)
    target = torch.fft.fft(x, norm="ortho")
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    losses = []
    for _ in range(30):
        loss = (layer(x) - target).abs().square().sum()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 2
    matrix = layer.matrix()
    assert_close(matrix @ matrix.mH, torch.eye(16, dtype=torch.complex128))


@pytest.mark.parametrize(
    "make",
    [
        lambda **kw: pt.Butterfly(64, 64, **kw),
        lambda **kw: pt.Butterfly(40, 200, nblocks=2, **kw),
        lambda **kw: pt.Butterfly(40, 64, complex=True, **kw),
        lambda **kw: pt.BPBP(64, 64, complex=True, **kw),
        lambda **kw: pt.BPBP(20, 30, **kw),
        lambda **kw: pt.BP(32, 32, permutation="learn", **kw),
        lambda **kw: pt.BPBP(12, 32, permutation="learn_shared", complex=True, tied=False, **kw),
    ],
)
def test_the_random_start_keeps_the_variance(make):
    ratios = []
    for _ in range(200):
        layer = make(bias=False)
        x = torch.randn(20, layer.in_features)
        ratios.append((layer(x).abs().square().mean() / x.square().mean()).item())
    # a product of many random stages is heavy-tailed: the mean of 200 is known to some 15 %
    assert 0.5 < np.mean(ratios) < 1.8


def test_parameters_are_counted_as_in_the_paper():
    counts = {
        complex: sum(p.numel() for p in pt.BPBP(1024, 1024, bias=False, complex=complex).parameters())
        for complex in (False, True)
    }
    assert counts == {False: 8184, True: 16368}
    assert [round(1024**2 / (count + 10250), 1) for count in counts.values()] == [56.9, 39.4]


def test_learnt_permutations_round_and_reload():
    layer = pt.BP(16, 16, permutation="learn", dtype=D)
    (module,) = layer.permutations
    before = layer.state_dict()
    x = torch.randn(3, 16, dtype=D)
    relaxed = layer(x)
    relaxed.sum().backward()
    assert module.logits.grad.abs().sum() > 0
    layer.round_permutations()
    hard = layer(x)
    assert not torch.equal(hard, relaxed)
    choices = (module.logits >= 0).numpy().astype(np.int64)
    assert np.array_equal(module.permutation(), pyfly.permutation_from_choices(choices))
    want = pt.butterfly_multiply(layer.factors()[0], x[:, module.permutation()], tied=True)
    assert_close(hard, want + layer.bias)
    state = layer.state_dict()
    assert list(state) == list(before)
    other = pt.BP(16, 16, permutation="learn", dtype=D)
    other.load_state_dict(state)
    assert torch.equal(other(x), hard)
    other.permutations[0].relax_()
    assert torch.equal(other(x), relaxed)


def test_state_dict_keys_and_shapes_are_stable():
    def shapes(layer):
        return {name: tuple(value.shape) for name, value in layer.state_dict().items()}

    assert shapes(pt.Butterfly(6, 20)) == {"twiddle": (3, 1, 3, 4, 2, 2), "bias": (20,)}
    assert shapes(pt.Butterfly(8, 8, complex=True, nblocks=2)) == {"twiddle": (1, 2, 3, 4, 2, 2, 2), "bias": (8, 2)}
    assert shapes(pt.Butterfly(8, 8, tied=True, bias=False)) == {"twiddle": (1, 1, 7, 2, 2)}
    assert shapes(pt.ButterflyUnitary(8, 8)) == {"twiddle": (1, 1, 3, 4, 4), "bias": (8, 2)}
    assert shapes(pt.BPBP(8, 8, complex=True)) == {
        "twiddle": (2, 7, 2, 2, 2),
        "bias": (8,),
        "permutations.0.perm": (8,),
        "permutations.1.perm": (8,),
    }
    assert shapes(pt.BP(8, 8, permutation="learn")) == {
        "twiddle": (1, 7, 2, 2),
        "bias": (8,),
        "permutations.0.logits": (2, 3),
        "permutations.0.rounded": (),
    }


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_saved_model_gives_the_same_numbers(kind):
    layer, options = KINDS[kind]
    model = nn.Sequential(layer(12, 12, **options))
    x = torch.randn(3, 12)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = nn.Sequential(layer(12, 12, **options))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x), model(x))


def test_layers_move_between_precisions():
    for layer, options in KINDS:
        model = layer(6, 6, **options)
        x = torch.randn(2, 6)
        single = model(x)
        double = model.double()(x.double())
        assert double.dtype.to_real() == D
        assert_close(double, single.to(double.dtype), 1e-5)
        for reduced in (torch.float16, torch.bfloat16):
            small = layer(6, 6, dtype=reduced, **options)
            assert {parameter.dtype for parameter in small.parameters()} == {reduced}
            y, x = small(x.to(reduced)), x.to(reduced)
            wide = copy.deepcopy(small).float()(x.float())
            assert y.dtype == (torch.complex64 if wide.is_complex() else reduced)
            assert_close(y.to(wide.dtype), wide, 0.05)
            with torch.no_grad():
                assert torch.equal(small(x), y)
            assert model.to(reduced)(x).dtype == y.dtype
            assert small.to_linear().weight.dtype == y.dtype
    for layer in (pt.Butterfly(8, 8, complex=True), pt.BPBP(8, 8)):
        want = layer.bfloat16().float().to_operator().todense()
        assert np.array_equal(layer.bfloat16().to_operator().todense(), want)


EXACT = [
    (pt.Butterfly, {"complex": True, "init": "fft"}),
    (pt.Butterfly, {"init": "hadamard", "nblocks": 2}),
    (pt.BP, {"complex": True, "init": "dct"}),
    (pt.BPBP, {"complex": True, "init": "ifft", "tied": False}),
    (pt.BPBP, {"init": "identity", "permutation": [[3, 1, 0, 2, 7, 6, 5, 4], None]}),
]


@pytest.mark.parametrize("layer, options", EXACT)
def test_layers_are_made_on_the_device_of_a_context_and_reset_after_it(layer, options):
    with torch.device("meta"):
        made = layer(8, 8, bias=False, **options)
    assert all(tensor.is_meta for tensor in (*made.parameters(), *made.buffers()))
    made = made.to_empty(device="cpu")
    made.reset_parameters()
    want = layer(8, 8, bias=False, **options)
    x = torch.randn(3, 8)
    assert torch.equal(made(x), want(x))
    random = pt.BPBP(8, 8, permutation="learn", device="meta").to_empty(device="cpu")
    random.round_permutations().reset_parameters()
    assert not random.permutations[0].rounded and torch.isfinite(random(x)).all()


@pytest.mark.parametrize(
    "nblocks, increasing, tied", [(1, True, False), (1, False, True), (2, True, True), (2, False, False)]
)
def test_a_weight_that_is_a_butterfly_is_found_again(nblocks, increasing, tied):
    options = dict(increasing_stride=increasing, tied=tied)
    # the last block acts alone in the projection: make the weight of one block of its order
    order = increasing != (nblocks == 2)
    linear = pt.Butterfly(16, 32, tied=tied, increasing_stride=order).to_linear()
    layer = pt.Butterfly.from_linear(linear, nblocks=nblocks, **options)
    error = (layer.matrix() - linear.weight).norm() / linear.weight.norm()
    assert error.item() < 1e-6
    assert torch.equal(layer.bias, linear.bias)
    assert layer.twiddle.dtype == torch.float32


@pytest.mark.parametrize("complex", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sizes", [*SIZES, (20, 30), (9, 28), (17, 32), (31, 17)], ids=str)
def test_a_weight_that_is_the_corner_of_a_butterfly_is_found_again(sizes, tied, complex):
    options = dict(tied=tied, complex=complex)
    for layer, more in (
        (pt.Butterfly, {}),
        (pt.Butterfly, {"increasing_stride": False}),
        (pt.BP, {"real_output": False}),
        (pt.BP, {"real_output": False, "permutation": None}),
    ):
        linear = layer(*sizes, dtype=D, **options, **more).to_linear()
        assert_close(layer.from_linear(linear, **options, **more).matrix(), linear.weight, 1e-9)


@pytest.mark.parametrize("permutation", ["bit_reversal", "learn", None])
def test_a_weight_that_is_a_butterfly_after_a_permutation_is_found_again(permutation):
    source = pt.BP(32, 32, tied=False, permutation=None if permutation is None else "bit_reversal", dtype=D)
    linear = source.to_linear()
    for layer in (pt.BP, pt.BPBP):
        perms = permutation if layer is pt.BP else [permutation, None]
        made = layer.from_linear(linear, tied=False, permutation=perms)
        error = (made.matrix() - linear.weight).norm() / linear.weight.norm()
        assert error.item() < 1e-13
    complex = pt.BP(32, 32, complex=True, real_output=False, dtype=D).to_linear()
    made = pt.BP.from_linear(complex, complex=True, real_output=False)
    assert_close(made.matrix(), complex.weight, 1e-12)
    with pytest.raises(TypeError, match="complex=True"):
        pt.BP.from_linear(complex)


@pytest.mark.parametrize("complex", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("n", [4, 8, 64])
def test_a_weight_that_is_two_butterflies_and_bit_reversals_is_found_again(n, tied, complex):
    options = dict(tied=tied, complex=complex, real_output=False)
    linear = pt.BPBP(n, n, dtype=D, **options).to_linear()
    for permutation in ("bit_reversal", "learn"):
        layer = pt.BPBP.from_linear(linear, permutation=permutation, **options)
        assert_close(layer.matrix(), linear.weight, 1e-9)


def test_two_butterflies_in_single_precision_are_found_to_its_rounding():
    for seed in range(4):
        torch.manual_seed(seed)
        linear = pt.BPBP(16, 16).to_linear()
        layer = pt.BPBP.from_linear(linear)
        assert ((layer.matrix() - linear.weight).norm() / linear.weight.norm()).item() < 1e-6


@pytest.mark.parametrize("increasing", [False, True])
@pytest.mark.parametrize("complex", [False, True])
def test_a_weight_of_two_blocks_of_opposite_order_is_found_again(complex, increasing):
    options = dict(nblocks=2, complex=complex, increasing_stride=increasing)
    source = pt.Butterfly(32, 64, dtype=D, **options)
    layer = pt.Butterfly.from_linear(source.to_linear(), **options)
    assert_close(layer.matrix(), source.matrix(), 1e-9)
    noisy = source.to_linear()
    with torch.no_grad():
        noisy.weight += 1e-6 * noisy.weight.norm() / 45 * torch.randn_like(noisy.weight)
    layer = pt.Butterfly.from_linear(noisy, **options)
    assert_close(layer.matrix(), noisy.weight, 1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_of_reduced_precision_is_replaced_in_it(dtype):
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)).to(dtype)
    pt.replace_linear(model, lambda name, linear: True)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert model(torch.ones(2, 8, dtype=dtype)).dtype == dtype
    assert pt.from_linear(nn.Linear(8, 8, dtype=dtype), dtype=D).twiddle.dtype == D


def test_a_weight_that_is_not_finite_is_refused():
    linear = nn.Linear(4, 4)
    linear.weight.data[1, 2] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        pt.from_linear(linear)


def test_refinement_brings_a_projection_closer():
    linear = nn.Linear(16, 16, dtype=D)
    errors = []
    for refine in (0, 30):
        layer = pt.BPBP.from_linear(linear, tied=False, refine=refine)
        errors.append((layer.matrix() - linear.weight).norm().item())
    assert errors[1] < 0.97 * errors[0]
    assert errors[0] < linear.weight.norm().item()


def test_a_transformer_runs_in_evaluation_with_replaced_layers():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), 2)
    names = pt.replace_linear(encoder, lambda name, linear: True, project=False)
    assert names == [f"layers.{layer}.linear{part}" for layer in (0, 1) for part in (1, 2)]
    x, mask = torch.randn(3, 5, 16), torch.arange(5) >= torch.tensor([[5], [3], [4]])
    want = encoder(x, src_key_padding_mask=mask)
    with torch.no_grad():
        assert_close(encoder.eval()(x, src_key_padding_mask=mask)[~mask], want[~mask], 1e-5)


def test_linear_layers_inside_a_model_are_replaced():
    shared = nn.Linear(32, 32)
    model = nn.ModuleDict(
        {"a": nn.Sequential(shared, nn.ReLU(), nn.Linear(32, 4)), "b": shared, "c": nn.Linear(64, 64)}
    )
    names = pt.replace_linear(model, lambda name, linear: linear.out_features >= 32, nblocks=2)
    assert names == ["a.0", "b", "c"]
    assert model["a"][0] is model["b"]
    assert isinstance(model["a"][2], nn.Linear)
    assert torch.equal(model["b"].bias, shared.bias)
    fresh = nn.Sequential(nn.Linear(512, 512, bias=False), nn.Linear(512, 10))
    assert pt.replace_linear(fresh, layer=pt.BPBP, project=False, init="orthogonal") == ["0"]
    assert fresh[0].bias is None
    frozen = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    frozen[0].bias.requires_grad_(False)
    frozen[1].weight.requires_grad_(False)
    for project in (True, False):
        model = copy.deepcopy(frozen)
        pt.replace_linear(model, lambda name, linear: True, project=project, dtype=D)
        wanted = [model[0].twiddle, model[0].bias, model[1].twiddle, model[1].bias]
        assert [p.requires_grad for p in wanted] == [True, False, False, True]
        assert {p.dtype for p in model.parameters()} == {D}
        with pytest.raises(TypeError, match="bias"):
            pt.replace_linear(copy.deepcopy(frozen), lambda name, linear: True, project=project, bias=False)
    with pytest.raises(TypeError, match="from_linear"):
        pt.replace_linear(nn.Linear(4, 4))
    with pytest.raises(TypeError, match="ReLU"):
        pt.from_linear(nn.ReLU())


def test_checkpoints_of_the_authors_library_are_read():
    # its layout: (stacks, blocks, log n, n/2, 2, 2), complex numbers as pairs, angles (..., 4)
    state = {"fc.twiddle": torch.randn(3, 2, 3, 4, 2, 2), "fc.bias": torch.randn(20)}
    layer = pt.from_checkpoint(state, "fc.", in_features=6, increasing_stride=False)
    x = torch.randn(5, 6)
    want = nn.functional.pad(x, (0, 2))[:, None]
    for block, increasing in ((0, False), (1, True)):
        want = pt.butterfly_multiply(state["fc.twiddle"][:, block], want, increasing_stride=increasing)
    assert_close(layer(x), want.flatten(1)[:, :20] + state["fc.bias"], 1e-6)
    complex = pt.from_checkpoint({"twiddle": torch.randn(1, 1, 3, 4, 2, 2, 2)})
    assert complex.complex and complex.bias is None and complex(torch.ones(8)).is_complex()
    unitary = pt.from_checkpoint({"twiddle": torch.randn(1, 2, 3, 4, 4), "bias": torch.randn(8, 2)})
    assert isinstance(unitary, pt.ButterflyUnitary) and unitary.nblocks == 2
    for state, text in (
        ({"weight": x}, "no entry 'twiddle'"),
        ({"twiddle": torch.ones(3, 4, 2, 2)}, "has shape"),
        ({"twiddle": torch.ones(1, 1, 3, 5, 2, 2)}, "has shape"),
    ):
        with pytest.raises(ValueError, match=text):
            pt.from_checkpoint(state)
    with pytest.raises(ValueError, match="in_features = 4"):
        pt.from_checkpoint({"twiddle": torch.ones(1, 1, 3, 4, 2, 2)}, in_features=4)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_own_checkpoints_give_the_layer_again(kind):
    layer, options = KINDS[kind]
    made = nn.Sequential(layer(12, 20, **options))
    if isinstance(made[0], pt.BPChain):
        made[0].round_permutations()
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    file.seek(0)
    other = pt.from_checkpoint(torch.load(file, weights_only=True), "0.")
    x = torch.randn(3, 12)
    assert repr(other) == repr(made[0]) and torch.equal(other(x), made(x))
    moved = pt.BP(8, 8, complex=True, init="dct", permutation="bit_reversal")
    assert torch.equal(pt.from_checkpoint(moved.state_dict())(x[:, :8]), moved(x[:, :8]))

    class Own(pt.Butterfly):
        pass

    with pytest.raises(ValueError, match="derived"):
        pt.from_checkpoint(Own(4, 4).state_dict())


def test_factors_are_spared_weight_decay_and_get_rates_by_width():
    model = nn.ModuleList([pt.BPBP(64, 64, permutation="learn"), nn.Linear(64, 10), nn.LayerNorm(10)])
    groups = pt.parameter_groups(model, 0.01, weight_decay=0.1)
    decayed = [p for group in groups if group["weight_decay"] for p in group["params"]]
    assert [p is model[1].weight for p in decayed] == [True]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    rates = {id(p): group["lr"] for group in pt.parameter_groups(model, 0.01, base_width=32) for p in group["params"]}
    assert rates[id(model[1].weight)] == pytest.approx(0.01 * 32 / 64)
    assert rates[id(model[0].twiddle)] == pytest.approx(0.01 * 32 / (2 * 6 * 2))
    torch.optim.AdamW(groups, 0.01)


def test_rates_by_width_are_for_matrices():
    model = nn.ModuleList([pt.Butterfly(2, 6, complex=True), nn.Embedding(100, 64), nn.Linear(2, 2)])
    groups = pt.parameter_groups(model, 0.01, base_width=256, weight_decay=0.1)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert rates[id(model[0].bias)] == rates[id(model[2].bias)] == (0.01, 0.0)
    assert rates[id(model[1].weight)] == (0.01, 0.1)
    assert rates[id(model[2].weight)] == (1.28, 0.1)
    for wrong in ({"lr": -1}, {"lr": float("nan")}, {"base_width": 0}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            pt.parameter_groups(model, **{"lr": 0.01, **wrong})


def test_the_flag_against_weight_decay_survives_copies_moves_and_parametrizations():
    layer = pt.BPBP(8, 8, permutation="learn")
    encoder = nn.TransformerEncoderLayer(16, 2, 32)
    pt.replace_linear(encoder, lambda name, linear: True, project=False)
    meta = pt.Butterfly(8, 8, device="meta").to_empty(device="cpu")
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    models = (
        copy.deepcopy(layer),
        nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False),
        meta,
        layer.double(),
        torch.load(file, weights_only=False),
    )
    for model in models:
        own = [p for name, p in model.named_parameters() if name.endswith(("twiddle", "logits"))]
        assert own and all(p._is_structured for p in own)
    nn.utils.parametrize.register_parametrization(layer, "twiddle", nn.Identity())
    for model in (layer, copy.deepcopy(layer)):
        groups = pt.parameter_groups(model, 0.01, weight_decay=0.1)
        assert [group["weight_decay"] for group in groups] == [0.0]


def test_sizes_and_permutations_of_every_integer_type():
    layer = pt.BP(np.int64(6), np.int32(8), permutation=np.array([1, 0, 3, 2, 5, 4, 7, 6], np.int32))
    assert type(layer.in_features) is int and layer(torch.ones(6)).shape == (8,)
    with pytest.raises(ValueError, match="scalar"):
        layer(torch.tensor(1.0))


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8), (0, 8), (6, 8, 2)])
@pytest.mark.parametrize("tied", [False, True])
def test_a_layer_of_one_product_has_the_derivatives_of_its_factors(shape, tied):
    layer = pt.Butterfly(8, 8, bias=False, tied=tied, dtype=D)
    x = torch.randn(*shape, dtype=D)
    x = (x.mT if shape[-1] != 8 else x).requires_grad_()
    factors, g = layer.twiddle[0, 0], torch.randn(x.shape, dtype=D)
    want = torch.autograd.grad(pt.butterfly_multiply(factors, x, tied=tied), (layer.twiddle, x), g)
    both = torch.autograd.grad(layer(x), (layer.twiddle, x), g)
    only_w = torch.autograd.grad(layer(x.detach()), layer.twiddle, g)[0]
    for got, expected in zip((*both, only_w), (*want, want[0]), strict=True):
        assert got.shape == expected.shape and torch.equal(got, expected)
    layer.twiddle.requires_grad_(False)
    assert_close(torch.autograd.grad(layer(x), x, g)[0], want[1])
    layer.twiddle.requires_grad_(True)
    if x.numel():
        call = torch.func.functional_call
        assert torch.autograd.gradcheck(lambda w, x: call(layer, {"twiddle": w}, x), (layer.twiddle, x))
        assert torch.autograd.gradgradcheck(
            lambda w, x: call(layer, {"twiddle": w}, x), (layer.twiddle, x), fast_mode=True
        )
        each = torch.func.vmap(lambda w: call(layer, {"twiddle": w}, x))(torch.stack([layer.twiddle] * 2))
        assert torch.equal(each[1], layer(x))


@pytest.mark.filterwarnings(  # of torch about itself, and about complex numbers, which it does not generate code for
    "ignore:.torch.jit.* is deprecated:DeprecationWarning", "ignore:Torchinductor does not support code gen:UserWarning"
)
@pytest.mark.parametrize("backend", COMPILERS)
def test_layers_compile_without_graph_breaks_and_export(backend):
    torch.compiler.reset()
    model = nn.Sequential(pt.Butterfly(12, 20, nblocks=2), nn.ReLU(), pt.BPBP(20, 6, complex=True, permutation="learn"))
    x = torch.randn(4, 12)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    assert_close(compiled(x), model(x), 1e-6)
    for parameter in model.parameters():
        grads = [torch.autograd.grad(f(x).square().sum(), parameter)[0] for f in (compiled, model)]
        assert torch.allclose(*grads, rtol=1e-4, atol=1e-5)
    model[2].round_permutations()
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    y = torch.randn(9, 12)
    assert_close(exported.module()(y), model(y), 1e-6)


def test_a_layer_learns_the_fourier_transform():
    n = 16
    torch.manual_seed(0)
    layer = pt.BP(n, n, bias=False, complex=True, real_output=False, init="orthogonal")
    target = torch.fft.fft(torch.eye(n), norm="ortho")
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(300):
        loss = (layer.matrix() - target).abs().square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-4


@pytest.mark.parametrize("options", [{}, {"complex": True}, {"complex": True, "real_output": False}, {"tied": False}])
@pytest.mark.parametrize("permutation", ["bit_reversal", "learn", torch.tensor([1, 0, 3, 2, 5, 4, 7, 6]), None])
def test_a_chain_without_derivatives_gives_the_same_numbers(options, permutation):
    layer = pt.BPBP(7, 6, permutation=permutation, **options)
    for x in torch.randn(7), torch.randn(3, 7), torch.randn(2, 3, 7), torch.randn(0, 7), torch.randn(7, 4).mT:
        with torch.no_grad():
            got = layer(x)
        assert torch.equal(got, layer(x))
    if isinstance(permutation, str) and permutation == "learn":
        layer.round_permutations()
    before, x = layer(x), torch.randn(5, 7)
    with torch.inference_mode():
        assert torch.equal(layer(x), layer._linear(x) + layer._bias())
    each = torch.func.vmap(layer)(x)
    with torch.no_grad():
        assert_close(torch.func.vmap(layer)(x), each, 1e-6)
        assert torch.equal(layer.double()(x.double()), layer(x.double()))
    assert before.shape[-1] == 6
