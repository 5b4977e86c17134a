"""Resuming a run that was killed at any moment ends bit for bit as the run that was not."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, settings_to_resume
from cs285.errors import InvalidInput
from tests.data.stopped_runs import assert_same, ended, files, killed_after, killed_at, run_dirs, train


@pytest.mark.parametrize(("event", "count"), [("open", 6), ("os.rename", 4), ("os.rename", 5), ("os.rename", 6)])
def test_killed_while_it_writes(event: str, count: int, job: Config, whole: Path) -> None:
    """Kills at either file of a checkpoint, at a policy's, and before the first checkpoint."""
    assert killed_at(event, count, job)
    assert_same(ended(job), whole)


@pytest.mark.slow
def test_killed_at_random_moments(job: Config) -> None:
    kill_at_random_moments(replace(job, n_iter=6, video_log_freq=2), int(os.environ.get("CS285_KILLS", "2")))


@pytest.mark.skipif("CS285_REAL_KILLS" not in os.environ, reason="CS285_REAL_KILLS, the number of kills, is not set")
def test_killed_at_random_moments_of_a_real_task(tmp_path: Path) -> None:
    config = Config(env_name="Hopper-v5", do_dagger=True, n_iter=5, video_log_freq=2, logdir=tmp_path)
    kill_at_random_moments(replace(config, save_params=True, num_workers=2), int(os.environ["CS285_REAL_KILLS"]))


def kill_at_random_moments(job: Config, kills: int) -> None:
    """Kill runs during rollouts, training, evaluation, filming, logging and writing checkpoints."""
    whole = replace(job, logdir=job.logdir / "whole")
    began = time.monotonic()
    assert not killed_after(120, whole)
    seconds, rng, hit = time.monotonic() - began, random.Random(0), 0
    for n in range(10 * kills):  # some runs end before their moment comes
        # The small task is measured without workers, and takes longer with them.
        workers, longer = (job.num_workers, 1) if job.num_workers else (2 * (n % 3 == 2), 1 + 2 * (n % 3 == 2))
        config = replace(job, logdir=job.logdir / str(n), num_workers=workers)
        killed = killed_after(rng.uniform(0.1, 1) * seconds * longer, config)
        hit += killed
        print(f"killed: {killed}, with a checkpoint: {any(Checkpoints(run).exists() for run in run_dirs(config))}")
        assert_same(ended(config), run_dirs(whole)[0])
        if hit == kills:
            return
    pytest.fail(f"only {hit} runs were still running when they were to be killed")


def test_killed_again_and_again(job: Config, whole: Path) -> None:
    """Each session is killed when it renames the first file of its second checkpoint."""
    sessions = 0
    config = job
    while killed_at("os.rename", 6, config):
        sessions += 1
        config = settings_to_resume({"resume": run_dirs(job)[-1]})
    assert sessions > 1
    assert_same(run_dirs(job)[-1], whole)
    assert len(json.loads((run_dirs(job)[-1] / "config.json").read_text())["earlier"]) == sessions


@pytest.mark.parametrize(("frequency", "kept"), [(2, (2, 3)), (9, (3,)), (-1, ())])
def test_checkpoints_are_written_when_due(job: Config, frequency: int, kept: Sequence[int]) -> None:
    train(replace(job, checkpoint_freq=frequency))
    (run,) = run_dirs(job)
    assert {path.name for path in run.glob("checkpoint/added_*")} == {f"added_{itr}.npz" for itr in kept}
    if kept:
        assert Checkpoints(run).load()[0] == 3
    else:
        with pytest.raises(InvalidInput, match="has no checkpoint"):
            train(settings_to_resume({"resume": run}))


def test_a_finished_run_grows(job: Config, whole: Path) -> None:
    """Settings that do not change results may differ, and TensorBoard keeps event files of other programs."""
    train(replace(job, n_iter=2))
    (run,) = run_dirs(job)
    (run / "events.out.tfevents.1.mine").write_bytes(b"")
    train(settings_to_resume({"resume": run, "n_iter": 4, "logdir": Path("elsewhere")}))
    assert_same(run, whole)
    train(settings_to_resume({"resume": run}))  # no iteration is left
    assert_same(run, whole)
    assert (run / "events.out.tfevents.1.mine").exists()


@pytest.mark.parametrize("name", ["expert_data", "expert_policy_file"])
def test_input_files_may_move_but_not_change(name: str, job: Config, whole: Path, tmp_path: Path) -> None:
    assert killed_at("os.rename", 9, job)
    (run,) = run_dirs(job)
    moved = tmp_path / "moved.pkl"
    getattr(job, name).rename(moved)
    content = moved.read_bytes()
    moved.write_bytes(content + b" ")
    before = files(run)
    with pytest.raises(InvalidInput, match=rf"SHA-256 of --{name} is \w{{64}}, but .* began with \w{{64}}"):
        train(settings_to_resume({"resume": run, name: moved}))
    assert files(run) == before
    moved.write_bytes(content)
    train(settings_to_resume({"resume": run, name: moved}))
    assert_same(run, whole)


def test_a_refused_resume_changes_no_file(job: Config, whole: Path) -> None:
    """A checkpoint of another run, whose log.csv has other times."""
    train(job)
    (run,) = run_dirs(job)
    shutil.copy(run / "checkpoint/state.npz", whole / "checkpoint")
    before = files(whole)
    with pytest.raises(InvalidInput, match=r"log\.csv does not begin with the rows"):
        train(settings_to_resume({"resume": whole, "n_iter": 5}))
    assert files(whole) == before
