"""Runs that are killed at some moment, and what is left of them."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cs285.command_line import run
from cs285.config import Config
from cs285.data.checkpoint import has_checkpoint, load_checkpoint
from cs285.data.resuming import settings_to_resume
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.fakes import read_events


def train(config: Config) -> None:
    """Run a job in this process."""
    BC_Trainer(config).run_training_loop()


def start(job: Callable[[], object]) -> multiprocessing.Process:
    """Do something in a process of its own that has torch already, and is silent."""

    def work() -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.setpgid(0, 0)
        job()

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def outcome(job: Callable[[], object], stderr: Path) -> tuple[int | None, str]:
    """Do something as a script's ``main`` in a process of its own.

    Args:
        job: what to do.
        stderr: a new file for what it says there.

    Returns:
        Its exit code and its stderr.
    """

    def main() -> None:
        os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
        sys.stderr = os.fdopen(2, "w")
        run(lambda: job() and None)

    process = start(main)
    process.join(120)
    return process.exitcode, stderr.read_text()


def killed_after(seconds: float, config: Config) -> bool:
    """Start a job and kill it by signal 9 after so many seconds; whether it was still at work."""
    process = start(lambda: train(config))
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def killed_at(event: str, count: int, config: Config) -> bool:
    """Start a job that kills itself when it does something to a file of its folder for the ``count``-th time.

    Args:
        event: of Python's audit events: ``open``, ``os.rename``, ``os.truncate``, ``os.remove`` or ``os.mkdir``.
        count: which of them, from 1.
        config: the job.
    """

    def job() -> None:
        left = count

        def watch(name: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if name == event and "/q2_" in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        train(config)

    process = start(job)
    process.join(120)
    return process.exitcode == -signal.SIGKILL


def run_dirs(config: Config) -> list[Path]:
    """The run folders there are, oldest first."""
    return sorted(config.logdir.glob("q2_*"), key=lambda path: path.stat().st_ctime_ns)


def ended(config: Config) -> Path:
    """Let a run that was killed come to its end, in a process of its own: resumed, or anew if it had no checkpoint.

    Returns:
        Its folder.
    """
    folders = run_dirs(config)
    if folders and has_checkpoint(folders[-1]):
        config = settings_to_resume({"resume": folders[-1]})
    process = start(lambda: train(config))
    process.join(120)
    assert process.exitcode == 0
    return run_dirs(config)[-1]


def rows(run_dir: Path) -> list[dict[str, str]]:
    """The rows of log.csv as they are written, without the one column that a clock fills."""
    with (run_dir / "log.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "TimeSinceStart"} for row in csv.DictReader(file)]


def events(run_dir: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of every scalar in the event files, and of every clip its bytes."""
    return [
        (event.step, value.tag, value.image.encoded_image_string or value.simple_value)
        for event in read_events(run_dir)
        for value in event.summary.value
        if value.tag != "TimeSinceStart"
    ]


def assert_same(one: Path, other: Path) -> None:
    """Check that two runs ended alike, bit for bit, and left the same files."""
    assert rows(one) == rows(other)
    assert events(one) == events(other)
    (a, added_a), (b, added_b) = load_checkpoint(one), load_checkpoint(other)
    assert (a.itr, a.total_envsteps, a.added, a.agent.generator) == (
        b.itr,
        b.total_envsteps,
        b.added,
        b.agent.generator,
    )
    assert a.agent.arrays.keys() == b.agent.arrays.keys()
    assert all(np.array_equal(array, b.agent.arrays[name]) for name, array in a.agent.arrays.items())
    for paths, same in zip(added_a, added_b, strict=True):
        assert all(np.array_equal(p.actions, q.actions) for p, q in zip(paths, same, strict=True))
    names = [
        sorted(str(path.relative_to(d)) for path in d.rglob("*") if "events.out." not in path.name)
        for d in (one, other)
    ]
    assert names[0] == names[1]
    for path in one.glob("policy_itr_*.pt"):
        assert path.read_bytes() == (other / path.name).read_bytes()
