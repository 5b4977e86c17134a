"""Recorded trajectories: the files of every edition of the course in, and files like them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import load_pickle, write_pickle
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput

LONG_OBSERVATION = 256  # numbers
REQUIRED_KEYS = ("observation", "action", "reward", "next_observation", "terminal")


def load_expert_data(path: Path, time_limit: int | None = None) -> list[Trajectory]:
    """Read recorded episodes in the layout of any edition of the course.

    Args:
        path: a pickled list of dicts of arrays ``observation`` (T, ob_dim), ``action``,
            ``reward``, ``next_observation`` and ``terminal``; ``image_obs`` is passed over.
        time_limit: the task's own, in steps. The files mark the end of every episode in
            ``terminal``; an episode of this length is taken as truncated.

    Raises:
        InvalidInput: when the file can't be read, or holds something else, or numbers that are
            not finite.
    """
    episodes = load_pickle(path)
    if not isinstance(episodes, list) or not episodes:
        raise InvalidInput(f"{path} does not hold a list of episodes but a {type(episodes).__name__}")
    trajectories = [_read_episode(episode, f"{path}, episode {n}", time_limit) for n, episode in enumerate(episodes)]
    sizes = {(t.observations.shape[1], t.actions.shape[1:], t.discrete) for t in trajectories}
    if len(sizes) > 1:
        raise InvalidInput(f"{path}: its episodes have different sizes of observations or actions")
    return trajectories


def _read_episode(episode: Any, where: str, time_limit: int | None) -> Trajectory:
    if not isinstance(episode, dict):
        raise InvalidInput(f"{where} is a {type(episode).__name__}, not a dict of arrays")
    arrays = {}
    for key in REQUIRED_KEYS:
        array = _joined(episode.get(key))
        if array is None:
            raise InvalidInput(f"{where} has no array {key!r}; it needs {', '.join(REQUIRED_KEYS)}")
        if array.ndim == 0:
            raise InvalidInput(f"{where}: {key} is a single number, not one for each step")
        with np.errstate(over="ignore"):  # what float32 can't hold is infinite in it, and refused
            finite = np.isfinite(array.astype(np.float32)).all()
        if not finite:
            raise InvalidInput(f"{where}: {key} holds NaN or infinity")
        arrays[key] = array
    terminal = arrays["terminal"].reshape(-1).astype(bool)
    if len(terminal) != len(arrays["reward"]):
        raise InvalidInput(f"{where}: terminal has {len(terminal)} entries for {len(arrays['reward'])} rewards")
    ended = len(terminal) > 0 and bool(terminal[-1])
    truncated = not ended or len(terminal) == time_limit
    try:
        return Trajectory(
            observations=_ob(arrays["observation"]),
            actions=_read_actions(arrays["action"]),
            rewards=arrays["reward"].astype(np.float32),
            next_observations=_ob(arrays["next_observation"]),
            terminated=ended and not truncated,
            truncated=truncated,
        )
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}") from error


def _joined(value: Any) -> Array | None:
    """An array, which may be in rows; None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list) or not all(isinstance(row, np.ndarray) for row in value):
        return None
    # One row many times over would take memory that the file does not account for.
    fit = len({row.shape for row in value}) == 1 and len({id(row) for row in value}) == len(value)
    return np.stack(value) if fit else None


def _read_actions(actions: Array) -> Array:
    """Discrete actions come as (T,) integers or whole floats, or as (T, 1) integers."""
    if actions.ndim == 2 and actions.shape[1] == 1 and np.issubdtype(actions.dtype, np.integer):
        actions = actions[:, 0]
    if actions.ndim == 1 and np.array_equal(actions, np.round(actions)):
        return actions.astype(np.int64)
    return actions.astype(np.float32)


def write_expert_data(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write episodes in the layout of the course's fall 2020 edition.

    Observations of many numbers are lists of rows, which ``observation`` and ``next_observation``
    share: that makes the file half as large, and numpy joins them as it joins arrays.

    Raises:
        InvalidInput: when the file can't be written.
    """
    write_pickle([_course_layout(trajectory) for trajectory in trajectories], path)


def _course_layout(trajectory: Trajectory) -> dict[str, Array | list[Array]]:
    terminal = np.zeros(len(trajectory), np.float32)
    terminal[-1] = 1  # the course marks the end of every episode, whatever ended it
    observations: Array | list[Array] = trajectory.observations
    next_observations: Array | list[Array] = trajectory.next_observations
    follow_on = np.array_equal(trajectory.observations[1:], trajectory.next_observations[:-1])
    if trajectory.observations.shape[1] >= LONG_OBSERVATION and follow_on:
        states = [*trajectory.observations, trajectory.next_observations[-1]]
        observations, next_observations = states[:-1], states[1:]
    return {
        "observation": observations,
        "image_obs": np.zeros(0, np.uint8),
        "reward": trajectory.rewards,
        "action": trajectory.actions,
        "next_observation": next_observations,
        "terminal": terminal,
    }


def _ob(a):
    return a if a.dtype.kind in "iub" else a.astype(np.float32)
