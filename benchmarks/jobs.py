"""The project's whole jobs, as a user starts them: by the command line, from nothing to the end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import peak_mb
from sizes import LEARNERS

SCRIPT = Path(__file__).parents[1] / "scripts" / "run_hw1.py"
JOBS: Mapping[str, Sequence[str]] = {  # by name, what they add to the command line of a DAgger run
    "job": (),
    "many_job": ("--seeds", ",".join(map(str, range(LEARNERS)))),
}


def run_job(what: str, flags: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a job in a folder of its own.

    Args:
        what: a key of `JOBS`.
        flags: which say on what files.
        folder: where it works.
        environment: its environment variables.

    Returns:
        The peak memory of its main process and, where the system tells, that peak each time an
        iteration was logged.
    """
    command = [sys.executable, str(SCRIPT), "--do_dagger", *flags, *JOBS[what]]
    errors = folder / "stderr"
    with errors.open("w") as stderr:
        job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=folder, env=environment)
        assert job.stdout is not None
        peaks = [peak_mb_until_now(job.pid) for line in job.stdout if re.match(r"(seed \d+, )?iteration ", line)]
        _, status, usage = os.wait4(job.pid, 0)
    job.returncode = os.waitstatus_to_exitcode(status)
    if job.returncode != 0:
        sys.exit(f"{what} of the project failed:\n{errors.read_text()}")
    measured: dict[str, Any] = {"peak_mb": peak_mb(usage)}
    return measured | ({"peak_mb_by_iteration": peaks} if None not in peaks else {})


def peak_mb_until_now(pid: int) -> float | None:
    """The most memory that a running process has held, in MB; None where the system does not tell."""
    try:
        return int(re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0]) / 1e3
    except (OSError, IndexError):  # only Linux tells
        return None
