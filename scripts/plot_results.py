"""Draw figures from run folders, as PNG and PDF: learning curves, BC against a setting, or tasks side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from cs285 import start  # noqa: F401 - must be imported first
from cs285.command_line import option, parse, run
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a figure."""

    figure: Literal["learning_curve", "hyperparameter", "tasks"] = option(
        "learning_curve",
        "-f",
        help="learning_curve: DAgger over its iterations; hyperparameter: BC against one setting; "
        "tasks: final returns in per cent of the expert's",
    )
    runs: tuple[Path, ...] = option((Path("data"),), "-r", help="run folders, or folders that contain run folders")
    env_name: str | None = option(None, "-env", help="use only runs on this task")
    where: tuple[str, ...] = option((), "-w", help="use only runs with these settings, such as size=64")
    parameter: str | None = option(
        None, "-p", help="setting of a hyperparameter figure; None: the only one that differs"
    )
    output: Path | None = option(
        None, "-o", help="files to write, without extension; they must not exist; None: named after the figure"
    )

    def __post_init__(self) -> None:
        if self.output is not None and self.output.name in ("", ".."):
            raise InvalidInput(f"--output is {str(self.output)!r}; it must be a file name without extension")
        if self.parameter is not None and self.figure != "hyperparameter":
            raise InvalidInput(f"--parameter {self.parameter} is for --figure hyperparameter, not {self.figure}")


def main() -> None:
    """Read the runs, draw the figure and print its files."""
    settings = parse(Settings, __doc__ or "")
    conditions = [*settings.where, *([f"env_name={settings.env_name}"] if settings.env_name is not None else [])]
    name = "_".join([settings.figure, *([settings.env_name] if settings.env_name is not None else [])])
    output = settings.output or Path(name.translate(str.maketrans("/:", "--")))
    files = [output.with_name(f"{output.name}.{extension}") for extension in ("png", "pdf")]
    for path in files:
        if path.exists():
            raise InvalidInput(f"--output: {path} exists; it is not overwritten")
    from cs285.data.run_folders import read_runs
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.figures import learning_curves, parameter_figure, task_bars
    from cs285.results.series import group_by_settings, print_incomplete, select

    runs = select(read_runs(settings.runs), conditions)
    print_incomplete(runs)
    draw = {
        "learning_curve": learning_curves,
        "hyperparameter": partial(parameter_figure, parameter=settings.parameter),
        "tasks": task_bars,
    }[settings.figure]
    figure = draw(group_by_settings(runs))
    for path in files:
        save_figure(figure, path)
        print(path)


if __name__ == "__main__":
    run(main)
