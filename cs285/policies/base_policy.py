"""Interface of policies."""

from abc import ABC, abstractmethod

from cs285.data.trajectory import Array


class BasePolicy(ABC):
    """Map from observations to actions.

    Attributes:
        copyable: whether a copy in another process chooses the same actions; False unless a class sets it to True.
        not_copyable_because: the reason to print if ``copyable`` is False; if empty, the class's name is printed.
    """

    copyable = False
    not_copyable_because = ""

    @abstractmethod
    def get_action(self, observations: Array) -> Array:
        """Choose an action for each observation.

        For observations (N, *ob_shape), returns (N, ac_dim) floats, or (N,) integers when discrete. For a single
        observation of shape ob_shape, returns a single action of shape (ac_dim,), or () when discrete.
        """

    def reset(self, seed: int) -> None:  # noqa: B027 - most policies have no state
        """Prepare for a new episode: clear recurrent state and seed the policy's own random numbers."""
