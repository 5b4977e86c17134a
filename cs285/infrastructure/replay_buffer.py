"""The replay buffer: a ring of transitions that are ready to train on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from cs285.data.trajectory import Batch, Trajectory
from cs285.infrastructure.pytorch_utils import from_numpy

DRAWN_AHEAD = 10_000  # indices: 100 batches of the usual size
GATHERED_TOGETHER = 10  # batches: a few calls for all of them, and still little memory


class ReplayBuffer:
    """The last ``max_size`` transitions, as tensors on the device that trains.

    Memory is taken as it is needed: the arrays double until they reach ``max_size``.
    """

    def __init__(self, max_size: int, rng: np.random.Generator, device: torch.device | None = None) -> None:
        """Make an empty buffer.

        Args:
            max_size: transitions kept; a new one then takes the place of the oldest.
            rng: draws the random batches.
            device: where the transitions live; the CPU when None.
        """
        self.max_size = max_size
        self._rng = rng
        self._device = device or torch.device("cpu")
        self._storage: Batch | None = None
        self._added = 0
        self._upcoming: Iterator[Batch] = iter(())
        self._drawn_for = (0, 0)

    def __len__(self) -> int:
        return min(self._added, self.max_size)

    @property
    def generator(self) -> np.random.BitGenerator:
        """What draws the random batches; its ``state`` can be kept and set."""
        return self._rng.bit_generator

    def add_rollouts(self, paths: Sequence[Trajectory]) -> None:
        """Add the transitions of trajectories, in their order.

        Raises:
            ValueError: when their observations or actions have another shape or dtype than
                those held.
        """
        self._upcoming = iter(())  # batches of what was held until now
        for path in paths:
            new = _as_batch(path, self._device)
            self._check_fits(new)
            skipped = max(0, len(path) - self.max_size)  # they would be overwritten at once
            self._reserve(new, min(self.max_size, self._added + len(path)))
            assert self._storage is not None
            slots = torch.arange(self._added + skipped, self._added + len(path), device=self._device) % self.max_size
            for stored, added in zip(self._storage, new, strict=True):
                stored[slots] = added[skipped:]
            self._added += len(path)

    def sample_random_data(self, batch_size: int) -> Batch:
        """Draw transitions with replacement, each held one equally likely.

        Raises:
            ValueError: when the buffer is empty.
        """
        wanted = (self._require_data(), batch_size)
        batch = next(self._upcoming, None) if wanted == self._drawn_for else None
        if batch is None:
            self._upcoming, self._drawn_for = self._draw_batches(*wanted), wanted
            batch = next(self._upcoming)
        return batch

    def sample_recent_data(self, batch_size: int = 1) -> Batch:
        """The last ``batch_size`` transitions added, oldest first; fewer when fewer are held.

        Raises:
            ValueError: when the buffer is empty.
        """
        count = min(batch_size, self._require_data())
        return self._gather(torch.arange(self._added - count, self._added, device=self._device) % self.max_size)

    def _draw_batches(self, held: int, batch_size: int) -> Iterator[Batch]:
        """Random batches. Many are drawn at once, so that no step waits for them to reach a GPU, and some gathered."""
        drawn = self._rng.integers(held, size=(max(1, DRAWN_AHEAD // batch_size), batch_size))
        on_device = torch.from_numpy(drawn).to(self._device)
        for start in range(0, len(drawn), GATHERED_TOGETHER):
            indices = on_device[start : start + GATHERED_TOGETHER]
            together = self._gather(indices.reshape(-1))
            each = (field.view(*indices.shape, *field.shape[1:]).unbind() for field in together)
            yield from map(Batch._make, zip(*each, strict=True))

    def _gather(self, indices: torch.Tensor) -> Batch:
        assert self._storage is not None
        return Batch(*(stored.index_select(0, indices) for stored in self._storage))

    def _require_data(self) -> int:
        if len(self) == 0:
            raise ValueError("the replay buffer is empty")
        return len(self)

    def _check_fits(self, new: Batch) -> None:
        for name, stored, added in zip(Batch._fields, self._storage or new, new, strict=True):
            if stored.shape[1:] != added.shape[1:] or stored.dtype != added.dtype:
                raise ValueError(
                    f"{name} of shape {tuple(added.shape[1:])} and {added.dtype} do not fit the buffer's "
                    f"{tuple(stored.shape[1:])} and {stored.dtype}"
                )

    def _reserve(self, like: Batch, needed: int) -> None:
        """Make room for ``needed`` transitions."""
        held = self._storage
        capacity = 0 if held is None else len(held.rewards)
        if needed <= capacity:
            return
        capacity = min(self.max_size, max(needed, 2 * capacity))
        grown = Batch(*(field.new_empty((capacity, *field.shape[1:])) for field in like))
        if held is not None:
            for new, old in zip(grown, held, strict=True):
                new[: len(old)] = old
        self._storage = grown


def _as_batch(path: Trajectory, device: torch.device) -> Batch:
    arrays = (path.observations, path.actions, path.rewards, path.next_observations, path.terminals)
    return Batch(*(from_numpy(array, device) for array in arrays))
