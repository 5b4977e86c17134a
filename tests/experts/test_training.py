"""Expert training: the best policy is kept, a stopped training resumes, and experts have cards."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.expert_data import load_expert_data
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings
from tests import fakes

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")

from cs285.experts import rollouts, training
from cs285.experts.rollouts import evaluate_expert, read_card, record_missing, sharpness
from cs285.experts.training import load_checkpoint, train_expert
from cs285.policies.external_policy import as_policy


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


def test_an_evaluation_repeats_and_is_consistent(tmp_path: Path) -> None:
    path = fakes.pickle_file(tmp_path / "x.pkl", fakes.expert_content())
    result = evaluate_expert(path, fakes.POINT, 12)
    assert result == evaluate_expert(path, fakes.POINT, 12, num_workers=0)
    assert result["episodes"] == 12
    assert result["min"] <= result["iqm_95_low"] <= result["iqm"] <= result["iqm_95_high"] <= result["max"]
    assert result["min"] < result["mean"] < result["max"]
    assert 0 < result["ended_early"] < 12  # the point's episodes have 3 to 19 steps, the time limit is 12
    assert 0 < result["sharpness"] < 2


def test_demonstrations_that_exist_are_not_recorded_again(tmp_path: Path) -> None:
    for episodes in (1, 2):
        record_missing(tmp_path / "new/data.pkl", "CartPole-v1", episodes)
        assert len(load_expert_data(tmp_path / "new/data.pkl")) == 1


def test_the_sharpness_is_1_for_a_linear_policy_and_larger_for_one_that_changes_quickly() -> None:
    observations = np.random.default_rng(1).normal(5, 3, (2000, 2))

    def measured(function: Callable[[Any], Any]) -> float:
        return sharpness(as_policy(function), observations)

    assert measured(lambda obs: 7 * obs + 1) == pytest.approx(1, rel=0.05)
    assert measured(np.sin) > 2


EVALUATION = '{"evaluation": {"mean": %s, "std": %s, "episodes": %s}}'


def test_a_card_is_read_and_something_else_refused(tmp_path: Path) -> None:
    path, card = tmp_path / "x.pkl", tmp_path / "x.json"
    assert read_card(path) == {}
    card.write_text(EVALUATION % (1, 2.5, 3), encoding="utf-8")
    assert read_card(path) == {"evaluation": {"mean": 1, "std": 2.5, "episodes": 3}}
    for wrong in ("", "[]", "[" * 200_000, '{"evaluation": {"mean": 1}}', EVALUATION % ("NaN", 1, 2)):
        card.write_text(wrong, encoding="utf-8")
        with pytest.raises(InvalidInput, match=r"x\.json can't be read as an expert's card"):
            read_card(path)
