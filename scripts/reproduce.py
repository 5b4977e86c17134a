"""Run the assignment's experiments with the experts and data that ship, and write the report.

Each task has three kinds of runs: DAgger, behavioural cloning (BC) with the gradient steps of one DAgger iteration, and
BC with those of all DAgger iterations. These runs use the task's preset if there is one. One task also has runs of BC
with 500 to 10000 gradient steps, and with 1 to 20 episodes, which are recorded first. Every policy is evaluated over
10000 steps. Runs that are complete in --logdir are not repeated. The rows of the table in README.md are printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.config import PRESETS, Config
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.data.whole_files import check_new, digest
from cs285.errors import InvalidInput

# Of these tasks, the first one that is in --tasks has Figure 1, and the first two have videos.
FEATURED = ("Hopper-v5", "Ant-v5", "HalfCheetah-v5")
TASK_PRESETS = {"Humanoid-v5": PRESETS["humanoid"], "Walker2d-v5": PRESETS["tuned"]}
EVALUATION = 10_000  # environment steps of each evaluation
STEPS, EPISODES = (500, 2000, 5000), (1, 2, 5, 10, 20)  # gradient steps and episodes of BC in Figure 1


@dataclass(frozen=True)
class Settings:
    tasks: str | None = None  # Tasks, separated by commas. None: all that ship.
    seeds: int = 5  # Number of seeds
    logdir: Path = Path("data/reproduce")  # Folder of the run folders and of the table
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder of the report; it must not exist
    ray_address: str | None = None  # HOST:PORT of a Ray cluster's head. None: this machine.
    num_cpus: int | None = None  # Concurrent jobs on this machine. None: one for each usable core.

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")


def main(settings: Settings) -> None:
    tasks = shipped_tasks() if settings.tasks is None else settings.tasks.replace(",", " ").split()
    if not tasks:
        raise InvalidInput("there is no task to run: no experts and data ship, or --tasks is empty")
    check_new(settings.output)
    configs = list(plan(tasks, settings.seeds, settings.logdir))
    from cs285.experts.rollouts import record_missing
    from cs285.results.report import write_report
    from cs285.results.report_tables import comparison_row
    from cs285.results.series import compared, group_by_settings
    from cs285.sweeps.grid import complete_runs
    from cs285.sweeps.run import run_missing

    for path, task in {config.expert_data: config.env_name for config in configs if config.expert_data}.items():
        record_missing(path, task, max(EPISODES))
    run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus)
    series = group_by_settings(complete_runs(configs, settings.logdir))
    left_out = write_report(series, settings.output)
    rows = [comparison_row(task, found) for task, found in compared(series).items()]
    lines = [f"| {' | '.join(row.values())} |" for row in rows]
    print(*lines, *left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


def plan(tasks: list[str], seeds: int, logdir: Path) -> Iterator[Config]:
    """Yield the settings of all runs; DAgger runs with seed 1 make videos on up to two tasks."""
    featured = [task for task in FEATURED if task in tasks][:2] or tasks[:1]
    usual: dict[str, Any] = {task: {**TASK_PRESETS.get(task, {}), "env_name": task} for task in tasks}
    experiments: list[dict[str, Any]] = []
    for settings in usual.values():
        dagger = Config(**settings, do_dagger=True)
        as_long = dagger.iterations * dagger.num_agent_train_steps_per_iter
        experiments.append({**settings, "do_dagger": True})
        experiments += [settings, {**settings, "num_agent_train_steps_per_iter": as_long}]
    settings, expert = usual[featured[0]], shipped_expert(featured[0])
    experiments += [{**settings, "num_agent_train_steps_per_iter": steps} for steps in STEPS]
    if expert is not None:  # the data's name has the expert's digest, because each expert needs its own data
        data = logdir / f"expert_data_{featured[0]}_{digest(expert)[:6]}.pkl"
        experiments += [{**settings, "expert_data": data, "expert_episodes": episodes} for episodes in EPISODES]
    for number, settings in enumerate(experiments):
        for seed in range(1, seeds + 1):
            videos = "do_dagger" in settings and settings["env_name"] in featured and seed == 1
            names: dict[str, Any] = {"exp_name": f"experiment{number}_seed{seed}", "logdir": logdir}
            names |= {"eval_batch_size": EVALUATION, "video_log_freq": 1000 if videos else -1}
            yield Config(**settings, **names, seed=seed)


if __name__ == "__main__":
    run(main, Settings, __doc__)
