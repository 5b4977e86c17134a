"""Run the assignment's experiments with the experts and data that ship, and write the report.

Behavioural cloning on every task with 1000 gradient steps, evaluated over 5000 and 10000 environment steps, and
with 10000 gradient steps; BC on one task with 500 to 10000 gradient steps; DAgger on every task, with the preset
of those that have one. Runs that are complete in --logdir are not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.config import Config
from cs285.data.shipped import shipped_tasks
from cs285.data.whole_files import check_writable
from cs285.errors import InvalidInput
from cs285.presets import PRESETS

FEATURED = ("Ant-v5", "Hopper-v5", "HalfCheetah-v5")  # Figure 1 is of the first that ships; two have videos


@dataclass(frozen=True)
class Settings:
    """Settings of the reproduction."""

    tasks: str | None = None  # Tasks, separated by commas. None: all that ship.
    seeds: int = 5  # Number of seeds
    logdir: Path = Path("data/reproduce")  # Folder of the run folders and of the table
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder of the report; it must not exist
    ray_address: str | None = None  # HOST:PORT of a Ray cluster's head. None: this machine.
    num_cpus: int | None = None  # Concurrent jobs on this machine. None: one for each usable core.

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")


def main() -> None:
    """Run what is missing and write the report."""
    settings = parse(Settings, __doc__ or "")
    tasks = shipped_tasks() if settings.tasks is None else settings.tasks.replace(",", " ").split()
    if not tasks:
        raise InvalidInput("there is no task to run: no experts and data ship, or --tasks is empty")
    if settings.output.exists():
        raise InvalidInput(f"--output: {settings.output} exists; it is not overwritten")
    check_writable(settings.output)
    configs = list(plan(tasks, settings.seeds, settings.logdir))
    from cs285.results.report import write_report
    from cs285.results.series import group_by_settings
    from cs285.sweeps.grid import complete_runs
    from cs285.sweeps.run import run_missing

    run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus)
    series = group_by_settings(complete_runs(configs, settings.logdir))
    compared = [s for s in series if s.config.eval_batch_size == Config.eval_batch_size]  # BC and DAgger alike
    left_out = write_report(series, settings.output, compared=compared)
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


def plan(tasks: list[str], seeds: int, logdir: Path) -> Iterator[Config]:
    """The runs of all experiments, none twice; DAgger makes videos with seed 1 on two tasks."""
    featured = [task for task in FEATURED if task in tasks][:2] or tasks[:1]
    presets = {preset["env_name"]: preset for preset in PRESETS.values() if "env_name" in preset}
    experiments: list[dict[str, Any]] = []
    for task in tasks:
        experiments.append({"env_name": task, "do_dagger": True, **presets.get(task, {})})
        experiments.append({"env_name": task})
        for steps in (500, 1000, 5000, 10_000) if task == featured[0] else (1000, 10_000):
            experiments.append({"env_name": task, "eval_batch_size": 10_000, "num_agent_train_steps_per_iter": steps})
    for number, settings in enumerate(experiments):
        for seed in range(1, seeds + 1):
            videos = "do_dagger" in settings and settings["env_name"] in featured and seed == 1
            names: dict[str, Any] = {"exp_name": f"experiment{number}_seed{seed}", "logdir": logdir}
            yield Config(**settings, **names, seed=seed, video_log_freq=1000 if videos else -1)


if __name__ == "__main__":
    run(main)
