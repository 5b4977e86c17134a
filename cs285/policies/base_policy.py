"""Interface of policies."""

from __future__ import annotations

from abc import ABC, abstractmethod

from cs285.data.trajectory import Array


class BasePolicy(ABC):
    """Map from observations to actions.

    Attributes:
        copyable: whether a copy in another process acts the same. False for a user's object, which may
            hold anything, unless its class says otherwise.
        not_copyable_because: the reason, printed once where workers can't be used; empty: the class's name says it.
    """

    copyable = False
    not_copyable_because = ""

    @abstractmethod
    def get_action(self, observations: Array) -> Array:
        """Choose an action for each observation.

        Args:
            observations: (N, *ob_shape), or a single one (ob_shape).

        Returns:
            (N, ac_dim) floats, or (N,) integers when actions are discrete; without N for a single observation.
        """

    def reset(self, seed: int) -> None:  # noqa: B027 - most policies keep nothing from step to step
        """Prepare for a new episode: clear recurrent state and seed the policy's own random numbers.

        Args:
            seed: the episode's seed.
        """
