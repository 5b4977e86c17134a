"""Rubbish in the place of every file that is read: an answer or `InvalidInput`, no code run, little memory.

CS285_FUZZ says how many files each reader gets; with it, they differ from run to run.
"""

from __future__ import annotations

import functools
import json
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
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cs285.errors import InvalidInput
from cs285.infrastructure.checkpoint import AgentState, Checkpoint, load_checkpoint, save_checkpoint
from cs285.infrastructure.config import Config
from cs285.infrastructure.expert_data import load_expert_data
from cs285.infrastructure.run_folders import read_run
from cs285.infrastructure.saved_policy import load_policy
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from cs285.policies.MLP_policy import MLPPolicy
from tests.fake_runs import write_run
from tests.fakes import POINT_SPEC, course_episode, expert_content, make_trajectory, pickled_by_python_2

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


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


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
    Evil(eval, ("__import__('tests.infrastructure.test_fuzz').infrastructure.test_fuzz.canary()",)),
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


DATA, EXPERT = [course_episode(2023, steps=3), course_episode(2020, steps=3)], expert_content()


@fuzzed
@given(content=pickles(DATA))
def test_expert_data(content: bytes, watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.pkl"
    path.write_bytes(content)
    watch.read(lambda: load_expert_data(path))


@fuzzed
@given(content=pickles(EXPERT))
def test_experts(content: bytes, watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.pkl"
    path.write_bytes(content)
    watch.read(lambda: LoadedGaussianPolicy(path))


@pytest.fixture(scope="module")
def checkpointed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint."""
    folder = tmp_path_factory.mktemp("checkpointed")
    state = AgentState({"actor.w": np.ones((3, 2), np.float32)}, np.random.default_rng(0).bit_generator.state)
    save_checkpoint(folder, Checkpoint(2, 10, 1.5, {"a": 0.5}, {"log.csv": 3}, state), [make_trajectory()])
    return folder


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_checkpoints(name: str, watch: Watch, checkpointed: Path) -> None:
    path = checkpointed / "checkpoint" / name
    whole = path.read_bytes()

    @fuzzed
    @given(content=st.one_of(spoiled(whole), archives(checkpointed, name)))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        watch.read(lambda: load_checkpoint(checkpointed))

    try:
        fuzz()
    finally:
        path.write_bytes(whole)


def archives(folder: Path, name: str) -> st.SearchStrategy[bytes]:
    """Whole archives whose arrays are not what they should be."""
    import io

    with np.load(folder / "checkpoint" / name) as file:
        whole = dict(file)

    def packed(changes: dict[str, Any], facts: Any, compressed: bool) -> bytes:
        content = {**whole, **changes}
        if name == "state.npz" and facts is not None:
            old = json.loads(whole["facts"].tobytes())
            new = {**old, **facts} if isinstance(facts, dict) else facts
            content["facts"] = np.frombuffer(json.dumps(new).encode(), np.uint8)
        buffer = io.BytesIO()
        (np.savez_compressed if compressed else np.savez)(buffer, **content)
        return buffer.getvalue()

    plain = st.recursive(
        st.one_of(numbers, st.text(max_size=4), st.none()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
        max_leaves=6,
    )
    names = ("itr", "total_envsteps", "seconds", "unfinished", "log", "agent", "added", "more")
    facts = st.one_of(st.none(), plain, st.dictionaries(st.sampled_from(names), plain, max_size=3))
    return st.builds(packed, st.dictionaries(st.sampled_from(sorted(whole)), arrays, max_size=2), facts, st.booleans())


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder."""
    return write_run(tmp_path_factory.mktemp("run"), [1.0, 2.0])


@pytest.mark.parametrize("name", ["config.json", "log.csv"])
def test_run_folders(name: str, watch: Watch, run_folder: Path) -> None:
    path = run_folder / name
    whole = path.read_bytes()
    deep = b'{"settings": ' + b"[" * 100_000

    def with_settings(changes: dict[str, Any]) -> bytes:
        content = json.loads(whole)
        content["settings"] |= changes
        return json.dumps(content, default=str).encode()

    settings = st.dictionaries(
        st.sampled_from(sorted(Config.__dataclass_fields__)),
        st.one_of(numbers, st.text(max_size=4), st.none(), st.lists(numbers, max_size=2)),
        max_size=3,
    ).map(with_settings)
    others = [settings] if name == "config.json" else []

    @fuzzed
    @given(content=st.one_of(spoiled(whole), st.just(deep), st.binary(max_size=99), *others))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        watch.read(lambda: read_run(run_folder))

    try:
        fuzz()
    finally:
        path.write_bytes(whole)


def test_saved_policies(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "policy.pt"
    parameters = MLPPolicy(POINT_SPEC.ac_dim, POINT_SPEC.ob_dim, n_layers=1, size=4).state_dict()
    torch.save(parameters, path)
    whole = path.read_bytes()

    @fuzzed
    @given(content=st.one_of(spoiled(whole), st.builds(pickle.dumps, nested, st.integers(0, 5))))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        watch.read(lambda: load_policy(path, POINT_SPEC, n_layers=1, size=4))

    fuzz()
