"""The default policy's learning rate and standardiser, and the record of a policy's ``make_policy``."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from cs285.config import Config
from cs285.policies.make_policy import describe_policy, full_name, make_mlp_policy
from tests.fakes import POINT_SPEC, make_trajectory


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
    # The entry does not contain the address of the object.
    assert describe_policy(make_mlp_policy, object()) == describe_policy(make_mlp_policy, object())

    def make(*_: Any) -> Any:
        """Make no policy."""

    monkeypatch.setattr(make, "__module__", "__main__")
    script = ModuleType("__main__")
    script.__file__ = "/somewhere/relu_policy.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert full_name(make).startswith("relu_policy:test_a_make_policy")
