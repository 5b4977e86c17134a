"""Small environments and policies, and files in the layouts of the course."""

from __future__ import annotations

import io
import itertools
import pickle
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from cs285.data.trajectory import Array, Trajectory
from cs285.envs.make_env import TaskSpec
from cs285.policies.base_policy import BasePolicy

POINT, CHOICE = "tests/Point-v0", "tests/Choice-v0"
OB_DIM, AC_DIM, TIME_LIMIT = 3, 2, 12


class PointEnv(gym.Env[Any, Any]):
    """A point that the mean of each action pushes. An episode's seed determines its first state and its length."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012 - Gymnasium reads this attribute

    def __init__(self, render_mode: str | None = None, discrete: bool = False, ob_shape: Sequence[int] = (OB_DIM,)):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, tuple(ob_shape))
        self.action_space = gym.spaces.Discrete(AC_DIM) if discrete else gym.spaces.Box(-1.0, 1.0, (AC_DIM,))
        self.seeds: list[int | None] = []
        self.received: list[Array] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.state = self.np_random.normal(size=self.observation_space.shape)
        self.lifetime = int(self.np_random.integers(3, 20))
        self.steps = 0
        return self.state, {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        self.received.append(np.array(action))
        self.steps += 1
        self.state = 0.9 * self.state + 0.1 * np.mean(action)
        return self.state, -float(np.abs(self.state).sum()), self.steps >= self.lifetime, False, {}

    def render(self) -> Array:
        return np.full((48, 64, 3), 10 * self.steps, np.uint8)


POINT_SPEC = TaskSpec((OB_DIM,), np.dtype(np.float32), AC_DIM, discrete=False, max_episode_steps=TIME_LIMIT, fps=60)
CHOICE_SPEC = TaskSpec((OB_DIM,), np.dtype(np.float32), AC_DIM, discrete=True, max_episode_steps=TIME_LIMIT, fps=60)


def register_fakes() -> None:
    gym.register(POINT, PointEnv, max_episode_steps=TIME_LIMIT)
    gym.register(CHOICE, PointEnv, max_episode_steps=TIME_LIMIT, kwargs={"discrete": True})
    gym.register("tests/Endless-v0", PointEnv)
    gym.register("tests/Grid-v0", PointEnv, max_episode_steps=TIME_LIMIT, kwargs={"ob_shape": (2, 3)})


class FakePolicy(BasePolicy):
    """A policy whose actions are a function of the observations; it records the observations and seeds that it gets."""

    def __init__(self, act: Callable[[Array], Array]) -> None:
        self.act = act
        self.asked: list[Array] = []
        self.seeds: list[int] = []

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)

    def get_action(self, observations: Array) -> Array:
        self.asked.append(observations.copy())
        actions = self.act(np.atleast_2d(observations))
        return actions if observations.ndim == 2 else actions[0]


def expert_rule(observations: Array) -> Array:
    """Actions of the expert on the point tasks. They depend on the state, and many lie outside the action space."""
    return 2.0 + 3.0 * np.asarray(observations, np.float64)[:, :AC_DIM]


def choice_rule(observations: Array) -> Array:
    return (observations[:, 0] > 0).astype(np.int64)


def make_trajectory(
    steps: int = 5, start: float = 0, ob_dim: int = OB_DIM, ac_dim: int = AC_DIM, terminated: bool = False, **new: Any
) -> Trajectory:
    """A trajectory; in step t the reward and all numbers of the observation are ``start`` + t."""
    t = np.arange(start, start + steps, dtype=np.float32)
    fields = {
        "observations": np.repeat(t[:, None], ob_dim, axis=1),
        "actions": np.repeat(-t[:, None], ac_dim, axis=1),
        "rewards": t,
        "next_observations": np.repeat(t[:, None] + 1, ob_dim, axis=1),
        "terminated": terminated,
        "truncated": not terminated,
    }
    return Trajectory(**{**fields, **new})


def course_episode(
    edition: int, steps: int = TIME_LIMIT, ob_dim: int = OB_DIM, ac_dim: int = AC_DIM, seed: int = 0
) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(steps + 1, ob_dim))
    episode = {
        "observation": states[:-1],
        "action": rng.normal(size=(steps, ac_dim)).astype(np.float32),
        "reward": rng.normal(size=steps),
        "next_observation": states[1:],
        "terminal": np.arange(steps) == steps - 1,
    }
    if edition == 2023:
        return episode
    return {name: array.astype(np.float32) for name, array in episode.items()} | {"image_obs": np.zeros(0, np.uint8)}


def expert_content(
    ob_dim: int = OB_DIM,
    ac_dim: int = AC_DIM,
    widths: Sequence[int] = (8, 8),
    activation: str = "tanh",
    constant: Sequence[int] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """The content of an expert file of the course; ``constant`` are the observation dimensions without variance."""
    rng = np.random.default_rng(seed)
    mean, std = rng.normal(size=(1, ob_dim)), rng.uniform(0.5, 2.0, (1, ob_dim))
    std[0, list(constant)] = 0.0
    sizes = [ob_dim, *widths, ac_dim]
    layers = [
        {"AffineLayer": {"W": rng.normal(size=(i, o)) / np.sqrt(i), "b": rng.normal(size=(1, o)) / 10}}
        for i, o in itertools.pairwise(sizes)
    ]
    policy = {
        "obsnorm": {"Standardizer": {"mean_1_D": mean, "meansq_1_D": std**2 + mean**2}},
        "hidden": {"FeedforwardNet": {f"layer_{2 * n}": layer for n, layer in enumerate(layers[:-1])}},
        "out": layers[-1],
        "logstdevs_1_Da": np.zeros((1, ac_dim)),
    }
    return {"nonlin_type": activation, "GaussianPolicy": policy}


def act_like_the_course(path: Path, observations: Array) -> Array:
    """The actions of the course's LoadedGaussianPolicy.

    This class sorts layers by name, and does not ignore constant dimensions.
    """
    data = pickle.loads(path.read_bytes())
    nonlinearity = {"tanh": np.tanh, "lrelu": lambda x: np.maximum(x, 0) + 0.01 * np.minimum(x, 0)}[data["nonlin_type"]]
    policy = data["GaussianPolicy"]
    mean = policy["obsnorm"]["Standardizer"]["mean_1_D"]
    std = np.sqrt(np.maximum(0, policy["obsnorm"]["Standardizer"]["meansq_1_D"] - np.square(mean)))
    hidden = (observations - mean) / (std + 1e-6)
    for name in sorted(policy["hidden"]["FeedforwardNet"].keys()):
        layer = policy["hidden"]["FeedforwardNet"][name]["AffineLayer"]
        hidden = nonlinearity(hidden @ layer["W"] + layer["b"])
    return hidden @ policy["out"]["AffineLayer"]["W"] + policy["out"]["AffineLayer"]["b"]


class _Python2Pickler(pickle._Pickler):
    """A pickler that writes what Python 2 wrote: all text as byte strings, and numpy's classes under old names."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("latin1")
        if self.proto == 0:
            self.write(pickle.STRING + repr(content)[1:].encode("ascii") + b"\n")
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_string

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = obj.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch[type] = dispatch[type(len)] = dispatch[type(register_fakes)] = save_global


def pickled_by_python_2(content: Any, protocol: int) -> bytes:
    """The bytes that Python 2 wrote when it pickled arrays and containers with protocol 0, 1 or 2."""
    file = io.BytesIO()
    _Python2Pickler(file, protocol).dump(content)
    return file.getvalue()


def pickle_file(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path
