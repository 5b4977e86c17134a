"""One episode as a `Trajectory`, and many transitions as a `Batch`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # rollouts need no torch, and importing it takes seconds
    import torch

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One episode of T >= 1 steps; the constructor raises ValueError unless shapes and dtypes are those below.

    Attributes:
        observations: (T, *ob_shape) float32, bool or an integer dtype; row t is the observation before step t.
        actions: (T, ac_dim) float32, or (T,) int64 when actions are discrete.
        rewards: (T,) float32.
        next_observations: of the same shape and dtype as ``observations``; row t is the observation after step t.
        terminated: whether the task ended the episode, for example after a fall.
        truncated: whether a time limit, and not the task, ended the episode.
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: bool
    truncated: bool

    def __post_init__(self) -> None:
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        states, following = self.observations, self.next_observations
        fits = (
            {array.shape[:1] for array in arrays.values()} == {self.rewards.shape} != {(0,)}
            and self.rewards.dtype == np.float32
            and (self.actions.ndim, self.actions.dtype) in ((2, np.dtype(np.float32)), (1, np.dtype(np.int64)))
            and (states.shape, states.dtype) == (following.shape, following.dtype)
            and states.ndim >= 2
            and (states.dtype == np.float32 or states.dtype.kind in "iub")
        )
        if not fits:
            found = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in arrays.items())
            needed = "observations and next_observations (T, *ob_shape) of one dtype, float32 or integers"
            needed += ", actions (T, ac_dim) float32 or (T,) int64, and rewards (T,) float32"
            raise ValueError(f"{found}; a trajectory of T >= 1 steps has {needed}")
        if self.terminated and self.truncated:
            raise ValueError("terminated and truncated are both True: an episode that terminated was not truncated")

    @classmethod
    def from_states(
        cls, states: Array, actions: Array, rewards: Array, terminated: bool, truncated: bool
    ) -> Trajectory:
        """Make a trajectory from (T + 1, *ob_shape) states; its two arrays of observations are views of the states."""
        return cls(states[:-1], actions, rewards, states[1:], terminated, truncated)

    def __len__(self) -> int:
        return len(self.rewards)

    def __reduce__(self) -> tuple[Any, ...]:
        return Trajectory.from_fields, (self.fields(),)

    def fields(self) -> dict[str, Any]:
        """The attributes by name; if `is_chain`, ``states`` replaces the observations and the next observations."""
        fields = dict(vars(self))
        if self.is_chain:
            del fields["observations"], fields["next_observations"]
            fields["states"] = self.states
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Trajectory:
        """Make a trajectory from the dict that `fields` returned."""
        return cls.from_states(**fields) if "states" in fields else cls(**fields)

    @property
    def is_chain(self) -> bool:
        """Whether each next observation, except the last, equals the observation of the following step."""
        return np.array_equal(self.observations[1:], self.next_observations[:-1])

    @property
    def states(self) -> Array:
        """Array (T + 1, *ob_shape) of the observations, followed by the last next observation."""
        return np.concatenate([self.observations, self.next_observations[-1:]])

    @property
    def discrete(self) -> bool:
        """Whether each action is the index of a choice, and not a vector."""
        return self.actions.ndim == 1

    @property
    def terminals(self) -> Array:
        """(T,) bool: True at the last step of an episode that terminated."""
        terminals = np.zeros(len(self), bool)
        terminals[-1] = self.terminated
        return terminals

    @property
    def total_reward(self) -> float:
        """The return: the sum of all rewards, undiscounted."""
        return float(self.rewards.sum(dtype=np.float64))


class Batch(NamedTuple):
    """N transitions as tensors on one device; their shapes and dtypes are those of a `Trajectory` of N steps.

    ``terminals``, (N,) bool, is True for a transition in which the task, and not a time limit, ended the episode.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_observations: torch.Tensor
    terminals: torch.Tensor
