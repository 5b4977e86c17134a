"""Write the course's submit.zip: event files of the runs, the code, and a README with the commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from cs285 import start  # noqa: F401 - must be imported first
from cs285.command_line import option, parse, run


@dataclass(frozen=True)
class Settings:
    """Settings of a submission."""

    runs: tuple[Path, ...] = option(
        (Path("data"),), "-r", help="run folders, or folders that contain run folders: at least one q1_ and one q2_"
    )
    output: Path = option(Path("submit.zip"), "-o", help="file to write; it must not exist")


def main() -> None:
    """Write the zip and print its size."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.run_folders import read_runs
    from cs285.data.shipped import PROJECT_ROOT
    from cs285.results.series import print_incomplete
    from cs285.results.submission import write_submission

    runs = read_runs(settings.runs)
    print_incomplete(runs)
    size = write_submission(runs, PROJECT_ROOT / "cs285", settings.output)
    print(f"{settings.output}: {len(runs)} runs, {size / 1e6:.2f} MB of the 15 MB that are allowed")


if __name__ == "__main__":
    run(main)
