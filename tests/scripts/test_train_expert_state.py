"""An expert's training that was saved and loaded is the same training, and its files are plain arrays.

Among the last tests: a process that has run JAX should not fork, as those of the rollout workers do.
"""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.checkpoint import read_arrays
from cs285.errors import InvalidInput
from cs285.experts.algorithms import let_policy_learn, make_model
from cs285.experts.settings import ExpertSettings
from cs285.experts.state import MODEL, REPLAY_BUFFER, load_state, save_state
from tests.fakes import CHOICE, POINT

for library in ("stable_baselines3", "sbx"):
    pytest.importorskip(library, reason=f"{library}, of the extra `experts`, is missing")

PPO = {"n_envs": 2, "n_steps": 16, "batch_size": 8, "n_epochs": 2, "total_steps": 192, "size": 8, "learning_rate": 0.01}
SAC = {"algorithm": "SAC", "n_envs": 2, "learning_starts": 8, "batch_size": 4, "total_steps": 192, "size": 8}
TRAININGS: dict[str, dict[str, Any]] = {
    "PPO": {**PPO, "env_name": POINT},
    "PPO, discrete": {**PPO, "env_name": CHOICE},
    "SAC": {**SAC, "env_name": POINT, "buffer_size": 1000},
    "SAC, its buffer full": {**SAC, "env_name": POINT, "buffer_size": 50},
}


def trained(settings: ExpertSettings, steps: int = 64) -> Any:
    """A model that has learned for so many steps of a longer training."""
    model: Any = make_model(settings)
    model.learn(settings.total_steps, callback=lambda *_: model.num_timesteps < steps)
    return model


def go_on(model: Any, steps: int = 64) -> None:
    """Learn for some steps more, from new episodes and from random streams that are always the same."""
    model.set_random_seed(5)
    model._last_obs = None
    last = model.num_timesteps + steps
    model.learn(192 - model.num_timesteps, callback=lambda *_: model.num_timesteps < last, reset_num_timesteps=False)


def flat(model: Any) -> dict[str, Any]:
    """Everything that a training is made of, in the libraries' own words."""
    normalizer = model.get_vec_normalize_env()
    state = {
        "steps": (model.num_timesteps, model._n_updates, model._current_progress_remaining, list(model.ep_info_buffer)),
        **{
            f"{of} {name}": np.asarray(getattr(getattr(normalizer, of), name)).tolist()
            for of in ("obs_rms", "ret_rms")
            for name in ("mean", "var", "count")
        },
    }
    if hasattr(model.policy, "actor_state"):
        import jax

        trees = (model.policy.actor_state, model.policy.qf_state, model.ent_coef_state, model.policy.key)
        state["learned"] = [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(trees)]
        buffer = model.replay_buffer
        state["buffer"] = [
            *(buffer.pos, buffer.full, buffer.size()),
            *(getattr(buffer, name).tolist() for name in ("observations", "next_observations", "actions", "rewards")),
            *(getattr(buffer, name).tolist() for name in ("dones", "timeouts")),
        ]
        return state
    state["learned"] = {name: tensor.tolist() for name, tensor in model.policy.state_dict().items()}
    adam = model.policy.optimizer.state_dict()["state"]
    state["adam"] = {(n, kind): tensor.tolist() for n, kinds in adam.items() for kind, tensor in kinds.items()}
    return state


@pytest.mark.parametrize("kind", TRAININGS)
def test_a_model_that_was_saved_and_loaded_is_the_same_and_goes_on_as_it_would_have(kind: str, tmp_path: Path) -> None:
    settings = ExpertSettings(**TRAININGS[kind])
    saved, loaded = trained(settings), make_model(settings)
    assert flat(saved)["steps"] != (0, 0, 1.0, [])
    save_state(saved, tmp_path)
    load_state(loaded, tmp_path)
    assert flat(loaded) == flat(saved)
    for model in (saved, loaded):
        go_on(model)
    assert loaded.num_timesteps > 100
    assert flat(loaded)["learned"] == flat(saved)["learned"]


def test_a_policy_that_has_not_learned_yet_comes_back(tmp_path: Path) -> None:
    settings = ExpertSettings(**TRAININGS["PPO"])
    saved: Any = make_model(settings)
    let_policy_learn(saved, learn=False)
    saved.learn(32)
    save_state(saved, tmp_path)
    loaded = make_model(settings)
    load_state(loaded, tmp_path)
    for model in (saved, loaded):
        let_policy_learn(model, learn=True)
        go_on(model)
    assert flat(loaded)["learned"] == flat(saved)["learned"]


@pytest.mark.parametrize("kind", ["PPO", "SAC"])
def test_its_files_are_plain_arrays(kind: str, tmp_path: Path) -> None:
    save_state(trained(ExpertSettings(**TRAININGS[kind])), tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ([MODEL] if kind == "PPO" else [MODEL, REPLAY_BUFFER])
    for name in files:
        assert all(array.dtype.kind in "fiu" for array in read_arrays(tmp_path / name).values())


@functools.cache
def trained_once(kind: str) -> Any:
    """A model for tests that leave it as it is: one of SAC takes seconds."""
    return trained(ExpertSettings(**TRAININGS[kind]), steps=32)


def change(path: Path, **arrays: Any) -> None:
    """Put other arrays into a file; None takes one out of it."""
    changed = {**read_arrays(path), **arrays}
    np.savez(path, **{name: array for name, array in changed.items() if array is not None})


@pytest.mark.parametrize(
    ("kind", "file", "arrays", "said"),
    [
        ("PPO", MODEL, {"num_timesteps": None}, "num_timesteps"),
        ("PPO", MODEL, {"num_timesteps": np.array(-1)}, "negative"),
        ("PPO", MODEL, {"num_timesteps": np.array(2.5)}, "num_timesteps is float64"),
        ("PPO", MODEL, {"another": np.zeros(3)}, "another"),
        ("PPO", MODEL, {"obs_rms.mean": np.zeros(4)}, r"obs_rms\.mean is float64 \(4,\), not float64 \(3,\)"),
        ("PPO", MODEL, {"obs_rms.mean": np.full(3, np.nan)}, r"obs_rms\.mean holds NaN"),
        ("PPO", MODEL, {"episodes": np.zeros(3)}, "episodes"),
        ("PPO", MODEL, {"episodes": np.array(1.0)}, "episodes"),
        ("SAC", MODEL, {"key": np.zeros(3, np.uint32)}, "key is uint32"),
        ("SAC", REPLAY_BUFFER, {"pos": np.array(-1)}, "position is -1"),
        ("SAC", REPLAY_BUFFER, {"pos": np.array(1000)}, "position is 1000"),
        ("SAC", REPLAY_BUFFER, {"actions": np.zeros((7, 2, 2), np.float32)}, "actions is"),
        ("SAC", REPLAY_BUFFER, {"rewards": np.zeros((2000, 2), np.float32)}, r"observations is .*, not float32 \(500,"),
    ],
)
def test_another_state_is_refused(kind: str, file: str, arrays: Any, said: str, tmp_path: Path) -> None:
    model = trained_once(kind)
    save_state(model, tmp_path)
    change(tmp_path / file, **arrays)
    with pytest.raises(InvalidInput, match=rf"{file} does not fit this training: .*{said}"):
        load_state(model, tmp_path)


def test_a_file_that_is_missing_or_not_whole_is_refused(tmp_path: Path) -> None:
    settings = ExpertSettings(**TRAININGS["SAC"])
    save_state(trained(settings, steps=32), tmp_path)
    for name in (MODEL, REPLAY_BUFFER):
        whole = (tmp_path / name).read_bytes()
        for content in (None, b"", b"no archive", whole[: len(whole) // 2]):
            (tmp_path / name).unlink(missing_ok=True)
            if content is not None:
                (tmp_path / name).write_bytes(content)
            with pytest.raises(InvalidInput, match=name):
                load_state(make_model(settings), tmp_path)
        (tmp_path / name).write_bytes(whole)


def test_objects_in_an_array_are_not_read(tmp_path: Path) -> None:
    settings = ExpertSettings(**TRAININGS["PPO"])
    save_state(trained(settings, steps=32), tmp_path)
    np.savez(tmp_path / "object.npz", count=np.array([{}], object))
    with zipfile.ZipFile(tmp_path / "object.npz") as source, zipfile.ZipFile(tmp_path / MODEL, "a") as target:
        target.writestr("another.npy", source.read("count.npy"))
    with pytest.raises(InvalidInput, match="plain numbers"):
        load_state(make_model(settings), tmp_path)
