"""The course's -v2 tasks under their own ids, on the official MuJoCo bindings."""

from __future__ import annotations

import functools
import multiprocessing
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

ENTRY_POINT = "cs285.infrastructure.mujoco_v2:{task}Env"
V2_TASKS: Mapping[str, Mapping[str, Any]] = {
    "Ant": {"use_contact_forces": True, "contact_cost_weight": 0.0},
    "HalfCheetah": {},
    "Hopper": {},
    "Walker2d": {},
    "Humanoid": {},
}
V2_IDS = tuple(f"{task}-v2" for task in V2_TASKS)


@functools.cache
def register_v2_tasks() -> None:
    """Put the tasks in the place of Gymnasium's own -v2 ids, which only raise an error."""
    for task, options in V2_TASKS.items():
        gym.registry.pop(f"{task}-v2", None)
        gym.register(
            id=f"{task}-v2",
            entry_point=ENTRY_POINT.format(task=task),
            max_episode_steps=1000,
            kwargs=dict(options),
        )


@functools.cache
def tell_what_it_is(env_name: str) -> None:
    """Say once for a run, on stderr, which physics a -v2 task has here."""
    if multiprocessing.parent_process() is None:
        print(
            f"{env_name}: on today's MuJoCo, with the masses and rewards that the task had on mujoco-py "
            "(--backend mujoco_py runs the original)",
            file=sys.stderr,
        )
