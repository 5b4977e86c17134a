"""Interface of policies, and conversion of the actions that they choose."""

from abc import ABC, abstractmethod

import numpy as np

from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput


class BasePolicy(ABC):
    """Map from observations to actions.

    Attributes:
        copyable: whether a copy in another process chooses the same actions; False unless a class sets it to True.
        not_copyable_because: the reason to print if ``copyable`` is False; if empty, the class's name is printed.
    """

    copyable = False
    not_copyable_because = ""

    @abstractmethod
    def get_action(self, observations: Array) -> Array:
        """Choose an action for each observation.

        For observations (N, *ob_shape), returns (N, ac_dim) floats, or (N,) integers when discrete. For a single
        observation of shape ob_shape, returns a single action of shape (ac_dim,), or () when discrete.
        """

    def reset(self, seed: int) -> None:  # noqa: B027 - most policies have no state
        """Prepare for a new episode: clear recurrent state and seed the policy's own random numbers."""


def expert_actions(expert: BasePolicy, observations: Array, spec: TaskSpec) -> Array:
    """The expert's actions for observations (T, *ob_shape), as `as_actions` converts them; NaN raises InvalidInput."""
    actions = expert.get_action(observations)
    finite = np.isfinite(actions).reshape(len(actions), -1).all(axis=1)
    if not finite.all():
        raise InvalidInput(f"the expert's action in step {finite.argmin()} holds NaN or infinity")
    return as_actions(actions, spec, (len(observations),), whose="expert's ")


def as_actions(actions: Array, spec: TaskSpec, batch_shape: tuple[int, ...] = (), whose: str = "") -> Array:
    """Convert actions to float32, or int64 if discrete; messages have ``whose`` before the word "action".

    Raises InvalidInput unless the shape is (*batch_shape, ac_dim) or, if discrete, batch_shape. Discrete actions must
    also be whole numbers from 0 to ac_dim - 1.
    """
    expected = batch_shape if spec.discrete else (*batch_shape, spec.ac_dim)
    if actions.shape != expected:
        raise InvalidInput(f"the {whose}action has shape {actions.shape}; for the environment, it must be {expected}")
    if not spec.discrete:
        return actions.astype(np.float32)
    wrong = actions[(actions < 0) | (actions >= spec.ac_dim) | (actions != np.floor(actions))]
    if wrong.size:
        given, last = wrong.flat[0] + spec.ac_start, spec.ac_start + spec.ac_dim - 1
        raise InvalidInput(f"an {whose}action is {given}; the environment's choices are {spec.ac_start} to {last}")
    return actions.astype(np.int64)
