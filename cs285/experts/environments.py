"""Training environments of experts: observation layout, action bounds and early termination."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from cs285.envs.layouts import check_convertible, convert_observations
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings


def make_vec_env(settings: ExpertSettings) -> VecNormalize:
    """Make the training environments, with normalised observations and, for PPO, normalised rewards.

    Raises:
        InvalidInput: when the task does not fit the settings.
    """
    envs = DummyVecEnv([lambda: make_training_env(settings)] * settings.n_envs)
    # The course's format has no clipping of observations.
    return VecNormalize(envs, norm_reward=settings.algorithm == "PPO", gamma=settings.gamma, clip_obs=np.inf)


def make_training_env(settings: ExpertSettings) -> gym.Env[Any, Any]:
    """Make one training environment, whose observations are vectors.

    Raises:
        InvalidInput: when the task does not fit ``algorithm``, ``ob_dim``, ``initial_log_std`` or ``max_tilt``.
    """
    env, spec = make_env(settings.env_name, backend=settings.backend)
    name, actions, ob_dim = settings.env_name, env.action_space, settings.ob_dim
    if len(env.observation_space.shape or ()) != 1:
        env = gym.wrappers.FlattenObservation(env)
    if ob_dim is not None:
        check_convertible(name, spec.ob_dim, ob_dim, what=f"--ob_dim {ob_dim}")
        space = gym.spaces.Box(-np.inf, np.inf, (ob_dim,), np.float64)
        env = gym.wrappers.TransformObservation(env, lambda ob: convert_observations(ob, name, ob_dim), space)
    if settings.algorithm == "SAC" and not (isinstance(actions, gym.spaces.Box) and actions.is_bounded()):
        raise InvalidInput(f"--algorithm SAC needs continuous, bounded actions; {name} has {actions}")
    if settings.algorithm == "PPO" and not spec.discrete:
        # PPO clips actions to the space. Rollouts do not clip, so training must see the cost of the raw action.
        wide = gym.spaces.Box(-100.0, 100.0, actions.shape, np.float32)
        env = gym.wrappers.TransformAction(env, lambda action: action, wide)
    elif settings.initial_log_std != ExpertSettings.initial_log_std:
        raise InvalidInput(f"--initial_log_std has no effect: the actions of {name} are discrete")
    if (settings.min_height, settings.max_height, settings.max_tilt) != (None, None, None):
        env = TerminateOutside(env, settings)
    return Monitor(env)


class TerminateOutside(gym.Wrapper[Any, Any, Any, Any]):
    """Terminate episodes in which a walker leaves a range of heights or tilts too far.

    No reward follows a termination, so the policy learns to avoid the states before a fall.
    """

    def __init__(self, env: gym.Env[Any, Any], settings: ExpertSettings) -> None:
        super().__init__(env)
        self._low = -np.inf if settings.min_height is None else settings.min_height
        self._high = np.inf if settings.max_height is None else settings.max_height
        self._min_cosine = None if settings.max_tilt is None else np.cos(np.radians(settings.max_tilt))
        if self._min_cosine is not None and not hasattr(getattr(env.unwrapped, "data", None), "xmat"):
            raise InvalidInput(f"--max_tilt needs a MuJoCo task on the official bindings, not {settings.env_name}")

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and terminate the episode outside the range."""
        ob, reward, terminated, truncated, info = self.env.step(action)
        outside = not self._low <= ob[0] <= self._high
        if self._min_cosine is not None:
            unwrapped: Any = self.env.unwrapped
            # Body 0 is the world; entry 8 of a rotation matrix is the cosine of the tilt.
            outside = outside or unwrapped.data.xmat[1][8] < self._min_cosine
        return ob, reward, bool(terminated or outside), truncated, info
