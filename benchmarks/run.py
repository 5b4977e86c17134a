"""Compare the project with the textbook loop: one command, one table.

Each figure is the median of several runs, each in a process of its own, the two sides taking
turns, on one torch thread.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cs285.command_line import check_at_least, option, parse, run

LEARNERS = 10
TEN_TIMES = {"many_gradient": "gradient", "many_job": "job"}  # the textbook trains ten learners one by one
ROWS = {
    "job": "whole DAgger job, start-up included (s)",
    "rollouts": "8000 steps of rollouts (s)",
    "gradient": "2000 gradient steps with their batches (s)",
    "batch": "200 batches from a buffer of a million (s)",
    "many_gradient": "2000 gradient steps of ten learners (s)",
    "many_job": "whole job of ten seeds (s)",
}
FLOORS = {"rollouts": "physics alone of 8000 steps, one core (s)", "gradient": "matrix products of 2000 steps (s)"}


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    env_name: str = option("Hopper-v5", "-env", help="id of the environment")
    expert_policy_file: Path = option(Path("policies/experts/Hopper-v5.pkl"), "-epf", help="its expert")
    expert_data: Path = option(Path("expert_data/expert_data_Hopper-v5.pkl"), "-ed", help="its data")
    repeats: int = option(3, help="runs of each side; ten seeds run once")
    rows: str = option(",".join(ROWS), help="what to measure, with commas between")
    output: Path = option(Path("benchmarks/results.json"), "-o", help="JSON file to write")

    def __post_init__(self) -> None:
        check_at_least(1, self, "repeats")


def main() -> None:
    """Measure all rows, print the table and write the JSON."""
    settings = parse(Settings, __doc__ or "")
    rows = [row for row in ROWS if row in settings.rows.split(",")]
    results: dict[str, dict[str, float]] = {}
    print(f"{'':<52}{'textbook':>10}{'project':>10}{'ratio':>8}{'peak MB':>9}")
    for row in rows:
        results[row] = compare(row, settings)
        figures = results[row]
        print(
            f"{ROWS[row]:<52}{figures['textbook']:>10.2f}{figures['project']:>10.2f}"
            f"{figures['ratio']:>8.2f}{figures['peak_mb']:>9.0f}",
            flush=True,
        )
    for row, name in FLOORS.items():
        if row in rows:
            taken = statistics.median(measure(row, "floor", settings)["seconds"] for _ in range(settings.repeats))
            results[f"floor_{row}"] = {"seconds": taken}
            print(f"{name:<52}{taken:>20.2f}", flush=True)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    content = {"env_name": settings.env_name, "when": time.strftime("%Y-%m-%d"), **machine, "results": results}
    settings.output.write_text(json.dumps(content, indent=2) + "\n")


def compare(row: str, settings: Settings) -> dict[str, float]:
    """Medians of both sides, taking turns, and their ratio."""
    taken: dict[str, list[float]] = {"textbook": [], "project": []}
    peak = 0.0
    for _ in range(1 if row == "many_job" else settings.repeats):
        taken["textbook"].append(measure(TEN_TIMES.get(row, row), "textbook", settings)["seconds"])
        result = measure(row, "project", settings)
        taken["project"].append(result["seconds"])
        peak = max(peak, result["peak_mb"])
    textbook, project = (statistics.median(times) for times in taken.values())
    textbook *= LEARNERS if row in TEN_TIMES else 1
    return {"textbook": textbook, "project": project, "ratio": textbook / project, "peak_mb": peak}


def measure(what: str, who: str, settings: Settings) -> dict[str, float]:
    """Run ``measure.py`` in a process and folder of its own; of a whole job, the process counts as a whole."""
    files = [
        *("--env_name", settings.env_name),
        *("--expert_policy_file", str(settings.expert_policy_file.resolve())),
        *("--expert_data", str(settings.expert_data.resolve())),
    ]
    command = [sys.executable, str(Path(__file__).with_name("measure.py")), what, who, *files]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
        whole = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{what} of {who} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if what in ("job", "many_job"):
        result["seconds"] = whole
    return result


if __name__ == "__main__":
    run(main)
