"""Settings that belong together, under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Preset: TypeAlias = Literal["course", "humanoid"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "course": {  # the assignment's own network and optimiser
        "learning_rate_schedule": "constant",
        "ob_normalization": "none",
    },
    "humanoid": {  # many joints: more to learn, from more data
        "env_name": "Humanoid-v5",
        "size": 128,
        "num_agent_train_steps_per_iter": 3000,
        "batch_size": 5000,
        "train_batch_size": 256,
        "learning_rate": 2e-3,
    },
}


def preset_of(env_name: str) -> Mapping[str, Any]:
    """The settings of the preset for a task; none where it has no preset."""
    return next((preset for preset in PRESETS.values() if preset.get("env_name") == env_name), {})


def with_preset(preset: Preset, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a preset, with those that are given in their place.

    Args:
        preset: its name.
        given: some settings of `cs285.config.Config`, by name.
    """
    return {**PRESETS[preset], **given}


def preset_notice(preset: Preset, given: Mapping[str, Any]) -> str:
    """One line that says what a preset sets, less what is given anyway."""
    flags = [f"--{name} {value}" for name, value in PRESETS[preset].items() if name not in given]
    return f"preset {preset}: {' '.join(flags) or 'nothing, for all of it is given'}"
