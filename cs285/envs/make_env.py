"""Make environments from their ids, and describe them by a `TaskSpec`."""

import contextlib
import importlib
import inspect
import io
import math
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete

from cs285.data.trajectory import Array
from cs285.envs import rendering
from cs285.envs.interface import Interface, convert_actions, convert_interface
from cs285.envs.mujoco_py_backend import import_mujoco_py
from cs285.errors import InvalidInput, describe
from cs285.process import print_notice, users_code

Env: TypeAlias = "gym.Env[Any, Any]"
Backend: TypeAlias = Literal["mujoco", "mujoco_py"]

MUJOCO_TASKS = ("gymnasium.envs.mujoco", "gymnasium_robotics.", "cs285.envs.mujoco")  # beginnings of module names
OLD_GYM = "gym:"  # prefix of ids of the old gym package
V2_IDS = ("Ant-v2", "HalfCheetah-v2", "Hopper-v2", "Walker2d-v2", "Humanoid-v2")
# Ant observes contact forces, as in the course's data. The weight of their cost is 0, because in MuJoCo 2.0 and 2.1
# the forces, and so their cost, were 0.
ANT_OPTIONS: dict[str, Any] = {"use_contact_forces": True, "contact_cost_weight": 0.0}
FPS = 30  # frames per second that videos aim at, and steps per second of an environment without render_fps


@dataclass(frozen=True)
class TaskSpec:
    """Facts of an environment."""

    ob_shape: tuple[int, ...]
    ob_dtype: np.dtype[Any]  # dtype of observations in a trajectory: float32 for floats, else the environment's dtype
    ac_dim: int  # size of an action, or the number of choices when discrete
    discrete: bool  # whether an action is an integer, the index of a choice
    max_episode_steps: int  # steps after which episodes are truncated
    fps: int  # steps per second of simulated time
    time_limit: int | None = None  # the environment's own limit in steps; ``max_episode_steps`` is never larger
    action_space: Any = None  # a `Box`, or a `Discrete` that counts from 0
    ac_start: int = 0  # the number that the environment gives to the first discrete action

    @property
    def ob_dim(self) -> int:
        """The number of values in an observation."""
        return math.prod(self.ob_shape)

    @property
    def frame_stride(self) -> int:
        """Steps between two video frames, so that the video plays in real time at about 30 frames per second."""
        return max(1, round(self.fps / FPS))

    @property
    def video_fps(self) -> float:
        """Frames per second of a real-time video that shows every `frame_stride`-th step."""
        return self.fps / self.frame_stride


def make_env(
    env_name: str,
    ep_len: int | None = None,
    render: bool = False,
    backend: Backend = "mujoco",
    registration: EnvSpec | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Env, TaskSpec]:
    """Make an environment and its `TaskSpec`; raise InvalidInput if it can't be made, or its spaces are not supported.

    Box observations keep their shape; observations of other spaces are flattened to vectors. Discrete actions count
    from 0. Actions for a Box of integers or bools are rounded and clipped.

    Args:
        env_name: an id of Gymnasium; or ``module:id``, whose module is first imported from the current folder or the
            installed packages; or ``gym:id``, an id of the old gym package.
        ep_len: steps after which episodes are truncated. The environment's own limit applies if it is smaller, or if
            ``ep_len`` is None.
        render: whether ``env.render()`` gives frames, (height, width, 3) uint8.
        backend: MuJoCo bindings of a -v2 task.
        registration: `EnvSpec` of an environment that only another process has registered; None: look up the id.
        env_kwargs: keyword arguments of the environment.
    """
    try:
        with users_code():
            rendering.import_mujoco()
            if env_name.startswith(OLD_GYM):
                env = _make_old_gym_env(env_name.removeprefix(OLD_GYM), render, env_kwargs or {})
            else:
                env = _make_registered(env_name, render, backend, registration, env_kwargs or {})
            env, space = convert_interface(env, env_name), env.observation_space
            has_shape = isinstance(space, Box) and space.shape
            if isinstance(space, gym.Space) and space.is_np_flattenable and not has_shape:
                env = Interface(gym.wrappers.FlattenObservation(env), env_name)
                print_notice(f"{env_name}: observations {space} are flattened to {env.observation_space.shape} numbers")
            if render:
                rendering.prepare_rendering(env)
            start = int(env.action_space.start) if isinstance(env.action_space, Discrete) else 0
            env = convert_actions(env)
            return env, replace(_spec_of(env_name, env, ep_len), ac_start=start)
    except Exception as error:  # raised by this project, Gymnasium, the module or the environment
        why = " ".join(str(error).split()) if isinstance(error, gym.error.Error) else describe(error)
        raise InvalidInput(f"can't make {env_name!r}: {why}") from error


def check_rendering(env_name: str, **options: Any) -> Array:
    """Render a frame of an environment, (height, width, 3) uint8; on failure, InvalidInput says what to install."""
    try:
        env, _ = make_env(env_name, ep_len=1, render=True, **options)
        with contextlib.closing(env):
            if hasattr(env.unwrapped, "mujoco_renderer"):  # else Gymnasium prints a traceback
                importlib.import_module(f"mujoco.{os.environ.get('MUJOCO_GL', 'glfw')}")
            env.reset(seed=0)
            frame: Any = env.render()
            if not isinstance(frame, np.ndarray):
                raise RuntimeError(f"render() returned {frame!r:.100} and not an array")
            return frame
    except Exception as error:  # graphics libraries share no exception class
        spec = options.get("registration") or gym.registry.get(env_name)
        advice = f"; {rendering.advice()}" if spec and str(spec.entry_point).startswith(MUJOCO_TASKS) else ""
        raise InvalidInput(f"can't render {env_name}: {describe(error)}{advice}") from error


def _make_registered(
    env_name: str, render: bool, backend: Backend, registration: EnvSpec | None, env_kwargs: Mapping[str, Any]
) -> Env:
    _register_v2_task(env_name, backend)
    module, colon, env_id = env_name.rpartition(":")
    options: dict[str, Any] = {"render_mode": "rgb_array"} if render else {}
    if colon and registration is None:
        if os.getcwd() not in sys.path:  # Python itself adds only the script's folder
            sys.path.append(os.getcwd())
        importlib.import_module(module)
    spec = registration or gym.registry.get(env_id)
    if render and spec and str(spec.entry_point).startswith(MUJOCO_TASKS):
        options |= {"width": rendering.FRAME_SIZE, "height": rendering.FRAME_SIZE}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(is out of date|the latest versioned|mujoco-py bindings)")
        return gym.make(registration or env_id, **{"disable_env_checker": True, **options, **env_kwargs})


def _register_v2_task(env_name: str, backend: Backend) -> None:
    """Register ``env_name`` for the bindings ``backend`` if it is a -v2 task that the user has not registered.

    Raises InvalidInput if ``backend`` is "mujoco_py" and the task is no -v2 task, or mujoco-py can't be imported.
    """
    if backend == "mujoco_py" and env_name not in V2_IDS:
        raise InvalidInput(f"--backend mujoco_py runs {', '.join(V2_IDS)} and gym:<id>, not {env_name}")
    entry: Any = getattr(gym.registry.get(env_name), "entry_point", "")
    if env_name not in V2_IDS or not getattr(entry, "__module__", entry).startswith(("gymnasium", "cs285.")):
        return
    task = env_name.removesuffix("-v2")
    options: dict[str, Any] = {}
    if backend == "mujoco_py":
        import_mujoco_py()  # before `gym.register` below, since gymnasium_robotics registers the same ids
        file = "half_cheetah" if task == "HalfCheetah" else task.lower()
        module = f"gymnasium_robotics.envs.mujoco.{file}_v2"
    else:
        print_notice(f"{env_name}: on today's MuJoCo, with the physics and rewards of mujoco-py (docs/v2.md)")
        module = "cs285.envs.mujoco_v2"
        options = ANT_OPTIONS if task == "Ant" else {}
    gym.registry.pop(env_name)  # Gymnasium's entry only raises an error
    gym.register(env_name, f"{module}:{task}Env", max_episode_steps=1000, kwargs=options)


def _make_old_gym_env(env_id: str, render: bool, env_kwargs: Mapping[str, Any]) -> Env:
    """Make an environment of the old gym package, version 0.21 to 0.26; ``env_id`` is without the prefix `OLD_GYM`."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # suppress gym's notice that it is unmaintained
            old_gym, shimmy = map(importlib.import_module, ("gym", "shimmy.openai_gym_compatibility"))
    except ImportError as error:
        raise InvalidInput(f"{OLD_GYM}{env_id} needs two packages: pip install gym==0.26.2 shimmy==2.0.1") from error
    old_gym.logger.set_level(old_gym.logger.ERROR)  # gym warns of its own deprecations at every reset
    mode = {"render_mode": "rgb_array"} if render else {}
    env: Env
    if "apply_api_compatibility" in inspect.signature(old_gym.make).parameters:  # gym 0.26; step returns five values
        options = {"disable_env_checker": True, **env_kwargs, **mode}  # gym's checker fails with numpy 2
        env = shimmy.GymV26CompatibilityV0(env_id, options)
    else:
        env = shimmy.GymV21CompatibilityV0(env_id, dict(env_kwargs), **mode)
    env.metadata = {"render_fps": env.metadata.get("video.frames_per_second"), **env.metadata}
    env.spec = EnvSpec(id=env_id, max_episode_steps=env.spec.max_episode_steps if env.spec else None)
    return env


def _spec_of(env_name: str, env: Env, ep_len: int | None) -> TaskSpec:
    observations, actions = env.observation_space, env.action_space
    vector = isinstance(actions, Box) and len(actions.shape) == 1
    discrete = isinstance(actions, Discrete)
    if not isinstance(observations, Box) or not (vector or discrete):
        allowed = "observations that Gymnasium can flatten, and one-dimensional Box actions or Discrete ones"
        raise InvalidInput(f"{env_name} has observations {observations} and actions {actions}; allowed are {allowed}")
    time_limit = env.spec.max_episode_steps if env.spec else None
    limits = [limit for limit in (time_limit, ep_len) if limit is not None]
    if not limits:
        raise InvalidInput(f"{env_name} has no time limit of its own; give one with --ep_len")
    return TaskSpec(
        ob_shape=observations.shape,
        ob_dtype=np.dtype(np.float32) if np.issubdtype(observations.dtype, np.floating) else observations.dtype,
        ac_dim=int(actions.n) if discrete else actions.shape[0],  # type: ignore[attr-defined, index]
        discrete=discrete,
        max_episode_steps=min(limits),
        fps=int(env.metadata.get("render_fps") or FPS),
        time_limit=time_limit,
        action_space=actions,
    )
