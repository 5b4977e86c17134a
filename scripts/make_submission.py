"""Write the course's submit.zip: event files of the runs, the code, and a README with the commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import parse, run
from cs285.results.selection import RunSelection, report_incomplete


@dataclass(frozen=True)
class Settings(RunSelection):
    """Settings of a submission, which needs at least one run of BC and one of DAgger."""

    output: Annotated[Path, arg(aliases=["-o"])] = Path("submit.zip")  # File to write; it must not exist


def main() -> None:
    """Write the zip and print its size."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.shipped import PROJECT_ROOT
    from cs285.results.submission import write_submission

    runs = settings.read()
    report_incomplete(runs)
    size = write_submission(runs, PROJECT_ROOT / "cs285", settings.output)
    print(f"{settings.output}: {len(runs)} runs, {size / 1e6:.2f} MB of the 15 MB that are allowed")


if __name__ == "__main__":
    run(main)
