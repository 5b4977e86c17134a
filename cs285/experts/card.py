"""Cards of experts: a JSON file with statistics of the returns and provenance, and a PNG of the learning curve."""

import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.whole_files import digest, read_whole, reading, whole_file
from cs285.envs.v2_tasks import Backend
from cs285.errors import InvalidInput
from cs285.experts.recording import clone, sharpness
from cs285.experts.settings import ExpertSettings
from cs285.infrastructure.learning_curve import BLUE, GREEN, add_title_and_legend, new_figure, save_figure
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.loaded_gaussian_policy import load_expert
from cs285.results.intervals import interquartile_mean, iqm_interval

LIBRARIES = {"PPO": ["torch"], "TRPO": ["sb3_contrib", "torch"], "SAC": ["sbx-rl", "jax"]}


@dataclass
class Record:
    """Progress of a training over all its sessions: the evaluations, and the total time in seconds."""

    evaluations: list[tuple[int, float, float]] = field(default_factory=list)  # (environment steps, mean return, std)
    seconds: float = 0.0

    def best(self) -> tuple[int, float, float]:
        """The evaluation with the largest mean return minus standard deviation, so unreliable policies rank low."""
        return max(self.evaluations, key=lambda evaluation: evaluation[1] - evaluation[2])


def evaluate_expert(
    path: Path, env_name: str, episodes: int, seed: int = 0, num_workers: int | None = None, backend: Backend = "mujoco"
) -> dict[str, Any]:
    """Roll out an expert file's mean action over at least 2 episodes; raise InvalidInput when it does not fit the task.

    Returns a dict: ``episodes``; ``mean``, ``std`` (population), ``min``, ``max`` and ``iqm`` (interquartile mean) of
    the returns; ``iqm_95_low`` and ``iqm_95_high``, the ends of the iqm's 95 % bootstrap interval; ``ended_early``, the
    number of episodes that ended before the time limit; and, if actions are continuous, the `sharpness`.
    ``num_workers`` is the number of worker processes (None: one for each usable core; 0: rollouts run in this process).
    """
    seeds = episode_seeds(seed, Stream.EVALUATION, itr=0)
    with RolloutWorkers(env_name, None, num_workers, backend, episodes_needed=episodes) as rollouts:
        expert = load_expert(path, env_name, rollouts.spec)
        trajectories = sample_n_trajectories(rollouts, expert, episodes, seeds)
    returns = np.array([trajectory.total_reward for trajectory in trajectories])
    low, high = iqm_interval(returns)
    statistics = {"mean": returns.mean(), "std": returns.std(), "min": returns.min(), "max": returns.max()}
    statistics |= {"iqm": interquartile_mean(returns), "iqm_95_low": low, "iqm_95_high": high}
    result: dict[str, Any] = {name: round(float(value), 1) for name, value in statistics.items()}
    ended_early = sum(len(trajectory) < rollouts.spec.max_episode_steps for trajectory in trajectories)
    result = {"episodes": episodes, **result, "ended_early": ended_early}
    if not rollouts.spec.discrete:
        observations = np.concatenate([trajectory.observations for trajectory in trajectories[:2]])
        result["sharpness"] = round(sharpness(expert, observations), 2)
    return result


def write_card(settings: ExpertSettings, record: Record) -> None:
    """Evaluate the finished expert, print the result, and write card and learning curve next to the expert's file."""
    path, task, episodes = settings.expert_file, settings.env_name, settings.eval_episodes
    evaluation = evaluate_expert(path, task, episodes, num_workers=0)
    libraries = (*LIBRARIES[settings.algorithm], "stable_baselines3", "gymnasium", "mujoco")
    card: dict[str, Any] = {
        "task": task,
        "algorithm": settings.algorithm,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
        "command": " ".join(["python", *sys.argv]),
        "seed": settings.seed,
        "steps": record.evaluations[-1][0],
        "kept_from_step": settings.keep_step or record.best()[0],
        "wall_time_minutes": round(record.seconds / 60, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one of them used",
        "evaluation": evaluation,
        "behavioural_cloning": clone(task, path, settings.noise),
    }
    if (initial := settings.initial_expert) is not None:
        card["initial_expert"] = {"sha256": digest(initial), "card": read_card(initial)}
    with whole_file(path.with_suffix(".json")) as file:
        file.write(json.dumps(card, indent=2).encode() + b"\n")
    plot_training(path.with_suffix(".png"), f"{settings.algorithm} on {task}", record.evaluations, evaluation["mean"])
    result = f"{evaluation['mean']:.0f} ± {evaluation['std']:.0f} over {episodes} episodes"
    print(f"{path}: {result}; cloned from two of them: {card['behavioural_cloning']['mean']:.0f}")


def plot_training(path: Path, title: str, evaluations: Sequence[tuple[int, float, float]], final: float) -> None:
    """Write a PNG of `Record.evaluations` over environment steps, and of ``final``, the kept policy's mean return."""
    figure, axes = new_figure("environment steps (million)")
    steps, means, stds = np.array(evaluations).T
    axes.plot(steps / 1e6, means, color=BLUE, label="mean action")
    axes.fill_between(steps / 1e6, means - stds, means + stds, color=BLUE, alpha=0.2)
    axes.axhline(final, color=GREEN, linestyle="--", label=f"kept policy: {final:.0f}")
    add_title_and_legend(figure, axes, title)
    save_figure(figure, path)


def read_card(expert_file: Path) -> dict[str, Any]:
    """Read the card of an expert file; return {} if there is none.

    Raises InvalidInput unless mean and std of the return are finite and the number of episodes is at least 2.
    """
    path = expert_file.with_suffix(".json")
    if not path.exists():
        return {}
    with reading(path, "an expert's card"):
        card: dict[str, Any] = json.loads(read_whole(path))
        mean, std, episodes = (card["evaluation"][name] for name in ("mean", "std", "episodes"))
        if not (math.isfinite(mean) and math.isfinite(std) and range(episodes)[1:]):
            raise InvalidInput(f"mean {mean}, std {std}, episodes {episodes}; allowed: finite, at least 2 episodes")
        return card
