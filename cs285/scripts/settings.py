"""The flags of run_hw1.py: settings of a run, presets, several seeds, and a run to resume."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from cs285.command_line import parse
from cs285.config import PRESETS, Config, Preset
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """The flags of run_hw1.py."""

    config: Annotated[Config, tyro.conf.arg(name="")]  # its fields are flags without a prefix
    preset: Preset | None = None
    """Named settings, overridden by other flags. tuned: standardised observations and a learning rate that falls.
    humanoid: tuned, and a larger network and more data, on Humanoid-v5. A run prints the settings of its preset."""
    seeds: str | None = None
    """Several seeds, such as 1,2,3, run one after the other, each with a run folder of its own."""

    def configs(self) -> list[Config]:
        """The settings of each run."""
        if self.seeds is None:
            return [self.config]
        if not re.fullmatch(r"[0-9]+(,[0-9]+)*", self.seeds):
            raise InvalidInput(f"--seeds is {self.seeds!r}; it must be numbers from 0 up, such as 1,2,3")
        name = self.config.experiment
        return [replace(self.config, seed=int(s), exp_name=f"{name}_seed{int(s)}") for s in self.seeds.split(",")]


def read_settings(argv: Sequence[str] | None = None) -> Settings:
    """Parse the flags; --preset and --resume set defaults, which other flags override."""
    # This parser only finds the flags that the defaults of the complete parser, `parse`, depend on.
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", nargs="?")
    parser.add_argument("--resume", nargs="?", type=Path)
    parser.add_argument("-epf", "--expert_policy_file", nargs="?", type=Path)
    parser.add_argument("--env_name", "--env-name", "-env", nargs="?")
    flags = vars(parser.parse_known_args(argv)[0]).items()
    given = {name: value for name, value in flags if value is not None}
    preset, config = PRESETS.get(given.pop("preset", None), {}), Config()
    if "resume" in given:
        from cs285.data.checkpoint import settings_to_resume

        config = settings_to_resume(given)
    default = Settings(replace(config, **preset)) if preset or "resume" in given else None
    settings = parse(
        Settings, "Train a policy on one task by behavioural cloning or, with --do_dagger, by DAgger.", argv, default
    )
    if preset:
        kept = [f"--{name} {value}" for name, value in preset.items() if getattr(settings.config, name) == value]
        print(f"preset {settings.preset}:", *kept, flush=True)
    return settings
