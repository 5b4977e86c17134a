"""The agent: the transitions that it trains on, its state_dict, and the policies that `make_agent` accepts."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cs285.agents.bc_agent import BCAgent
from cs285.agents.make_agent import make_agent
from cs285.config import Config
from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.make_policy import make_mlp_policy
from cs285.policies.MLP_policy import MLPPolicySL
from tests.fakes import AC_DIM, CHOICE_SPEC, OB_DIM, POINT_SPEC, make_trajectory

PATHS = [make_trajectory(10, actions=np.tile(np.float32([0.5, -2.0]), (10, 1)))]


class DropoutPolicy(nn.Module):
    """A stochastic torch policy that is not a `BasePolicy`; actions and updates draw from torch's global generator."""

    def __init__(self, *_: Any) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(OB_DIM, 8), nn.Dropout(0.5), nn.Linear(8, AC_DIM))
        self.optimizers = {"all": [torch.optim.RMSprop(self.parameters(), 1e-2, momentum=0.9)]}
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizers["all"][0], 0.9)

    def get_action(self, observations: Array) -> Array:
        with torch.no_grad():
            means = self.network(torch.from_numpy(observations))
        return (means + 0.1 * torch.randn(means.shape)).numpy()

    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, Any]:
        loss = (self.network(observations) - actions).abs().mean()
        (optimizer,) = self.optimizers["all"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.scheduler.step()
        return {"L1": loss}


def train(agent: BCAgent, steps: int = 10) -> torch.Tensor:
    for _ in range(steps):
        agent.train(agent.sample(32))
    return torch.cat([p.detach().flatten().clone() for p in agent.actor.parameters()])


def test_rewards_and_next_observations_do_not_affect_training(tiny: Config) -> None:
    learned = []
    for value in (0.0, 1e6):
        agent = make_agent(tiny, POINT_SPEC, PATHS, make_mlp_policy)
        other = {"rewards": np.full(10, value, np.float32), "next_observations": np.full((10, OB_DIM), value, "f")}
        agent.add_to_replay_buffer([make_trajectory(10, **other)])
        learned.append(train(agent))
    assert torch.equal(*learned)


def test_a_restored_agent_continues_as_if_it_had_never_stopped(tiny: Config) -> None:
    agent = make_agent(tiny, POINT_SPEC, PATHS, DropoutPolicy)
    agent.add_to_replay_buffer(PATHS)
    train(agent)
    state = copy.deepcopy(agent.state_dict())
    expected = train(agent)
    torch.manual_seed(99)
    restored = make_agent(tiny, POINT_SPEC, PATHS, DropoutPolicy)
    restored.add_to_replay_buffer(PATHS)
    restored.load_state_dict(state)
    assert torch.equal(train(restored), expected)
    with pytest.raises(RuntimeError, match="Missing key"):
        make_agent(tiny, POINT_SPEC, PATHS, make_mlp_policy).load_state_dict(state)


class WithoutUpdate:
    def get_action(self, observations: Array) -> Array:
        return observations


class WithoutState(WithoutUpdate):
    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, float]:
        return {}


def test_policies_that_can_not_be_trained_or_saved_are_refused(tiny: Config) -> None:
    missing = {"get_action": None, "update": WithoutUpdate(), "state_dict": WithoutState()}
    for method, policy in missing.items():
        message = f"make_policy returned a {type(policy).__name__}; a policy needs a method {method}$"
        with pytest.raises(InvalidInput, match=message):
            make_agent(replace(tiny, save_params=True), POINT_SPEC, PATHS, lambda *_, policy=policy: policy)


def test_a_layer_whose_parameters_the_optimiser_lacks_is_refused(tiny: Config) -> None:
    def make_policy(config: Config, spec: TaskSpec, paths: Any) -> MLPPolicySL:
        policy = make_mlp_policy(config, spec, paths)
        policy.mean_net[0] = nn.Linear(3, 8)  # type: ignore[operator]
        return policy

    with pytest.raises(InvalidInput, match=r"no parameter mean_net\.0\.weight"):
        make_agent(tiny, POINT_SPEC, PATHS, make_policy)


@pytest.mark.parametrize("spec", [CHOICE_SPEC, POINT_SPEC])
def test_a_policy_for_other_actions_is_refused(tiny: Config, spec: TaskSpec) -> None:
    line = f"a policy with discrete={not spec.discrete}; for the actions of .* it must be {spec.discrete}$"
    with pytest.raises(InvalidInput, match=line):
        make_agent(tiny, spec, PATHS, lambda *_: MLPPolicySL(AC_DIM, OB_DIM, 1, 4, discrete=not spec.discrete))
