"""The load tests of docs/reliability.md: many runs at once, long runs, large buffers."""

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cs285.config import Config
from cs285.data.run_folders import read_run
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.logger import Logger
from tests.fakes import expert_rule

ITERATIONS = int(os.environ.get("CS285_ITERATIONS", "20"))
TRANSITIONS = int(os.environ.get("CS285_TRANSITIONS", "300_000"))
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these tests read /proc and fork")


@pytest.mark.slow
def test_twenty_runs_that_begin_in_the_same_second(tiny: Config) -> None:
    config = replace(tiny, do_dagger=False, n_iter=None)
    fork = multiprocessing.get_context("fork")  # a forked process need not import torch
    processes = [fork.Process(target=lambda: BC_Trainer(config).run_training_loop()) for _ in range(20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 20
    folders = sorted(config.logdir.iterdir())
    assert len(folders) == 20
    assert len({(folder / "log.csv").read_bytes().split(b"TimeSinceStart")[0] for folder in folders}) == 1
    assert all(read_run(folder).complete for folder in folders)


def resources() -> dict[str, Any]:
    """Resident memory of this process in kilobytes, its numbers of open files and threads, and its child processes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    memory, threads = (int(status.split(f"{name}:")[1].split()[0]) for name in ("VmRSS", "Threads"))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    return {"kB": memory, "files": len(os.listdir("/proc/self/fd")), "threads": threads, "children": {*children}}


@pytest.mark.slow
def test_a_long_run_leaks_nothing(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of open files, threads and children stay the same; memory grows by less than 30 kB an iteration."""
    seen, before = list[dict[str, Any]](), resources()["children"]  # children of earlier tests may end at any time
    log_scalars = Logger.log_scalars
    monkeypatch.setattr(Logger, "log_scalars", lambda *args: (log_scalars(*args), seen.append(resources())))
    with BC_Trainer(replace(tiny, n_iter=ITERATIONS, save_params=True, num_workers=2), expert_rule) as trainer:
        trainer.run_training_loop()
    settled, last = seen[len(seen) // 4], seen[-1]
    print(seen[0], settled, last)
    workers = last["children"] - before
    assert len(workers) == 2
    assert {**last, "kB": 0, "children": workers} == {**settled, "kB": 0, "children": settled["children"] - before}
    # The replay buffer itself grows by about 1 kB in each iteration, 37 bytes for each transition.
    assert last["kB"] - settled["kB"] < 30 * ITERATIONS
    assert not resources()["children"] & workers


MEASURE = """
import json, sys
import numpy as np, torch
from cs285.infrastructure.replay_buffer import ReplayBuffer
from tests.fakes import make_trajectory
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
count = int(sys.argv[1])
before = peak()
buffer = ReplayBuffer(count, np.random.default_rng(0))
path = make_trajectory(1000, ob_dim=11, ac_dim=3)
for _ in range(count // 1000): buffer.add_rollouts([path])
for _ in range(100): buffer.sample_random_data(100)
print(json.dumps([len(buffer), peak() - before]))
"""


def test_a_large_buffer_takes_at_most_twice_its_transitions() -> None:
    """The peak is reached while the buffer grows, when an array may have to be copied into a larger one."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(TRANSITIONS)], capture_output=True, encoding="utf-8", check=True
    )
    length, taken = json.loads(done.stdout)
    size = TRANSITIONS * (4 * (2 * 11 + 3 + 1) + 1)
    print(f"{length} transitions of {size / length:.0f} bytes: peak memory {taken / 2**20:.0f} MB")
    assert length == TRANSITIONS
    assert taken < 2 * size + 100 * 2**20
