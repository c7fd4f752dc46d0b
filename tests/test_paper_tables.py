"""bench/paper_tables.py and bench/gradient_rates.py: cells, files, and what a second run does."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_paper_tables_hold_every_transform_and_show_what_fails(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    tables = script("paper_tables")
    arguments = ["--n", "16", "--methods", "auto", "sparse", "--out", str(tmp_path)]
    tables.main(arguments)
    cells = json.loads((tmp_path / "paper_tables.json").read_text())["cells"]
    auto = {cell["transform"]: cell for cell in cells if cell["method"] == "auto"}
    assert len(auto) == 8 and len(cells) == 16 and (tmp_path / "paper_tables.png").stat().st_size > 1000
    for name, cell in auto.items():
        assert cell["found"] == (name not in ("Legendre", "random"))
        assert not cell["found"] or cell["relative_error"] < 1e-13
    table = (tmp_path / "paper_tables.md").read_text()
    assert table.count("## ") == 8 and "| * " in table and "4.6e-06" in table
    # a second run takes what is there
    before = (tmp_path / "paper_tables.json").stat().st_mtime_ns
    capsys.readouterr()
    tables.main(arguments)
    assert (tmp_path / "paper_tables.json").stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("auto") == 8


def test_a_cell_beyond_its_limit_is_a_failed_cell(tmp_path):
    tables = script("paper_tables")
    worker = tables.Worker("gradient", 0)
    cell = worker.run("random", 64, "gradient", 0.0)
    worker.end()
    assert "limit" in cell["failed"] and "limit" in tables.words(cell)


def test_rates_are_counted_and_resumed(tmp_path, capsys):
    rates = script("gradient_rates")
    file = tmp_path / "rates.json"
    arguments = ["--sizes", "8", "--only", "DFT", "--way", "shared a", "--seeds", "3", "--json", str(file)]
    rates.main(arguments)
    cells = json.loads(file.read_text())
    assert {cell["way"] for cell in cells} == {
        "BP, untied, relaxed, shared a", "BP, tied, relaxed, shared a", "BP, untied, relaxed, shared abc"
    }  # fmt: skip
    assert all(cell["found"] == 3 and cell["worst_error_found"] < 1e-10 for cell in cells[:1])
    before = file.read_bytes()
    rates.main([*arguments, "--markdown", str(tmp_path / "rates.md")])
    assert file.read_bytes() == before
    assert (tmp_path / "rates.md").read_text().count("| DFT |") == 3
    assert capsys.readouterr().out.count("DFT") == 6
