"""Environments of the old ``gym`` package, any version from 0.17 to 0.26, under Gymnasium's API."""

from __future__ import annotations

import contextlib
import inspect
import io
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec as Registration
from gymnasium.spaces import Box, Discrete

from cs285.errors import InvalidInput

PREFIX = "gym:"


def make_old_gym_env(env_id: str, render: bool = False) -> OldGymEnv:
    """Make an environment that is registered with the old package.

    Args:
        env_id: its id there, without the prefix.
        render: whether ``render`` is to give frames.

    Raises:
        InvalidInput: when the package is missing, or can't make the environment.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # it tells that it is unmaintained
            import gym
    except ImportError as error:
        raise InvalidInput(f"{PREFIX}{env_id} needs the old gym package: pip install gym==0.26.2") from error
    parameters = inspect.signature(gym.make).parameters
    options: dict[str, Any] = {}
    if "disable_env_checker" in parameters:  # the checker uses names that numpy 2 lacks
        options["disable_env_checker"] = True
    renders_as_made = "apply_api_compatibility" in parameters  # since gym 0.26
    if render and renders_as_made:
        options["render_mode"] = "rgb_array"
    try:
        return OldGymEnv(gym.make(env_id, **options), renders_as_made)
    except (gym.error.Error, ImportError) as error:
        raise InvalidInput(f"the old gym package can't make {env_id!r}: {error}") from error


class OldGymEnv(gymnasium.Env[Any, Any]):
    """An old environment, whose ``step`` gives four values or five, and ``reset`` one or two."""

    def __init__(self, env: Any, renders_as_made: bool = True) -> None:
        """Wrap ``env``.

        Args:
            env: the environment.
            renders_as_made: whether its ``render`` takes no mode.

        Raises:
            InvalidInput: when its spaces are neither Box nor Discrete.
        """
        self._env, self._renders_as_made = env, renders_as_made
        self._seeds_in_reset = "seed" in inspect.signature(env.unwrapped.reset).parameters
        self.observation_space = _convert_space(env.observation_space)
        self.action_space = _convert_space(env.action_space)
        fps = env.metadata.get("render_fps", env.metadata.get("video.frames_per_second"))
        self.metadata = {"render_fps": fps}
        self.render_mode = "rgb_array"
        limit = env.spec.max_episode_steps if env.spec else None
        self.spec = Registration(id=env.spec.id if env.spec else "OldGym-v0", max_episode_steps=limit)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """See `gymnasium.Env.reset`."""
        if self._seeds_in_reset:
            result = self._env.reset(seed=seed)
        else:
            if seed is not None:
                self._env.seed(seed)
            result = self._env.reset()
        if isinstance(result, tuple):
            return np.asarray(result[0]), result[1]
        return np.asarray(result), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`; an old time limit is told apart by its mark in ``info``."""
        result = self._env.step(action)
        if len(result) == 5:
            observation, reward, terminated, truncated, info = result
        else:
            observation, reward, done, info = result
            truncated = bool(done and info.get("TimeLimit.truncated", False))
            terminated = done and not truncated
        return np.asarray(observation), float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        """A frame, (height, width, 3) uint8."""
        return self._env.render() if self._renders_as_made else self._env.render("rgb_array")

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def _convert_space(space: Any) -> gymnasium.Space[Any]:
    """Gymnasium's counterpart of an old space; `isinstance` fails across the two packages."""
    kind = type(space).__name__
    if kind == "Box":
        return Box(space.low, space.high, space.shape, space.dtype)
    if kind == "Discrete":
        return Discrete(int(space.n), start=int(getattr(space, "start", 0)))
    raise InvalidInput(f"the old environment has a space {space}; Box and Discrete ones are allowed")
