"""The learned policy: its distribution, and that it learns what it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import distributions

from cs285.policies.MLP_policy import MLPPolicy, MLPPolicySL


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def lesson(discrete: bool = False, count: int = 256) -> tuple[torch.Tensor, torch.Tensor]:
    """Observations, and the actions of a rule that a small net can learn."""
    observations = torch.randn(count, 3)
    if discrete:
        return observations, (observations[:, 0] > 0).long()
    return observations, torch.stack([observations[:, 0] - 1, observations[:, 1] * observations[:, 2]], dim=1)


def learner(**options: Any) -> MLPPolicySL:
    return MLPPolicySL(ac_dim=2, ob_dim=3, n_layers=2, size=32, **options)


@pytest.mark.parametrize(
    ("options", "ratio"), [({}, 0.1), ({"loss": "nll"}, 0.5), ({"discrete": True}, 0.2)], ids=["mse", "nll", "discrete"]
)
def test_updates_bring_the_loss_down(options: dict[str, Any], ratio: float) -> None:
    policy = learner(**options)
    observations, actions = lesson(policy.discrete)
    losses = [policy.update(observations, actions)["Training Loss"].item() for _ in range(150)]
    assert losses[-1] < ratio * losses[0]


def test_the_loss_reported_is_the_one_before_the_step() -> None:
    policy = learner()
    observations, actions = lesson()
    before = ((policy.mean_net(observations) - actions) ** 2).mean().item()
    assert policy.update(observations, actions)["Training Loss"].item() == pytest.approx(before)
    assert policy.compute_loss(observations, actions).item() != before


@pytest.mark.parametrize("options", [{}, {"loss": "nll"}, {"discrete": True}], ids=["mse", "nll", "discrete"])
def test_an_update_is_a_step_of_adam_on_the_loss(options: dict[str, Any]) -> None:
    policy, reference = learner(learning_rate=0.01, **options), learner(**options)
    reference.load_state_dict(policy.state_dict())
    adam = torch.optim.Adam(reference.parameters(), lr=0.01)
    for _ in range(5):
        observations, actions = lesson(policy.discrete)
        policy.update(observations, actions)
        adam.zero_grad()
        reference.compute_loss(observations, actions).backward()
        adam.step()
    for (name, mine), theirs in zip(policy.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5, msg=name)


def test_nll_learns_the_spread_of_the_actions_and_mse_leaves_it_alone() -> None:
    observations = torch.randn(2000, 3)
    actions = torch.randn(2000, 2) * torch.tensor([0.2, 3.0])
    policies = {loss: learner(loss=loss, learning_rate=0.02) for loss in ("nll", "mse")}
    for policy in policies.values():
        for _ in range(300):
            policy.update(observations, actions)
    torch.testing.assert_close(policies["nll"].logstd.exp().detach(), torch.tensor([0.2, 3.0]), rtol=0.2, atol=0)
    assert policies["mse"].logstd.tolist() == [0, 0]


def test_forward_gives_one_distribution_for_each_observation() -> None:
    observations = torch.randn(5, 3)
    continuous, discrete = learner()(observations), learner(discrete=True)(observations)
    assert continuous.sample().shape == (5, 2)
    assert continuous.log_prob(torch.zeros(5, 2)).shape == (5,)  # the numbers of one action count together
    assert isinstance(discrete, distributions.Categorical)
    assert discrete.sample().shape == (5,)


@pytest.mark.parametrize("discrete", [False, True])
def test_get_action_is_the_most_likely_one_single_and_in_a_batch(discrete: bool) -> None:
    policy = learner(discrete=discrete)
    observations = np.random.default_rng(0).normal(size=(6, 3))
    batch = policy.get_action(observations)
    distribution = policy(torch.from_numpy(np.float32(observations)))
    np.testing.assert_allclose(batch, distribution.mode.detach().numpy(), rtol=1e-5)
    assert batch.shape == ((6,) if discrete else (6, 2))
    single = policy.get_action(observations[2])
    assert single.shape == (() if discrete else (2,))
    np.testing.assert_allclose(single, batch[2], rtol=1e-5, atol=1e-6)


def test_the_same_random_state_gives_the_same_network() -> None:
    networks = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        networks.append(torch.cat([p.flatten() for p in MLPPolicy(2, 3, 2, 8).parameters()]))
    assert torch.equal(networks[0], networks[1])
    assert not torch.equal(networks[0], networks[2])


def test_everything_that_is_learned_is_saved() -> None:
    policy = learner(loss="nll")
    for _ in range(3):
        policy.update(*lesson())
    copy = MLPPolicy(2, 3, 2, 32)
    copy.load_state_dict(policy.state_dict())
    observations, actions = lesson()
    torch.testing.assert_close(copy(observations).log_prob(actions), policy(observations).log_prob(actions))
