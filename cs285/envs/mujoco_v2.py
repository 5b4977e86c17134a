"""The physics and rewards of the -v2 tasks on the official MuJoCo bindings.

The -v2 tasks ran on mujoco-py and MuJoCo before 2.1.2. Gymnasium's -v4 tasks have their models, observations and
episodes; the classes here restore what differs:

- A capsule had the mass and inertia of a cylinder (`give_old_inertia`).
- A contact's margin was the larger of its two geoms' margins, not their sum (`give_old_margins`). Ant keeps the sum:
  with the old margin, and with contact forces in the observation that MuJoCo 2.1 left at 0, the course's expert
  falls more often than on the engine itself (docs/v2.md).
- ``data.ctrl``, from which Humanoid's control cost is computed, was clamped to the control range in place.
- Orientations were normalised in place, so a reset drew quaternions of length 1.
- Contact forces were not computed, so their cost was 0. Ant's observation has today's forces, as in the course's data.

One difference remains: RK4 rounds the orientation of a free joint (Ant, Humanoid) differently in its fourth order.

Sources: gymnasium_robotics/envs/mujoco/*_v2.py; MuJoCo's changelog, versions 2.1.2 (capsules) and 2.2.1 (controls);
comparison with the engine.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import ant_v4, half_cheetah_v4, hopper_v4, humanoid_v4, walker2d_v4

INERTIAL_FIELDS = ("body_mass", "body_inertia", "body_ipos", "body_iquat")


def give_old_inertia(model: mujoco.MjModel, xml_path: str) -> None:
    """Set the mass and inertia that MuJoCo before 2.1.2 computed for every body; shapes and contacts stay.

    Args:
        model: compiled from ``xml_path``; changed in place. Data made from it before are out of date.
        xml_path: the model's source.
    """
    spec = mujoco.MjSpec.from_file(xml_path)
    for geom in spec.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_CAPSULE:
            _replace_by_cylinder(geom)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*settotalmass.*")  # used by HalfCheetah's XML
        old = spec.compile()
    for field in INERTIAL_FIELDS:
        getattr(model, field)[:] = getattr(old, field)
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _replace_by_cylinder(capsule: Any) -> None:
    """Turn a capsule into a cylinder that is half a radius longer at either end."""
    capsule.type = mujoco.mjtGeom.mjGEOM_CYLINDER
    radius = capsule.size[0]
    if np.isnan(capsule.fromto[0]):
        capsule.size[1] += radius / 2
        return
    start, end = capsule.fromto[:3], capsule.fromto[3:]
    overhang = (end - start) / np.linalg.norm(end - start) * radius / 2
    capsule.fromto = np.concatenate([start - overhang, end + overhang])


def give_old_margins(model: mujoco.MjModel) -> None:
    """Let contacts begin at the distance at which they began before MuJoCo 3.5.

    Args:
        model: all of whose geoms have the same margin; changed in place.
    """
    assert np.ptp(model.geom_margin) == 0, "halves of different margins don't add up to the larger one"
    if _margins_add_up():
        model.geom_margin[:] /= 2


@functools.cache
def _margins_add_up() -> bool:
    """Whether this MuJoCo gives a contact the sum of its geoms' margins."""
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><geom type='plane' size='1 1 1' margin='1'/>"
        "<body><freejoint/><geom size='1' margin='1'/></body></worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return bool(data.contact.includemargin[0] == 2)


class _OldPhysics:
    """Mixin for a Gymnasium MuJoCo task; the model is changed once, when the task is made."""

    _has_old_margins = True

    def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
        model, _ = super()._initialize_simulation()  # type: ignore[misc]
        give_old_inertia(model, self.fullpath)  # type: ignore[attr-defined]
        if self._has_old_margins:
            give_old_margins(model)
        return model, mujoco.MjData(model)

    def set_state(self, qpos: Any, qvel: Any) -> None:
        """Set the state, with every quaternion normalised."""
        qpos = np.array(qpos, np.float64)
        mujoco.mj_normalizeQuat(self.model, qpos)  # type: ignore[attr-defined]
        super().set_state(qpos, qvel)  # type: ignore[misc]

    def _step_mujoco_simulation(self, ctrl: Any, n_frames: int) -> None:
        low, high = self.model.actuator_ctrlrange.T  # type: ignore[attr-defined]
        super()._step_mujoco_simulation(np.clip(ctrl, low, high), n_frames)  # type: ignore[misc]


class AntEnv(_OldPhysics, ant_v4.AntEnv):
    """Ant-v2; registered with contact forces in the observation and no cost of them."""

    _has_old_margins = False

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Correct Gymnasium's ``info``, which has the contact cost under the control cost's name."""
        observation, reward, terminated, truncated, info = super().step(action)  # type: ignore[no-untyped-call]
        info["reward_ctrl"] = -self.control_cost(action)  # type: ignore[no-untyped-call]
        info["reward_contact"] = -self.contact_cost
        return observation, reward, terminated, truncated, info


class HalfCheetahEnv(_OldPhysics, half_cheetah_v4.HalfCheetahEnv):
    """HalfCheetah-v2."""


class HopperEnv(_OldPhysics, hopper_v4.HopperEnv):
    """Hopper-v2."""


class Walker2dEnv(_OldPhysics, walker2d_v4.Walker2dEnv):
    """Walker2d-v2."""


class HumanoidEnv(_OldPhysics, humanoid_v4.HumanoidEnv):
    """Humanoid-v2; its control cost is computed from the clamped control."""
