"""The page for users of PyTorch: its Python blocks run as they stand."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

PAGE = Path(__file__).parent.parent / "pyfly" / "torch" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("which", range(2))
def test_the_examples_run(which):
    assert len(BLOCKS) == 2
    exec(compile(BLOCKS[which], f"{PAGE.name}[{which}]", "exec"), {})
