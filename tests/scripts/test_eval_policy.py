"""eval_policy.py: each flag does what it says, and a saved policy does what it did in its run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import imageio
import pytest

from tests.scripts.conftest import PointFiles, Run, Script, load_script, runs_below, small_run


@dataclass(frozen=True)
class Case:
    """What is seen of the output with a flag, and not without it."""

    flag: Sequence[object]
    seen: Callable[[str], Any]
    expected: Any


def episodes(said: str) -> list[tuple[str, int]]:
    """Return and length of each episode in the output."""
    return [(total, int(steps)) for total, steps in re.findall(r"^episode \d+: return (\S+), (\d+) steps$", said, re.M)]


CASES = {
    "policy": Case(("-p", "{second}"), lambda said: "policy_itr_1.pt: return" in said, True),
    "episodes": Case(("-n", 3), lambda said: len(episodes(said)), 3),
    "ep_len": Case(("--ep_len", 2), lambda said: {steps for _, steps in episodes(said)}, {2}),
    "video": Case(("--video", "film.mp4"), lambda said: said.splitlines()[-1], "wrote film.mp4"),
}


@pytest.fixture
def run(script: Script, workplace: Path, point_files: PointFiles) -> Run:
    """A run of two iterations."""
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2)
    script("run_hw1", *small_run(point_files, *dagger, "--save_params", "--eval_batch_size", 1)).succeeded()
    return runs_below(workplace / "data")[0]


@pytest.mark.parametrize("flag", CASES)
def test_each_flag_does_what_it_says(flag: str, run: Run, script: Script) -> None:
    policy = run.folder / "policy_itr_0.pt"
    arguments = [run.folder / "policy_itr_1.pt" if value == "{second}" else value for value in CASES[flag].flag]
    assert CASES[flag].seen(script("eval_policy", "-p", policy).succeeded().out) != CASES[flag].expected
    assert CASES[flag].seen(script("eval_policy", "-p", policy, *arguments).succeeded().out) == CASES[flag].expected


def test_the_seed_decides_the_episodes(run: Run, script: Script) -> None:
    policy = ("eval_policy", "-p", run.folder / "policy_itr_0.pt")
    said = [script(*policy, *seed).succeeded().out for seed in ((), ("--seed", 1), ("--seed", 2))]
    assert said[0] == said[1] != said[2]


def test_every_flag_has_a_case() -> None:
    flags = {field.name for field in fields(load_script("eval_policy").Settings)}
    assert set(CASES) | {"seed", "backend"} == flags  # tests/envs/test_mujoco_py_backend.py has the backend


def test_a_saved_policy_does_what_it_did_in_its_run(run: Run, script: Script) -> None:
    said = script("eval_policy", "-p", run.folder / "policy_itr_0.pt", "-n", 1).succeeded().out
    assert episodes(said) == [(f"{run.rows[0]['Eval_AverageReturn']:.1f}", run.rows[0]["Eval_AverageEpLen"])]


def test_the_statistics_are_those_of_the_episodes(run: Run, script: Script) -> None:
    said = script("eval_policy", "-p", run.folder / "policy_itr_0.pt").succeeded().out
    returns = [float(total) for total, _ in episodes(said)]
    low, high = re.search(r"from (\S+) to (\S+), over 20 episodes$", said.strip()).groups()  # type: ignore[union-attr]
    assert (float(low), float(high)) == (min(returns), max(returns))
    (mean,) = re.findall(r"\.pt: return (\S+) ± ", said)
    assert float(mean) == pytest.approx(sum(returns) / len(returns), abs=0.11)


def test_the_video_is_the_first_episode(run: Run, script: Script, workplace: Path) -> None:
    said = script("eval_policy", "-p", run.folder / "policy_itr_0.pt", "--video", "film.mp4").succeeded().out
    _, steps = episodes(said)[0]
    assert len(imageio.mimread(workplace / "film.mp4")) == (steps + 1) // 2  # 60 steps a second, 30 frames
