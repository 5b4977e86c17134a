"""Expert training: settings, environments, PPO's model, and the export of its policy."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")
pytest.importorskip("sb3_contrib", reason="sb3_contrib, of the extra `experts`, is missing")


from cs285.experts.training import Progress, export_policy, make_model, make_training_env, make_vec_env

ANT_LIKE = "tests/Ant-v0"


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    gym.register(ANT_LIKE, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT, kwargs={"ob_shape": (27,)})


def test_the_layout_is_converted_and_observations_become_vectors() -> None:
    assert make_training_env(ExpertSettings(env_name=ANT_LIKE, ob_dim=111)).reset(seed=0)[0].shape == (111,)
    assert make_training_env(ExpertSettings(env_name="tests/Grid-v0")).reset(seed=0)[0].shape == (6,)


def test_actions_reach_the_task_as_they_are_and_rewards_are_normalised_except_for_sac() -> None:
    """As in a rollout, actions are not clipped, because the task's reward may depend on the unclipped action."""
    env = make_training_env(ExpertSettings(env_name=fakes.POINT))
    env.reset(seed=0)
    env.step(np.full(fakes.AC_DIM, 7.0, np.float32))
    point: Any = env.unwrapped
    assert (point.received[0] == 7.0).all()
    envs = [make_vec_env(ExpertSettings(env_name=fakes.POINT, algorithm=name)) for name in ("PPO", "TRPO", "SAC")]
    assert [each.norm_reward for each in envs] == [True, True, False]
    assert envs[0].num_envs == 16


def test_settings_without_sense_or_for_another_task_are_refused() -> None:
    wrong: list[tuple[Any, ...]] = [
        ({"total_steps": 0}, "--total_steps is 0", "at least 1"),
        ({"eval_episodes": 1}, "--eval_episodes is 1", "at least 2"),
        ({"learning_rate": -1.0}, "--learning_rate is -1.0", "at least 0"),
        ({"algorithm": "SAC", "n_epochs": 3}, "--n_epochs has no effect", "SAC"),
        ({"updates_per_step": 3.0}, "--updates_per_step has no effect", "PPO"),
        ({"algorithm": "TRPO", "initial_expert": Path("x"), "policy_starts": 8}, "--policy_starts has no", "TRPO"),
        ({"env_name": fakes.CHOICE, "algorithm": "SAC"}, "SAC needs continuous", fakes.CHOICE),
        ({"ob_dim": 5}, "--ob_dim 5", fakes.POINT),
    ]
    for settings, *parts in wrong:
        with pytest.raises(InvalidInput) as refused:
            make_training_env(ExpertSettings(**{"env_name": fakes.POINT, **settings}))
        assert all(part in str(refused.value) for part in parts)


TINY: dict[str, Any] = {"env_name": fakes.POINT, "n_envs": 2, "n_steps": 8, "batch_size": 4, "n_epochs": 2}


def tiny_model(**settings: Any) -> Any:
    return make_model(ExpertSettings(**{**TINY, **settings}))


def widths(model: Any) -> list[int]:
    return [layer.out_features for layer in model.policy.mlp_extractor.policy_net if hasattr(layer, "out_features")]


@pytest.mark.parametrize("algorithm", ["PPO", "TRPO"])
def test_settings_reach_the_model(algorithm: str) -> None:
    own = {"seed": 7, "batch_size": 8, "n_steps": 16, "gamma": 0.5, "target_kl": 0.02, "n_envs": 1}
    model = tiny_model(algorithm=algorithm, n_layers=3, size=5, learning_rate=0.01, initial_log_std=1.0, **own)
    assert {name: getattr(model, name) for name in own} == own
    assert type(model).__name__ == algorithm
    assert (model.n_epochs if algorithm == "PPO" else model.n_critic_updates) == TINY["n_epochs"]
    assert widths(model) == [5, 5, 5]
    schedule = [0.01, 0.005, 0] if algorithm == "PPO" else [0.01] * 3
    assert [model.lr_schedule(progress) for progress in (1, 0.5, 0)] == schedule
    assert model.policy.log_std.tolist() == [1, 1]


@pytest.mark.parametrize("env_name", [fakes.POINT, fakes.CHOICE])
def test_an_exported_policy_acts_as_the_trained_one_and_a_frozen_one_as_the_initial_expert(
    env_name: str, tmp_path: Path
) -> None:
    observations = np.random.default_rng(0).normal(size=(50, fakes.OB_DIM))

    def actions(path: Path) -> Any:
        return LoadedGaussianPolicy(path, discrete=env_name == fakes.CHOICE).get_action(observations)

    first = fakes.pickle_file(tmp_path / "first.pkl", fakes.expert_content(widths=(8, 9, 4), constant=[1]))
    frozen: dict[str, Any] = {"env_name": env_name, "initial_expert": first, "policy_starts": 40}
    progress = Progress(ExpertSettings(**TINY | frozen), [])
    model = tiny_model(**frozen, learning_rate=0.01)
    assert widths(model) == [8, 9, 4]
    values = model.policy.value_net.weight.detach().clone()
    model.learn(32, progress)
    assert not (model.policy.value_net.weight == values).all()
    export_policy(model, tmp_path / "same.pkl")
    np.testing.assert_allclose(actions(tmp_path / "same.pkl"), actions(first), atol=1e-5)
    model.learn(32, progress, reset_num_timesteps=False)
    export_policy(model, tmp_path / "other.pkl")
    assert (tmp_path / "other.pkl").read_bytes() != (tmp_path / "same.pkl").read_bytes()

    for algorithm in ("PPO", "TRPO"):
        model = tiny_model(env_name=env_name, algorithm=algorithm, learning_rate=0.01)
        model.learn(64)
        export_policy(model, tmp_path / "new.pkl")
        expected, _ = model.predict(model.get_vec_normalize_env().normalize_obs(observations), deterministic=True)
        np.testing.assert_allclose(actions(tmp_path / "new.pkl"), expected, atol=1e-4)


def test_an_initial_expert_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    wrong: list[tuple[Any, ...]] = [
        (fakes.expert_content(ob_dim=7), "(7, 2, 'tanh')", "(3, 2, 'tanh')", "--ob_dim"),
        (fakes.expert_content(ac_dim=5), "(3, 5, 'tanh')"),
        (fakes.expert_content(activation="lrelu"), "(3, 2, 'lrelu')"),
    ]
    for content, *parts in wrong:
        first = fakes.pickle_file(tmp_path / "first.pkl", content)
        with pytest.raises(InvalidInput) as refused:
            tiny_model(initial_expert=first)
        assert all(part in str(refused.value) for part in parts)
