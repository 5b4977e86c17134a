"""Train policies with the experts and data that ship, and compare their returns with targets.

Targets are in per cent of the expert's return, which is the mean in the expert's card. The exit code is 1 when a target
is missed. Runs that are complete in --logdir are not repeated. Every policy is evaluated over at least 20 000 steps.
"""

import sys
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # finds the project if it is not installed

from cs285.command_line import run
from cs285.config import PRESETS, Config, Preset
from cs285.data.shipped import shipped_expert

# Task, method, preset, and three limits in per cent of the expert's return. The mean over the seeds must be at least
# the first limit and less than the second. Every seed, or with DAgger all but one, must reach the third.
TARGETS: tuple[tuple[str, str, Preset | None, float, float, float], ...] = (
    ("Ant-v5", "BC", None, 75, inf, 50),
    ("HalfCheetah-v5", "BC", None, 80, inf, 0),
    ("Hopper-v5", "BC", None, 0, 60, 0),
    ("Walker2d-v5", "BC", None, 0, 60, 0),
    ("Humanoid-v5", "BC", None, 0, 10, 0),
    ("Ant-v5", "BC", "tuned", 85, inf, 0),
    ("HalfCheetah-v5", "BC", "tuned", 85, inf, 0),
    ("Ant-v5", "DAgger", None, 95, inf, 90),
    ("HalfCheetah-v5", "DAgger", None, 97, inf, 90),
    ("Hopper-v5", "DAgger", None, 97, inf, 90),
    ("Walker2d-v5", "DAgger", None, 97, inf, 90),
    ("Humanoid-v5", "DAgger", "humanoid", 98, inf, 90),
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

    configs = []
    for task, method, preset, *_ in TARGETS:
        chosen = {"env_name": task, "do_dagger": method == "DAgger", **(PRESETS[preset] if preset else {})}
        configs.append(Config(**chosen, eval_batch_size=20_000, scalar_log_freq=9, logdir=settings.logdir))
    repeated = [replace(config, seed=seed) for config in configs for seed in range(1, settings.seeds + 1)]
    runs = run_missing(repeated, settings.logdir, num_cpus=settings.num_cpus)
    series = {identity(s.config): s for s in group_by_settings(runs)}
    line, missed = "{:16}{:8}{:10}{:>7}{:>7}{:>7}{:>12}   {}", 0
    print(line.format("task", "method", "preset", "mean", "min", "target", "each seed", "result"))
    for (task, method, preset, least, below, each), config in zip(TARGETS, configs, strict=True):
        expert = read_card(shipped_expert(task) or Path())["evaluation"]["mean"]
        found = series[identity(config)]
        values = [100 * value / expert for value in found.values(RETURN, found.last)]
        mean, failed = sum(values) / len(values), sum(value < each for value in values)
        met = least <= mean < below and failed <= (1 if method == "DAgger" else 0)
        missed += not met
        limits = (f"< {below}" if below < inf else f">= {least}", f">= {each}" if each else "-")
        numbers = (f"{mean:.1f}", f"{min(values):.1f}", *limits)
        print(line.format(task, method, preset or "-", *numbers, "ok" if met else "missed"))
    sys.exit(missed > 0)


if __name__ == "__main__":
    run(main, Settings, __doc__)
