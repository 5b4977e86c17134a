"""The -v2 tasks on the official bindings, compared with the original engine, which is mujoco-py with MuJoCo 2.1.

scripts/install_mujoco_py.sh installs the original engine; without it these tests are skipped. docs/v2.md explains the
differences. The integrator RK4 of today's MuJoCo integrates the orientation of a free joint differently. The states of
Ant and Humanoid, which have a free joint, therefore differ between the engines. In all but a few steps the difference
is less than CLOSE. Ant is compared with the old contact margins, or in states without contacts.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import pytest

from cs285.envs import mujoco_py_backend as engine
from cs285.envs.make_env import V2_IDS, make_env
from cs285.envs.mujoco_v2 import give_old_margins
from cs285.errors import InvalidInput
from tests.envs.original_engine import RESET_SEED, step_each

STATES, CONTACT_FORCES = 300, 14 * 6
EXACT, CLOSE, CLOSE_SHARE = 1e-9, 1e-3, 0.95
REWARD_ROUNDING = 1e-6  # tolerance: Gymnasium sums the squares of float32 actions in float32
pytestmark = [pytest.mark.mujoco_py, pytest.mark.slow]


class Comparison(NamedTuple):
    """What both engines compute for a task, from the same states and actions."""

    task: str
    free_joint: bool
    given: Mapping[str, Any]
    ours: Mapping[str, Any]
    original: Mapping[str, Any]

    def difference(self, name: str) -> Any:
        """The largest difference of a quantity between the engines, for each state: (STATES,)."""
        return np.abs(self.ours[name] - self.original[name]).reshape(STATES, -1).max(axis=1)


def make_reproduction(task: str) -> Any:
    """The task on the official bindings; Ant has the contact margins of the original engine."""
    env, _ = make_env(f"{task}-v2")
    if task == "Ant":
        give_old_margins(env.unwrapped.model)  # type: ignore[attr-defined]
    return env


def visited_states(task: str) -> dict[str, Any]:
    """Random actions, some of them outside the action space, and the states in which they are taken."""
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


@pytest.fixture(scope="module", params=[env_id.removesuffix("-v2") for env_id in V2_IDS])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Both engines' results; without mujoco-py skip the test, or fail it if CS285_REQUIRE_MUJOCO_PY is set."""
    try:
        venv = engine.find_venv()
    except InvalidInput as error:
        if os.environ.get("CS285_REQUIRE_MUJOCO_PY"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    task, folder = request.param, tmp_path_factory.mktemp("engine")
    given = visited_states(task)
    np.savez(folder / "in.npz", **given)
    script = Path(__file__).with_name("original_engine.py")
    command = [venv / "bin/python", script, task, folder / "in.npz", folder / "out.npz"]
    subprocess.run(command, env=engine.environment(venv), check=True, capture_output=True)
    ours = step_each(make_reproduction(task), **given)
    return Comparison(task, task in ("Ant", "Humanoid"), given, ours, dict(np.load(folder / "out.npz")))


def inertia_tensors(inertia: Any, quaternions: Any) -> Any:
    """Inertia tensors (bodies, 3, 3) about the centres of mass, in the bodies' frames and not along principal axes."""
    axes = np.zeros((len(quaternions), 9))
    for matrix, quaternion in zip(axes, quaternions, strict=True):
        mujoco.mju_quat2Mat(matrix, quaternion)
    axes = axes.reshape(-1, 3, 3)
    return axes @ (inertia[:, :, None] * axes.transpose(0, 2, 1))


def test_every_body_has_the_same_mass_and_inertia(both: Comparison) -> None:
    model = make_env(f"{both.task}-v2")[0].unwrapped.model  # type: ignore[attr-defined]
    original = {name.removeprefix("model "): value for name, value in both.original.items() if "model" in name}
    assert model.body_mass == pytest.approx(original["body_mass"], rel=1e-12)
    assert model.body_ipos == pytest.approx(original["body_ipos"], rel=1e-12, abs=1e-15)
    assert model.body_invweight0 == pytest.approx(original["body_invweight0"], rel=1e-9)
    ours = inertia_tensors(model.body_inertia, model.body_iquat)
    theirs = inertia_tensors(original["body_inertia"], original["body_iquat"])
    assert (np.abs(ours - theirs).max(axis=(1, 2)) <= 1e-12 * np.abs(theirs).max(axis=(1, 2))).all()


def test_resets_and_next_states_are_the_same(both: Comparison) -> None:
    reset = make_env(f"{both.task}-v2")[0].reset(seed=RESET_SEED)[0]
    assert reset == pytest.approx(both.original["reset"], rel=1e-9, abs=1e-12)
    for name in ("qpos", "qvel"):
        differences = both.difference(name)
        limit = CLOSE if both.free_joint else EXACT
        assert np.quantile(differences, CLOSE_SHARE if both.free_joint else 1) < limit
    for name in ("contacts", "terminated"):
        assert np.mean(both.difference(name) != 0) <= (0.02 if both.free_joint else 0)


def test_the_reward_and_its_terms_are_the_same(both: Comparison) -> None:
    for name in ("reward", *(name for name in both.ours if name.startswith("info "))):
        moved = name in ("reward", "info reward_forward", "info reward_linvel") and both.free_joint
        limit = CLOSE if moved else REWARD_ROUNDING
        assert np.quantile(both.difference(name), CLOSE_SHARE if moved else 1) < limit, name
    assert not np.any(both.original.get("info reward_impact", 0)), "the engine computes no contact forces"


def test_observations_differ_in_contact_forces_only(both: Comparison) -> None:
    ours, original = both.ours["observation"], both.original["observation"]
    assert ours.shape == original.shape
    state = slice(-CONTACT_FORCES if both.free_joint else None)
    differences = np.abs(ours - original)[:, state] / np.maximum(1, np.abs(original[:, state]))
    assert np.quantile(differences.max(axis=1), CLOSE_SHARE) < CLOSE
    if both.free_joint:
        assert not original[:, -CONTACT_FORCES:].any()
        assert ours[:, -CONTACT_FORCES:].any()
    if both.task == "Ant":  # the registered task, which has today's margins, is compared, too
        as_made = both._replace(ours=step_each(make_env("Ant-v2")[0], **both.given))
        free = (as_made.ours["contacts"] == 0) & (original.any(axis=1)) & (both.original["contacts"] == 0)
        assert free.sum() > STATES / 3
        assert np.median(as_made.difference("qpos")[free]) < CLOSE < np.median(as_made.difference("qpos")[~free])
