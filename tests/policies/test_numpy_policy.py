"""The policy of rollouts is the learned one in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.trajectory import Array
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.numpy_policy import NumpyPolicy


def random_policy(seed: int, n_layers: int = 2, size: int = 64, discrete: bool = False) -> MLPPolicy:
    """A policy of 4 actions and 17 observed numbers with parameters far from their initial ones."""
    torch.manual_seed(seed)
    policy = MLPPolicy(4, 17, n_layers, size, discrete)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        policy.ob_mean.copy_(torch.randn(17))
        policy.ob_std.copy_(torch.rand(17) + 0.5)
    return policy


def observe(seed: int, count: int = 50) -> Array:
    return np.random.default_rng(seed).normal(scale=3.0, size=(count, 17))


@given(seed=st.integers(0, 10**6), n_layers=st.integers(0, 4), size=st.integers(1, 70))
def test_continuous_actions_equal_torchs_to_float32_rounding(seed: int, n_layers: int, size: int) -> None:
    policy = random_policy(seed, n_layers, size)
    in_torch, in_numpy = policy.get_action(observe(seed)), policy.frozen_copy().get_action(observe(seed))
    assert in_numpy.dtype == in_torch.dtype == np.float32
    np.testing.assert_allclose(in_numpy, in_torch, rtol=1e-4, atol=2e-5)


@given(seed=st.integers(0, 10**6), n_layers=st.integers(0, 4), size=st.integers(1, 70))
def test_discrete_actions_equal_torchs_where_the_choice_is_clear(seed: int, n_layers: int, size: int) -> None:
    policy = random_policy(seed, n_layers, size, discrete=True)
    observations = observe(seed)
    logits = policy(torch.from_numpy(np.float32(observations))).logits.detach().numpy()
    clear = np.diff(np.sort(logits)[:, -2:])[:, 0] > 1e-3
    chosen = policy.frozen_copy().get_action(observations)
    np.testing.assert_array_equal(chosen[clear], policy.get_action(observations)[clear])
    assert clear.any()


@pytest.mark.parametrize("discrete", [False, True])
def test_a_single_observation_gives_the_action_it_has_in_a_batch(discrete: bool) -> None:
    policy = random_policy(0, discrete=discrete).frozen_copy()
    batch = policy.get_action(observe(0))
    assert batch.shape == ((50,) if discrete else (50, 4))
    for observation, action in zip(observe(0), batch, strict=True):
        single = policy.get_action(observation)
        assert single.shape == action.shape
        np.testing.assert_allclose(single, action, rtol=1e-5, atol=1e-6)


def test_it_is_frozen_as_the_policy_was() -> None:
    policy = random_policy(0)
    frozen, before = policy.frozen_copy(), policy.get_action(observe(0))
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
    np.testing.assert_allclose(frozen.get_action(observe(0)), before, rtol=1e-4, atol=2e-5)


def test_the_leaky_rectifier_of_the_courses_files() -> None:
    policy = NumpyPolicy([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)], "lrelu", discrete=False)
    np.testing.assert_allclose(policy.get_action(np.array([2.0, -3.0])), [2.0, -0.03])
