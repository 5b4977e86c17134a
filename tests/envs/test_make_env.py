"""Environment ids to environments and their facts; what can't be made is refused with what would mend it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from hypothesis import given
from hypothesis import strategies as st

from cs285.envs.make_env import RenderingUnavailable, TaskSpec, check_rendering, make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import sample_trajectory
from tests.fakes import AC_DIM, CHOICE, OB_DIM, POINT, TIME_LIMIT, FakePolicy, PointEnv


@pytest.mark.parametrize(
    ("env_name", "facts"),
    [
        ("HalfCheetah-v5", (17, 6, False, 1000)),
        ("Hopper-v4", (11, 3, False, 1000)),
        ("Ant-v4", (27, 8, False, 1000)),
        ("Ant-v5", (105, 8, False, 1000)),
        ("Humanoid-v4", (376, 17, False, 1000)),
        ("CartPole-v1", (4, 2, True, 500)),
        (POINT, (OB_DIM, AC_DIM, False, TIME_LIMIT)),
        (CHOICE, (OB_DIM, AC_DIM, True, TIME_LIMIT)),
    ],
)
def test_the_facts_are_those_of_the_environment(env_name: str, facts: tuple[int, int, bool, int]) -> None:
    env, spec = make_env(env_name)
    assert (spec.ob_dim, spec.ac_dim, spec.discrete, spec.max_episode_steps) == facts
    observation, _ = env.reset(seed=0)
    assert observation.shape == (spec.ob_dim,)
    assert spec.fps == env.metadata["render_fps"]
    env.close()


@pytest.mark.parametrize(
    ("space", "shape", "dtype"),
    [
        (Box(0, 255, (4, 5, 3), np.uint8), (4, 5, 3), np.uint8),
        (Box(0, 1, (2, 3), np.float64), (2, 3), np.float32),
        (Box(0, 1, (2,), np.bool_), (2,), np.bool_),
        (Box(0, 1, (), np.float64), (1,), np.float32),
        (Discrete(3), (3,), np.int64),
        (Dict({"image": Box(0, 255, (4, 4), np.uint8), "speed": Box(-1, 1, (2,))}), (18,), np.float32),
    ],
)
def test_observations_keep_shape_and_integer_dtype(space: Any, shape: tuple[int, ...], dtype: type) -> None:
    def make() -> PointEnv:
        env = PointEnv()
        env.observation_space = space
        env.reset = lambda **_: (space.sample(), {})  # type: ignore[method-assign]
        env.step = lambda _: (space.sample(), 0.0, True, False, {})  # type: ignore[method-assign]
        return env

    gym.register("tests/Space-v0", make, max_episode_steps=5)
    env, spec = make_env("tests/Space-v0")
    del gym.registry["tests/Space-v0"]
    assert (spec.ob_shape, spec.ob_dtype, spec.ob_dim) == (shape, dtype, math.prod(shape))
    policy = FakePolicy(np.zeros_like)
    policy.get_action = lambda observation: np.zeros(AC_DIM)  # type: ignore[method-assign]
    trajectory = sample_trajectory(env, spec, policy, seed=0)
    assert trajectory.observations.shape == (1, *shape)
    assert trajectory.observations.dtype == dtype


@pytest.mark.parametrize(("ep_len", "cut"), [(None, TIME_LIMIT), (5, 5), (TIME_LIMIT + 9, TIME_LIMIT)])
def test_episodes_are_cut_at_the_smaller_limit(ep_len: int | None, cut: int) -> None:
    assert make_env(POINT, ep_len)[1].max_episode_steps == cut


def test_an_endless_task_needs_a_limit() -> None:
    with pytest.raises(InvalidInput, match=r"tests/Endless-v0 has no time limit .* --ep_len"):
        make_env("tests/Endless-v0")
    assert make_env("tests/Endless-v0", 30)[1].max_episode_steps == 30


@pytest.mark.parametrize(
    ("env_name", "told"),
    [
        ("Hoper-v4", "Hopper-v4"),
        ("ant-v4", "Ant-v4"),
        ("Ant-v99", "Ant-v5"),
        ("Swimmer-v2", "Swimmer-v4 or Swimmer-v5"),
        ("NoSuchTask-v2", "Ant-v2, HalfCheetah-v2"),
        ("", "''"),
        ("no such id", "'no such id'"),
        ("nosuchmodule:Ant-v5", "nosuchmodule"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_hint(env_name: str, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_env(env_name)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def odd_spaces() -> Iterator[None]:
    """Environments whose spaces are not supported."""
    spaces = {
        "tests/Counted-v0": gym.spaces.Discrete(3, start=1),
        "tests/Matrix-v0": gym.spaces.Box(-1, 1, (2, 2)),
        "tests/Bits-v0": gym.spaces.MultiBinary(3),
    }
    for env_name, space in spaces.items():

        def make(space: gym.Space[object] = space) -> PointEnv:
            env = PointEnv()
            env.action_space = space
            return env

        gym.register(env_name, make, max_episode_steps=5)
    yield
    for env_name in spaces:
        del gym.registry[env_name]


@pytest.mark.usefixtures("odd_spaces")
@pytest.mark.parametrize("env_name", ["tests/Counted-v0", "tests/Matrix-v0", "tests/Bits-v0"])
def test_other_action_spaces_are_refused(env_name: str) -> None:
    with pytest.raises(InvalidInput, match="one-dimensional Box actions or Discrete"):
        make_env(env_name)


def test_making_and_stepping_mujoco_says_nothing_and_leaves_no_file(tmp_path: Path) -> None:
    code = (
        "from cs285.envs.make_env import make_env\n"
        "env, _ = make_env('HalfCheetah-v4')\nenv.reset(seed=0)\nenv.step(env.action_space.sample())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always::RuntimeWarning", "-c", code], cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_an_unstable_simulation_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env, _ = make_env("Hopper-v4")
    env.reset(seed=0)
    with pytest.warns(RuntimeWarning, match="MuJoCo: .*unstable"):
        env.step(np.full(3, np.nan))
    assert list(tmp_path.iterdir()) == []


@given(fps=st.integers(1, 1000))
def test_videos_play_in_real_time_at_a_usual_rate(fps: int) -> None:
    spec = TaskSpec((1,), np.dtype(np.float32), 1, False, 1000, fps)
    assert spec.video_fps * spec.frame_stride == pytest.approx(fps)
    assert min(fps, 20) <= spec.video_fps <= 45


def test_rendering_is_checked_before_it_is_needed() -> None:
    check_rendering(POINT)
    gym.register("tests/Blind-v0", lambda render_mode=None: PointEnv(None), max_episode_steps=5)
    PointEnv.render, render = (lambda self: None), PointEnv.render  # type: ignore[method-assign, assignment]
    try:
        with pytest.raises(RenderingUnavailable, match=r"can't render tests/Blind-v0 .*apt-get install") as unavailable:
            check_rendering("tests/Blind-v0")
    finally:
        PointEnv.render = render  # type: ignore[method-assign]
        del gym.registry["tests/Blind-v0"]
    assert "\n" not in str(unavailable.value)


@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("env_name", ["Hopper-v5", "Ant-v4"])
def test_frames_are_pictures_of_what_happens(env_name: str) -> None:
    env, spec = make_env(env_name, render=True)
    env.reset(seed=0)
    first = env.render()
    for _ in range(10):
        env.step(np.ones(spec.ac_dim))
    later = env.render()
    env.close()
    assert isinstance(first, np.ndarray)
    assert first.shape == later.shape
    assert first.shape[2] == 3
    assert first.dtype == np.uint8
    assert first.std() > 5
    assert (first != later).any()
