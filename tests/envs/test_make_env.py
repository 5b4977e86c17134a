"""Environments made from ids, and their `TaskSpec`; if an environment can't be made, one line gives the cause."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from hypothesis import given
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.run_folders import read_run
from cs285.envs.make_env import TaskSpec, make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.external_policy import as_policy
from cs285.policies.saved_policy import load_policy
from tests.fakes import AC_DIM, POINT, TIME_LIMIT, FakePolicy, PointEnv, course_episode, pickle_file

ENV_ID = "tests/Registered-v0"


@pytest.fixture
def registry() -> Iterator[None]:
    before, path = dict(gym.registry), list(sys.path)
    yield
    gym.registry.clear()
    gym.registry.update(before)
    sys.path[:] = path


def register_spaces(observations: gym.Space[Any], actions: gym.Space[Any] | None = None) -> None:
    def make() -> PointEnv:
        env = PointEnv()
        env.observation_space, env.action_space = observations, actions or env.action_space
        env.reset = lambda **_: (observations.sample(), {})  # type: ignore[method-assign]
        env.step = lambda _: (observations.sample(), 0.0, True, False, {})  # type: ignore[method-assign]
        return env

    gym.register(ENV_ID, make, max_episode_steps=5)


@pytest.mark.parametrize(
    ("env_name", "facts"), [("Humanoid-v4", (376, 17, False, 1000)), ("CartPole-v1", (4, 2, True, 500))]
)
def test_the_task_spec_describes_the_environment(env_name: str, facts: tuple[int, int, bool, int]) -> None:
    env, spec = make_env(env_name)
    assert (spec.ob_dim, spec.ac_dim, spec.discrete, spec.max_episode_steps, spec.time_limit) == (*facts, facts[-1])
    assert (spec.ob_shape, spec.ob_dtype) == ((spec.ob_dim,), np.float32)
    assert env.reset(seed=0)[0].shape == spec.ob_shape
    assert spec.fps == env.metadata["render_fps"]
    env.close()


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("space", "shape", "dtype"),
    [
        (Box(0, 255, (4, 5, 3), np.uint8), (4, 5, 3), np.uint8),
        (Box(0, 1, (), np.float64), (1,), np.float32),
        (Discrete(3), (3,), np.int64),
        (Dict({"image": Box(0, 255, (4, 4), np.uint8), "speed": Box(-1, 1, (2,))}), (18,), np.float32),
    ],
)
def test_observations_keep_shape_and_integer_dtype(space: Any, shape: tuple[int, ...], dtype: type) -> None:
    register_spaces(space)
    env, spec = make_env(ENV_ID)
    assert make_env(ENV_ID, registration=env.spec)[1] == spec  # the registered environment is not flattened twice
    assert (spec.ob_shape, spec.ob_dtype, spec.ob_dim) == (shape, dtype, math.prod(shape))
    policy = FakePolicy(np.zeros_like)
    policy.get_action = lambda observation: np.zeros(AC_DIM)  # type: ignore[method-assign]
    trajectory = sample_trajectory(env, spec, policy, seed=0)
    assert (trajectory.observations.shape, trajectory.observations.dtype) == ((1, *shape), dtype)


@pytest.mark.usefixtures("registry")
@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_other_action_spaces_are_refused() -> None:
    for actions in (MultiDiscrete([2, 3]), Box(-1, 1, (2, 2)), MultiBinary(3)):
        register_spaces(Box(-1, 1, (2,)), actions)
        with pytest.raises(InvalidInput, match="one-dimensional Box actions or Discrete ones"):
            make_env(ENV_ID)


def test_episodes_are_truncated_at_the_smaller_of_two_limits() -> None:
    assert make_env(POINT, 5)[1].max_episode_steps == 5
    assert make_env(POINT, TIME_LIMIT + 9)[1].max_episode_steps == TIME_LIMIT
    assert make_env("tests/Endless-v0", 30)[1].max_episode_steps == 30


FAILING = "import gymnasium\ndef make(): raise OSError('no\\ndisk')\ngymnasium.register('User-v0', make)"
CAUSES = {
    "Ant-v99": ("", "v5"),
    "Swimmer-v2": ("", "Swimmer-v2"),
    "nosuchmodule:Ant-v5": ("", "No module named 'nosuchmodule'"),
    "without_package:User-v0": ("import nosuch", "ModuleNotFoundError.*'nosuch'.*without_package.py, line 1"),
    "with_typo:User-v0": ("def f(:", "SyntaxError.*with_typo.py"),
    "without_task:User-v0": ("", "Environment `User` doesn't exist"),
    # This case is the last one, because it registers User-v0, which must be unregistered in the other cases.
    "that_fails:User-v0": (FAILING, "OSError: no disk.*that_fails.py, line 2"),
}


@pytest.mark.usefixtures("registry")
def test_the_cause_is_named_when_an_environment_can_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for env_name, (source, cause) in CAUSES.items():
        (tmp_path / f"{env_name.removesuffix(':User-v0')}.py").write_text(source, encoding="utf-8")
        with pytest.raises(InvalidInput, match=rf"\A.*{cause}.*\Z"):  # the dot matches no line break
            make_env(env_name, 5)


def test_the_v2_notice_comes_once_and_mujocos_warnings_are_pythons_and_write_no_file(tmp_path: Path) -> None:
    code = (
        "import warnings\nfrom cs285.envs.make_env import make_env\n"
        "for _ in range(2): env, _ = make_env('HalfCheetah-v2')\n"
        "env.reset(seed=0)\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    env.step([float('nan')] * 6)\n"
        "assert any('MuJoCo: ' in str(w.message) and 'unstable' in str(w.message) for w in caught), caught\n"
    )
    command = [sys.executable, "-W", "always::RuntimeWarning", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.startswith("HalfCheetah-v2: on today's MuJoCo")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@given(fps=st.integers(1, 1000))
def test_videos_play_in_real_time_at_a_usual_rate(fps: int) -> None:
    spec = TaskSpec((1,), np.dtype(np.float32), 1, False, 1000, fps)
    assert spec.video_fps * spec.frame_stride == pytest.approx(fps)
    assert min(fps, 20) <= spec.video_fps <= 45


class Spaces(PointEnv):
    """An environment whose action space is named in `ACTIONS`, and whose observations have ``size`` numbers."""

    made: ClassVar[list[Spaces]] = []

    def __init__(self, actions: str = "choices", size: int = 3) -> None:
        super().__init__(ob_shape=(size,))
        self.action_space = ACTIONS[actions]
        self.made.append(self)


ACTIONS: dict[str, Any] = {
    "choices": Discrete(3, start=5),
    "integers": Box(np.array([-3, 0]), np.array([9, 4]), dtype=np.int16),
    "switches": Box(0, 1, (2,), np.bool_),
}


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("actions", "chosen", "received"),
    [
        ("choices", np.int64(2), np.int64(7)),
        ("integers", np.float32([1.6, 99]), np.int16([2, 4])),
        ("switches", np.float32([0.7, -3]), np.array([True, False])),
    ],
)
def test_actions_reach_the_environment_in_its_own_numbers_and_dtype(actions: str, chosen: Any, received: Any) -> None:
    gym.register(ENV_ID, Spaces, max_episode_steps=5)
    env, spec = make_env(ENV_ID, env_kwargs={"actions": actions, "size": 4})
    assert (spec.ob_dim, spec.ac_start) == (4, 5 if actions == "choices" else 0)
    assert make_env(ENV_ID, registration=env.spec, env_kwargs={"actions": actions})[1].ac_dim == spec.ac_dim
    trajectory = sample_trajectory(env, spec, as_policy(lambda batch: [chosen] * len(batch)), seed=0)
    np.testing.assert_array_equal(trajectory.actions[0], chosen)
    env.reset(seed=0)
    env.step(chosen)
    np.testing.assert_array_equal(env.unwrapped.received[-1], received, strict=True)


@pytest.mark.usefixtures("registry")
def test_discrete_actions_may_start_at_any_number(tmp_path: Path) -> None:
    """The expert and its data number the choices from 5, as the environment does; the policy numbers them from 0."""
    gym.register(ENV_ID, Spaces, max_episode_steps=5)
    episode = course_episode(2023, steps=5) | {"action": np.array([5, 7, 6, 5, 5])}
    data = pickle_file(tmp_path / "data.pkl", [episode])
    settings: dict[str, Any] = {"env_name": ENV_ID, "expert_data": data, "do_dagger": True, "n_iter": 2}
    settings |= {"batch_size": 10, "eval_batch_size": 10, "num_agent_train_steps_per_iter": 2, "size": 4}
    config = Config(**settings, num_workers=2, env_kwargs={"size": 3}, logdir=tmp_path / "runs", save_params=True)
    trainer = BC_Trainer(config, expert=lambda batch: np.full(len(batch), 7))
    assert trainer.inputs.initial_expertdata[0].actions.tolist() == [0, 2, 1, 0, 0]
    trainer.run_training_loop()
    assert trainer.agent.replay_buffer.sample_recent_data(3).actions.tolist() == [2, 2, 2]
    assert trainer.run_dir is not None
    assert read_run(trainer.run_dir).config.env_kwargs == {"size": 3}
    assert load_policy(trainer.run_dir).get_action(np.zeros(3, np.float32)) in (0, 1, 2)
    with pytest.raises(InvalidInput, match=r"unexpected keyword argument 'sise'.*line"):
        BC_Trainer(replace(config, env_kwargs={"sise": 3}), expert=lambda batch: batch)


@pytest.mark.usefixtures("registry")
def test_dict_and_tuple_observations_are_flattened_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    space = gym.spaces.Tuple((Box(-1, 1, (2,)), Dict({"b": Discrete(2), "a": Box(-1, 1, (2, 2), np.float32)})))
    register_spaces(space)
    env, spec = make_env(ENV_ID)
    value = space.sample()
    env.unwrapped.reset = lambda **_: (value, {})  # type: ignore[method-assign]
    np.testing.assert_array_equal(env.reset(seed=0)[0], gym.spaces.flatten(space, value))
    assert spec.ob_shape == (8,)
    assert "observations Tuple(" in capsys.readouterr().err
