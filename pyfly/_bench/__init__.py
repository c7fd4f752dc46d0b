"""`pyfly bench`: pyfly beside its peers and the machine's limits, all measured in one run.

timer     competitors in turns, medians, ratios inside rounds; threads of every library
machine   peak rate and bandwidths
cases     the table of cases        peers   the libraries they are compared with
comparison   one case measured      report  table, JSON, picture
"""

import os
import sys

__all__ = ["add_arguments", "main", "run"]

SECONDS, QUICK_SECONDS = 50.0, 10.0
QUICK_PEERS = ("numpy", "scipy.fft", "pyfftw", "scipy.dct", "forward", "multiply", "1-thread", "memory")


def run(groups=None, *, quick=False, threads=1, report=None):
    """Measure cases; returns (Machine, list of dict), see `comparison.measure_case`.

    Parameters
    ----------
    groups : iterable of str, optional
        Names in `cases.GROUPS`; all by default.
    quick : bool
        Few cases, fewer peers, under 15 seconds instead of under 60.
    threads : int
        For pyfly and all peers; one is pinned to a processor.
    report : callable, optional
        Called as report(machine, row) after each case, and once with row None before the first.

    Raises
    ------
    ValueError
        An unknown group, or threads < 1.
    ArithmeticError
        A peer computed other numbers than pyfly.

    Examples
    --------
    >>> from pyfly import _bench
    >>> machine, rows = _bench.run(["first"], quick=True)  # doctest: +SKIP
    """
    from pyfly._bench.cases import CASES, GROUPS, available
    from pyfly._bench.comparison import measure_case
    from pyfly._bench.machine import measure_machine
    from pyfly._bench.peers import load
    from pyfly._bench.timer import threads as set_threads

    groups = GROUPS if groups is None else list(groups)
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"group {group!r} must be one of {', '.join(GROUPS)}")
    cases = [case for case in available(CASES) if case.group in groups and (case.quick or not quick)]
    share = (QUICK_SECONDS if quick else SECONDS) / max(1, len(cases))
    peers = QUICK_PEERS if quick else None
    load(peers)  # before the numbers of threads are set: only libraries that are there can be told
    with set_threads(threads):
        machine = measure_machine(threads, rounds=5 if quick else 9)
        if report is not None:
            report(machine, None)
        rows = []
        for case in cases:
            row = measure_case(case, machine, peers=peers, slot=5e-4 if quick else 1e-3, budget=0.3 * share)
            rows.append(row)
            if report is not None:
                report(machine, row)
    return machine, rows


def add_arguments(parser):
    """Add the options of `pyfly bench` to an argparse parser."""
    parser.add_argument("--quick", action="store_true", help="few cases: under 15 seconds")
    parser.add_argument(
        "--group", action="append", metavar="NAME", help="only these: first, multiply, batch, vector, gradient, ..."
    )
    parser.add_argument("--threads", type=int, default=1, metavar="K", help="threads for all libraries; default 1")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--plot", metavar="FILE", help="write a picture of the ratios to FILE (.png, .pdf, .svg)")


def _tell_libraries(threads):
    """By the environment, for libraries that are not loaded yet: there may be no threadpoolctl to tell them later."""
    for name in "OMP", "OPENBLAS", "MKL":
        os.environ.setdefault(f"{name}_NUM_THREADS", str(threads))
    # Intel's OpenMP spins for 200 ms after a call: too long for others to take turns with it
    os.environ.setdefault("KMP_BLOCKTIME", "10")


def main(args):
    """Run with parsed options; 0, or 2 when they are wrong or a file cannot be written."""
    if args.threads >= 1:
        _tell_libraries(args.threads)
    from pyfly._bench import report
    from pyfly._bench.peers import load

    names = [name for name in load(QUICK_PEERS if args.quick else None) if name != "1-thread" or args.threads > 1]

    def show(machine, row):
        if row is None:
            print(f"{machine}\n\n{report.header(names)}", flush=True)
        else:
            print(report.line(row, names), flush=True)

    for path in args.json, args.plot:
        folder = os.path.dirname(os.path.abspath(path)) if path else "."
        if not os.path.isdir(folder):
            print(f"pyfly bench: {path}: there is no folder {folder}", file=sys.stderr)
            return 2
    try:
        machine, rows = run(args.group, quick=args.quick, threads=args.threads, report=show)
    except ValueError as error:
        print(f"pyfly bench: {error}", file=sys.stderr)
        return 2
    print(f"\n{report.legend(machine)}")
    try:
        if args.json:
            report.write_json(args.json, machine, rows, {"quick": args.quick, "threads": args.threads})
        if args.plot:
            report.plot(args.plot, machine, rows)
    except (OSError, ValueError) as error:
        print(f"pyfly bench: {error}", file=sys.stderr)
        return 2
    return 0
