"""The -v2 tasks on the official bindings compared with the original engine, mujoco-py and MuJoCo 2.1.

scripts/install_mujoco_py.sh installs the engine; without it these tests skip. docs/v2.md says how far both agree and
why: RK4 integrates the orientation of a free joint differently, so Ant and Humanoid agree within CLOSE in all but a few
steps; Ant is compared with the old contact margins, or where nothing touches.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.envs import mujoco_py_backend as engine
from cs285.envs.make_env import make_env
from cs285.envs.mujoco_v2 import give_old_margins
from cs285.envs.v2_tasks import V2_MODULES
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.loaded_gaussian_policy import load_expert
from tests.envs.original_engine import RANDOM_STEPS, RESET_SEED, act_at_random, step_each

TASKS = tuple(V2_MODULES)
EXPERTS = {"Ant": 4700, "HalfCheetah": 4170, "Hopper": 3780}  # those in ../shared/course, and their returns
FREE_JOINT = ("Ant", "Humanoid")
STATES, EPISODES = 300, 10
EXACT, CLOSE, CLOSE_SHARE = 1e-9, 1e-3, 0.95
REWARD_ROUNDING = 1e-6  # Gymnasium sums the squares of float32 actions in float32
SCRIPT = Path(__file__).with_name("original_engine.py")
COURSE = Path(__file__).parents[3] / "shared" / "course" / "experts"

pytestmark = [pytest.mark.mujoco_py, pytest.mark.slow]

Results = Mapping[str, Any]


@pytest.fixture(scope="session")
def venv() -> Path:
    """The engine's environment; skip where there is none, fail where CS285_REQUIRE_MUJOCO_PY is set."""
    try:
        return engine.find_venv()
    except InvalidInput as error:
        if os.environ.get("CS285_REQUIRE_MUJOCO_PY"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def make_reproduction(task: str) -> Any:
    """The task on the official bindings; Ant with the contact margins of the engine."""
    env, _ = make_env(f"{task}-v2")
    if task == "Ant":
        give_old_margins(env.unwrapped.model)  # type: ignore[attr-defined]
    return env


def visited_states(task: str) -> dict[str, Any]:
    """States visited under random actions, which may leave the action space, and those actions."""
    env = make_reproduction(task).unwrapped
    rng = np.random.default_rng(0)
    qpos, qvel, actions = [], [], []
    env.reset(seed=0)
    while len(qpos) < STATES:
        model, data = env.model, env.data
        actions.append((rng.normal(size=model.nu) * 1.5 * model.actuator_ctrlrange[:, 1]).astype(np.float32))
        qpos.append(data.qpos.copy())
        qvel.append(data.qvel.copy())
        if env.step(actions[-1])[2]:
            env.reset(seed=len(qpos))
    return {"qpos": np.array(qpos), "qvel": np.array(qvel), "actions": np.array(actions)}


@pytest.fixture(scope="session")
def compared(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Results, Results]]:
    """For a task: results of the reproduction and of the engine; each task is computed once."""
    done: dict[str, tuple[Results, Results]] = {}

    def compare(task: str) -> tuple[Results, Results]:
        if task not in done:
            folder, given = tmp_path_factory.mktemp(task), visited_states(task)
            np.savez(folder / "in.npz", **given)
            expert = COURSE / f"{task}.pkl"
            command = [venv / "bin/python", SCRIPT, task, folder / "in.npz", folder / "out.npz", EPISODES]
            command += [expert] if expert.exists() else []
            subprocess.run([*map(str, command)], env=engine.environment(venv), check=True, capture_output=True)
            with np.load(folder / "out.npz") as loaded:
                original = dict(loaded)
            done[task] = step_each(make_reproduction(task), **given), original
        return done[task]

    return compare


def difference(task_results: tuple[Results, Results], name: str) -> Any:
    """The largest difference of a quantity in each state, (STATES,)."""
    ours, original = task_results
    return np.abs(ours[name] - original[name]).reshape(STATES, -1).max(axis=1)


def inertia_tensors(inertia: Any, quaternions: Any) -> Any:
    """(bodies, 3, 3) about the centre of mass in the body's frame: principal axes have no fixed order."""
    w, x, y, z = quaternions.T
    axes = np.array(
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ]
    ).transpose(2, 0, 1)
    return axes @ (inertia[:, :, None] * axes.transpose(0, 2, 1))


@pytest.mark.parametrize("task", TASKS)
def test_every_body_has_the_same_mass_and_inertia(task: str, compared: Any) -> None:
    model = make_env(f"{task}-v2")[0].unwrapped.model  # type: ignore[attr-defined]
    original = {name.removeprefix("model "): value for name, value in compared(task)[1].items() if "model" in name}
    assert model.body_mass == pytest.approx(original["body_mass"], rel=1e-12)
    assert model.body_ipos == pytest.approx(original["body_ipos"], rel=1e-12, abs=1e-15)
    assert model.body_invweight0 == pytest.approx(original["body_invweight0"], rel=1e-9)
    ours = inertia_tensors(model.body_inertia, model.body_iquat)
    theirs = inertia_tensors(original["body_inertia"], original["body_iquat"])
    assert (np.abs(ours - theirs).max(axis=(1, 2)) <= 1e-12 * np.abs(theirs).max(axis=(1, 2))).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("quantity", ["qpos", "qvel"])
def test_the_next_state_is_the_same(task: str, quantity: str, compared: Any) -> None:
    differences = difference(compared(task), quantity)
    if task in FREE_JOINT:
        assert np.quantile(differences, CLOSE_SHARE) < CLOSE
    else:
        assert differences.max() < EXACT


@pytest.mark.parametrize("task", TASKS)
def test_the_same_contacts_act_and_the_same_episodes_end(task: str, compared: Any) -> None:
    for quantity in ("contacts", "terminated"):
        assert np.mean(difference(compared(task), quantity) != 0) <= (0.02 if task in FREE_JOINT else 0)


@pytest.mark.parametrize("task", TASKS)
def test_the_reward_and_its_terms_are_the_same(task: str, compared: Any) -> None:
    ours, original = compared(task)
    for name in ("reward", *(name for name in ours if name.startswith("info "))):
        differences = difference((ours, original), name)
        moved = name in ("reward", "info reward_forward", "info reward_linvel") and task in FREE_JOINT
        limit = CLOSE if moved else REWARD_ROUNDING
        assert np.quantile(differences, CLOSE_SHARE if moved else 1) < limit, name
    assert not np.any(original.get("info reward_impact", 0)), "the engine computes no contact forces"


def test_ant_as_registered_agrees_where_nothing_touches(compared: Any) -> None:
    given, original = visited_states("Ant"), compared("Ant")[1]
    ours = step_each(make_env("Ant-v2")[0], **given)
    free = (ours["contacts"] == 0) & (original["contacts"] == 0)
    assert free.sum() > STATES / 3
    moved = difference((ours, original), "qpos")
    assert np.median(moved[free]) < CLOSE < np.median(moved[~free])


@pytest.mark.parametrize("task", FREE_JOINT)
def test_observations_differ_in_contact_forces_only(task: str, compared: Any) -> None:
    contacts = 14 * 6
    ours, original = (results["observation"] for results in compared(task))
    assert ours.shape == original.shape
    differences = np.abs(ours - original)[:, :-contacts] / np.maximum(1, np.abs(original[:, :-contacts]))
    assert np.quantile(differences.max(axis=1), CLOSE_SHARE) < CLOSE
    assert not original[:, -contacts:].any()
    assert ours[:, -contacts:].any()


@pytest.mark.parametrize("task", TASKS)
def test_a_reset_with_the_same_seed_is_the_same_state(task: str, compared: Any) -> None:
    ours = make_env(f"{task}-v2")[0].reset(seed=RESET_SEED)[0]
    assert ours == pytest.approx(compared(task)[1]["reset"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("task", ["Hopper", "Walker2d", "Humanoid"])
def test_whole_episodes_of_random_actions_are_the_same_until_they_fall(task: str, compared: Any) -> None:
    ours, original = act_at_random(make_reproduction(task), EPISODES), compared(task)[1]["at random"]
    assert np.ptp(original[:, 1]) > 5, "some stand longer than others"
    assert original[:, 1].max() < RANDOM_STEPS, "all of them fall"
    assert np.array_equal(ours[:, 1], original[:, 1])
    assert ours[:, 0] == pytest.approx(original[:, 0], abs=CLOSE if task in FREE_JOINT else REWARD_ROUNDING)


@pytest.mark.parametrize("task", EXPERTS)
def test_the_courses_expert_returns_the_same(task: str, compared: Any, course: Path) -> None:
    original = compared(task)[1]["returns"]
    env, spec = make_env(f"{task}-v2")
    expert = load_expert(course / "experts" / f"{task}.pkl", f"{task}-v2", spec)
    ours = [sample_trajectory(env, spec, expert, seed).total_reward for seed in range(EPISODES)]
    print(f"{task}-v2: {np.mean(ours):.1f} ± {np.std(ours):.1f}, original {original.mean():.1f} ± {original.std():.1f}")
    assert np.mean(ours) == pytest.approx(EXPERTS[task], rel=0.015)
    assert np.median(ours) == pytest.approx(np.median(original), rel=0.03)  # Ant falls in a few episodes
