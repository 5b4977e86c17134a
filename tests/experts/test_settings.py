"""Settings of expert training: every one takes effect or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"total_steps": 0}, ("--total_steps is 0", "at least 1")),
        ({"eval_episodes": 1}, ("--eval_episodes is 1", "at least 2")),
        ({"gamma": 1.1}, ("--gamma is 1.1", "at most 1")),
        ({"learning_rate": 0.0}, ("--learning_rate is 0.0", "positive")),
        ({"policy_starts": 4}, ("--policy_starts is 4", "--initial_expert")),
        ({"initial_expert": Path("x"), "policy_starts": 8, "total_steps": 8}, ("--policy_starts is 8", "at most 7")),
        ({"algorithm": "SAC", "initial_expert": Path("x")}, ("--initial_expert has no effect", "SAC")),
        ({"algorithm": "SAC", "target_kl": 0.3}, ("--target_kl has no effect", "SAC")),
        ({"updates_per_step": 0.5}, ("--updates_per_step has no effect", "PPO")),
        ({"max_height": float("nan")}, ("--min_height is -inf", "--max_height, nan")),
        ({"min_height": 0.9, "max_height": 0.9}, ("--min_height is 0.9", "--max_height, 0.9")),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        ExpertSettings(**settings)
    assert all(part in str(refused.value) for part in parts)
