"""Files of the user that can't be used: scripts end with one line, exit code 2 and nothing written.

What the readers refuse, and how, is tested with the readers; here each script meets one file of each kind.
"""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.provenance import digest
from cs285.errors import InvalidInput
from tests import fakes
from tests.scripts.conftest import PointFiles, Run, Script, runs_below, small_run

T = fakes.TIME_LIMIT
CALL = b"cos\nsystem\n(S'true'\ntR."


def episode(**changes: Any) -> list[dict[str, Any]]:
    return [{**fakes.course_episode(2020), **changes}]


# the content of the file, and what the line must say of it beside the file's name
BAD_DATA: dict[str, tuple[object, tuple[str, ...]]] = {
    "text": (b"these are no episodes\n", ("no pickle",)),
    "call": (CALL, ("os.system",)),
    "expert": (fakes.expert_content(), ("--expert_policy_file",)),
    "NaN": (episode(reward=np.full(T, np.nan)), ("episode 0", "reward", "NaN")),
    "other observations": (
        episode(observation=np.zeros((T, 4)), next_observation=np.zeros((T, 4))),
        ("4 numbers", "has 3"),
    ),
    "other actions": (episode(action=np.zeros((T, 5)) + 0.5), ("actions of 5", "has 2")),
    "discrete actions": (episode(action=np.zeros(T, np.int64)), ("discrete", "continuous")),
    "no steps": ([{name: array[:0] for name, array in fakes.course_episode(2020).items()}], ("episode 0", "one step")),
}
BAD_EXPERTS: dict[str, tuple[object, tuple[str, ...]]] = {
    "text": (b"this is no expert\n", ("no pickle",)),
    "call": (CALL, ("os.system",)),
    "episodes": (episode(), ("not an expert policy",)),
    "other observations": (fakes.expert_content(ob_dim=5), ("5", "3")),
    "other actions": (fakes.expert_content(ac_dim=4), ("actions of 4", "has 2")),
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


@pytest.mark.parametrize("flag", ["-ed", "-epf"])
@pytest.mark.parametrize(
    ("place", "why"), [("nowhere.pkl", "No such file"), (".", "s a directory"), ("pipe", "not a regular file")]
)
def test_files_that_cannot_be_read(
    flag: str, place: str, why: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert, flag, tmp_path / place)
    refused((str(tmp_path / place), why), "run_hw1", *arguments)


def test_a_digest_reads_regular_files_only() -> None:
    with pytest.raises(InvalidInput, match="not a regular file"):
        digest(Path("/dev/zero"))


class TestSavedPolicies:
    """eval_policy.py reads a run folder."""

    @pytest.fixture
    def run(self, script: Script, workplace: Path, point_files: PointFiles) -> Run:
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        return runs_below(workplace / "data")[0]

    def test_no_policy_named(self, refused: Callable[..., None]) -> None:
        refused(("--policy",), "eval_policy")

    def test_other_files(self, run: Run, refused: Callable[..., None], tmp_path: Path) -> None:
        path = run.folder / "policy_itr_0.pt"
        refused(("policy_itr_7.pt", "No such file"), "eval_policy", "-p", run.folder / "policy_itr_7.pt")
        refused(("config.json", "No such file"), "eval_policy", "-p", tmp_path / "policy_itr_0.pt")
        for content in (CALL, path.read_bytes()[:-200]):
            write(path, content)
            refused((str(path), "torch.save"), "eval_policy", "-p", path)
        for content in (b"{}", b'{"settings": {"size": 8}}', b"\xff"):
            write(run.folder / "config.json", content)
            refused(("config.json",), "eval_policy", "-p", path)


def test_an_expert_without_a_card_needs_its_task(refused: Callable[..., None], point_files: PointFiles) -> None:
    refused(("--expert_policy_file",), "eval_expert", "-env", fakes.POINT)
    refused(("'expert'",), "eval_expert", "-epf", point_files.expert)


def card_of(**changes: Any) -> bytes:
    return json.dumps({"evaluation": {"episodes": 20, "mean": 1.0, "std": 1.0, **changes}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]", b'{"evaluation": 1}', b'{"evaluation": {"mean": 3}}', b"\xff"),
        *(card_of(episodes=value) for value in ("3", 2.5, -1, 0, 1, True, 100_001, math.inf, None)),
        *(card_of(**{name: value}) for name in ("mean", "std") for value in ("500", True, None, math.nan)),
        pytest.param(card_of(mean=10**400), id="a mean beyond floats"),
        pytest.param(b"[" * 200_000, id="deeply nested"),
    ],
)
def test_a_bad_card(content: bytes, refused: Callable[..., None], tmp_path: Path) -> None:
    expert = write(tmp_path / "mine.pkl", fakes.expert_content())
    card = write(tmp_path / "mine.json", content)
    refused((str(card),), "eval_expert", "-epf", expert, "-env", fakes.POINT)


def test_cards_are_read_before_anything_is_printed(script: Script, workplace: Path) -> None:
    folder = workplace / "policies/experts"
    folder.mkdir(parents=True)
    for name in ("CartPole-v1", "Hopper-v5"):
        write(folder / f"{name}.pkl", fakes.expert_content())
    write(folder / "Hopper-v5.json", b"{}")
    assert script("eval_expert").refused("Hopper-v5.json").out == ""
