"""Write the assignment's table and figures from run folders: one HTML page, with the videos, and one PDF."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import _checkout  # noqa: F401
from tyro.conf import UseAppendAction, arg

from cs285.command_line import parse, run
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a report."""

    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders with run folders below them; data if not given."""
    where: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-w"])] = ()
    """Use the runs with these settings only, such as env_name=Ant-v5."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder to write, a new one

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

    runs = select(read_runs([*chain(*settings.runs)] or [Path("data")]), [*chain(*settings.where)])
    cut = cut_short(runs)
    report = build_report(group_by_settings(runs), cut)
    for note in report.notes:
        print(note, file=sys.stderr if note in cut else sys.stdout)
    print("\n".join(map(str, write_report(report, settings.output))))


if __name__ == "__main__":
    run(main)
