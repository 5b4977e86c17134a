"""Evaluation and videos beside training: when they are due, what they show, and where they run."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from cs285.config import Config
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.evaluation import Evaluation
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.logger import Logger
from cs285.infrastructure.rl_trainer import RL_Trainer
from cs285.policies.base_policy import BasePolicy
from tests.fakes import AC_DIM, FakePolicy, PointEnv, expert_rule, make_trajectory


def run(config: Config, expert: Any = expert_rule) -> BC_Trainer:
    trainer = BC_Trainer(config, expert)
    trainer.run_training_loop()
    return trainer


@pytest.mark.parametrize(("frequency", "filmed"), [(1, [0, 1, 2]), (2, [0, 2]), (-1, [])])
def test_videos_come_when_due(tiny: Config, frequency: int, filmed: list[int]) -> None:
    trainer = run(replace(tiny, video_log_freq=frequency, scalar_log_freq=-1))
    assert trainer.run_dir is not None
    expected = {f"{who}_rollouts_itr_{itr}.mp4" for who in ("train", "eval") for itr in filmed}
    assert {path.name for path in trainer.run_dir.glob("videos/*")} == expected


def test_a_video_shows_the_first_two_episodes_of_its_iteration(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[Sequence[Trajectory]] = []
    relabel = RL_Trainer.do_relabel_with_expert

    def record(self: RL_Trainer, paths: Sequence[Trajectory]) -> Any:
        collected.append(paths)
        return relabel(self, paths)

    monkeypatch.setattr(RL_Trainer, "do_relabel_with_expert", record)
    trainer = run(replace(tiny, video_log_freq=1))
    assert trainer.run_dir is not None
    for itr in (1, 2):
        film = iio.imread(trainer.run_dir / "videos" / f"train_rollouts_itr_{itr}.mp4", plugin="FFMPEG")
        assert len(film) == sum(-(-len(path) // 2) for path in collected[itr - 1][:2])  # 30 of 60 frames a second


def test_a_machine_that_can_not_render_trains_without_videos(
    tiny: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PointEnv, "render", lambda self: None)
    with BC_Trainer(replace(tiny, video_log_freq=1), expert_rule) as trainer:
        assert len(trainer.run_training_loop()) == 3
        assert trainer.run_dir is not None
    assert not list(trainer.run_dir.glob("videos/*"))
    assert capsys.readouterr().out.count("no videos: ") == 1


def test_a_row_whose_evaluation_still_runs_is_logged_when_the_run_stops(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: Future[Any] = Future()

    def diverge(evaluation: Evaluation) -> None:
        with evaluation.finishing():
            evaluation.start(0, FakePolicy(expert_rule), None, {"TimeSinceStart": 1.0})
            assert evaluation.logger.rows == []
            running.set_result(([make_trajectory()], 5))
            raise InvalidInput("diverged")

    with RunInputs(tiny, expert_rule) as inputs, closing(Logger(tmp_path)) as logger:
        monkeypatch.setattr(inputs, "start_evaluation", lambda *_: running)
        with pytest.raises(InvalidInput, match="diverged"):
            diverge(Evaluation(tiny, inputs, logger))
        assert [row["Eval_AverageReturn"] for row in logger.rows] == [10]


class ThreadRecorder(BasePolicy):
    """A policy that looks copyable and, because of its weak reference, can't be pickled."""

    copyable = True

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.reference = weakref.ref(PointEnv)

    def get_action(self, observations: Array) -> Array:
        self.threads.add(threading.current_thread().name)
        return np.zeros(AC_DIM)


def test_a_policy_that_can_not_be_pickled_is_evaluated_in_the_main_thread(tiny: Config) -> None:
    """In a thread it would draw from torch's global generator while training does."""
    policy = ThreadRecorder()
    with RunInputs(replace(tiny, num_workers=1, scalar_log_freq=-1), expert_rule) as inputs:
        assert inputs.start_evaluation(policy, 20, iter(range(9))).done()
    assert policy.threads == {threading.current_thread().name}
