"""Rollouts of expert files: evaluation, cards, recording of episodes, and cloning."""

import importlib
import json
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from cs285.config import Config
from cs285.data.expert_data import write_expert_data
from cs285.data.run_folders import versions
from cs285.data.shipped import shipped_expert
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import digest, read_whole, reading, whole_file
from cs285.errors import InvalidInput
from cs285.experts.settings import LIBRARIES, ExpertSettings
from cs285.infrastructure.learning_curve import BLUE, GREEN, add_title_and_legend, new_figure, save_figure
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import relabel_with_expert, sample_n_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.loaded_gaussian_policy import load_expert
from cs285.results.series import summarize

CLONE_SEEDS = (1, 2, 3)


def evaluate_expert(
    path: Path, env_name: str, episodes: int, seed: int = 0, video: Path | None = None, **options: Any
) -> dict[str, Any]:
    """Roll out the mean action of an expert or a saved policy, or raise InvalidInput when it does not fit the task.

    ``video`` is a file for a video of the first episode. ``options`` are arguments of `RolloutWorkers`. Returns a dict:
    ``episodes``; ``mean``, ``std`` (population), ``min``, ``max`` and ``iqm`` (interquartile mean) of the returns;
    ``iqm_95_low`` and ``iqm_95_high``, the ends of the iqm's 95 % bootstrap interval; ``ended_early``, the number of
    episodes that ended before the time limit; and, if actions are continuous, the `sharpness`.
    """
    seeds = list(islice(episode_seeds(seed, Stream.EVALUATION, itr=0), episodes))
    with RolloutWorkers(env_name, episodes_needed=episodes, films=video is not None, **options) as rollouts:
        expert, spec = load_expert(path, env_name, rollouts.spec), rollouts.spec
        paths = sample_n_trajectories(rollouts, expert, episodes, iter(seeds))
        if video is not None and rollouts.can_render():
            rollouts.wait(rollouts.start_film(video, expert, seeds[:1]))
    returns = np.array([path.total_reward for path in paths])
    statistics = {"mean": returns.mean(), "std": returns.std(), "min": returns.min(), "max": returns.max()}
    _, _, _, statistics["iqm"], statistics["iqm_95_low"], statistics["iqm_95_high"] = summarize(returns)
    result = {"episodes": episodes, **{name: round(float(value), 1) for name, value in statistics.items()}}
    result["ended_early"] = sum(len(path) < spec.max_episode_steps for path in paths)
    if not spec.discrete:
        result["sharpness"] = round(sharpness(expert, np.concatenate([path.observations for path in paths[:2]])), 2)
    return result


def sharpness(expert: BasePolicy, observations: Array) -> float:
    """Relative change of continuous actions, divided by the small relative change of observations that causes it.

    Each number in the (N, ob_dim) ``observations`` gets Gaussian noise of 0.1 standard deviations. The result, about 1
    for a linear policy, is the root mean square change of the actions, in their standard deviations, divided by 0.1.
    """
    noise = 0.1 * np.random.default_rng(0).standard_normal(observations.shape) * observations.std(axis=0)
    actions = expert.get_action(observations)
    change = expert.get_action(observations + noise) - actions
    return float(np.sqrt(np.square(change).mean() / actions.var(axis=0).mean()) / 0.1)


def read_card(expert_file: Path) -> dict[str, Any]:
    """Read the card of an expert file; return {} if there is none, and raise InvalidInput if it can't be used."""
    path = expert_file.with_suffix(".json")
    if not path.exists():
        return {}
    with reading(path, "an expert's card"):
        card: dict[str, Any] = json.loads(read_whole(path))
        mean, std, episodes = (card["evaluation"][name] for name in ("mean", "std", "episodes"))
        if not (np.isfinite([mean, std]).all() and episodes >= 2):
            raise InvalidInput(f"mean {mean}, std {std}, episodes {episodes}; allowed: finite, at least 2 episodes")
        return card


def write_card(settings: ExpertSettings, evaluations: list[dict[str, Any]], kept: int) -> None:
    """Evaluate the finished expert, print the result, and write card and learning curve next to the expert's file.

    ``evaluations`` are those of `train_expert`; ``kept`` is the step of the policy in the expert's file.
    """
    path, task, initial = settings.expert_file, settings.env_name, settings.initial_expert
    evaluation = evaluate_expert(path, task, settings.eval_episodes, num_workers=0)
    libraries = ("stable_baselines3", LIBRARIES[settings.algorithm])
    card: dict[str, Any] = {
        "task": task,
        "algorithm": settings.algorithm,
        "versions": versions() | {name: importlib.import_module(name).__version__ for name in libraries},
        "command": " ".join(["python", *sys.argv]),
        "seed": settings.seed,
        "steps": evaluations[-1]["steps"],
        "kept_from_step": kept,
        "wall_time_minutes": round(evaluations[-1]["seconds"] / 60, 1),
        "evaluation": evaluation,
        "behavioural_cloning": clone(task, path, settings.noise),
    }
    if initial is not None:
        card["initial_expert"] = {"sha256": digest(initial), "card": read_card(initial)}
    with whole_file(path.with_suffix(".json")) as file:
        file.write(json.dumps(card, indent=2).encode() + b"\n")
    figure, axes = new_figure("environment steps (million)")
    steps, means, stds = (np.array([each[name] for each in evaluations]) for name in ("steps", "mean", "std"))
    axes.plot(steps / 1e6, means, color=BLUE, label="mean action")
    axes.fill_between(steps / 1e6, means - stds, means + stds, color=BLUE, alpha=0.2)
    axes.axhline(evaluation["mean"], color=GREEN, linestyle="--", label=f"kept policy: {evaluation['mean']:.0f}")
    add_title_and_legend(figure, axes, f"{settings.algorithm} on {task}")
    save_figure(figure, path.with_suffix(".png"))
    result = f"{evaluation['mean']:.0f} ± {evaluation['std']:.0f} over {settings.eval_episodes} episodes"
    print(f"{path}: {result}; cloned from two of them: {card['behavioural_cloning']['mean']:.0f}")


class _NoisyPolicy(BasePolicy):
    """A policy with Gaussian noise of standard deviation ``std`` (ac_dim,) in its continuous actions."""

    def __init__(self, policy: BasePolicy, std: Array) -> None:
        self.copyable, self._policy, self._std = policy.copyable, policy, std

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)
        self._generator = np.random.default_rng([seed, 1])  # not ``seed`` alone, which gives the environment's numbers

    def get_action(self, observations: Array) -> Array:
        actions = self._policy.get_action(observations)
        return np.asarray(actions + self._std * self._generator.standard_normal(actions.shape))


def record_episodes(
    env_name: str, expert: Path | None = None, episodes: int = 2, noise: float = 0.0, seed: int = 1, **options: Any
) -> list[Trajectory]:
    """Record episodes of the file ``expert`` (None: the expert that ships); ``options`` are as for `evaluate_expert`.

    With ``noise``, Gaussian noise is added to the executed actions, and the recorded actions are the expert's mean
    actions (DART, Laskey et al. 2017). ``noise`` is the standard deviation as a fraction of half the range between the
    actions' bounds. Raises InvalidInput when the expert does not fit the task, or noisy actions have no bounds.
    """
    if (file := expert or shipped_expert(env_name)) is None:
        raise InvalidInput(f"no expert ships for {env_name}; name one with --expert_policy_file")
    seeds = episode_seeds(seed, Stream.TRAINING_ROLLOUTS, itr=0)
    with RolloutWorkers(env_name, episodes_needed=episodes, **options) as rollouts:
        spec, space = rollouts.spec, rollouts.spec.action_space
        policy = load_expert(file, env_name, spec)
        if noise == 0:  # the recorded actions are numbered as in the environment
            paths = sample_n_trajectories(rollouts, policy, episodes, seeds)
            return [replace(path, actions=path.actions + spec.ac_start) for path in paths]
        if not (isinstance(space, Box) and space.is_bounded()):
            raise InvalidInput(f"--noise needs continuous, bounded actions; {env_name} has {space}")
        noisy = _NoisyPolicy(policy, noise * (space.high - space.low) / 2)
        return relabel_with_expert(sample_n_trajectories(rollouts, noisy, episodes, seeds), policy, spec)


def record_missing(path: Path, env_name: str, episodes: int, noise: float = 0.0) -> None:
    """Record episodes of the expert that ships for a task into a file, unless the file exists."""
    if not path.exists():
        print(f"recording {path}", flush=True)
        write_expert_data(record_episodes(env_name, episodes=episodes, noise=noise), path)


def clone(env_name: str, expert_file: Path, noise: float) -> dict[str, Any]:
    """Clone an expert from two episodes recorded with ``noise``, with the default settings and the `CLONE_SEEDS`.

    Each clone is evaluated over 10 000 steps. Returns a dict of noise, seeds, and mean and min of the clones' returns.
    """
    from cs285.infrastructure.bc_trainer import BC_Trainer

    returns = []
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        data = Path(folder) / "data.pkl"
        write_expert_data(record_episodes(env_name, expert_file, noise=noise, num_workers=0), data)
        options: dict[str, Any] = {"logdir": Path(folder), "num_workers": 0, "eval_batch_size": 10_000}
        for seed in CLONE_SEEDS:
            with BC_Trainer(Config(expert_file, data, env_name=env_name, seed=seed, **options)) as trainer:
                returns.append(trainer.run_training_loop()[0]["Eval_AverageReturn"])
    mean, least = round(float(np.mean(returns)), 1), round(min(returns), 1)
    return {"noise": noise, "seeds": list(CLONE_SEEDS), "mean": mean, "min": least}
