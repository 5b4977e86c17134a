"""Recorded episodes of experts: files in the layout of any edition of the course, read and written."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import load_pickle, write_pickle
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput

KEYS = ("observation", "action", "reward", "next_observation", "terminal")


def load_expert_data(path: Path, time_limit: int | None = None) -> list[Trajectory]:
    """Read recorded episodes; InvalidInput for anything else, or numbers that are not finite.

    Args:
        path: a pickled list of dicts of arrays, or lists of rows: ``observation`` and ``next_observation``
            (T, *ob_shape), ``action`` (T, ac_dim), or (T,) or (T, 1) when discrete, ``reward`` and ``terminal`` (T,).
            Observations of integers keep their dtype, others become float32.
        time_limit: of the task, in steps. ``terminal`` marks the end of every episode, whatever ended it; an episode
            of this length counts as truncated.
    """
    episodes = load_pickle(path)
    if isinstance(episodes, dict) and "GaussianPolicy" in episodes:
        raise InvalidInput(f"{path} is an expert policy (--expert_policy_file), not a list of recorded episodes")
    if not isinstance(episodes, list) or not episodes:
        raise InvalidInput(f"{path} is a {type(episodes).__name__}, not a list of at least one recorded episode")
    trajectories = [_read_episode(episode, f"{path}, episode {n}", time_limit) for n, episode in enumerate(episodes)]
    if len({(t.observations[0].shape, t.observations.dtype, t.actions[0].shape, t.discrete) for t in trajectories}) > 1:
        raise InvalidInput(f"{path}: its episodes have different sizes or dtypes of observations or actions")
    return trajectories


def _read_episode(episode: Any, where: str, time_limit: int | None) -> Trajectory:
    if not isinstance(episode, dict):
        raise InvalidInput(f"{where} is a {type(episode).__name__}, not a dict of arrays")
    states, actions, rewards, following, terminals = (_read_array(episode.get(key), key, where) for key in KEYS)
    terminals = terminals.reshape(-1) != 0
    truncated = not terminals[-1:].any() or len(terminals) == time_limit
    try:
        if len(terminals) != len(rewards):
            raise ValueError(f"terminal has {len(terminals)} entries for {len(rewards)} rewards")
        actions, rewards = _read_actions(actions), rewards.astype(np.float32)
        return Trajectory(states, actions, rewards, following, terminated=not truncated, truncated=truncated)
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}") from error


def _read_array(value: Any, key: str, where: str) -> Array:
    """The array under a key, floats as float32."""
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):  # rows of different lengths
        array = np.asarray(None)
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise InvalidInput(f"{where} has no array {key!r} with a row of numbers for each step")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused
            array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise InvalidInput(f"{where}: {key} holds NaN, infinity or numbers beyond float32")
    return array


def _read_actions(actions: Array) -> Array:
    """Actions as a `Trajectory` has them; discrete ones come as (T,) integers or whole floats, or (T, 1) integers."""
    if actions.ndim == 2 and actions.shape[1] == 1 and actions.dtype.kind in "iu":
        actions = actions[:, 0]
    whole = actions.ndim == 1 and np.array_equal(actions, np.round(actions))
    return actions.astype(np.int64 if whole else np.float32)


def write_expert_data(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write episodes in the layout of the course's fall 2020 edition, each observation once; or raise InvalidInput."""
    episodes = []
    for trajectory in trajectories:
        episode: dict[str, Any] = {
            "observation": trajectory.observations,
            "image_obs": np.zeros(0, np.uint8),
            "reward": trajectory.rewards,
            "action": trajectory.actions,
            "next_observation": trajectory.next_observations,
            "terminal": np.float32(np.arange(len(trajectory)) == len(trajectory) - 1),  # the course marks every end
        }
        if trajectory.is_chain:
            states = trajectory.states
            episode |= {"observation": _Part(states, slice(0, -1)), "next_observation": _Part(states, slice(1, None))}
        episodes.append(episode)
    write_pickle(episodes, path)


@dataclass(frozen=True)
class _Part:
    """A part of an array, pickled as the array, which is pickled once, and a slice."""

    array: Array
    part: slice

    def __reduce__(self) -> tuple[Any, tuple[Array, slice]]:
        return operator.getitem, (self.array, self.part)
