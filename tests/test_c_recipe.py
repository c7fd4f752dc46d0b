"""The recipe of libbutterfly/README.md for the library inside the Python package, as a user follows it."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parent.parent / "libbutterfly" / "README.md").read_text()


def test_a_c_program_links_the_library_inside_the_package(tmp_path):
    (hello,) = re.findall(r"```c\n(/\* hello\.c \*/.*?)```", PAGE, re.DOTALL)
    (recipe,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "hello.c").write_text(hello)
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    env["PATH"] = f"{python.parent}{os.pathsep}{env['PATH']}"
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(["sh", "-e", "-c", recipe], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 1 1 1 1 1 1 1\n1 -1 1 -1 1 -1 1 -1\n"
