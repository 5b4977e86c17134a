"""SIGINT, SIGTERM and missing streams: one line on stderr, exit codes 130 and 143, readable logs, no process left."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cs285.data.run_folders import read_run
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, finish, start

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these tests send signals as on Linux")

MOMENTS = int(os.environ.get("CS285_INTERRUPTS", "1"))
SMALL = ("-env", "CartPole-v1", "--num_agent_train_steps_per_iter", 100, "--eval_batch_size", 1000)
JOB = (*SMALL, "--num_workers", 2, "--do_dagger", "-n", 1000)


def all_end(folder: Path) -> bool:
    """Whether all processes whose current folder is ``folder`` end within 30 seconds."""
    end = time.monotonic() + 30
    while at_work := str(folder) in (process.info["cwd"] for process in psutil.process_iter(["cwd"])):
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    return not at_work


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize(("signum", "line"), [(signal.SIGINT, "interrupted\n"), (signal.SIGTERM, "terminated\n")])
def test_signal_at_any_moment(signum: signal.Signals, line: str, moment: int, tmp_path: Path) -> None:
    process = start("run_hw1", *JOB, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("logging to ")
    time.sleep(random.Random(moment).uniform(0, 2))
    process.send_signal(signum)
    ended = finish(process)
    assert (ended.code, ended.err) == (128 + signum, line)
    (folder,) = tmp_path.glob("data/*")
    # A run writes an iteration's row to log.csv before it prints the iteration's line.
    assert len(read_run(folder).rows) - ended.out.count("iteration ") in (0, 1)
    assert all_end(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_ctrl_c_several_times_in_the_process_group(moment: int, tmp_path: Path) -> None:
    process = start("run_hw1", *JOB, cwd=tmp_path)
    rng = random.Random(moment)
    time.sleep(rng.uniform(0.3, 4))
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(rng.uniform(0, 0.1))
    assert finish(process).code in (130, -signal.SIGINT)
    assert all_end(tmp_path)


def test_a_second_signal_ends_the_process_at_once() -> None:
    code = """import os; from cs285 import process; process.prepare()
try:
    os.kill(os.getpid(), 2)
except SystemExit:
    print("cleaning up", flush=True)
    os.kill(os.getpid(), 15)
    print("never")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "cleaning up\n")


def test_signal_while_a_script_imports(tmp_path: Path) -> None:
    (tmp_path / "tyro.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", encoding="utf-8")
    ended = finish(start("run_hw1", "--help", cwd=tmp_path, environment={"PYTHONPATH": str(tmp_path)}))
    assert (ended.code, ended.out, ended.err) == (143, "", "terminated\n")


@pytest.mark.slow
def test_a_run_without_streams_finishes(tmp_path: Path) -> None:
    command = " ".join(
        map(str, (sys.executable, ROOT / "scripts/run_hw1.py", *SMALL, "-env", "Hopper-v5", "--num_workers", 0))
    )
    done = subprocess.run(f"{command} <&- >&- 2>&-", shell=True, cwd=tmp_path, env=USERS_ENVIRONMENT, timeout=60)
    assert done.returncode == 0
    (folder,) = tmp_path.glob("data/*")
    assert len(read_run(folder).rows) == 1


def test_a_closed_pipe_ends_quietly() -> None:
    script = "from cs285.command_line import run; run(lambda: print(10**6 * 'x'))"
    command = f'{sys.executable} -c "{script}" | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (141, "")
