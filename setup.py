"""Builds libbutterfly.so once, inside the package, and the Cython extension linked to it.

Everything declarative is in pyproject.toml. Compiler options that not every compiler knows are tried first and dropped
with a notice when they fail, so that the only requirement is a C compiler.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
PACKAGE = "pyfly"
LIBRARY = "libbutterfly.so"
CUDA_LIBRARY = "libbutterfly_cuda.so"
BASE = ["-O3", "-std=gnu11", "-fPIC", "-DBFLY_BUILDING", "-DBFLY_SHARED"]
OPTIONAL = ["-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-fopenmp"]
# a name that programs linked to the file look for at run time; OpenMP's threads outlive a dlclose
LINK = [f"-Wl,-soname,{LIBRARY}", "-Wl,-z,nodelete"]


class BuildLibraryAndExtension(build_ext):
    """build_ext that compiles the C library before the extensions that link it."""

    def run(self):
        folder = ROOT / PACKAGE if self.inplace else Path(self.build_lib).resolve() / PACKAGE
        folder.mkdir(parents=True, exist_ok=True)
        self.build_library(folder / LIBRARY)
        self.build_cuda(folder / CUDA_LIBRARY)
        if not self.inplace:
            (folder / "include").mkdir(exist_ok=True)
            for header in sorted((ROOT / "include").iterdir()):
                shutil.copy(header, folder / "include" / header.name)
        for extension in self.extensions:
            extension.library_dirs.insert(0, str(folder))
        super().run()

    def build_library(self, target):
        sources = sorted((ROOT / "src").glob("*.c"))
        inputs = [p for folder in ("src", "include") for p in (ROOT / folder).iterdir()] + [ROOT / "setup.py"]
        if not self.force and target.exists() and target.stat().st_mtime > max(p.stat().st_mtime for p in inputs):
            return
        compiler = list(self.compiler_command())
        flags = BASE + [flag for flag in OPTIONAL if self.accepts(compiler, flag)]
        objects = Path(self.build_temp).resolve() / "libbutterfly"
        objects.mkdir(parents=True, exist_ok=True)

        def compile_one(source):
            out = objects / (source.stem + ".o")
            self.call(
                [*compiler, *flags, f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}", "-c", str(source), "-o", str(out)]
            )
            return str(out)

        # the large files first: they decide how long two processors take
        by_size = sorted(sources, key=lambda p: not p.stem.startswith("isa_"))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            files = list(pool.map(compile_one, by_size))
        link = [flag for flag in flags if flag == "-fopenmp"] + [flag for flag in LINK if self.accepts(compiler, flag)]
        self.call([*compiler, "-shared", *link, *files, "-lm", "-o", str(target)])

    def build_cuda(self, target):
        """The library for GPUs, where there is an nvcc: about 25 s of processor time. Builds in place are made often,
        so there it has to be asked for with BUTTERFLY_CUDA=1 or auto."""
        if self.inplace and "BUTTERFLY_CUDA" not in os.environ:
            return
        script = ROOT / "libbutterfly" / "build_cuda.sh"
        objects = Path(self.build_temp).resolve() / "libbutterfly_cuda"
        try:
            done = subprocess.run(["sh", str(script), str(target), str(objects)])
        except OSError as error:
            print(f"notice: building without CUDA: {error}", file=sys.stderr)
            return
        if done.returncode:
            raise SystemExit(done.returncode)

    def compiler_command(self):
        compiler = os.environ.get("CC")
        return compiler.split() if compiler else [shutil.which("cc") or shutil.which("gcc") or "cc"]

    def accepts(self, compiler, flag):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "try.c"
            source.write_text("int f(int x) { return x + 1; }\n")
            command = [*compiler, *BASE, flag, "-shared", str(source), "-o", str(Path(folder) / "try.so")]
            good = subprocess.run(command, capture_output=True).returncode == 0
        if not good:
            print(f"notice: the compiler does not take {flag}: building without it", file=sys.stderr)
        return good

    def call(self, command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def extension(source):
    """Each pyfly/*.pyx is an extension linked to the library beside it."""
    return Extension(
        f"{PACKAGE}.{source.stem}",
        [f"{PACKAGE}/{source.name}"],
        include_dirs=["include", numpy.get_include()],
        libraries=["butterfly"],
        extra_link_args=["-Wl,-rpath,$ORIGIN"],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_1_API_VERSION")],
        depends=["include/butterfly.h", *sorted(str(path) for path in Path(PACKAGE).glob("*.pxd"))],
    )


setup(
    ext_modules=cythonize(
        [extension(source) for source in sorted((ROOT / PACKAGE).glob("*.pyx"))], language_level=3, include_path=["."]
    ),
    cmdclass={"build_ext": BuildLibraryAndExtension},
)
