"""Files that are missing, spoiled or do not fit. One clear line, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cs285.data.provenance import digest
from cs285.errors import InvalidInput
from tests import fakes
from tests.scripts.conftest import PointFiles, Run, Script, runs_below, small_run


class Unpicklable:
    """A class of the file's own: only its module could read it."""


def changed_episode(**changes: Any) -> list[dict[str, Any]]:
    return [{**fakes.course_episode(2020), **changes}]


def with_nan(shape: Sequence[int]) -> Any:
    array = np.zeros(shape, np.float32)
    array.flat[-1] = np.nan
    return array


def changed_expert(**changes: Any) -> dict[str, Any]:
    return {**fakes.expert_content(), **changes}


T = fakes.TIME_LIMIT
WHOLE_DATA = pickle.dumps([fakes.course_episode(2020)])
WHOLE_EXPERT = pickle.dumps(fakes.expert_content())

# what is in the file, and what the line must say of it beside the file's name
BAD_DATA: dict[str, tuple[bytes | object, tuple[str, ...]]] = {
    "empty": (b"", ()),
    "text": (b"these are no episodes\n", ("pickle",)),
    "cut short": (WHOLE_DATA[: len(WHOLE_DATA) // 2], ("pickle",)),
    "last byte missing": (WHOLE_DATA[:-1], ("pickle",)),
    "a class of its own": ([Unpicklable()], ("Unpicklable",)),
    "a call": (b"cos\nsystem\n(S'true'\ntR.", ("os.system",)),
    "an expert": (fakes.expert_content(), ("list", "dict")),
    "nothing": ([], ("list",)),
    "numbers": ([1, 2, 3], ("episode 0", "int")),
    "an episode without actions": (
        [{k: v for k, v in fakes.course_episode(2020).items() if k != "action"}],
        ("episode 0", "'action'"),
    ),
    "NaN in observations": (changed_episode(observation=with_nan((T, 3))), ("episode 0", "observation", "NaN")),
    "NaN in actions": (changed_episode(action=with_nan((T, 2))), ("episode 0", "action", "NaN")),
    "infinite rewards": (changed_episode(reward=np.full(T, np.inf)), ("episode 0", "reward", "infinity")),
    "fewer actions than steps": (changed_episode(action=np.zeros((7, 2))), ("episode 0", "7", str(T))),
    "observations of other sizes": (
        changed_episode(observation=np.zeros((T, 4)), next_observation=np.zeros((T, 4))),
        ("4 numbers", "has 3"),
    ),
    "actions of other sizes": (changed_episode(action=np.zeros((T, 5)) + 0.5), ("actions of 5", "has 2")),
    "discrete actions": (changed_episode(action=np.zeros(T, np.int64)), ("discrete", "continuous")),
    "no steps": ([{name: array[:0] for name, array in fakes.course_episode(2020).items()}], ("episode 0", "one step")),
    "text instead of arrays": (changed_episode(observation="here"), ("episode 0", "'observation'")),
    "objects in an array": (changed_episode(action=np.array([None] * T)), ("plain numbers",)),
}
BAD_EXPERTS: dict[str, tuple[bytes | object, tuple[str, ...]]] = {
    "empty": (b"", ()),
    "text": (b"this is no expert\n", ("pickle",)),
    "cut short": (WHOLE_EXPERT[: len(WHOLE_EXPERT) // 2], ("pickle",)),
    "a class of its own": ({"GaussianPolicy": Unpicklable()}, ("Unpicklable",)),
    "a call": (b"cos\nsystem\n(S'true'\ntR.", ("os.system",)),
    "episodes": ([fakes.course_episode(2020)], ("not an expert policy",)),
    "an unknown activation": (changed_expert(nonlin_type="cube"), ("'cube'", "tanh", "lrelu")),
    "no network": (changed_expert(GaussianPolicy={}), ("not an expert policy",)),
    "observations of other sizes": (fakes.expert_content(ob_dim=5), ("5", "3")),
    "actions of other sizes": (fakes.expert_content(ac_dim=4), ("actions of 4", "has 2")),
}


def write(path: Path, content: bytes | object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return path


@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data(what: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path) -> None:
    content, parts = BAD_DATA[what]
    path = write(tmp_path / "bad.pkl", content)
    refused((str(path), *parts), "run_hw1", *small_run(point_files, "-ed", path))


@pytest.mark.parametrize("what", BAD_EXPERTS)
@pytest.mark.parametrize("name", ["run_hw1", "collect_expert_data", "eval_expert"])
def test_bad_expert(
    what: str, name: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    content, parts = BAD_EXPERTS[what]
    path = write(tmp_path / "bad.pkl", content)
    arguments = small_run(point_files, "--do_dagger") if name == "run_hw1" else ("-env", fakes.POINT)
    refused((str(path), *parts), name, *arguments, "-epf", path)


@pytest.mark.parametrize("flag", ["-ed", "-epf"])
@pytest.mark.parametrize(("place", "said"), [("nowhere.pkl", "No such file"), (".", "s a directory")])
def test_files_that_cannot_be_read(
    flag: str, place: str, said: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    refused((str(tmp_path / place), said), "run_hw1", *small_run(point_files, flag, tmp_path / place))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
class TestPipes:
    """What has no end is not read: a pipe that nobody writes to, a device."""

    @pytest.fixture
    def pipe(self, tmp_path: Path) -> Path:
        path = tmp_path / "bad.pkl"
        os.mkfifo(path)
        return path

    @pytest.mark.parametrize("flag", ["-ed", "-epf"])
    def test_of_a_run(self, flag: str, pipe: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
        arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert, flag, pipe)
        refused((str(pipe), "not a regular file"), "run_hw1", *arguments)
        refused(("/dev/zero", "not a regular file"), "run_hw1", *arguments, flag, "/dev/zero")

    @pytest.mark.parametrize("name", ["collect_expert_data", "eval_expert"])
    def test_of_an_expert(self, name: str, pipe: Path, refused: Callable[..., None]) -> None:
        refused((str(pipe), "not a regular file"), name, "-env", fakes.POINT, "-epf", pipe)

    def test_digest(self, pipe: Path) -> None:
        with pytest.raises(InvalidInput, match="not a regular file"):
            digest(pipe)

    def test_card(self, refused: Callable[..., None], tmp_path: Path) -> None:
        expert = write(tmp_path / "mine.pkl", fakes.expert_content())
        os.mkfifo(tmp_path / "mine.json")
        refused(("mine.json", "not a regular file"), "eval_expert", "-epf", expert, "-env", fakes.POINT)

    def test_policy(self, pipe: Path, script: Script, workplace: Path, point_files: PointFiles) -> None:
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        policy = runs_below(workplace / "data")[0].folder / "policy_itr_0.pt"
        policy.unlink()
        pipe.rename(policy)
        script("eval_policy", "-p", policy).refused(str(policy), "not a regular file")


class TestSavedPolicies:
    """eval_policy.py reads a run's folder."""

    @pytest.fixture
    def run(self, script: Script, workplace: Path, point_files: PointFiles) -> Run:
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        return runs_below(workplace / "data")[0]

    def test_no_policy_named(self, refused: Callable[..., None]) -> None:
        refused(("--policy",), "eval_policy")

    def test_no_such_file(self, run: Run, refused: Callable[..., None]) -> None:
        refused(("policy_itr_7.pt", "No such file"), "eval_policy", "-p", run.folder / "policy_itr_7.pt")

    def test_no_run_folder(self, tmp_path: Path, refused: Callable[..., None]) -> None:
        refused(("config.json", "No such file"), "eval_policy", "-p", tmp_path / "policy_itr_0.pt")

    @pytest.mark.parametrize("content", [b"", b"no parameters", pickle.dumps({"weight": [1.0]}), b"PK\x03\x04 cut"])
    def test_other_content(self, content: bytes, run: Run, refused: Callable[..., None]) -> None:
        path = write(run.folder / "policy_itr_0.pt", content)
        refused((str(path),), "eval_policy", "-p", path)

    def test_cut_short(self, run: Run, refused: Callable[..., None]) -> None:
        path = run.folder / "policy_itr_0.pt"
        write(path, path.read_bytes()[:-200])
        refused((str(path),), "eval_policy", "-p", path)

    def test_parameters_of_another_network(self, run: Run, refused: Callable[..., None]) -> None:
        path = run.folder / "policy_itr_0.pt"
        torch.save({name: torch.zeros(1) for name in run.parameters()}, path)
        refused((str(path),), "eval_policy", "-p", path)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"settings": 1}', b'{"settings": {"size": 8}}', b"\xff"])
    def test_other_config(self, content: bytes, run: Run, refused: Callable[..., None]) -> None:
        write(run.folder / "config.json", content)
        refused(("config.json",), "eval_policy", "-p", run.folder / "policy_itr_0.pt")


def test_an_expert_without_a_card_needs_its_task(refused: Callable[..., None], point_files: PointFiles) -> None:
    refused(("--expert_policy_file",), "eval_expert", "-env", fakes.POINT)
    refused(("'expert'",), "eval_expert", "-epf", point_files.expert)


def card_of(**changes: Any) -> bytes:
    return json.dumps({"evaluation": {"episodes": 20, "mean": 1.0, "std": 1.0, **changes}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"[]", b'{"evaluation": 1}', b'{"evaluation": {"mean": 3}}', b"\xff"),
        *(card_of(episodes=value) for value in ("3", 2.5, -1, 0, 1, True, 100_001, math.inf, math.nan, None, [20])),
        *(card_of(**{name: value}) for name in ("mean", "std") for value in ("500", True, None, math.inf, math.nan)),
        pytest.param(card_of(mean=10**400), id="a mean beyond floats"),
        pytest.param(card_of().replace(b"20", b"1e400"), id="episodes beyond floats"),
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
