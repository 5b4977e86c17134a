"""Training environments of experts: observation layout and action bounds."""

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from cs285.envs.layouts import check_convertible, convert_observations
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings


def make_vec_env(settings: ExpertSettings) -> VecNormalize:
    """Make ``n_envs`` training environments with normalised observations and, except for SAC, normalised rewards."""
    envs = DummyVecEnv([lambda: make_training_env(settings)] * settings.n_envs)
    # Observations are not clipped, since an expert file of the course's format has no limits for them.
    return VecNormalize(envs, norm_reward=settings.algorithm != "SAC", gamma=settings.gamma, clip_obs=np.inf)


def make_training_env(settings: ExpertSettings) -> gym.Env[Any, Any]:
    """Make one environment whose observations are vectors; raise InvalidInput when the settings do not fit the task."""
    env, spec = make_env(settings.env_name)
    name, actions, ob_dim = settings.env_name, env.action_space, settings.ob_dim
    if len(env.observation_space.shape or ()) != 1:
        env = gym.wrappers.FlattenObservation(env)
    if ob_dim is not None:
        check_convertible(name, spec.ob_dim, ob_dim, what=f"--ob_dim {ob_dim}")
        space = gym.spaces.Box(-np.inf, np.inf, (ob_dim,), np.float64)
        env = gym.wrappers.TransformObservation(env, lambda ob: convert_observations(ob, name, ob_dim), space)
    if settings.algorithm == "SAC" and not (isinstance(actions, gym.spaces.Box) and actions.is_bounded()):
        raise InvalidInput(f"--algorithm SAC needs continuous, bounded actions; {name} has {actions}")
    if settings.algorithm != "SAC" and not spec.discrete:
        # PPO and TRPO clip actions to the space. Rollouts do not clip, so training must see the cost of the raw action.
        env.action_space = gym.spaces.Box(-100.0, 100.0, actions.shape, np.float32)
    elif settings.initial_log_std != ExpertSettings.initial_log_std:
        raise InvalidInput(f"--initial_log_std has no effect: the actions of {name} are discrete")
    return env
