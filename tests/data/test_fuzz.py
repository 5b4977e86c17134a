"""Generated files: every reader returns a result or raises InvalidInput, runs no code in them, and takes little memory.

The environment variable CS285_FUZZ is the number of files for each reader. If the variable is set, each run of the
tests generates different files.
"""

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

from cs285.data.expert_data import load_expert_data
from cs285.data.run_folders import read_run
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.saved_policy import load_run_policy
from tests.fake_runs import write_run
from tests.fakes import AC_DIM, OB_DIM, POINT, course_episode, expert_content
from tests.fuzzing import Watch, fuzz_file, nested, numbers, pickles, spoiled, spoiled_value

DATA, EXPERT = [course_episode(2023, steps=3), course_episode(2020, steps=3)], expert_content()


@pytest.mark.parametrize(("whole", "reader"), [(DATA, load_expert_data), (EXPERT, LoadedGaussianPolicy)])
def test_pickles(whole: Any, reader: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "fuzzed.pkl"
    path.touch()
    fuzz_file(path, pickles(whole), Watch(), lambda: reader(path))


def test_saved_policies(tmp_path: Path) -> None:
    path = tmp_path / "policy_itr_0.pt"
    torch.save(MLPPolicy(AC_DIM, OB_DIM, n_layers=1, size=4).state_dict(), path)
    settings = {"env_name": POINT, "n_layers": 1, "size": 4, "ep_len": None}
    (tmp_path / "config.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def with_pickle(pickled: bytes) -> bytes:
        """The undamaged archive, except that its pickle is replaced by ``pickled``."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, pickled if name.endswith("data.pkl") else content)
        return file.getvalue()

    right = next(content for name, content in members.items() if name.endswith("data.pkl"))
    pickled = st.one_of(spoiled(right), st.builds(pickle.dumps, nested, st.integers(0, 5)))
    contents = st.one_of(spoiled(path.read_bytes()), pickled.map(with_pickle))
    # Making the first environment starts processes that look for libraries. This call makes an environment before
    # `Watch` begins, because `Watch` would report these processes.
    load_run_policy(path)
    fuzz_file(path, contents, Watch(), lambda: load_run_policy(path))


def test_run_folders(tmp_path: Path) -> None:
    folder, watch = write_run(tmp_path, [1.0, 2.0]), Watch()
    config, table = folder / "config.json", folder / "log.csv"
    values = st.one_of(numbers, st.text(max_size=4), st.none(), st.lists(numbers, max_size=2))
    changed = spoiled_value(json.loads(config.read_bytes()), values).map(lambda content: json.dumps(content).encode())
    fuzz_file(config, st.one_of(spoiled(config.read_bytes()), changed), watch, lambda: read_run(folder))
    fuzz_file(table, spoiled(table.read_bytes()), watch, lambda: read_run(folder))
