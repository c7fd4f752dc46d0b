"""Registers, spills and stack of every CUDA kernel, from the log that libbutterfly/build_cuda.sh leaves behind.

python bench/cuda/registers.py OBJECTS/ptxas.log            a table: kernels by architectures
python bench/cuda/registers.py OBJECTS/ptxas.log --check    fails when a kernel spills, or one of src/cuda is missing
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

EXPECTED = {
    "forward": 14,
    "backward": 4,
    "add_parts": 4,
    "add_members": 4,
    "relaxed": 4,
    "relaxed_grad": 4,
    "add_probs": 4,
    "permute": 4,
}
_TYPES = {
    "f": ("S", "float"),
    "d": ("D", "double"),
    "NS_2cxIfEE": ("C", "cx<float>"),
    "NS_2cxIdEE": ("Z", "cx<double>"),
}


class Row(NamedTuple):
    arch: str
    kernel: str
    letter: str
    name: str
    registers: int
    spilled: int


def read(text):
    """A Row for every kernel and architecture."""
    rows = []
    for part in text.split("Compiling entry function '")[1:]:
        mangled, arch = re.match(r"(\S+)' for '(\w+)'", part).groups()
        spilled = sum(map(int, re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part).groups()))
        registers = int(re.search(r"Used (\d+) registers", part).group(1))
        length, rest = re.match(r"_ZN9bfly_cuda(\d+)(\w+)", mangled).groups()
        kernel, rest = rest[: int(length)], rest[int(length) :]
        kind, values = re.match(r"I(NS_2cxI[fd]EE|[fd])((?:L[ib]\d+E)*)E", rest).groups()
        letter, name = _TYPES[kind]
        rows.append(
            Row(arch, kernel, letter, ", ".join([name, *re.findall(r"L[ib](\d+)E", values)]), registers, spilled)
        )
    return sorted(rows)


def table(rows):
    """Lines of a Markdown table: registers, and spilled bytes where there are any."""
    archs = sorted({row.arch for row in rows}, key=lambda arch: int(arch.removeprefix("sm_")))
    cells = {(row.kernel, row.name, row.arch): row for row in rows}
    yield "| kernel | " + " | ".join(archs) + " |"
    yield "|---|" + "---|" * len(archs)
    for kernel, name in sorted({(row.kernel, row.name) for row in rows}):
        row = [cells.get((kernel, name, arch)) for arch in archs]
        shown = [
            "-" if cell is None else f"{cell.registers}" + (f" +{cell.spilled} B" if cell.spilled else "")
            for cell in row
        ]
        yield f"| {kernel}<{name}> | " + " | ".join(shown) + " |"


def problems(rows):
    """What --check complains of."""
    yield from (f"{row.arch}: {row.kernel}<{row.name}> spills {row.spilled} bytes" for row in rows if row.spilled)
    found = Counter((row.arch, row.kernel) for row in rows)
    for arch in sorted({row.arch for row in rows}) or ["any architecture"]:
        for kernel, count in EXPECTED.items():
            if found[arch, kernel] != count:
                yield f"{arch}: {found[arch, kernel]} kernels {kernel}, not {count}"


def main():
    rows = read(Path(sys.argv[1]).read_text())
    print("\n".join(table(rows)))
    bad = list(problems(rows)) if "--check" in sys.argv else []
    for line in bad:
        print(f"error: {line}", file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
