"""Compare BC, BC from noisy demonstrations and DAgger by their return after the same number of expert labels.

Demonstrations are recorded first, without and with noise in the executed actions. Apart from these, all settings are
the defaults: BC takes 1000 gradient steps for each demonstrated episode, and DAgger 1000 in each iteration. Runs that
are complete in --logdir are not repeated. A table of the scores is printed, and the figure is written as PNG and PDF.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).parents[2]))  # finds the project if it is not installed

from cs285.command_line import run
from cs285.config import Config
from cs285.data.whole_files import check_new

EPISODES = (1, 2, 5, 10, 20)  # demonstrated episodes from which BC learns
DATA = {"demonstrations": 0.0, "noisy": 0.1}  # noise, as in collect_expert_data.py, for each name of a recording


@dataclass(frozen=True)
class Settings:
    tasks: str = "Ant-v5,HalfCheetah-v5,Hopper-v5,Humanoid-v5,Walker2d-v5"  # Tasks, separated by commas
    seeds: int = 5  # Number of seeds
    logdir: Path = Path("data/study")  # Folder of the demonstrations and run folders
    output: Annotated[Path, arg(aliases=["-o"])] = Path("study")  # New files of the figure, without extension
    num_cpus: int | None = None  # Concurrent runs. None: one for each usable core.


def main(settings: Settings) -> None:
    files = [Path(f"{settings.output}.{extension}") for extension in ("png", "pdf")]
    for path in files:
        check_new(path)
    from cs285.experts.rollouts import record_missing
    from cs285.infrastructure.learning_curve import save_figure
    from cs285.results.figures import label_curves, label_figure
    from cs285.results.series import group_by_settings, summarize
    from cs285.sweeps.run import run_missing

    configs = list(plan(settings.tasks.split(","), settings.seeds, settings.logdir))
    for path, task in {config.expert_data: config.env_name for config in configs if config.expert_data}.items():
        record_missing(path, task, max(EPISODES), DATA[path.stem])
    series = group_by_settings(run_missing(configs, settings.logdir, num_cpus=settings.num_cpus))
    cells = ["task", "method", *(f"about {1000 * episodes} labels" for episodes in EPISODES)]
    print(f"| {' | '.join(cells)} |", "|---|---" + "|--:" * len(EPISODES) + "|", sep="\n")
    for task, methods in label_curves(series).items():
        for method, points in methods.items():
            nearest = [min(points, key=lambda point: abs(point.labels - 1000 * episodes)) for episodes in EPISODES]
            cells = ["{:.2f} [{:.2f}, {:.2f}]".format(*summarize(*point.scores)[3:]) for point in nearest]
            print(f"| {' | '.join([task, method, *cells])} |")
    for path in files:
        save_figure(label_figure(series), path)


def plan(tasks: list[str], seeds: int, logdir: Path) -> Iterator[Config]:
    """Yield the settings of all runs; the noise of ``<name>.pkl`` is DATA[name]."""
    for task, seed in product(tasks, range(1, seeds + 1)):
        files = {name: logdir / task / f"{name}.pkl" for name in DATA}
        usual = Config(env_name=task, seed=seed, logdir=logdir, eval_batch_size=10_000, expert_episodes=1)
        dagger = replace(usual, do_dagger=True, n_iter=max(EPISODES), exp_name=f"dagger_seed{seed}")
        yield replace(dagger, expert_data=files["demonstrations"])
        for (name, path), episodes in product(files.items(), EPISODES):
            cloned = replace(usual, expert_data=path, exp_name=f"{name}_{episodes}_seed{seed}")
            yield replace(cloned, expert_episodes=episodes, num_agent_train_steps_per_iter=1000 * episodes)


if __name__ == "__main__":
    run(main, Settings, __doc__)
