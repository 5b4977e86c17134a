"""Trajectories: shapes, dtypes, pickling, and the properties of an episode."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from tests.fakes import AC_DIM, OB_DIM, make_trajectory


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observations": np.zeros((4, OB_DIM), np.float32)}, "must have one shape"),
        ({"next_observations": np.zeros((5, 9), np.float32)}, "must have one shape"),
        (
            {"observations": np.zeros(5, np.float32), "next_observations": np.zeros(5, np.float32)},
            "must have one shape",
        ),
        ({"actions": np.zeros((4, AC_DIM), np.float32)}, "5 observations, 4 actions"),
        ({"actions": np.zeros(5, np.float32)}, r"must be \(T, ac_dim\)"),
        ({"actions": np.zeros((5, 1), np.int64)}, r"\(T,\) when discrete"),
        ({"actions": np.zeros(5, np.int32)}, "actions are int32"),
        ({"actions": np.zeros((5, AC_DIM))}, "actions are float64"),
        ({"observations": np.zeros((5, OB_DIM))}, "observations are float64"),
        ({"rewards": np.zeros(5)}, "rewards are float64"),
        ({"rewards": np.zeros((5, 1), np.float32)}, "rewards of shape"),
        ({"rewards": np.zeros(0, np.float32)}, "at least one step"),
        ({"terminated": True, "truncated": True}, "was not truncated"),
    ],
)
def test_a_wrong_field_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_trajectory(5, **change)


def test_it_cannot_be_changed_and_copies_are_checked() -> None:
    trajectory = make_trajectory(5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        trajectory.rewards = np.zeros(5, np.float32)  # type: ignore[misc]
    with pytest.raises(ValueError, match="one of each per step"):
        dataclasses.replace(trajectory, actions=np.zeros((3, AC_DIM), np.float32))


@pytest.mark.parametrize(("terminated", "terminals"), [(True, [False, False, True]), (False, [False] * 3)])
def test_only_termination_is_terminal(terminated: bool, terminals: list[bool]) -> None:
    assert make_trajectory(3, terminated=terminated).terminals.tolist() == terminals


def test_the_return_of_a_long_episode_is_summed_exactly() -> None:
    rewards = np.full(100_001, 0.1, np.float32)
    rewards[0] = 2.0**24  # in float32, adding 0.1 to this changes nothing
    zeros = np.zeros((len(rewards), 1), np.float32)
    trajectory = make_trajectory(rewards=rewards, observations=zeros, next_observations=zeros, actions=zeros)
    assert trajectory.total_reward == pytest.approx(2**24 + 1e4, abs=1)


def test_integer_observations_of_any_shape_are_kept() -> None:
    images = np.zeros((5, 4, 4, 3), np.uint8)
    assert make_trajectory(5, observations=images, next_observations=images).observations.dtype == np.uint8
    with pytest.raises(ValueError, match="uint8 observations, float32 next_observations"):
        make_trajectory(5, observations=images, next_observations=images.astype(np.float32))


@pytest.mark.parametrize("chained", [True, False])
def test_pickles_have_each_observation_once(chained: bool) -> None:
    states = np.random.default_rng(0).integers(0, 256, (101, 24, 24), dtype=np.uint8)
    following = states[1:] if chained else states[1:] // 2
    path = make_trajectory(100, observations=states[:-1], next_observations=following, terminated=True)
    content = pickle.dumps(path)
    assert (len(content) < 1.1 * states.nbytes) == chained
    same = pickle.loads(content)
    for name, value in vars(path).items():
        np.testing.assert_array_equal(getattr(same, name), value)
