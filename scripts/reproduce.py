"""Run the assignment's experiments with the experts and data that ship, and write the report.

Each task has three kinds of runs: DAgger, behavioural cloning (BC) with the gradient steps of one DAgger iteration, and
BC with those of all DAgger iterations. These runs use the task's preset if there is one. One task also has runs of BC
with 500 to 10000 gradient steps, and with 1 to 20 episodes, which are recorded first. Every policy is evaluated over
10000 steps. Runs that are complete in --logdir are not repeated. The rows of the table in README.md are printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import arg

from cs285.config import PRESETS, Config
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.data.whole_files import check_new, digest

# Of these tasks, the first one that is in --tasks has Figure 1, and the first two have videos.
FEATURED = ("Hopper-v5", "Ant-v5", "HalfCheetah-v5")
TASK_PRESETS = {"Humanoid-v5": PRESETS["humanoid"], "Walker2d-v5": PRESETS["tuned"]}
STEPS, EPISODES = (500, 2000, 5000), (1, 2, 5, 10, 20)  # gradient steps and episodes of BC in Figure 1


@dataclass(frozen=True)
class Settings:
    tasks: str | None = None  # Tasks, separated by commas. None: all that ship.
    seeds: int = 5  # Number of seeds
    logdir: Path = Path("data/reproduce")  # Folder of the run folders and of the table
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report")  # Folder of the report; it must not exist
    ray_address: str | None = None  # HOST:PORT of a Ray cluster's head. None: this machine.
    num_cpus: int | None = None  # Concurrent jobs on this machine. None: one for each usable core.


def main(settings: Settings) -> None:
    tasks = shipped_tasks() if settings.tasks is None else settings.tasks.replace(",", " ").split()
    check_new(settings.output)
    configs = list(plan(tasks, settings.seeds, settings.logdir))
    from cs285.experts.rollouts import record_missing
    from cs285.results.report import comparison_row, write_report
    from cs285.results.series import compared, group_by_settings
    from cs285.sweeps.run import run_missing

    for path, task in {config.expert_data: config.env_name for config in configs if config.expert_data}.items():
        record_missing(path, task, max(EPISODES))
    series = group_by_settings(run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus))
    left_out = write_report(series, settings.output)
    for task, found in compared(series).items():
        print(f"| {' | '.join(comparison_row(task, found).values())} |")
    print(*left_out, settings.output / "report.html", settings.output / "report.pdf", sep="\n")


def plan(tasks: list[str], seeds: int, logdir: Path) -> Iterator[Config]:
    """Yield the settings of all runs; DAgger runs with seed 1 make videos on up to two tasks."""
    featured = [task for task in FEATURED if task in tasks][:2] or tasks[:1]
    usual, experiments = Config(logdir=logdir, eval_batch_size=10_000), list[Config]()
    for task in tasks:
        cloned = replace(usual, **{**TASK_PRESETS.get(task, {}), "env_name": task})
        dagger = replace(cloned, do_dagger=True, video_log_freq=1000 if task in featured else -1)
        as_long = dagger.iterations * dagger.num_agent_train_steps_per_iter
        experiments += [dagger, cloned, replace(cloned, num_agent_train_steps_per_iter=as_long)]
        if task == featured[0]:
            experiments += [replace(cloned, num_agent_train_steps_per_iter=steps) for steps in STEPS]
            if (expert := shipped_expert(task)) is not None:  # each expert needs its own data
                data = logdir / f"expert_data_{task}_{digest(expert)[:6]}.pkl"
                experiments += [replace(cloned, expert_data=data, expert_episodes=episodes) for episodes in EPISODES]
    for number, config in enumerate(experiments):
        for seed in range(1, seeds + 1):
            videos = config.video_log_freq if seed == 1 else -1
            yield replace(config, exp_name=f"experiment{number}_seed{seed}", seed=seed, video_log_freq=videos)


if __name__ == "__main__":
    run(main, Settings, __doc__)
