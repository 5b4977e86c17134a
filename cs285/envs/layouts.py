"""Observation layouts that differ between versions of one task, and their conversion.

A layout is an array of indices: its i-th entry is the place of the layout's i-th number in the task's largest
observation. Ant's largest observation has 27 positions and velocities, then six contact forces for each of 14 bodies;
Ant-v5 omits the six forces of the world body. Humanoid's largest observation has 45 positions and velocities, then
inertias, velocities and forces of its bodies and joints; from the latter, Humanoid-v5 omits the numbers of the world
body and of the root joint, which are always zero.
"""

from collections.abc import Mapping

import numpy as np

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.process import print_notice

# Indices that v5 omits. Ant: cfrc_ext of the world body. Humanoid: cinert and cvel of the world body, qfrc_actuator of
# the root joint, cfrc_ext of the world body.
_ANT_OMITTED, _HUMANOID_OMITTED = np.arange(27, 33), np.r_[45:55, 185:191, 269:275, 292:298]
LAYOUTS: Mapping[str, Mapping[int, Array]] = {
    "Ant": {27: np.arange(27), 105: np.delete(np.arange(111), _ANT_OMITTED), 111: np.arange(111)},
    "Humanoid": {45: np.arange(45), 348: np.delete(np.arange(376), _HUMANOID_OMITTED), 376: np.arange(376)},
}


def task_of(env_name: str) -> str:
    """The task's name in an id: ``Ant`` in ``Ant-v5`` and in ``module:namespace/Ant-v5``."""
    return env_name.rpartition(":")[2].rpartition("/")[2].partition("-")[0]


def convert_observations(observations: Array, env_name: str, ob_dim: int) -> Array:
    """Convert observations (..., n) to the layout with ``ob_dim`` numbers: (..., ob_dim) of the same dtype.

    Numbers that the layout of size n lacks are set to 0. The task must have both layouts, as `print_conversion` checks.
    """
    if (size := observations.shape[-1]) == ob_dim:
        return observations
    layouts = LAYOUTS[task_of(env_name)]
    largest = np.zeros((*observations.shape[:-1], max(layouts)), observations.dtype)
    largest[..., layouts[size]] = observations
    return largest[..., layouts[ob_dim]]


def print_conversion(env_name: str, size: int, ob_dim: int, what: str) -> None:
    """Print that observations are converted and how many numbers are set to 0; print nothing if the sizes are equal.

    ``what`` begins the line. Raises InvalidInput unless the sizes are equal or both are layouts of the task.
    """
    if size == ob_dim:
        return
    layouts = LAYOUTS.get(task_of(env_name), {})
    if not {size, ob_dim} <= layouts.keys():
        known = f"; sizes known to convert: {' and '.join(map(str, layouts))}" if layouts else ""
        refused = f"{size} numbers can't be converted to {ob_dim} numbers ({env_name}{known})"
        raise InvalidInput(f"{what}: observations of {refused}")
    missing = len(np.setdiff1d(layouts[ob_dim], layouts[size]))
    filled = f" ({missing} of them set to 0)" if missing else ""
    print_notice(f"{what}: converting {task_of(env_name)} observations from {size} to {ob_dim} numbers{filled}")
