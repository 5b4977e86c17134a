"""Many runs at once, long runs, large buffers: what they may take is stated, and held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.run_folders import read_run
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.data.stopped_runs import start
from tests.fakes import expert_rule

ITERATIONS = int(os.environ.get("CS285_ITERATIONS", "20"))
TRANSITIONS = int(os.environ.get("CS285_TRANSITIONS", "300_000"))


def test_twenty_runs_that_begin_in_the_same_second(tiny: Config) -> None:
    config = replace(tiny, do_dagger=False, n_iter=None)
    processes = [start(lambda: BC_Trainer(config).run_training_loop()) for _ in range(20)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 20
    folders = sorted(config.logdir.iterdir())
    assert len(folders) == 20
    assert len({folder.name.partition("Point-v0_")[2][:19] for folder in folders}) < 20  # seconds were shared
    assert len({(folder / "log.csv").read_bytes().split(b"TimeSinceStart")[0] for folder in folders}) == 1
    assert all(read_run(folder).complete for folder in folders)


def held() -> dict[str, int]:
    """What this process holds: resident memory in kilobytes, open files, threads and children."""
    status = Path("/proc/self/status").read_text()
    memory, threads = (int(status.split(f"{name}:")[1].split()[0]) for name in ("VmRSS", "Threads"))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {"kB": memory, "files": len(os.listdir("/proc/self/fd")), "threads": threads, "children": len(children)}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a process holds is read as Linux tells it")
def test_a_long_run_leaks_nothing(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may grow by the transitions that each iteration adds, twice for the buffer's spare room."""
    seen: list[dict[str, int]] = []
    trainer = BC_Trainer(replace(tiny, n_iter=ITERATIONS, save_params=True, num_workers=2), expert_rule)
    save = trainer.rl_trainer.save_checkpoint
    monkeypatch.setattr(trainer.rl_trainer, "save_checkpoint", lambda *a: (save(*a), seen.append(held())))
    trainer.run_training_loop()
    print(seen[0], seen[len(seen) // 4], seen[-1])
    settled, last = seen[len(seen) // 4], seen[-1]
    assert {**last, "kB": 0} == {**settled, "kB": 0}
    assert last["kB"] - settled["kB"] < 30 * ITERATIONS  # a transition of this task has 37 bytes
    assert held()["children"] == seen[0]["children"] - 2


MEASURE = """
import json, sys
import numpy as np, torch
from cs285.infrastructure.replay_buffer import ReplayBuffer
from tests.fakes import make_trajectory
def peak(): return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
count, ob_dim, ac_dim = map(int, sys.argv[1:])
before = peak()
buffer = ReplayBuffer(count, np.random.default_rng(0))
path = make_trajectory(1000, ob_dim=ob_dim, ac_dim=ac_dim)
for _ in range(count // 1000): buffer.add_rollouts([path])
for _ in range(100): buffer.sample_random_data(100)
print(json.dumps([len(buffer), peak() - before]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read as Linux tells it")
def test_a_large_buffer_stays_within_its_memory() -> None:
    """Twice its transitions at the most, while it grows: the old arrays are held until they are copied."""
    ob_dim, ac_dim = 11, 3
    command: Sequence[object] = (sys.executable, "-c", MEASURE, TRANSITIONS, ob_dim, ac_dim)
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    length, taken = json.loads(done.stdout)
    size = TRANSITIONS * (4 * (2 * ob_dim + ac_dim + 1) + 1)
    print(f"{length} transitions of {size / length:.0f} bytes: {taken / 2**20:.0f} MB at the most")
    assert length == TRANSITIONS
    assert size < taken < 2 * size + 100 * 2**20
