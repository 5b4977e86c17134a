"""Going on with a run that was stopped: which settings it has, and which may be others than before."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from cs285.config import Config
from cs285.data.checkpoint import Checkpoint
from cs285.data.provenance import versions
from cs285.data.run_folders import read_config, read_content
from cs285.errors import InvalidInput

CONFIG = "config.json"

# They change nothing that is computed; files are compared by their content, and n_iter may grow.
MAY_CHANGE = {
    *("resume", "logdir", "num_workers", "which_gpu", "checkpoint_freq", "video_log_freq", "save_params"),
    *("expert_policy_file", "expert_data", "n_iter"),
}


def fixed_settings(config: Config) -> dict[str, str]:
    """The settings that a run must keep when it goes on, as text."""
    names = (field.name for field in fields(Config) if field.name not in MAY_CHANGE)
    return {name: str(getattr(config, name)) for name in names}


def settings_to_resume(given: Mapping[str, Any]) -> Config:
    """The settings of the run in the folder ``resume``, with those that are given now in their place.

    Args:
        given: some settings by name, ``resume`` among them.

    Raises:
        InvalidInput: when the folder is not that of a run, or the settings make no sense together.
    """
    path = given["resume"] / CONFIG
    if not path.is_file():
        raise InvalidInput(f"--resume is {given['resume']}; it must be the folder of a run, with its {CONFIG}")
    return replace(read_config(path), **given)


def check_same_run(config: Config, checkpoint: Checkpoint, inputs: Mapping[str, str]) -> None:
    """Refuse to go on with a run in a way that would not end as it would have ended.

    Args:
        config: the settings to go on with, ``resume`` among them.
        checkpoint: of the run.
        inputs: SHA-256 of the files that are read now, by setting.

    Raises:
        InvalidInput: naming the setting and its two values.
    """
    assert config.resume is not None
    run_dir, began = config.resume, read_config(config.resume / CONFIG)
    for name, now in fixed_settings(config).items():
        if (before := checkpoint.settings.get(name, str(getattr(began, name)))) != now:
            raise InvalidInput(f"--{name} is {now}, but {run_dir} began with {before}: that would be another run")
    check_iterations(began, config, checkpoint.itr)
    content = read_content(run_dir / CONFIG)
    for name, digest in inputs.items():
        if (before := content["inputs"].get(name)) != digest:
            raise InvalidInput(f"--{name} has the SHA-256 {digest:.12}..., but {run_dir} began with {before!s:.12}...")
    began_with = content["versions"]
    changed = [
        f"{k} {began_with.get(k)} -> {version}" for k, version in versions().items() if began_with.get(k) != version
    ]
    if changed:
        print(f"versions changed since the run began, so its numbers may too: {', '.join(changed)}", file=sys.stderr)


def check_iterations(began: Config, config: Config, itr: int) -> None:
    """Refuse fewer iterations than before, and more where the last one has been logged for being the last.

    Args:
        began: the run's settings so far.
        config: the settings to go on with.
        itr: the last complete iteration.

    Raises:
        InvalidInput: with both numbers.
    """
    before, now, frequency = began.iterations, config.iterations, config.scalar_log_freq
    if now < before:
        raise InvalidInput(f"--n_iter is {now}, but the run began with {before}; it may only grow")
    if now > before == itr + 1 and frequency != -1 and itr % frequency:
        raise InvalidInput(
            f"--n_iter is {now}, but the run has ended with {before} and logged iteration {itr} for being the last; "
            f"with --scalar_log_freq {frequency} a longer run would not have"
        )
