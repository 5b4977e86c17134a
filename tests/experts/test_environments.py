"""Training environments: observation layout, action bounds and early termination."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings
from tests import fakes

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")

from cs285.experts.environments import make_training_env, make_vec_env

ANT_LIKE = "tests/Ant-v0"


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    gym.register(ANT_LIKE, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT, kwargs={"ob_shape": (27,)})


def episode_length(**settings: Any) -> int:
    """Steps of an episode with seed 0 and actions of 0."""
    env = make_training_env(ExpertSettings(env_name=fakes.POINT, **settings))
    env.reset(seed=0)
    steps, over = 0, False
    while not over:
        _, _, terminated, truncated, _ = env.step(np.zeros(fakes.AC_DIM, np.float32))
        steps, over = steps + 1, terminated or truncated
    return steps


@pytest.mark.parametrize(
    "limit",
    [{"min_height": 99.0}, {"max_height": -99.0}],
    ids=["min_height", "max_height"],
)
def test_leaving_the_range_terminates_an_episode(limit: dict[str, Any]) -> None:
    assert episode_length(**limit) == 1


def test_an_episode_within_the_range_has_its_usual_length() -> None:
    assert episode_length(min_height=-99.0, max_height=99.0) == episode_length() > 1


def test_the_layout_is_converted() -> None:
    assert make_training_env(ExpertSettings(env_name=ANT_LIKE, ob_dim=111)).reset(seed=0)[0].shape == (111,)


def test_observations_of_any_shape_become_vectors() -> None:
    assert make_training_env(ExpertSettings(env_name="tests/Grid-v0")).reset(seed=0)[0].shape == (6,)


def test_actions_beyond_the_bounds_reach_the_task() -> None:
    """The task's reward must see the action that a rollout would take."""
    env = make_training_env(ExpertSettings(env_name=fakes.POINT))
    env.reset(seed=0)
    env.step(np.full(fakes.AC_DIM, 7.0, np.float32))
    point: Any = env.unwrapped
    assert (point.received[0] == 7.0).all()


def test_rewards_are_normalised_for_ppo_only() -> None:
    ppo, sac = (make_vec_env(ExpertSettings(env_name=fakes.POINT, algorithm=name)) for name in ("PPO", "SAC"))
    assert (ppo.norm_reward, sac.norm_reward) == (True, False)
    assert ppo.num_envs == 16


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"env_name": fakes.CHOICE, "algorithm": "SAC"}, ("SAC needs continuous", fakes.CHOICE)),
        ({"env_name": fakes.CHOICE, "initial_log_std": 0.0}, ("--initial_log_std", "discrete")),
        ({"ob_dim": 5}, ("--ob_dim 5", fakes.POINT)),
    ],
)
def test_a_task_that_does_not_fit_is_refused(settings: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_training_env(ExpertSettings(**{"env_name": fakes.POINT, **settings}))
    assert all(part in str(refused.value) for part in parts)
