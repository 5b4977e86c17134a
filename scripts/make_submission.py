"""Write the course's submit.zip: event files of the runs, the code, and a README with the commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from cs285 import start  # noqa: F401 - first of all
from cs285.command_line import option, parse, run
from cs285.data.run_folders import cut_short, read_runs
from cs285.data.shipped import PROJECT_ROOT
from cs285.results.submission import write_submission


@dataclass(frozen=True)
class Settings:
    """Settings of a submission."""

    runs: tuple[Path, ...] = option(
        (Path("data"),), "-r", help="run folders, or folders with run folders below them: a q1_ and a q2_ at least"
    )
    output: Path = option(Path("submit.zip"), "-o", help="file to write, a new one")


def main() -> None:
    """Pack, and say how large it is."""
    settings = parse(Settings, __doc__ or "")
    runs = read_runs(settings.runs)
    for line in cut_short(runs):
        print(line, file=sys.stderr)
    size = write_submission(runs, PROJECT_ROOT / "cs285", settings.output)
    print(f"{settings.output}: {len(runs)} runs, {size / 1e6:.2f} MB of the 15 MB that are allowed")


if __name__ == "__main__":
    run(main)
