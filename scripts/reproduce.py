"""Run the assignment's experiments with the experts and data that ship, and write the report.

Behavioural cloning on every task with 1000 gradient steps, evaluated over 5000 and 10000 environment steps, and
with 10000 gradient steps; BC on one task with 500 to 10000 gradient steps; DAgger on every task, with the preset
of those that have one. Runs that are complete in --logdir are not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cs285 import start  # noqa: F401 - must be imported first
from cs285.command_line import check_at_least, option, parse, run
from cs285.config import Config
from cs285.data.shipped import shipped_tasks
from cs285.data.whole_files import check_writable
from cs285.errors import InvalidInput
from cs285.presets import preset_of

FEATURED = ("Ant-v5", "Hopper-v5", "HalfCheetah-v5")  # the first that ships is Figure 1's, the first two have videos
GRADIENT_STEPS = (500, 1000, 5000, 10_000)


@dataclass(frozen=True)
class Settings:
    """Settings of the reproduction."""

    tasks: str | None = option(None, help="tasks, separated by commas; None: all that ship")
    seeds: int = option(5, help="number of seeds, from 1 up")
    logdir: Path = option(Path("data/reproduce"), help="folder of the run folders and of the table")
    output: Path = option(Path("report"), "-o", help="folder of the report; it must not exist")
    ray_address: str | None = option(None, help="HOST:PORT of a Ray cluster's head; None: this machine")
    num_cpus: int | None = option(None, help="jobs at once on this machine; None: one for each usable core")

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")
        if not all(self.task_names()):
            raise InvalidInput(f"--tasks is {self.tasks!r}; it must be task names, separated by commas")

    def task_names(self) -> list[str]:
        """The tasks to run."""
        return shipped_tasks() if self.tasks is None else [task.strip() for task in self.tasks.split(",")]


def main() -> None:
    """Run what is missing and write the report."""
    settings = parse(Settings, __doc__ or "")
    tasks = settings.task_names()
    if not tasks:
        raise InvalidInput("no experts and data ship with this installation; name --tasks")
    if settings.output.exists():
        raise InvalidInput(f"--output: {settings.output} exists; it is not overwritten")
    check_writable(settings.output)
    configs = plan(tasks, settings.seeds, settings.logdir)
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings
    from cs285.sweeps.grid import complete_runs
    from cs285.sweeps.run import run_missing

    run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus)
    series = group_by_settings(complete_runs(configs, settings.logdir))
    compared = [s for s in series if s.config.eval_batch_size == Config().eval_batch_size]  # BC and DAgger alike
    left_out = write_report(series, settings.output, compared=compared)
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


def plan(tasks: list[str], seeds: int, logdir: Path) -> list[Config]:
    """The runs of all experiments, none twice; DAgger's first seed on two tasks makes videos."""
    featured = [task for task in FEATURED if task in tasks][:2] or tasks[:1]
    settings: list[dict[str, Any]] = []
    for task in tasks:
        videos = {"video_log_freq": 1000} if task in featured else {}
        settings.append({"env_name": task, "do_dagger": True, **preset_of(task), **videos})
        settings.append({"env_name": task})
        for steps in GRADIENT_STEPS if task == featured[0] else (1000, 10_000):
            settings.append({"env_name": task, "eval_batch_size": 10_000, "num_agent_train_steps_per_iter": steps})
    configs = []
    for number, one in enumerate(settings):
        for seed in range(1, seeds + 1):
            config = Config(**one, seed=seed, exp_name=f"experiment{number}_seed{seed}", logdir=logdir)
            configs.append(config if seed == 1 else replace(config, video_log_freq=-1))
    return configs


if __name__ == "__main__":
    run(main)
