"""Pictures change neither the physics nor what a user chose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cs285.envs.make_env import make_env
from cs285.envs.rendering import choose_gl_backend, prepare_rendering
from tests.fakes import PointEnv


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("env_name", ["Hopper-v5", "Walker2d-v4", "Ant-v5", "Humanoid-v4"])
def test_an_environment_that_renders_has_the_same_physics(env_name: str) -> None:
    plain, seen = make_env(env_name)[0], make_env(env_name, render=True)[0]
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(plain.reset(seed=3)[0], seen.reset(seed=3)[0])
    for step in range(40):
        action = rng.uniform(-0.4, 0.4, plain.action_space.shape)
        one, other = plain.step(action), seen.step(action)
        if step % 10 == 0:
            seen.render()
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:4] == other[1:4]
    plain.close()
    seen.close()


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
def test_the_walker_stays_in_the_picture() -> None:
    env, _ = make_env("Hopper-v5", render=True)
    env.reset(seed=0)
    near = np.asarray(env.render(), float)
    env.unwrapped.data.qpos[0] += 300  # far off the floor that the model draws
    env.step(np.zeros(3))
    far = np.asarray(env.render(), float)
    env.close()
    hopper = near[:, :, 0] - near[:, :, 2] > 40  # its colour, which neither floor nor sky has
    assert hopper.sum() > 100
    assert (far[:, :, 0] - far[:, :, 2] > 40).sum() == pytest.approx(hopper.sum(), rel=0.3)


def test_an_environment_without_mujoco_is_left_alone() -> None:
    env = PointEnv("rgb_array")
    before = dict(vars(env))
    prepare_rendering(env)
    assert vars(env) == before


@pytest.fixture
def fresh_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a display on which nothing was chosen yet."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.usefixtures("fresh_choice")
@pytest.mark.parametrize(
    ("libraries", "chosen"),
    [({"EGL", "OpenGL", "OSMesa"}, "egl"), ({"OSMesa"}, "osmesa"), ({"EGL"}, None), (set(), None)],
)
def test_the_backend_is_one_that_is_installed(
    libraries: set[str], chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so" if name in libraries else None)
    choose_gl_backend.__wrapped__()
    assert os.environ.get("MUJOCO_GL") == chosen


@pytest.mark.usefixtures("fresh_choice")
def test_a_users_choice_and_a_display_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda name: f"lib{name}.so")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    choose_gl_backend.__wrapped__()
    assert os.environ["MUJOCO_GL"] == "glfw"
    monkeypatch.delenv("MUJOCO_GL")
    monkeypatch.setenv("DISPLAY", ":0")
    choose_gl_backend.__wrapped__()
    assert "MUJOCO_GL" not in os.environ


@pytest.mark.parametrize("backend", ["osmesa", "nosuch"])
def test_a_backend_that_fails_costs_the_videos_only(backend: str, tmp_path: Path) -> None:
    code = (
        "from cs285.envs.make_env import check_rendering, make_env, RenderingUnavailable\n"
        "make_env('Hopper-v5')[0].reset(seed=0)\n"
        "try: check_rendering('Hopper-v5')\n"
        "except RenderingUnavailable as error: print(error)\n"
        "else: print('renders: apt-get')\n"
    )
    environment = {**os.environ, "MUJOCO_GL": backend}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    assert "apt-get" in done.stdout
