"""Environments of the old gym package: 4-tuples of gym 0.21 to 0.25 and 5-tuples of 0.26, as Gymnasium's."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import sample_trajectory
from tests.fakes import FakePolicy

STEPS = 7


class Box:
    """A space of the old package, which is no subclass of Gymnasium's."""

    def __init__(self, size: int) -> None:
        self.low, self.high = -np.ones(size, np.float32), np.ones(size, np.float32)
        self.shape, self.dtype = (size,), np.dtype(np.float32)


class Discrete:
    def __init__(self, n: int) -> None:
        self.n = n


class OldEnv:
    """An environment of gym 0.21: step returns four values, seed and the render mode are arguments of methods."""

    metadata = {"video.frames_per_second": 50}  # noqa: RUF012 - the old name
    render_mode = None

    def __init__(self, ends_by: str = "time", actions: Any = None) -> None:
        self.ends_by = ends_by
        self.observation_space, self.action_space = Box(3), actions or Box(2)
        self.spec = SimpleNamespace(id="Old-v0", max_episode_steps=STEPS)

    def seed(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> Any:
        self.steps = 0
        return self.rng.normal(size=3)

    def step(self, action: Any) -> tuple[Any, ...]:
        self.steps += 1
        done = self.steps >= STEPS
        info = {"TimeLimit.truncated": True} if done and self.ends_by == "time" else {}
        return self.rng.normal(size=3), 1.5, done, info

    def render(self, mode: str = "human") -> Any:
        return np.full((8, 8, 3), 9, np.uint8) if mode == "rgb_array" else None


class NewerEnv(OldEnv):
    """An environment of gym 0.26: step returns five values, reset takes the seed, make takes the render mode."""

    metadata = {"render_fps": 50}  # noqa: RUF012 - the old name

    def reset(self, seed: int | None = None, options: Any = None) -> Any:  # type: ignore[override]
        self.seed(seed or 0)
        return super().reset(), {}

    def step(self, action: Any) -> tuple[Any, ...]:
        observation, reward, done, _ = super().step(action)
        return observation, reward, done and self.ends_by == "a fall", done and self.ends_by == "time", {}

    def render(self) -> Any:  # type: ignore[override]
        return super().render(self.render_mode or "human")


def install(monkeypatch: pytest.MonkeyPatch, env: OldEnv) -> None:
    """Put a package in the place of gym that makes this environment."""

    def make_old(env_id: str) -> OldEnv:
        if env_id != "Old-v0":
            raise RuntimeError(f"No registered env\nwith id: {env_id}")
        return env

    def make_newer(
        env_id: str, render_mode: Any = None, apply_api_compatibility: Any = None, disable_env_checker: Any = None
    ) -> OldEnv:
        assert disable_env_checker, "the checker needs numpy 1"
        env.render_mode = render_mode
        return make_old(env_id)

    package, kinds = ModuleType("gym"), ("MultiDiscrete", "MultiBinary", "Tuple", "Dict", "Sequence", "Graph", "Text")
    package.make = make_newer if isinstance(env, NewerEnv) else make_old  # type: ignore[attr-defined]
    package.logger = SimpleNamespace(ERROR=40, set_level=lambda level: None)  # type: ignore[attr-defined]
    package.spaces = SimpleNamespace(Box=Box, Discrete=Discrete, **{kind: type(kind, (), {}) for kind in kinds})  # type: ignore[attr-defined]
    package.wrappers = ModuleType("gym.wrappers")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gym", package)
    monkeypatch.setitem(sys.modules, "gym.wrappers", package.wrappers)
    monkeypatch.delitem(sys.modules, "shimmy.openai_gym_compatibility", raising=False)


@pytest.mark.parametrize("kind", [OldEnv, NewerEnv])
@pytest.mark.parametrize("ends_by", ["time", "a fall"])
def test_episodes_are_seeded_and_end_as_in_gym(
    monkeypatch: pytest.MonkeyPatch, kind: type[OldEnv], ends_by: str
) -> None:
    install(monkeypatch, kind(ends_by))
    env, spec = make_env("gym:Old-v0", ep_len=100)
    assert (spec.ob_shape, spec.ac_dim, spec.discrete, spec.max_episode_steps, spec.fps) == ((3,), 2, False, STEPS, 50)
    spec = dataclasses.replace(spec, max_episode_steps=100)  # so that the environment's own end counts
    policy = FakePolicy(lambda observations: observations[:, :2])
    first, again, other = (sample_trajectory(env, spec, policy, seed) for seed in (5, 5, 6))
    assert len(first) == STEPS
    assert first.total_reward == 1.5 * STEPS
    assert (first.terminated, first.truncated) == (ends_by == "a fall", ends_by == "time")
    assert np.array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations, other.observations)


@pytest.mark.parametrize("kind", [OldEnv, NewerEnv])
def test_frames_are_rgb_arrays_and_actions_may_be_discrete(monkeypatch: pytest.MonkeyPatch, kind: type[OldEnv]) -> None:
    install(monkeypatch, kind(actions=Discrete(4)))
    env, spec = make_env("gym:Old-v0", render=True)
    env.reset(seed=0)
    assert np.shape(env.render()) == (8, 8, 3)
    assert (spec.discrete, spec.ac_dim) == (True, 4)


def test_what_gym_cannot_make_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, OldEnv(actions=SimpleNamespace()))
    with pytest.raises(InvalidInput, match="Cannot convert space"):
        make_env("gym:Old-v0")
    with pytest.raises(InvalidInput, match=r"the old gym package can't make 'Nosuch-v0'.*No registered env with"):
        make_env("gym:Nosuch-v0")
    monkeypatch.setitem(sys.modules, "gym", None)
    with pytest.raises(InvalidInput, match=r"pip install gym==0\.26\.2 shimmy"):
        make_env("gym:Old-v0")
