"""Gaussian noise in a policy's actions."""

from __future__ import annotations

import numpy as np

from cs285.data.trajectory import Array
from cs285.policies.base_policy import BasePolicy


class NoisyPolicy(BasePolicy):
    """A policy of continuous actions to which Gaussian noise is added (DART, Laskey et al. 2017)."""

    def __init__(self, policy: BasePolicy, std: Array) -> None:
        """Add noise of standard deviation ``std`` (ac_dim,) to the actions of ``policy``."""
        self.copyable = policy.copyable
        self._policy, self._std = policy, std

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        self._policy.reset(seed)
        self._generator = np.random.default_rng([seed, 1])  # ``seed`` alone would repeat the environment's numbers

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`."""
        actions = self._policy.get_action(observations)
        return np.asarray(actions + self._std * self._generator.standard_normal(actions.shape))
