"""Actions in the shape and dtype of a task, and the check that an episode is finite."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cs285.data.trajectory import Array, Trajectory
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy


def expert_actions(expert: BasePolicy, observations: Array, spec: TaskSpec) -> Array:
    """The expert's actions for (T, *ob_shape) observations; InvalidInput if they don't fit or are not finite."""
    actions = expert.get_action(observations)
    expected = (len(observations),) if spec.discrete else (len(observations), spec.ac_dim)
    if actions.shape != expected:
        raise InvalidInput(f"the expert's actions have shape {actions.shape[1:]}, the environment's {expected[1:]}")
    finite = np.isfinite(actions).reshape(len(actions), -1).all(axis=1)
    if not finite.all():
        raise InvalidInput(f"the expert's action in step {finite.argmin()} holds NaN or infinity")
    return as_actions(actions, spec)


def as_actions(actions: Array, spec: TaskSpec) -> Array:
    """The actions as float32, or int64 when discrete; InvalidInput if a discrete action is not one of the choices."""
    if not spec.discrete:
        return actions.astype(np.float32)
    wrong = actions[(actions < 0) | (actions >= spec.ac_dim) | (actions != np.floor(actions))]
    if wrong.size:
        given, last = wrong.flat[0] + spec.ac_start, spec.ac_start + spec.ac_dim - 1
        raise InvalidInput(f"an action is {given}; the environment's choices are {spec.ac_start} to {last}")
    return actions.astype(np.int64)


def renumber(paths: Sequence[Trajectory], offset: int) -> list[Trajectory]:
    """Add ``offset`` to discrete actions: files number them like the environment, and the project from 0."""
    return [replace(path, actions=path.actions + offset) if offset else path for path in paths]


def check_finite(states: Array, actions: Array, rewards: Array, seed: int) -> None:
    """Raise InvalidInput that names the first step with NaN or infinity; ``states`` are (T + 1, *ob_shape)."""
    given = {"environment's observation": states[:-1], "policy's action": actions, "environment's reward": rewards}
    given["environment's next observation"] = states[1:]
    finite = {name: np.isfinite(array).reshape(len(array), -1).all(axis=1) for name, array in given.items()}
    first = min(finite, key=lambda name: len(rewards) if finite[name].all() else finite[name].argmin())
    if not finite[first].all():
        step = finite[first].argmin()
        raise InvalidInput(f"the {first} in step {step} of the episode with seed {seed} holds NaN or infinity")
