"""Write the assignment's tables and figures from run folders: an HTML page, with videos, and a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import _checkout  # noqa: F401
from tyro.conf import UseAppendAction, arg

from cs285.command_line import parse, run


@dataclass(frozen=True)
class Settings:
    """Settings of a report."""

    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders that contain run folders. Default: data."""
    where: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-w"])] = ()
    """Use only runs with these settings, such as env_name=Ant-v5."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder to write; it must not exist


def main() -> None:
    """Read the runs and write the report."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.run_folders import read_runs
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings, print_incomplete, select

    runs = select(read_runs([*chain(*settings.runs)] or [Path("data")]), [*chain(*settings.where)])
    left_out = write_report(group_by_settings(runs), settings.output, notes=print_incomplete(runs))
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


if __name__ == "__main__":
    run(main)
