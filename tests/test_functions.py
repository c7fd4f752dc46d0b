"""The functions against a plain NumPy reference: values, types, layouts, gradients, errors, other array libraries."""

import itertools
import os
import signal
import threading
import time

import numpy as np
import pytest
import reference as ref
from scipy.linalg import hadamard

import pyfly
from pyfly import _config, _core

TYPES = ["ff", "fF", "FF", "dd", "dD", "DD"]
VARIANTS = list(itertools.product(["N", "T", "C", "conj"], [True, False], [False, True]))


def layouts(x):
    """The same numbers in every layout that NumPy users make."""
    yield "C", x
    yield "Fortran", np.asfortranarray(x)
    yield "negative", np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    wide = np.zeros((x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[:, ::3] = x
    yield "every third", wide[:, ::3]
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    raw[...] = x
    yield "unaligned", raw
    records = np.zeros(x.shape, dtype=[("value", x.dtype), ("other", "f8" if x.itemsize == 16 else "i1", 1)])
    records["value"] = x
    yield "record", records["value"]
    yield "big endian", x.astype(x.dtype.newbyteorder(">"))


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("n", [1, 2, 4, 8, 32, 128, 512, 4096])
def test_multiply_meets_the_componentwise_bound_in_every_variant(n, types):
    rng = np.random.default_rng(n)
    for (op, increasing, tied), count in zip(VARIANTS, itertools.cycle([1, 3, 8, 17])):
        w = ref.twiddle(rng, n, types[0], tied)
        x = ref.numbers(rng, (count, n), types[1])
        y = pyfly.butterfly_multiply(w, x, op=op, increasing_stride=increasing, tied=tied)
        assert y.dtype == np.dtype(types[1]) and y.shape == x.shape
        expect, bound = ref.multiply(w, x, op, increasing, tied)
        assert np.all(np.abs(y - expect) <= bound), (op, increasing, tied)


@pytest.mark.parametrize("types", TYPES)
def test_every_layout_gives_the_same_numbers(types):
    rng = np.random.default_rng(1)
    w, x = ref.twiddle(rng, 16, types[0]), ref.numbers(rng, (6, 16), types[1])
    expect = pyfly.butterfly_multiply(w, x)
    for name, view in layouts(x):
        assert np.array_equal(pyfly.butterfly_multiply(w, view), expect), name
        out = np.empty_like(view)
        assert pyfly.butterfly_multiply(w, view, out=out) is out
        assert np.array_equal(out, expect), name
        inplace = view.copy(order="K")
        pyfly.butterfly_multiply(w, inplace, out=inplace)
        assert np.array_equal(inplace, expect), name
    for name, view in layouts(w.reshape(w.shape[0] * w.shape[1], -1)):
        assert np.array_equal(pyfly.butterfly_multiply(view.reshape(w.shape), x), expect), name
    assert np.array_equal(pyfly.butterfly_multiply(w[::-1], x, increasing_stride=False).shape, x.shape)
    strided = np.zeros((*w.shape, 2), w.dtype)
    strided[..., 1] = w
    assert np.array_equal(pyfly.butterfly_multiply(strided[..., 1], x), expect)


def test_axis_selects_the_vectors():
    rng = np.random.default_rng(2)
    w, x = ref.twiddle(rng, 8, "d"), rng.standard_normal((8, 8, 8))
    for axis in (-3, -2, -1, 0, 1, 2):
        expect = np.moveaxis(np.moveaxis(x, axis, -1) @ ref.dense(w, 8).T, -1, axis)
        assert np.allclose(pyfly.butterfly_multiply(w, x, axis=axis), expect, atol=1e-13)
        out = x.copy()
        pyfly.butterfly_multiply(w, out, axis=axis, out=out)
        assert np.allclose(out, expect, atol=1e-13)
    with pytest.raises(ValueError, match="axis=3"):
        pyfly.butterfly_multiply(w, x, axis=3)


def test_an_output_that_overlaps_the_input_in_another_order_is_right():
    rng = np.random.default_rng(3)
    w, x = ref.twiddle(rng, 8, "d"), rng.standard_normal((4, 8, 8))
    expect = pyfly.butterfly_multiply(w, x)
    y = x.copy()
    pyfly.ufuncs.multiply_n_increasing(w, y, axes=[(-4, -3, -2, -1), (2,), (1,)], out=y)
    assert np.array_equal(y, expect.swapaxes(1, 2))
    y = x.copy()
    pyfly.butterfly_multiply(w, y, out=y.swapaxes(1, 2))
    assert np.array_equal(y.swapaxes(1, 2), expect)
    long = np.concatenate([x[0], x[1]])
    expect = pyfly.butterfly_multiply(w, long[:8])
    pyfly.butterfly_multiply(w, long[:8], out=long[1:9])
    assert np.array_equal(long[1:9], expect)
    shared = w.copy()
    expect = pyfly.butterfly_multiply(w, w[:, :, 0, 0].T.copy().repeat(2, 0)[:, :1].T)
    pyfly.butterfly_multiply(shared, expect, out=shared.reshape(-1)[:8].reshape(1, 8))
    assert np.array_equal(shared.reshape(-1)[:8], pyfly.butterfly_multiply(w, expect)[0])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "lead, batch", [((), (2, 3)), ((5,), ()), ((5,), (5,)), ((4, 1), (3,)), ((2, 1, 3), (2, 4, 3)), ((1, 3), (6, 1))]
)
def test_stacks_broadcast(lead, batch, tied):
    rng = np.random.default_rng(4)
    w, x = ref.twiddle(rng, 8, "D", tied, lead), ref.numbers(rng, (*batch, 8), "D")
    y = pyfly.butterfly_multiply(w, x, tied=tied)
    core = 3 if tied else 4
    full = np.broadcast_shapes(lead, batch)
    ws = np.broadcast_to(w, (*full, *w.shape[-core:])).reshape(-1, *w.shape[-core:])
    xs = np.broadcast_to(x, (*full, 8)).reshape(-1, 8)
    expect = np.array([ref.dense(a, 8, tied=tied) @ b for a, b in zip(ws, xs, strict=True)])
    assert y.shape == (*full, 8)
    assert np.allclose(y.reshape(-1, 8), expect, atol=1e-13)
    g = ref.numbers(rng, y.shape, "D")
    gw, gx = pyfly.butterfly_multiply_grad(w, x, g, tied=tied)
    assert gw.shape == w.shape and gx.shape == x.shape
    # <g, dy> = <gw, dw> + <gx, dx>, to first order exactly since y is linear in each
    dw, dx = ref.numbers(rng, w.shape, "D"), ref.numbers(rng, x.shape, "D")
    assert np.isclose(np.vdot(g, pyfly.butterfly_multiply(w, dx, tied=tied)), np.vdot(gx, dx))
    h = 1e-6
    difference = (
        pyfly.butterfly_multiply(w + h * dw, x, tied=tied) - pyfly.butterfly_multiply(w - h * dw, x, tied=tied)
    ) / (2 * h)
    assert np.isclose(np.vdot(g, difference), np.vdot(gw, dw), rtol=1e-7)


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("n", [1, 2, 8, 64])
def test_gradients_agree_with_finite_differences(n, types):
    rng = np.random.default_rng(n)
    wide = "dD"[types[0] in "FD"] + "dD"[types[1] in "FD"]
    tolerance = 3e-4 if types[1] in "fF" else 3e-7
    for op, increasing, tied in VARIANTS:
        w, x, g = ref.twiddle(rng, n, types[0], tied), ref.numbers(rng, (5, n), types[1]), ref.numbers(rng, (5, n), "D")
        g = (g if types[1] in "FD" else g.real).astype(types[1])
        gw, gx = pyfly.butterfly_multiply_grad(w, x, g, op=op, increasing_stride=increasing, tied=tied)
        assert gw.dtype == w.dtype and gw.shape == w.shape and gx.dtype == x.dtype and gx.shape == x.shape
        dw, dx = ref.numbers(rng, w.shape, wide[0]), ref.numbers(rng, x.shape, wide[1])
        h = 1e-6
        args = dict(op=op, increasing_stride=increasing, tied=tied)

        def loss(s, w=w, x=x, g=g, dw=dw, dx=dx, args=args):
            y = pyfly.butterfly_multiply(w.astype(wide[0]) + s * dw, x.astype(wide[1]) + s * dx, **args)
            return np.vdot(g, y).real

        slope = (loss(h) - loss(-h)) / (2 * h)
        expect = np.vdot(gw, dw).real + np.vdot(gx, dx).real
        scale = np.linalg.norm(gw) * np.linalg.norm(dw) + np.linalg.norm(gx) * np.linalg.norm(dx)
        assert abs(slope - expect) <= tolerance * scale, args


def test_gradient_of_a_real_operand_is_the_real_part():
    rng = np.random.default_rng(5)
    w, x, g = ref.twiddle(rng, 8, "D"), rng.standard_normal((3, 8)), ref.numbers(rng, (3, 8), "D")
    gw, gx = pyfly.butterfly_multiply_grad(w, x, g)
    full_w, full_x = pyfly.butterfly_multiply_grad(w, x.astype(complex), g)
    assert gx.dtype == float and np.array_equal(gx, full_x.real) and np.array_equal(gw, full_w)
    gw, gx = pyfly.butterfly_multiply_grad(w.astype("F"), np.arange(8), g[0])
    assert gw.dtype == np.complex64 and gx.dtype == np.complex128 and gx.shape == (8,)


def test_gradients_along_another_axis():
    rng = np.random.default_rng(6)
    w, x, g = ref.twiddle(rng, 8, "d"), rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    gw, gx = pyfly.butterfly_multiply_grad(w, x, g, axis=0)
    expect_w, expect_x = pyfly.butterfly_multiply_grad(w, x.T, g.T)
    assert np.allclose(gw, expect_w) and np.array_equal(gx, expect_x.T)


def test_an_empty_batch_is_legal():
    w = ref.twiddle(np.random.default_rng(7), 8, "d")
    assert pyfly.butterfly_multiply(w, np.zeros((0, 8))).shape == (0, 8)
    gw, gx = pyfly.butterfly_multiply_grad(w, np.zeros((0, 8)), np.zeros((0, 8)))
    assert gx.shape == (0, 8) and np.array_equal(gw, np.zeros_like(w))


def test_types_promote_in_the_order_of_the_loops():
    w = ref.twiddle(np.random.default_rng(8), 8, "f")
    results = {"e": "f", "i1": "f", "i4": "d", "i8": "d", "f": "f", "d": "d", "F": "F", "D": "D", "?": "f"}
    for given, expect in results.items():
        assert pyfly.butterfly_multiply(w, np.ones(8, given)).dtype == np.dtype(expect), given
    assert pyfly.butterfly_multiply(w.astype("F"), np.ones(8, "f")).dtype == np.complex64
    assert pyfly.butterfly_multiply(w.tolist(), [1.0] * 8).dtype == np.float64
    for bad in ("g", "G", "O", "U1", "M8[s]"):
        with pytest.raises(TypeError):
            pyfly.butterfly_multiply(w, np.ones(8, bad) if bad != "U1" else np.array(["a"] * 8))


@pytest.mark.parametrize(
    "shape, length, tied, message",
    [
        ((3, 4, 2, 2), 6, False, "power of two"),
        ((3, 4, 2, 2), 16, False, r"\(4, 8, 2, 2\)|4, 8, 2, 2"),
        ((3, 4, 2, 2), 0, False, "power of two"),
        ((4, 2, 2), 8, False, "at least 4|core"),
        ((3, 4, 2, 3), 8, False, "3, 4, 2, 2"),
        ((3, 4, 2, 2), 8, True, "7, 2, 2"),
        ((8, 2, 2), 8, True, "7, 2, 2"),
        ((1, 1, 2, 2), 1, False, "0, 0, 2, 2"),
    ],
)
def test_wrong_shapes_are_refused_with_the_right_one_named(shape, length, tied, message):
    for x in (np.zeros(length), np.zeros((2, length))):
        out = np.full(x.shape, 7.0)
        with pytest.raises(ValueError, match=message):
            pyfly.butterfly_multiply(np.ones(shape), x, tied=tied, out=out)
        with pytest.raises(ValueError, match=message):
            pyfly.butterfly_multiply(np.ones(shape), x, tied=tied)
        assert np.all(out == 7.0)


def test_bad_arguments_are_refused():
    w = np.ones((3, 4, 2, 2))
    for op in ("H", "n", None, 1, ["N"]):
        with pytest.raises(ValueError, match="op="):
            pyfly.butterfly_multiply(w, np.ones(8), op=op)
    with pytest.raises(ValueError, match="has shape"):
        pyfly.butterfly_multiply(w, 1.0)
    locked = np.zeros(8)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only|writeable"):
        pyfly.butterfly_multiply(w, np.ones(8), out=locked)
    with pytest.raises(TypeError, match="out"):
        pyfly.butterfly_multiply(w, np.ones(8), out=[0.0] * 8)
    with pytest.raises((TypeError, ValueError)):
        pyfly.butterfly_multiply(w, np.ones(8), out=np.zeros(8, int))
    with pytest.raises(ValueError, match="grad_output has shape"):
        pyfly.butterfly_multiply_grad(w, np.ones((2, 8)), np.ones(8))
    with pytest.raises(ValueError, match="do not broadcast|broadcast"):
        pyfly.butterfly_multiply_grad(np.ones((3, 3, 4, 2, 2)), np.ones((2, 8)), np.ones((2, 8)))


def test_permute_gathers():
    rng = np.random.default_rng(9)
    for n in (1, 2, 3, 12, 100, 1024):
        perm = rng.permutation(n)
        for dtype in "fdFD":
            x = ref.numbers(rng, (4, n), dtype)
            assert np.array_equal(pyfly.permute(perm, x), x[:, perm])
            assert np.array_equal(pyfly.permute(perm.astype("i4"), x.T, axis=0), x.T[perm])
            y = x.copy()
            assert pyfly.permute(perm, y, out=y) is y
            assert np.array_equal(y, x[:, perm])
    stacks = np.array([[1, 0, 2], [2, 1, 0]])
    assert np.array_equal(pyfly.permute(stacks, np.arange(3.0)), stacks.astype(float))


@pytest.mark.parametrize("perm", [[0, 0, 1], [0, 1, 3], [-1, 0, 1], [2**62, 0, 1]])
def test_permute_refuses_what_is_no_permutation(perm):
    out = np.full(3, 7.0)
    with pytest.raises(ValueError, match="exactly once"):
        pyfly.permute(perm, np.ones(3), out=out)
    assert np.all(out == 7.0)
    with pytest.raises(ValueError, match="length"):
        pyfly.permute(perm, np.ones(4))
    with pytest.raises(TypeError, match="integers"):
        pyfly.permute(np.array(perm, float), np.ones(3))


@pytest.mark.parametrize("n", [1, 2, 4, 8, 64, 256])
@pytest.mark.parametrize("types", ["ff", "fF", "dd", "dD"])
def test_relaxed_permutation_and_its_gradient(n, types):
    rng = np.random.default_rng(n)
    levels = max(n.bit_length() - 2, 0)
    prob = rng.random((levels, 3)).astype(types[0])
    x, g = ref.numbers(rng, (5, n), types[1]), ref.numbers(rng, (5, n), types[1])
    eps = np.finfo(types[1]).eps
    y = pyfly.relaxed_permute(prob, x)
    assert y.dtype == x.dtype
    assert np.allclose(y, ref.relaxed(prob.astype(float), x.astype("D")), rtol=0, atol=20 * (levels + 1) * eps)
    gprob, gx = pyfly.relaxed_permute_grad(prob, x, g)
    assert gprob.dtype == prob.dtype and gprob.shape == prob.shape and gx.dtype == x.dtype
    assert np.isclose(np.vdot(g, y), np.vdot(gx, x), rtol=200 * eps, atol=200 * eps * n)
    wide, h = prob.astype(float), 1e-6
    for i, j in np.ndindex(prob.shape):
        step = np.zeros_like(wide)
        step[i, j] = h
        up, down = ref.relaxed(wide + step, x.astype("D")), ref.relaxed(wide - step, x.astype("D"))
        slope = np.vdot(g.astype("D"), up - down).real / (2 * h)
        assert abs(slope - gprob[i, j]) <= max(2e3 * eps, 1e-7) * np.sqrt(n) * 5, (i, j)


def test_binary_choices_are_a_permutation():
    # n = 8, from the definition: a gathers even entries first, b and c reverse the halves
    top = {
        (0, 0, 0): "01234567",
        (0, 0, 1): "01237654",
        (0, 1, 0): "32104567",
        (0, 1, 1): "32107654",
        (1, 0, 0): "02461357",
        (1, 0, 1): "02467531",
        (1, 1, 0): "64201357",
        (1, 1, 1): "64207531",
    }
    for choice, expect in top.items():
        assert "".join(map(str, pyfly.permutation_from_choices([[0, 0, 0], choice]))) == expect
    rng = np.random.default_rng(10)
    for levels in range(6):
        choices = rng.integers(0, 2, (levels, 3))
        perm = pyfly.permutation_from_choices(choices)
        x = rng.standard_normal((3, 2 ** (levels + 1)))
        assert np.array_equal(pyfly.permute(perm, x), pyfly.relaxed_permute(choices, x))
    for bad in ([[0, 0]], [[0, 0, 0.5]], [0, 0, 0]):
        with pytest.raises(ValueError, match="choices"):
            pyfly.permutation_from_choices(bad)


@pytest.mark.parametrize("n", [1, 2, 4, 16, 64, 1024])
def test_fwht_in_three_orderings(n):
    rng = np.random.default_rng(n)
    h = hadamard(n).astype(float)
    rev = np.array([int(format(j, f"0{max(n.bit_length() - 1, 1)}b")[::-1], 2) for j in range(n)])
    j = np.arange(n)
    matrices = {"natural": h, "paley": h[rev], "sequency": h[rev[j ^ (j >> 1)]]}
    assert np.array_equal((np.diff(matrices["sequency"], axis=1) != 0).sum(axis=1), j)
    for (order, matrix), dtype in itertools.product(matrices.items(), "fdFD"):
        x = ref.numbers(rng, (3, n, 2), dtype)
        bound = 4 * max(1, np.log2(n)) * np.finfo(dtype).eps * np.abs(x).sum(axis=1, keepdims=True)
        expect = np.einsum("jk,ckd->cjd", matrix, x.astype("D"))
        y = pyfly.fwht(x, order=order, axis=1)
        assert y.dtype == x.dtype and np.all(np.abs(y - expect) <= bound)
        z = x.copy()
        assert pyfly.fwht(z, order=order, axis=1, norm="ortho", out=z) is z
        assert np.all(np.abs(z - expect / np.sqrt(n)) <= bound)
        assert np.allclose(pyfly.fwht(z, order=order, axis=1, norm="ortho"), x, atol=1e-5 if dtype in "fF" else 1e-12)
    for name, view in layouts(rng.standard_normal((4, n))):
        assert np.array_equal(pyfly.fwht(view), pyfly.fwht(view.astype(float).copy())), name


def test_fwht_refuses_bad_arguments():
    for bad in (dict(order="walsh"), dict(norm="forward"), dict(order=["natural"])):
        with pytest.raises(ValueError, match="order="):
            pyfly.fwht(np.ones(8), **bad)
    with pytest.raises(ValueError, match="power of two"):
        pyfly.fwht(np.ones(6))
    with pytest.raises(TypeError):
        pyfly.fwht(np.ones(8, "g"))
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(0).standard_normal((6, 8))
    assert np.array_equal(pyfly.fwht(da.from_array(x, chunks=(2, 8))).compute(), pyfly.fwht(x))


def test_the_same_bits_for_every_number_of_threads():
    rng = np.random.default_rng(11)
    for dtype, n, count in (("f", 256, 501), ("D", 128, 300), ("d", 2**14, 9)):
        w, x = ref.twiddle(rng, n, dtype), ref.numbers(rng, (count, n), dtype)
        g = ref.numbers(rng, (count, n), dtype)
        prob = rng.random((n.bit_length() - 2, 3)).astype(dtype.lower())
        results = []
        for k in (1, 2, 3):
            with pyfly.num_threads(k):
                results.append(
                    [
                        pyfly.butterfly_multiply(w, x),
                        *pyfly.butterfly_multiply_grad(w, x, g),
                        pyfly.relaxed_permute(prob, x),
                        *pyfly.relaxed_permute_grad(prob, x, g),
                    ]
                )
        for others in results[1:]:
            assert all(np.array_equal(a, b) for a, b in zip(results[0], others, strict=True))
        assert np.array_equal(pyfly.butterfly_multiply(w, x[3]), results[0][0][3])


@pytest.mark.parametrize("isa", _core.available_isas())
def test_every_instruction_set_agrees(isa):
    rng = np.random.default_rng(12)
    before = pyfly.get_isa()
    try:
        pyfly.set_isa(isa)
        assert pyfly.get_isa() == isa
        for types, n in itertools.product(TYPES, (2, 8, 32, 256)):
            for tied in (False, True):
                w, x = ref.twiddle(rng, n, types[0], tied), ref.numbers(rng, (5, n), types[1])
                expect, bound = ref.multiply(w, x, tied=tied)
                assert np.all(np.abs(pyfly.butterfly_multiply(w, x, tied=tied) - expect) <= bound)
    finally:
        pyfly.set_isa(before)
    with pytest.raises(ValueError, match="mmx"):
        pyfly.set_isa("mmx")


def test_floating_point_errors_are_reported():
    w = np.full((3, 4, 2, 2), 1e200)
    for x in (np.full(8, 1e200), np.full((300, 8), 1e200), np.full((3, 2, 8), 1e200)[::2]):
        with pytest.warns(RuntimeWarning, match="overflow"):
            pyfly.butterfly_multiply(w, x)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            pyfly.butterfly_multiply(w, x)
    assert np.all(np.isfinite(pyfly.butterfly_multiply(w, np.ones(8) * 1e-300)))


def test_thread_settings():
    before = pyfly.get_num_threads()
    with pyfly.num_threads(1):
        assert pyfly.get_num_threads() == 1
        with pyfly.num_threads(2):
            assert pyfly.get_num_threads() == 2
        assert pyfly.get_num_threads() == 1
    assert pyfly.get_num_threads() == before
    pyfly.set_num_threads(1)
    assert pyfly.get_num_threads() == 1
    pyfly.set_num_threads(None)
    assert pyfly.get_num_threads() == before
    for bad in (0, -1, 2**40):
        with pytest.raises(ValueError, match="k="):
            pyfly.set_num_threads(bad)
    for bad in (1.5, "2", True):
        with pytest.raises(TypeError, match="k="):
            pyfly.set_num_threads(bad)


def test_threadpoolctl_knows_the_library():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    before = pyfly.get_num_threads()
    with threadpoolctl.threadpool_limits(1):
        assert pyfly.get_num_threads() == 1
    assert pyfly.get_num_threads() == before
    with threadpoolctl.threadpool_limits(3, user_api="butterfly"):
        assert pyfly.get_num_threads() == 3
    (info,) = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "butterfly"]
    assert info["filepath"] == pyfly.get_library() and info["version"] == _config.config()["libbutterfly"]
    pyfly.set_num_threads(None)


def test_dask_arrays_go_through_lazily():
    da = pytest.importorskip("dask.array")
    rng = np.random.default_rng(13)
    w, x = ref.twiddle(rng, 16, "d"), rng.standard_normal((10, 16))
    lazy = da.from_array(x, chunks=(3, 16))
    for op, increasing in (("N", True), ("C", False)):
        y = pyfly.butterfly_multiply(w, lazy, op=op, increasing_stride=increasing)
        assert isinstance(y, da.Array) and y.shape == x.shape
        assert np.array_equal(y.compute(), pyfly.butterfly_multiply(w, x, op=op, increasing_stride=increasing))
    t = ref.twiddle(rng, 16, "d", tied=True)
    assert np.array_equal(
        pyfly.butterfly_multiply(t, lazy, tied=True).compute(), pyfly.butterfly_multiply(t, x, tied=True)
    )
    y = pyfly.butterfly_multiply(w, da.from_array(x.T, chunks=(16, 3)), axis=0)
    assert np.array_equal(y.compute(), pyfly.butterfly_multiply(w, x).T)
    perm = rng.permutation(16)
    assert np.array_equal(pyfly.permute(perm, lazy).compute(), x[:, perm])
    prob = rng.random((3, 3))
    assert np.array_equal(pyfly.relaxed_permute(prob, lazy).compute(), pyfly.relaxed_permute(prob, x))
    with pytest.raises(TypeError, match="out"):
        pyfly.butterfly_multiply(w, lazy, out=lazy)


def test_array_functions_are_overridable():
    class Recorder(np.lib.mixins.NDArrayOperatorsMixin):
        dtype, ndim, shape = np.dtype(float), 1, (8,)

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__, method

    w = np.ones((3, 4, 2, 2))
    assert pyfly.butterfly_multiply(w, Recorder()) == ("multiply_n_increasing", "__call__")


def test_ctrl_c_ends_a_long_call():
    w = ref.twiddle(np.random.default_rng(14), 1024, "D")
    x = np.broadcast_to(np.ones(1024, complex), (200_000, 1024))  # minutes of scalar work, memory touched as it goes
    before = pyfly.get_isa()
    pyfly.set_isa("scalar")
    # a process in the background may have been started with the signal ignored
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pyfly.butterfly_multiply(w, x)
    finally:
        signal.signal(signal.SIGINT, handler)
        pyfly.set_isa(before)
    assert time.monotonic() - start < 10
