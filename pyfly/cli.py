"""The command line: pyfly learn, apply, show, bench, info.

Exit status 0: the tolerance was met; 1: it was not; 2: wrong use or bad input, with one line on standard error.
"""

import argparse
import contextlib
import json
import os
import sys

from pyfly._replace import replacing

NAMES = ("dft", "idft", "dct", "dst", "hadamard", "walsh", "hartley", "convolution", "legendre", "randn")


class UsageError(Exception):
    """Bad input; the message is for the user."""


def main(argv=None):
    """Run the command line and return the exit status."""
    parser = _parser()
    try:
        args = parser.parse_args(argv)
        return args.run(args)
    except UsageError as error:
        return _refuse(error)
    except (OSError, ValueError, TypeError, MemoryError) as error:
        return _refuse(str(error) or type(error).__name__)
    except KeyboardInterrupt:
        print("pyfly: interrupted, nothing was written", file=sys.stderr)
        return 130


def _refuse(message):
    print(f"pyfly: error: {message}", file=sys.stderr)
    return 2


def _parser():
    parser = argparse.ArgumentParser(prog="pyfly", description="Learnt fast linear transforms.")
    commands = parser.add_subparsers(required=True, metavar="command")

    learn = commands.add_parser("learn", help="find the fast algorithm of a dense matrix")
    learn.add_argument("target", metavar="TARGET", help=f"a .npy file, or one of {', '.join(NAMES)}")
    learn.add_argument("-n", type=int, help="size of a named target (1024)")
    learn.add_argument("-o", "--output", metavar="FILE.npz", help="save what was found")
    learn.add_argument("--plot", metavar="FILE.png", help="picture of target, product, difference and stages")
    learn.add_argument("--method", choices=("auto", "peel", "gradient"), default="auto")
    learn.add_argument("--model", default="auto", help="class to look for: BP, Re(BP), BPP, BPBP, ... (auto)")
    learn.add_argument("--tol", type=float, help="relative error that counts as found (1e-10; single precision 1e-5)")
    learn.add_argument("--tied", choices=("auto", "yes", "no"), default="auto", help="the same blocks along a stage")
    learn.add_argument("--max-depth", type=int, default=1, help="number of factors BP for a target outside the class")
    learn.add_argument("--expansion", type=int, default=1, help="size of the factors over that of the target")
    learn.add_argument("--seed", type=int, default=0)
    learn.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    learn.set_defaults(run=_learn)

    apply = commands.add_parser("apply", help="apply a saved transform to the last axis of an array")
    apply.add_argument("factors", metavar="factors.npz")
    apply.add_argument("x", metavar="x.npy")
    apply.add_argument("-o", "--output", metavar="y.npy", required=True)
    apply.set_defaults(run=_apply)

    show = commands.add_parser("show", help="say what a saved transform is")
    show.add_argument("factors", metavar="factors.npz")
    show.add_argument("--target", metavar="T.npy", help="recompute the error against this matrix")
    show.add_argument("--plot", metavar="FILE.png", help="picture of the product and its stages")
    show.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    show.set_defaults(run=_show)

    bench = commands.add_parser("bench", help="time the kernels beside other libraries")
    _bench_arguments(bench)
    bench.set_defaults(run=_bench)

    info = commands.add_parser("info", help="versions, instruction sets, threads, paths")
    info.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    info.set_defaults(run=_info)
    return parser


# ---- learn ---------------------------------------------------------------------------------------------------------


def _learn(args):
    import pyfly

    target = _target(args.target, args.n)
    for path in (args.output, args.plot):
        _check_folder(path)
    with _progress(args) as progress:
        found = pyfly.learn(
            target,
            method=args.method,
            model=args.model,
            tol=args.tol,
            tied={"auto": "auto", "yes": True, "no": False}[args.tied],
            max_depth=args.max_depth,
            expansion=args.expansion,
            seed=args.seed,
            progress=progress,
        )
    if args.output:
        found.save(args.output)
    if args.plot:
        from pyfly._plot import plot_factorization

        with replacing(args.plot, ".png") as temporary:
            plot_factorization(found, target, temporary)
    if args.json:
        print(json.dumps(_summary(found)))
    else:
        print(found.summary())
        for line in _speed(found.operator, target):
            print(line)
        for path in (args.output, args.plot):
            if path:
                print(f"  written          {path}")
    return 0 if found.converged else 1


def _target(name, n):
    """The matrix that the user names: a file that exists, or a transform."""
    from pyfly import targets

    if name in NAMES and not os.path.exists(name):
        return getattr(targets, name)(1024 if n is None else n)
    if n is not None:
        raise UsageError(f"-n {n} goes with a named target, not with the file {name}")
    if name.endswith(".npy") or os.path.exists(name):
        return _load_npy(name)
    raise UsageError(f"{name!r} is neither a .npy file nor one of {', '.join(NAMES)}")


def _load_npy(path):
    """An array from a .npy file; its header's claim is compared with the file before memory is asked for."""
    import numpy as np
    from numpy.lib import format as npy

    try:
        with open(path, "rb") as file:
            version = npy.read_magic(file)
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
            if read_header is None:
                raise UsageError(f"{path}: format version {version} is not supported; save the array with numpy.save")
            shape, fortran, dtype = read_header(file)
            if dtype.hasobject:
                raise UsageError(f"{path}: holds Python objects, which are not read; save numbers")
            items = 1
            for length in shape:
                items *= length
            here, there = file.tell(), os.fstat(file.fileno()).st_size
            if items * dtype.itemsize != there - here:
                raise UsageError(
                    f"{path}: the header promises {items} numbers of {dtype}, {items * dtype.itemsize} bytes, but "
                    f"{there - here} bytes follow; the file is damaged"
                )
            data = np.fromfile(file, dtype=dtype, count=items)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a .npy file") from None
    except UsageError:
        raise
    except (ValueError, EOFError, SyntaxError) as error:
        raise UsageError(f"{path}: not a .npy file ({error})") from None
    return data.reshape(shape, order="F" if fortran else "C")


@contextlib.contextmanager
def _progress(args):
    """A function of (fraction, message) that moves a bar, on a terminal only."""
    if args.json or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=100, bar_format="{desc:32.32} {bar:30} {percentage:3.0f} % {elapsed}", file=sys.stderr) as bar:

        def progress(fraction, message):
            bar.set_description_str(message, refresh=False)
            bar.n = max(bar.n, round(100 * min(max(fraction, 0.0), 1.0)))
            bar.refresh()

        yield progress
        progress(1.0, "done")


def _summary(found):
    words = ("model", "converged", "relative_error", "rmse", "n_parameters", "seconds", "tied", "tol", "method", "note")
    summary = {word: getattr(found, word) for word in words}
    summary["shape"] = list(found.shape)
    summary["permutation"] = found.permutation_in_words
    return summary


def _speed(operator, target):
    """Time of a vector through the operator and through the dense product, measured now."""
    import numpy as np

    from pyfly import get_num_threads
    from pyfly._bench.timer import SETTLE, measure

    dtype = np.result_type(operator.dtype, target.dtype)
    rows = np.random.default_rng(0).standard_normal((256, target.shape[1])).astype(dtype)
    dense = np.ascontiguousarray(target.T, dtype=dtype)
    try:
        fast_product = operator.plan().apply
    except ValueError:  # rectangular products have no plan
        fast_product = operator.apply
    lines = []
    for title, x in (("one vector", rows[:1]), (f"{len(rows)} vectors", rows)):
        # one after the other: threads of a BLAS spin on after the dense product
        settle = SETTLE if get_num_threads() > 1 else 0
        fast = 1e6 / len(x) * measure({"": lambda x=x: fast_product(x)}, rounds=3, settle=settle)[""]
        slow = 1e6 / len(x) * measure({"": lambda x=x: x @ dense}, budget=0.2)[""]
        lines.append(
            f"  {title:16} {fast:.3g} us a vector, {slow / fast:.2g} times as fast as the dense product ({slow:.3g} us)"
        )
    return lines


# ---- apply, show, bench, info --------------------------------------------------------------------------------------


def _apply(args):
    import numpy as np

    import pyfly

    _check_folder(args.output)
    operator = pyfly.load(args.factors).operator
    x = _load_npy(args.x)
    if x.ndim == 0 or x.shape[-1] != operator.shape[1]:
        raise UsageError(
            f"{args.x}: shape {x.shape}, but the transform takes vectors of length {operator.shape[1]} on the last axis"
        )
    y = operator.apply(x)
    with replacing(args.output) as temporary, open(temporary, "wb") as file:
        np.save(file, y, allow_pickle=False)
    return 0


def _show(args):
    import pyfly

    found = pyfly.load(args.factors)
    target = None
    if args.target:
        target = _load_npy(args.target)
        if target.shape != found.operator.shape:
            raise UsageError(f"{args.target}: shape {target.shape}, but the transform is {found.operator.shape}")
    error = None if target is None else float(found.verify(target))
    if args.plot:
        from pyfly._plot import plot_factorization

        _check_folder(args.plot)
        with replacing(args.plot, ".png") as temporary:
            plot_factorization(found, target, temporary)
    if args.json:
        summary = _summary(found)
        if error is not None:
            summary["recomputed_relative_error"] = error
        print(json.dumps(summary))
    else:
        print(found.summary())
        if error is not None:
            print(f"  recomputed       relative error {error:.2e} against {args.target}")
            print("  by block (row mean square over the whole, 4 x 4):")
            for row in found.residual_by_block(target, blocks=min(4, *target.shape)):
                print("    " + " ".join(f"{value:8.1e}" for value in row))
        print("  factors, leftmost first:")
        for factor in getattr(found.operator, "factors", [found.operator]):
            print(f"    {factor!r}")
    return 0 if error is None or error <= found.tol else 1


def _bench_arguments(parser):
    """The options live with the benchmark; naming them needs none of its imports."""
    from pyfly._bench import add_arguments

    add_arguments(parser)


def _bench(args):
    from pyfly._bench import main as bench

    return bench(args)


def _info(args):
    from pyfly import _config

    if args.json:
        print(json.dumps(_config.config()))
    else:
        _config.show_config()
    return 0


# ---- files ---------------------------------------------------------------------------------------------------------


def _check_folder(path):
    """Refuse a place that cannot be written before hours are spent."""
    if path is None:
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise UsageError(f"{path}: the folder {folder} does not exist")
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: the folder {folder} is not writable")
