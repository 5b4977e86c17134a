"""Write a report of run folders with the assignment's tables and figures, as an HTML page with videos and as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import parse, run
from cs285.results.selection import RunSelection


@dataclass(frozen=True)
class Settings(RunSelection):
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder to write; it must not exist


def main() -> None:
    settings = parse(Settings, __doc__ or "")
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings

    runs, notes = settings.read()
    left_out = write_report(group_by_settings(runs), settings.output, notes)
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


if __name__ == "__main__":
    run(main)
