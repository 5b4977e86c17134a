"""Train with the experts and data that ship and compare the returns, in per cent of the expert's, with their targets.

The exit code is 1 when a target is missed. Runs that are complete in --logdir are not repeated. Every policy is
evaluated over at least 20 000 steps. The expert's return is the mean in its card.
"""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from _checkout import check_at_least, run

from cs285.config import Config
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.presets import PRESETS, Preset


class Target(NamedTuple):
    """Limits of the returns of several seeds, in per cent of the expert's return."""

    task: str
    method: str
    preset: Preset | None = None
    least: float = -math.inf  # the mean over the seeds must be at least this, and less than ``below``
    below: float = math.inf
    each: float = -math.inf  # least return of every seed, except for as many seeds as ``exceptions``
    exceptions: int = 0

    def config(self) -> Config:
        """The settings of the runs; BC uses iteration 0 of the DAgger runs if there are any on its task and preset."""
        dagger = any(target[:3] == (self.task, "DAgger", self.preset) for target in TARGETS)
        options = {"env_name": self.task, "do_dagger": dagger, **(PRESETS[self.preset] if self.preset else {})}
        return Config(**options, eval_batch_size=20_000, scalar_log_freq=9)  # evaluates the first and last iteration


TARGETS = (
    Target("Ant-v5", "BC", least=75, each=50),
    Target("HalfCheetah-v5", "BC", least=80),
    Target("Hopper-v5", "BC", below=60),
    Target("Walker2d-v5", "BC", below=60),
    Target("Humanoid-v5", "BC", below=10),
    Target("Ant-v5", "BC", "tuned", least=85),
    Target("HalfCheetah-v5", "BC", "tuned", least=85),
    Target("Ant-v5", "DAgger", least=95, each=90, exceptions=1),
    *(Target(f"{n}-v5", "DAgger", least=97, each=90, exceptions=1) for n in ("HalfCheetah", "Hopper", "Walker2d")),
    Target("Humanoid-v5", "DAgger", "humanoid", least=98, each=90, exceptions=1),
)


@dataclass(frozen=True)
class Settings:
    seeds: int = 10  # Number of seeds
    logdir: Path = Path("data/acceptance")  # Folder of the run folders
    num_cpus: int | None = None  # Concurrent runs. None: one for each usable core.

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")


def main(settings: Settings) -> None:
    from cs285.experts.card import read_card
    from cs285.results.series import RETURN, group_by_settings, identity
    from cs285.sweeps.grid import complete_runs
    from cs285.sweeps.run import run_missing

    targets = {target: target.config() for target in TARGETS if target.task in shipped_tasks()}
    seeds, logdir = range(1, settings.seeds + 1), settings.logdir
    configs = [replace(c, seed=seed, logdir=logdir) for c in dict.fromkeys(targets.values()) for seed in seeds]
    run_missing(configs, logdir, num_cpus=settings.num_cpus)
    series = {identity(s.config): s for s in group_by_settings(complete_runs(configs, logdir))}
    row = "{:16}{:8}{:10}{:>7}{:>7}{:>7}{:>12}   {}"
    print(row.format("task", "method", "preset", "mean", "min", "target", "each seed", "result"))
    all_met = True
    for target, config in targets.items():
        expert = read_card(shipped_expert(target.task) or Path())["evaluation"]["mean"]
        runs = series[identity(config)]
        values = [100 * value / expert for value in runs.values(RETURN, runs.last if target.method == "DAgger" else 0)]
        mean, low = sum(values) / len(values), sum(value < target.each for value in values)
        met = target.least <= mean < target.below and low <= target.exceptions
        all_met &= met
        limit = f"< {target.below}" if target.below < math.inf else f">= {target.least}"
        each = f">= {target.each}" if target.each > 0 else "-"
        numbers = (f"{mean:.1f}", f"{min(values):.1f}", limit, each)
        print(row.format(target.task, target.method, target.preset or "-", *numbers, "ok" if met else "missed"))
    sys.exit(not all_met)


if __name__ == "__main__":
    run(main, Settings, __doc__)
