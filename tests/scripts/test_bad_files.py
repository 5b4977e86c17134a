"""Files of the user that can't be used: scripts end with one line, exit code 2 and nothing written.

What the readers refuse, and how, is tested with the readers; here each script meets one file of each kind.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fakes
from tests.scripts.conftest import PointFiles, Script, runs_below, small_run

T = fakes.TIME_LIMIT
CALL = b"cos\nsystem\n(S'true'\ntR."


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll out in this process, which is quicker for a few episodes."""
    monkeypatch.setattr("cs285.infrastructure.rollout_workers.usable_cores", lambda: 0)


def episode(**changes: Any) -> list[dict[str, Any]]:
    return [{**fakes.course_episode(2020), **changes}]


# the content of the file, and what the line must say of it beside the file's name
BAD_DATA: dict[str, tuple[object, tuple[str, ...]]] = {
    "call": (CALL, ("os.system",)),
    "expert": (fakes.expert_content(), ("--expert_policy_file",)),
    "NaN": (episode(reward=np.full(T, np.nan)), ("episode 0", "reward", "NaN")),
    "other actions": (episode(action=np.zeros((T, 5)) + 0.5), ("actions of 5 numbers", "actions of 2")),
}
BAD_EXPERTS: dict[str, tuple[object, tuple[str, ...]]] = {
    "text": (b"this is no expert\n", ("no pickle",)),
    "episodes": (episode(), ("not an expert policy",)),
    "other observations": (fakes.expert_content(ob_dim=5), ("5", "3")),
}


def write(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return path


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path) -> None:
    content, parts = BAD_DATA[name]
    path = write(tmp_path / "bad.pkl", content)
    refused((str(path), *parts), "run_hw1", *small_run(point_files, "-ed", path))


@pytest.mark.parametrize("name", BAD_EXPERTS)
def test_bad_expert(name: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path) -> None:
    content, parts = BAD_EXPERTS[name]
    path = write(tmp_path / "bad.pkl", content)
    refused((str(path), *parts), "run_hw1", *small_run(point_files, "--do_dagger"), "-epf", path)
    for script in ("collect_expert_data", "eval_expert"):
        refused((str(path), *parts), script, "-env", fakes.POINT, "-epf", path)


@pytest.mark.parametrize(("flag", "place", "why"), [("-ed", "pipe", "not a regular file"), ("-epf", "none", "No such")])
def test_files_that_cannot_be_read(
    flag: str, place: str, why: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert, flag, tmp_path / place)
    refused((str(tmp_path / place), why), "run_hw1", *arguments)


def test_saved_policies(refused: Callable[..., None], script: Script, point_files: PointFiles, workplace: Path) -> None:
    refused(("--policy",), "eval_policy")
    script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
    folder = runs_below(workplace / "data")[0].folder
    path = folder / "policy_itr_0.pt"
    refused(("policy_itr_7.pt", "No such file"), "eval_policy", "-p", folder / "policy_itr_7.pt")
    write(path, CALL)
    refused((str(path), "torch.save"), "eval_policy", "-p", path)
    write(folder / "config.json", b'{"settings": {"size": 8}}')
    refused(("config.json",), "eval_policy", "-p", path)


def test_an_expert_without_a_card_needs_its_task(refused: Callable[..., None], point_files: PointFiles) -> None:
    refused(("--expert_policy_file",), "eval_expert", "-env", fakes.POINT)
    refused(("'expert'",), "eval_expert", "-epf", point_files.expert)


def test_cards_are_read_before_anything_is_printed(script: Script, workplace: Path) -> None:
    folder = workplace / "policies/experts"
    folder.mkdir(parents=True)
    for name in ("CartPole-v1", "Hopper-v5"):
        write(folder / f"{name}.pkl", fakes.expert_content())
    write(folder / "Hopper-v5.json", b"{}")
    assert script("eval_expert").refused("Hopper-v5.json").out == ""
