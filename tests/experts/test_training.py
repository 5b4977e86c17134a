"""Expert training: settings, models, exported policies, selection of the best policy, and resuming."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.experts import rollouts
from cs285.experts.settings import ExpertSettings
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")
pytest.importorskip("sb3_contrib", reason="sb3_contrib, of the extra `experts`, is missing")

from cs285.experts import training
from cs285.experts.training import export_policy, load_checkpoint, make_model, make_training_env, train_expert

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
    envs = [training.make_vec_env(ExpertSettings(fakes.POINT, name)) for name in ("PPO", "TRPO", "SAC")]
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
    progress = training.Progress(ExpertSettings(**TINY | frozen), [])
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


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExpertSettings:
    monkeypatch.setattr(training, "SELECTION_EPISODES", 3)
    monkeypatch.setattr(rollouts, "clone", lambda *arguments: {"mean": 0.0})
    tiny: dict[str, Any] = {"n_envs": 2, "n_steps": 4, "batch_size": 4, "n_epochs": 1, "total_steps": 64, "size": 8}
    files = {"output": tmp_path / "expert.pkl", "checkpoints": tmp_path / "checkpoints"}
    return ExpertSettings(env_name=fakes.POINT, evaluations=4, eval_episodes=2, **tiny, **files)


def card(settings: ExpertSettings) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(settings.expert_file.with_suffix(".json").read_text(encoding="utf-8"))
    return content


def test_the_policy_of_the_best_evaluation_is_kept(
    settings: ExpertSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The best policy has the highest mean minus standard deviation: 90 - 5 is better than 100 - 50."""
    results = iter([(10, 1), (100, 50), (90, 5), (80, 1)])
    files = []

    def evaluate(path: Path, *arguments: object, **options: object) -> dict[str, int]:
        files.append(path.read_bytes())
        return dict(zip(("mean", "std"), next(results), strict=True))

    monkeypatch.setattr(training, "evaluate_expert", evaluate)
    train_expert(settings)
    assert files.index(settings.expert_file.read_bytes()) == 2
    assert (card(settings)["kept_from_step"], card(settings)["steps"]) == (48, 64)
    chosen = replace(settings, keep_step=16, output=tmp_path / "chosen.pkl")
    train_expert(chosen)  # the training is finished; this call only selects a policy
    assert files.index(chosen.expert_file.read_bytes()) == 0
    assert card(chosen)["kept_from_step"] == 16
    assert settings.expert_file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_stopped_training_resumes_from_its_last_checkpoint(
    settings: ExpertSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save, saved = training.save_checkpoint, []

    def stop_after_two(settings: ExpertSettings, model: Any) -> None:
        save(settings, model)
        saved.append(model)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save_checkpoint", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        train_expert(settings)
    model, before = load_checkpoint(settings), saved[-1]
    assert model.num_timesteps == before.num_timesteps == 32
    assert model.get_parameters()["policy.optimizer"]["state"].keys()
    for name, parameter in before.policy.state_dict().items():
        assert (model.policy.state_dict()[name] == parameter).all()
    statistics = [each.get_vec_normalize_env() for each in (model, before)]
    assert statistics[0].obs_rms.mean.tolist() == statistics[1].obs_rms.mean.tolist()
    assert model.evaluations == before.evaluations
    assert [evaluation["steps"] for evaluation in model.evaluations] == [16, 32]

    train_expert(settings)
    assert "model.zip: 32 of 64 steps" in capsys.readouterr().out
    assert len(saved) == 4
    assert card(settings)["steps"] == 64
    policies = {f"policy_{steps}.pkl" for steps in (16, 32, 48, 64)}
    assert {path.name for path in settings.checkpoint_dir.iterdir()} == {"model.zip", *policies}


def test_only_a_training_with_the_same_settings_resumes(settings: ExpertSettings) -> None:
    train_expert(settings)
    assert load_checkpoint(replace(settings, total_steps=99, noise=0.5)).num_timesteps == 64
    for changes in ({"size": 16}, {"n_envs": 3}, {"algorithm": "SAC", "n_steps": 128, "n_epochs": 10}):
        assert load_checkpoint(replace(settings, **changes)) is None  # type: ignore[arg-type]


def test_a_spoiled_checkpoint_is_refused(settings: ExpertSettings) -> None:
    train_expert(settings)
    (settings.checkpoint_dir / "model.zip").write_bytes(b"spoiled")
    with pytest.raises(InvalidInput, match=r"model.zip can't be read as a checkpoint .*move it away"):
        train_expert(settings)


def test_the_card_has_the_card_of_the_initial_expert(settings: ExpertSettings, tmp_path: Path) -> None:
    first = fakes.pickle_file(tmp_path / "first.pkl", fakes.expert_content(widths=(8, 9)))
    first.with_suffix(".json").write_text('{"evaluation": {"mean": 1, "std": 1, "episodes": 2}}', encoding="utf-8")
    frozen = replace(settings, initial_expert=first, policy_starts=63, stop_after=8)
    train_expert(frozen)
    assert card(frozen)["initial_expert"]["card"]["evaluation"]["mean"] == 1
