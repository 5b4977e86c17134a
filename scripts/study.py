"""Compare BC, BC from noisy demonstrations and DAgger by their return after the same number of expert labels.

Demonstrations are recorded first, without and with noise in the executed actions. Apart from these, all settings are
the defaults: BC takes 1000 gradient steps for each demonstrated episode, and DAgger 1000 in each iteration. Runs that
are complete in --logdir are not repeated. A table of the scores is printed, and the figure is written as PNG and PDF.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.config import Config
from cs285.data.shipped import shipped_tasks
from cs285.data.whole_files import check_new
from cs285.errors import InvalidInput

EPISODES = (1, 2, 5, 10, 20)  # demonstrated episodes from which BC learns
DATA = {"demonstrations": 0.0, "noisy": 0.1}  # noise, as in collect_expert_data.py, for each name of a recording
EVALUATION = 10_000  # environment steps of each evaluation


@dataclass(frozen=True)
class Settings:
    tasks: str = "Ant-v5,HalfCheetah-v5,Hopper-v5,Humanoid-v5,Walker2d-v5"  # Tasks, separated by commas
    seeds: int = 5  # Number of seeds
    logdir: Path = Path("data/study")  # Folder of the demonstrations and run folders
    output: Annotated[Path, arg(aliases=["-o"])] = Path("study")  # New files of the figure, without extension
    num_cpus: int | None = None  # Concurrent runs. None: one for each usable core.

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")
        for task in (tasks := self.tasks.split(",")):
            if task not in shipped_tasks() or tasks.count(task) > 1:
                raise InvalidInput(f"--tasks is {self.tasks}; name different ones of {', '.join(shipped_tasks())}")


def main(settings: Settings) -> None:
    files = [Path(f"{settings.output}.{extension}") for extension in ("png", "pdf")]
    for path in files:
        check_new(path)
    from cs285.experts.rollouts import record_missing
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.label_curves import label_curves, label_figure
    from cs285.results.series import group_by_settings
    from cs285.sweeps.grid import complete_runs
    from cs285.sweeps.run import run_missing

    tasks = settings.tasks.split(",")
    for task, (name, noise) in itertools.product(tasks, DATA.items()):
        record_missing(settings.logdir / task / f"{name}.pkl", task, max(EPISODES), noise)
    configs = list(plan(tasks, settings.seeds, settings.logdir))
    run_missing(configs, settings.logdir, num_cpus=settings.num_cpus)
    curves = label_curves(group_by_settings(complete_runs(configs, settings.logdir)))
    cells = ["task", "method", *(f"about {1000 * episodes} labels" for episodes in EPISODES)]
    print(f"| {' | '.join(cells)} |", "|---|---" + "|--:" * len(EPISODES) + "|", sep="\n")
    for task, methods in curves.items():
        for method, points in methods.items():
            nearest = [min(points, key=lambda point: abs(point.labels - 1000 * episodes)) for episodes in EPISODES]
            cells = ["{:.2f} [{:.2f}, {:.2f}]".format(point.iqm(), *point.interval()) for point in nearest]
            print(f"| {' | '.join([task, method, *cells])} |")
    for path in files:
        save_figure(label_figure(curves), path)


def plan(tasks: list[str], seeds: int, logdir: Path) -> Iterator[Config]:
    """Yield the settings of all runs."""
    for task, seed in itertools.product(tasks, range(1, seeds + 1)):
        common: dict[str, Any] = {"env_name": task, "seed": seed, "logdir": logdir, "eval_batch_size": EVALUATION}
        for name in DATA:
            for episodes in EPISODES:
                yield Config(
                    **common,
                    expert_data=logdir / task / f"{name}.pkl",
                    expert_episodes=episodes,
                    num_agent_train_steps_per_iter=1000 * episodes,
                    exp_name=f"{name}_{episodes}_seed{seed}",
                )
        demonstrations = logdir / task / "demonstrations.pkl"
        dagger: dict[str, Any] = {"do_dagger": True, "n_iter": max(EPISODES), "exp_name": f"dagger_seed{seed}"}
        yield Config(**common, **dagger, expert_data=demonstrations, expert_episodes=1)


if __name__ == "__main__":
    run(main, Settings, __doc__)
