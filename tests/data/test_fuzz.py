"""Rubbish in the place of every file that is read: an answer or `InvalidInput`, no code run, little memory.

CS285_FUZZ says how many files each reader gets; with it, they differ from run to run.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.checkpoint import AgentState, Checkpoint, LogState, load_checkpoint, save_checkpoint
from cs285.data.expert_data import load_expert_data
from cs285.data.run_folders import read_run
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from cs285.policies.MLP_policy import MLPPolicy
from tests.fake_runs import write_run
from tests.fakes import POINT_SPEC, course_episode, expert_content, make_trajectory
from tests.fuzzing import Watch, arrays, fuzz_file, nested, numbers, pickles, spoiled

DATA, EXPERT = [course_episode(2023, steps=3), course_episode(2020, steps=3)], expert_content()


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(
    ("whole", "reader"), [(DATA, load_expert_data), (EXPERT, LoadedGaussianPolicy)], ids=["data", "expert"]
)
def test_pickles(whole: Any, reader: Callable[[Path], object], watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "fuzzed.pkl"
    path.write_bytes(b"")
    fuzz_file(path, pickles(whole), watch, lambda: reader(path))


@pytest.fixture(scope="module")
def checkpointed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint."""
    folder = tmp_path_factory.mktemp("checkpointed")
    state = AgentState({"actor.w": np.ones((3, 2), np.float32)}, np.random.default_rng(0).bit_generator.state)
    log = LogState({"log.csv": 3}, "0a")
    save_checkpoint(folder, Checkpoint({"size": "8"}, 2, 10, 1.5, {"a": 0.5}, log, state, {}), [make_trajectory()])
    return folder


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_checkpoints(name: str, watch: Watch, checkpointed: Path) -> None:
    path = checkpointed / "checkpoint" / name
    contents = st.one_of(spoiled(path.read_bytes()), archives(checkpointed, name))
    fuzz_file(path, contents, watch, lambda: load_checkpoint(checkpointed))


def archives(folder: Path, name: str) -> st.SearchStrategy[bytes]:
    """Whole archives whose arrays are not what they should be."""
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
    names = ("settings", "itr", "total_envsteps", "seconds", "unfinished", "log", "agent", "added", "more")
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
    contents = st.one_of(spoiled(whole), st.just(deep), st.binary(max_size=99), *others)
    fuzz_file(path, contents, watch, lambda: read_run(run_folder))


def test_saved_policies(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "policy.pt"
    parameters = MLPPolicy(POINT_SPEC.ac_dim, POINT_SPEC.ob_dim, n_layers=1, size=4).state_dict()
    torch.save(parameters, path)
    contents = st.one_of(spoiled(path.read_bytes()), st.builds(pickle.dumps, nested, st.integers(0, 5)))
    fuzz_file(path, contents, watch, lambda: load_policy(path, POINT_SPEC, n_layers=1, size=4))
