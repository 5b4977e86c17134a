"""The replay buffer: the most recent transitions, and random batches of them."""

from collections.abc import Sequence

import numpy as np
import torch

from cs285.data.trajectory import Array, Batch, Trajectory


class ReplayBuffer:
    """Ring buffer of the last ``max_size`` transitions; ``rng`` draws batches, which are tensors on ``device``.

    The steps of an episode are in successive slots, so that a step's next observation is the observation in the
    following slot. The next observation of an episode's last step is stored separately. If an episode's next
    observations are not the observations of its following steps, all of them are stored separately.
    """

    def __init__(self, max_size: int, rng: np.random.Generator, device: torch.device | str = "cpu") -> None:
        self.max_size, self.rng, self.device = max_size, rng, device
        self._arrays: list[Array] = []  # observations, actions, rewards, terminals
        self._last_observations: dict[int, Array] = {}  # by slot: the next observations that are stored separately
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, self.max_size)

    def add_rollouts(self, paths: Sequence[Trajectory]) -> None:
        """Add all transitions in order; if shapes or dtypes differ from stored ones, add none and raise ValueError."""
        for path in paths:
            self._check_fits(path, paths[0])
        for path in paths:
            new = [path.observations, path.actions, path.rewards, path.terminals]
            self._reserve(new, min(self.max_size, self._added + len(path)))
            skipped = max(0, len(path) - self.max_size)  # first steps, which later steps of the path would overwrite
            slots = np.arange(self._added + skipped, self._added + len(path)) % self.max_size
            for stored, added in zip(self._arrays, new, strict=True):
                stored[slots] = added[skipped:]
            for slot in slots.tolist():
                self._last_observations.pop(slot, None)
            ends = slots[-1:] if path.is_chain else slots
            self._last_observations.update(zip(ends.tolist(), path.next_observations[-len(ends) :].copy(), strict=True))
            self._added += len(path)

    def sample_random_data(self, batch_size: int) -> Batch:
        """Draw ``batch_size`` transitions uniformly, with replacement; raise ValueError when the buffer is empty."""
        return self._gather(self.rng.integers(len(self), size=batch_size))

    def sample_recent_data(self, batch_size: int = 1) -> Batch:
        """The last ``batch_size`` transitions, or all if there are fewer, oldest first; raises ValueError if empty."""
        return self._gather(np.arange(self._added - min(batch_size, len(self)), self._added) % self.max_size)

    def _gather(self, slots: Array) -> Batch:
        observations, actions, rewards, terminals = (array.take(slots, axis=0) for array in self._arrays)
        next_observations = self._arrays[0].take(slots + 1, axis=0, mode="wrap")
        for slot in self._last_observations.keys() & slots.tolist():
            next_observations[slots == slot] = self._last_observations[slot]
        fields = (observations, actions, rewards, next_observations, terminals)
        return Batch(*(torch.from_numpy(field).to(self.device) for field in fields))

    def _check_fits(self, path: Trajectory, first: Trajectory) -> None:
        stored = self._arrays or (first.observations, first.actions)
        for old, new in zip(stored, (path.observations, path.actions), strict=False):
            if (old.shape[1:], old.dtype) != (new.shape[1:], new.dtype):
                raise ValueError(f"{new.shape[1:]} {new.dtype} does not fit the buffer's {old.shape[1:]} {old.dtype}")

    def _reserve(self, new: Sequence[Array], capacity: int) -> None:
        """Grow the arrays in place to ``capacity`` transitions and at most 1/16 more, since images take much memory."""
        self._arrays = self._arrays or [np.empty((0, *array.shape[1:]), array.dtype) for array in new]
        if capacity > len(self._arrays[0]):
            capacity = min(self.max_size, capacity + capacity // 16)
            for array in self._arrays:
                array.resize((capacity, *array.shape[1:]), refcheck=False)
