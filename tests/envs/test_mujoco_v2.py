"""The -v2 tasks on the official bindings: sizes, masses, contacts, costs, and that all else treats them as tasks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from cs285.envs.make_env import make_env
from cs285.envs.mujoco_v2 import INERTIAL_FIELDS, give_old_margins
from cs285.envs.v2_tasks import V2_IDS, _print_notice
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.utils import sample_n_trajectories
from tests.fakes import FakePolicy

SIZES = {
    "Ant-v2": (111, 8),
    "HalfCheetah-v2": (17, 6),
    "Hopper-v2": (11, 3),
    "Walker2d-v2": (17, 6),
    "Humanoid-v2": (376, 17),
}


def make_task(env_name: str) -> Any:
    return make_env(env_name)[0].unwrapped


def test_these_are_the_course_s_tasks() -> None:
    assert {*V2_IDS} == {*SIZES}


@pytest.mark.parametrize("env_name", V2_IDS)
def test_sizes_and_time_limit(env_name: str) -> None:
    env, spec = make_env(env_name)
    assert (spec.ob_dim, spec.ac_dim, spec.max_episode_steps) == (*SIZES[env_name], 1000)
    assert env.reset(seed=0)[0].shape == (spec.ob_dim,)


@pytest.mark.parametrize("env_name", V2_IDS)
def test_a_capsule_weighs_as_a_cylinder_half_a_radius_longer_at_either_end(env_name: str) -> None:
    task = make_task(env_name)
    model, today = task.model, mujoco.MjModel.from_xml_path(task.fullpath)
    kinds, radius, half = model.geom_type, model.geom_size[:, 0], model.geom_size[:, 1]
    capsules, spheres = kinds == mujoco.mjtGeom.mjGEOM_CAPSULE, kinds == mujoco.mjtGeom.mjGEOM_SPHERE
    volume = np.select([capsules, spheres], [np.pi * radius**2 * (2 * half + radius), 4 / 3 * np.pi * radius**3])
    volumes = np.bincount(model.geom_bodyid, volume, minlength=model.nbody)
    density = model.body_mass[1:] / volumes[1:]
    assert density == pytest.approx(density[0], rel=1e-9)
    assert np.abs(model.body_mass / np.maximum(today.body_mass, 1e-9) - 1)[1:].max() > 0.01
    assert np.abs(model.body_invweight0 - today.body_invweight0).max() > 1e-3  # what follows from masses is renewed


def test_the_cheetah_weighs_what_its_file_says() -> None:
    assert make_task("HalfCheetah-v2").model.body_mass.sum() == pytest.approx(14, rel=1e-12)


def test_the_humanoid_has_the_masses_its_expert_knows() -> None:
    model = make_task("Humanoid-v2").model
    assert model.body("torso").mass[0] == pytest.approx(8.322, abs=1e-3)
    assert model.body("right_thigh").mass[0] == pytest.approx(4.52556, abs=1e-5)


@pytest.mark.parametrize("env_name", V2_IDS)
def test_shapes_stay_and_the_frames_that_the_compiler_compared_still_agree(env_name: str) -> None:
    task = make_task(env_name)
    today = mujoco.MjModel.from_xml_path(task.fullpath)
    for field in ("geom_type", "geom_size", "geom_pos", "geom_quat"):
        assert np.array_equal(getattr(task.model, field), getattr(today, field))
    at_centre = (task.model.body_ipos == 0).all(axis=1)
    assert np.array_equal(at_centre, (today.body_ipos == 0).all(axis=1))  # as body_sameframe has it


def test_the_model_is_changed_once() -> None:
    env, spec = make_env("Humanoid-v2")
    model = env.unwrapped.model  # type: ignore[attr-defined]
    before = {field: getattr(model, field).copy() for field in (*INERTIAL_FIELDS, "geom_margin")}
    for seed in range(2):
        env.reset(seed=seed)
        env.step(np.zeros(spec.ac_dim))
    assert env.unwrapped.model is model  # type: ignore[attr-defined]
    for field, value in before.items():
        assert np.array_equal(getattr(model, field), value)
        assert np.array_equal(getattr(make_task("Humanoid-v2").model, field), value)


@pytest.mark.parametrize("env_name", V2_IDS)
def test_a_contact_has_the_margin_of_one_of_its_geoms(env_name: str) -> None:
    task = make_task(env_name)
    if env_name == "Ant-v2":  # it keeps today's
        give_old_margins(task.model)
    task.reset(seed=0)
    for _ in range(60):
        task.step(np.zeros(task.model.nu))
    margin = mujoco.MjModel.from_xml_path(task.fullpath).geom_margin[0]
    assert task.data.ncon > 0
    assert task.data.contact.includemargin == pytest.approx(margin)


def test_margins_that_differ_are_refused() -> None:
    model = make_task("Hopper-v2").model
    model.geom_margin[0] = 1
    with pytest.raises(AssertionError):
        give_old_margins(model)


@pytest.mark.parametrize("env_name", ["Ant-v2", "Humanoid-v2"])
def test_a_reset_gives_orientations_of_length_1(env_name: str) -> None:
    observation, _ = make_env(env_name)[0].reset(seed=0)
    assert np.linalg.norm(observation[1:5]) == pytest.approx(1, abs=1e-12)


def test_the_humanoid_pays_for_its_clamped_control_and_the_others_for_the_raw_action() -> None:
    for env_name, key, weight, bound in [
        ("Humanoid-v2", "reward_quadctrl", 0.1, 0.4),
        ("Ant-v2", "reward_ctrl", 0.5, np.inf),
        ("HalfCheetah-v2", "reward_ctrl", 0.1, np.inf),
    ]:
        env, spec = make_env(env_name)
        env.reset(seed=0)
        action = np.linspace(-3, 3, spec.ac_dim)
        assert env.step(action)[4][key] == pytest.approx(-weight * np.sum(np.clip(action, -bound, bound) ** 2))


def test_the_reward_of_ant_is_the_sum_of_its_terms_and_contacts_are_seen_for_free() -> None:
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


def test_what_it_is_is_told_once_for_a_run(capfd: pytest.CaptureFixture[str]) -> None:
    _print_notice.cache_clear()
    make_env("Hopper-v2")
    make_env("Hopper-v2")
    notice = capfd.readouterr().err
    assert notice.count("\n") == 1
    assert "mujoco-py" in notice


def test_workers_roll_them_out_as_the_main_process_does(capfd: pytest.CaptureFixture[str]) -> None:
    policy = FakePolicy(lambda observations: np.tanh(observations[:, :3]))
    returns = []
    for num_workers in (0, 2):
        with RolloutWorkers("Hopper-v2", 50, num_workers) as rollouts:
            trajectories = sample_n_trajectories(rollouts, policy, 3, itertools.count())
        returns.append([trajectory.total_reward for trajectory in trajectories])
    assert returns[0] == returns[1]
    assert capfd.readouterr().err.count("on today's MuJoCo") <= 1


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
def test_they_render() -> None:
    env, _ = make_env("Humanoid-v2", render=True)
    env.reset(seed=0)
    frame = env.render()
    assert isinstance(frame, np.ndarray)
    assert frame.std() > 5


def test_nothing_is_written_into_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_env("HalfCheetah-v2")[0].reset(seed=0)
    assert list(tmp_path.iterdir()) == []
    assert gym.registry["HalfCheetah-v2"].max_episode_steps == 1000
