"""Damaged and hostile files made by Hypothesis, and a check that reading them runs no code and takes little memory."""

import contextlib
import os
import pickle
import resource
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cs285.errors import InvalidInput
from tests.fakes import pickled_by_python_2

MOST_MEMORY = 300 * 2**20  # bytes by which the reading of a file may raise the peak memory
FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.fork", "os.remove", "os.rename", "socket.connect")

fuzzed = hypothesis.settings(
    max_examples=int(os.environ.get("CS285_FUZZ", "40")),
    derandomize="CS285_FUZZ" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Watch:
    """Records the `FORBIDDEN` operations of a thread while it reads a file."""

    def __init__(self) -> None:
        self.reader: int | None = None
        self.events: list[str] = []
        sys.addaudithook(lambda event, _: self._record(event))

    def _record(self, event: str) -> None:
        if self.reader == threading.get_ident() and event in FORBIDDEN:
            self.events.append(event)

    def read(self, reader: Callable[[], object]) -> None:
        """Call a reader, which must return or raise InvalidInput, do nothing forbidden, and take little memory."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.reader = threading.get_ident()
        try:
            with contextlib.suppress(InvalidInput):
                reader()
        finally:
            self.reader = None
        assert self.events + CALLS == []
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_MEMORY


CALLS: list[object] = []


def canary(*arguments: object) -> None:
    """Record a call; reading a file must never call this function."""
    CALLS.append(arguments)


class Call:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call

    def __call__(self) -> None:
        """Do nothing; the object is callable, so that pickle accepts it as a function."""


HOSTILE = [
    Call(os.system, "true"),
    Call(canary),
    Call(eval, "__import__('tests.fuzzing').fuzzing.canary()"),
    Call(Call(getattr, Call(__import__, "os"), "system"), "true"),
    Call(os.remove, "nothing"),
    Call(bytearray, 2**40),
]
numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.sampled_from([0, -1, 2**31, 10**30]))
arrays = st.builds(
    lambda shape, dtype, value: np.full(shape, value).astype(dtype, casting="unsafe"),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["f4", "f8", "i8", "?", "U3", "O", "c16", "M8[s]", ">f4", "f2"]),
    st.sampled_from([0, 1, 7]),
)
leaves = st.one_of(numbers, st.text(max_size=5), st.binary(max_size=5), st.none(), arrays, st.sampled_from(HOSTILE))
nested = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes of a file after 1 to 4 changes: flip a bit, overwrite a length, or insert, double or remove bytes."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(st.integers(0, len(content))), draw(st.integers(1, 64))
        part = bytes(content[at : at + size])
        flipped = bytes([part[0] ^ 1 << draw(st.integers(0, 7))]) if part else b""
        length = struct.pack("<I", draw(st.sampled_from([0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF])))
        changes = [(at + 1, flipped), (at + 4, length), (len(content), b""), (at + size, b""), (at, part)]
        end, new = draw(st.sampled_from([*changes, (at, draw(st.binary(max_size=16)))]))
        content[at:end] = new
    return bytes(content)


def spoiled_value(whole: Any, other: st.SearchStrategy[Any] = nested) -> st.SearchStrategy[Any]:
    """The nested value ``whole`` in which one part, at any depth, is replaced by a value of ``other``."""
    if not isinstance(whole, dict | list) or not whole:
        return other

    def replaced(key: Any) -> st.SearchStrategy[Any]:
        items = whole if isinstance(whole, dict) else dict(enumerate(whole))
        parts = st.one_of(other, spoiled_value(whole[key], other)).map(lambda part: {**items, key: part})
        return parts if isinstance(whole, dict) else parts.map(lambda parts: list(parts.values()))

    return st.sampled_from(sorted(whole) if isinstance(whole, dict) else range(len(whole))).flatmap(replaced)


def pickles(whole: Any) -> st.SearchStrategy[bytes]:
    """Pickles of values other than ``whole``, and damaged pickles of ``whole``, in every protocol."""
    dumped = st.builds(pickle.dumps, st.one_of(nested, spoiled_value(whole)), st.integers(0, 5))
    right = [pickled_by_python_2(whole, protocol) for protocol in range(3)]
    right += [pickle.dumps(whole, protocol) for protocol in range(6)]
    return st.one_of(dumped, st.sampled_from(right).flatmap(spoiled), dumped.flatmap(spoiled))


def fuzz_file(path: Path, contents: st.SearchStrategy[bytes], watch: Watch, reader: Callable[[], object]) -> None:
    @fuzzed
    @given(content=contents)
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        watch.read(reader)

    fuzz()
