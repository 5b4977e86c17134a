"""Checks of `sample_trajectory`, `sample_trajectories` and `sample_n_trajectories`."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, cycle, islice, pairwise
from typing import Any

import gymnasium as gym
import numpy as np

from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.homework.checks.mistake import Mistake, require, require_equal, require_trajectories, require_type, run_cases
from cs285.infrastructure import utils

core: Any = utils
SPEC = TaskSpec((3,), np.dtype(np.float32), 2, discrete=False, max_episode_steps=12, fps=60)
SEED = 7
LENGTHS = [4, 6, 5, 3]  # numbers of steps of the episodes of `_Rollouts`, repeated without end


class _Environment(gym.Env[Any, Any]):
    """An environment whose observation in step t is (t, seed, 1).

    ``ends`` maps "terminated", "truncated" and "NaN" to their steps. Observations share one array if ``ends`` has any.
    """

    def __init__(self, ends: dict[str, int], discrete: bool = False) -> None:
        self.action_space = gym.spaces.Discrete(2) if discrete else gym.spaces.Box(-1.0, 1.0, (2,))
        self.ends, self.steps, self.over = ends, 0, False
        # np.asarray copies a float64 array, since the task's dtype is float32, but does not copy a float32 array.
        self.state = np.zeros(3, np.float32 if "truncated" in ends else np.float64)
        self.seeds, self.received = list[Any](), list[Any]()

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seeds.append(seed)
        self.state[:], self.steps, self.over = (0, seed or 0, 1), 0, False
        return self.state if self.ends else self.state.copy(), {"info": "of reset"}

    def step(self, action: Any) -> Any:
        require(self.seeds, "env.step is called before env.reset")
        require(not self.over, f"env.step is called after the episode has ended in step {self.steps}")
        shapes = f"env.step gets an action of shape {np.shape(action)}, not {self.action_space.shape}"
        require(np.shape(action) == self.action_space.shape, shapes)
        self.received.append(np.array(action))
        self.steps += 1
        require(self.steps < 17, "the episode continues after spec.max_episode_steps, 12 steps")
        self.state[0], self.state[2] = self.steps, np.nan if self.steps == self.ends.get("NaN") else 1
        terminated, truncated = (self.steps == self.ends.get(key) for key in ("terminated", "truncated"))
        self.over = terminated or truncated
        return self.state if self.ends else self.state.copy(), 0.5 * self.steps, terminated, truncated, {}

    def render(self) -> Any:
        return np.full((2, 2, 3), self.steps, np.uint8)


class _Policy:
    """A policy whose action in step t is (10 + t, noise * random number), or t % 2 if actions are discrete."""

    def __init__(self, discrete: bool = False, noise: float = 0.0) -> None:
        self.discrete, self.noise, self.seeds, self.drawn = discrete, noise, list[int](), 0.0

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)
        self.drawn = np.random.random()

    def get_action(self, observations: Any) -> Any:
        require(isinstance(observations, np.ndarray), "the policy gets no array; env.reset returns (observation, info)")
        t = observations[..., 0]
        if self.discrete:
            return np.asarray(t % 2).astype(np.int64)
        return np.stack([10.0 + t, self.noise * (self.drawn + np.random.random(t.shape))], axis=-1)


def sample_trajectory() -> Iterator[Mistake]:
    """Compare episodes with the steps of the environment, for each way in which an episode ends."""
    endings = {
        "the task ends the episode after 7 steps": ({"terminated": 7},),
        "the environment's time limit ends the episode after 5 steps": ({"truncated": 5},),
        "spec.max_episode_steps is 12": ({},),
        "the task ends the episode in the last step of the limit": ({"terminated": 12, "truncated": 12},),
        "discrete actions": ({"terminated": 4}, replace(SPEC, discrete=True)),
    }
    yield from run_cases(_check_episode, endings)
    noisy = [core.sample_trajectory(_Environment({}), SPEC, _Policy(noise=1.0), SEED).actions for _ in range(2)]
    if not np.array_equal(noisy[0], noisy[1]):
        yield Mistake("with one seed, a random policy acts differently: call it within episode_generators(seed)")
    for ends, noise in (({}, np.nan), ({"NaN": 12}, 0.0)):
        with suppress(InvalidInput):
            core.sample_trajectory(_Environment(ends), SPEC, _Policy(noise=noise), SEED)
            yield Mistake("NaN in an action or an observation raises no error: pass all arrays to check_finite")


def _check_episode(ends: dict[str, int], spec: TaskSpec = SPEC) -> None:
    env, policy = _Environment(ends, spec.discrete), _Policy(spec.discrete)
    frames, limit = list[int](), min(ends.values(), default=spec.max_episode_steps)
    path = core.sample_trajectory(env, spec, policy, SEED, on_frame=lambda frame: frames.append(frame.max()))
    require_type(path, Trajectory, "a Trajectory")
    count = f"the trajectory has {len(path)} steps, env.step was called {env.steps} times, the episode has {limit}"
    require(len(path) == env.steps == limit, count)
    seeds = f"env.reset gets the seeds {env.seeds} and policy.reset the seeds {policy.seeds}; both must get [{SEED}]"
    require(env.seeds == policy.seeds == [SEED], seeds)
    t = np.arange(limit)
    now, following = path.observations[:, 0], path.next_observations[:, 0]
    known = {
        "all actions are for the first observation": np.zeros(limit),
        "no copies, although the environment reuses one array for all observations": np.full(limit, now[-1]),
    }
    require_equal(now, t, "the observations are those of the steps", known=known)
    hint = ": each comes one step after its observation"
    require_equal(following, t + 1, "the next observations are those of the steps", hint)
    wanted = t % 2 if spec.discrete else np.stack([10 + t, 0 * t], axis=1)
    for name, actions in (("the environment got", env.received), ("the trajectory has", path.actions)):
        require_equal(actions, wanted, f"{name} the actions", known={"actions are clipped": np.clip(wanted, -1, 1)})
    require_equal(path.rewards, 0.5 * (t + 1), "the rewards are")
    flags, task = f"terminated is {path.terminated} and truncated is {path.truncated}", "terminated" in ends
    cause = "the task" if task else "a time limit"
    require((path.terminated, path.truncated) == (task, not task), f"{flags}, but {cause} ended the episode")
    require_equal(frames, range(0, limit, 2), "on_frame gets the frames of the steps", "; spec.frame_stride is 2")


class _Rollouts:
    """Rollouts in which an episode's seed is its number of steps; like workers, the rollouts read one seed ahead."""

    spec, policy = SPEC, object()

    def episodes(self, policy: object, seeds: Iterator[int], min_timesteps: int | None = None) -> Iterator[Trajectory]:
        require(policy is self.policy, "the episodes are rolled out with another policy than the given one")
        # `pairwise` reads one seed ahead; the 0 completes the pair of the last seed.
        for count, (steps, _) in enumerate(pairwise(chain(seeds, [0]))):
            require(count < 60, "it rolls out episodes without end, since the seeds of a run never end")
            require(steps in LENGTHS, f"an episode has the seed {steps}, which is not a given seed")
            states = np.repeat(np.arange(steps + 1, dtype=np.float32)[:, None], 3, axis=1)
            yield Trajectory.from_states(states, states[1:, :2], states[1:, 0], True, False)


def _check_episodes(paths: Any, count: int) -> None:
    require_trajectories(paths)
    lengths, hint = [*map(len, paths)], ": call rollouts.episodes once, and take whole episodes from its generator"
    require_equal(lengths, [*islice(cycle(LENGTHS), len(paths))], "the lengths of the episodes are", hint)
    text = f"{len(paths)} episodes, of {lengths} steps, are returned, not {count}"
    require(len(paths) == count, f"{text}: min_timesteps counts steps, and ntraj counts episodes")


def _check_sample_trajectories(min_timesteps: int, count: int) -> None:
    """Check that no more episodes than needed are collected, and that the returned number counts their steps."""
    result = core.sample_trajectories(_Rollouts(), _Rollouts.policy, min_timesteps, cycle(LENGTHS))
    require_type(result, tuple, "the pair (paths, timesteps)")
    paths, timesteps = result
    _check_episodes(paths, count)
    steps = sum(map(len, paths))
    require(timesteps == steps, f"the returned number of steps is {timesteps}, not {steps}")


def _check_sample_n_trajectories(ntraj: int) -> None:
    _check_episodes(core.sample_n_trajectories(_Rollouts(), _Rollouts.policy, ntraj, cycle(LENGTHS)), ntraj)


LEAST = {f"min_timesteps={n}, episodes of {LENGTHS}... steps": (n, count) for n, count in ((10, 2), (11, 3), (1, 1))}
sample_trajectories = partial(run_cases, _check_sample_trajectories, LEAST)
sample_n_trajectories = partial(run_cases, _check_sample_n_trajectories, {f"ntraj={n}": (n,) for n in (3, 1)})
