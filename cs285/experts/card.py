"""How good an expert's file is: its returns, as its card reports them, and its learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cs285.envs.v2_tasks import Backend
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.loaded_gaussian_policy import load_expert
from cs285.results.intervals import interquartile_mean, iqm_interval


def evaluate_expert(
    path: Path,
    env_name: str,
    episodes: int,
    seed: int = 0,
    num_workers: int | None = None,
    backend: Backend = "mujoco",
) -> dict[str, Any]:
    """Roll out an expert's mean action and describe the returns.

    Args:
        path: the expert, in the course's format.
        env_name: the environment's id.
        episodes: how many episodes, at least 2.
        seed: of the episodes; cards have all the same.
        num_workers: processes that roll out; None: one for each usable core.
        backend: the bindings that a -v2 task runs on.

    Returns:
        mean, std (population), min, max, the interquartile mean with its 95 % bootstrap
        interval, and how many episodes ended before the time limit.

    Raises:
        InvalidInput: when the expert can't be read or does not fit the environment.
    """
    seeds = episode_seeds(seed, Stream.EVALUATION, itr=0)
    with RolloutWorkers(env_name, None, num_workers, backend, episodes_needed=episodes) as rollouts:
        expert = load_expert(path, env_name, rollouts.spec)
        trajectories = sample_n_trajectories(rollouts, expert, episodes, seeds)
    returns = np.array([trajectory.total_reward for trajectory in trajectories])
    low, high = iqm_interval(returns)
    rounded = {
        "mean": returns.mean(),
        "std": returns.std(),
        "min": returns.min(),
        "max": returns.max(),
        "iqm": interquartile_mean(returns),
        "iqm_95_low": low,
        "iqm_95_high": high,
    }
    return {
        "episodes": episodes,
        **{name: round(float(value), 1) for name, value in rounded.items()},
        "ended_early": sum(len(trajectory) < rollouts.spec.max_episode_steps for trajectory in trajectories),
    }


def write_training_curve(
    path: Path,
    title: str,
    exploring: Sequence[tuple[int, float]],
    evaluations: Sequence[tuple[int, float, float]],
    finished: float,
) -> None:
    """Draw how an expert learned.

    Args:
        path: the PNG to write.
        title: of the picture, such as ``PPO on Hopper-v5``.
        exploring: pairs of environment steps and mean return of the exploring policy.
        evaluations: environment steps, mean return and standard deviation of the mean action.
        finished: mean return of the expert that was kept.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for points, color, label in ((exploring, ORANGE, "exploring"), (evaluations, BLUE, "mean action")):
        if points:
            steps, means = np.array(points)[:, :2].T
            axes.plot(steps / 1e6, means, color=color, label=label)
    if evaluations:
        steps, means, stds = np.array(evaluations).T
        axes.fill_between(steps / 1e6, means - stds, means + stds, color=BLUE, alpha=0.2, linewidth=0)
    axes.axhline(finished, color=GREEN, linestyle="--", label=f"the expert kept: {finished:.0f}")
    axes.set(xlabel="environment steps (million)", ylabel="return", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=120)
