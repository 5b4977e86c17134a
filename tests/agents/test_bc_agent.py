"""The agent: what it is given, it learns, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cs285.agents.bc_agent import BCAgent
from cs285.infrastructure.replay_buffer import ReplayBuffer
from cs285.policies.MLP_policy import MLPPolicySL, join_learners
from tests.fakes import AC_DIM, OB_DIM, make_trajectory


def make_agent(learning_rate: float = 0.01, device: torch.device | None = None, **options: Any) -> BCAgent:
    torch.manual_seed(0)
    actor = MLPPolicySL(AC_DIM, OB_DIM, n_layers=1, size=16, learning_rate=learning_rate, device=device, **options)
    return BCAgent(actor, ReplayBuffer(1000, np.random.default_rng(0), device))


class Devices(TorchDispatchMode):
    """Keeps the devices of all tensors that operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for leaf in torch.utils._pytree.tree_leaves((args, kwargs, result)):
            if isinstance(leaf, torch.Tensor):
                self.seen.add(leaf.device.type)
        return result


@pytest.mark.parametrize("options", [{"loss": "mse"}, {"loss": "nll"}, {"discrete": True}])
def test_on_another_device_no_step_sends_anything_there_or_back(options: dict[str, Any]) -> None:
    """Torch's "meta" stands in for a GPU: a device whose tensors can't be read on the CPU at all."""
    agent = make_agent(device=torch.device("meta"), **options)
    actions = {"actions": np.zeros(200, np.int64)} if options.get("discrete") else {}
    agent.add_to_replay_buffer([make_trajectory(200, **actions)])
    agent.train(agent.sample(100))  # brings the indices of the next 99 batches along
    with Devices() as devices:
        for _ in range(99):
            agent.train(agent.sample(100))
    assert devices.seen == {"meta"}
    with Devices() as devices:
        agent.sample(100)
    assert devices.seen == {"cpu", "meta"}  # the check sees a transfer


def test_learners_together_stay_on_their_device_too() -> None:
    agents = [make_agent(device=torch.device("meta")) for _ in range(2)]
    learners = join_learners([agent.actor for agent in agents])
    for agent in agents:
        agent.add_to_replay_buffer([make_trajectory(200)])
        agent.sample(100)
    with Devices() as devices:
        batches = [agent.sample(100) for agent in agents]
        learners.step(torch.stack([b.observations for b in batches]), torch.stack([b.actions for b in batches]))
    assert devices.seen == {"meta"}


def test_it_learns_the_actions_in_its_buffer() -> None:
    agent = make_agent()
    path = make_trajectory(10, actions=np.tile(np.float32([0.5, -2.0]), (10, 1)))
    agent.add_to_replay_buffer([path])
    for _ in range(300):
        agent.train(agent.sample(32))
    np.testing.assert_allclose(agent.actor.get_action(path.observations), path.actions, atol=0.2)


def test_rewards_and_what_follows_play_no_part() -> None:
    agents = [make_agent(), make_agent()]
    for agent, reward in zip(agents, (0.0, 1e6), strict=True):
        agent.add_to_replay_buffer([make_trajectory(10, rewards=np.full(10, reward, np.float32))])
        agent.train(agent.sample(32))
    for one, other in zip(agents[0].actor.parameters(), agents[1].actor.parameters(), strict=True):
        assert torch.equal(one, other)


def test_samples_have_the_size_asked_for_and_come_from_all_rollouts() -> None:
    agent = make_agent()
    agent.add_to_replay_buffer([make_trajectory(3, 0), make_trajectory(3, 100)])
    agent.add_to_replay_buffer([make_trajectory(3, 200)])
    assert set(agent.sample(200).rewards.tolist()) == {0, 1, 2, 100, 101, 102, 200, 201, 202}


def test_saved_parameters_are_plain_and_complete(tmp_path: Path) -> None:
    agent, other = make_agent(), make_agent()
    agent.add_to_replay_buffer([make_trajectory(10)])
    agent.train(agent.sample(8))
    agent.save(tmp_path / "policy.pt")
    other.actor.load_state_dict(torch.load(tmp_path / "policy.pt", weights_only=True))
    observations = np.random.default_rng(0).normal(size=(5, OB_DIM))
    np.testing.assert_array_equal(agent.actor.get_action(observations), other.actor.get_action(observations))
