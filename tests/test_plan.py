"""Plans from Python: the operator's numbers, types, layouts, errors."""

import ctypes
import itertools
import pickle
import runpy
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import reference as ref

import pyfly


def operators(n, dtype):
    rng = np.random.default_rng(n)
    complex_type = "F" if dtype in "fF" else "D"
    untied = pyfly.Butterfly(ref.twiddle(rng, n, dtype), increasing_stride=False)
    tied = pyfly.Butterfly(ref.twiddle(rng, n, dtype, tied=True), tied=True)
    permutation, diagonal = pyfly.Permutation(rng.permutation(n)), pyfly.Diagonal(ref.numbers(rng, n, complex_type))
    yield untied
    yield tied.T @ permutation
    yield (untied @ diagonal @ permutation @ tied).H
    yield (diagonal @ untied @ permutation).real
    yield permutation


@pytest.mark.parametrize("n", [1, 2, 8, 64, 1024])
@pytest.mark.parametrize("dtype", list("fdFD"))
def test_a_plan_gives_the_operators_numbers(n, dtype):
    rng = np.random.default_rng(0)
    for op, count in itertools.product(operators(n, dtype), (1, 5, 33)):
        plan = op.plan()
        x = ref.numbers(rng, (count, n), plan.dtype_in)
        y = plan.apply(x)
        assert y.dtype == plan.dtype_out and y.shape == x.shape
        expect = op.apply(x)
        eps = np.finfo(plan.dtype_out).eps
        assert np.linalg.norm(y - expect) <= 64 * (n.bit_length() + 1) * eps * np.linalg.norm(expect), op
        assert np.array_equal(plan.apply(x[-1]), y[-1])


def test_axes_layouts_and_outputs():
    rng = np.random.default_rng(1)
    plan = pyfly.special.fft(16).plan()
    x = ref.numbers(rng, (3, 16, 4), "D")
    y = plan.apply(x, axis=1)
    assert np.allclose(y, np.fft.fft(x, axis=1), atol=1e-13)
    for view in (np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=2)[..., ::2]):
        out = np.full(view.shape, np.nan + 0j)
        assert plan.apply(view, axis=1, out=out) is out
        assert np.allclose(out, np.fft.fft(view, axis=1), atol=1e-13)
    square = ref.numbers(rng, (16, 16), "D")
    expect = np.fft.fft(square)
    plan.apply(square, out=square)
    assert np.allclose(square, expect, atol=1e-13)
    expect = np.fft.fft(square)
    plan.apply(square, out=square.T)
    assert np.allclose(square.T, expect, atol=1e-12)
    assert plan.apply(np.zeros((0, 16))).shape == (0, 16)
    # neighbours in one buffer: the result overlaps vectors that were not read yet
    buffer = ref.numbers(rng, (9, 16), "D")
    expect = np.fft.fft(buffer[:8])
    assert np.allclose(plan.apply(buffer[:8], out=buffer[1:]), expect, atol=1e-13)


def test_plain_arrays_of_the_right_type_take_no_copy():
    plan = pyfly.special.dct(64).plan()
    x = np.random.default_rng(5).standard_normal((40, 64))
    out = np.empty_like(x)
    assert plan.apply(x, out=out) is out
    assert np.array_equal(out, plan.apply(x.astype(">f8"))) and np.array_equal(out, plan.apply(x, axis=1))
    x.flags.writeable = False
    assert np.array_equal(out, plan.apply(x))
    with pytest.raises(ValueError, match="read-only"):
        plan.apply(out, out=x)


def test_precision_and_kind_are_chosen():
    plan = pyfly.special.fft(32).plan()
    assert plan.dtype_in == plan.dtype_out == np.complex128
    single = pyfly.Plan(pyfly.special.fft(32), dtype=np.float32)
    assert single.dtype_in == np.float32 and single.dtype_out == np.complex64
    x = np.random.default_rng(2).standard_normal((4, 32))
    assert np.allclose(single.apply(x), np.fft.fft(x), atol=1e-4)
    real = pyfly.special.dct(32).plan()
    assert real.dtype_in == real.dtype_out == np.float64
    with pytest.raises(TypeError, match="real"):
        real.apply(x + 0j)
    with pytest.raises(TypeError, match="dtype"):
        pyfly.Plan(pyfly.special.fft(32), dtype="g")


def test_bad_input_is_refused():
    plan = pyfly.special.hadamard(8).plan()
    for bad in (np.ones(4), np.ones((8, 3))):
        with pytest.raises(ValueError, match="vectors of 8"):
            plan.apply(bad)
    with pytest.raises(ValueError, match="axis"):
        plan.apply(np.ones(8), axis=1)
    with pytest.raises(TypeError, match="out"):
        plan.apply(np.ones(8), out=[0.0] * 8)
    with pytest.raises(ValueError, match="out"):
        plan.apply(np.ones(8), out=np.zeros(4))
    with pytest.raises(ValueError):
        pyfly.special.toeplitz(np.arange(1.0, 5), np.arange(1.0, 4)).plan()


def test_info_counts_the_stages():
    info = pyfly.Butterfly(ref.twiddle(np.random.default_rng(3), 64, "F")).plan().info()
    assert info["n"] == 64 and info["stages"] == 6 and info["reduced_stages"] == 5 and info["fallback_stages"] == 0
    zeros = ref.twiddle(np.random.default_rng(3), 64, "F")
    zeros[2, :, 0, 0] = 0
    plan = pyfly.Butterfly(zeros).plan()
    assert plan.info()["fallback_stages"] >= 1
    x = ref.numbers(np.random.default_rng(4), (3, 64), "F")
    expect, bound = ref.multiply(zeros, x)
    assert np.all(np.abs(plan.apply(x) - expect) <= 2 * bound)


def test_a_fourier_transform_is_recognised_whatever_its_scale():
    for dtype in (np.complex64, np.complex128):
        for operator in (pyfly.special.fft(256), pyfly.special.fft(256).H):
            plan = pyfly.Plan(operator, dtype=dtype)
            info = plan.info()
            assert info["fft_stages"] + info["reduced_stages"] >= 7 and info["fft_stages"] >= 2
            assert info["fallback_stages"] == 0
            x = (np.random.default_rng(1).standard_normal((7, 512)) @ np.kron(np.eye(256), [[1], [1j]])).astype(dtype)
            want, got = operator.apply(x[3].astype(complex)), plan.apply(x)[3]
            assert np.linalg.norm(got - want) < 2.5 * np.finfo(dtype).eps * np.linalg.norm(want)


def test_threads_share_a_plan_and_pickle_copies_it():
    plan = pyfly.special.fft(256).plan()
    x = ref.numbers(np.random.default_rng(5), (64, 256), "D")
    expect, results = plan.apply(x), [None] * 4

    def work(k):
        results[k] = plan.apply(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(np.array_equal(r, expect) for r in results)
    assert np.array_equal(pickle.loads(pickle.dumps(plan)).apply(x), expect)


def executed_in_c(path, x):
    """The plan in a file, loaded and executed by the C functions, on rows of doubles."""
    library = ctypes.CDLL(pyfly.get_library())
    plan, y = ctypes.c_void_p(), np.empty_like(x)
    assert library.bfly_plan_load(str(path).encode(), ctypes.byref(plan)) == 0
    step, pointer = ctypes.c_int64, ctypes.c_void_p
    rows = [step(1), step(x.shape[1])]
    arguments = [step(len(x)), pointer(x.ctypes.data), *rows, pointer(y.ctypes.data), *rows]
    assert library.bfly_plan_execute(plan, *arguments) == 0
    library.bfly_plan_destroy(plan)
    return y


def test_what_python_saves_c_loads(tmp_path):
    k = np.arange(64)
    found = pyfly.learn(np.cos(np.pi * np.outer(k, 2 * k + 1) / 128))
    found.save_plan(tmp_path / "dct.plan")
    assert [p.name for p in tmp_path.iterdir()] == ["dct.plan"]
    x = np.random.default_rng(0).standard_normal((5, 64))
    assert np.array_equal(executed_in_c(tmp_path / "dct.plan", x), found.operator.plan().apply(x))
    damaged = bytearray((tmp_path / "dct.plan").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "dct.plan").write_bytes(damaged)
    library, plan = ctypes.CDLL(pyfly.get_library()), ctypes.c_void_p()
    assert library.bfly_plan_load(str(tmp_path / "dct.plan").encode(), ctypes.byref(plan)) != 0


@pytest.mark.parametrize("shape", [(64, 64), (20, 50), (50, 20)])
def test_a_saved_corner_takes_padded_vectors(tmp_path, shape):
    m, n = shape
    rng = np.random.default_rng(0)
    target = 1e3 * rng.standard_normal(m + n - 1)[np.subtract.outer(np.arange(m), np.arange(n)) + n - 1]
    found = pyfly.learn(target)
    found.save_plan(tmp_path / "toeplitz.plan")
    size = pyfly.Plan.load(tmp_path / "toeplitz.plan").shape[0]
    assert size == 128
    x = rng.standard_normal((3, n))
    y = executed_in_c(tmp_path / "toeplitz.plan", np.pad(x, ((0, 0), (0, size - n))))[:, :m]
    np.testing.assert_allclose(y, x @ target.T, rtol=1e-12, atol=1e-12 * np.abs(y).max())


def test_plans_come_back_from_bytes_and_files(tmp_path):
    rng = np.random.default_rng(7)
    for n, dtype in itertools.product((1, 8, 64), "fdFD"):
        for op in operators(n, dtype):
            plan = op.plan()
            x = ref.numbers(rng, (3, n), plan.dtype_in)
            plan.save(tmp_path / "x.plan")
            for again in (
                pyfly.Plan.load(tmp_path / "x.plan"),
                pyfly.Plan.load(str(tmp_path / "x.plan")),
                pyfly.Plan.frombytes(memoryview(bytearray(plan.tobytes()))),
                pickle.loads(pickle.dumps(plan)),
            ):
                assert again.info() == plan.info() and again.shape == plan.shape == (n, n)
                assert again.dtype_in == plan.dtype_in and again.dtype_out == plan.dtype_out
                assert np.array_equal(again.apply(x), plan.apply(x)) and again.tobytes() == plan.tobytes()
    assert [p.name for p in tmp_path.iterdir()] == ["x.plan"]


def test_what_c_saves_python_loads(tmp_path):
    plan = pyfly.special.fft(32).plan()
    data = plan.tobytes()
    library = ctypes.CDLL(pyfly.get_library())
    made, path = ctypes.c_void_p(), tmp_path / "c.plan"
    assert library.bfly_plan_from_memory(data, ctypes.c_int64(len(data)), ctypes.byref(made)) == 0
    assert library.bfly_plan_save(made, str(path).encode()) == 0
    library.bfly_plan_destroy(made)
    x = np.random.default_rng(8).standard_normal((4, 32))
    assert np.array_equal(pyfly.Plan.load(path).apply(x), plan.apply(x))


def test_damaged_plans_are_refused_by_name(tmp_path):
    data = pyfly.special.dct(8).plan().tobytes()
    path = tmp_path / "bad.plan"
    for k in (0, 7, 20, 100, len(data) - 1):
        damaged = bytearray(data)
        damaged[k] ^= 4
        for bad in (damaged, data[:k], data + b"0"):
            with pytest.raises(ValueError, match="data: its .* bytes are not a whole, undamaged plan"):
                pyfly.Plan.frombytes(bad)
            path.write_bytes(bad)
            with pytest.raises(ValueError, match="bad.plan"):
                pyfly.Plan.load(path)
    newer = bytearray(data)
    newer[8] = 2
    with pytest.raises(ValueError, match="another version"):
        pyfly.Plan.frombytes(newer)
    for wrong in (None, "text", 5):
        with pytest.raises(TypeError):
            pyfly.Plan.frombytes(wrong)
    with pytest.raises(FileNotFoundError):
        pyfly.Plan.load(tmp_path / "none.plan")
    with pytest.raises(FileNotFoundError):
        pyfly.special.dct(8).plan().save(tmp_path / "none" / "x.plan")


def test_the_plan_of_the_c_example_is_the_one_that_is_learnt(tmp_path, monkeypatch, capsys):
    folder = Path(__file__).parent.parent / "libbutterfly" / "examples" / "c"
    monkeypatch.setattr(sys, "argv", ["learn_dct.py", str(tmp_path / "dct64.plan")])
    runpy.run_path(str(folder / "learn_dct.py"))
    assert "64 x 64" in capsys.readouterr().out
    k, x = np.arange(64), np.random.default_rng(9).standard_normal((5, 64))
    expect = x @ (np.cos(np.pi * np.outer(k, 2 * k + 1) / 128) / 4).T
    for path in (tmp_path / "dct64.plan", folder / "dct64.plan"):
        plan = pyfly.Plan.load(path)
        assert np.allclose(plan.apply(x), expect, rtol=0, atol=1e-13)
        assert plan.dtype_in == plan.dtype_out == np.float64
