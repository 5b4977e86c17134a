"""The agent of behavioural cloning and DAgger, which imitates the expert's actions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from cs285.agents.base_agent import BaseAgent
from cs285.data.trajectory import Batch, Trajectory
from cs285.errors import InvalidInput
from cs285.infrastructure.replay_buffer import ReplayBuffer
from cs285.infrastructure.seeding import global_generator_states, set_global_generator_states
from cs285.policies.training_parts import check_schedules, load_training_state, training_parts

Update = Callable[[torch.Tensor, torch.Tensor], Mapping[str, Any]]


class BCAgent(BaseAgent):
    """Agent of a policy that learns by supervision, with the replay buffer that the policy learns from."""

    def __init__(
        self, actor: Any, replay_buffer: ReplayBuffer, find_update: Callable[[Any], Update | None] | None = None
    ) -> None:
        """Build the agent from a policy, the ``actor``, whose ``update(observations, actions)`` returns a dict.

        ``find_update`` is called with the actor in each iteration; it returns a faster ``update``, or None.
        """
        self.actor, self.replay_buffer, self.find_update = actor, replay_buffer, find_update
        self.update: Update = actor.update
        self.resumable = hasattr(actor, "state_dict") and hasattr(actor, "load_state_dict")

    def train(self, batch: Batch) -> Mapping[str, Any]:
        """See `BaseAgent.train`; raises InvalidInput when the policy's ``update`` does not return a dict."""
        log = self.update(batch.observations, batch.actions)
        if not isinstance(log, Mapping):
            raise InvalidInput(f"the policy's update returned a {type(log).__name__}; it must return a dict of scalars")
        return {name: value.detach() if isinstance(value, torch.Tensor) else value for name, value in log.items()}

    def add_to_replay_buffer(self, paths: Sequence[Trajectory]) -> None:
        """See `BaseAgent.add_to_replay_buffer`; raises InvalidInput if a schedule's optimiser was replaced."""
        check_schedules(self.actor)
        self.replay_buffer.add_rollouts(paths)
        self.update = (self.find_update and self.find_update(self.actor)) or self.actor.update

    def sample(self, batch_size: int) -> Batch:
        """Transitions drawn at random, with replacement."""
        return self.replay_buffer.sample_random_data(batch_size)

    def state_dict(self) -> dict[str, Any]:
        """See `BaseAgent.state_dict`; ``training`` has the states of optimisers and schedules by attribute path."""
        generators = {"batches": self.replay_buffer.rng.bit_generator.state, "global": global_generator_states()}
        parts = {name: part.state_dict() for name, part in training_parts(self.actor).items()}
        return {"actor": dict(self.actor.state_dict()), "training": parts, "generators": generators}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `BaseAgent.load_state_dict`; raises InvalidInput when an average of an optimiser has a wrong shape."""
        self.actor.load_state_dict(state["actor"])
        load_training_state(self.actor, state["training"])
        self.replay_buffer.rng.bit_generator.state = state["generators"]["batches"]
        set_global_generator_states(state["generators"]["global"])
