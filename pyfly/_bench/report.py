"""Tables, JSON and a picture of what was measured."""

import json
import os
from datetime import UTC, datetime

__all__ = ["header", "line", "legend", "plot", "write_json"]


def _time(seconds):
    for unit, scale in ("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3):
        if seconds < 999.5 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def _ratio(ratio):
    return "" if ratio is None else f"{ratio:.{2 if ratio < 9.95 else 1 if ratio < 99.5 else 0}f}"


def header(names):
    """Title of the columns; `names` are the peers'."""
    left = f"{'case':42}{'a vector':>10}{'GFLOP/s':>9}{'GB/s':>7}{'limit':>13}"
    return left + "".join(f"{name:>{len(name) + 2}}" for name in names)


def line(row, names):
    """One case as a row of the table."""
    share = f"{100 * row['share']:.0f} % {row['limit']}"
    left = (
        f"{row['label']:42}{_time(row['seconds'] / row['batch']):>10}{row['gflops']:>9.3g}{row['gbytes']:>7.3g}"
        f"{share:>13}"
    )
    return (left + "".join(f"{_ratio(row['ratios'].get(name)):>{len(name) + 2}}" for name in names)).rstrip()


def legend(machine):
    """What the columns mean."""
    held = (
        f"pyfly was held to {machine.isa}, its peers use what they find.\n" if machine.isa != machine.best_isa else ""
    )
    return held + (
        "a vector: pyfly's time for one of the batch. GFLOP/s: two for each product with a stored number.\n"
        "limit: share of the matrix product's rate (FMA) or of the bandwidth (memory), whichever binds.\n"
        "Peers: their time over pyfly's, so above 1 pyfly is faster; scipy.fft, pyfftw and mkl_fft do a complex\n"
        "transform of the same length, batch and precision."
    )


def write_json(path, machine, rows, settings):
    """Write everything to one JSON file, under a temporary name first."""
    content = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.as_dict(),
        "settings": settings,
        "cases": rows,
    }
    temporary = f"{path}.part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.replace(temporary, path)


def plot(path, machine, rows):
    """One picture: every case a row, every peer a mark at its time over pyfly's, on a log axis."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    figure = Figure(figsize=(9, 1.6 + 0.24 * len(rows)), layout="constrained")
    axes = figure.subplots()
    height = {id(row): len(rows) - i for i, row in enumerate(rows)}
    for i, name in enumerate(names):
        points = [(row["ratios"][name], height[id(row)]) for row in rows if name in row["ratios"]]
        axes.plot(*zip(*points, strict=True), "osD^vP*X<>p"[i % 11], label=name, markersize=5, alpha=0.8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(list(height.values()), [row["label"] for row in rows], fontsize=8)
    axes.set_ylim(0.3, len(rows) + 0.7)
    axes.grid(axis="x", alpha=0.3)
    axes.grid(axis="y", alpha=0.15)
    axes.set_xlabel("time of the peer over pyfly's: right of 1 pyfly is faster")
    axes.set_title(f"{machine.name}, {machine.isa}, {machine.threads} thread{'s' * (machine.threads > 1)}", fontsize=9)
    figure.legend(loc="outside lower center", ncols=min(len(names), 6), fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
