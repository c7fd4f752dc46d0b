"""Operators in files: a zip archive of plain arrays (.npz), no pickle, written to a temporary name and moved.

    header.npy    uint8, JSON: {"format", "version", "operator": tree, "metadata": tree}
    a0.npy ...    the arrays that the trees name, stored without compression

A tree is built from what JSON knows and from {"class": name, field: ...}, {"array": name}, {"complex": [re, im]},
{"list": [...]} and {"dict": {...}}. Nothing in a file is trusted: every size is compared with the bytes that are
really there before memory is asked for, and operators are built by their checking constructors.
"""

from __future__ import annotations

import json
import math
import os
import re
import zipfile

import numpy as np

from pyfly._base import Operator
from pyfly._replace import replacing

__all__ = ["load_operator", "save_operator"]

_FORMAT, _VERSION = "pyfly operator", 1
_TYPES = frozenset(np.dtype(t) for t in ("f4", "f8", "c8", "c16", "i8", "u1", "?"))
_DEPTH = 64
_DAMAGE = (ValueError, TypeError, KeyError, EOFError, RecursionError, zipfile.BadZipFile, NotImplementedError)


def save_operator(path, op, metadata=None):
    """Write an operator and metadata to an ``.npz`` file.

    Parameters
    ----------
    path : str or path-like
        Used as it is; a file of that name is replaced in one step, once the new one is complete.
    op : Operator
        Made of pyfly's own classes.
    metadata : dict, optional
        Strings, numbers, None, arrays, and lists and dicts of these.

    Raises
    ------
    TypeError
        op or something in the metadata is of another kind.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import pyfly
    >>> from pyfly._files import load_operator, save_operator
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "d.npz")
    ...     save_operator(path, pyfly.Diagonal([1.0, 2.0]), {"model": "D"})
    ...     load_operator(path)
    (<2x2 Diagonal: float64, 2 parameters>, {'model': 'D'})
    """
    if not isinstance(op, Operator):
        raise TypeError(f"op is {type(op).__name__}; only pyfly operators can be saved")
    arrays = []
    header = {"format": _FORMAT, "version": _VERSION}
    header["operator"] = _encode(op, arrays, "op")
    header["metadata"] = _encode(dict(metadata or {}), arrays, "metadata")
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    path = os.fspath(path)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in [("header", text), *((f"a{k}", a) for k, a in enumerate(arrays))]:
                with archive.open(name + ".npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def load_operator(path):
    """Read a file of `save_operator`.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    op : Operator
    metadata : dict

    Raises
    ------
    ValueError
        The file is damaged, is of another kind, or claims sizes that it does not hold.
    OSError
        The file cannot be read.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename: info for info in archive.infolist()}
                read = _Reader(archive, members, size)
                header = json.loads(_shallow(read("header").tobytes()))
                if not isinstance(header, dict) or header.get("format") != _FORMAT:
                    raise ValueError("its header does not say that it is a pyfly operator")
                if header.get("version") != _VERSION:
                    raise ValueError(f"it has version {header.get('version')!r}; this pyfly reads version {_VERSION}")
                op = _decode(header.get("operator"), read, _classes())
                metadata = _decode(header.get("metadata"), read, _classes())
        except _DAMAGE as e:
            raise ValueError(f"{path} cannot be read as a pyfly operator: {_reason(e)}") from e
    if not isinstance(op, Operator) or not isinstance(metadata, dict):
        raise ValueError(f"{path} cannot be read as a pyfly operator: it holds none")
    return op, metadata


class _Reader:
    """Reads one array of an archive, after its claims were compared with the bytes that are there."""

    def __init__(self, archive, members, size):
        self.archive, self.members, self.size, self.done = archive, members, size, {}

    def __call__(self, name):
        if name not in self.done:
            self.done[name] = self._read(name)
        return self.done[name]

    def _read(self, name):
        info = self.members.get(f"{name}.npy")
        if info is None:
            raise ValueError(f"array {name!r} is missing")
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if not stored or info.flag_bits & 1:
            raise ValueError(f"array {name!r} is compressed or encrypted; pyfly writes plain arrays")
        if info.file_size + info.header_offset > self.size:
            raise ValueError(f"array {name!r} claims {info.file_size} bytes, but the file has {self.size} in all")
        with self.archive.open(info) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError(f"array {name!r} is of an unknown version")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
            if dtype not in _TYPES or fortran and len(shape) > 1:
                raise ValueError(f"array {name!r} has an unexpected type {dtype} or layout")
            wanted = math.prod(shape) * dtype.itemsize
            if any(s < 0 for s in shape) or wanted != info.file_size - member.tell():
                raise ValueError(f"array {name!r} claims shape {shape}, which its {info.file_size} bytes do not hold")
            data = member.read()
        if len(data) != wanted:
            raise ValueError(f"array {name!r} is cut short")
        return np.frombuffer(bytearray(data), dtype=dtype).reshape(shape)


def _encode(value, arrays, where):
    if isinstance(value, Operator):
        if _classes().get(type(value).__name__) is not type(value):
            raise TypeError(f"{where} is {type(value).__name__}, which is no class of pyfly and cannot be saved")
        fields = {name: _encode(getattr(value, name), arrays, f"{where}.{name}") for name in value._fields}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        if value.dtype not in _TYPES:
            kinds = {"i": np.int64, "u": np.int64, "f": np.float64}
            if value.dtype.kind not in kinds or value.dtype.itemsize > 8:
                raise TypeError(f"{where} is an array of {value.dtype}, which cannot be saved")
            value = value.astype(kinds[value.dtype.kind])
        arrays.append(np.ascontiguousarray(value).reshape(value.shape))
        return {"array": f"a{len(arrays) - 1}"}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, list | tuple):
        return {"list": [_encode(v, arrays, f"{where}[{k}]") for k, v in enumerate(value)]}
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where} has keys that are no strings, which cannot be saved")
        return {"dict": {key: _encode(v, arrays, f"{where}[{key!r}]") for key, v in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{where} is {type(value).__name__}, which cannot be saved; use numbers, strings, arrays")


def _shallow(text):
    """The text of a header whose brackets are nested as deep as an operator's at most: the parser recurses in C."""
    plain = np.frombuffer(re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text), dtype=np.uint8)
    depth = np.cumsum(np.isin(plain, list(b"[{")).astype(np.int64) - np.isin(plain, list(b"]}")))
    if depth.size and depth.max() > 4 * _DEPTH:
        raise ValueError("it is nested too deeply")
    return text


def _decode(tree, read, classes, depth=0):
    if depth > _DEPTH:
        raise ValueError("it is nested too deeply")
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise ValueError("its header holds a bare list")
        return tree

    def inner(value):
        return _decode(value, read, classes, depth + 1)

    if "class" in tree:
        cls = classes.get(tree["class"]) if isinstance(tree["class"], str) else None
        if cls is None or set(tree) != {"class", *cls._fields}:
            raise ValueError(f"it names an operator {tree['class']!r} with fields {sorted(tree)} that is not known")
        return cls._from_fields(**{name: inner(tree[name]) for name in cls._fields})
    if set(tree) == {"array"} and isinstance(tree["array"], str):
        return read(tree["array"])
    if set(tree) == {"complex"}:
        re, im = tree["complex"]
        return complex(re, im)
    if set(tree) == {"list"} and isinstance(tree["list"], list):
        return [inner(v) for v in tree["list"]]
    if set(tree) == {"dict"} and isinstance(tree["dict"], dict):
        return {key: inner(v) for key, v in tree["dict"].items()}
    raise ValueError(f"its header has an unknown entry {sorted(tree)}")


def _classes():
    """Operators that files may hold, by name."""
    import pyfly._kronecker
    import pyfly._operators
    import pyfly._shapes
    import pyfly.special  # noqa: F401

    found = {}
    todo = [Operator]
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if cls._fields and cls.__module__.startswith("pyfly.") and not cls.__name__.startswith("_"):
            found[cls.__name__] = cls
    return found


def _reason(error):
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error) or repr(error)
