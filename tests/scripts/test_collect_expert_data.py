"""collect_expert_data.py: each flag takes effect, and the recording can be read and trained on."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.expert_data import load_expert_data
from cs285.data.trajectory import Trajectory
from tests import fakes
from tests.scripts.conftest import PointFiles, Script, runs_below, small_run


@dataclass(frozen=True)
class Case:
    """An observation that holds for a recording with the flag and not without it; "{other}" is another expert file."""

    flag: Sequence[object]
    seen: Callable[[Path, list[Trajectory]], Any]
    expected: Any


CASES = {
    "env_name": Case(("-env", fakes.CHOICE, "-o", "choices.pkl"), lambda _, episodes: episodes[0].discrete, True),
    "expert_policy_file": Case(("-epf", "{other}"), lambda _, episodes: bool((episodes[0].actions == 0).all()), True),
    "episodes": Case(("-n", 3), lambda _, episodes: len(episodes), 3),
    "ep_len": Case(("--ep_len", 2), lambda _, episodes: [len(episode) for episode in episodes], [2, 2]),
    "seed": Case(("--seed", 7), lambda _, episodes: bool(episodes[0].observations[0, 0] == first_number(7)), True),
    "output": Case(("-o", "mine/recorded.pkl"), lambda path, _: str(path), "mine/recorded.pkl"),
}


def first_number(seed: int) -> np.float32:
    """The first observed number of the first episode of a recording."""
    from cs285.infrastructure.seeding import Stream, episode_seeds

    episode_seed = next(episode_seeds(seed, Stream.TRAINING_ROLLOUTS, itr=0))
    return np.float32(fakes.PointEnv().reset(seed=episode_seed)[0][0])


@pytest.mark.parametrize("flag", CASES)
def test_each_flag_takes_effect(
    flag: str, script: Script, workplace: Path, tmp_path: Path, point_files: PointFiles
) -> None:
    case = CASES[flag]
    content = fakes.expert_content()
    content["GaussianPolicy"]["out"]["AffineLayer"] = {"W": np.zeros((8, 2)), "b": np.zeros((1, 2))}
    other = fakes.pickle_file(tmp_path / "other.pkl", content)

    def seen(*more: object) -> Any:
        known = set(workplace.rglob("*.pkl"))
        arguments = [other if argument == "{other}" else argument for argument in more]
        script("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, *arguments).succeeded()
        (path,) = set(workplace.rglob("*.pkl")) - known
        return case.seen(path.relative_to(workplace), load_expert_data(path))

    assert seen() != case.expected
    (workplace / f"expert_data/expert_data_{fakes.POINT}.pkl").unlink()
    assert seen(*case.flag) == case.expected


def test_a_recording_is_in_the_layout_of_the_course(script: Script, workplace: Path, point_files: PointFiles) -> None:
    said = script("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", "r.pkl").succeeded().out
    episodes = pickle.loads((workplace / "r.pkl").read_bytes())
    keys = {"observation", "image_obs", "reward", "action", "next_observation", "terminal"}
    assert [set(episode) for episode in episodes] == [keys, keys]
    assert [episode["terminal"].sum() for episode in episodes] == [1, 1]
    mean = np.mean([episode["reward"].sum() for episode in episodes])
    assert said.startswith(f"r.pkl: 2 episodes, return {mean:.1f} ± ")
    assert said.count("\n") == 1


def test_a_recording_can_be_trained_on(script: Script, workplace: Path, point_files: PointFiles) -> None:
    script("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", "r.pkl").succeeded()
    script("run_hw1", *small_run(point_files, "-ed", "r.pkl")).succeeded()
    (run,) = runs_below(workplace / "data")
    expected = np.mean([episode.total_reward for episode in load_expert_data(workplace / "r.pkl")])
    assert run.rows[0]["Initial_DataCollection_AverageReturn"] == pytest.approx(expected)


def test_the_same_seed_gives_the_same_file(script: Script, workplace: Path, point_files: PointFiles) -> None:
    for name in ("first.pkl", "second.pkl"):
        script("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", name).succeeded()
    assert (workplace / "first.pkl").read_bytes() == (workplace / "second.pkl").read_bytes()


def test_the_shipped_expert_is_found_from_another_folder(script: Script) -> None:
    script("collect_expert_data", "-env", "CartPole-v1", "-n", 1, "--ep_len", 10).succeeded()
