"""collect_expert_data.py: each flag takes effect, and the recording can be read and trained on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.expert_data import load_expert_data
from tests import fakes
from tests.scripts.conftest import PointFiles, Script, runs_below, small_run


def test_a_recording_is_in_the_course_s_layout_and_repeats(
    script: Script, workplace: Path, point_files: PointFiles
) -> None:
    command = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert)
    out = script(*command).succeeded().out
    path = Path(f"expert_data/expert_data_{fakes.POINT}.pkl")
    episodes = pickle.loads(path.read_bytes())
    keys = {"observation", "image_obs", "reward", "action", "next_observation", "terminal"}
    assert [set(episode) for episode in episodes] == [keys, keys]
    assert [episode["terminal"].sum() for episode in episodes] == [1, 1]
    mean = np.mean([episode["reward"].sum() for episode in episodes])
    assert out.startswith(f"{path}: 2 episodes, return {mean:.1f} ± ")
    assert out.count("\n") == 1
    script(*command, "-o", "again.pkl").succeeded()
    assert Path("again.pkl").read_bytes() == path.read_bytes()
    script(*command).refused(f"{path} exists")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("-n", 3), {"episodes": 3}),
        (("--ep_len", 2), {"lengths": {2}}),
        (("--seed", 7), {"same_start": False}),
        (("-env", fakes.CHOICE), {"discrete": True}),
        (("-epf", "other.pkl"), {"all_zero": True}),
    ],
)
def test_each_flag_takes_effect(
    flags: tuple[object, ...], expected: dict[str, Any], script: Script, workplace: Path, point_files: PointFiles
) -> None:
    content = fakes.expert_content()
    content["GaussianPolicy"]["out"]["AffineLayer"] = {"W": np.zeros((8, 2)), "b": np.zeros((1, 2))}
    fakes.pickle_file(workplace / "other.pkl", content)
    files = {"plain.pkl": (), "flagged.pkl": flags}
    for name, more in files.items():
        script(*("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", name, *more)).succeeded()
    plain, flagged = (load_expert_data(workplace / name) for name in files)
    seen = {
        "episodes": len(flagged),
        "lengths": {len(episode) for episode in flagged},
        "same_start": bool((flagged[0].observations[0] == plain[0].observations[0]).all()),
        "discrete": flagged[0].discrete,
        "all_zero": bool((flagged[0].actions == 0).all()),
    }
    assert expected.items() <= seen.items()


def test_a_recording_can_be_trained_on(script: Script, workplace: Path, point_files: PointFiles) -> None:
    script("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", "r.pkl").succeeded()
    script("run_hw1", *small_run(point_files, "-ed", "r.pkl")).succeeded()
    (run,) = runs_below(workplace / "data")
    expected = np.mean([episode.total_reward for episode in load_expert_data(workplace / "r.pkl")])
    assert run.rows[0]["Initial_DataCollection_AverageReturn"] == pytest.approx(expected)


def test_the_shipped_expert_is_found_from_another_folder(script: Script) -> None:
    script("collect_expert_data", "-env", "CartPole-v1", "-n", 1, "--ep_len", 10).succeeded()
