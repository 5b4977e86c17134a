"""Environments of the old gym package under Gymnasium's API.

``step`` returns 5-tuples in gym 0.26, and 4-tuples in gym 0.21 to 0.25.
"""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import sample_trajectory
from tests.fakes import FakePolicy

gym = pytest.importorskip("gym")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
STEPS = 7


class OldEnv(gym.Env):  # type: ignore[misc]
    """An environment of gym 0.21: ``step`` returns four values, ``seed`` is a method, ``render`` takes the mode."""

    metadata = {"video.frames_per_second": 50}  # noqa: RUF012 - gym reads this attribute
    observation_space, action_space = gym.spaces.Box(-1, 1, (3,)), gym.spaces.Box(-1, 1, (2,))
    spec = SimpleNamespace(max_episode_steps=STEPS)
    ends_by = "time"

    def seed(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> Any:
        self.steps = 0
        return self.rng.normal(size=3)

    def step(self, action: Any) -> Any:
        self.steps += 1
        done = self.steps >= STEPS
        return self.rng.normal(size=3), 1.5, done, {"TimeLimit.truncated": done and self.ends_by == "time"}

    def render(self, mode: str = "human") -> Any:
        return np.full((8, 8, 3), 9, np.uint8) if mode == "rgb_array" else None


@pytest.mark.parametrize("ends_by", ["time", "a fall"])
def test_four_values_of_step_become_five(ends_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OldEnv, "ends_by", ends_by)
    monkeypatch.setattr(gym, "make", lambda env_id: OldEnv())
    env, spec = make_env("gym:Old-v0", ep_len=100, render=True)
    assert (spec.ob_shape, spec.ac_dim, spec.discrete, spec.time_limit, spec.fps) == ((3,), 2, False, STEPS, 50)
    policy = FakePolicy(lambda observations: observations[:, :2])
    first, again, other = (sample_trajectory(env, spec, policy, seed) for seed in (5, 5, 6))
    assert (first.terminated, first.truncated) == (ends_by == "a fall", ends_by == "time")
    assert first.total_reward == 1.5 * STEPS
    assert np.array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations, other.observations)
    assert np.shape(env.render()) == (8, 8, 3)


def test_gyms_own_tasks_run_and_render_with_numpy_2() -> None:
    env, spec = make_env("gym:CartPole-v1", render=True)
    assert (spec.ob_shape, spec.ac_dim, spec.discrete, spec.time_limit, spec.fps) == ((4,), 2, True, 500, 50)
    policy, frames = FakePolicy(lambda observations: np.ones(1, np.int64)), []
    first, again = (sample_trajectory(env, spec, policy, 5, frames.append) for _ in range(2))
    assert first.terminated
    assert np.array_equal(first.observations, again.observations)
    assert frames[0].shape == (400, 600, 3)


def test_what_gym_cannot_make_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"can't make 'gym:Nosuch-v0': .*doesn't exist"):
        make_env("gym:Nosuch-v0")
    monkeypatch.setitem(sys.modules, "gym", None)
    with pytest.raises(InvalidInput, match=r"pip install gym==0\.26\.2 shimmy"):
        make_env("gym:Old-v0")
