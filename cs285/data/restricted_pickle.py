"""Restricted reading of pickles and of torch.save's files: arrays, numbers, text and plain containers only.

A pickle is a program for a stack machine. The machine in this module imports nothing: the few names that arrays need
are mapped to functions of this module. The memory of the result is limited by a budget, which depends on the file's
size; each size is checked and subtracted from the budget before memory is allocated.
"""

import codecs
import io
import os
import pickletools
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from reprlib import repr as short_repr
from types import FunctionType, SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

from cs285.data.whole_files import open_regular, read_whole, reading
from cs285.errors import InvalidInput

PLAIN_NUMBER = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|\?)")
MAX_DEPTH, MAX_KEY, MAX_BITS = 50, 1000, 1024  # nesting of containers, length of a key, bits of an integer
# Bytes that are subtracted from the budget: for each opcode, for each entry of the memo, for each container in the
# result, and for each value in the result that is not an array.
OBJECT_BYTES, MEMO_BYTES, CONTAINER_BYTES, POINTER_BYTES = 32, 100, 500, 8
# Before Python 3.12.8, pickletools fails at byte strings of Python 2 with bytes above 127.
pickletools.stringnl.reader = lambda file: codecs.decode(file.readline().strip()[1:-1], "unicode_escape")


class _Machine:
    """The stack machine for one pickle; ``members`` are the other files, by name, in an archive of ``torch.save``."""

    def __init__(self, file_size: int, members: Mapping[str, bytearray] | None = None) -> None:
        self.budget, self.members = 16 * file_size + 2**26, members
        self.stacks: list[list[Any]] = [[]]  # each open mark begins a stack
        self.memo: dict[int, Any] = {}

    @property
    def stack(self) -> list[Any]:
        return self.stacks[-1]

    def run(self, file: BinaryIO) -> Any:
        """Run a pickle and return its result; raise InvalidInput unless the result consists of plain values."""
        for opcode, argument, _ in pickletools.genops(file):
            self.spend(OBJECT_BYTES)
            if opcode.name not in OPCODES:
                raise InvalidInput(f"it has the opcode {opcode.name}, which plain data do not need")
            OPCODES[opcode.name](self, argument)
        (result,) = self.stack
        self.check_plain(result)
        return result

    def spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise InvalidInput("its content would take far more memory than the file has bytes")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        items, self.stack[-count:] = self.stack[-count:], []
        return items

    def put(self, key: int) -> None:
        self.spend(MEMO_BYTES)
        self.memo[key] = self.stack[-1]

    def update(self, items: Sequence[Any], new: dict[Any, Any] | None = None) -> None:
        """Push ``new``, if given; then set ``items``, keys and values in turn, of the dict on top of the stack."""
        for key in items[::2]:
            if not is_key(key):
                raise InvalidInput(f"it has a key of type {type(key).__name__} that is no short text or small integer")
        self.stack.extend([] if new is None else [new])
        dict.update(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in NAMES:
            raise InvalidInput(f"it names {f'{module!s:.60}.{name!s:.60}'!r}; only arrays and plain data are read")
        self.push(NAMES[module, name])

    def call(self, function: object, arguments: object) -> None:
        if not isinstance(function, FunctionType) or not isinstance(arguments, tuple):
            raise InvalidInput("it calls something other than a constructor of arrays")
        self.push(function(self, *arguments))

    def build(self, target: object, state: Any) -> None:
        if isinstance(target, SimpleNamespace):  # from `make_dtype`
            target.dtype = target.dtype.newbyteorder(state[1])
        elif isinstance(target, np.ndarray) and target.size == 0:  # slices of a filled array would change, too
            self.fill(target, *state[1:])
        elif type(target) is not dict:  # the state of an OrderedDict, its attributes such as _metadata, is dropped
            raise InvalidInput("it sets the state of something other than an array")
        self.push(target)

    def load_storage(self, identity: Any) -> None:
        import torch  # imported only here, since torch is slow to import

        _, dtype, key, *_ = identity
        if self.members is None or dtype not in TENSOR_DTYPES.values():
            raise InvalidInput("it refers to something outside the file, or to tensors of an unknown kind")
        content, of_dtype = self.members[f"data/{key:.20}"], getattr(torch, dtype)
        self.push(torch.frombuffer(content, dtype=of_dtype) if content else torch.empty(0, dtype=of_dtype))

    def make_dtype(self, spec: object, *ignored: object) -> SimpleNamespace:
        if not isinstance(spec, str) or PLAIN_NUMBER.fullmatch(spec) is None:
            raise InvalidInput(f"arrays of dtype {short_repr(spec):.60} are not plain numbers")
        return SimpleNamespace(dtype=np.dtype(spec))  # BUILD may change the byte order

    def fill(self, array: Any, shape: Any, dtype: object, fortran: object, content: object) -> Any:
        """Give an empty array its content, in the machine's byte order; numpy checks that it fills the shape."""
        content = self.encode(content) if isinstance(content, str) else content
        if not isinstance(content, bytes) or not isinstance(dtype, SimpleNamespace):
            raise InvalidInput("an array in it is not made of plain numbers")
        self.spend(len(content))
        array.__setstate__((1, shape, dtype.dtype, fortran is True, content))
        return array

    def from_buffer(self, content: object, dtype: object, shape: Any, order: object, axes: Any = None) -> Any:
        """Make an array as protocol 5 has it; order "K" is order "C" with axes then permuted by ``axes``."""
        array = self.fill(np.empty(0), shape, dtype, order == "F", content)
        return array.transpose(axes) if order == "K" else array

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *ignored: object) -> Any:
        import torch

        part = torch.as_strided(storage, size, stride, offset)  # raises RuntimeError for a part outside the storage
        self.spend(part.nbytes)
        return part.clone(memory_format=torch.contiguous_format)

    def encode(self, text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise InvalidInput("it encodes something other than bytes")
        self.spend(len(text))
        return text.encode("latin1")

    def check_plain(self, value: object, depth: int = 0) -> None:
        """Raise InvalidInput unless a value and everything in it are plain; subtract all their bytes from the budget.

        A value is counted once for each reference to it, since later code may copy the value for each reference.
        """
        self.spend(getattr(value, "nbytes", POINTER_BYTES))
        if isinstance(value, list | tuple | dict) and depth < MAX_DEPTH:
            self.spend(CONTAINER_BYTES)
            for part in value.values() if isinstance(value, dict) else value:
                self.check_plain(part, depth + 1)
        elif value is not None and not isinstance(value, str | bytes | int | float) and not hasattr(value, "nbytes"):
            raise InvalidInput(f"it holds a {type(value).__name__}, or containers nested more than {MAX_DEPTH} deep")
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise InvalidInput(f"it holds an integer of {value.bit_length()} bits; {MAX_BITS} are allowed")


def is_key(value: object) -> bool:
    """Whether a dict may have this key: short text or bytes, or a small int (many large ints can share one hash)."""
    return len(value) <= MAX_KEY if isinstance(value, str | bytes) else type(value) is int and abs(value) < 2**31


OPCODES: Mapping[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, _: None),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _Machine.push),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _Machine.push),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _Machine.push),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _Machine.push),
    "BYTEARRAY8": lambda m, content: m.push(bytes(content)),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, key: m.push(m.memo[key])),
    "MARK": lambda m, _: m.stacks.append([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    **{f"TUPLE{n}": partial(lambda n, m, _: m.push(tuple(m.pop(n))), n) for n in (1, 2, 3)},
    "TUPLE": lambda m, _: m.push(tuple(m.stacks.pop())),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "LIST": lambda m, _: m.push(m.stacks.pop()),
    "APPEND": lambda m, _: list.append(m.stack[-2], m.stack.pop()),
    "APPENDS": lambda m, _: list.extend(m.stacks[-2][-1], m.stacks.pop()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "DICT": lambda m, _: m.update(m.stacks.pop(), {}),
    "SETITEM": lambda m, _: m.update(m.pop(2)),
    "SETITEMS": lambda m, _: m.update(m.stacks.pop()),
    "GLOBAL": lambda m, words: m.find(*words.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.find(*m.pop(2)),
    "REDUCE": lambda m, _: m.call(*m.pop(2)),
    "BUILD": lambda m, _: m.build(*m.pop(2)),
    "BINPERSID": lambda m, _: m.load_storage(*m.pop(1)),
}
TENSOR_DTYPES = {  # names of torch's dtypes by the names of their storages
    **{"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool"},
    **{"ComplexFloat": "complex64", "ComplexDouble": "complex128"},
}
NAMES: dict[tuple[str, str], Any] = {  # the module and the name in a pickle, and what the machine uses for this name
    ("numpy", "ndarray"): np.ndarray,  # an argument of _reconstruct below, which ignores this argument
    ("numpy", "dtype"): _Machine.make_dtype,
    ("_codecs", "encode"): _Machine.encode,  # how protocols 0 to 2 write bytes
    ("__builtin__", "bytes"): lambda m: b"",
    ("builtins", "slice"): lambda m, *bounds: slice(*bounds),
    ("_operator", "getitem"): lambda m, array, s: np.ndarray.__getitem__(array, slice(s.start, s.stop, s.step)),
    ("collections", "OrderedDict"): lambda m: {},
    ("torch._utils", "_rebuild_tensor_v2"): _Machine.tensor,
    **{("torch", f"{kind}Storage"): dtype for kind, dtype in TENSOR_DTYPES.items()},
}
for core in ("numpy.core", "numpy._core"):
    NAMES |= {
        (f"{core}.multiarray", "_reconstruct"): lambda m, *ignored: np.empty(0),
        (f"{core}.multiarray", "scalar"): lambda m, dtype, content: m.fill(np.empty(0), (), dtype, False, content)[()],
        (f"{core}.numeric", "_frombuffer"): _Machine.from_buffer,
    }


def load_pickle(path: Path) -> Any:
    """Read a pickle of any protocol without executing code from it; byte strings of Python 2 become latin-1 text.

    Returns plain containers, text, bytes, numbers, None, and arrays of real numbers in the machine's byte order. Raises
    InvalidInput when the file can't be read, is cut short, or has values of other types.
    """
    with open_regular(path) as file, reading(path, "a pickle"):
        return _Machine(os.fstat(file.fileno()).st_size).run(file)


def load_torch_file(path: Path, content: bytes | None = None) -> Any:
    """Read a file of ``torch.save`` without executing code from it; dense tensors become tensors on the CPU.

    If ``content`` is given, it is read instead of the file, and ``path`` is only named in messages. Raises
    InvalidInput as `load_pickle` does, and when members of the archive are compressed.
    """
    content = read_whole(path) if content is None else content
    with reading(path, "a file of torch.save"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if any(info.compress_type for info in infos) or sum(info.file_size for info in infos) > len(content):
            raise InvalidInput("its members are compressed, or claim to be larger than the file")
        members = {info.filename.partition("/")[2]: bytearray(archive.read(info)) for info in infos}
        if members.get("byteorder", b"little") != sys.byteorder.encode():
            raise InvalidInput("it has the byte order of another machine")
        return _Machine(len(content), members).run(io.BytesIO(members["data.pkl"]))
