"""The library's settings: threads, instruction set, where its files are."""

import sys
from contextlib import contextmanager
from pathlib import Path

from pyfly import _core


def get_num_threads():
    """Number of threads a call from this thread may use.

    Examples
    --------
    >>> import pyfly
    >>> pyfly.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


def _count(k):
    if k is None:
        return 0
    if isinstance(k, bool) or not hasattr(k, "__index__"):
        raise TypeError(f"k={k!r} must be an integer >= 1, or None for the default")
    if not 1 <= k.__index__() < 2**20:
        raise ValueError(f"k={k!r} must be at least 1 (and below 2^20), or None for the default")
    return k.__index__()


def set_num_threads(k):
    """Set the number of threads for all threads of the process.

    Parameters
    ----------
    k : int or None
        At least 1; None returns to the default: BUTTERFLY_NUM_THREADS, else OMP_NUM_THREADS, else the processors that
        affinity and the control group allow.

    Raises
    ------
    ValueError, TypeError
        k is no positive integer.
    """
    _core.set_num_threads(_count(k))


@contextmanager
def num_threads(k):
    """Context manager: at most k threads for calls from this thread.

    Examples
    --------
    >>> import pyfly
    >>> with pyfly.num_threads(1):
    ...     pyfly.get_num_threads()
    1
    """
    old = _core.set_num_threads_local(_count(k))
    try:
        yield
    finally:
        _core.set_num_threads_local(old)


def get_isa():
    """Name of the instruction set in use: scalar, sse2, avx2, avx512, neon."""
    return _core.get_isa()


def set_isa(name):
    """Choose the instruction set for calls that start later; "auto" is the best one available.

    Raises
    ------
    ValueError
        `name` is not available here; the message lists those that are. BUTTERFLY_ISA sets the initial one.
    """
    _core.set_isa(name)


def get_include():
    """Folder of butterfly.h, also in an editable install.

    Examples
    --------
    >>> import pathlib, pyfly
    >>> (pathlib.Path(pyfly.get_include()) / "butterfly.h").exists()
    True
    """
    package = Path(__file__).parent
    installed = package / "include"
    return str(installed if installed.is_dir() else package.parent / "include")


def get_library():
    """File of the shared library that the extensions use: link C programs to it.

    Examples
    --------
    >>> import pyfly
    >>> pyfly.get_library().rsplit("/", 1)[1]
    'libbutterfly.so'
    """
    return str(Path(__file__).parent / "libbutterfly.so")


def config():
    """Settings and versions as a dict: what `show_config` prints."""
    import numpy
    import scipy

    import pyfly

    number = _core.version()
    return {
        "pyfly": pyfly.__version__,
        "libbutterfly": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "library": get_library(),
        "include": get_include(),
        "isa": get_isa(),
        "isas": _core.available_isas(),
        "threads": get_num_threads(),
        "config": _core.config(),
        "python": sys.version.split()[0],
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def show_config(file=None):
    """Print versions, instruction sets, threads and paths."""
    for name, value in config().items():
        print(f"{name:14}{' '.join(value) if isinstance(value, list) else value}", file=file)
