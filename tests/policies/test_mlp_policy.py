"""The default policy: its actions, gradient step, learning rate and standardiser, and the name of ``make_policy``."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import textbook
from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.policies.frozen_copy import frozen_copy
from cs285.policies.make_policy import describe_policy, make_mlp_policy
from cs285.policies.MLP_policy import MLPPolicySL
from cs285.policies.numpy_policy import NumpyPolicy
from tests.fakes import POINT_SPEC, make_trajectory


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


@pytest.mark.parametrize("ob_shape", [(), (1, 3)])
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


@pytest.mark.parametrize(("schedule", "factors"), [("constant", [1] * 7), ("cosine", [1, 0.75, 0.25] * 2 + [1])])
def test_the_learning_rate_follows_its_schedule_and_keeps_a_change(tiny: Config, schedule: Any, factors: Any) -> None:
    config = replace(tiny, learning_rate=0.01, learning_rate_schedule=schedule, num_agent_train_steps_per_iter=3)
    policy, used = make_mlp_policy(config, POINT_SPEC, []), []
    for _ in range(7):
        used.append(policy.optimizer.param_groups[0]["lr"])
        policy.update(torch.zeros(4, 3), torch.zeros(4, 2))
        if len(used) == 2:
            policy.optimizer.param_groups[0]["lr"] *= 10
    assert used[:2] == pytest.approx([0.01 * factor for factor in factors[:2]])
    assert used[2:] == pytest.approx([0.1 * factor for factor in factors[2:]])


def test_ob_normalization_standardises_observations_by_the_experts_data(tiny: Config) -> None:
    """A constant dimension is divided by 1, and a dimension that hardly varies by 0.01."""
    observations = np.full((1000, 3), 1000, np.float32)
    observations[::2, 1] += 0.001953125
    observations[500:, 2] += 4
    paths = [make_trajectory(len(x), observations=x, next_observations=x) for x in np.split(observations, [300])]
    policy = make_mlp_policy(replace(tiny, ob_normalization="expert_data"), POINT_SPEC, paths)
    np.testing.assert_allclose(policy.ob_mean, [1000, 1000, 1002], rtol=1e-6)
    assert policy.ob_std.tolist() == pytest.approx([1, 0.01, 2])
    raw = make_mlp_policy(tiny, POINT_SPEC, paths)
    assert (raw.ob_mean.tolist(), raw.ob_std.tolist()) == ([0] * 3, [1] * 3)


def test_a_make_policy_in_a_script_is_named_after_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    # The entry in config.json does not contain the address of the policy in memory.
    assert describe_policy(make_mlp_policy, object()) == describe_policy(make_mlp_policy, object())

    def make(*_: Any) -> Any:
        """A function for the argument ``make_policy`` that makes no policy."""

    monkeypatch.setattr(make, "__module__", "__main__")
    script = ModuleType("__main__")
    script.__file__ = "/somewhere/relu_policy.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert describe_policy(make, None)["make_policy"].startswith("relu_policy:test_a_make_policy")
