"""Environments of the old ``gym`` package under Gymnasium's API, converted by shimmy."""

import contextlib
import importlib
import inspect
import io
from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from cs285.errors import InvalidInput

PREFIX = "gym:"


def make_old_gym_env(env_id: str, render: bool, env_kwargs: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """Make the environment ``env_id``, without `PREFIX`, that gym 0.21 to 0.26 registers."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # suppress gym's notice that it is unmaintained
            gym, shimmy = map(importlib.import_module, ("gym", "shimmy.openai_gym_compatibility"))
    except ImportError as error:
        raise InvalidInput(f"{PREFIX}{env_id} needs two packages: pip install gym==0.26.2 shimmy==2.0.1") from error
    gym.logger.set_level(gym.logger.ERROR)  # gym warns of its own deprecations at every reset
    parameters = inspect.signature(gym.make).parameters
    options = dict(env_kwargs)
    if "disable_env_checker" in parameters:  # the checker needs numpy 1
        options.setdefault("disable_env_checker", True)
    mode = {"render_mode": "rgb_array"} if render else {}
    env: gymnasium.Env[Any, Any]
    if "apply_api_compatibility" in parameters:  # gym 0.26: step returns five values
        env = shimmy.GymV26CompatibilityV0(env_id, options | mode)
    else:
        env = shimmy.GymV21CompatibilityV0(env_id, options, **mode)
    env.metadata = {"render_fps": env.metadata.get("video.frames_per_second"), **env.metadata}
    env.spec = EnvSpec(id=env_id, max_episode_steps=env.spec.max_episode_steps if env.spec else None)
    return env
