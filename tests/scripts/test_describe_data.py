"""describe_data.py on the files that ship and on the course's layouts: their contents, and the tasks that they fit."""

from pathlib import Path

import numpy as np

from tests import fakes
from tests.scripts.conftest import ROOT, PointFiles, Script


def test_the_files_that_ship(script: Script) -> None:
    data, expert = ROOT / "expert_data/expert_data_Hopper-v5.pkl", ROOT / "policies/experts/Ant-v5.pkl"
    out = script("describe_data", data, expert).succeeded().out
    assert "observations of float32 (11,), actions of 3 numbers" in out
    assert "2 episodes, 2000 steps, lengths 1000 to 1000\n  return 3615.4 ± 0.3, from 3615.0 to 3615.7" in out
    assert "network 27 -> 64 -> 64 -> 8, tanh" in out
    assert "fits Hopper-v5\n" in out
    assert "fits Ant-v5 after converting Ant observations from 105 to 27 numbers\n" in out


def test_the_layouts_of_both_editions(script: Script, point_files: PointFiles, tmp_path: Path) -> None:
    episodes = [fakes.course_episode(2020, steps=steps, seed=steps) for steps in (3, 5)]
    older = fakes.pickle_file(tmp_path / "older.pkl", episodes)
    out = script("describe_data", older, point_files.data, point_files.expert).succeeded().out
    returns = [episode["reward"].sum() for episode in episodes]
    assert f"2 episodes, 8 steps, lengths 3 to 5\n  return {np.mean(returns):.1f} ± {np.std(returns):.1f}" in out
    assert out.index("layout of fall 2020 and CMU") < out.index("layout of fall 2023")
    assert out.count("fits none of Ant-v5, CartPole-v1") == 3
    required = script("describe_data", older, point_files.expert, "--env_name", fakes.POINT).succeeded().out
    assert required.count(f"fits {fakes.POINT}") == 2


def test_bad_files_are_refused(script: Script, point_files: PointFiles, tmp_path: Path) -> None:
    (tmp_path / "text.pkl").write_text("not a pickle", encoding="utf-8")
    numbers = fakes.pickle_file(tmp_path / "numbers.pkl", [1, 2])
    for name, why in (
        (tmp_path / "text.pkl", "read as a pickle"),
        (tmp_path / "none.pkl", "No such file"),
        (tmp_path, "is a folder"),
        (numbers, "episode 0"),
    ):
        script("describe_data", name).refused(str(name), why)
    script("describe_data", point_files.data, "-env", "Hopper-v5").refused("observations of 3 numbers", "Hopper-v5")
    script("describe_data").refused("at least one file")
