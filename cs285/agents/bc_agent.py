"""The agent of behavioural cloning and of DAgger: it imitates whatever actions it is given."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cs285.agents.base_agent import BaseAgent
from cs285.data.trajectory import Batch, Trajectory
from cs285.data.whole_files import whole_file
from cs285.errors import InvalidInput
from cs285.infrastructure.replay_buffer import ReplayBuffer
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
        copies = {
            name: value.cpu().clone() for name, value in self._parameters().items()
        }  # views would bring all along
        content = io.BytesIO()  # where a disk is full, torch's own files end in errors of its own
        torch.save(copies, content)
        with whole_file(path) as file:
            file.write(content.getbuffer())

    def state_dict(self) -> dict[str, Any]:
        """See `BaseAgent.state_dict`."""
        adam = self.actor.optimizer.averages()
        return {"actor": self._parameters(), "adam": adam, "generator": self.replay_buffer.generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `BaseAgent.load_state_dict`."""
        try:
            self.actor.load_state_dict(state["actor"])
            self.actor.optimizer.restore(state["adam"])
            self.replay_buffer.generator.state = state["generator"]
        except (KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise InvalidInput(f"the checkpoint is of another agent: {error!r:.200}") from error

    def _parameters(self) -> dict[str, torch.Tensor]:
        """Views of what the optimiser changes; to be copied where they are kept."""
        parameters: dict[str, torch.Tensor] = self.actor.state_dict()
        return parameters
