"""What an agent is to the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cs285.data.trajectory import Batch, Trajectory
from cs285.policies.MLP_policy import MLPPolicy


class BaseAgent(ABC):
    """An actor that learns from the transitions it is given.

    Attributes:
        actor: the policy that collects data and is evaluated.
    """

    actor: MLPPolicy

    @abstractmethod
    def train(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Take one gradient step; returns scalars by name, left on the device."""

    @abstractmethod
    def add_to_replay_buffer(self, paths: Sequence[Trajectory]) -> None:
        """Remember the transitions of trajectories."""

    @abstractmethod
    def sample(self, batch_size: int) -> Batch:
        """Draw remembered transitions to train on."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the actor's parameters.

        Raises:
            InvalidInput: when the file can't be written.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that was learned, and where the generator stands; the transitions are not in it."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be the agent whose `state` it was; the transitions are added apart.

        Raises:
            InvalidInput: when it was another kind of agent.
        """
