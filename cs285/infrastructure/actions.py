"""Checks and conversion of actions, and a check for NaN and infinity in episodes."""

import numpy as np

from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy


def expert_actions(expert: BasePolicy, observations: Array, spec: TaskSpec) -> Array:
    """Compute the expert's actions for observations (T, *ob_shape), and convert them with `as_actions`.

    Raises InvalidInput as `as_actions` does, and when an action holds NaN or infinity.
    """
    actions = expert.get_action(observations)
    finite = np.isfinite(actions).reshape(len(actions), -1).all(axis=1)
    if not finite.all():
        raise InvalidInput(f"the expert's action in step {finite.argmin()} holds NaN or infinity")
    return as_actions(actions, spec, (len(observations),))


def as_actions(actions: Array, spec: TaskSpec, batch_shape: tuple[int, ...] = ()) -> Array:
    """Convert actions to float32, or int64 if discrete.

    Raises InvalidInput unless the shape is (*batch_shape, ac_dim), or batch_shape if discrete, and choices are in
    0, ..., ac_dim - 1.
    """
    expected = batch_shape if spec.discrete else (*batch_shape, spec.ac_dim)
    if actions.shape != expected:
        raise InvalidInput(f"the action has shape {actions.shape}; for the environment, it must be {expected}")
    if not spec.discrete:
        return actions.astype(np.float32)
    wrong = actions[(actions < 0) | (actions >= spec.ac_dim) | (actions != np.floor(actions))]
    if wrong.size:
        given, last = wrong.flat[0] + spec.ac_start, spec.ac_start + spec.ac_dim - 1
        raise InvalidInput(f"an action is {given}; the environment's choices are {spec.ac_start} to {last}")
    return actions.astype(np.int64)


def check_finite(states: Array, actions: Array, rewards: Array, seed: int) -> None:
    """Raise InvalidInput if an episode has NaN or infinity, with the first such step and the seed in the message.

    ``states`` (T + 1, *ob_shape) are the observations before each step and after the last step.
    """
    given = {"environment's observation": states[:-1], "policy's action": actions, "environment's reward": rewards}
    given["environment's next observation"] = states[1:]
    finite = {name: np.isfinite(array).reshape(len(array), -1).all(axis=1) for name, array in given.items()}
    first = min(finite, key=lambda name: len(rewards) if finite[name].all() else finite[name].argmin())
    if not finite[first].all():
        step = finite[first].argmin()
        raise InvalidInput(f"the {first} in step {step} of the episode with seed {seed} holds NaN or infinity")
