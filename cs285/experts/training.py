"""Expert training with regular evaluations and checkpoints; at the end, the best policy and its card are written."""

import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from cs285.data.run_folders import versions
from cs285.data.whole_files import digest, read_whole, reading, whole_file
from cs285.experts.algorithms import algorithm_class, export_policy, make_model, make_vec_env
from cs285.experts.rollouts import clone, evaluate_expert, read_card
from cs285.experts.settings import LIBRARIES, ExpertSettings
from cs285.infrastructure.learning_curve import BLUE, GREEN, add_title_and_legend, new_figure, save_figure

SELECTION_EPISODES = 40  # enough to notice that a policy falls once in twenty episodes
SELECTION_SEED = 1_000  # differs from the seed of the episodes in the card
MODEL, REPLAY_BUFFER = "model.zip", "replay_buffer.pkl"


def train_expert(settings: ExpertSettings) -> list[dict[str, Any]]:
    """Train an expert, and write the best policy and its card; raise InvalidInput when a file can't be used.

    The training resumes from its last checkpoint if there is one. Returns the training's evaluations: the results of
    `evaluate_expert`, and ``steps`` and ``seconds``, the environment steps and the time up to the evaluation.
    """
    torch.set_num_threads(1)
    # JAX reads XLA_FLAGS when it is imported. With several threads, JAX would busy-wait and slow down other processes.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    model = load_checkpoint(settings) or make_model(settings)
    evaluations: list[dict[str, Any]] = vars(model).setdefault("evaluations", [])  # `model.save` writes attributes
    if model.num_timesteps < settings.last_step:
        progress = Progress(settings, evaluations)
        model.learn(settings.total_steps - model.num_timesteps, progress, reset_num_timesteps=False)
        progress.evaluate()
    # A policy that sometimes falls has a large standard deviation, and ranks low.
    best = max(evaluations, key=lambda evaluation: evaluation["mean"] - evaluation["std"])
    kept = settings.keep_step or best["steps"]
    policy = read_whole(settings.checkpoint_dir / f"policy_{kept}.pkl")
    with whole_file(settings.expert_file) as file:
        file.write(policy)
    write_card(settings, evaluations, kept)
    return evaluations


class Progress(BaseCallback):
    """Evaluate the policy, print a line and save a checkpoint at regular intervals of a training."""

    def __init__(self, settings: ExpertSettings, evaluations: list[dict[str, Any]]) -> None:
        super().__init__()
        self._settings, self._evaluations = settings, evaluations
        self._began = time.monotonic() - (evaluations[-1]["seconds"] if evaluations else 0.0)

    def _on_step(self) -> bool:
        return self.num_timesteps <= self._settings.last_step  # `<=`, so that PPO learns from its last rollout

    def _on_rollout_end(self) -> None:
        settings, steps, evaluations = self._settings, self.num_timesteps, self._evaluations
        if settings.policy_starts:  # until then, the updates change the value function only
            for name, parameter in self.model.policy.named_parameters():
                parameter.requires_grad_("value_net" in name or steps >= settings.policy_starts)
        due = (evaluations[-1]["steps"] if evaluations else 0) + settings.total_steps / settings.evaluations
        if due <= steps < settings.last_step:  # at `last_step`, `train_expert` evaluates the policy
            self.evaluate()

    def evaluate(self) -> None:
        """Write the policy to the folder of the checkpoints, evaluate it and save a checkpoint."""
        settings, steps = self._settings, self.num_timesteps
        candidate = settings.checkpoint_dir / f"policy_{steps}.pkl"
        export_policy(self.model, candidate)
        # The evaluation uses no workers, because a fork of a process that runs JAX may hang.
        result = evaluate_expert(candidate, settings.env_name, SELECTION_EPISODES, SELECTION_SEED, num_workers=0)
        seconds = time.monotonic() - self._began
        self._evaluations.append({"steps": steps, "seconds": seconds, **result})
        save_checkpoint(settings, self.model)
        progress = f"{steps:,} of {settings.last_step:,} steps in {seconds / 60:.0f} minutes"
        print(f"{settings.env_name}: {progress}; return {result['mean']:.0f} ± {result['std']:.0f}", flush=True)


def save_checkpoint(settings: ExpertSettings, model: Any) -> None:
    """Replace the files of the last checkpoint, each by a complete one; raise InvalidInput if that fails."""
    if hasattr(model, "replay_buffer"):
        with whole_file(settings.checkpoint_dir / REPLAY_BUFFER) as file:
            model.save_replay_buffer(file)
    model.normalizer = model.get_vec_normalize_env()  # `model.save` writes all attributes, but not the environments
    with whole_file(settings.checkpoint_dir / MODEL) as file:
        model.save(file)


def load_checkpoint(settings: ExpertSettings) -> Any:
    """Load the model of the last checkpoint of a training with these settings; None when there is none.

    The files of the checkpoint are unpickled, which can execute code. The environments begin new episodes. Raises
    InvalidInput when the checkpoint can't be read.
    """
    path = settings.checkpoint_dir / MODEL
    if not path.exists():
        return None
    with reading(path, "a checkpoint of this training", "; move it away, or choose other --checkpoints"):
        model = algorithm_class(settings.algorithm).load(path)
        model.normalizer.set_venv(make_vec_env(settings).venv)
        model.set_env(model.normalizer)
        if hasattr(model, "replay_buffer"):
            model.load_replay_buffer(settings.checkpoint_dir / REPLAY_BUFFER)
    model.set_random_seed(settings.seed + model.num_timesteps)
    print(f"resuming from {path}: {model.num_timesteps:,} of {settings.last_step:,} steps", flush=True)
    return model


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
