"""Trajectories: shapes, dtypes, pickling, and the properties of an episode."""

import pickle
from typing import Any

import numpy as np
import pytest

from tests.fakes import OB_DIM, make_trajectory


def test_an_episode_has_steps_of_one_shape_and_ends_once() -> None:
    assert make_trajectory(3, terminated=True).terminals.tolist() == [False, False, True]
    assert not make_trajectory(3).terminals.any()
    wrong: list[dict[str, Any]] = [{"steps": 0}, {"rewards": np.zeros(5)}, {"rewards": np.zeros((5, 1), np.float32)}]
    wrong += [{"observations": np.zeros((5, OB_DIM), np.uint8)}, {"next_observations": np.zeros((5, 9), np.float32)}]
    wrong += [{"actions": np.zeros(5, np.float32)}, {"actions": np.zeros((5, 1), np.int64)}]
    for change in wrong:
        with pytest.raises(
            ValueError, match=r"observations \(\d.*\) \w+, actions .*; a trajectory of T >= 1 steps has"
        ):
            make_trajectory(**change)
    with pytest.raises(ValueError, match="was not truncated"):
        make_trajectory(5, terminated=True, truncated=True)


def test_the_return_of_a_long_episode_is_summed_exactly() -> None:
    rewards = np.full(100_001, 0.1, np.float32)
    rewards[0] = 2.0**24  # a float32 sum does not change when 0.1 is added to this reward
    zeros = np.zeros((len(rewards), 1), np.float32)
    trajectory = make_trajectory(rewards=rewards, observations=zeros, next_observations=zeros, actions=zeros)
    assert trajectory.total_reward == pytest.approx(2**24 + 1e4, abs=1)


def test_pickles_have_each_observation_once() -> None:
    states = np.random.default_rng(0).integers(0, 256, (101, 24, 24), dtype=np.uint8)
    for following in (states[1:], states[1:] // 2):
        path = make_trajectory(100, observations=states[:-1], next_observations=following, terminated=True)
        content = pickle.dumps(path)
        assert (len(content) < 1.1 * states.nbytes) == (following.base is states)
        for name, value in vars(pickle.loads(content)).items():
            np.testing.assert_array_equal(value, getattr(path, name))
