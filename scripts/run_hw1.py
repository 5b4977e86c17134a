"""Behavioural cloning, and with --do_dagger DAgger, on one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cs285 import start  # noqa: F401 - first of all
from cs285.command_line import option, parse_given, run
from cs285.config import Config
from cs285.envs.mujoco_py_backend import hand_over
from cs285.presets import Preset, preset_notice, with_preset


@dataclass(frozen=True)
class Settings(Config):
    """What the command line takes: the settings of a run, some of them together under a name."""

    preset: Preset | None = option(
        None,
        help="course: the assignment's own network and optimiser; humanoid: settings that imitate the expert on "
        "Humanoid-v5. Says what it sets; flags that are given too have the last word",
    )


def main() -> None:
    """Run the job that the command line describes, and say how it ended."""
    given = parse_given(Settings, __doc__ or "")
    preset: Preset | None = given.pop("preset", None)
    if preset is not None:
        print(preset_notice(preset, given), flush=True)
        given = with_preset(preset, given)
    config = settings_to_resume(given) if "resume" in given else Config(**given)
    hand_over(config.backend)
    if config.seeds is None:
        run_one(config)
    else:
        run_many(config)


def settings_to_resume(given: dict[str, Any]) -> Config:
    """The settings of the run to resume, with those that the command line gives."""
    from cs285.data import checkpoint

    return checkpoint.settings_to_resume(given)


def run_one(config: Config) -> None:
    """Run one job."""
    from cs285.infrastructure.bc_trainer import BC_Trainer  # torch takes seconds; --help does not wait

    trainer = BC_Trainer(config)
    first = trainer.rl_trainer.first_itr
    resumed = f", on from iteration {first}" if first else ""
    print(f"logging to {trainer.run_dir}{resumed}", flush=True)
    rows = trainer.run_training_loop()
    print(summary(str(trainer.run_dir), rows))


def run_many(config: Config) -> None:
    """Run the jobs of all seeds as one."""
    from cs285.infrastructure.many_learners import ManyLearners, configs_of_seeds

    learners = ManyLearners(configs_of_seeds(config))
    for trainer in learners.trainers:
        print(f"logging to {trainer.run_dir}", flush=True)
    results = learners.run_training_loop()
    for trainer, rows in zip(learners.trainers, results, strict=True):
        print(summary(str(trainer.run_dir), rows))


def summary(run_dir: str, rows: list[dict[str, float]]) -> str:
    """One line: the run folder, the final return and the expert's."""
    if not rows:
        return f"{run_dir}: not evaluated"
    last = rows[-1]
    returned = f"final return {last['Eval_AverageReturn']:.1f} ± {last['Eval_StdReturn']:.1f}"
    if "Expert_AverageReturn" in last:
        expert = f"expert {last['Expert_AverageReturn']:.1f} ± {last['Expert_StdReturn']:.1f}"
    else:
        expert = f"expert's data {last['Initial_DataCollection_AverageReturn']:.1f}"
    return f"{run_dir}: {returned}, {expert}"


if __name__ == "__main__":
    run(main)
