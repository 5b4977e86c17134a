"""Compare the speed of the project with a textbook implementation, an earlier commit and MuJoCo alone.

Every measurement runs in a separate process with one torch thread. In each turn all sides of a row are measured once
and compared; a Markdown table has the medians over turns.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, get_args

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).parents[1]))

from cs285.command_line import check_at_least, run
from cs285.config import Config
from cs285.data.run_folders import versions
from cs285.data.shipped import input_files
from cs285.errors import InvalidInput

ROOT = Path(__file__).parents[1]
Row = Literal["job", "gradient"]
OURS, TEXTBOOK = "measure.py", "textbook.py"
SIDES = {  # the sides of each row, and the file that measures each side; "job" also has a side for each version
    "job": {"textbook": TEXTBOOK, "physics": OURS},
    "gradient": dict.fromkeys(("project", "torch", "textbook"), OURS),
}


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Task to train on
    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None  # Its expert policy. None: the shipped one
    expert_data: Annotated[Path | None, arg(aliases=["-ed"])] = None  # The expert's data. None: the shipped ones
    repeats: int = 3  # Measurements of each side
    rows: tuple[Row, ...] = get_args(Row)  # Rows to measure
    against: str | None = None  # An earlier commit, whose run_hw1.py is measured too

    def __post_init__(self) -> None:
        check_at_least(1, self, "repeats")


def project_versions(against: str | None, at_end: ExitStack) -> dict[str, Path]:
    """Folders of the project, of a copy without policies/fast_update.py, and of an earlier commit."""
    folder = Path(at_end.enter_context(tempfile.TemporaryDirectory()))
    roots = {"project": ROOT, "without fast_update": folder / "copy"}
    for name in ("cs285", "scripts"):
        shutil.copytree(ROOT / name, folder / "copy" / name, ignore=shutil.ignore_patterns("fast_update.py"))
    if against is not None:
        git, tree = ["git", "-C", str(ROOT), "worktree"], folder / "commit"
        command = [*git, "add", "--detach", tree, against]
        added = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        if added.returncode != 0:
            raise InvalidInput(f"--against is {against}: {added.stderr}")
        at_end.callback(subprocess.run, [*git, "remove", "--force", tree], check=True)
        roots[f"commit {against}"] = tree
    return roots


def commands(row: str, settings: Settings, roots: dict[str, Path]) -> dict[str, list[Any]]:
    """The command line of each side of a row."""
    given = {name: getattr(settings, name) for name in ("expert_policy_file", "expert_data", "env_name")}
    files = input_files(Config(**given))
    if len(files) < 2:
        raise InvalidInput(f"no expert or no data ship for {settings.env_name}; name them with -epf and -ed")
    task = [settings.env_name, *(files[name].resolve() for name in ("expert_policy_file", "expert_data"))]
    job = ["--do_dagger", "--env_name", task[0], "--expert_policy_file", task[1], "--expert_data", task[2]]
    found: dict[str, list[Any]] = {}
    if row == "job":
        found = {side: [sys.executable, root / "scripts/run_hw1.py", *job] for side, root in roots.items()}
    for side, file in SIDES[row].items():
        found[side] = [sys.executable, ROOT / "benchmarks" / file, row, side, *task]
    return found


def measure(command: list[Any]) -> float:
    """Run a command; return the seconds that it takes or, for measure.py, the seconds that it prints."""
    print("measuring", *command[1:4], file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(command[1].parents[1]), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise InvalidInput(f"{' '.join(map(str, command))} failed: {done.stderr[-1000:]}")
    return float(done.stdout.split()[-1]) if command[1].name == OURS else seconds


def table_lines(row: str, turns: list[dict[str, float]]) -> list[str]:
    """The lines of the table for a row, from the seconds of each side in each turn."""
    lines = []
    for side in turns[0]:
        seconds = [turn[side] for turn in turns]
        faster = median(turn["textbook"] / turn[side] for turn in turns)
        slower = median(turn[side] / turn["project"] for turn in turns)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        lines.append(f"| {row} | {side} | {median(seconds):.2f} | {spread} | {faster:.2f} | {slower:.2f} |")
    return lines


def main(settings: Settings) -> None:
    """Measure the rows and print the table."""
    table = ["| row | side | seconds | range | textbook / side | side / project |", "|---|---|" + "--:|" * 4]
    with ExitStack() as at_end:
        roots = project_versions(settings.against, at_end)
        for row in settings.rows:
            sides = commands(row, settings, roots)
            turns = [{side: measure(sides[side]) for side in sides} for _ in range(settings.repeats)]
            table += table_lines(row, turns)
    print(f"{settings.env_name}, {os.cpu_count()} cores, {versions()}", "", *table, sep="\n")


if __name__ == "__main__":
    run(main, Settings, __doc__)
