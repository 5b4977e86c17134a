"""The default policy of a run, the standardiser of its observations, and the record of who made a policy."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from cs285.config import Config
from cs285.infrastructure import pytorch_utils
from cs285.policies.make_policy import describe_policy, full_name, make_mlp_policy, standardizer
from tests.fakes import CHOICE_SPEC, POINT_SPEC, make_trajectory


def test_settings_decide_the_network_and_its_optimizer(tiny: Config) -> None:
    config = replace(tiny, n_layers=3, size=5, learning_rate=0.125, loss="nll", learning_rate_schedule="constant")
    policy = make_mlp_policy(config, POINT_SPEC, [])
    shapes = [tuple(layer.weight.shape) for layer in policy.mean_net[::2]]
    assert shapes == [(5, 3), (5, 5), (5, 5), (2, 5)]
    assert (policy.loss, policy.optimizer.param_groups[0]["lr"]) == ("nll", 0.125)
    assert make_mlp_policy(config, CHOICE_SPEC, []).discrete


@pytest.mark.parametrize(("schedule", "factors"), [("constant", [1] * 7), ("cosine", [1, 0.75, 0.25] * 2 + [1])])
def test_the_learning_rate_follows_its_schedule_and_a_change_by_hand_lasts(
    tiny: Config, schedule: Any, factors: list[float]
) -> None:
    config = replace(tiny, learning_rate=0.01, learning_rate_schedule=schedule, num_agent_train_steps_per_iter=3)
    policy, used = make_mlp_policy(config, POINT_SPEC, []), []
    for _ in range(7):
        used.append(policy.optimizer.param_groups[0]["lr"])
        policy.update(torch.zeros(4, 3), torch.zeros(4, 2))
        if len(used) == 2:
            policy.optimizer.param_groups[0]["lr"] *= 10
    assert used[:2] == pytest.approx([0.01 * factor for factor in factors[:2]])
    assert used[2:] == pytest.approx([0.1 * factor for factor in factors[2:]])


def test_observations_are_standardised_by_the_experts_data_where_wanted(tiny: Config) -> None:
    paths = [make_trajectory(5), make_trajectory(11, start=50)]
    policy = make_mlp_policy(tiny, POINT_SPEC, paths)
    together = np.concatenate([path.observations for path in paths])
    np.testing.assert_allclose(policy.ob_mean, together.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(policy.ob_std, together.std(axis=0), rtol=1e-6)
    raw = make_mlp_policy(replace(tiny, ob_normalization="none"), POINT_SPEC, paths)
    assert (raw.ob_mean.tolist(), raw.ob_std.tolist()) == ([0] * 3, [1] * 3)


def test_the_standardizer_of_constant_and_nearly_constant_observations() -> None:
    observations = np.full((1000, 3), 1000, np.float32)
    observations[::2, 1] += 0.001953125
    observations[::2, 2] += 4
    path = make_trajectory(1000, observations=observations, next_observations=observations)
    mean, std = standardizer([path])
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(mean, [1000, 1000, 1002], rtol=1e-6)
    assert std.tolist() == pytest.approx([1, 0.01, 2])
    images = observations.astype(np.uint8).reshape(1000, 1, 3)
    _, of_images = standardizer([make_trajectory(1000, observations=images, next_observations=images)])
    assert of_images.shape == (3,)


def test_the_policy_is_on_the_device_of_the_settings(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's "meta" stands in for a GPU."""
    monkeypatch.setattr(pytorch_utils, "choose_device", lambda no_gpu, which_gpu: torch.device("meta", which_gpu))
    policy = make_mlp_policy(replace(tiny, which_gpu=0), POINT_SPEC, [make_trajectory()])
    assert {tensor.device.type for tensor in policy.state_dict().values()} == {"meta"}


def test_config_json_names_the_maker_and_the_architecture(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make_mlp_policy(tiny, POINT_SPEC, [])
    entry = describe_policy(make_mlp_policy, policy)
    assert entry == {"make_policy": "cs285.policies.make_policy:make_mlp_policy", "architecture": repr(policy)}
    assert describe_policy(make_mlp_policy, object()) == describe_policy(make_mlp_policy, object())  # no addresses

    def make(*_: Any) -> Any:
        return policy

    monkeypatch.setattr(make, "__module__", "__main__")
    script = ModuleType("__main__")
    script.__file__ = "/somewhere/relu_policy.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert full_name(make).startswith("relu_policy:test_config_json")
    assert ":" in full_name(partial(make))
