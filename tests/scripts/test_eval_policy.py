"""eval_policy.py: each flag takes effect, and a saved policy acts as it did in its run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest

from tests.scripts.conftest import PointFiles, Run, Script, runs_below, small_run


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll out in this process, which is quicker for a few episodes."""
    monkeypatch.setattr("cs285.infrastructure.rollout_workers.usable_cores", lambda: 0)


@pytest.fixture
def run(script: Script, workplace: Path, point_files: PointFiles) -> Run:
    """A run of two iterations."""
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2)
    script("run_hw1", *small_run(point_files, *dagger, "--save_params", "--eval_batch_size", 1)).succeeded()
    return runs_below(workplace / "data")[0]


@pytest.fixture
def evaluate(run: Run, script: Script) -> Callable[..., str]:
    """Evaluate the policy of an iteration; returns the output."""
    return lambda *flags, itr=0: (
        script("eval_policy", "-p", run.folder / f"policy_itr_{itr}.pt", *flags).succeeded().out
    )


def episodes(said: str) -> list[tuple[str, int]]:
    """Return and length of each episode in the output."""
    return [(total, int(steps)) for total, steps in re.findall(r"^episode \d+: return (\S+), (\d+) steps$", said, re.M)]


def test_each_flag_takes_effect(evaluate: Callable[..., str], workplace: Path) -> None:
    default = evaluate()
    returns = [float(total) for total, _ in episodes(default)]
    assert len(returns) == 20
    summary: Any = re.search(r"\.pt: return (\S+) ± \S+, from (\S+) to (\S+), over 20 episodes$", default.strip())
    expected = [sum(returns) / 20, min(returns), max(returns)]
    assert [float(number) for number in summary.groups()] == pytest.approx(expected, abs=0.11)
    assert len(episodes(evaluate("-n", 3))) == 3
    assert {steps for _, steps in episodes(evaluate("--ep_len", 2))} == {2}
    assert evaluate("--seed", 1) == default != evaluate("--seed", 2)
    assert episodes(evaluate(itr=1)) != episodes(default)
    filmed = evaluate("--video", "film.mp4")
    assert filmed == f"{default}wrote film.mp4\n"
    frames = (episodes(filmed)[0][1] + 1) // 2  # of the first episode: 60 steps per second, 30 frames
    assert len(iio.imread(workplace / "film.mp4", plugin="FFMPEG")) == frames


def test_a_saved_policy_acts_as_in_its_run(evaluate: Callable[..., str], run: Run) -> None:
    (episode,) = episodes(evaluate("-n", 1))
    assert episode == (f"{run.rows[0]['Eval_AverageReturn']:.1f}", run.rows[0]["Eval_AverageEpLen"])


@pytest.mark.parametrize("video", ["film.avi", "exists.mp4"])
def test_a_video_that_cannot_be_written_is_refused_first(video: str, run: Run, script: Script, workplace: Path) -> None:
    (workplace / "exists.mp4").touch()
    policy = run.folder / "policy_itr_0.pt"
    outcome = script("eval_policy", "-p", policy, "--video", video)
    outcome.refused(video)
    assert outcome.out == ""
