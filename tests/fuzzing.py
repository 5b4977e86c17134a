"""Rubbish in every shape, and a watch on what reading it does."""

from __future__ import annotations

import functools
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

EXAMPLES = int(os.environ.get("CS285_FUZZ", "40"))
MOST_MEMORY = 300 * 2**20

fuzzed = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize="CS285_FUZZ" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.fork", "os.remove", "os.rename", "socket.connect")
CALLED: list[object] = []


def canary(*arguments: object) -> str:
    """Notes that a file called it."""
    CALLED.append(arguments)
    return "called"


class Watch:
    """Notes what forbidden things this thread does while it reads."""

    def __init__(self) -> None:
        self.reader: int | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.reader == threading.get_ident() and event in FORBIDDEN:
            self.seen.append(event)

    def read(self, reader: Callable[[], object]) -> None:
        """Read; anything but an answer or `InvalidInput` is an error, and so is anything that was run."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.reader = threading.get_ident()
        try:
            reader()
        except InvalidInput:
            pass
        finally:
            self.reader = None
        assert not self.seen + CALLED
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_MEMORY


class Evil:
    """Its pickle calls something."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call

    def __call__(self) -> None:
        """Only what can be called may be pickled as a function."""


EVILS = [
    Evil(os.system, ("true",)),
    Evil(canary, ()),
    Evil(eval, ("__import__('tests.fuzzing').fuzzing.canary()",)),
    Evil(getattr, (Evil(__import__, ("os",)), "system")),
    Evil(Evil(getattr, (Evil(__import__, ("os",)), "system")), ("true",)),
    Evil(functools.partial(canary, 1), (2,)),
    Evil(np.load, ("/dev/null",)),
    Evil(os.remove, ("nothing",)),
    Evil(list, (map(canary, "ab"),)),
    Evil(np.empty, (2**40,)),
    Evil(bytearray, (2**40,)),
]
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.sampled_from([0, -1, 2**31, 2**62, 10**30])
)
arrays = st.builds(
    lambda shape, dtype, bad: np.full(shape, bad).astype(dtype, casting="unsafe"),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["f4", "f8", "i8", "?", "U3", "O", "c16", "M8[s]", ">f4", "f2"]),
    st.sampled_from([0, 1, 7]),
)
leaves = st.one_of(numbers, st.text(max_size=5), st.binary(max_size=5), st.none(), arrays, st.sampled_from(EVILS))
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with bits flipped, bytes and lengths replaced, parts doubled, left out or cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["flip", "byte", "length", "cut", "drop", "double", "insert"]))
        if not content:
            break
        if kind == "flip":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte":
            content[at] = draw(st.integers(0, 255))
        elif kind == "length":
            number = draw(st.sampled_from([0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF]))
            content[at : at + 4] = struct.pack("<I", number)
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "double":
            content[at:at] = content[at : at + draw(st.integers(1, 64))]
        else:
            content[at:at] = draw(st.binary(max_size=16))
    return bytes(content)


def spoiled_value(whole: Any) -> st.SearchStrategy[Any]:
    """A nested value with one thing in it, however deep, replaced by rubbish."""
    if isinstance(whole, dict):
        return st.sampled_from(sorted(whole)).flatmap(
            lambda key: st.one_of(nested, spoiled_value(whole[key])).map(lambda value: {**whole, key: value})
        )
    if isinstance(whole, list) and whole:
        return st.integers(0, len(whole) - 1).flatmap(
            lambda n: spoiled_value(whole[n]).map(lambda value: [*whole[:n], value, *whole[n + 1 :]])
        )
    return nested


def pickles(whole: Any) -> st.SearchStrategy[bytes]:
    """Pickles of rubbish, and spoiled ones of what should be there, of every protocol."""
    values = st.one_of(nested, spoiled_value(whole))
    dumped = st.builds(pickle.dumps, values, st.integers(0, 5))
    old = [pickled_by_python_2(whole, protocol) for protocol in (0, 1, 2)]
    new = [pickle.dumps(whole, protocol) for protocol in range(6)]
    return st.one_of(dumped, st.sampled_from(old + new).flatmap(spoiled), dumped.flatmap(spoiled))


def fuzz_file(path: Path, contents: st.SearchStrategy[bytes], watch: Watch, reader: Callable[[], object]) -> None:
    """Read a file again and again with other contents in it; what was in it is there again afterwards."""
    whole = path.read_bytes()

    @fuzzed
    @given(content=contents)
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        watch.read(reader)

    try:
        fuzz()
    finally:
        path.write_bytes(whole)
