"""What the README shows runs as it stands: the Python block, the C program, the commands' words."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pyfly

README = Path(__file__).parent.parent / "README.md"
GUIDES = [README, README.parent / "libbutterfly" / "README.md"]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_python_block_runs(tmp_path):
    (code,) = blocks(README.read_text(), "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Re(BP" in done.stdout and (tmp_path / "factors.npz").exists()


def test_the_c_program_runs_with_the_library_of_the_package(tmp_path):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("the package was built without a C compiler in reach")
    (code,) = blocks(README.read_text(), "c")
    (tmp_path / "main.c").write_text(code)
    library = Path(pyfly.get_library())
    subprocess.run(
        [*compiler.split(), "-Wall", "-Wextra", "-Werror", f"-I{pyfly.get_include()}", "main.c", str(library)]
        + [f"-Wl,-rpath,{library.parent}", "-o", "main"],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["36", "-4", "-8", "0", "-16", "0", "0", "0"]


def test_relative_links_lead_somewhere():
    for guide in GUIDES:
        for target in re.findall(r"\]\(([^)#]+)\)", guide.read_text()):
            if "://" not in target:
                assert (guide.parent / target).exists(), f"{guide.name}: {target}"
