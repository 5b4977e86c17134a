"""Draw figures from run folders, as PNG and PDF: learning curves, BC against a setting, or tasks side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import _checkout  # noqa: F401
from tyro.conf import UseAppendAction, arg

from cs285.command_line import parse, run
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a figure."""

    figure: Annotated[Literal["learning_curve", "hyperparameter", "tasks"], arg(aliases=["-f"])] = "learning_curve"
    """DAgger over its iterations, BC against one setting, or final returns in per cent of the expert's."""
    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders that contain run folders. Default: data."""
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None  # Use only runs on this task
    where: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-w"])] = ()
    """Use only runs with these settings, such as size=64."""
    parameter: Annotated[str | None, arg(aliases=["-p"])] = None
    """Setting of a hyperparameter figure. None: the only one that differs."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Files to write, without extension; they must not exist. None: named after the figure."""

    def __post_init__(self) -> None:
        if self.output is not None and self.output.name in ("", ".."):
            raise InvalidInput(f"--output is {str(self.output)!r}; it must be a file name without extension")
        if self.parameter is not None and self.figure != "hyperparameter":
            raise InvalidInput(f"--parameter {self.parameter} is for --figure hyperparameter, not {self.figure}")


def main() -> None:
    """Read the runs, draw the figure and print its files."""
    settings = parse(Settings, __doc__ or "")
    task = [] if settings.env_name is None else [settings.env_name]
    output = settings.output or Path("_".join([settings.figure, *task]).translate(str.maketrans("/:", "--")))
    files = [output.with_name(f"{output.name}.{extension}") for extension in ("png", "pdf")]
    if existing := [path for path in files if path.exists()]:
        raise InvalidInput(f"--output: {existing[0]} exists; it is not overwritten")
    from cs285.data.run_folders import read_runs
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.figures import learning_curves, parameter_figure, task_bars
    from cs285.results.series import group_by_settings, print_incomplete, select

    conditions = [*chain(*settings.where), *(f"env_name={name}" for name in task)]
    runs = select(read_runs([*chain(*settings.runs)] or [Path("data")]), conditions)
    print_incomplete(runs)
    series = group_by_settings(runs)
    if settings.figure == "hyperparameter":
        figure = parameter_figure(series, settings.parameter)
    else:
        figure = learning_curves(series) if settings.figure == "learning_curve" else task_bars(series)
    for path in files:
        save_figure(figure, path)
        print(path)


if __name__ == "__main__":
    run(main)
