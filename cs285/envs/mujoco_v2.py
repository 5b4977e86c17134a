"""The physics and rewards of the -v2 tasks on the official MuJoCo bindings.

docs/v2.md lists the differences between these tasks and Gymnasium's -v4 tasks, with the version of MuJoCo that caused
each difference. Ant alone keeps the contact margins of current MuJoCo: it observes contact forces, as in the course's
data, and with the old margins, the course's expert would fall more often than on mujoco-py.

Sources: gymnasium_robotics/envs/mujoco/*_v2.py, MuJoCo's changelog, and comparison with mujoco-py.
"""

import warnings
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import ant_v4, half_cheetah_v4, hopper_v4, humanoid_v4, walker2d_v4


def give_old_inertia(model: mujoco.MjModel, xml_path: str) -> None:
    """Give every body of a model, in place, the mass and inertia that MuJoCo before 2.1.2 computed.

    ``xml_path`` is the file of the model. An `MjData` that was made from the model earlier must be made again.
    """
    spec = mujoco.MjSpec.from_file(xml_path)
    for geom in spec.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_CAPSULE:
            _replace_by_cylinder(geom)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*settotalmass.*")  # HalfCheetah's XML uses this attribute
        old = spec.compile()
    for field in ("body_mass", "body_inertia", "body_ipos", "body_iquat"):
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
    """Give the contacts of a model, in place, the margins that they had before MuJoCo 3.5."""
    assert np.ptp(model.geom_margin) == 0, "halving restores the old margins only if all geoms have the same margin"
    # Since MuJoCo 3.5, the margin of a contact is the sum of its two geoms' margins.
    if tuple(map(int, mujoco.__version__.split(".")[:2])) >= (3, 5):
        model.geom_margin[:] /= 2


class _OldPhysics:
    """Mixin that gives a Gymnasium MuJoCo task the physics of mujoco-py; it changes the model when the task is made."""

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
    """Ant-v2, registered with contact forces in the observation, but without a cost for these forces."""

    _has_old_margins = False

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step, and put the right costs into ``info``; Gymnasium's reward_ctrl would be the contact cost."""
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
    """Humanoid-v2; its control cost is computed from the clipped control."""
