"""Adapter for environments that deviate from Gymnasium's interface."""

import inspect
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete

from cs285.errors import InvalidInput, Stopped, describe
from cs285.process import users_code


class Interface(gym.Wrapper[Any, Any, Any, Any]):
    """Wrapper that gives an environment Gymnasium's interface; its error messages name the task and the step.

    In the wrapped environment, rewards and Box observations may be lists or have further axes of length 1, ``reset``
    may lack arguments or return no ``info``, and ``step`` may return the four values of the old gym package. The
    environment's ``step`` gets discrete actions as numpy integers.
    """

    def __init__(self, env: gym.Env[Any, Any], env_name: str) -> None:
        super().__init__(env)
        self._name, self._steps = env_name, 0
        self._seed: int | None = None
        self._discrete = isinstance(env.action_space, Discrete)
        self._shape = env.observation_space.shape if isinstance(env.observation_space, Box) else None

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        """The environment's own spec, which does not list this wrapper."""
        return self.env.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; if the environment's ``reset`` has no argument ``seed``, seed its attribute np_random."""
        self._steps, self._seed, result = 0, seed, None
        arguments: dict[str, Any] = {} if options is None else {"options": options}
        try:
            accepted = inspect.signature(self.env.reset).parameters.values()
            if any(parameter.name == "seed" or parameter.kind is parameter.VAR_KEYWORD for parameter in accepted):
                arguments["seed"] = seed
            else:
                self.unwrapped.np_random = np.random.default_rng(seed)
                getattr(self.unwrapped, "seed", lambda seed: None)(seed)  # environments of old gym have a method seed
            with users_code():
                result = self.env.reset(**arguments)
            with_info = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict | None)
            observation, info = result if with_info else (result, {})
            return self._observation(observation), info or {}
        except Exception as error:
            self._raise_named(error, "reset", result)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step, and return the five values of `gymnasium.Env.step`."""
        self._steps, result = self._steps + 1, None
        try:
            result = self.env.step(np.int64(action) if self._discrete else action)
            if len(result) == 4:
                observation, reward, done, info = result
                truncated = bool(done and info.get("TimeLimit.truncated"))
                terminated = done and not truncated
            else:
                observation, reward, terminated, truncated, info = result
            if isinstance(reward, (list, np.ndarray)):
                reward = np.reshape(reward, ()).item()
            return self._observation(observation), float(reward), bool(terminated), bool(truncated), info
        except BaseException as error:
            self._raise_named(error, f"step {self._steps - 1}", result)

    def _observation(self, observation: Any) -> Any:
        if self._shape is None:
            return observation
        array = np.asarray(observation)
        if array.dtype.kind not in "fiub" or [*array.squeeze().shape] != [size for size in self._shape if size != 1]:
            raise ValueError(f"the observation is {array.dtype} {array.shape}, but observation_space has {self._shape}")
        return array.reshape(self._shape)

    def _raise_named(self, error: BaseException, method: str, result: Any) -> NoReturn:
        if isinstance(error, InvalidInput | Stopped | KeyboardInterrupt):  # InvalidInput already names the task
            raise error
        why = describe(error) if result is None else f"{error}; it returned {result!r:.300}"
        raise InvalidInput(f"{self._name}, {method} of the episode with seed {self._seed}: {why}") from error


def convert_interface(env: gym.Env[Any, Any], env_name: str) -> gym.Env[Any, Any]:
    """Insert an `Interface` below the wrappers that ``gym.make`` adds, since they rely on Gymnasium's interface."""
    wrapper = env
    while isinstance(wrapper, gym.Wrapper):
        if isinstance(wrapper, gym.wrappers.OrderEnforcing):
            wrapper.env = Interface(wrapper.env, env_name)
            return env
        wrapper = wrapper.env
    return Interface(env, env_name)


def convert_actions(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Make discrete actions count from 0, and round and clip float actions for a Box of integers or bools."""
    space: Any = env.action_space
    if isinstance(space, Discrete) and space.start != 0:
        return gym.wrappers.TransformAction(env, lambda action: action + space.start, Discrete(int(space.n)))
    if isinstance(space, Box) and space.dtype.kind in "iub":
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        return gym.wrappers.TransformAction(
            env, lambda action: np.clip(np.rint(action), low, high).astype(space.dtype), Box(low, high)
        )
    return env
