"""Train with the experts and data that ship and compare the returns, in per cent of the expert's, with their targets.

Exit code 1 when a target is missed. Runs that are complete in --logdir are not repeated. Every policy is evaluated
over at least 20 000 steps; the expert's return is that on its card.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import _checkout  # noqa: F401

from cs285.command_line import check_at_least, parse, run
from cs285.config import Config
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.presets import PRESETS, Preset


class Target(NamedTuple):
    """Limits of the returns of several seeds."""

    task: str
    method: str
    preset: Preset | None
    mean: tuple[float, float]  # at least, below
    each: float  # at least, of every seed
    exceptions: int = 0  # seeds that may be below ``each``

    def met(self, returns: Sequence[float]) -> bool:
        """Whether the returns are within the limits."""
        low = sum(value < self.each for value in returns)
        return self.mean[0] <= sum(returns) / len(returns) < self.mean[1] and low <= self.exceptions

    def config(self) -> Config:
        """The settings of the runs; where a target for DAgger has the same ones, its iteration 0 is BC."""
        dagger = any(target[:3] == (self.task, "DAgger", self.preset) for target in TARGETS)
        options = {"env_name": self.task, "do_dagger": dagger, **(PRESETS[self.preset] if self.preset else {})}
        return Config(**options, eval_batch_size=20_000, scalar_log_freq=9)  # evaluates the first and last iteration


ANY = -math.inf
TARGETS = (
    Target("Ant-v5", "BC", None, (75, math.inf), 50),
    Target("HalfCheetah-v5", "BC", None, (80, math.inf), ANY),
    Target("Hopper-v5", "BC", None, (ANY, 60), ANY),
    Target("Walker2d-v5", "BC", None, (ANY, 60), ANY),
    Target("Humanoid-v5", "BC", None, (ANY, 10), ANY),
    *(Target(task, "BC", "tuned", (85, math.inf), ANY) for task in ("Ant-v5", "HalfCheetah-v5")),
    Target("Ant-v5", "DAgger", None, (95, math.inf), 90, 1),
    *(Target(f"{name}-v5", "DAgger", None, (97, math.inf), 90, 1) for name in ("HalfCheetah", "Hopper", "Walker2d")),
    Target("Humanoid-v5", "DAgger", "humanoid", (98, math.inf), 90, 1),
)


@dataclass(frozen=True)
class Settings:
    seeds: int = 10  # Number of seeds
    logdir: Path = Path("data/acceptance")  # Folder of the run folders
    num_cpus: int | None = None  # Concurrent runs. None: one for each usable core.

    def __post_init__(self) -> None:
        check_at_least(1, self, "seeds", "num_cpus")


def main() -> None:
    settings = parse(Settings, __doc__ or "")
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
    results = []
    for target, config in targets.items():
        expert = read_card(shipped_expert(target.task) or Path())["evaluation"]["mean"]
        runs = series[identity(config)]
        values = [100 * value / expert for value in runs.values(RETURN, runs.last if target.method == "DAgger" else 0)]
        results.append(target.met(values))
        least, below = target.mean
        limits = (
            f">= {least}" if below == math.inf else f"< {below}",
            "-" if target.each == ANY else f">= {target.each}",
        )
        numbers = (f"{sum(values) / len(values):.1f}", f"{min(values):.1f}")
        print(row.format(*target[:2], target.preset or "-", *numbers, *limits, "ok" if results[-1] else "missed"))
    sys.exit(not all(results))


if __name__ == "__main__":
    run(main)
