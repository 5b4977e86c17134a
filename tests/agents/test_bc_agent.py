"""The agent: what it trains on, its state, and the policies that `make_agent` accepts."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cs285.agents.bc_agent import BCAgent
from cs285.agents.make_agent import make_agent, restore_agent
from cs285.config import Config
from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.infrastructure.replay_buffer import ReplayBuffer
from cs285.policies.MLP_policy import MLPPolicySL
from tests.fakes import AC_DIM, OB_DIM, POINT_SPEC, make_trajectory

PATHS = [make_trajectory(10, actions=np.tile(np.float32([0.5, -2.0]), (10, 1)))]


class DropoutPolicy(nn.Module):
    """A torch policy that is no `BasePolicy`; its updates draw from torch's global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(OB_DIM, 8), nn.Dropout(0.5), nn.Linear(8, AC_DIM))
        self.optimizers = {"all": [torch.optim.RMSprop(self.parameters(), 1e-2, momentum=0.9)]}
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizers["all"][0], 0.9)

    def get_action(self, observations: Array) -> Array:
        with torch.no_grad():
            return self.network(torch.from_numpy(observations)).numpy()

    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, Any]:
        loss = (self.network(observations) - actions).abs().mean()
        (optimizer,) = self.optimizers["all"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.scheduler.step()
        return {"L1": loss, "steps": 1}


def make_dropout_policy(*_: Any) -> DropoutPolicy:
    return DropoutPolicy()


def train(agent: BCAgent, steps: int = 10) -> torch.Tensor:
    """Take gradient steps; returns the parameters."""
    for _ in range(steps):
        agent.train(agent.sample(32))
    return torch.cat([p.detach().flatten().clone() for p in agent.actor.parameters()])


def mlp_agent() -> BCAgent:
    torch.manual_seed(0)
    actor = MLPPolicySL(AC_DIM, OB_DIM, n_layers=1, size=16, learning_rate=0.01)
    return BCAgent(actor, ReplayBuffer(1000, np.random.default_rng(0)))


def test_rewards_and_next_observations_play_no_part() -> None:
    agents = [mlp_agent(), mlp_agent()]
    for agent, value in zip(agents, (0.0, 1e6), strict=True):
        other = {"rewards": np.full(10, value), "next_observations": np.full((10, OB_DIM), value)}
        agent.add_to_replay_buffer([make_trajectory(10, **{k: v.astype(np.float32) for k, v in other.items()})])
    assert torch.equal(train(agents[0]), train(agents[1]))


def test_a_quicker_update_is_looked_for_once_an_iteration_and_may_be_missing() -> None:
    calls: list[str] = []

    def quick(observations: torch.Tensor, actions: torch.Tensor) -> dict[str, Any]:
        calls.append("quick")
        return {}

    agent = mlp_agent()
    agent.find_update = lambda actor: quick if not calls else None
    agent.add_to_replay_buffer(PATHS)
    before = train(agent, 3)
    agent.add_to_replay_buffer(PATHS)
    assert not torch.equal(train(agent, 1), before)
    assert calls == ["quick"] * 3


def make_scheduled_mlp(config: Config, *_: Any) -> MLPPolicySL:
    return MLPPolicySL(AC_DIM, OB_DIM, 1, config.size, schedule_period=7)


@pytest.mark.parametrize("make_policy", [make_scheduled_mlp, make_dropout_policy])
def test_a_restored_agent_continues_as_if_it_had_never_stopped(tiny: Config, make_policy: Any) -> None:
    agent = make_agent(tiny, POINT_SPEC, PATHS, make_policy)
    agent.add_to_replay_buffer(PATHS)
    train(agent)
    state = copy.deepcopy(agent.state_dict())
    expected = train(agent)
    torch.manual_seed(99)
    restored = make_agent(tiny, POINT_SPEC, PATHS, make_policy)
    restore_agent(restored, state, PATHS)
    assert torch.equal(train(restored), expected)


def test_the_state_of_another_agent_is_refused(tiny: Config) -> None:
    state = make_agent(tiny, POINT_SPEC, PATHS, make_scheduled_mlp).state_dict()
    with pytest.raises(InvalidInput, match=r"^the checkpoint is of another agent: "):
        restore_agent(make_agent(tiny, POINT_SPEC, PATHS, make_dropout_policy), state, PATHS)


def test_training_scalars_have_no_graph_and_must_be_named(tiny: Config) -> None:
    agent = make_agent(tiny, POINT_SPEC, PATHS, make_dropout_policy)
    agent.add_to_replay_buffer(PATHS)
    log = agent.train(agent.sample(4))
    assert not log["L1"].requires_grad
    assert log["steps"] == 1
    agent.update = lambda observations, actions: observations.sum()  # type: ignore[assignment, return-value]
    with pytest.raises(InvalidInput, match=r"DropoutPolicy.update returned a Tensor; it must return scalars by name"):
        agent.train(agent.sample(4))


class Replaced(MLPPolicySL):
    """A subclass that replaces its network after its optimiser was built."""

    def __init__(self) -> None:
        super().__init__(AC_DIM, OB_DIM, 1, 8)
        self.mean_net = nn.Linear(OB_DIM, AC_DIM)  # type: ignore[assignment]


class WithoutUpdate:
    def get_action(self, observations: Array) -> Array:
        return observations


class WithoutState(WithoutUpdate):
    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, float]:
        return {}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (lambda: None, "make_policy returned a NoneType; a policy needs a method get_action"),
        (WithoutUpdate, "make_policy returned a WithoutUpdate; a policy needs a method update"),
        (WithoutState, "make_policy returned a WithoutState; a policy needs a method state_dict"),
        (Replaced, "the optimiser of Replaced has no parameter mean_net.weight; build it after the network"),
    ],
)
def test_policies_that_can_not_be_trained_or_saved_are_refused(tiny: Config, policy: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_agent(replace(tiny, save_params=True), POINT_SPEC, PATHS, lambda *_: policy())


def test_a_policy_without_state_dict_is_announced_as_not_resumable(
    tiny: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = make_agent(tiny, POINT_SPEC, PATHS, lambda *_: WithoutState())
    assert not agent.resumable
    assert capsys.readouterr().out == "the run can't be resumed: WithoutState has no state_dict and load_state_dict\n"
    with pytest.raises(InvalidInput, match="WithoutState can't be resumed"):
        restore_agent(agent, {}, PATHS)


def test_a_schedule_of_a_replaced_optimizer_is_refused() -> None:
    agent = mlp_agent()
    agent.actor.scheduler = torch.optim.lr_scheduler.ExponentialLR(agent.actor.optimizer, 0.9)
    agent.add_to_replay_buffer(PATHS)
    agent.actor.optimizer = torch.optim.SGD(agent.actor.parameters(), 0.1)
    with pytest.raises(InvalidInput, match="the policy's scheduler drives an optimiser that it no longer has"):
        agent.add_to_replay_buffer(PATHS)
