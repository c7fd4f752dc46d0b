"""pyfly.cuda over the simulated library: the CUDA sources compiled for the processor, when there is
a C++ compiler; and what a machine without a GPU sees."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import pyfly
import pyfly.cuda

ROOT = Path(__file__).parents[1]
COMPILER = shutil.which("c++") or shutil.which("g++")


def factors(rng, n, dtype, tied=False):
    shape = (n - 1, 2, 2) if tied else (n.bit_length() - 1, n // 2, 2, 2)
    return numbers(rng, shape, dtype)


def numbers(rng, shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def test_without_the_library_every_call_says_why(monkeypatch):
    monkeypatch.setattr(pyfly.cuda, "_library", None)
    monkeypatch.setattr(pyfly.cuda, "_PATH", Path("/nowhere/libbutterfly_cuda.so"))
    assert not pyfly.cuda.is_available() and pyfly.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match="built without CUDA"):
        pyfly.cuda.asarray(np.ones(4))


def test_device_arrays_are_recognised_before_the_ufunc(monkeypatch):
    class OnDevice:
        shape = (4,)
        __cuda_array_interface__ = {}

    monkeypatch.setattr(pyfly.cuda, "_library", None)
    monkeypatch.setattr(pyfly.cuda, "_PATH", Path("/nowhere/libbutterfly_cuda.so"))
    with pytest.raises(RuntimeError, match="built without CUDA"):
        pyfly.butterfly_multiply(np.zeros((2, 2, 2, 2)), OnDevice())


if COMPILER:

    @pytest.fixture(scope="module")
    def simulated(tmp_path_factory):
        folder = tmp_path_factory.mktemp("cuda")
        flags = ["-std=c++17", "-O1", "-fPIC", "-w", "-DBFLY_CUDA_SIM"]
        folders = [f"-I{ROOT / path}" for path in ("tests/c/cuda", "include", "src")]
        sources = [*sorted((ROOT / "src" / "cuda").glob("*.cu")), ROOT / "tests" / "c" / "cuda" / "sim.cpp"]
        library = folder / "libsim.so"
        command = [COMPILER, *flags, *folders, "-shared", "-x", "c++", *map(str, sources), "-o", str(library)]
        subprocess.run(command, check=True)
        patch = pytest.MonkeyPatch()
        patch.setattr(pyfly.cuda, "_library", None)
        patch.setattr(pyfly.cuda, "_PATH", library)
        yield pyfly.cuda
        patch.undo()

    @pytest.mark.parametrize("dtypes", ["ff", "dd", "FF", "DD", "fF", "dD"])
    @pytest.mark.parametrize("tied", [False, True])
    def test_products_and_gradients_agree_with_the_processor(simulated, dtypes, tied):
        rng = np.random.default_rng(0)
        w = factors(rng, 32, dtypes[0], tied)
        x, g = numbers(rng, (3, 5, 32), dtypes[1]), numbers(rng, (3, 5, 32), dtypes[1])
        on_device = [simulated.asarray(v) for v in (w, x, g)]
        tol = 200 * np.finfo(dtypes[0]).eps
        for op in ("N", "T", "C", "conj"):
            for up in (True, False):
                how = {"op": op, "increasing_stride": up, "tied": tied}
                expected = pyfly.butterfly_multiply(w, x, **how)
                got = pyfly.butterfly_multiply(*on_device[:2], **how).get()
                assert got.dtype == expected.dtype
                np.testing.assert_allclose(got, expected, rtol=0, atol=tol * abs(expected).max())
                wanted = pyfly.butterfly_multiply_grad(w, x, g, **how)
                for mine, theirs in zip(simulated.butterfly_multiply_grad(*on_device, **how), wanted, strict=True):
                    np.testing.assert_allclose(mine.get(), theirs, rtol=0, atol=tol * abs(theirs).max())

    def test_wrong_operands_are_named(simulated):
        w, x = simulated.asarray(np.ones((3, 4, 2, 2))), simulated.asarray(np.ones((2, 8)))
        with pytest.raises(TypeError, match="x is a ndarray"):
            simulated.butterfly_multiply(w, np.ones((2, 8)))
        with pytest.raises(ValueError, match="twiddle has shape"):
            simulated.butterfly_multiply(w, simulated.asarray(np.ones((2, 16))))
        with pytest.raises(ValueError, match="out has shape"):
            simulated.butterfly_multiply(w, x, out=simulated.asarray(np.ones((3, 8))))
        with pytest.raises(TypeError, match="one precision"):
            simulated.butterfly_multiply(w, simulated.asarray(np.ones((2, 8), np.float32)))
        with pytest.raises(ValueError, match="op="):
            simulated.butterfly_multiply(w, x, op="H")
