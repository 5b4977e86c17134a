"""Environments of the old gym package, of the years of 4-tuples and of those of 5-tuples, as Gymnasium's."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cs285.envs.layouts import task_of
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
    """What gym 0.17 to 0.21 made: four values, seeded by a method, rendered by a mode."""

    metadata = {"video.frames_per_second": 50}  # noqa: RUF012 - the old name

    def __init__(self, ends_by: str = "time", actions: Any = None) -> None:
        self.ends_by = ends_by
        self.observation_space, self.action_space = Box(3), actions or Box(2)
        self.spec = SimpleNamespace(id="Old-v0", max_episode_steps=STEPS)
        self.unwrapped = self

    def seed(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def _restart(self) -> Any:
        self.steps = 0
        return self.rng.normal(size=3)

    def _advance(self) -> tuple[Any, float, bool]:
        self.steps += 1
        return self.rng.normal(size=3), 1.5, self.steps >= STEPS

    def reset(self) -> Any:
        return self._restart()

    def step(self, action: Any) -> tuple[Any, ...]:
        observation, reward, done = self._advance()
        return observation, reward, done, {"TimeLimit.truncated": True} if done and self.ends_by == "time" else {}

    def render(self, mode: str = "human") -> Any:
        return np.full((8, 8, 3), 9, np.uint8) if mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing is open."""


class NewerEnv(OldEnv):
    """What gym 0.26 made: five values, seeded by reset, rendered as it was made."""

    metadata = {"render_fps": 50}  # noqa: RUF012 - the old name

    def reset(self, seed: int | None = None) -> Any:  # type: ignore[override]
        self.seed(seed or 0)
        return self._restart(), {"newer": True}

    def step(self, action: Any) -> tuple[Any, ...]:
        observation, reward, done = self._advance()
        return observation, reward, done and self.ends_by == "a fall", done and self.ends_by == "time", {}

    def render(self) -> Any:  # type: ignore[override]
        return np.full((8, 8, 3), 9, np.uint8)


def install(monkeypatch: pytest.MonkeyPatch, env: OldEnv) -> dict[str, Any]:
    """Put a package in the place of gym that makes this environment; returns the options it was given."""
    package, given = ModuleType("gym"), {}
    package.error = SimpleNamespace(Error=type("Error", (Exception,), {}))  # type: ignore[attr-defined]

    def make_old(env_id: str, **options: Any) -> OldEnv:
        if env_id != "Old-v0":
            raise package.error.Error(f"No registered env with id: {env_id}")
        given.update(options)
        return env

    def make_newer(env_id: str, apply_api_compatibility: Any = None, disable_env_checker: Any = None, **o: Any) -> Any:
        return make_old(env_id, disable_env_checker=disable_env_checker, **o)

    package.make = make_newer if isinstance(env, NewerEnv) else make_old  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gym", package)
    return given


@pytest.mark.parametrize("kind", [OldEnv, NewerEnv])
@pytest.mark.parametrize("ends_by", ["time", "a fall"])
def test_an_episode_ends_as_it_did_there(monkeypatch: pytest.MonkeyPatch, kind: type[OldEnv], ends_by: str) -> None:
    install(monkeypatch, kind(ends_by))
    env, spec = make_env("gym:Old-v0", ep_len=100)
    assert (spec.ob_dim, spec.ac_dim, spec.discrete, spec.max_episode_steps, spec.fps) == (3, 2, False, STEPS, 50)
    spec = dataclasses.replace(spec, max_episode_steps=100)  # so that the environment's own end is what counts
    policy = FakePolicy(lambda observations: observations[:, :2])
    first, again, other = (sample_trajectory(env, spec, policy, seed) for seed in (5, 5, 6))
    assert len(first) == STEPS
    assert first.total_reward == 1.5 * STEPS
    assert (first.terminated, first.truncated) == (ends_by == "a fall", ends_by == "time")
    assert np.array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations, other.observations)


@pytest.mark.parametrize("kind", [OldEnv, NewerEnv])
def test_it_renders(monkeypatch: pytest.MonkeyPatch, kind: type[OldEnv]) -> None:
    given = install(monkeypatch, kind())
    env, _ = make_env("gym:Old-v0", render=True)
    env.reset(seed=0)
    frame: Any = env.render()
    assert frame.shape == (8, 8, 3)
    expected = {"render_mode": "rgb_array", "disable_env_checker": True} if kind is NewerEnv else {}
    assert given == expected


def test_discrete_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, OldEnv(actions=Discrete(4)))
    _, spec = make_env("gym:Old-v0")
    assert (spec.discrete, spec.ac_dim) == (True, 4)


def test_what_cannot_be_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, OldEnv(actions=SimpleNamespace()))
    with pytest.raises(InvalidInput, match="Box and Discrete"):
        make_env("gym:Old-v0")
    with pytest.raises(InvalidInput, match=r"the old gym package can't make 'Nosuch-v0'.*No registered env"):
        make_env("gym:Nosuch-v0")
    monkeypatch.setitem(sys.modules, "gym", None)
    with pytest.raises(InvalidInput, match=r"pip install gym==0\.26\.2"):
        make_env("gym:Old-v0")


def test_its_task_is_known_by_name() -> None:
    assert task_of("gym:Ant-v2") == "Ant"
