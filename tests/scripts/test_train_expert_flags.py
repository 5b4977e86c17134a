"""Each flag of train_expert.py reaches the training, and what makes no sense is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.experts import algorithms as expert_algorithms
from cs285.experts import card as expert_card
from cs285.experts.settings import ExpertSettings
from tests import fakes
from tests.fakes import expert_content, pickle_file
from tests.scripts.conftest import Script, load_script
from tests.scripts.tiny_training import SAC, TINY

for library in ("stable_baselines3", "sbx"):
    pytest.importorskip(library, reason=f"{library}, of the extra `experts`, is missing")

ANT_LIKE, LEANING = "tests/Ant-v0", "tests/Leaning-v0"


class LeaningEnv(fakes.PointEnv):
    """A point with a body: rotation matrices, row by row, of the world and of it."""

    data = SimpleNamespace(xmat=np.stack([np.eye(3).ravel(), np.full(9, np.cos(np.radians(3)))]))


@pytest.fixture(scope="module", autouse=True)
def ant_like() -> None:
    """A task with the observations of Ant-v5, and one whose body leans by three degrees, as MuJoCo would tell."""
    gym.register(ANT_LIKE, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT, kwargs={"ob_shape": (27,)})
    gym.register(LEANING, LeaningEnv, max_episode_steps=fakes.TIME_LIMIT)


@dataclass(frozen=True)
class Trained:
    """A training that is over: stable-baselines3's model, the card, and where the files are."""

    model: Any
    card: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Case:
    """What is seen with a flag, and not without it."""

    flag: Sequence[object]
    seen: Callable[[Trained], Any]
    expected: Any
    both: Sequence[object] = ()


CASES = {
    "env_name": Case(("-env", fakes.CHOICE), lambda trained: trained.card["task"], fakes.CHOICE),
    "total_steps": Case(
        ("--total_steps", 24), lambda trained: (trained.model.num_timesteps, trained.card["steps"]), (24, 24)
    ),
    "stop_after": Case(("--stop_after", 16), lambda trained: trained.card["steps"], 18, ("--total_steps", 40)),
    "output": Case(("-o", "mine/e.pkl"), lambda trained: (trained.folder / "mine/e.pkl").exists(), True),
    "checkpoints": Case(
        ("--checkpoints", "kept"), lambda trained: bool(list(trained.folder.glob("kept/*/*/step_*"))), True
    ),
    "seed": Case(("--seed", 7), lambda trained: (trained.model.seed, trained.card["seed"]), (7, 7)),
    "ob_dim": Case(
        ("--ob_dim", 111), lambda trained: trained.model.observation_space.shape, (111,), ("-env", ANT_LIKE)
    ),
    "min_height": Case(("--min_height", 99), lambda trained: episode_lengths(trained), {1}),
    "max_height": Case(("--max_height", -99), lambda trained: episode_lengths(trained), {1}),
    "max_tilt": Case(("--max_tilt", 1), lambda trained: episode_lengths(trained), {1}, ("-env", LEANING)),
    "n_layers": Case(("--n_layers", 3), lambda trained: len(hidden(trained)), 3),
    "size": Case(("--size", 5), lambda trained: {layer.out_features for layer in hidden(trained)}, {5}),
    "n_envs": Case(("--n_envs", 1), lambda trained: trained.model.n_envs, 1),
    "n_steps": Case(("--n_steps", 2), lambda trained: trained.model.n_steps, 2),
    "batch_size": Case(("--batch_size", 2), lambda trained: trained.model.batch_size, 2),
    "n_epochs": Case(("--n_epochs", 2), lambda trained: trained.model.n_epochs, 2),
    "learning_rate": Case(("-lr", 0.01), lambda trained: [trained.model.lr_schedule(x) for x in (1, 0)], [0.01, 0]),
    "initial_expert": Case(
        ("--initial_expert", "../first.pkl"), lambda trained: [layer.out_features for layer in hidden(trained)], [8, 9]
    ),
    "policy_starts": Case(
        ("--policy_starts", 9),
        lambda trained: trained.model.policy.log_std.tolist(),
        [-1, -1],
        ("--total_steps", 16, "--stop_after", 8, "--initial_expert", "../first.pkl"),
    ),
    "initial_log_std": Case(
        ("--initial_log_std", 1), lambda trained: trained.model.policy.log_std.mean().round().item(), 1
    ),
    "gamma": Case(("--gamma", 0.5), lambda trained: trained.model.gamma, 0.5),
    "gae_lambda": Case(("--gae_lambda", 0.5), lambda trained: trained.model.gae_lambda, 0.5),
    "clip_range": Case(("--clip_range", 0.4), lambda trained: trained.model.clip_range(1.0), 0.4),
    "vf_coef": Case(("--vf_coef", 0.9), lambda trained: trained.model.vf_coef, 0.9),
    "ent_coef": Case(("--ent_coef", 0.1), lambda trained: trained.model.ent_coef, 0.1),
    "algorithm": Case(("--algorithm", "SAC"), lambda trained: trained.card["algorithm"], "SAC"),
    "updates_per_step": Case(("--updates_per_step", 3), lambda trained: trained.model.gradient_steps, 6, SAC),
    "policy_delay": Case(("--policy_delay", 3), lambda trained: trained.model.policy_delay, 3, SAC),
    "learning_starts": Case(("--learning_starts", 2), lambda trained: trained.model.learning_starts, 2, SAC),
    "buffer_size": Case(("--buffer_size", 20), lambda trained: trained.model.buffer_size, 20, SAC),
    "target_kl": Case(("--target_kl", 0.02), lambda trained: trained.model.target_kl, 0.02),
    "evaluations": Case(("--evaluations", 2), lambda trained: evaluated(trained), [32, 64, 64], ("--total_steps", 64)),
    "eval_episodes": Case(("--eval_episodes", 3), lambda trained: trained.card["evaluation"]["episodes"], 3),
}


def evaluated(trained: Trained) -> list[int]:
    """The steps at which the policy was measured."""
    (state,) = trained.folder.rglob("state.json")
    return [steps for steps, *_ in json.loads(state.read_text())["record"]["evaluations"]]


def episode_lengths(trained: Trained) -> set[int]:
    """How long the episodes were that the training saw."""
    return {episode["l"] for episode in trained.model.ep_info_buffer}


def hidden(trained: Trained) -> list[Any]:
    """The hidden layers of the policy."""
    return [layer for layer in trained.model.policy.mlp_extractor.policy_net if hasattr(layer, "out_features")]


@pytest.mark.parametrize("flag", CASES)
def test_each_flag_does_what_it_says(
    flag: str, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, models = CASES[flag], []
    module = load_script("train_expert")
    export = expert_algorithms.export
    monkeypatch.setattr(expert_algorithms, "export", lambda model, path: (models.append(model), export(model, path)))
    monkeypatch.setattr(expert_card, "write_training_curve", lambda *arguments: None)
    pickle_file(tmp_path / "first.pkl", expert_content(widths=(8, 9)))

    def seen(folder: Path, *more: object) -> Any:
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert script(module, *TINY, *case.both, *more).code == 0
        (card,) = (path for path in folder.rglob("*.json") if path.name != "state.json")
        return case.seen(Trained(models[-1], json.loads(card.read_text()), folder))

    assert seen(tmp_path / "without") != case.expected
    assert seen(tmp_path / "with", *case.flag) == case.expected


def test_every_flag_has_a_case() -> None:
    flags = {field.name for field in fields(ExpertSettings)}
    assert set(CASES) | {"backend"} == flags  # tests/envs/test_mujoco_py_backend.py has the backend


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy_starts", 4), "--initial_expert"),
        (("--initial_expert", "x", "--policy_starts", 8), "--total_steps, 8"),
    ],
)
def test_a_policy_that_would_never_start_to_learn_is_refused(
    options: Sequence[object], said: str, script: Script
) -> None:
    script("train_expert", *TINY, *options).refused("--policy_starts", said)


@pytest.mark.parametrize("tilt", ["0", "-1", "181", "nan", "inf"])
def test_a_tilt_that_is_no_angle_is_refused(tilt: str, script: Script) -> None:
    script("train_expert", *TINY, f"--max_tilt={tilt}").refused("--max_tilt", tilt, "180 degrees")


def test_a_tilt_needs_a_body(script: Script) -> None:
    script("train_expert", *TINY, "--max_tilt", 40).refused("--max_tilt", "MuJoCo", fakes.POINT)


@pytest.mark.parametrize("height", ["nan", "inf", "-inf"])
def test_a_height_that_is_not_finite_is_refused(height: str, script: Script) -> None:
    script("train_expert", *TINY, f"--max_height={height}").refused("--max_height", height, "finite")


def test_a_range_of_heights_without_a_height_is_refused(script: Script) -> None:
    script("train_expert", *TINY, "--min_height", 0.9, "--max_height", 0.9).refused(
        "--min_height", "--max_height", "0.9"
    )
