"""Pickles of numpy arrays and plain containers, read without running anything, and written.

A pickle is a program. The unpickler here knows a few names, all of them stand-ins that
record what an array is made of; the arrays are built afterwards, once their sizes have been
checked against the bytes that are really there.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cs285.errors import InvalidInput
from cs285.infrastructure.whole_files import whole_file

Array: TypeAlias = npt.NDArray[Any]

MAX_DEPTH = 50
PICKLE_PROTOCOL = (
    3  # read by every Python 3, so by every edition of the course's code; 2 makes arrays half as large again
)
PLAIN_NUMBER = re.compile(r"[<>|=]?([fiu]\d{1,2}|b1|\?)")


class _Dtype:
    """Stands for a numpy dtype of plain numbers."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        if not isinstance(spec, str) or PLAIN_NUMBER.fullmatch(spec) is None:
            raise InvalidInput(f"arrays of dtype {spec!r} are not plain numbers")
        self.dtype = np.dtype(spec)

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.dtype = self.dtype.newbyteorder(state[1])
            return
        raise InvalidInput(f"a dtype in the file has the state {state!r:.60}")


class _Array:
    """Stands for a numpy array until its size has been checked."""

    def __init__(self, *ignored: object) -> None:
        self.value: Array | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise InvalidInput("an array in the file is not whole")
        _, shape, dtype, fortran_order, content = state
        self.value = _build_array(content, dtype, shape, "F" if fortran_order else "C")


def _array_from_buffer(content: object, dtype: object, shape: object, order: object, axes: object = None) -> _Array:
    """Stand-in for numpy's _frombuffer, which protocol 5 uses; ``axes`` are a permutation for order "K"."""
    array = _Array()
    if order != "K":
        array.value = _build_array(content, dtype, shape, order)
    elif isinstance(axes, tuple):
        array.value = _build_array(content, dtype, shape, "C").transpose(axes)
    else:
        raise InvalidInput("an array in the file is not whole")
    return array


def _scalar(dtype: object, content: object) -> _Array:
    """Stand-in for numpy's scalar; it gives an array of no dimensions."""
    return _array_from_buffer(content, dtype, (), "C")


def _build_array(content: object, dtype: object, shape: object, order: object) -> Array:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise InvalidInput("an array in the file is not whole")
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray):
        raise InvalidInput("an array in the file is not made of plain numbers")
    return array_of_bytes(content, dtype.dtype, shape, "C" if order == "C" else "F")


def array_of_bytes(
    content: bytes | bytearray, dtype: np.dtype[Any], shape: tuple[Any, ...], order: Literal["C", "F"]
) -> Array:
    """The array, in the machine's byte order, that bytes of a file hold.

    Args:
        content: its numbers.
        dtype: of one of them.
        shape: as the file claims it.
        order: whether the last index changes fastest ("C") or the first.

    Raises:
        InvalidInput: when no array has that shape, or the bytes do not fill it; no memory was taken for it then.
    """
    if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 8:
        raise InvalidInput(f"an array in the file has the shape {shape!r:.60}")
    expected = dtype.itemsize * math.prod(shape)
    if expected != len(content):
        raise InvalidInput(f"an array in the file should have {expected:.3g} bytes and has {len(content)}")
    array = np.frombuffer(bytearray(content), dtype)
    return array.reshape(shape, order=order).astype(dtype.newbyteorder("="))


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stand-in for _codecs.encode, which is how old protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise InvalidInput("the file encodes something other than bytes")
    return text.encode("latin1")


def _no_bytes(*arguments: object) -> bytes:
    """Stand-in for the call of bytes that protocol 2 writes for empty ones."""
    if arguments:
        raise InvalidInput("the file calls bytes with arguments")
    return b""


class _StandIn:
    """A function that a file may call but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise InvalidInput("the file changes what it names")


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # an argument of _reconstruct, which needs no more than the word
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("_codecs", "encode"): _StandIn(_encode),
    ("__builtin__", "bytes"): _StandIn(_no_bytes),
    **{
        (f"numpy.{core}.{module}", name): _StandIn(function)
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_from_buffer),
        )
    },
}


class _RestrictedUnpickler(pickle._Unpickler):
    """The unpickler in Python, not C: its memo takes memory for what it holds, not for its highest number."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InvalidInput(f"it names {module}.{name}; only numpy arrays and plain containers are read")
        return _ALLOWED[module, name]


def load_pickle(path: Path) -> Any:
    """Read a pickle of numpy arrays and plain containers, running nothing of it.

    Args:
        path: a pickle of any protocol, written by Python 2 or 3.

    Returns:
        What was pickled: dicts, lists, tuples, strings, numbers and arrays of numbers in the
        machine's byte order.

    Raises:
        InvalidInput: when the file can't be read, is no pickle, is cut short, or names anything
            but numpy's constructors; the message says which.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error
    try:
        loaded = _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
        return _plain(loaded, {}, depth=0)
    except InvalidInput as error:
        raise InvalidInput(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise InvalidInput(f"{path} is not a whole pickle: {type(error).__name__}: {error}") from error


def _plain(loaded: Any, known: dict[int, Any], depth: int) -> Any:
    """Put the arrays in the place of their stand-ins.

    Args:
        loaded: what the unpickler built.
        known: the results so far by the identity of what they were made from, so that a
            container that stands in many places is gone through once.
        depth: of nesting.
    """
    if depth > MAX_DEPTH:
        raise InvalidInput(f"containers are nested more than {MAX_DEPTH} deep")
    if id(loaded) in known:
        return known[id(loaded)]
    plain: Any
    if isinstance(loaded, _Array):
        if loaded.value is None:
            raise InvalidInput("an array in the file is not whole")
        plain = loaded.value
    elif isinstance(loaded, dict):
        plain = {key: _plain(value, known, depth + 1) for key, value in loaded.items()}
    elif isinstance(loaded, list | tuple):
        plain = type(loaded)(_plain(value, known, depth + 1) for value in loaded)
    elif loaded is None or isinstance(loaded, str | bytes | bool | int | float):
        plain = loaded
    else:
        raise InvalidInput(f"it holds a {type(loaded).__name__.lstrip('_')}")
    known[id(loaded)] = plain
    return plain


def write_pickle(content: Any, path: Path) -> None:
    """Write arrays and plain containers so that any Python and numpy of the course's years reads them.

    The file appears whole or not at all.

    Raises:
        InvalidInput: when the file can't be written.
    """
    with whole_file(path) as file:
        file.write(_with_names_of_numpy_1(pickle.dumps(content, protocol=PICKLE_PROTOCOL)))


def _with_names_of_numpy_1(pickled: bytes) -> bytes:
    """Rename numpy._core to numpy.core, which numpy 1 and 2 both know."""
    written, start = [], 0
    for opcode, argument, position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and str(argument).startswith("numpy._core."):
            assert position is not None
            written.append(pickled[start:position] + b"cnumpy.core.")
            start = position + len(b"cnumpy._core.")
    return b"".join([*written, pickled[start:]])
