"""One episode as a `Trajectory`, and many transitions as a `Batch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # rollouts need no torch, and importing it takes seconds
    import torch

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One episode of T >= 1 steps.

    Attributes:
        observations: (T, *ob_shape) float32 or an integer dtype, what the policy saw before each step.
        actions: (T, ac_dim) float32, or (T,) int64 when actions are discrete.
        rewards: (T,) float32.
        next_observations: of the same shape and dtype as ``observations``.
        terminated: whether the task ended the episode (by a fall, say).
        truncated: whether a time limit ended it.

    Raises:
        ValueError: for another shape or dtype, or an episode that both terminated and was truncated.
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: bool
    truncated: bool

    def __post_init__(self) -> None:
        steps = len(self.rewards)
        if steps == 0:
            raise ValueError("a trajectory has at least one step")
        if self.observations.ndim < 2 or self.observations.shape != self.next_observations.shape:
            raise ValueError(
                f"observations {self.observations.shape} and next_observations "
                f"{self.next_observations.shape} must have one shape (T, *ob_shape)"
            )
        if self.actions.ndim != (1 if self.discrete else 2):
            raise ValueError(f"actions {self.actions.shape} must be (T, ac_dim), or (T,) when discrete")
        if self.rewards.ndim != 1 or not len(self.observations) == len(self.actions) == steps:
            raise ValueError(
                f"{len(self.observations)} observations, {len(self.actions)} actions and rewards of shape "
                f"{self.rewards.shape}: a trajectory has one of each per step"
            )
        for name, array in vars(self).items():
            if name == "rewards" and array.dtype != np.float32:
                raise ValueError(f"rewards are {array.dtype}; they must be float32")
            if name == "actions" and array.dtype not in (np.float32, np.int64):
                raise ValueError(f"actions are {array.dtype}; they must be float32, or int64 when discrete")
            if name.endswith("observations") and array.dtype != np.float32 and array.dtype.kind not in "iub":
                raise ValueError(f"{name} are {array.dtype}; they must be float32 or integers")
        if self.observations.dtype != self.next_observations.dtype:
            raise ValueError(
                f"{self.observations.dtype} observations, {self.next_observations.dtype} next_observations"
            )
        if self.terminated and self.truncated:
            raise ValueError("an episode that terminated was not truncated")

    def __len__(self) -> int:
        return len(self.rewards)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle each observation once: on the way between processes the next one is not a second copy."""
        rest = (self.actions, self.rewards, self.terminated, self.truncated)
        if self.is_chain:
            return _from_states, (np.concatenate([self.observations, self.next_observations[-1:]]), *rest)
        return Trajectory, (self.observations, *rest[:2], self.next_observations, *rest[2:])

    @property
    def is_chain(self) -> bool:
        """Whether each next observation is the following observation."""
        return np.array_equal(self.observations[1:], self.next_observations[:-1])

    @property
    def discrete(self) -> bool:
        """Whether the actions are numbers of choices."""
        return bool(np.issubdtype(self.actions.dtype, np.integer))

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


def _from_states(states: Array, actions: Array, rewards: Array, terminated: bool, truncated: bool) -> Trajectory:
    """The trajectory of (T + 1, *ob_shape) states, of which observations and next observations are views."""
    return Trajectory(states[:-1], actions, rewards, states[1:], terminated, truncated)


class Batch(NamedTuple):
    """N transitions on one device, in the assignment's order.

    Attributes:
        observations: (N, *ob_shape), in the dtype of the trajectories.
        actions: (N, ac_dim) float32, or (N,) int64 when discrete.
        rewards: (N,) float32.
        next_observations: (N, *ob_shape).
        terminals: (N,) bool; a time limit is not a terminal.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_observations: torch.Tensor
    terminals: torch.Tensor
