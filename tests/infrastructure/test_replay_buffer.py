"""The ring of transitions against a plain list."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs285.infrastructure.replay_buffer import ReplayBuffer
from tests.fakes import make_trajectory


def filled(max_size: int, lengths: list[int], at_once: bool = False, seed: int = 0) -> ReplayBuffer:
    """A buffer that was given episodes of these lengths, whose transitions are numbered 0, 1, 2, ..."""
    starts = np.cumsum([0, *lengths])
    paths = [make_trajectory(length, start) for length, start in zip(lengths, starts, strict=False)]
    buffer = ReplayBuffer(max_size, np.random.default_rng(seed))
    for group in [paths] if at_once else [[path] for path in paths]:
        buffer.add_rollouts(group)
    return buffer


@given(
    max_size=st.integers(1, 12),
    lengths=st.lists(st.integers(1, 15), min_size=1, max_size=8),
    wanted=st.integers(1, 20),
    at_once=st.booleans(),
)
def test_it_holds_what_the_end_of_a_list_holds(max_size: int, lengths: list[int], wanted: int, at_once: bool) -> None:
    buffer = filled(max_size, lengths, at_once)
    model = list(range(sum(lengths)))[-max_size:]
    assert len(buffer) == len(model)
    recent = buffer.sample_recent_data(wanted)
    assert recent.rewards.tolist() == model[-wanted:]
    drawn = buffer.sample_random_data(300).rewards.tolist()
    assert set(drawn) == set(model)


@given(max_size=st.integers(1, 12), rounds=st.integers(1, 3), parts=st.integers(1, 4))
def test_exactly_full(max_size: int, rounds: int, parts: int) -> None:
    per_round = [len(part) for part in np.array_split(np.arange(max_size), parts) if len(part)]
    buffer = filled(max_size, per_round * rounds)
    assert len(buffer) == max_size
    newest = list(range(max_size * (rounds - 1), max_size * rounds))
    assert buffer.sample_recent_data(max_size).rewards.tolist() == newest


def test_the_numbers_of_a_transition_stay_together() -> None:
    batch = filled(50, [7, 9, 20]).sample_random_data(100)
    torch.testing.assert_close(batch.observations, batch.rewards[:, None].expand(-1, 3))
    torch.testing.assert_close(batch.actions, -batch.rewards[:, None].expand(-1, 2))
    torch.testing.assert_close(batch.next_observations, batch.observations + 1)


def test_terminals_mark_terminations_only() -> None:
    buffer = ReplayBuffer(10, np.random.default_rng(0))
    buffer.add_rollouts([make_trajectory(3, terminated=True), make_trajectory(2, terminated=False)])
    assert buffer.sample_recent_data(10).terminals.tolist() == [False, False, True, False, False]


def test_every_transition_is_drawn_equally_often() -> None:
    drawn = filled(8, [5, 6]).sample_random_data(8000).rewards.int()
    counts = torch.bincount(drawn)[3:]
    assert len(counts) == 8
    assert ((counts - 1000).abs() < 5 * np.sqrt(1000)).all()


def test_the_generator_decides_what_is_drawn() -> None:
    one, other, another = (filled(100, [90], seed=seed).sample_random_data(20).rewards for seed in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, another)


def test_batches_are_those_of_drawing_them_one_by_one() -> None:
    """Indices are drawn ahead, but never further than the data and the batch's size stay the same."""
    buffer, rng = filled(100, [90], seed=3), np.random.default_rng(3)
    for _ in range(250):  # more than are drawn at once
        assert buffer.sample_random_data(100).rewards.tolist() == rng.integers(90, size=100).tolist()
    assert len(buffer.sample_random_data(7).rewards) == 7
    buffer.add_rollouts([make_trajectory(5, 90)])
    assert max(buffer.sample_random_data(100).rewards.tolist() + buffer.sample_random_data(100).rewards.tolist()) > 89


def test_it_keeps_copies_and_gives_copies() -> None:
    path = make_trajectory(4)
    buffer = ReplayBuffer(10, np.random.default_rng(0))
    buffer.add_rollouts([path])
    path.rewards[:] = 99
    buffer.sample_recent_data(4).rewards[:] = 77
    assert buffer.sample_recent_data(4).rewards.tolist() == [0, 1, 2, 3]


def test_discrete_actions_stay_integers() -> None:
    buffer = ReplayBuffer(10, np.random.default_rng(0))
    buffer.add_rollouts([make_trajectory(3, actions=np.array([2, 0, 1]))])
    actions = buffer.sample_recent_data(3).actions
    assert actions.dtype == torch.int64
    assert actions.tolist() == [2, 0, 1]


def test_other_sizes_are_refused_and_leave_the_buffer_as_it_was() -> None:
    buffer = filled(10, [4])
    for wrong in (make_trajectory(2, ob_dim=4), make_trajectory(2, ac_dim=1), make_trajectory(2, actions=np.arange(2))):
        with pytest.raises(ValueError, match="do not fit the buffer's"):
            buffer.add_rollouts([wrong])
    assert buffer.sample_recent_data(10).rewards.tolist() == [0, 1, 2, 3]


def test_an_empty_buffer_says_so() -> None:
    buffer = ReplayBuffer(10, np.random.default_rng(0))
    assert len(buffer) == 0
    for sample in (buffer.sample_random_data, buffer.sample_recent_data):
        with pytest.raises(ValueError, match="empty"):
            sample(1)


def test_memory_is_taken_as_it_is_needed() -> None:
    buffer = ReplayBuffer(10**12, np.random.default_rng(0))  # all of it would be 30 TB
    for _ in range(50):
        buffer.add_rollouts([dataclasses.replace(make_trajectory(10))])
    assert len(buffer) == 500
