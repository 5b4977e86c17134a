"""PPO's model has the settings, starts from an expert file and is exported as it acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")

from cs285.experts.algorithms import export_policy, make_model, set_policy_trainable

TINY: dict[str, Any] = {"env_name": fakes.POINT, "n_envs": 2, "n_steps": 8, "batch_size": 4, "n_epochs": 2}


def tiny_model(**settings: Any) -> Any:
    return make_model(ExpertSettings(**{**TINY, **settings}))


def widths(model: Any) -> list[int]:
    return [layer.out_features for layer in model.policy.mlp_extractor.policy_net if hasattr(layer, "out_features")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("seed", 7), ("batch_size", 8), ("n_steps", 4), ("n_epochs", 3), ("gamma", 0.5), ("target_kl", 0.02)),
    ],
)
def test_a_setting_reaches_the_model(name: str, value: float) -> None:
    assert getattr(tiny_model(**{name: value}), name) == value


def test_other_settings_reach_the_model() -> None:
    model = tiny_model(n_layers=3, size=5, learning_rate=0.01, initial_log_std=1.0, n_envs=1)
    assert widths(model) == [5, 5, 5]
    assert [model.lr_schedule(progress) for progress in (1, 0.5, 0)] == [0.01, 0.005, 0]
    assert model.n_envs == 1
    assert model.policy.log_std.tolist() == [1, 1]


@pytest.mark.parametrize("env_name", [fakes.POINT, fakes.CHOICE])
def test_the_exported_policy_acts_as_the_trained_one(env_name: str, tmp_path: Path) -> None:
    model = tiny_model(env_name=env_name, learning_rate=0.01)
    model.learn(64)
    export_policy(model, tmp_path / "expert.pkl")
    observations = np.random.default_rng(0).normal(size=(20, fakes.OB_DIM))
    exported = LoadedGaussianPolicy(tmp_path / "expert.pkl", discrete=env_name == fakes.CHOICE)
    expected, _ = model.predict(model.get_vec_normalize_env().normalize_obs(observations), deterministic=True)
    np.testing.assert_allclose(exported.get_action(observations), expected, atol=1e-4)


@pytest.mark.parametrize("env_name", [fakes.POINT, fakes.CHOICE])
def test_a_frozen_policy_stays_the_initial_expert_while_the_value_function_learns(
    env_name: str, tmp_path: Path
) -> None:
    first = fakes.pickle_file(tmp_path / "first.pkl", fakes.expert_content(widths=(8, 9, 4), constant=[1]))
    model = tiny_model(env_name=env_name, initial_expert=first, policy_starts=100, learning_rate=0.01)
    assert widths(model) == [8, 9, 4]
    values = model.policy.value_net.weight.detach().clone()
    set_policy_trainable(model, False)
    model.learn(32)
    assert not (model.policy.value_net.weight == values).all()
    export_policy(model, tmp_path / "same.pkl")
    observations = np.random.default_rng(0).normal(size=(50, fakes.OB_DIM))
    before, after = (
        LoadedGaussianPolicy(path, discrete=env_name == fakes.CHOICE).get_action(observations)
        for path in (first, tmp_path / "same.pkl")
    )
    np.testing.assert_allclose(after, before, atol=1e-5)
    set_policy_trainable(model, True)
    model.learn(32)
    export_policy(model, tmp_path / "other.pkl")
    assert (tmp_path / "other.pkl").read_bytes() != (tmp_path / "same.pkl").read_bytes()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (fakes.expert_content(ob_dim=7), ("reads 7 numbers", f"read {fakes.OB_DIM}", "--ob_dim")),
        (fakes.expert_content(ac_dim=5), ("gives 5", f"give {fakes.AC_DIM}")),
        (fakes.expert_content(activation="lrelu"), ("lrelu", "tanh")),
        ([], ("is not an expert policy",)),
    ],
    ids=["observations", "actions", "activation", "no expert"],
)
def test_an_initial_expert_that_does_not_fit_is_refused(content: Any, parts: tuple[str, ...], tmp_path: Path) -> None:
    first = fakes.pickle_file(tmp_path / "first.pkl", content)
    with pytest.raises(InvalidInput) as refused:
        tiny_model(initial_expert=first)
    assert all(part in str(refused.value) for part in parts)
