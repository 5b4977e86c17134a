"""What an algorithm that trains an expert has learned so far, out and in: plain arrays, nothing that can be run."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cs285.data.checkpoint import read_arrays
from cs285.data.trajectory import Array
from cs285.data.whole_files import whole_file
from cs285.errors import InvalidInput

if TYPE_CHECKING:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm

MODEL, REPLAY_BUFFER = "model.npz", "replay_buffer.npz"
COUNTS = ("num_timesteps", "_episode_num", "_n_updates", "_current_progress_remaining")
TRANSITIONS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
EPISODES = "episodes"  # return, length and time of the last ones


def save_state(model: BaseAlgorithm, folder: Path) -> None:
    """Write all that training needs to go on into a folder, but for the random streams.

    Raises:
        InvalidInput: when it can't be written.
    """
    episodes = [[episode[name] for name in "rlt"] for episode in model.ep_info_buffer or ()]
    _write(folder / MODEL, {**_state(model), EPISODES: np.array(episodes, np.float64).reshape(-1, 3)})
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        transitions = {name: getattr(buffer, name)[: buffer.size()] for name in TRANSITIONS}
        _write(folder / REPLAY_BUFFER, {**transitions, "pos": np.array(buffer.pos)})


def load_state(model: BaseAlgorithm, folder: Path) -> None:
    """Give a new model the state that `save_state` wrote of one with the same settings.

    Raises:
        InvalidInput: when a file can't be read, or does not hold the state of such a model.
    """
    path = folder / MODEL
    arrays = read_arrays(path)
    _check(arrays, {**_state(model), EPISODES: np.zeros((_size(arrays, EPISODES) // 3, 3))}, path)
    if any(arrays[name] < 0 for name in COUNTS):
        raise InvalidInput(f"{path} does not fit this training: a count is negative")
    _set_state(model, arrays)
    episodes = [{"r": total, "l": int(steps), "t": time} for total, steps, time in arrays[EPISODES].tolist()]
    model.ep_info_buffer = deque(episodes, maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    if getattr(model, "replay_buffer", None) is not None:
        _load_transitions(model, folder / REPLAY_BUFFER)


def _load_transitions(model: Any, path: Path) -> None:
    buffer, arrays = model.replay_buffer, read_arrays(path)
    rows = _size(arrays, "rewards") // model.n_envs
    _check(arrays, {**{name: getattr(buffer, name)[:rows] for name in TRANSITIONS}, "pos": np.array(0)}, path)
    full, pos = rows == buffer.buffer_size, int(arrays["pos"])
    if not 0 <= pos < buffer.buffer_size or not (full or pos == rows):
        raise InvalidInput(f"{path} does not fit this training: its position is {pos} of {rows} transitions")
    for name in TRANSITIONS:
        getattr(buffer, name)[:rows] = arrays[name]
    buffer.pos, buffer.full = pos, full


def _state(model: BaseAlgorithm) -> dict[str, Array]:
    """Counts, the normaliser's statistics, and parameters and optimisers, by names of their own."""
    learned = _jax_arrays(model) if _has_jax(model) else {n: t.numpy().copy() for n, t in _torch_state(model).items()}
    counts = {name: np.array(getattr(model, name)) for name in COUNTS}
    return {**counts, **{f"{of}.{name}": np.array(getattr(rms, name)) for of, rms, name in _moments(model)}, **learned}


def _set_state(model: BaseAlgorithm, arrays: Mapping[str, Array]) -> None:
    for name in COUNTS:
        setattr(model, name, arrays[name].item())
    for of, rms, name in _moments(model):
        setattr(rms, name, arrays[f"{of}.{name}"])
    if _has_jax(model):
        _set_jax_arrays(model, arrays)
        return
    import torch

    for name, tensor in _torch_state(model).items():
        tensor.copy_(torch.from_numpy(arrays[name]))


def _moments(model: BaseAlgorithm) -> list[tuple[str, Any, str]]:
    """The normaliser's statistics, each as the name of a running mean and variance, it, and its attribute."""
    normalizer: Any = model.get_vec_normalize_env()
    return [(of, getattr(normalizer, of), name) for of in ("obs_rms", "ret_rms") for name in ("mean", "var", "count")]


def _torch_state(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    """PPO's parameters and Adam's averages, those that the model itself has; zeros where Adam made no step yet."""
    import torch

    policy: Any = model.policy
    tensors = {f"parameter.{name}": tensor for name, tensor in policy.state_dict().items()}
    for name, parameter in policy.named_parameters():
        average = policy.optimizer.state[parameter]
        if not average:
            zeros = (torch.zeros_like(parameter.detach()) for _ in range(2))
            average.update(zip(("exp_avg", "exp_avg_sq"), zeros, strict=True), step=torch.tensor(0.0))
        tensors |= {f"adam.{kind}.{name}": tensor for kind, tensor in average.items()}
    return tensors


def _has_jax(model: BaseAlgorithm) -> bool:
    return hasattr(model.policy, "actor_state")


def _jax_holders(model: Any) -> list[tuple[Any, str]]:
    """Where SAC has its parameters, with their optimisers, and the key of its noise."""
    policy = model.policy
    return [(policy, "actor_state"), (policy, "qf_state"), (model, "ent_coef_state"), (policy, "key")]


def _jax_arrays(model: BaseAlgorithm) -> dict[str, Array]:
    from jax import numpy as jnp
    from jax.tree_util import keystr, tree_leaves_with_path

    return {
        f"{name}{keystr(path)}": np.array(jnp.asarray(leaf))
        for holder, name in _jax_holders(model)
        for path, leaf in tree_leaves_with_path(getattr(holder, name))
    }


def _set_jax_arrays(model: BaseAlgorithm, arrays: Mapping[str, Array]) -> None:
    from jax import numpy as jnp
    from jax.tree_util import keystr, tree_leaves_with_path, tree_structure, tree_unflatten

    for holder, name in _jax_holders(model):
        new = getattr(holder, name)
        leaves = [jnp.asarray(arrays[f"{name}{keystr(path)}"]) for path, _ in tree_leaves_with_path(new)]
        setattr(holder, name, tree_unflatten(tree_structure(new), leaves))


def _size(arrays: Mapping[str, Array], name: str) -> int:
    return arrays[name].size if name in arrays else 0


def _check(arrays: Mapping[str, Array], expected: Mapping[str, Array], path: Path) -> None:
    """Refuse arrays of other names, shapes or types than a model of the same settings has, or with NaN in them."""
    differing = sorted(arrays.keys() ^ expected.keys())
    if differing:
        raise InvalidInput(f"{path} does not fit this training: one of the two has no {differing[0]!r:.100}")
    for name, array in arrays.items():
        found, needed = f"{array.dtype} {array.shape}", f"{expected[name].dtype} {expected[name].shape}"
        if found != needed:
            raise InvalidInput(f"{path} does not fit this training: {name} is {found}, not {needed}")
        if not np.isfinite(array).all():
            raise InvalidInput(f"{path} does not fit this training: {name} holds NaN or infinity")


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    with whole_file(path) as file:
        np.savez(file, **dict[str, Any](arrays))
