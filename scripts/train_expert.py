"""Train an expert with PPO (stable-baselines3) or SAC (sbx) and write it in the course's format."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _checkout  # noqa: F401

from cs285.command_line import parse, run
from cs285.data.provenance import digest
from cs285.data.whole_files import check_writable, read_whole, whole_file
from cs285.envs.mujoco_py_backend import hand_over
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from cs285.experts.checkpoints import Record

CHECKPOINT_SECONDS = 120
CURVE_POINTS = 200
SELECTION_EPISODES = 40  # a policy that falls once in twenty times must not pass for the best
SELECTION_SEED = 1_000  # other episodes than those that the card reports
LIBRARIES = {
    "PPO": ("stable_baselines3", "torch", "gymnasium", "mujoco"),
    "SAC": ("sbx-rl", "jax", "stable_baselines3", "gymnasium", "mujoco"),
}


def main() -> None:
    """Train, keep the best policy seen on the way, evaluate its file, and write its card."""
    settings = parse(ExpertSettings, __doc__ or "")
    hand_over(settings.backend)
    from cs285.experts.algorithms import check_installed

    check_installed(settings.algorithm)
    import torch

    from cs285.experts.checkpoints import copy_file, find_checkpoint

    torch.set_num_threads(1)
    find_checkpoint(settings)  # refuses another training's
    if settings.expert_file.exists():
        raise InvalidInput(f"--output: {settings.expert_file} exists; it is not overwritten")
    for path in (settings.expert_file, settings.best_file):
        check_writable(path)  # now rather than after hours
    record = train(settings)
    copy_file(settings.best_file, settings.expert_file)
    write_card(settings, record)


def train(settings: ExpertSettings) -> Record:
    """Train from the last checkpoint, or from nothing; the best expert is then in ``best_file``."""
    from stable_baselines3.common.callbacks import BaseCallback

    from cs285.experts.algorithms import let_policy_learn
    from cs285.experts.checkpoints import load_or_make_model, save_checkpoint

    model, record = load_or_make_model(settings)
    resumed = model.num_timesteps > 0
    began = time.monotonic() - record.seconds

    class Progress(BaseCallback):
        """Keeps the record; evaluates, prints a line and saves a checkpoint from time to time."""

        saved = time.monotonic()

        def _on_step(self) -> bool:
            return self.num_timesteps <= settings.last_step

        def _on_rollout_end(self) -> None:
            if settings.algorithm == "PPO":
                let_policy_learn(self.model, self.num_timesteps >= settings.policy_starts)
            record.seconds = time.monotonic() - began
            episodes: Any = self.model.ep_info_buffer or []
            if episodes and is_due(self.num_timesteps, record.exploring, settings.total_steps / CURVE_POINTS):
                mean = sum(episode["r"] for episode in episodes) / len(episodes)
                record.exploring.append((self.num_timesteps, mean))
            if is_due(self.num_timesteps, record.evaluations, settings.total_steps / settings.evaluations):
                evaluate(settings, self.model, record)
                print(progress_line(settings, self.num_timesteps, record), flush=True)
            if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self.saved = time.monotonic()
                save_checkpoint(settings, self.model, record)

    if model.num_timesteps < settings.last_step:
        remaining = settings.total_steps - model.num_timesteps
        model.learn(remaining, callback=Progress(), reset_num_timesteps=not resumed)
        record.seconds = time.monotonic() - began
        evaluate(settings, model, record)
        save_checkpoint(settings, model, record)
    return record


def is_due(steps: int, points: Sequence[tuple[Any, ...]], interval: float) -> bool:
    """Whether so many steps have passed since the last point."""
    return steps - (points[-1][0] if points else 0) >= interval


def evaluate(settings: ExpertSettings, model: BaseAlgorithm, record: Record) -> None:
    """Export the policy and measure it; it becomes ``best_file`` when it is the best so far."""
    from cs285.experts.algorithms import export
    from cs285.experts.card import evaluate_expert

    candidate = settings.checkpoint_dir / "candidate.pkl"
    export(model, candidate)
    result = evaluate_expert(
        candidate, settings.env_name, SELECTION_EPISODES, seed=SELECTION_SEED, num_workers=0, backend=settings.backend
    )
    record.evaluations.append((model.num_timesteps, result["mean"], result["std"]))
    if record.best() == record.evaluations[-1]:
        os.replace(candidate, settings.best_file)
    candidate.unlink(missing_ok=True)


def progress_line(settings: ExpertSettings, steps: int, record: Record) -> str:
    """How far the training is, how well it does and how long it will take."""
    left = record.seconds / steps * max(0, settings.last_step - steps)
    exploring = f"{record.exploring[-1][1]:.0f}" if record.exploring else "none yet"
    _, mean, std = record.evaluations[-1]
    return (
        f"{settings.env_name}: {steps:,} of {settings.last_step:,} steps, {steps / record.seconds:.0f} a second, "
        f"{left / 60:.0f} minutes left; return {mean:.0f} ± {std:.0f}, while exploring {exploring}"
    )


def write_card(settings: ExpertSettings, record: Record) -> None:
    """Evaluate the exported file and write what it is and how it came about."""
    from cs285.experts.card import evaluate_expert, write_training_curve

    path = settings.expert_file
    # In this process: a fork of one that runs JAX may hang.
    results = evaluate_expert(path, settings.env_name, settings.eval_episodes, num_workers=0, backend=settings.backend)
    card = {
        "task": settings.env_name,
        "algorithm": settings.algorithm,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES[settings.algorithm]},
        },
        "command": " ".join(["python", *sys.argv]),
        "seed": settings.seed,
        "steps": record.evaluations[-1][0],
        "kept_from_step": record.best()[0],
        "wall_time_minutes": round(record.seconds / 60, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one of them used",
        "evaluation": results,
    }
    if settings.initial_expert is not None:
        card["initial_expert"] = initial_card(settings.initial_expert)
    with whole_file(path.with_suffix(".json")) as file:
        file.write(json.dumps(card, indent=2).encode() + b"\n")
    title = f"{settings.algorithm} on {settings.env_name}"
    write_training_curve(path.with_suffix(".png"), title, record.exploring, record.evaluations, results["mean"])
    print(f"{path}: {results['mean']:.0f} ± {results['std']:.0f} over {settings.eval_episodes} episodes")


def initial_card(initial_expert: Path) -> dict[str, Any]:
    """Which expert the training went on from, and its card if it has one."""
    known: dict[str, Any] = {"sha256": digest(initial_expert)}
    with contextlib.suppress(InvalidInput, ValueError, RecursionError):
        known["card"] = json.loads(read_whole(initial_expert.with_suffix(".json")))
    return known


if __name__ == "__main__":
    run(main)
