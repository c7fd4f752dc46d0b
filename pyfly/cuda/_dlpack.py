"""DLPack by hand: what a capsule named "dltensor" holds, and a capsule for a DeviceArray.

A capsule that keeps its name frees its tensor when it is collected, so a reader has only to hold it.
"""

import ctypes

import numpy as np

CUDA, CUDA_MANAGED = 2, 13  # device types
_NAME = b"dltensor"
_KINDS = {"i": 0, "u": 1, "f": 2, "c": 5}


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]


_get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
# by address: in a destructor the capsule must not be referred to again
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_is_named = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_get_at = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)(
    ("PyCapsule_New", ctypes.pythonapi)
)


def read(capsule):
    """(address, shape, strides in numbers or None, dtype or None) of the tensor in a capsule."""
    tensor = _Managed.from_address(_get(capsule, _NAME)).tensor
    kind = next((kind for kind, code in _KINDS.items() if code == tensor.code), None)
    dtype = None
    if kind is not None and tensor.lanes == 1 and tensor.bits in (8, 16, 32, 64, 128):
        dtype = np.dtype(f"{kind}{tensor.bits // 8}")
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = tuple(tensor.strides[i] for i in range(tensor.ndim)) if tensor.strides else None
    return (tensor.data or 0) + tensor.byte_offset, shape, strides, dtype


_held = {}  # address of a tensor -> what must live as long


@_Deleter
def _delete(address):
    _held.pop(address, None)


@_Destructor
def _collect(capsule):
    if _is_named(capsule, _NAME):  # nobody has taken it
        _delete(_get_at(capsule, _NAME))


def capsule(owner, address, shape, dtype, device):
    """A capsule for C-contiguous numbers at `address`; `owner` lives as long as it."""
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    managed = _Managed()
    managed.tensor = _Tensor(
        address, CUDA, device, len(shape), _KINDS[dtype.kind], 8 * dtype.itemsize, 1, sizes, None, 0
    )
    managed.deleter = _delete
    _held[ctypes.addressof(managed)] = (managed, sizes, owner)
    return _new(ctypes.addressof(managed), _NAME, _collect)
