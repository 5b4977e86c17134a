"""Write the course's submit.zip: event files of the runs, the code, and a README with the commands."""

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
    """Settings of a submission."""

    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders that contain run folders: at least one q1_ and one q2_. Default: data."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("submit.zip")  # File to write; it must not exist


def main() -> None:
    """Write the zip and print its size."""
    settings = parse(Settings, __doc__ or "")
    from cs285.data.run_folders import read_runs
    from cs285.data.shipped import PROJECT_ROOT
    from cs285.results.series import print_incomplete
    from cs285.results.submission import write_submission

    runs = read_runs([*chain(*settings.runs)] or [Path("data")])
    print_incomplete(runs)
    size = write_submission(runs, PROJECT_ROOT / "cs285", settings.output)
    print(f"{settings.output}: {len(runs)} runs, {size / 1e6:.2f} MB of the 15 MB that are allowed")


if __name__ == "__main__":
    run(main)
