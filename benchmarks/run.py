"""Compare the project with the textbook's form of the homework, other libraries, an earlier commit and bare physics.

Every measurement runs in a process of its own, with one torch thread. The sides of a row take turns; each turn gives
a ratio, and medians are printed as a Markdown table.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Annotated

from measure import ROOT, Task
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.config import Config
from cs285.data.shipped import input_files
from cs285.errors import InvalidInput

ROWS = {  # sides that measure.py measures; job and help measure run_hw1.py of the project and its other versions too
    "job": ["textbook", "physics"],
    "rollouts": ["project", "textbook"],
    "gradient": ["project", "torch", "textbook"],
    "batches": ["project", "textbook"],
    "help": [],
}
TITLES = {"job": "default DAgger job", "help": "run_hw1.py --help"}
TITLES |= {"rollouts": "8000 steps of rollouts", "gradient": "2000 gradient steps", "batches": "200 batches of 1e6"}
LIBRARIES = ("imitation", "d3rlpy")


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Task
    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None  # Its expert; None: the shipped one
    expert_data: Annotated[Path | None, arg(aliases=["-ed"])] = None  # Its data; None: the shipped ones
    repeats: int = 3  # Turns
    rows: str = ",".join(ROWS)  # Rows to measure
    against: str | None = None  # An earlier commit, whose run_hw1.py is measured too
    imitation: Path | None = None  # Python of an environment with imitation; None: skip it
    d3rlpy: Path | None = None  # Python of an environment with d3rlpy; None: skip it
    fraction: float = 1.0  # Part of the steps to take, for a trial

    def __post_init__(self) -> None:
        check_at_least(1, self, "repeats")
        if not 0 < self.fraction <= 1:
            raise InvalidInput(f"--fraction is {self.fraction}; it must be above 0 and at most 1")
        for row in self.rows.split(","):
            if row not in ROWS:
                raise InvalidInput(f"--rows has {row!r}; it may have {', '.join(ROWS)}")

    def task(self) -> Task:
        """The task with its files."""
        config = Config(self.expert_policy_file, self.expert_data, self.env_name)
        files = {name: path.resolve() for name, path in input_files(config).items()}
        if len(files) < 2:
            raise InvalidInput(f"no expert or no data ship for {self.env_name}; name them with -epf and -ed")
        return Task(self.env_name, files["expert_policy_file"], files["expert_data"], self.fraction)


def versions(against: str | None, at_end: ExitStack) -> dict[str, Path]:
    """Roots of the project, of a copy without policies/fast_update.py, and of the earlier commit."""
    folder = Path(at_end.enter_context(tempfile.TemporaryDirectory()))
    roots = {"project": ROOT, "without fast_update": folder / "copy"}
    for name in ("cs285", "scripts"):
        shutil.copytree(ROOT / name, folder / "copy" / name)
    (folder / "copy/cs285/policies/fast_update.py").unlink()
    if against is not None:
        git, tree = ["git", "-C", str(ROOT), "worktree"], folder / against.replace("/", "-")
        added = subprocess.run([*git, "add", "--detach", tree, against], capture_output=True, text=True, check=False)
        if added.returncode != 0:
            raise InvalidInput(f"--against is {against}: {added.stderr}")
        at_end.callback(subprocess.run, [*git, "remove", "--force", tree], check=True)
        roots[f"commit {against}"] = tree
    return roots


def commands(row: str, settings: Settings, roots: dict[str, Path]) -> dict[str, list[str]]:
    """The command line of each side of a row."""
    task, here, flags = settings.task(), ROOT / "benchmarks", ["--help"]
    if row == "job":
        flags = ["--do_dagger", "-env", task.env_name, "-epf", str(task.expert_file), "-ed", str(task.data_file)]
        flags += ["--n_iter", str(max(2, task.part(10))), "--eval_batch_size", str(task.part(5000))]
    scripts = roots if row in ("job", "help") else {}
    found = {side: [sys.executable, str(root / "scripts/run_hw1.py"), *flags] for side, root in scripts.items()}
    files = dict.fromkeys(ROWS[row], (sys.executable, "measure.py"))
    given = {side: getattr(settings, side) for side in LIBRARIES} if row == "gradient" else {}
    files |= {side: (python, "libraries.py") for side, python in given.items() if python is not None}
    for side, (python, file) in files.items():
        what = side if side == "physics" else row
        found[side] = [str(python), str(here / file), what, side, *map(str, task)]
    return found


def measure(command: list[str], printed: bool) -> tuple[float, float]:
    """Seconds that a command takes, or that it prints last, and the peak memory (MB) of its largest process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(command[1]).parents[1])}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read()
    if status != 0:
        raise InvalidInput(f"{' '.join(command)} failed: {text[-1000:]}")
    return float(text.split()[-1]) if printed else seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def lines(row: str, turns: list[dict[str, tuple[float, float]]]) -> list[str]:
    """The table's lines of a row, from what each side took in each turn."""
    found = []
    for side in turns[0]:
        seconds, megabytes = ([turn[side][n] for turn in turns] for n in (0, 1))
        cells = [TITLES[row], side, f"{median(seconds):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}"]
        for other in ("textbook", "project"):
            ratios = [turn[side][0] / turn[other][0] for turn in turns if other in turn]
            if other == "textbook":
                ratios = [1 / ratio for ratio in ratios]
            cells.append(f"{median(ratios):.2f}" if ratios and side != other else "")
        found.append(f"| {' | '.join(cells)} | {max(megabytes):.0f} |")
    return found


def main() -> None:
    """Measure the rows and print the table."""
    settings = parse(Settings, __doc__ or "")
    table = [
        "| row | side | seconds | range | textbook / side | side / project | MB |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    with ExitStack() as at_end:
        roots = versions(settings.against, at_end)
        for row in settings.rows.split(","):
            sides, turns = commands(row, settings, roots), []
            for turn in range(settings.repeats):
                print(f"{row}, turn {turn + 1}: {', '.join(sides)}", file=sys.stderr, flush=True)
                turns.append(
                    {
                        side: measure(command, row not in ("job", "help") or side == "physics")
                        for side, command in sides.items()
                    }
                )
            table += lines(row, turns)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "gymnasium", "mujoco"))
    print(
        f"{settings.env_name}, Python {platform.python_version()}, {packages}; {os.cpu_count()} cores",
        "",
        *table,
        sep="\n",
    )
    for side in LIBRARIES:
        if "gradient" in settings.rows and getattr(settings, side) is None:
            print(f"{side} is skipped: --{side} names no Python")


if __name__ == "__main__":
    run(main)
