"""pyfly.cuda over the simulated library, in which host memory plays device memory: the CUDA sources compiled for the
processor, when there is a C++ compiler; and what a machine without a GPU sees."""

import ctypes
import gc
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyfly
import pyfly.cuda
from pyfly.cuda import _dlpack, _library

COMPILER = shutil.which("c++") or shutil.which("g++")
DTYPES = ["ff", "dd", "FF", "DD", "fF", "dD"]


class OnDevice:
    """A NumPy array as another library's array in device memory."""

    def __init__(self, array, stream=None, **more):
        self.array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, not array.flags.writeable),
            "strides": array.strides,
            "version": 3,
            "stream": stream,
            **more,
        }


class ByDLPack:
    """The same with DLPack alone."""

    def __init__(self, array, device=0):
        self.array, self.device, self.streams = array, device, []

    def __dlpack_device__(self):
        return 2, self.device

    def __dlpack__(self, *, stream=None):
        self.streams.append(stream)
        return self.array.__dlpack__()


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def factors(rng, n, dtype, tied=False, lead=()):
    shape = (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2)
    return numbers(rng, (*lead, *shape), dtype)


def assert_close(got, expected, dtype):
    got = got.get() if isinstance(got, pyfly.cuda.DeviceArray) else got
    assert got.dtype == expected.dtype and got.shape == expected.shape
    size = abs(expected).max(initial=0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=200 * np.finfo(dtype).eps * size)


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(_library, "_library", None)
    monkeypatch.setattr(_library, "PATH", Path("/nowhere/libbutterfly_cuda.so"))


CALLS = {
    "butterfly_multiply": lambda m, x: m.butterfly_multiply(x, x),
    "butterfly_multiply_grad": lambda m, x: m.butterfly_multiply_grad(x, x, x),
    "permute": lambda m, x: m.permute(x, x),
    "relaxed_permute": lambda m, x: m.relaxed_permute(x, x),
    "relaxed_permute_grad": lambda m, x: m.relaxed_permute_grad(x, x, x),
    "fwht": lambda m, x: m.fwht(x),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", [OnDevice, ByDLPack])
@pytest.mark.parametrize("module", [pyfly, pyfly.cuda], ids=["pyfly", "cuda"])
def test_without_the_library_every_call_on_a_device_array_says_why(no_library, name, kind, module):
    with pytest.raises(RuntimeError, match="built without CUDA.*BUTTERFLY_CUDA=1"):
        CALLS[name](module, kind(np.ones(4)))


def test_without_the_library_there_is_no_device(no_library):
    assert not pyfly.cuda.is_available() and pyfly.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match="built without CUDA"):
        pyfly.cuda.asarray(np.ones(4))
    with pytest.raises(RuntimeError, match="built without CUDA"):
        pyfly.cuda.DeviceArray((4,), np.float32)


def test_importing_pyfly_loads_nothing_of_cuda():
    code = "import sys, pyfly, numpy as np; pyfly.fwht(np.ones(4)); assert 'pyfly.cuda' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


if COMPILER:

    @pytest.fixture
    def cuda(cuda_library):
        return pyfly.cuda

    @pytest.fixture
    def waits(cuda_library):
        """(waiting stream, stream waited for), in order."""
        seen, real = [], cuda_library.bfly_cuda_wait
        cuda_library.bfly_cuda_wait = lambda a, b: seen.append((a.value or 0, b.value or 0)) or real(a, b)
        yield seen
        cuda_library.bfly_cuda_wait = real

    # ---- against the processor ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("dtypes", DTYPES)
    @pytest.mark.parametrize("tied", [False, True])
    def test_products_and_gradients_agree_with_the_processor(cuda, dtypes, tied):
        rng = np.random.default_rng(0)
        w = factors(rng, 32, dtypes[0], tied)
        x, g = numbers(rng, (3, 5, 32), dtypes[1]), numbers(rng, (3, 5, 32), dtypes[1])
        on_device = [cuda.asarray(v) for v in (w, x, g)]
        for op in ("N", "T", "C", "conj"):
            for up in (True, False):
                how = {"op": op, "increasing_stride": up, "tied": tied}
                assert_close(
                    pyfly.butterfly_multiply(*on_device[:2], **how), pyfly.butterfly_multiply(w, x, **how), "f"
                )
                expected = pyfly.butterfly_multiply_grad(w, x, g, **how)
                for mine, theirs in zip(pyfly.butterfly_multiply_grad(*on_device, **how), expected, strict=True):
                    assert_close(mine, theirs, dtypes[0])

    SHAPES = [
        # leading shape of the factors, shape of x, axis
        ((), (16,), -1),
        ((), (3, 16, 5), 1),
        ((), (16, 2, 3), -3),
        ((4,), (16,), -1),
        ((4,), (3, 4, 16), -1),
        ((2, 1), (3, 16), 1),
        ((2, 1, 3), (5, 1, 16), 2),
        ((3,), (16, 3), 0),
        ((), (0, 16), -1),
        ((1, 2), (0, 2, 16), -1),
    ]

    @pytest.mark.parametrize("lead, shape, axis", SHAPES)
    @pytest.mark.parametrize("dtypes", ["ff", "dD"])
    def test_axes_and_leading_dimensions_broadcast_as_on_the_processor(cuda, lead, shape, axis, dtypes):
        rng = np.random.default_rng(1)
        w, x = factors(rng, 16, dtypes[0], lead=lead), numbers(rng, shape, dtypes[1])
        y = pyfly.butterfly_multiply(w, x, axis=axis)
        dw, dx = cuda.asarray(w), cuda.asarray(x)
        assert_close(pyfly.butterfly_multiply(dw, dx, axis=axis), y, dtypes[0])
        g = numbers(rng, y.shape, dtypes[1])
        expected = pyfly.butterfly_multiply_grad(w, x, g, axis=axis)
        for mine, theirs in zip(
            cuda.butterfly_multiply_grad(dw, dx, cuda.asarray(g), axis=axis), expected, strict=True
        ):
            assert_close(mine, theirs, dtypes[0])
        prob = rng.random((*lead, 3, 3)).astype(dtypes[0])
        dp = cuda.asarray(prob)
        assert_close(pyfly.relaxed_permute(dp, dx, axis=axis), pyfly.relaxed_permute(prob, x, axis=axis), dtypes[0])
        expected = pyfly.relaxed_permute_grad(prob, x, g, axis=axis)
        for mine, theirs in zip(pyfly.relaxed_permute_grad(dp, dx, cuda.asarray(g), axis=axis), expected, strict=True):
            assert_close(mine, theirs, dtypes[0])
        perm = rng.permuted(np.broadcast_to(np.arange(16), (*lead, 16)), axis=-1)
        moved = pyfly.permute(cuda.asarray(perm), dx, axis=axis)
        np.testing.assert_array_equal(moved.get(), pyfly.permute(perm, x, axis=axis))

    @pytest.mark.parametrize("order", ["natural", "paley", "sequency"])
    @pytest.mark.parametrize("norm", [None, "ortho"])
    @pytest.mark.parametrize("dtype", "fdFD")
    def test_hadamard_transforms_agree_with_the_processor(cuda, order, norm, dtype):
        x = numbers(np.random.default_rng(2), (3, 64, 2), dtype)
        got = pyfly.fwht(cuda.asarray(x), order=order, norm=norm, axis=1)
        assert_close(got, pyfly.fwht(x, order=order, norm=norm, axis=1), dtype)

    def test_sizes_of_one_and_none_are_no_special_case(cuda):
        one = cuda.asarray(np.ones((3, 1)))
        np.testing.assert_array_equal(pyfly.butterfly_multiply(cuda.asarray(np.zeros((0, 0, 2, 2))), one).get(), 1)
        np.testing.assert_array_equal(pyfly.relaxed_permute(cuda.asarray(np.zeros((0, 3))), one).get(), 1)
        np.testing.assert_array_equal(pyfly.fwht(one).get(), 1)
        empty = pyfly.permute(cuda.asarray(np.zeros(0, np.int64)), cuda.asarray(np.zeros((2, 0))))
        assert empty.shape == (2, 0)

    # ---- layouts ------------------------------------------------------------------------------------------------

    def test_any_strides_are_read_and_written_where_they_are(cuda):
        rng = np.random.default_rng(3)
        w = factors(rng, 16, "d")
        base, into = numbers(rng, (4, 6, 40), "d"), np.full((5, 16, 8), np.nan)
        x, out = base[::2, ::-3, 33:1:-2], into[::3, :, ::5].transpose(0, 2, 1)
        returned = OnDevice(out)
        assert pyfly.butterfly_multiply(OnDevice(w), OnDevice(x), out=returned) is returned
        np.testing.assert_allclose(out, pyfly.butterfly_multiply(w, x), rtol=1e-12)
        assert np.isnan(into).sum() == into.size - out.size

    def test_out_may_be_x_itself(cuda):
        rng = np.random.default_rng(4)
        w, x, prob, perm = (
            factors(rng, 64, "F"),
            numbers(rng, (5, 64), "F"),
            rng.random((5, 3)).astype("f"),
            rng.permutation(64),
        )
        for name, first in ("butterfly_multiply", w), ("relaxed_permute", prob), ("permute", perm):
            both, function = x.copy(), getattr(pyfly, name)
            place = OnDevice(both)
            function(OnDevice(first), place, out=place)
            assert_close(both, function(first, x), "f")
        both = x.copy()
        pyfly.fwht(OnDevice(both), order="paley", out=OnDevice(both))
        assert_close(both, pyfly.fwht(x, order="paley"), "f")

    def test_a_gradient_of_no_vectors_is_zero(cuda):
        w, none = cuda.asarray(np.ones((2, 3, 4, 2, 2), np.complex64)), cuda.asarray(np.ones((0, 2, 8), np.complex64))
        gw, gx = cuda.butterfly_multiply_grad(w, none, none)
        np.testing.assert_array_equal(gw.get(), np.zeros(w.shape, np.complex64))
        assert gx.shape == (0, 2, 8)

    # ---- other libraries' arrays, streams -----------------------------------------------------------------------

    def test_dlpack_arrays_are_read_in_the_stream_of_the_call(cuda):
        rng = np.random.default_rng(5)
        w, x = factors(rng, 8, "d"), numbers(rng, (3, 8), "d")[:, ::-1]
        operands = ByDLPack(w), ByDLPack(x)
        assert_close(pyfly.butterfly_multiply(*operands), pyfly.butterfly_multiply(w, x), "d")
        assert [a.streams for a in operands] == [[1], [1]]  # the legacy default stream
        cuda.butterfly_multiply(*operands, stream=4096)
        assert [a.streams for a in operands] == [[1, 4096], [1, 4096]]

    def test_a_call_runs_in_the_stream_that_x_names_and_orders_the_others(cuda, cuda_library, waits):
        last = cuda_library.bfly_cuda_sim_last_stream
        last.restype = ctypes.c_void_p
        w, x = OnDevice(np.ones((2, 2, 2, 2)), stream=64), OnDevice(np.ones((3, 4)), stream=128)
        y = cuda.butterfly_multiply(w, x)
        assert last() == 128 and y.stream == 128 and waits == [(128, 64), (64, 128)]
        del waits[:]
        y = cuda.butterfly_multiply(w, x, stream=256)
        assert last() == 256 and y.stream == 256
        assert sorted(waits[:2]) == [(256, 64), (256, 128)] and sorted(waits[2:]) == [(64, 256), (128, 256)]
        del waits[:]
        out = OnDevice(np.ones((3, 4)), stream=1)  # the legacy default stream
        cuda.butterfly_multiply(w, x, out=out, stream=128)
        assert sorted(waits) == [(0, 128), (64, 128), (128, 0), (128, 64)]
        assert cuda.fwht(OnDevice(np.ones(4))).stream == 0

    def test_streams_of_other_libraries_are_taken(cuda):
        class Torch:
            cuda_stream = 512

        class Cupy:
            ptr = 512

        class Core:
            def __cuda_stream__(self):
                return 0, 512

        class Numba:
            handle = ctypes.c_void_p(512)

        for stream in (512, Torch(), Cupy(), Core(), Numba()):
            assert cuda.fwht(cuda.asarray(np.ones(4)), stream=stream).stream == 512
        for stream in ("fast", -1, 1.5):
            with pytest.raises(TypeError, match="stream="):
                cuda.fwht(cuda.asarray(np.ones(4)), stream=stream)

    def test_a_device_array_is_exported_by_both_protocols(cuda, waits):
        x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
        array = cuda.asarray(x, stream=64)
        interface = array.__cuda_array_interface__
        assert interface["stream"] == 64 and interface["version"] == 3 and interface["shape"] == (2, 3)
        assert array.__dlpack_device__() == (2, 0)
        capsule = array.__dlpack__(stream=128)
        assert waits == [(128, 64)]
        address = array.address
        assert _dlpack.read(capsule) == (address, (2, 3), None, np.float32)
        assert np.array_equal(np.ctypeslib.as_array((ctypes.c_float * 6).from_address(address)), x.ravel())
        array.__dlpack__(stream=-1)
        assert len(waits) == 1
        with pytest.raises(BufferError, match="copy=True"):
            array.__dlpack__(copy=True)
        # the capsule keeps the memory; when it goes, the memory is given back after the reader's work
        count = len(_dlpack._held)
        del array, waits[:]
        gc.collect()
        assert len(_dlpack._held) == count and waits == []
        del capsule
        gc.collect()
        assert len(_dlpack._held) == count - 1 and waits == [(64, 128)]

    def test_a_reader_that_has_taken_a_capsule_frees_it(cuda):
        capsule = cuda.asarray(np.ones(3)).__dlpack__()
        rename = ctypes.pythonapi.PyCapsule_SetName
        rename.argtypes = ctypes.py_object, ctypes.c_char_p
        taken = b"used_dltensor"
        managed = _dlpack._Managed.from_address(_dlpack._get(capsule, b"dltensor"))
        place, count = ctypes.addressof(managed), len(_dlpack._held)
        rename(capsule, taken)
        del capsule
        assert len(_dlpack._held) == count
        managed.deleter(place)
        assert len(_dlpack._held) == count - 1

    # ---- errors -------------------------------------------------------------------------------------------------

    def test_wrong_operands_are_named(cuda):
        w, x = cuda.asarray(np.ones((3, 4, 2, 2))), cuda.asarray(np.ones((2, 8)))
        prob, perm, h = cuda.asarray(np.ones((2, 3))), cuda.asarray(np.arange(8)), np.ones((2, 8))
        square = np.ones((8, 8))
        multiply, grad = pyfly.butterfly_multiply, pyfly.butterfly_multiply_grad
        wrong = [
            (TypeError, "x is a ndarray in host memory.*pyfly.cuda.asarray", lambda: multiply(w, h)),
            (TypeError, "twiddle is a ndarray in host memory", lambda: multiply(np.ones((3, 4, 2, 2)), x)),
            (TypeError, "perm is a list in host memory", lambda: pyfly.permute([0], x)),
            (TypeError, "grad_output is a ndarray", lambda: grad(w, x, h)),
            (ValueError, r"twiddle has shape \(3, 4, 2, 2\).*16", lambda: multiply(w, cuda.asarray(np.ones((2, 16))))),
            (ValueError, "power of two", lambda: multiply(w, cuda.asarray(np.ones((2, 12))))),
            (ValueError, "power of two", lambda: pyfly.fwht(cuda.asarray(np.ones((2, 12))))),
            (ValueError, "axis=2 is out of range", lambda: multiply(w, x, axis=2)),
            (ValueError, "at least one dimension", lambda: pyfly.fwht(cuda.asarray(np.ones(())))),
            (ValueError, "do not broadcast", lambda: multiply(cuda.asarray(np.ones((5, 3, 4, 2, 2))), x)),
            (ValueError, "out has shape", lambda: multiply(w, x, out=cuda.asarray(np.ones((3, 8))))),
            (ValueError, "out shares x's memory", lambda: multiply(w, OnDevice(square), out=OnDevice(square.T))),
            (TypeError, "one precision", lambda: multiply(w, cuda.asarray(np.ones((2, 8), np.float32)))),
            (TypeError, "complex where twiddle is", lambda: multiply(cuda.asarray(np.ones((3, 4, 2, 2), complex)), x)),
            (TypeError, "dtype int64; it must be float32", lambda: pyfly.fwht(perm)),
            (TypeError, "perm has dtype float64; it must be int64", lambda: pyfly.permute(x, x)),
            (
                TypeError,
                "prob has dtype complex128",
                lambda: pyfly.relaxed_permute(cuda.asarray(np.ones((2, 3), complex)), x),
            ),
            (ValueError, r"prob has shape .*\(\.\.\., 2, 3\)", lambda: pyfly.relaxed_permute(w, x)),
            (ValueError, "op='H'", lambda: multiply(w, x, op="H")),
            (ValueError, "order='gray'", lambda: pyfly.fwht(x, order="gray")),
            (ValueError, "grad_output has shape", lambda: grad(w, x, cuda.asarray(np.ones((3, 8))))),
            (TypeError, "grad_output has dtype int64", lambda: pyfly.relaxed_permute_grad(prob, x, perm)),
            (TypeError, "mask", lambda: pyfly.fwht(OnDevice(h, mask=h))),
            (TypeError, "dtype float16", lambda: pyfly.fwht(OnDevice(h.astype(np.float16)))),
            (ValueError, "multiples of 8 bytes", lambda: pyfly.fwht(OnDevice(h, strides=(60, 8)))),
            (ValueError, "x is on device 1, twiddle on 0", lambda: multiply(w, ByDLPack(h, device=1))),
        ]
        for error, match, call in wrong:
            with pytest.raises(error, match=match):
                call()
        frozen = h.copy()
        frozen.flags.writeable = False
        with pytest.raises(ValueError, match="writable"):
            multiply(w, x, out=OnDevice(frozen))
        assert np.array_equal(h, np.ones((2, 8)))

    def test_errors_of_the_library_are_exceptions(cuda, cuda_library, monkeypatch):
        with pytest.raises(TypeError, match="dtype object"):
            cuda.asarray(np.array([None]))
        monkeypatch.setattr(cuda_library, "bfly_cuda_device_count", lambda count: 102)
        with pytest.raises(RuntimeError, match=r"no CUDA device, or no driver for it \[102\]"):
            cuda.fwht(OnDevice(np.ones(4)))
        assert cuda.device_count() == 0
