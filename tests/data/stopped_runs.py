"""Runs that are killed at a chosen moment, and a comparison of run folders bit for bit."""

import csv
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cs285.command_line import run
from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, settings_to_resume
from cs285.infrastructure.bc_trainer import BC_Trainer


def train(config: Config) -> None:
    BC_Trainer(config).run_training_loop()


def start(job: Callable[[], object]) -> multiprocessing.Process:
    """Call ``job`` in a forked process, which need not import torch. The output of ``job`` is discarded."""

    def work() -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.setpgid(0, 0)
        job()

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def outcome(job: Callable[[], object], stderr: Path) -> tuple[int | None, str]:
    """Call ``job`` as a script's ``main`` in a forked process.

    Returns the exit code, and the text that the process writes to the file ``stderr`` as its standard error.
    """

    def main() -> None:
        os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
        sys.stderr = os.fdopen(2, "w")
        run(lambda: job() and None)

    process = start(main)
    process.join(120)
    return process.exitcode, stderr.read_text(encoding="utf-8")


def killed(config: Config, seconds: float = 120, event: str = "", count: int = 0) -> bool:
    """Start a run, and kill it with SIGKILL after ``seconds``, or at the ``count``-th audit event named ``event``.

    Only events about files in the run folder count. Returns whether the run was killed before its end.
    """
    left = count

    def watch(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if name == event and "/q2_" in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    process = start(lambda: (sys.addaudithook(watch), train(config)) if event else train(config))
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def run_dirs(config: Config) -> list[Path]:
    return sorted(config.logdir.glob("q2_*"), key=lambda path: path.stat().st_ctime_ns)


def ended(config: Config) -> Path:
    """Complete a killed run: resume it or, if it has no checkpoint, start it again; returns the run folder."""
    folders = run_dirs(config)
    if folders and (folders[-1] / "checkpoint/state.pt").exists():
        config = settings_to_resume({"resume": folders[-1]})
    process = start(lambda: train(config))
    process.join(120)
    assert process.exitcode == 0
    return run_dirs(config)[-1]


def rows(run_dir: Path) -> list[dict[str, str]]:
    """The rows of log.csv as text, without the column TimeSinceStart."""
    with (run_dir / "log.csv").open(newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "TimeSinceStart"} for row in csv.DictReader(file)]


def scalars(run_dir: Path) -> dict[tuple[int, str], float]:
    """The scalars of the event files, by step and name, except TimeSinceStart and values replaced by a resumed run."""
    events = EventAccumulator(str(run_dir), {"scalars": 0}).Reload()
    names = [name for name in events.Tags()["scalars"] if name != "TimeSinceStart"]
    return {(point.step, name): point.value for name in names for point in events.Scalars(name)}


def bits(value: Any, native: bool = False) -> Any:
    """The types and bits of the values in a tree, as nested lists; if ``native``, arrays get the machine's byte order.

    The entries "seconds" and "evaluation" of a run's state are left out, since they depend on the clock.
    """
    if isinstance(value, dict):
        items = ((key, item) for key, item in value.items() if key not in ("seconds", "evaluation"))
        return [[repr(key), bits(item, native)] for key, item in items]
    if isinstance(value, list | tuple):
        return [type(value), *(bits(item, native) for item in value)]
    if isinstance(value, torch.Tensor):
        return [value.dtype, value.shape, bits(value.reshape(-1).view(torch.uint8).numpy())]
    if isinstance(value, np.ndarray | np.generic):
        dtype = value.dtype.newbyteorder("=") if native else value.dtype
        return [type(value), dtype, value.shape, value.astype(dtype).tobytes()]
    return repr(value)


def assert_same(one: Path, other: Path) -> None:
    """Check that two runs have the same rows, scalars, states and saved policies, bit for bit.

    All their files except the event files must have the same names, too.
    """
    assert rows(one) == rows(other)
    assert scalars(one) == scalars(other)
    (itr, state, paths), (same_itr, same_state, same_paths) = Checkpoints(one).load(), Checkpoints(other).load()
    assert bits([itr, state, *map(vars, paths)]) == bits([same_itr, same_state, *map(vars, same_paths)])
    left, right = files(one), files(other)
    assert {name for name in left if "events.out" not in name} == {name for name in right if "events.out" not in name}
    assert all(left[name] == right[name] for name in left if name.startswith("policy_itr"))


def files(run_dir: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
