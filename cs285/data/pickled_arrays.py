"""Stand-ins for what a pickled numpy array is made of; they note it, and arrays are built once it is checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from reprlib import repr
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cs285.errors import InvalidInput

Array: TypeAlias = npt.NDArray[Any]

PLAIN_NUMBER = re.compile(r"[<>|=]?([fiu]\d{1,2}|b1|\?)")


class _Dtype:
    """Stands for a numpy dtype of plain numbers."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        if not isinstance(spec, str) or PLAIN_NUMBER.fullmatch(spec) is None:
            raise InvalidInput(f"arrays of dtype {repr(spec)} are not plain numbers")
        self.dtype = np.dtype(spec)

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.dtype = self.dtype.newbyteorder(state[1])
            return
        raise InvalidInput(f"a dtype in the file has the state {repr(state):.60}")


class PickledArray:
    """Stands for a numpy array until its size has been checked."""

    def __init__(self, *ignored: object) -> None:
        self.value: Array | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise InvalidInput("an array in the file is not whole")
        _, shape, dtype, fortran_order, content = state
        self.value = _build_array(content, dtype, shape, "F" if fortran_order else "C")


def _array_from_buffer(
    content: object, dtype: object, shape: object, order: object, axes: object = None
) -> PickledArray:
    """Stand-in for numpy's _frombuffer, which protocol 5 uses; ``axes`` are a permutation for order "K"."""
    array = PickledArray()
    if order != "K":
        array.value = _build_array(content, dtype, shape, order)
    elif isinstance(axes, tuple):
        array.value = _build_array(content, dtype, shape, "C").transpose(axes)
    else:
        raise InvalidInput("an array in the file is not whole")
    return array


def _scalar(dtype: object, content: object) -> PickledArray:
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
        raise InvalidInput(f"an array in the file has the shape {repr(shape):.60}")
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


STAND_INS: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # an argument of _reconstruct, which needs no more than the word
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("_codecs", "encode"): _StandIn(_encode),
    ("__builtin__", "bytes"): _StandIn(_no_bytes),
    **{
        (f"numpy.{core}.{module}", name): _StandIn(function)
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", PickledArray),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_from_buffer),
        )
    },
}
