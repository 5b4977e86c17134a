"""Write the assignment's table and figures from run folders: one HTML page, with the videos, and one PDF."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from cs285 import start  # noqa: F401 - first of all
from cs285.command_line import option, parse, run
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a report."""

    runs: tuple[Path, ...] = option((Path("data"),), "-r", help="run folders, or folders with run folders below them")
    where: tuple[str, ...] = option((), "-w", help="use the runs with these settings only, such as env_name=Ant-v5")
    output: Path = option(Path("report"), "-o", help="folder to write, a new one")

    def __post_init__(self) -> None:
        if self.output.exists():
            raise InvalidInput(f"--output: {self.output} exists; it is not overwritten")


def main() -> None:
    """Read the runs, write the report, and name its files."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.run_folders import cut_short, read_runs
    from cs285.results.report import build_report
    from cs285.results.report_files import write_report
    from cs285.results.series import group_by_settings, select

    runs = select(read_runs(settings.runs), settings.where)
    cut = cut_short(runs)
    report = build_report(group_by_settings(runs), cut)
    for note in report.notes:
        print(note, file=sys.stderr if note in cut else sys.stdout)
    print("\n".join(map(str, write_report(report, settings.output))))


if __name__ == "__main__":
    run(main)
