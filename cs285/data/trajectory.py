"""What flows through the program: one episode as a `Trajectory`, many transitions as a `Batch`."""

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
        observations: (T, ob_dim) float32, what the policy saw before each step.
        actions: (T, ac_dim) float32, or (T,) int64 when actions are discrete.
        rewards: (T,) float32.
        next_observations: (T, ob_dim) float32.
        terminated: the task ended the episode (a fall, say).
        truncated: a time limit ended it, and the state had a future.

    Raises:
        ValueError: when a shape or a dtype is another, or the episode both terminated and was
            truncated.
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
        for name in ("observations", "actions", "rewards", "next_observations"):
            allowed = (np.float32, np.int64) if name == "actions" else (np.float32,)
            kept = name.endswith("observations") and getattr(self, name).dtype.kind in "iub"
            if not kept and getattr(self, name).dtype not in allowed:
                raise ValueError(f"{name} are {getattr(self, name).dtype}; they must be {np.dtype(allowed[0])}")
        if self.terminated and self.truncated:
            raise ValueError("an episode that terminated was not truncated")

    def __len__(self) -> int:
        return len(self.rewards)

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


class Batch(NamedTuple):
    """N transitions on one device, in the assignment's order.

    Attributes:
        observations: (N, ob_dim) float32.
        actions: (N, ac_dim) float32, or (N,) int64 when discrete.
        rewards: (N,) float32.
        next_observations: (N, ob_dim) float32.
        terminals: (N,) bool; a time limit is not a terminal.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_observations: torch.Tensor
    terminals: torch.Tensor
