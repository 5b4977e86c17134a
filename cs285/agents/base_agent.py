"""Interface of agents, as the training loop uses it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from cs285.data.trajectory import Batch, Trajectory


class BaseAgent(ABC):
    """Interface of an agent, which has a policy, called the actor, and trains it on stored transitions."""

    actor: Any  # the policy that collects data and is evaluated
    resumable: bool  # whether `state_dict` and `load_state_dict` can be called

    @abstractmethod
    def train(self, batch: Batch) -> Mapping[str, Any]:
        """Take one gradient step; returns the scalars to log, floats or tensors, by name."""

    @abstractmethod
    def add_to_replay_buffer(self, paths: Sequence[Trajectory]) -> None:
        """Store the transitions of trajectories."""

    @abstractmethod
    def sample(self, batch_size: int) -> Batch:
        """Draw ``batch_size`` stored transitions to train on."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that further training depends on, apart from the transitions."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
