"""Registers, spills and stack of every CUDA kernel, from the log that libbutterfly/build_cuda.sh leaves behind.

python bench/cuda/registers.py OBJECTS/ptxas.log            prints the table
python bench/cuda/registers.py OBJECTS/ptxas.log --check    fails when a kernel spills, or one of src/cuda is missing
"""

import re
import sys
from pathlib import Path

EXPECTED = {
    "forward": 12,
    "backward": 4,
    "add_parts": 4,
    "add_members": 4,
    "relaxed": 4,
    "relaxed_grad": 4,
    "permute": 4,
}


def read(text):
    """[(architecture, kernel, mangled name, registers, spilled bytes)]"""
    rows = []
    for part in text.split("Compiling entry function '")[1:]:
        name, arch = re.match(r"(\S+)' for '(\w+)'", part).groups()
        spills = sum(map(int, re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part).groups()))
        registers = int(re.search(r"Used (\d+) registers", part).group(1))
        length, rest = re.match(r"_ZN9bfly_cuda(\d+)(\w+)", name).groups()
        rows.append((arch, rest[: int(length)], name, registers, spills))
    return sorted(rows)


def main():
    rows = read(Path(sys.argv[1]).read_text())
    for arch, kernel, name, registers, spills in rows:
        print(f"{arch:8} {kernel:14} {registers:4} registers {spills:5} bytes spilled  {name}")
    if "--check" not in sys.argv:
        return 0
    bad = [name for _, _, name, _, spills in rows if spills]
    for arch in {row[0] for row in rows} or {"any architecture"}:
        for kernel, count in EXPECTED.items():
            found = sum(row[0] == arch and row[1] == kernel for row in rows)
            if found != count:
                bad.append(f"{arch}: {found} kernels {kernel}, not {count}")
    for line in bad:
        print(f"error: {line}", file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
