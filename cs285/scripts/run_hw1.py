"""Behavioural cloning, and with --do_dagger DAgger, on one task."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NoReturn

import tyro

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # in a checkout that is not installed

from cs285.command_line import FLATTENED, parse, report, run
from cs285.config import Config
from cs285.envs.mujoco_py_backend import hand_over
from cs285.errors import InvalidInput
from cs285.policies.make_policy import MakePolicy, make_mlp_policy
from cs285.presets import PRESETS, Preset


@dataclass(frozen=True)
class Base:
    """The flags that change the defaults of others."""

    resume: Path | None = None
    preset: Preset | None = None


@dataclass(frozen=True)
class Settings:
    """The flags of the script."""

    config: Annotated[Config, FLATTENED]
    preset: Preset | None = None
    """Named settings, overridden by other flags. course: the assignment's own network and optimiser; humanoid: settings
    that imitate the expert on Humanoid-v5."""
    seeds: str | None = None
    """Several seeds, such as 1,2,3, run one after the other, each with a run folder of its own."""

    def __post_init__(self) -> None:
        if self.seeds is not None and self.config.resume is not None:
            raise InvalidInput("--resume continues a single run; it can't be combined with --seeds")
        if len(set(self.configs())) < len(self.configs()):
            raise InvalidInput(f"--seeds is {self.seeds}; the numbers must be different")

    def configs(self) -> list[Config]:
        """The settings of each run."""
        if self.seeds is None:
            return [self.config]
        if not re.fullmatch(r"[0-9]+(,[0-9]+)*", self.seeds):
            raise InvalidInput(f"--seeds is {self.seeds!r}; it must be numbers from 0 up, such as 1,2,3")
        name = self.config.experiment
        return [replace(self.config, seed=int(s), exp_name=f"{name}_seed{int(s)}") for s in self.seeds.split(",")]


def main(make_policy: MakePolicy = make_mlp_policy, expert: object | None = None) -> NoReturn:
    """Run the jobs that the command line describes and exit; a script of your own can pass its policy or expert.

    Args:
        make_policy: called as ``make_policy(config, spec, paths)``, returns the policy to train.
        expert: replaces ``--expert_policy_file``: a policy, an object with ``get_action``, or a function of a batch of
            observations (N, *ob_shape) that returns actions.
    """
    run(lambda: run_job(read_settings(), make_policy, expert))


def read_settings(argv: Sequence[str] | None = None) -> Settings:
    """Parse the flags; a preset and a run to resume give defaults that other flags override."""
    base, _ = tyro.cli(Base, args=argv, return_unknown_args=True, add_help=False, use_underscores=True)
    if base == Base():
        return parse(Settings, __doc__ or "", argv)
    config = Config()
    if base.resume is not None:
        from cs285.data.checkpoint import settings_to_resume

        config = settings_to_resume({"resume": base.resume})
    config = replace(config, **(PRESETS[base.preset] if base.preset else {}))
    return parse(Settings, __doc__ or "", argv, default=Settings(config))


def run_job(settings: Settings, make_policy: MakePolicy, expert: object | None) -> None:
    """Train with each seed; one that fails is reported, the others still run, and the exit code is its own."""
    hand_over(settings.config.backend)
    if settings.preset is not None:
        values = {name: getattr(settings.config, name) for name in PRESETS[settings.preset]}
        print(f"preset {settings.preset}:", *(f"--{name} {value}" for name, value in values.items()), flush=True)
    from cs285.infrastructure.bc_trainer import BC_Trainer
    from cs285.infrastructure.inputs import RunInputs

    configs, code = settings.configs(), 0
    with RunInputs(configs[0], expert) as inputs:
        for config in configs:
            try:
                trainer = BC_Trainer(config, expert, make_policy, inputs)
                rows = trainer.run_training_loop()
                print(f"{trainer.run_dir}: {summary(rows)}", flush=True)
            except InvalidInput as error:
                if len(configs) == 1:
                    raise
                code = code or report(error, f"seed {config.seed}: ")
    sys.exit(code)


def summary(rows: Sequence[dict[str, float]]) -> str:
    """Format the final return and the expert's, with their standard deviations."""
    if not rows:
        return "not evaluated"
    row = rows[-1]
    expert = f"expert's data {row['Initial_DataCollection_AverageReturn']:.1f}"
    if "Expert_AverageReturn" in row:
        expert = f"expert {row['Expert_AverageReturn']:.1f} ± {row['Expert_StdReturn']:.1f}"
    return f"final return {row['Eval_AverageReturn']:.1f} ± {row['Eval_StdReturn']:.1f}, {expert}"


if __name__ == "__main__":
    main()
