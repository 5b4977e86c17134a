"""Write a report of run folders with the assignment's tables and figures, as an HTML page with videos and as a PDF."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import arg

from cs285.results.selection import RunSelection


@dataclass(frozen=True)
class Settings(RunSelection):
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder to write; it must not exist


def main(settings: Settings) -> None:
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings

    runs, notes = settings.read()
    left_out = write_report(group_by_settings(runs), settings.output, notes)
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


if __name__ == "__main__":
    run(main, Settings, __doc__)
