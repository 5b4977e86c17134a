"""Environment ids to environments, and the facts of each that the rest needs to know."""

from __future__ import annotations

import difflib
import functools
import math
import os
import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

from cs285.envs.mujoco_py_backend import check_inside
from cs285.envs.old_gym import PREFIX, make_old_gym_env
from cs285.envs.rendering import (
    FRAME_SIZE,
    RENDERING_DISABLED,
    RENDERING_HELP,
    choose_gl_backend,
    import_mujoco,
    prepare_rendering,
)
from cs285.envs.v2_tasks import V2_IDS, Backend, register_v2_tasks, tell_what_it_is
from cs285.errors import InvalidInput

Env: TypeAlias = "gym.Env[Any, Any]"

MAX_VIDEO_FPS = 30
DEFAULT_FPS = 30


@dataclass(frozen=True)
class TaskSpec:
    """Facts of an environment.

    Attributes:
        ob_shape: shape of an observation.
        ob_dtype: dtype of observations in a trajectory: float32 for floats, else the environment's.
        ac_dim: size of an action, or the number of choices when discrete.
        discrete: whether an action is an integer, the index of a choice.
        max_episode_steps: steps after which episodes are truncated.
        fps: steps per second of simulated time.
        time_limit: the environment's own limit in steps; ``max_episode_steps`` is never larger.
    """

    ob_shape: tuple[int, ...]
    ob_dtype: np.dtype[Any]
    ac_dim: int
    discrete: bool
    max_episode_steps: int
    fps: int
    time_limit: int | None = None

    @property
    def ob_dim(self) -> int:
        """The number of values in an observation."""
        return math.prod(self.ob_shape)

    @property
    def frame_stride(self) -> int:
        """Steps between two frames of a video, so that it plays in real time at a usual rate."""
        return max(1, round(self.fps / MAX_VIDEO_FPS))

    @property
    def video_fps(self) -> float:
        """Frames a second of a video of every `frame_stride`-th step."""
        return self.fps / self.frame_stride


class RenderingUnavailable(RuntimeError):
    """No way to render was found on this machine; the message says what would mend it."""


def make_env(
    env_name: str,
    ep_len: int | None = None,
    render: bool = False,
    backend: Backend = "mujoco",
    graphics: bool = True,
) -> tuple[Env, TaskSpec]:
    """Make an environment.

    Args:
        env_name: the id of a registered Gymnasium environment, ``module:id`` included;
            ``gym:id`` is one of the old gym package.
        ep_len: cut episodes after so many steps; None: at the environment's own limit.
        render: whether ``env.render()`` is to give frames, (height, width, 3) uint8.
        backend: the bindings that the -v2 tasks run on.
        graphics: whether this process may be asked to render later; MuJoCo is imported with its graphics then.

    Returns:
        The environment and its facts. Box observations keep their shape; other spaces are flattened to vectors.

    Raises:
        InvalidInput: for an unknown id, a missing dependency or backend, no time limit at all, or spaces
            other than Box observations and Box or Discrete actions.
    """
    if graphics:
        choose_gl_backend()  # before anything imports mujoco
    _silence_mujoco()
    if env_name.startswith(PREFIX):
        env: Env = make_old_gym_env(env_name.removeprefix(PREFIX), render)
    else:
        env = _make_registered(env_name, render, backend)
    limit = env.spec.max_episode_steps if env.spec else None
    if limit is None and ep_len is None:
        env.close()
        raise InvalidInput(f"{env_name} has no time limit of its own; give one with --ep_len")
    _check_spaces(env_name, env)
    if _needs_flattening(env.observation_space):
        env = gym.wrappers.FlattenObservation(env)
    if render:
        prepare_rendering(env)
    return env, _spec_of(env, limit, ep_len)


def check_rendering(env_name: str, backend: Backend = "mujoco") -> None:
    """Render one frame of the environment.

    Raises:
        RenderingUnavailable: when that fails, with one line that says what would mend it.
    """
    try:
        if backend == "mujoco" and _is_mujoco(env_name) and os.environ.get("MUJOCO_GL") == RENDERING_DISABLED:
            raise RuntimeError("MuJoCo was imported without rendering")
        env, _ = make_env(env_name, ep_len=1, render=True, backend=backend)
        try:
            env.reset(seed=0)
            if not isinstance(env.render(), np.ndarray):
                raise RuntimeError("it gives no frames")
        finally:
            env.close()
    except Exception as error:  # each backend has exceptions of its own
        raise RenderingUnavailable(f"can't render {env_name} ({error!r}); {RENDERING_HELP}") from error


def _make_registered(env_name: str, render: bool, backend: Backend) -> Env:
    _prepare_backend(env_name, backend)
    options: dict[str, Any] = {"render_mode": "rgb_array"} if render else {}
    if render and _is_mujoco(env_name):
        options |= {"width": FRAME_SIZE, "height": FRAME_SIZE}
    try:
        with warnings.catch_warnings():  # gymnasium calls every v4 out of date; here it is the course's
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            warnings.filterwarnings("ignore", message=".*Using the latest versioned environment.*")
            warnings.filterwarnings("ignore", message=".*Overriding environment.*")
            warnings.filterwarnings("ignore", message=".*mujoco-py bindings.*")
            return gym.make(env_name, disable_env_checker=True, **options)
    except (gym.error.Error, ImportError, ValueError) as error:
        raise InvalidInput(_why_not_made(env_name, error)) from error


def _prepare_backend(env_name: str, backend: Backend) -> None:
    """Register the -v2 tasks where they are wanted, on the bindings that are wanted."""
    if backend == "mujoco_py":
        check_inside()
        if env_name not in V2_IDS:
            raise InvalidInput(
                f"--backend mujoco_py runs {', '.join(V2_IDS)}, and {PREFIX}<id> of the old gym package; not {env_name}"
            )
        register_v2_tasks(backend)
    elif env_name in V2_IDS:
        register_v2_tasks(backend)
        tell_what_it_is(env_name)


def _is_mujoco(env_name: str) -> bool:
    return env_name in gym.registry and ".mujoco" in str(gym.registry[env_name].entry_point)


def _why_not_made(env_name: str, error: Exception) -> str:
    known = sorted(gym.registry)
    if env_name.endswith("-v2") and f"{env_name[:-1]}4" in known:
        newer = f"{env_name[:-1]}4 or {env_name[:-1]}5"
        return f"{env_name} is not among the -v2 tasks here ({', '.join(V2_IDS)}); use {newer}"
    if env_name in known:
        return f"{env_name} can't be made: {error}"
    lower = {name.lower(): name for name in known}
    close = [lower[name] for name in difflib.get_close_matches(env_name.lower(), lower, n=4, cutoff=0.6)]
    hint = f"; close matches: {', '.join(close)}" if close else ""
    if env_name.endswith("-v2") and not close:
        hint = f"; the -v2 tasks are {', '.join(V2_IDS)}"
    return f"no environment is registered as {env_name!r}{hint}"


def _needs_flattening(space: gym.Space[Any]) -> bool:
    """Whether observations are scalars or structures, such as Discrete or Dict ones."""
    return not space.shape or not isinstance(space, Box)


def _check_spaces(env_name: str, env: Env) -> None:
    observations, actions = env.observation_space, env.action_space
    allowed_actions = (isinstance(actions, Box) and len(actions.shape) == 1) or (
        isinstance(actions, Discrete) and actions.start == 0
    )
    if not observations.is_np_flattenable or not allowed_actions:
        env.close()
        raise InvalidInput(
            f"{env_name} has observations {observations} and actions {actions}; allowed are observations that "
            "Gymnasium can flatten, and one-dimensional Box actions or Discrete ones that count from 0"
        )


def _spec_of(env: Env, time_limit: int | None, ep_len: int | None) -> TaskSpec:
    observations, actions = env.observation_space, env.action_space
    assert isinstance(observations, Box)
    return TaskSpec(
        ob_shape=observations.shape,
        ob_dtype=np.dtype(np.float32) if np.issubdtype(observations.dtype, np.floating) else observations.dtype,
        ac_dim=int(actions.n) if isinstance(actions, Discrete) else actions.shape[0],  # type: ignore[index]
        discrete=isinstance(actions, Discrete),
        max_episode_steps=min(limit for limit in (time_limit, ep_len) if limit is not None),
        fps=int(env.metadata.get("render_fps") or DEFAULT_FPS),
        time_limit=time_limit,
    )


@functools.cache
def _silence_mujoco() -> None:
    """Keep MuJoCo from writing MUJOCO_LOG.TXT into the user's folder and deprecations to stderr.

    Its other warnings, such as an unstable simulation, become Python warnings.
    """
    mujoco = import_mujoco()
    if mujoco is None:  # a task without MuJoCo runs without it
        return

    def warn(message: bytes | str) -> None:
        text = message.decode(errors="replace") if isinstance(message, bytes) else message
        if "deprecated" not in text:
            warnings.warn(f"MuJoCo: {text}", RuntimeWarning, stacklevel=2)

    mujoco.set_mju_user_warning(warn)
