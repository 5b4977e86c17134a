"""The hand-written gradient step against autograd and torch's Adam, and K learners against one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cs285.policies import supervised_step
from cs285.policies.MLP_policy import MLPPolicySL, join_learners
from cs285.policies.supervised_step import CosineSchedule

LOSSES: list[dict[str, Any]] = [{"loss": "mse"}, {"loss": "nll"}, {"discrete": True}]
IDS = ["mse", "nll", "cross_entropy"]


@pytest.fixture(autouse=True, params=["numpy", "torch"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's arithmetic, and the GPU's on the CPU."""
    if request.param == "torch":
        monkeypatch.setattr(supervised_step, "_as_array", lambda tensor: tensor)


def learner(seed: int, **options: Any) -> MLPPolicySL:
    torch.manual_seed(seed)
    return MLPPolicySL(ac_dim=4, ob_dim=9, n_layers=2, size=32, **options)


def batches(count: int, learners: int, discrete: bool) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """``count`` batches for each of K learners: (K, 50, 9) and (K, 50, 4), or (K, 50) choices."""
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(learners, 50, 9, generator=generator),
            torch.randint(4, (learners, 50), generator=generator)
            if discrete
            else torch.randn(learners, 50, 4, generator=generator),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("options", LOSSES, ids=IDS)
def test_500_steps_end_where_the_textbook_s_end(options: dict[str, Any]) -> None:
    """Autograd and torch.optim.Adam differ from it by float rounding, which 500 steps add up to under 1e-5."""
    policy, textbook = learner(1, **options), learner(1, **options)
    adam = torch.optim.Adam(textbook.parameters(), lr=5e-3)
    start = [parameter.clone() for parameter in policy.parameters()]
    for observations, actions in batches(500, 1, policy.discrete):
        policy.update(observations[0], actions[0])
        loss = textbook.compute_loss(observations[0], actions[0])
        adam.zero_grad()
        loss.backward()
        adam.step()
    for before, ours, theirs in zip(start, policy.parameters(), textbook.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
        if ours.dim() == 2:
            assert (ours - before).abs().max() > 0.01  # it went somewhere


@pytest.mark.parametrize("options", LOSSES, ids=IDS)
def test_standardised_and_scheduled_steps_end_where_the_textbook_s_end(options: dict[str, Any]) -> None:
    """Torch's own scheduler, on inputs that were standardised beforehand."""
    # With seed 3 no gradient is so near 0 that Adam magnifies its round-off.
    generator = torch.Generator().manual_seed(1)
    mean, std = torch.randn(9, generator=generator), torch.rand(9, generator=generator) + 0.5
    policy = learner(3, standardizer=(mean.numpy(), std.numpy()), schedule=CosineSchedule(50), **options)
    textbook = learner(3, **options)
    adam = torch.optim.Adam(textbook.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(adam, T_0=50)
    for observations, actions in batches(120, 1, policy.discrete):
        policy.update(observations[0], actions[0])
        adam.zero_grad()
        textbook.compute_loss((observations[0] - mean) / std, actions[0]).backward()
        adam.step()
        schedule.step()
        assert policy.compute_loss(observations[0], actions[0]).isfinite()
    observations, actions = batches(1, 1, policy.discrete)[0]
    ours, theirs = policy(observations[0]), textbook((observations[0] - mean) / std)
    torch.testing.assert_close(ours.log_prob(actions[0]), theirs.log_prob(actions[0]), rtol=1e-4, atol=1e-4)
    for one, other in zip(policy.parameters(), textbook.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", LOSSES, ids=IDS)
@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_gradients_are_autograd_s(options: dict[str, Any], n_layers: int) -> None:
    policy = MLPPolicySL(ac_dim=4, ob_dim=9, n_layers=n_layers, size=8, **options)
    [(observations, actions)] = batches(1, 1, policy.discrete)
    before = [parameter.clone() for parameter in policy.parameters()]
    policy.compute_loss(observations[0], actions[0]).backward()
    expected = [p.grad if p.grad is not None else torch.zeros_like(p) for p in policy.parameters()]
    policy.update(observations[0], actions[0])
    for old, new, gradient in zip(before, policy.parameters(), expected, strict=True):
        moved = (new.detach() - old) / -5e-3  # the first step of Adam is the gradient's sign
        clear = gradient.abs() > 1e-6
        torch.testing.assert_close(moved[clear], gradient[clear].sign(), rtol=0, atol=0.02)


@pytest.mark.parametrize("options", LOSSES, ids=IDS)
def test_learners_together_end_where_each_ends_alone(options: dict[str, Any]) -> None:
    rates = [1e-3, 5e-3, 2e-2]
    together = [learner(seed, learning_rate=rate, **options) for seed, rate in enumerate(rates)]
    alone = [learner(seed, learning_rate=rate, **options) for seed, rate in enumerate(rates)]
    joined = join_learners(together)
    for observations, actions in batches(100, len(rates), bool(options.get("discrete"))):
        losses = joined.step(observations, actions)
        for k, policy in enumerate(alone):
            loss = policy.update(observations[k], actions[k])["Training Loss"]
            torch.testing.assert_close(losses[k], loss, rtol=1e-5, atol=1e-6)
    for one, other in zip(together, alone, strict=True):
        for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_loaded_parameters_are_what_the_step_goes_on_from() -> None:
    policy, other = learner(1), learner(2)
    policy.load_state_dict(other.state_dict())
    [(observations, actions)] = batches(1, 1, False)
    for p in (policy, other):
        p.update(observations[0], actions[0])
    for ours, theirs in zip(policy.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("change", [MLPPolicySL.double, copy.deepcopy])
def test_parameters_that_are_no_longer_its_own_are_refused(change: Callable[[MLPPolicySL], MLPPolicySL]) -> None:
    """Else the step would change tensors that the network does not use, and the policy never learn."""
    policy = change(learner(1))
    [(observations, actions)] = batches(1, 1, False)
    with pytest.raises(RuntimeError, match="join_learners"):
        policy.update(observations[0], actions[0])


def test_so_are_a_pickled_policy_s_which_may_lie_where_the_original_s_were() -> None:
    [(observations, actions)] = batches(1, 1, False)
    for _ in range(50):
        pickled = pickle.dumps(learner(1))
        policy = pickle.loads(pickled)
        with pytest.raises(RuntimeError, match="join_learners"):
            policy.update(observations[0], actions[0])
