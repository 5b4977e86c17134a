"""Draw a figure from run folders, as PNG and PDF."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from _checkout import run
from tyro.conf import arg

from cs285.data.whole_files import check_new
from cs285.errors import InvalidInput
from cs285.results.selection import RunSelection

Kind: TypeAlias = Literal["learning_curve", "hyperparameter", "tasks", "labels"]


@dataclass(frozen=True)
class Settings(RunSelection):
    figure: Annotated[Kind, arg(aliases=["-f"])] = "learning_curve"
    """learning_curve: DAgger over its iterations. hyperparameter: BC against one setting. tasks: final returns in per
    cent of the expert's. labels: normalised score against the number of expert labels."""
    parameter: Annotated[str | None, arg(aliases=["-p"])] = None
    """Setting on the horizontal axis of a hyperparameter figure."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Files to write, without extension; they must not exist. None: named after the figure."""

    def __post_init__(self) -> None:
        if (self.parameter is not None) != (self.figure == "hyperparameter"):
            raise InvalidInput(f"--parameter is {self.parameter}; give one with --figure hyperparameter, else none")


def main(settings: Settings) -> None:
    files = [Path(f"{settings.output or settings.figure}.{extension}") for extension in ("png", "pdf")]
    for path in files:
        check_new(path)
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.figures import label_figure, learning_curves, parameter_figure, task_bars
    from cs285.results.series import group_by_settings

    draw = {"learning_curve": learning_curves, "tasks": task_bars, "labels": label_figure}
    draw["hyperparameter"] = partial(parameter_figure, parameter=settings.parameter or "")
    figure = draw[settings.figure](group_by_settings(settings.read()[0]))
    for path in files:
        save_figure(figure, path)
        print(path)


if __name__ == "__main__":
    run(main, Settings, __doc__)
