"""Pickles of numpy arrays and plain containers, read without running anything, and written.

A pickle is a program. The unpickler here knows a few names, all of them stand-ins that
record what an array is made of; the arrays are built afterwards, once their sizes have been
checked against the bytes that are really there.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cs285.data.pickled_arrays import STAND_INS, PickledArray
from cs285.data.whole_files import read_whole, whole_file
from cs285.errors import InvalidInput

MAX_DEPTH = 50
MAX_SIZE = 10_000_000
PICKLE_PROTOCOL = (
    3  # read by every Python 3, so by every edition of the course's code; 2 makes arrays half as large again
)


def _load_bytearray8(unpickler: Any) -> None:
    """The library's takes the memory that the file asks for before it looks whether the bytes are there."""
    (length,) = struct.unpack("<Q", unpickler.read(8))
    content = bytearray(unpickler.read(length))
    if len(content) != length:
        raise InvalidInput(f"it should go on for {length} bytes and has {len(content)}")
    unpickler.append(content)


def _load_setitem(unpickler: Any) -> None:
    _check_keys(unpickler.stack[-2:-1])
    unpickler.load_setitem()


def _load_setitems(unpickler: Any) -> None:
    _check_keys(unpickler.stack[::2])
    unpickler.load_setitems()


def _load_dict(unpickler: Any) -> None:
    _check_keys(unpickler.stack[::2])
    unpickler.load_dict()


def _check_keys(keys: Iterable[object]) -> None:
    for key in keys:
        if not isinstance(key, str | bytes | int | float):
            raise InvalidInput(f"a key of a dictionary in it is a {type(key).__name__.lstrip('_')}")


OWN_OPCODES: Mapping[int, Any] = {
    pickle.BYTEARRAY8[0]: _load_bytearray8,
    pickle.SETITEM[0]: _load_setitem,
    pickle.SETITEMS[0]: _load_setitems,
    pickle.DICT[0]: _load_dict,
}


class _RestrictedUnpickler(pickle._Unpickler):
    """The unpickler in Python, not C: its memo takes memory for what it holds, not for its highest number.

    Sets are not known, and keys are plain: to hash a tuple that holds a tuple twice, which holds
    another one twice, and so on, takes years.
    """

    dispatch: ClassVar = {
        code: load
        for code, load in {**pickle._Unpickler.dispatch, **OWN_OPCODES}.items()
        if bytes([code]) not in (pickle.EMPTY_SET, pickle.FROZENSET, pickle.ADDITEMS)
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in STAND_INS:
            raise InvalidInput(f"it names {module}.{name}; only numpy arrays and plain containers are read")
        return STAND_INS[module, name]


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
    content = read_whole(path)
    try:
        loaded = _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
        return _plain(loaded, {}, depth=0).value
    except InvalidInput as error:
        raise InvalidInput(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise InvalidInput(f"{path} is not a whole pickle: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class _Plain:
    """A value of plain containers and arrays, and how many there are of them, again wherever they stand again."""

    value: Any
    size: int


def _plain(loaded: Any, known: dict[int, _Plain], depth: int) -> _Plain:
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
    value: Any
    parts: list[_Plain] = []
    if isinstance(loaded, PickledArray):
        if loaded.value is None:
            raise InvalidInput("an array in the file is not whole")
        value = loaded.value
    elif isinstance(loaded, dict):
        parts = [_plain(part, known, depth + 1) for part in loaded.values()]
        value = {key: part.value for key, part in zip(loaded, parts, strict=True)}
    elif isinstance(loaded, list | tuple):
        parts = [_plain(part, known, depth + 1) for part in loaded]
        value = type(loaded)(part.value for part in parts)
    elif loaded is None or isinstance(loaded, str | bytes | bool | int | float):
        value = loaded
    else:
        raise InvalidInput(f"it holds a {type(loaded).__name__.lstrip('_')}")
    plain = _Plain(value, 1 + sum(part.size for part in parts))
    if plain.size > MAX_SIZE:
        raise InvalidInput(f"it holds more than {MAX_SIZE} things, each counted wherever it stands")
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
