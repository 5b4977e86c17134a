"""The agent of behavioural cloning and of DAgger: it imitates whatever actions it is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from cs285.agents.base_agent import BaseAgent
from cs285.infrastructure.replay_buffer import ReplayBuffer
from cs285.infrastructure.trajectory import Batch, Trajectory
from cs285.policies.MLP_policy import MLPPolicySL


class BCAgent(BaseAgent):
    """A supervised actor and the replay buffer it learns from."""

    def __init__(self, actor: MLPPolicySL, replay_buffer: ReplayBuffer) -> None:
        """Hold both; they must live on the same device."""
        self.actor: MLPPolicySL = actor
        self.replay_buffer = replay_buffer

    def train(self, batch: Batch) -> dict[str, torch.Tensor]:
        """See `BaseAgent.train`; rewards and next observations play no part."""
        return self.actor.update(batch.observations, batch.actions)

    def add_to_replay_buffer(self, paths: Sequence[Trajectory]) -> None:
        """See `BaseAgent.add_to_replay_buffer`."""
        self.replay_buffer.add_rollouts(paths)

    def sample(self, batch_size: int) -> Batch:
        """Transitions drawn at random, with replacement."""
        return self.replay_buffer.sample_random_data(batch_size)

    def save(self, path: Path) -> None:
        """Write the actor's parameters; ``torch.load(path, weights_only=True)`` reads them, with a GPU or without."""
        parameters = self.actor.state_dict()
        copies = {name: value.cpu().clone() for name, value in parameters.items()}  # views would bring all along
        torch.save(copies, path)
