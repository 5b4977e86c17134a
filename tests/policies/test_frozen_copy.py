"""Frozen copies act as the policy did when it was copied; policies that numpy can't reproduce are deep-copied."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cs285.data.trajectory import Array
from cs285.infrastructure.pytorch_utils import build_mlp
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import episode_generators, global_generator_states
from cs285.policies.frozen_copy import EvaluationPolicy, frozen_copy
from cs285.policies.MLP_policy import MLPPolicySL
from cs285.policies.numpy_policy import NumpyPolicy
from tests.fakes import POINT

OBSERVATIONS = np.random.default_rng(0).normal(scale=3.0, size=(50, 17)).astype(np.float32)


def random_policy(
    seed: int = 0, n_layers: int = 2, size: int = 64, activation: Any = nn.Tanh, cls: Any = MLPPolicySL
) -> MLPPolicySL:
    """A policy with observations (17,) and actions (4,), whose parameters are far from those of a new policy."""
    torch.manual_seed(seed)
    policy: MLPPolicySL = cls(4, 17, n_layers, size)
    policy.mean_net = build_mlp(17, 4, n_layers, size, activation)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        policy.ob_mean.copy_(torch.randn(17))
        policy.ob_std.copy_(torch.rand(17) + 0.5)
    policy.optimizer = torch.optim.Adam(policy.parameters(), 5e-3)
    policy.scheduler = None
    return policy


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@given(seed=st.integers(0, 10**6), n_layers=st.integers(0, 4), size=st.integers(1, 70), far=st.booleans())
def test_continuous_actions_equal_torchs_to_float32_rounding(
    activation: type[nn.Module], seed: int, n_layers: int, size: int, far: bool
) -> None:
    """If ``far``, the means of the observations are large compared with their standard deviations."""
    policy, observations = random_policy(seed, n_layers, size, activation), OBSERVATIONS
    if far:
        policy.ob_mean.fill_(1000.0)
        policy.ob_std.fill_(0.01)
        observations = (1000 + 0.01 * OBSERVATIONS).astype(np.float32)
    frozen = frozen_copy(policy, observations[:5])
    assert isinstance(frozen, NumpyPolicy)
    found, dtype = frozen.get_action(observations), policy.get_action(observations).dtype
    assert found.dtype == dtype == np.float32
    with torch.no_grad():
        expected = policy.double().outputs(torch.from_numpy(observations.astype(np.float64))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5 * np.abs(expected).max())


CHANGES: dict[str, Callable[[MLPPolicySL], Any]] = {
    "LayerNorm": lambda policy: policy.mean_net.__setitem__(1, nn.LayerNorm(64)),
    "two activations": lambda policy: policy.mean_net.__setitem__(1, nn.ReLU()),
    "hook": lambda policy: policy.mean_net[1].register_forward_hook(lambda module, x, y: None),
    "replaced method": lambda policy: setattr(policy, "outputs", lambda x: 2 * policy.mean_net(x)),
}


@pytest.mark.parametrize("change", [*CHANGES, "get_action", "outputs", "reset"])
def test_other_policies_are_deep_copied(change: str) -> None:
    def override(self: MLPPolicySL, argument: Any) -> Any:
        return getattr(MLPPolicySL, change)(self, argument)

    policy = random_policy(cls=MLPPolicySL if change in CHANGES else type(change, (MLPPolicySL,), {change: override}))
    CHANGES.get(change, id)(policy)
    frozen = frozen_copy(policy, OBSERVATIONS[:5])
    assert isinstance(frozen, EvaluationPolicy)
    np.testing.assert_array_equal(frozen.get_action(OBSERVATIONS), policy.eval().get_action(OBSERVATIONS))


class OwnOutputs(MLPPolicySL):
    def outputs(self, observations: torch.Tensor) -> torch.Tensor:
        return 2 * super().outputs(observations)


@pytest.mark.parametrize("cls", [MLPPolicySL, OwnOutputs])
def test_copies_are_frozen_and_carry_no_optimizer(cls: type[MLPPolicySL]) -> None:
    policy = random_policy(size=200, cls=cls)
    policy.update(torch.from_numpy(OBSERVATIONS), torch.ones(50, 4))
    frozen, before = frozen_copy(policy, OBSERVATIONS[:5]), policy.get_action(OBSERVATIONS)
    in_bytes = 4 * sum(parameter.numel() for parameter in policy.parameters())
    assert len(pickle.dumps(frozen)) < 1.2 * in_bytes  # a copy with Adam's averages would have three times the size
    assert policy.training
    policy.update(torch.from_numpy(OBSERVATIONS), torch.ones(50, 4))
    assert np.abs(policy.get_action(OBSERVATIONS) - before).max() > 1e-3
    np.testing.assert_allclose(frozen.get_action(OBSERVATIONS), before, rtol=1e-4, atol=1e-4)


class Sampling:
    """A policy that is not a torch module and samples its actions with torch's global generator."""

    def __init__(self) -> None:
        self.network = nn.Sequential(nn.Linear(17, 4), nn.Dropout(0.5))
        self.seeds: list[int] = []

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)

    def get_action(self, observations: Array) -> Array:
        means = self.network(torch.from_numpy(np.asarray(observations, np.float32)))
        return (means + torch.randn(means.shape)).numpy()


def test_sampling_repeats_with_the_episodes_seed_and_leaves_the_global_generators_alone() -> None:
    policy = Sampling()
    frozen = frozen_copy(policy, OBSERVATIONS[:5])
    assert isinstance(frozen, EvaluationPolicy)
    elsewhere = pickle.loads(pickle.dumps(frozen))
    states = global_generator_states()

    def act(acting: Any, seed: int) -> Array:
        with episode_generators(seed):
            acting.reset(seed)
            return np.array([acting.get_action(OBSERVATIONS[0]) for _ in range(3)])

    first, second = act(frozen, 1), act(frozen, 2)
    np.testing.assert_array_equal(act(elsewhere, 2), second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    assert (frozen.policy.seeds[-2:], policy.seeds) == ([1, 2], [])
    assert torch.equal(global_generator_states()["torch"], states["torch"])


def test_a_policy_that_cannot_be_copied_acts_itself_and_says_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    policy = Sampling()
    policy.lock = threading.Lock()  # type: ignore[attr-defined]
    copies = [frozen_copy(policy, OBSERVATIONS[:5]) for _ in range(2)]
    assert [each.copyable for each in copies] == [False, False]
    copies[0].reset(7)
    assert policy.seeds == [7]
    with RolloutWorkers(POINT, num_workers=1) as workers:
        assert [workers.pickled(each) for each in copies] == [None, None]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("rolling out in the main process: a copy of Sampling fails: TypeError")
