"""The course's -v2 tasks under their own ids, on either of MuJoCo's bindings."""

from __future__ import annotations

import contextlib
import functools
import io
import multiprocessing
import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import gymnasium as gym

Backend: TypeAlias = Literal["mujoco", "mujoco_py"]

V2_MODULES: Mapping[str, str] = {
    "Ant": "ant",
    "HalfCheetah": "half_cheetah",
    "Hopper": "hopper",
    "Walker2d": "walker2d",
    "Humanoid": "humanoid",
}
V2_IDS = tuple(f"{task}-v2" for task in V2_MODULES)
MAX_EPISODE_STEPS = 1000
ENTRY_POINTS: Mapping[Backend, str] = {
    "mujoco": "cs285.envs.mujoco_v2:{task}Env",
    "mujoco_py": "gymnasium_robotics.envs.mujoco.{module}_v2:{task}Env",
}
# Ant observes contact forces, as in the course's data; MuJoCo 2.0 and 2.1 made them 0, and so their cost.
ANT_OPTIONS: Mapping[str, Any] = {"use_contact_forces": True, "contact_cost_weight": 0.0}


def register_v2_tasks(backend: Backend) -> None:
    """Put the tasks in the place of Gymnasium's own -v2 ids, which only raise an error.

    Args:
        backend: whose physics they get. ``mujoco_py`` needs an interpreter that has it.
    """
    if backend == "mujoco_py":
        news = io.StringIO()  # of glfw modules, and of robot hands
        with contextlib.redirect_stdout(news), contextlib.redirect_stderr(news):
            import gymnasium_robotics  # noqa: F401 - registers ids of its own, so it comes first
            import mujoco_py  # noqa: F401
    for task, module in V2_MODULES.items():
        gym.registry.pop(f"{task}-v2", None)
        gym.register(
            id=f"{task}-v2",
            entry_point=ENTRY_POINTS[backend].format(task=task, module=module),
            max_episode_steps=MAX_EPISODE_STEPS,
            kwargs=dict(ANT_OPTIONS) if task == "Ant" and backend == "mujoco" else {},
        )


@functools.cache
def tell_what_it_is(env_name: str) -> None:
    """Say on stderr, once for a run, which physics a -v2 task has on the official bindings."""
    if multiprocessing.parent_process() is None:
        print(
            f"{env_name}: on today's MuJoCo, with the masses, contacts and rewards it had on mujoco-py "
            "(--backend mujoco_py runs the original)",
            file=sys.stderr,
        )
