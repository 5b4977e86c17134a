"""Rubbish in the place of every file that is read: an answer or `InvalidInput`, no code run, little memory.

CS285_FUZZ says how many files each reader gets; with it, they differ from run to run.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.expert_data import load_expert_data
from cs285.data.run_folders import read_run
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.saved_policy import load_policy
from tests.fake_runs import write_run
from tests.fakes import POINT_SPEC, course_episode, expert_content
from tests.fuzzing import Watch, fuzz_file, nested, numbers, pickles, spoiled

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
