"""Compare the project with the textbook loop, with other libraries and with what the machine allows.

One command prints one table. Each figure is the median of several runs, each in a process of its
own, the two sides taking turns, on one torch thread.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from jobs import JOBS, run_job
from libraries import REQUIREMENTS, NotInstallable, measure_library
from rows import Row, rows_of
from sizes import EXPERT_STEPS, JOB_STEPS, LEARNERS, ROLLOUT_STEPS
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.errors import InvalidInput

ROWS = rows_of(JOB_STEPS, EXPERT_STEPS, ROLLOUT_STEPS, LEARNERS)
PACKAGES = ("torch", "numpy", "gymnasium", "mujoco")
DISTURBED = 0.3  # cores
Measurement = dict[str, Any]
Side = tuple[str, str]  # who, and what they do


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of the environment
    expert_policy_file: Annotated[Path, arg(aliases=["-epf"])] = Path("policies/experts/Ant-v5.pkl")  # Its expert
    expert_data: Annotated[Path, arg(aliases=["-ed"])] = Path("expert_data/expert_data_Ant-v5.pkl")  # Its data
    repeats: int = 3  # Runs of each side; ten seeds run once
    rows: str = ",".join(ROWS)  # What to measure, with commas between
    more: bool = False  # Add to the runs that the JSON file has of these rows
    output: Annotated[Path, arg(aliases=["-o"])] = Path("benchmarks/results.json")
    """JSON file to write; rows that it has stay unless measured anew."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "repeats")
        for row in self.rows.split(","):
            if row not in ROWS:
                raise InvalidInput(f"--rows has {row!r}; it may have {', '.join(ROWS)}")


def main() -> None:
    """Measure the rows, write the JSON and print the table."""
    settings = parse(Settings, __doc__ or "")
    content = earlier_content(settings)
    done: dict[Side, list[Measurement]] = {}
    names = settings.rows.split(",")
    for what in dict.fromkeys(ROWS[name].what for name in names):
        print(f"measuring {what} ...", file=sys.stderr, flush=True)
        rows = {name: ROWS[name] for name in names if ROWS[name].what == what}
        take_turns(list(rows.values()), settings, done)
        for name, row in rows.items():
            if (row.who, row.theirs) in done:
                earlier = content["rows"].get(name, {}).get("runs", {}) if settings.more else {}
                content["rows"][name] = compare(row, done, earlier)
        content |= circumstances(settings)
        settings.output.write_text(json.dumps(content, indent=2) + "\n")
    print(table(content["rows"]))


def earlier_content(settings: Settings) -> Measurement:
    """What the JSON file has.

    Raises:
        InvalidInput: when that is of another environment.
    """
    if not settings.output.exists():
        return {"rows": {}}
    content: Measurement = json.loads(settings.output.read_text())
    if content.get("env_name", settings.env_name) != settings.env_name:
        raise InvalidInput(f"--output {settings.output} has results of {content['env_name']}; name another file")
    return content


def take_turns(rows: Sequence[Row], settings: Settings, done: dict[Side, list[Measurement]]) -> None:
    """Measure what rows of the same thing need: all that is compared with it, and it, in turn.

    Args:
        rows: what the project does is the same in all of them.
        settings: on which files, and how often.
        done: the measurements so far, by who and what, which are not repeated; these are added.
    """
    sides = dict.fromkeys([*((row.who, row.theirs) for row in rows), ("project", rows[0].what)])
    missing = [side for side in sides if side not in done]
    for _ in range(1 if rows[0].once else settings.repeats):
        for who, what in list(missing):
            try:
                done.setdefault((who, what), []).append(measure(who, what, settings))
            except NotInstallable as error:
                print(f"going on without {who}: {error}", file=sys.stderr, flush=True)
                missing.remove((who, what))
                del done[who, what]


def compare(row: Row, done: Mapping[Side, list[Measurement]], earlier: Mapping[str, list[Measurement]]) -> Measurement:
    """Compare the medians of both sides.

    Args:
        row: what is compared.
        done: the measurements, by who and what.
        earlier: runs of another day that count as well, ``theirs`` and ``project``.
    """
    sides = [(row.who, row.theirs), ("project", row.what)]
    theirs, ours = (earlier.get(name, []) + done[side] for name, side in zip(("theirs", "project"), sides, strict=True))
    result: Measurement = {"when": time.strftime("%Y-%m-%d %H:%M:%S"), "runs": {"theirs": theirs, "project": ours}}
    for clock in ("seconds", "cpu_seconds"):
        if all(clock in run for run in (*theirs, *ours)):
            their_time = row.times * statistics.median(run[clock] for run in undisturbed(theirs))
            our_time = statistics.median(run[clock] for run in undisturbed(ours))
            ratio = our_time / their_time if row.who == "floor" else their_time / our_time
            result[clock] = {"theirs": their_time, "project": our_time, "ratio": ratio}
    return result


def undisturbed(runs: list[Measurement]) -> list[Measurement]:
    """The runs during which other programs left the machine alone; all of them if there are none."""
    return [run for run in runs if run.get("cores_used_by_others", 0) <= DISTURBED] or runs


def measure(who: str, what: str, settings: Settings) -> Measurement:
    """Run one measurement in a process and folder of its own; a whole job counts from the process's start."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as a user starts it
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy_before, start = busy_cpu_seconds(), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if who in REQUIREMENTS:
            return measure_library(who, settings.expert_data, folder)
        if who == "project" and what in JOBS:
            result = run_job(what, file_flags(settings), folder, environment)
        else:
            result = run_measure(who, what, settings, folder, environment)
        taken = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # the job's workers included
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if what in JOBS:
        result |= {"seconds": taken, "cpu_seconds": used}
    if busy_before is not None:
        result["cores_used_by_others"] = ((busy_cpu_seconds() or 0) - busy_before - used) / taken
    return result


def busy_cpu_seconds() -> float | None:
    """CPU time that the machine has worked, for whomever; None where it does not say."""
    try:
        name, *jiffies = Path("/proc/stat").read_text().splitlines()[0].split()
    except OSError:  # only Linux has it
        return None
    assert name == "cpu"
    user, nice, system, _idle, _waiting, *interrupts = map(int, jiffies[:8])
    return float(user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def file_flags(settings: Settings) -> list[str]:
    """The flags, of ``measure.py`` and of ``run_hw1.py``, that say on what is measured."""
    return [
        *("--env_name", settings.env_name),
        *("--expert_policy_file", str(settings.expert_policy_file.resolve())),
        *("--expert_data", str(settings.expert_data.resolve())),
    ]


def run_measure(who: str, what: str, settings: Settings, folder: Path, environment: Mapping[str, str]) -> Measurement:
    """Run ``measure.py``."""
    command = [sys.executable, str(Path(__file__).with_name("measure.py")), who, what, *file_flags(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode != 0:
        sys.exit(f"{what} of {who} failed:\n{done.stderr}")
    result: Measurement = json.loads(done.stdout.splitlines()[-1])
    return result


def circumstances(settings: Settings) -> Measurement:
    """On what was measured."""
    return {
        "env_name": settings.env_name,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in PACKAGES}},
    }


def table(results: dict[str, Measurement]) -> str:
    """The results in Markdown."""
    lines = [
        "| | beside | theirs (s) | project (s) | ratio | wanted | theirs (CPU s) | project (CPU s) |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in ROWS.items():
        if name in results:
            clock, cpu = results[name]["seconds"], results[name].get("cpu_seconds")
            wanted = "" if row.wanted is None else f"{'≤' if row.who == 'floor' else '≥'} {row.wanted}"
            beside = row.theirs.replace("_", " ") if row.who == "floor" else row.who
            cpu_columns = f"{cpu['theirs']:.2f} | {cpu['project']:.2f}" if cpu else " | "
            lines.append(
                f"| {row.title} | {beside} | {clock['theirs']:.2f} | {clock['project']:.2f} "
                f"| {clock['ratio']:.2f} | {wanted} | {cpu_columns} |"
            )
    jobs = results["job"]["runs"]["project"] if "job" in results else []
    if jobs and all("peak_mb_by_iteration" in job for job in jobs):
        lines += ["", memory(jobs)]
    return "\n".join(lines)


def memory(jobs: list[Measurement]) -> str:
    """One line on the main process of the job."""
    peak = max(job["peak_mb"] for job in jobs)
    growth = max(job["peak_mb_by_iteration"][-2] - job["peak_mb_by_iteration"][1] for job in jobs)
    return (
        f"Main process of the job: at most {peak:.0f} MB (wanted: < 700); from the second iteration to the last "
        f"but one it grew by {growth:.1f} MB; then matplotlib is imported."
    )


if __name__ == "__main__":
    run(main)
