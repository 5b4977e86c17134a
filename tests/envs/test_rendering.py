"""Rendering without a screen changes neither the physics nor a user's settings."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cs285.envs.make_env import make_env
from cs285.envs.rendering import FRAME_SIZE, prepare_rendering


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("env_name", ["Ant-v4", "Humanoid-v2"])
def test_an_environment_that_renders_has_the_same_physics(env_name: str) -> None:
    plain, rendered = make_env(env_name)[0], make_env(env_name, render=True)[0]
    rng, frames = np.random.default_rng(0), []
    np.testing.assert_array_equal(plain.reset(seed=3)[0], rendered.reset(seed=3)[0])
    for step in range(40):
        action = rng.uniform(-0.4, 0.4, plain.action_space.shape)
        one, other = plain.step(action), rendered.step(action)
        if step % 10 == 0:
            frames.append(np.asarray(rendered.render()))
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:4] == other[1:4]
    plain.close()
    rendered.close()
    assert (frames[0].shape, frames[0].dtype) == ((FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
    assert frames[0].std() > 5
    assert (frames[0] != frames[-1]).any()


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
def test_the_camera_follows_the_walker() -> None:
    env, _ = make_env("Hopper-v5", render=True)
    env.reset(seed=0)
    near = np.asarray(env.render(), float)
    env.unwrapped.data.qpos[0] += 300  # 300 m is outside the floor that the model draws
    env.step(np.zeros(3))
    far = np.asarray(env.render(), float)
    env.close()
    hopper = near[:, :, 0] - near[:, :, 2] > 40  # the hopper's colour, which neither floor nor sky has
    assert hopper.sum() > 100
    assert (far[:, :, 0] - far[:, :, 2] > 40).sum() == pytest.approx(hopper.sum(), rel=0.3)


def test_the_graphics_library_is_the_users_or_egl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for variables, chosen in (
        ({"DISPLAY": ":99", "PYOPENGL_PLATFORM": "osmesa"}, "egl"),
        ({"MUJOCO_GL": ""}, "egl"),
        ({"MUJOCO_GL": "glfw"}, "glfw"),
        ({"MUJOCO_GL": "OSMesa"}, "osmesa"),
    ):
        monkeypatch.setattr(os, "environ", dict(variables))
        prepare_rendering(SimpleNamespace(unwrapped=None))
        assert os.environ.get("MUJOCO_GL") == chosen
        assert os.environ.get("PYOPENGL_PLATFORM") == (chosen if chosen in ("egl", "osmesa") else None)
        assert os.environ["SDL_VIDEODRIVER"] == "dummy"


def test_a_graphics_library_that_fails_prevents_rendering_only() -> None:
    code = (
        "from cs285.envs.make_env import check_rendering, make_env\n"
        "make_env('Hopper-v5')[0].reset(seed=0)\ncheck_rendering('CartPole-v1')\ncheck_rendering('Hopper-v5')\n"
    )
    environment = {**os.environ, "MUJOCO_GL": "nosuch"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=environment)
    assert done.stderr.splitlines()[-1].startswith("cs285.errors.InvalidInput: can't render Hopper-v5")
    assert "apt-get install" in done.stderr or "EGL is installed, but MUJOCO_GL is nosuch; unset it" in done.stderr
