"""Rollouts of policies, relabelling of trajectories with the expert's actions, and a check for NaN and infinity."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from tqdm import tqdm

from cs285.data.trajectory import Array, Trajectory
from cs285.envs.make_env import Env, TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.seeding import episode_generators
from cs285.policies.base_policy import BasePolicy, as_actions, expert_actions


def sample_trajectory(
    env: Env, spec: TaskSpec, policy: BasePolicy, seed: int, on_frame: Callable[[Array], None] | None = None
) -> Trajectory:
    """Roll out one episode, which depends only on the policy and ``seed``.

    The policy gets one observation at a time, in ``spec.ob_dtype``. Actions outside the action space are not clipped:
    the task's control cost is computed from the raw action, and the course's experts exceed the bounds. ``on_frame`` is
    called with each video frame, (height, width, 3) uint8, of an ``env`` that was made to render. Raises InvalidInput
    if an action does not fit ``spec``, or if the episode has NaN or infinity.
    """
    with episode_generators(seed):
        policy.reset(seed)
        observation, _ = env.reset(seed=seed)
        observations, actions = [np.array(observation, spec.ob_dtype)], []  # a copy: some environments reuse one array
        rewards: list[float] = []
        terminated = truncated = False
        while not (terminated or truncated):
            if on_frame and len(rewards) % spec.frame_stride == 0:
                on_frame(np.asarray(env.render()))
            action = as_actions(np.asarray(policy.get_action(observations[-1].copy())), spec)
            observation, reward, terminated, truncated, _ = env.step(action)
            actions.append(action)
            rewards.append(float(reward))
            observations.append(np.array(observation, spec.ob_dtype))
            truncated = truncated or len(rewards) >= spec.max_episode_steps
    states, acted, rewarded = np.stack(observations), np.stack(actions), np.asarray(rewards, np.float32)
    check_finite(states, acted, rewarded, seed)
    return Trajectory.from_states(states, acted, rewarded, bool(terminated), not terminated)


class LocalRollouts:
    """Rollouts in one environment of this process; the subclass `RolloutWorkers` uses several processes."""

    def __init__(self, env: Env, spec: TaskSpec, on_frame: Callable[[Array], None] | None = None) -> None:
        self.env, self.spec, self.on_frame = env, spec, on_frame

    def episodes(
        self, policy: BasePolicy, seeds: Iterator[int], min_timesteps: int | None = None
    ) -> Generator[Trajectory, None, None]:
        """Roll out one episode for each seed; ``min_timesteps`` has no effect here."""
        for seed in seeds:
            yield sample_trajectory(self.env, self.spec, policy, seed, self.on_frame)


def sample_trajectories(
    rollouts: LocalRollouts, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int], description: str = ""
) -> tuple[list[Trajectory], int]:
    """Roll out whole episodes until they have at least ``min_timesteps`` steps together.

    ``rollouts`` runs `sample_trajectory` in worker processes or in this process. ``description`` is the label of a
    progress bar on a terminal; empty: no bar. Returns the episodes in the order of their seeds, and their total steps.
    """
    paths: list[Trajectory] = []
    timesteps = 0
    episodes = rollouts.episodes(policy, seeds, min_timesteps)
    disable = None if description else True  # with None, tqdm shows a bar only on a terminal
    with tqdm(total=min_timesteps, desc=description, unit="step", leave=False, disable=disable) as bar:
        while timesteps < min_timesteps:
            paths.append(next(episodes))
            timesteps += len(paths[-1])
            bar.update(len(paths[-1]))
    episodes.close()
    return paths, timesteps


def sample_n_trajectories(
    rollouts: LocalRollouts, policy: BasePolicy, ntraj: int, seeds: Iterator[int], description: str = ""
) -> list[Trajectory]:
    """Roll out ``ntraj`` episodes; the other arguments are those of `sample_trajectories`."""
    episodes = rollouts.episodes(policy, islice(seeds, ntraj))
    disable = None if description else True
    return list(tqdm(episodes, desc=description, total=ntraj, unit="episode", leave=False, disable=disable))


def relabel_with_expert(paths: Sequence[Trajectory], expert: BasePolicy, spec: TaskSpec) -> list[Trajectory]:
    """Copy trajectories with the actions that the expert chooses for their observations."""
    return [replace(path, actions=expert_actions(expert, path.observations, spec)) for path in paths]


def check_finite(states: Array, actions: Array, rewards: Array, seed: int) -> None:
    """Raise InvalidInput, with step and seed, if the T + 1 states, T actions or T rewards have NaN or infinity."""
    given = {"environment's observation": states[:-1], "policy's action": actions, "environment's reward": rewards}
    given["environment's next observation"] = states[1:]
    finite = {name: np.isfinite(array).reshape(len(array), -1).all(axis=1) for name, array in given.items()}
    wrong = [(steps.argmin(), name) for name, steps in finite.items() if not steps.all()]
    if wrong:
        step, name = min(wrong, key=lambda found: found[0])
        raise InvalidInput(f"the {name} in step {step} of the episode with seed {seed} holds NaN or infinity")
