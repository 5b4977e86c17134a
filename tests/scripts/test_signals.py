"""Ctrl-C at any moment, and a terminal that goes away: one line, readable logs, no process left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cs285.data.run_folders import read_run
from cs285.infrastructure.logger import Logger
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, finish, start

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found as Linux tells them")

MOMENTS = int(os.environ.get("CS285_INTERRUPTS", "1"))
JOB: Sequence[object] = (
    *("-env", "CartPole-v1", "--do_dagger", "-n", 1000, "--num_agent_train_steps_per_iter", 100),
    *("--eval_batch_size", 1000, "--num_workers", 2),
)


def below(folder: Path) -> list[str]:
    """The processes whose current folder is this one, by /proc."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(pid)
        except OSError:
            continue  # it has ended
    return found


def all_end(folder: Path) -> bool:
    """Whether every process that was started in a folder ends within seconds."""
    deadline = time.monotonic() + 30
    while below(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not below(folder)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_ctrl_c_at_any_moment(moment: int, tmp_path: Path) -> None:
    process = start("run_hw1", *JOB, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("logging to ")
    time.sleep(random.Random(moment).uniform(0, 4))
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.code, ended.err) == (130, "interrupted\n")
    (folder,) = tmp_path.glob("data/*")
    assert len(read_run(folder).rows) - ended.out.count("iteration ") in (0, 1)  # a row is written, then printed
    assert all_end(tmp_path)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_ctrl_c_pressed_again_and_again(moment: int, tmp_path: Path) -> None:
    """In the whole group of processes, as a terminal sends it, from the first workers on."""
    process = start("run_hw1", *JOB, cwd=tmp_path)
    rng = random.Random(moment)
    time.sleep(rng.uniform(0.3, 3))
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(rng.uniform(0, 0.2))
    ended = finish(process)
    assert (ended.code, ended.err) == (130, "interrupted\n")
    assert all_end(tmp_path)


def test_a_stop_that_went_under_can_be_repeated() -> None:
    """In a callback, say, whose exceptions Python prints and drops."""
    code = f"""
import os, signal, time
from cs285 import process, start
process.SAME_STOP = 0.2
class Thing:
    def __del__(self): os.kill(os.getpid(), {signal.SIGINT:d})
thing = Thing()
del thing
os.kill(os.getpid(), {signal.SIGINT:d})  # the same stop
time.sleep(0.3)
print("again", flush=True)
os.kill(os.getpid(), {signal.SIGINT:d})
print("never")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "again\n")
    assert done.stderr.endswith("interrupted\n")


def test_a_run_that_is_told_to_terminate(tmp_path: Path) -> None:
    process = start("run_hw1", *JOB, cwd=tmp_path)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("iteration 1:"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    ended = finish(process)
    assert (ended.code, ended.err) == (143, "terminated\n")
    assert all_end(tmp_path)


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_run_without_streams_does_its_work(closed: str, tmp_path: Path) -> None:
    small = ("-env", "CartPole-v1", "--num_agent_train_steps_per_iter", 5, "--eval_batch_size", 10, "--num_workers", 0)
    command = " ".join(map(str, (sys.executable, ROOT / "scripts/run_hw1.py", *small)))
    done = subprocess.run(f"{command} {closed}", shell=True, cwd=tmp_path, env=USERS_ENVIRONMENT, timeout=60)
    assert done.returncode == 0
    (folder,) = tmp_path.glob("data/*")
    assert len(read_run(folder).rows) == 1


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "scripts").glob("*.py")))
def test_ctrl_c_while_a_script_imports(name: str, tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt")
    environment = {**USERS_ENVIRONMENT, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_terminal_that_goes_away(tmp_path: Path) -> None:
    """Its end is a signal to the run, which ends; nobody reads what it would say."""
    process = start("run_hw1", *JOB, cwd=tmp_path)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("iteration 1:"):
        assert process.poll() is None
    process.stdout.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == -signal.SIGHUP
    assert all_end(tmp_path)
    (folder,) = tmp_path.glob("data/*")
    assert len(read_run(folder).rows) >= 2


def test_tensorboard_reads_while_a_run_writes(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logger = Logger(tmp_path)
    reader = accumulator.EventAccumulator(str(tmp_path))
    for itr in range(30):
        logger.log_scalars({"Eval_AverageReturn": float(itr), "Training Loss": 0.5}, itr)
        reader.Reload()
        assert [event.value for event in reader.Scalars("Eval_AverageReturn")] == list(range(itr + 1))
    logger.close()
