"""Actions in the shape and dtype of a task."""

from __future__ import annotations

import numpy as np

from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy


def expert_actions(expert: BasePolicy, observations: Array, spec: TaskSpec) -> Array:
    """The expert's actions for (T, *ob_shape) observations, in one call.

    Raises:
        InvalidInput: when they do not fit the environment, or are not finite.
    """
    actions = expert.get_action(observations)
    expected = (len(observations),) if spec.discrete else (len(observations), spec.ac_dim)
    if actions.shape != expected:
        raise InvalidInput(f"the expert's actions have shape {actions.shape[1:]}, the environment's {expected[1:]}")
    finite = np.isfinite(actions).reshape(len(actions), -1).all(axis=1)
    if not finite.all():
        raise InvalidInput(f"the expert's answer to the state of step {finite.argmin()} holds NaN or infinity")
    return as_actions(actions, spec)


def as_actions(actions: Array, spec: TaskSpec) -> Array:
    """The actions in the dtype of a trajectory: int64 when discrete, else float32.

    Raises:
        InvalidInput: for a discrete action that is not one of the choices.
    """
    if not spec.discrete:
        return actions.astype(np.float32)
    wrong = actions[(actions < 0) | (actions >= spec.ac_dim) | (actions != np.floor(actions))]
    if wrong.size:
        raise InvalidInput(f"an action is {wrong.flat[0]}; the environment's choices are 0 to {spec.ac_dim - 1}")
    return actions.astype(np.int64)
