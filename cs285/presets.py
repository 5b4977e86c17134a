"""Named sets of settings for --preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Preset: TypeAlias = Literal["course", "humanoid"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "course": {  # the assignment's own network and optimiser
        "learning_rate_schedule": "constant",
        "ob_normalization": "none",
    },
    "humanoid": {  # more joints need a larger network and more data
        "env_name": "Humanoid-v5",
        "size": 128,
        "num_agent_train_steps_per_iter": 3000,
        "batch_size": 5000,
        "train_batch_size": 256,
        "learning_rate": 2e-3,
    },
}
