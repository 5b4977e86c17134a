"""Readers of generated files: a result or InvalidInput, nothing run, little memory taken.

CS285_FUZZ is the number of files for each reader; with it, they differ from run to run.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
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
from cs285.policies.saved_policy import load_run_policy
from tests.fake_runs import write_run
from tests.fakes import AC_DIM, OB_DIM, POINT, course_episode, expert_content
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
    path.touch()
    fuzz_file(path, pickles(whole), watch, lambda: reader(path))


def test_saved_policies(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "policy_itr_0.pt"
    torch.save(MLPPolicy(AC_DIM, OB_DIM, n_layers=1, size=4).state_dict(), path)
    settings = {"env_name": POINT, "n_layers": 1, "size": 4, "ep_len": None}
    (tmp_path / "config.json").write_text(json.dumps({"settings": settings}))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def with_pickle(pickled: bytes) -> bytes:
        """An archive that is not damaged, with another pickle in it."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, pickled if name.endswith("data.pkl") else content)
        return file.getvalue()

    right = next(content for name, content in members.items() if name.endswith("data.pkl"))
    pickled = st.one_of(spoiled(right), st.builds(pickle.dumps, nested, st.integers(0, 5)))
    contents = st.one_of(spoiled(path.read_bytes()), pickled.map(with_pickle))
    load_run_policy(path)  # the first environment looks for libraries, which starts processes
    fuzz_file(path, contents, watch, lambda: load_run_policy(path))


@pytest.mark.parametrize("name", ["config.json", "log.csv"])
def test_run_folders(name: str, watch: Watch, tmp_path: Path) -> None:
    folder = write_run(tmp_path, [1.0, 2.0])
    whole = (folder / name).read_bytes()

    def with_settings(changes: dict[str, Any]) -> bytes:
        content = json.loads(whole)
        return json.dumps({**content, "settings": {**content["settings"], **changes}}).encode()

    values = st.one_of(numbers, st.text(max_size=4), st.none(), st.lists(numbers, max_size=2))
    changes = st.dictionaries(st.sampled_from(sorted(Config.__dataclass_fields__)), values, max_size=3)
    others = changes.map(with_settings) if name == "config.json" else st.binary(max_size=99)
    contents = st.one_of(spoiled(whole), others)
    fuzz_file(folder / name, contents, watch, lambda: read_run(folder))
