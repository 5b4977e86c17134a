"""Train policies with the experts and data that ship, and compare their returns with targets.

Targets are in per cent of the expert's return, which is the mean in the expert's card. The exit code is 1 when a target
is missed. Runs that are complete in --logdir are not repeated. Every policy is evaluated over at least 20 000 steps.
"""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from _checkout import run

from cs285.config import PRESETS, Config, Preset
from cs285.data.shipped import shipped_expert


class Target(NamedTuple):
    """Limits of the returns after the last iteration, in per cent of the expert's return."""

    task: str
    method: str
    preset: Preset | None = None
    least: float = 0  # the mean over the seeds must be at least this, and less than ``below``
    below: float = math.inf
    each: float = 0  # the return of every seed must be at least this; with DAgger, one seed may have less


TARGETS = (
    Target("Ant-v5", "BC", least=75, each=50),
    Target("HalfCheetah-v5", "BC", least=80),
    Target("Hopper-v5", "BC", below=60),
    Target("Walker2d-v5", "BC", below=60),
    Target("Humanoid-v5", "BC", below=10),
    Target("Ant-v5", "BC", "tuned", least=85),
    Target("HalfCheetah-v5", "BC", "tuned", least=85),
    Target("Ant-v5", "DAgger", least=95, each=90),
    *(Target(f"{name}-v5", "DAgger", least=97, each=90) for name in ("HalfCheetah", "Hopper", "Walker2d")),
    Target("Humanoid-v5", "DAgger", "humanoid", least=98, each=90),
)


@dataclass(frozen=True)
class Settings:
    seeds: int = 10  # Number of seeds
    logdir: Path = Path("data/acceptance")  # Folder of the run folders
    num_cpus: int | None = None  # Concurrent runs. None: one for each usable core.


def main(settings: Settings) -> None:
    from cs285.experts.rollouts import read_card
    from cs285.results.series import RETURN, group_by_settings, identity
    from cs285.sweeps.run import run_missing

    usual = Config(eval_batch_size=20_000, scalar_log_freq=9, logdir=settings.logdir)
    configs = {}
    for target in TARGETS:
        preset = PRESETS[target.preset] if target.preset else {}
        configs[target] = replace(usual, **{"env_name": target.task, "do_dagger": target.method == "DAgger", **preset})
    repeated = [replace(config, seed=seed) for config in configs.values() for seed in range(1, settings.seeds + 1)]
    runs = run_missing(repeated, settings.logdir, num_cpus=settings.num_cpus)
    series = {identity(s.config): s for s in group_by_settings(runs)}
    row, missed = "{:16}{:8}{:10}{:>7}{:>7}{:>7}{:>12}   {}", 0
    print(row.format("task", "method", "preset", "mean", "min", "target", "each seed", "result"))
    for target, config in configs.items():
        expert = read_card(shipped_expert(target.task) or Path())["evaluation"]["mean"]
        found = series[identity(config)]
        values = [100 * value / expert for value in found.values(RETURN, found.last)]
        mean, low = sum(values) / len(values), sum(value < target.each for value in values)
        met = target.least <= mean < target.below and low <= (target.method == "DAgger")
        missed += not met
        limit = f"< {target.below}" if target.below < math.inf else f">= {target.least}"
        numbers = (f"{mean:.1f}", f"{min(values):.1f}", limit, f">= {target.each}" if target.each else "-")
        print(row.format(target.task, target.method, target.preset or "-", *numbers, "ok" if met else "missed"))
    sys.exit(missed > 0)


if __name__ == "__main__":
    run(main, Settings, __doc__)
