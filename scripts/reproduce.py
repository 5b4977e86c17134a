"""Answer the assignment's questions with the experts and data that ship, and write the report.

Behavioural cloning on every task, with 1000 gradient steps, evaluated over 10000 and 5000 steps, and with
10000; BC against the number of gradient steps; DAgger on every task, with the preset of those that have one;
five seeds of each. Runs that are complete in --logdir
already are not run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.config import Config
from cs285.data.shipped import shipped_tasks
from cs285.data.whole_files import check_writable
from cs285.errors import InvalidInput
from cs285.presets import preset_of
from cs285.results.series import group_by_settings
from cs285.sweeps.grid import complete_runs, make_grid, without_repeats

FEATURED = ("Ant-v5", "Hopper-v5", "HalfCheetah-v5")  # the first that ships has the hyper-parameter's figure
GRADIENT_STEPS = "num_agent_train_steps_per_iter=500,1000,5000,10000"


@dataclass(frozen=True)
class Settings:
    """Settings of the reproduction."""

    tasks: str | None = None  # Tasks with commas between them; None: all that ship
    seeds: int = 5  # How many seeds, from 1 up
    logdir: Path = Path("data/reproduce")  # Folder of the run folders and of the table
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder of the report, a new one
    ray_address: str | None = None  # HOST:PORT of a Ray cluster's head; None: this machine
    num_cpus: int | None = None  # Jobs at once on this machine; None: one for each usable core

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")
        if not all(self.names_of_tasks()):
            raise InvalidInput(f"--tasks is {self.tasks!r}; it must be tasks with commas between them")

    def names_of_tasks(self) -> list[str]:
        """The tasks that are asked for."""
        return shipped_tasks() if self.tasks is None else [task.strip() for task in self.tasks.split(",")]


def main() -> None:
    """Run what is missing, and write the report."""
    settings = parse(Settings, __doc__ or "")
    tasks = settings.names_of_tasks()
    if not tasks:
        raise InvalidInput("no experts and data ship with this installation; name --tasks")
    if settings.output.exists():
        raise InvalidInput(f"--output: {settings.output} exists; it is not overwritten")
    check_writable(settings.output)
    configs = plan(tasks, settings.seeds, settings.logdir)
    from cs285.sweeps.run import run_missing

    run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus)
    from cs285.results.report import build_report
    from cs285.results.report_files import write_report

    report = build_report(group_by_settings(complete_runs(configs, settings.logdir)))
    print("\n".join(map(str, write_report(report, settings.output))))


def plan(tasks: list[str], seeds: int, logdir: Path) -> list[Config]:
    """The runs that answer the questions; those that are filmed come first and stand for their unfilmed twins."""
    featured = [task for task in FEATURED if task in tasks][:2] or tasks[:1]
    every = f"env_name={','.join(tasks)}"
    dagger = {
        task: ["do_dagger=true", *(f"{name}={value}" for name, value in {"env_name": task, **preset_of(task)}.items())]
        for task in tasks
    }
    filmed = ["video_log_freq=1000", "seed=1"]
    return without_repeats(
        [
            *(config for task in featured for config in make_grid([*dagger[task], *filmed], None, logdir)),
            *(config for settings in dagger.values() for config in make_grid(settings, seeds, logdir)),
            *make_grid([every, "eval_batch_size=10000,5000"], seeds, logdir),
            *make_grid([every, "num_agent_train_steps_per_iter=10000", "eval_batch_size=10000"], seeds, logdir),
            *make_grid([f"env_name={featured[0]}", GRADIENT_STEPS, "eval_batch_size=10000"], seeds, logdir),
        ]
    )


if __name__ == "__main__":
    run(main)
