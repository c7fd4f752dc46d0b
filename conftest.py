"""Collection of tests: modules for optional packages are left out where these are missing. CUDA simulated."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

OPTIONAL = {"torch": "pyfly/torch/*.py", "threadpoolctl": "pyfly/_threadpool.py"}

collect_ignore_glob = [files for package, files in OPTIONAL.items() if not find_spec(package)]


@pytest.fixture(scope="session")
def cuda_simulation(tmp_path_factory):
    """The CUDA sources compiled for the processor, where host memory plays device memory: a library with their ABI."""
    root, path = Path(__file__).parent, tmp_path_factory.mktemp("cuda") / "libsim.so"
    flags = ["-std=c++17", "-O1", "-fPIC", "-w", "-DBFLY_CUDA_SIM", "-shared", "-x", "c++"]
    folders = [f"-I{root / folder}" for folder in ("tests/c/cuda", "include", "src")]
    sources = [*sorted((root / "src" / "cuda").glob("*.cu")), root / "tests" / "c" / "cuda" / "sim.cpp"]
    subprocess.run([shutil.which("c++") or "g++", *flags, *folders, *map(str, sources), "-o", str(path)], check=True)
    return path


@pytest.fixture
def cuda_library(cuda_simulation, monkeypatch):
    """That library in the place of libbutterfly_cuda."""
    from pyfly.cuda import _library

    monkeypatch.setattr(_library, "_library", None)
    monkeypatch.setattr(_library, "PATH", cuda_simulation)
    return _library.load()
