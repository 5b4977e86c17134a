"""Draw figures from run folders alone: learning curves, BC against a setting, tasks as per cent of the expert.

Each is written as PNG and PDF.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import _checkout  # noqa: F401
from tyro.conf import UseAppendAction, arg

from cs285.command_line import parse, run
from cs285.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cs285.results.series import Series

ENDINGS = (".png", ".pdf")


@dataclass(frozen=True)
class Settings:
    """Settings of a figure."""

    figure: Annotated[Literal["learning_curve", "hyperparameter", "tasks"], arg(aliases=["-f"])] = "learning_curve"
    """learning_curve: DAgger over its iterations; hyperparameter: BC against one setting; tasks: final returns as per
    cent of the expert's."""
    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders with run folders below them; data if not given."""
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None  # Use the runs on this task only
    where: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-w"])] = ()
    """Use the runs with these settings only, such as size=64."""
    parameter: Annotated[str | None, arg(aliases=["-p"])] = None
    """The setting that BC is drawn against; None: the one that the runs differ in."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Files to write, new ones, without their endings; None: named after the figure."""

    def __post_init__(self) -> None:
        if self.output is not None and self.output.name in ("", ".."):
            raise InvalidInput(f"--output is {str(self.output)!r}; it must be a file's name, without its ending")

    @property
    def files(self) -> list[Path]:
        """What is written."""
        task = "" if self.env_name is None else f"_{self.env_name.replace('/', '-').replace(':', '-')}"
        output = self.output or Path(f"{self.figure}{task}")
        return [output.with_name(output.name + ending) for ending in ENDINGS]


def main() -> None:
    """Read the runs, draw, and name the files."""
    settings = parse(Settings, __doc__ or "")
    if settings.parameter is not None and settings.figure != "hyperparameter":
        raise InvalidInput(f"--parameter {settings.parameter} is for --figure hyperparameter, not {settings.figure}")
    for path in settings.files:
        if path.exists():
            raise InvalidInput(f"--output: {path} exists; it is not overwritten")
    from cs285.data.run_folders import cut_short, read_runs
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.series import group_by_settings, select

    wanted = [*chain(*settings.where), *([f"env_name={settings.env_name}"] if settings.env_name is not None else [])]
    runs = select(read_runs([*chain(*settings.runs)] or [Path("data")]), wanted)
    for line in cut_short(runs):
        print(line, file=sys.stderr)
    figure = draw(settings, group_by_settings(runs))
    for path in settings.files:
        save_figure(figure, path)
    print("\n".join(map(str, settings.files)))


def draw(settings: Settings, series: Sequence[Series]) -> Figure:
    """The figure that is wanted.

    Raises:
        InvalidInput: when the runs are not of a kind that it can show.
    """
    from cs285.results import figures as result_figures

    if settings.figure == "learning_curve":
        return result_figures.learning_curves(series)
    if settings.figure == "tasks":
        return result_figures.task_bars(series)
    return result_figures.hyperparameter_figure(series, settings.parameter)


if __name__ == "__main__":
    run(main)
