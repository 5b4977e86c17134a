"""A run that was stopped at any moment goes on to the end it would have had."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, settings_to_resume
from cs285.data.run_folders import read_config
from cs285.errors import InvalidInput
from tests.data.stopped_runs import assert_same, ended, killed_after, killed_at, run_dirs, train


@pytest.mark.parametrize(("event", "count"), [("open", 6), ("os.rename", 4), ("os.rename", 5), ("os.rename", 6)])
def test_killed_while_it_writes(event: str, count: int, job: Config, whole: Path) -> None:
    """A checkpoint's two files, a policy's, and before there is any checkpoint."""
    assert killed_at(event, count, job)
    assert_same(ended(job), whole)


def test_killed_at_random_moments(job: Config) -> None:
    kill_at_random_moments(replace(job, n_iter=6, video_log_freq=2), int(os.environ.get("CS285_KILLS", "2")))


@pytest.mark.skipif("CS285_REAL_KILLS" not in os.environ, reason="takes minutes; CS285_REAL_KILLS says how often")
def test_killed_at_random_moments_of_a_real_task(tmp_path: Path) -> None:
    config = Config(env_name="Hopper-v5", do_dagger=True, n_iter=5, video_log_freq=2, logdir=tmp_path)
    kill_at_random_moments(replace(config, save_params=True, num_workers=2), int(os.environ["CS285_REAL_KILLS"]))


def kill_at_random_moments(job: Config, kills: int) -> None:
    """Of rollouts, training, evaluation, filming, logging and writing checkpoints something is always under way."""
    whole = replace(job, logdir=job.logdir / "whole")
    began = time.monotonic()
    assert not killed_after(120, whole)
    seconds, rng, hit = time.monotonic() - began, random.Random(0), 0
    for n in range(10 * kills):  # some runs end before their moment comes
        # The small task has no workers while it is measured, and takes longer with them.
        workers, longer = (job.num_workers, 1) if job.num_workers else (2 * (n % 3 == 2), 1 + 2 * (n % 3 == 2))
        config = replace(job, logdir=job.logdir / str(n), num_workers=workers)
        killed = killed_after(rng.uniform(0.1, 1) * seconds * longer, config)
        hit += killed
        rows = [len((run / "log.csv").read_text().splitlines()) - 1 for run in run_dirs(config)]
        print(f"killed: {killed}, rows: {rows}, a checkpoint: {any(Checkpoints(run).exists() for run in run_dirs(config))}")
        assert_same(ended(config), run_dirs(whole)[0])
        if hit == kills:
            return
    pytest.fail(f"only {hit} runs were still there to be killed")


def test_stopped_again_and_again(job: Config, whole: Path) -> None:
    """Each session is killed at the first file that its second checkpoint renames, until none is left to kill."""
    sessions = 0
    config = job
    while killed_at("os.rename", 6, config):
        sessions += 1
        config = settings_to_resume({"resume": run_dirs(job)[-1]})
    assert sessions > 1
    assert_same(run_dirs(job)[-1], whole)
    assert len(json.loads((run_dirs(job)[-1] / "config.json").read_text())["earlier"]) == sessions


@pytest.mark.parametrize(("frequency", "kept"), [(2, (2, 3)), (3, (3,)), (9, (3,))])
def test_checkpoints_come_when_due(job: Config, frequency: int, kept: Sequence[int]) -> None:
    train(replace(job, checkpoint_freq=frequency))
    (run,) = run_dirs(job)
    checkpoint, added = load_checkpoint(run)
    assert list(checkpoint.added) == [f"added_{itr}.npz" for itr in kept]
    assert sum(len(path) for paths in added for path in paths) == checkpoint.total_envsteps


def test_no_checkpoints_where_none_are_wanted(job: Config) -> None:
    train(replace(job, checkpoint_freq=-1))
    (run,) = run_dirs(job)
    assert not (run / "checkpoint").exists()
    with pytest.raises(InvalidInput, match="has no checkpoint"):
        train(settings_to_resume({"resume": run}))


def test_a_finished_run_grows(job: Config, whole: Path) -> None:
    train(replace(job, n_iter=2))
    (run,) = run_dirs(job)
    train(settings_to_resume({"resume": run, "n_iter": 4}))
    assert_same(run, whole)
    assert read_config(run / "config.json").n_iter == 4
    train(settings_to_resume({"resume": run}))  # and has nothing left to do
    assert_same(run, whole)


def test_what_changes_nothing_may_be_other_than_before(job: Config, whole: Path) -> None:
    assert killed_at("os.rename", 9, job)
    (run,) = run_dirs(job)
    train(settings_to_resume({"resume": run, "num_workers": 2, "logdir": Path("elsewhere"), "checkpoint_freq": 1}))
    assert_same(run, whole)


def test_other_versions_are_told(job: Config, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads((whole / "config.json").read_text())
    content["versions"]["numpy"] = "1.2.3"
    (whole / "config.json").write_text(json.dumps(content))
    train(settings_to_resume({"resume": whole}))
    assert f"numpy 1.2.3 -> {np.__version__}" in capsys.readouterr().err


def test_an_event_file_that_no_checkpoint_knows_is_not_shown_and_not_lost(job: Config, whole: Path) -> None:
    train(replace(job, n_iter=3))
    (run,) = run_dirs(job)
    (run / "events.out.tfevents.1.mine").write_bytes(b"mine")
    train(settings_to_resume({"resume": run, "n_iter": 4}))
    assert_same(run, whole)
    assert (run / "events.out.superseded.1.mine").read_bytes() == b"mine"
