"""libbutterfly_cuda: loaded and checked on first use; its results as exceptions; devices and streams."""

import ctypes
from contextlib import contextmanager
from pathlib import Path

INT = ctypes.c_int64
PATH = Path(__file__).parents[1] / "libbutterfly_cuda.so"
_ABI = 2
_library = None


def load():
    """The library, whether or not there is a device."""
    global _library
    if _library is None:
        try:
            library = ctypes.CDLL(str(PATH))
        except OSError as error:
            raise RuntimeError(
                f"pyfly was built without CUDA, or its library cannot be loaded: {error}. Install it from source where "
                "nvcc is found, with BUTTERFLY_CUDA=1 to see what goes wrong"
            ) from None
        abi = library.bfly_cuda_abi_version()
        if abi != _ABI:
            raise RuntimeError(f"{PATH} has interface {abi}; this pyfly needs {_ABI}: install both from one source")
        library.bfly_cuda_strerror.restype = ctypes.c_char_p
        library.bfly_cuda_last_error_text.restype = ctypes.c_char_p
        _library = library
    return _library


class TooSmallDevice(RuntimeError):
    """The device has too little shared memory for an operation."""


_ERRORS = {1: MemoryError, 103: TooSmallDevice}


def check(result):
    """Raises what a result of the library other than 0 stands for."""
    if result:
        text = _library.bfly_cuda_strerror(result).decode()
        detail = f" ({_library.bfly_cuda_last_error_text().decode()})" if result == 101 else ""
        raise _ERRORS.get(result, RuntimeError)(f"CUDA: {text}{detail} [{result}]")


def ready():
    """The library, where there is a device."""
    library = load()
    check(library.bfly_cuda_device_count(ctypes.byref(ctypes.c_int(0))))
    return library


def device_count():
    """The number of GPUs this process can use; 0 without the library, a driver or a device."""
    try:
        library = load()
    except RuntimeError:
        return 0
    count = ctypes.c_int(0)
    return count.value if library.bfly_cuda_device_count(ctypes.byref(count)) == 0 else 0


def is_available():
    """Whether there are the library, a driver and a GPU.

    Examples
    --------
    >>> import pyfly.cuda
    >>> pyfly.cuda.is_available() == (pyfly.cuda.device_count() > 0)
    True
    """
    return device_count() > 0


def current_device(library):
    device = ctypes.c_int(0)
    check(library.bfly_cuda_get_device(ctypes.byref(device)))
    return device.value


@contextmanager
def on_device(library, device):
    """The calling thread's device is this one, meanwhile."""
    before = current_device(library)
    if before == device:
        yield
        return
    check(library.bfly_cuda_set_device(device))
    try:
        yield
    finally:
        check(library.bfly_cuda_set_device(before))


def stream_address(stream):
    """The address of a stream: an int, or an object of CuPy, PyTorch, Numba or cuda.core; 0 is the default stream."""
    if hasattr(stream, "__cuda_stream__"):
        stream = stream.__cuda_stream__()[1]
    for name in ("cuda_stream", "ptr", "handle"):
        stream = getattr(stream, name, stream)
    stream = getattr(stream, "value", stream)
    if stream is None:
        return 0
    if not isinstance(stream, int) or isinstance(stream, bool) or stream < 0:
        raise TypeError(
            f"stream={stream!r} must be a stream's address, or a stream of CuPy, PyTorch, Numba or cuda.core"
        )
    return 0 if stream == 1 else stream  # 1 is another name of the legacy default stream


def wait(library, stream, other):
    """What is queued later in `stream` starts after what `other` holds now."""
    if stream != other:
        check(library.bfly_cuda_wait(ctypes.c_void_p(stream), ctypes.c_void_p(other)))
