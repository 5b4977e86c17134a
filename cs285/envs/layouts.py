"""The observation layouts of one task that differ between versions of its environment.

A layout is the indices of its numbers in the task's fullest one. Ant has 27 numbers of
position and velocity, then contact forces, six for each of 14 bodies; v5 leaves out the
world body's. Humanoid has 45 of position and velocity, then inertias, velocities and forces of
its bodies; v5 leaves out the constant zeros of the world body and of the root's actuators.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput

_ANT_WORLD_CONTACTS = np.arange(27, 33)
_HUMANOID_CONSTANT_ZEROS = np.concatenate(
    [
        np.arange(45, 55),  # the world body's ten numbers of cinert
        np.arange(185, 191),  # its six of cvel
        np.arange(269, 275),  # the root's six of qfrc_actuator
        np.arange(292, 298),  # the world body's six of cfrc_ext
    ]
)

LAYOUTS: Mapping[str, Mapping[int, Array]] = {
    "Ant": {
        27: np.arange(27),
        105: np.delete(np.arange(111), _ANT_WORLD_CONTACTS),
        111: np.arange(111),
    },
    "Humanoid": {
        45: np.arange(45),
        348: np.delete(np.arange(376), _HUMANOID_CONSTANT_ZEROS),
        376: np.arange(376),
    },
}


def task_of(env_name: str) -> str:
    """``Ant`` of ``Ant-v5``, and of ``module:namespace/Ant-v5``."""
    return env_name.rpartition(":")[2].rpartition("/")[2].partition("-")[0]


def convert_observations(observations: Array, env_name: str, ob_dim: int) -> Array:
    """Bring observations from one known layout of a task into another.

    Args:
        observations: (..., n), n numbers in one of the task's layouts.
        env_name: the environment's id; the part before ``-v`` names the task.
        ob_dim: the size of the layout wanted.

    Returns:
        (..., ob_dim), the same dtype. Numbers that the first layout lacks are 0.

    Raises:
        InvalidInput: when either size is not a layout of the task.
    """
    size = observations.shape[-1]
    check_convertible(env_name, size, ob_dim, what="observations")
    if size == ob_dim:
        return observations
    layouts = LAYOUTS[task_of(env_name)]
    fullest = np.zeros((*observations.shape[:-1], max(layouts)), observations.dtype)
    fullest[..., layouts[size]] = observations
    return fullest[..., layouts[ob_dim]]


def check_convertible(env_name: str, size: int, ob_dim: int, what: str) -> None:
    """Refuse two observation sizes that are neither equal nor known layouts of one task.

    Raises:
        InvalidInput: with both sizes, ``what`` has the first one, and the layouts known.
    """
    layouts = LAYOUTS.get(task_of(env_name), {})
    if size == ob_dim or (size in layouts and ob_dim in layouts):
        return
    known = " and ".join(str(n) for n in layouts)
    convertible = f"; sizes known to convert for {task_of(env_name)}: {known}" if known else ""
    raise InvalidInput(f"{what}: observations of {size} numbers, but {env_name} has {ob_dim}{convertible}")


def conversion_notice(what: str, env_name: str, size: int, ob_dim: int) -> str:
    """One line that says what is converted, and whether numbers are made up."""
    layouts = LAYOUTS[task_of(env_name)]
    missing = len(np.setdiff1d(layouts[ob_dim], layouts[size]))
    filled = f" ({missing} of them set to 0)" if missing else ""
    return f"{what}: converting {task_of(env_name)} observations from {size} to {ob_dim} numbers{filled}"
