"""The files that a run reads: its expert and the expert's recorded episodes, checked against the task."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cs285.config import Config
from cs285.data.expert_data import load_expert_data
from cs285.data.shipped import shipped_data, shipped_expert
from cs285.data.trajectory import Trajectory
from cs285.envs.layouts import check_convertible, conversion_notice, convert_observations
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import expert_actions
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import as_policy
from cs285.policies.loaded_gaussian_policy import load_expert


def find_expert(
    config: Config, spec: TaskSpec, expert: object | None, paths: Sequence[Trajectory]
) -> BasePolicy | None:
    """The expert of a run: the object that was passed, the file that was named, or the one that ships for the task.

    Args:
        config: the run's settings.
        spec: facts of its task.
        expert: a policy, an object with ``get_action``, or a function; None: a file.
        paths: the expert's episodes, to try the expert on.

    Returns:
        None when there is none and behavioural cloning can do without.

    Raises:
        InvalidInput: when DAgger has no expert, or it can't be used.
    """
    path = config.expert_policy_file or shipped_expert(config.env_name)
    if expert is not None:
        policy = as_policy(expert, len(spec.ob_shape))
    elif path is not None:
        policy = load_expert(path, config.env_name, spec)
    elif config.do_dagger:
        raise InvalidInput(f"no expert ships for {config.env_name}; name one with --expert_policy_file")
    else:
        return None
    expert_actions(policy, paths[0].observations[:2], spec)  # fail now rather than after the first iteration
    return policy


def load_initial_data(config: Config, spec: TaskSpec) -> list[Trajectory]:
    """The expert's recorded episodes, in the environment's observation layout.

    Raises:
        InvalidInput: when the file can't be used, or its sizes don't fit the environment.
    """
    path = config.expert_data or shipped_data(config.env_name)
    if path is None:
        raise InvalidInput(f"no expert data ships for {config.env_name}; name a file with --expert_data")
    paths = load_expert_data(path, spec.time_limit)
    ob_shape = paths[0].observations.shape[1:]
    if len(ob_shape) == len(spec.ob_shape) == 1 and ob_shape != spec.ob_shape:
        check_convertible(config.env_name, ob_shape[0], spec.ob_dim, what=str(path))
        print(conversion_notice(str(path), config.env_name, ob_shape[0], spec.ob_dim), file=sys.stderr)
        paths = [_convert(trajectory, config.env_name, spec.ob_dim) for trajectory in paths]
    check_sizes(path, config.env_name, spec, paths)
    return paths


def check_sizes(path: Path, env_name: str, spec: TaskSpec, paths: Sequence[Trajectory]) -> None:
    """Refuse recorded episodes whose observations or actions have another kind or size than the environment's.

    Raises:
        InvalidInput: naming both.
    """
    if not paths:
        return
    first = paths[0]
    ob_shape, ob_dtype = first.observations.shape[1:], first.observations.dtype
    if ob_shape != spec.ob_shape or ob_dtype != spec.ob_dtype:
        there, here = f"{ob_dtype} of shape {ob_shape}", f"{spec.ob_dtype} of shape {spec.ob_shape}"
        raise InvalidInput(f"{path}: its observations are {there}, but those of {env_name} are {here}")
    if first.discrete != spec.discrete:
        kinds = ("discrete", "continuous") if first.discrete else ("continuous", "discrete")
        raise InvalidInput(f"{path}: its actions are {kinds[0]}, but those of {env_name} are {kinds[1]}")
    if not spec.discrete and first.actions.shape[1] != spec.ac_dim:
        raise InvalidInput(f"{path}: actions of {first.actions.shape[1]} numbers, but {env_name} has {spec.ac_dim}")
    if spec.discrete:
        choices = np.concatenate([trajectory.actions for trajectory in paths])
        low, high = choices.min(), choices.max()
        if low < 0 or high >= spec.ac_dim:
            allowed = f"{env_name} has choices 0 to {spec.ac_dim - 1}"
            raise InvalidInput(f"{path}: actions from {low} to {high}, but {allowed}")


def _convert(trajectory: Trajectory, env_name: str, ob_dim: int) -> Trajectory:
    """The same trajectory with its observations in another known layout of the task."""
    return replace(
        trajectory,
        observations=convert_observations(trajectory.observations, env_name, ob_dim),
        next_observations=convert_observations(trajectory.next_observations, env_name, ob_dim),
    )
