"""The learned policy: its distribution, its loss and its gradient step."""

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import textbook
from cs285.errors import InvalidInput
from cs285.policies.frozen_copy import frozen_copy
from cs285.policies.MLP_policy import MLPPolicySL
from cs285.policies.numpy_policy import NumpyPolicy


def make_policy(**options: Any) -> MLPPolicySL:
    torch.manual_seed(0)
    return MLPPolicySL(ac_dim=2, ob_dim=3, n_layers=2, size=32, **options)


def test_update_learns_what_benchmarks_textbook_learns_from_the_same_batches() -> None:
    """Observations are not standardised and the learning rate is constant, as in the assignment."""
    policy, reference = make_policy(), textbook.Policy(ob_dim=3, ac_dim=2, size=32)
    reference.mean_net.load_state_dict(policy.mean_net.state_dict())
    before = policy.mean_net[0].weight.detach().clone()
    for _ in range(50):
        observations = torch.randn(100, 3)
        actions = torch.stack([observations[:, 0] - 1, observations[:, 1] * observations[:, 2]], dim=1)
        mine = policy.update(observations, actions)["Training Loss"]
        theirs = reference.update(observations.numpy(), actions.numpy())["Training Loss"]
        assert mine.item() == pytest.approx(float(theirs), rel=1e-4)  # both return the loss before the step
    torch.testing.assert_close(policy.mean_net.state_dict(), reference.mean_net.state_dict(), rtol=0, atol=1e-5)
    assert (policy.mean_net[0].weight - before).abs().max() > 0.01


@pytest.mark.parametrize("ob_shape", [None, (1, 3)])
@pytest.mark.parametrize("discrete", [False, True])
def test_actions_of_a_policy_and_its_frozen_copy_are_the_modes(discrete: bool, ob_shape: Any) -> None:
    policy = make_policy(discrete=discrete, ob_shape=ob_shape)
    policy.ob_mean += 100
    policy.ob_std *= 50
    observations = np.random.default_rng(0).integers(0, 256, (20, *(ob_shape or (3,))), dtype=np.uint8)
    distribution = policy(torch.from_numpy(observations.reshape(20, 3).astype(np.float32)))
    frozen = frozen_copy(policy, observations)
    assert isinstance(frozen, NumpyPolicy)
    for acting in (policy, frozen):
        several = acting.get_action(observations)
        np.testing.assert_allclose(several, distribution.mode.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert several.shape == ((20,) if discrete else (20, 2))
        for observation, action in zip(observations, several, strict=True):
            single = acting.get_action(observation)
            assert single.shape == action.shape
            np.testing.assert_allclose(single, action, rtol=1e-5, atol=1e-6)


def test_an_unknown_loss_is_refused() -> None:
    policy = MLPPolicySL(ac_dim=2, ob_dim=3, n_layers=1, size=4, loss="l1")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="the loss is 'l1'; it must be 'mse' or 'nll'"):
        policy.update(torch.zeros(5, 3), torch.zeros(5, 2))
