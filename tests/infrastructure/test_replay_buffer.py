"""The replay buffer, compared with a plain list of transitions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.trajectory import Batch, Trajectory
from cs285.infrastructure.replay_buffer import ReplayBuffer
from tests.fakes import make_trajectory


def filled(max_size: int, paths: Sequence[Trajectory]) -> ReplayBuffer:
    buffer = ReplayBuffer(max_size, np.random.default_rng(0))
    buffer.add_rollouts(paths)
    return buffer


def numbered(lengths: Sequence[int]) -> list[Trajectory]:
    """Episodes of these lengths. The rewards and observations number all transitions 0, 1, 2, and so on."""
    starts = np.cumsum([0, *lengths])
    return [make_trajectory(length, start) for length, start in zip(lengths, starts, strict=False)]


def rows(batch: Batch) -> list[tuple[float, ...]]:
    """The transitions of a batch, each as a tuple of all its numbers."""
    parts = [torch.as_tensor(field).reshape(len(batch.rewards), -1).float() for field in batch]
    return [tuple(row) for row in torch.cat(parts, dim=1).tolist()]


def as_list(paths: Sequence[Trajectory]) -> list[tuple[float, ...]]:
    """The result of `rows` for a batch of all transitions of some trajectories."""
    fields = ("observations", "actions", "rewards", "next_observations", "terminals")
    return rows(Batch(*(torch.from_numpy(np.concatenate([getattr(p, name) for p in paths])) for name in fields)))


@given(
    max_size=st.integers(1, 12),
    lengths=st.lists(st.integers(1, 15), min_size=1, max_size=8),
    wanted=st.integers(1, 20),
    broken=st.sets(st.integers(0, 7)),
)
def test_the_buffer_keeps_the_most_recent_transitions(
    max_size: int, lengths: list[int], wanted: int, broken: set[int]
) -> None:
    paths = numbered(lengths)
    for n in broken & set(range(len(paths))):  # these episodes are no chains (see `Trajectory.is_chain`)
        paths[n] = replace(paths[n], next_observations=paths[n].observations + 0.5)
    buffer, expected = filled(max_size, paths[:1]), as_list(paths)[-max_size:]
    buffer.add_rollouts(paths[1:])
    assert len(buffer) == len(expected)
    assert rows(buffer.sample_recent_data(wanted)) == expected[-wanted:]
    assert set(rows(buffer.sample_random_data(300))) == set(expected)


def test_stored_transitions_and_batches_share_no_memory() -> None:
    path = make_trajectory(4)
    buffer = filled(10, [path])
    path.rewards[:] = path.next_observations[:] = 99
    batch = buffer.sample_recent_data(4)
    batch.rewards[:] = batch.next_observations[:] = 77
    assert buffer.sample_recent_data(4).rewards.tolist() == [0, 1, 2, 3]
    assert buffer.sample_recent_data(1).next_observations.tolist() == [[4, 4, 4]]


def test_images_are_stored_once_and_keep_their_dtype() -> None:
    """20,000 frames in episodes of 100 take at most 1.1 times their bytes."""
    rng, steps = np.random.default_rng(0), 100
    # The buffer must not allocate memory for its maximal size at once: this would be more than a petabyte.
    buffer = ReplayBuffer(10**12, rng)
    for _ in range(200):
        states = rng.integers(0, 256, (steps + 1, 24, 24, 3), dtype=np.uint8)
        path = make_trajectory(steps, observations=states[:-1], next_observations=states[1:])
        buffer.add_rollouts([path])
    arrays: list[Any] = [*buffer._arrays, *buffer._last_observations.values()]
    wholes = {id(whole): whole for array in arrays for whole in [array if array.base is None else array.base]}
    assert sum(whole.nbytes for whole in wholes.values()) <= 1.1 * 20_000 * 24 * 24 * 3
    batch = buffer.sample_recent_data(steps)
    assert batch.observations.dtype == batch.next_observations.dtype == torch.uint8
    np.testing.assert_array_equal(batch.observations, path.observations)
    np.testing.assert_array_equal(batch.next_observations, path.next_observations)


def test_dtypes_and_device_of_a_batch() -> None:
    buffer = ReplayBuffer(10, np.random.default_rng(0), torch.device("meta"))  # the device "meta" stands in for a GPU
    buffer.add_rollouts([make_trajectory(3, actions=np.array([2, 0, 1]))])
    batch = buffer.sample_random_data(3)
    assert {field.device.type for field in batch} == {"meta"}
    assert [field.dtype for field in batch] == [torch.float32, torch.int64, torch.float32, torch.float32, torch.bool]


def test_an_empty_buffer_and_trajectories_of_other_shapes_raise_errors_and_change_nothing() -> None:
    buffer = filled(100, [])
    for sample in (buffer.sample_random_data, buffer.sample_recent_data):
        with pytest.raises(ValueError, match=r"high <= 0|not enough values"):
            sample(1)
    for stored in (0, 4):
        for other in ({"ob_dim": 4}, {"ac_dim": 1}, {"actions": np.arange(2)}):
            with pytest.raises(ValueError, match="does not fit the buffer's"):
                buffer.add_rollouts([make_trajectory(4), make_trajectory(2, **other)])
            assert len(buffer) == stored
        buffer.add_rollouts([make_trajectory(4)])
