"""Named sets of settings for --preset."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Preset: TypeAlias = Literal["tuned", "humanoid"]

TUNED = {"ob_normalization": "expert_data", "learning_rate_schedule": "cosine"}
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "tuned": TUNED,
    "humanoid": {  # more joints need a larger network and more data
        **TUNED,
        "env_name": "Humanoid-v5",
        "size": 128,
        "num_agent_train_steps_per_iter": 3000,
        "batch_size": 5000,
        "train_batch_size": 256,
        "learning_rate": 2e-3,
    },
}
