"""Rollouts, and relabelling them with the expert's actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from cs285.data.trajectory import Array, Trajectory
from cs285.envs.make_env import Env, TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy


def sample_trajectory(
    env: Env, spec: TaskSpec, policy: BasePolicy, seed: int, on_frame: Callable[[Array], None] | None = None
) -> Trajectory:
    """Roll out one episode.

    Args:
        env: the environment; with ``on_frame``, one made to render.
        spec: its facts; ``max_episode_steps`` is where the episode is cut.
        policy: chooses the actions, one observation at a time. They go to the environment as
            they are, beyond the bounds of its action space too: the task's control cost is
            computed from the raw action, and the course's experts exceed the bounds.
        seed: the episode's own; the same seed and policy give the same episode.
        on_frame: called with each frame of a video, (height, width, 3) uint8.

    Raises:
        InvalidInput: when an observation, an action or a reward is NaN or infinite, with the step.
    """
    observation, _ = env.reset(seed=seed)
    observations, actions = [np.array(observation, spec.ob_dtype)], []  # copies: some environments reuse one array
    rewards: list[float] = []
    terminated = truncated = False
    while not (terminated or truncated):
        if on_frame and len(rewards) % spec.frame_stride == 0:
            on_frame(np.asarray(env.render()))
        action = as_actions(np.asarray(policy.get_action(observation)), spec)
        observation, reward, terminated, truncated, _ = env.step(action)
        actions.append(action)
        rewards.append(float(reward))
        observations.append(np.array(observation, spec.ob_dtype))
        truncated = truncated or len(rewards) >= spec.max_episode_steps
    states, acted, rewarded = np.stack(observations), np.stack(actions), np.asarray(rewards, np.float32)
    _check_finite(states, acted, rewarded, seed)
    return Trajectory(
        observations=states[:-1],
        actions=acted,
        rewards=rewarded,
        next_observations=states[1:],
        terminated=bool(terminated),
        truncated=not terminated,
    )


def _check_finite(states: Array, actions: Array, rewards: Array, seed: int) -> None:
    """Refuse an episode with NaN or infinity, naming the first step that has it, and who gave it."""
    given = (
        ("the environment's observation", states[:-1]),
        ("the policy's action", actions),
        ("the environment's reward", rewards),
        ("the environment's next observation", states[1:]),
    )
    wrong = [(np.isfinite(array).reshape(len(array), -1).all(axis=1), who) for who, array in given]
    first = [(int(finite.argmin()), n, who) for n, (finite, who) in enumerate(wrong) if not finite.all()]
    if first:
        step, _, who = min(first)
        raise InvalidInput(f"{who} in step {step} of the episode with seed {seed} holds NaN or infinity")


def sample_trajectories(
    env: Env,
    spec: TaskSpec,
    policy: BasePolicy,
    min_timesteps: int,
    seeds: Iterator[int],
    description: str | None = None,
) -> tuple[list[Trajectory], int]:
    """Roll out whole episodes, the fewest whose steps add up to ``min_timesteps``.

    Args:
        env: as for `sample_trajectory`, and so are the next two.
        spec: the environment's facts.
        policy: chooses the actions.
        min_timesteps: steps wanted, at least.
        seeds: of one episode after another.
        description: of the progress bar on a terminal; None: no bar.

    Returns:
        The episodes in the order of their seeds, and how many steps they have in all.
    """
    policy = policy.frozen_copy()
    trajectories, timesteps = [], 0
    with rollout_bar(min_timesteps, description) as bar:
        while timesteps < min_timesteps:
            trajectories.append(sample_trajectory(env, spec, policy, next(seeds)))
            timesteps += len(trajectories[-1])
            bar.update(len(trajectories[-1]))
    return trajectories, timesteps


def rollout_bar(min_timesteps: int, description: str | None) -> tqdm[NoReturn]:
    """A progress bar that counts environment steps; it shows on a terminal, if it has a description."""
    disable = True if description is None else None
    return tqdm(total=min_timesteps, desc=description, unit="step", leave=False, disable=disable)


def sample_n_trajectories(
    env: Env, spec: TaskSpec, policy: BasePolicy, ntraj: int, seeds: Iterator[int]
) -> list[Trajectory]:
    """Roll out ``ntraj`` episodes; the arguments are those of `sample_trajectories`."""
    policy = policy.frozen_copy()
    return [sample_trajectory(env, spec, policy, next(seeds)) for _ in range(ntraj)]


def relabel_with_expert(trajectories: Sequence[Trajectory], expert: BasePolicy, spec: TaskSpec) -> list[Trajectory]:
    """New trajectories with the same states, and the actions the expert would have taken there.

    Raises:
        InvalidInput: when the expert's actions do not fit the environment, or are not finite.
    """
    return [
        replace(trajectory, actions=expert_actions(expert, trajectory.observations, spec))
        for trajectory in trajectories
    ]


def expert_actions(expert: BasePolicy, observations: Array, spec: TaskSpec) -> Array:
    """The expert's actions for (T, ob_dim) observations, in one call.

    Raises:
        InvalidInput: when they do not fit the environment, or are not finite.
    """
    actions = expert.get_action(observations)
    expected = (len(observations),) if spec.discrete else (len(observations), spec.ac_dim)
    if actions.shape != expected:
        raise InvalidInput(f"the expert's actions have shape {actions.shape[1:]}, the environment's {expected[1:]}")
    finite = np.isfinite(actions).reshape(len(actions), -1).all(axis=1)
    if not finite.all():
        raise InvalidInput(f"the expert's answer to the state of step {finite.argmin()} holds NaN or infinity")
    if spec.discrete and (wrong := actions[~np.isin(actions, np.arange(spec.ac_dim))]).size:
        raise InvalidInput(f"the expert chose {wrong[0]}; the environment's choices are 0 to {spec.ac_dim - 1}")
    return as_actions(actions, spec)


def as_actions(actions: Array, spec: TaskSpec) -> Array:
    """The actions in the dtype of a trajectory: int64 when discrete, else float32."""
    return actions.astype(np.int64 if spec.discrete else np.float32)
