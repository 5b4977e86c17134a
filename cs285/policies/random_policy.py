"""The random policy, a reference for returns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from cs285.data.trajectory import Array
from cs285.policies.base_policy import BasePolicy


class RandomPolicy(BasePolicy):
    """Actions drawn by ``action_space.sample()``, for one observation at a time."""

    copyable = True

    def __init__(self, action_space: Any) -> None:
        self._space = copy.deepcopy(action_space)

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        self._space.seed(seed)

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`."""
        return np.asarray(self._space.sample())
