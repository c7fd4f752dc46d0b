"""Arrays in device memory: one of our own, and where those of other libraries lie."""

import ctypes
import math

import numpy as np

from pyfly.cuda import _dlpack, _torch
from pyfly.cuda._library import INT, check, current_device, on_device, ready, stream_address, wait


class DeviceArray:
    """A C-contiguous array in device memory, for any library with ``__cuda_array_interface__`` or DLPack.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    stream : int or stream, optional
        The stream in which its memory is taken and given back, and in which its numbers are ready; it must live as long
        as the array. The legacy default stream otherwise.

    Examples
    --------
    ``get()`` copies it to NumPy; `asarray` is the way back::

        y = pyfly.cuda.fwht(pyfly.cuda.asarray(x)).get()
    """

    def __init__(self, shape, dtype, stream=None):
        self.shape, self.dtype, self.stream = tuple(shape), np.dtype(dtype), stream_address(stream)
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        self._readers = set()  # other streams, which may still read when the array is given back
        self._library = ready()
        self.device = current_device(self._library)
        self._memory = ctypes.c_void_p()
        check(self._library.bfly_cuda_malloc(self._stream, INT(self.nbytes), ctypes.byref(self._memory)))

    @property
    def _stream(self):
        return ctypes.c_void_p(self.stream)

    def __del__(self):
        if getattr(self, "_memory", None):
            with on_device(self._library, self.device):
                for reader in self._readers:
                    wait(self._library, self.stream, reader)
                check(self._library.bfly_cuda_free(self._stream, self._memory))

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device})"

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def address(self):
        return self._memory.value or 0

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "strides": None,
            "version": 3,
            "stream": self.stream or 1,  # 1 is the legacy default stream, 0 is not allowed
        }

    def __dlpack_device__(self):
        return _dlpack.CUDA, self.device

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if copy or dl_device not in (None, self.__dlpack_device__()):
            raise BufferError(f"copy={copy}, dl_device={dl_device}: the array can only be seen where it is; see get()")
        if stream != -1:  # -1: the reader sees to the order itself
            reader = stream_address(stream)
            with on_device(self._library, self.device):
                wait(self._library, reader, self.stream)
            if reader != self.stream:
                self._readers.add(reader)
        return _dlpack.capsule(self, self.address, self.shape, self.dtype, self.device)

    def get(self):
        """A NumPy array with the same numbers; waits for the stream."""
        out = np.empty(self.shape, self.dtype)
        with on_device(self._library, self.device):
            self._copy(out.ctypes.data, self.address)
        return out

    def _copy(self, to, source):
        check(
            self._library.bfly_cuda_copy(self._stream, ctypes.c_void_p(to), ctypes.c_void_p(source), INT(self.nbytes))
        )
        check(self._library.bfly_cuda_synchronize(self._stream))


def asarray(x, *, stream=None):
    """A DeviceArray with the numbers of the NumPy array x, on the current device; waits for the copy."""
    x = np.asarray(x, order="C")
    if x.dtype.kind not in "biufc":
        raise TypeError(f"x has dtype {x.dtype}; it must be numbers in host memory")
    out = DeviceArray(x.shape, x.dtype, stream)
    out._copy(out.address, x.ctypes.data)
    return out


def in_device_memory(x):
    """Whether x is an array in device memory, of any library."""
    if isinstance(x, np.ndarray):
        return False
    if _torch.is_tensor(x):
        return _torch.in_device_memory(x)
    if hasattr(x, "__cuda_array_interface__"):
        return True
    where = getattr(x, "__dlpack_device__", None)
    return where is not None and where()[0] in (_dlpack.CUDA, _dlpack.CUDA_MANAGED)


def stream_of(x):
    """The stream in which x's numbers are ready; None where it names none."""
    if _torch.is_tensor(x):
        return stream_address(_torch.stream_of(x)) if _torch.in_device_memory(x) else None
    interface = getattr(x, "__cuda_array_interface__", None)
    stream = None if interface is None else interface.get("stream")
    return None if stream is None else stream_address(stream)


def new_like(x, shape, dtype, stream):
    """A new array on the current device: a tensor where x is one, else a DeviceArray."""
    return _torch.empty_like(x, shape, dtype) if _torch.is_tensor(x) else DeviceArray(shape, dtype, stream)


class Operand:
    """Address, shape, strides in numbers, dtype, device and stream of a device array."""

    def __init__(self, array, name, dtypes, library, stream):
        self.name, self.held, self.read_only, self.device, unit = name, array, False, None, 1
        if not in_device_memory(array):
            raise TypeError(
                f"{name} is a {type(array).__name__} in host memory; it must be in device memory: copy it with "
                "pyfly.cuda.asarray"
            )
        self.stream = stream_of(array)
        if _torch.is_tensor(array):
            self.address, self.shape, strides, self.dtype, self.device = _torch.place(array, name)
        elif (interface := getattr(array, "__cuda_array_interface__", None)) is not None:
            if interface.get("mask") is not None:
                raise TypeError(f"{name} has a mask; it must be a plain array")
            self.address, self.read_only = interface["data"]
            self.shape, self.dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
            strides, unit = interface.get("strides"), self.dtype.itemsize
            if isinstance(array, DeviceArray):
                self.device = array.device
        else:
            self.held = array.__dlpack__(stream=stream or 1)
            self.address, self.shape, strides, self.dtype = _dlpack.read(self.held)
            self.device = array.__dlpack_device__()[1]
        if self.dtype is None or self.dtype.char not in dtypes or not self.dtype.isnative:
            allowed = ", ".join(np.dtype(c).name for c in dtypes)
            raise TypeError(f"{name} has dtype {self.dtype}; it must be {allowed}")
        if strides is None:
            strides = contiguous_strides(self.shape)
        elif any(s % unit for s in strides):
            raise ValueError(f"{name} has strides {tuple(strides)}; they must be multiples of {unit} bytes: copy it")
        else:
            strides = [s // unit for s in strides]
        self.strides = list(strides)
        if self.device is None:
            self.device = _device_of(library, self.address)

    def at(self, offset):
        """The address of a number."""
        return ctypes.c_void_p(self.address + offset * self.dtype.itemsize)


def _device_of(library, address):
    if not address:  # of an array without numbers
        return current_device(library)
    device = ctypes.c_int(0)
    check(library.bfly_cuda_pointer_device(ctypes.c_void_p(address), ctypes.byref(device)))
    return device.value


def contiguous_strides(shape):
    strides, step = [], 1
    for extent in reversed(shape):
        strides.insert(0, step)
        step *= max(extent, 1)
    return strides
