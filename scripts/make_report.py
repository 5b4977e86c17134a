"""Write the assignment's tables and figures from run folders: an HTML page, with videos, and a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cs285 import start  # noqa: F401 - must be imported first
from cs285.command_line import option, parse, run


@dataclass(frozen=True)
class Settings:
    """Settings of a report."""

    runs: tuple[Path, ...] = option((Path("data"),), "-r", help="run folders, or folders that contain run folders")
    where: tuple[str, ...] = option((), "-w", help="use only runs with these settings, such as env_name=Ant-v5")
    output: Path = option(Path("report"), "-o", help="folder to write; it must not exist")


def main() -> None:
    """Read the runs and write the report."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.run_folders import read_runs
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings, print_incomplete, select

    runs = select(read_runs(settings.runs), settings.where)
    left_out = write_report(group_by_settings(runs), settings.output, notes=print_incomplete(runs))
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


if __name__ == "__main__":
    run(main)
