"""The -v2 tasks on the official bindings: sizes, masses, contacts, costs, and the returns of the course's experts."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from cs285.envs.make_env import V2_IDS, make_env
from cs285.envs.mujoco_v2 import give_old_margins
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.loaded_gaussian_policy import load_expert

SIZES = {"Ant-v2": (111, 8), "HalfCheetah-v2": (17, 6), "Hopper-v2": (11, 3), "Walker2d-v2": (17, 6)}
SIZES["Humanoid-v2"] = (376, 17)
# Mean returns of the course's experts of fall 2020.
RECORDED = {"Ant-v2": 4713.65, "HalfCheetah-v2": 4205.78, "Hopper-v2": 3772.67}


def test_sizes_time_limit_and_reset() -> None:
    assert {*V2_IDS} == {*SIZES}
    for env_name, sizes in SIZES.items():
        env, spec = make_env(env_name)
        assert (spec.ob_dim, spec.ac_dim, spec.max_episode_steps) == (*sizes, 1000)
        observation, _ = env.reset(seed=0)
        assert observation.shape == spec.ob_shape
        if env_name in ("Ant-v2", "Humanoid-v2"):  # the state has a quaternion, which is normalised
            assert np.linalg.norm(observation[1:5]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("env_name", RECORDED)
def test_the_courses_experts_reach_their_recorded_returns(course: Path, env_name: str) -> None:
    env, spec = make_env(env_name)
    expert = load_expert(course / "experts" / f"{env_name[:-3]}.pkl", env_name, spec)
    returns = [sample_trajectory(env, spec, expert, seed).total_reward for seed in range(2)]
    assert np.mean(returns) == pytest.approx(RECORDED[env_name], rel=0.04)


@pytest.mark.parametrize("env_name", V2_IDS)
def test_a_capsule_weighs_as_a_cylinder_half_a_radius_longer_at_either_end(env_name: str) -> None:
    task: Any = make_env(env_name)[0].unwrapped
    model, today = task.model, mujoco.MjModel.from_xml_path(task.fullpath)
    kinds, radius, half = model.geom_type, model.geom_size[:, 0], model.geom_size[:, 1]
    capsules, spheres = kinds == mujoco.mjtGeom.mjGEOM_CAPSULE, kinds == mujoco.mjtGeom.mjGEOM_SPHERE
    volume = np.select([capsules, spheres], [np.pi * radius**2 * (2 * half + radius), 4 / 3 * np.pi * radius**3])
    volumes = np.bincount(model.geom_bodyid, volume, minlength=model.nbody)
    density = model.body_mass[1:] / volumes[1:]
    assert density == pytest.approx(density[0], rel=1e-9)
    assert np.abs(model.body_mass / np.maximum(today.body_mass, 1e-9) - 1)[1:].max() > 0.01
    # The model's field body_invweight0 is computed again from the new masses.
    assert np.abs(model.body_invweight0 - today.body_invweight0).max() > 1e-3
    if env_name == "HalfCheetah-v2":  # the expected masses are those of the original engine, mujoco-py
        assert model.body_mass.sum() == pytest.approx(14, rel=1e-12)
    if env_name == "Humanoid-v2":
        assert model.body("torso").mass[0] == pytest.approx(8.322, abs=1e-3)
        assert model.body("right_thigh").mass[0] == pytest.approx(4.52556, abs=1e-5)
    for field in ("geom_type", "geom_size", "geom_pos", "geom_quat"):
        assert np.array_equal(getattr(model, field), getattr(today, field))
    at_centre = (model.body_ipos == 0).all(axis=1)
    # The model's field body_sameframe is not computed again. It stays right only if the same bodies as before have
    # their centre of mass at the origin of their frame.
    assert np.array_equal(at_centre, (today.body_ipos == 0).all(axis=1))


@pytest.mark.parametrize("env_name", V2_IDS)
def test_a_contact_has_the_margin_of_one_of_its_geoms(env_name: str) -> None:
    task: Any = make_env(env_name)[0].unwrapped
    if env_name == "Ant-v2":  # Ant-v2 has today's margins unless this call replaces them
        give_old_margins(task.model)
    task.reset(seed=0)
    for _ in range(60):
        task.step(np.zeros(task.model.nu))
    assert task.data.ncon > 0
    assert task.data.contact.includemargin == pytest.approx(mujoco.MjModel.from_xml_path(task.fullpath).geom_margin[0])


def test_humanoid_is_charged_for_the_clamped_control_and_the_others_for_the_raw_action() -> None:
    for env_name, term, weight, bound in (
        ("Humanoid-v2", "reward_quadctrl", 0.1, 0.4),
        ("Ant-v2", "reward_ctrl", 0.5, np.inf),
        ("HalfCheetah-v2", "reward_ctrl", 0.1, np.inf),
    ):
        env, spec = make_env(env_name)
        env.reset(seed=0)
        action = np.linspace(-3, 3, spec.ac_dim)
        assert env.step(action)[4][term] == pytest.approx(-weight * np.sum(np.clip(action, -bound, bound) ** 2))


def test_ants_reward_is_the_sum_of_its_terms_without_a_cost_of_contacts() -> None:
    env, spec = make_env("Ant-v2")
    env.reset(seed=0)
    forces = []
    for _ in range(30):
        observation, reward, *_, info = env.step(np.zeros(spec.ac_dim))
        forces.append(np.abs(observation[27:]).max())
        terms = [info[name] for name in ("reward_forward", "reward_ctrl", "reward_contact", "reward_survive")]
        assert reward == pytest.approx(sum(terms))
        assert info["reward_contact"] == 0
    assert max(forces) == 1
