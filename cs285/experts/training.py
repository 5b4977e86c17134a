"""Expert training with regular evaluations and checkpoints; at the end, the best policy and its card are written."""

import shutil
import time
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import VecNormalize

from cs285.data.whole_files import read_whole, reading, replace_file, whole_file, writing
from cs285.errors import InvalidInput
from cs285.experts.algorithms import algorithm_class, export_policy, make_model, make_vec_env, set_policy_trainable
from cs285.experts.card import Record, evaluate_expert, write_card
from cs285.experts.settings import ExpertSettings

SELECTION_EPISODES = 40  # enough to notice that a policy falls once in twenty episodes
SELECTION_SEED = 1_000  # differs from the seed of the episodes in the card
MODEL, NORMALIZER, REPLAY_BUFFER = "model.zip", "normalizer.pkl", "replay_buffer.pkl"


def train_expert(settings: ExpertSettings) -> Record:
    """Train an expert, write the best policy and its card, and return the record of the training.

    The training resumes from its last checkpoint if there is one. Raises InvalidInput when a file can't be used.
    """
    torch.set_num_threads(1)
    resumed = load_checkpoint(settings)
    model, record = resumed or (make_model(settings), Record())
    if model.num_timesteps < settings.last_step:
        progress = Progress(settings, record)
        model.learn(settings.total_steps - model.num_timesteps, progress, reset_num_timesteps=resumed is None)
        progress.evaluate()
    kept = settings.keep_step or record.best()[0]
    if kept not in (steps := [evaluation[0] for evaluation in record.evaluations]):
        raise InvalidInput(f"--keep_step is {kept}; policies were evaluated at {steps}")
    with whole_file(settings.expert_file) as file:
        file.write(read_whole(policy_file(settings, kept)))
    write_card(settings, record)
    return record


class Progress(BaseCallback):
    """Evaluate the policy, print a line and save a checkpoint at regular intervals of a training."""

    def __init__(self, settings: ExpertSettings, record: Record) -> None:
        super().__init__()
        self._settings, self._record = settings, record
        self._began = time.monotonic() - record.seconds

    def _on_step(self) -> bool:
        return self.num_timesteps <= self._settings.last_step  # `<=`, so that PPO learns from its last rollout

    def _on_rollout_end(self) -> None:
        settings, steps, evaluations = self._settings, self.num_timesteps, self._record.evaluations
        if settings.policy_starts:
            set_policy_trainable(self.model, steps >= settings.policy_starts)
        due = (evaluations[-1][0] if evaluations else 0) + settings.total_steps / settings.evaluations
        if due <= steps < settings.last_step:  # at `last_step`, `train_expert` evaluates the policy
            self.evaluate()

    def evaluate(self) -> None:
        """Write the policy to the folder of the checkpoints, evaluate it and save a checkpoint."""
        settings, record, steps = self._settings, self._record, self.num_timesteps
        candidate = policy_file(settings, steps)
        export_policy(self.model, candidate)
        # The evaluation uses no workers, because a fork of a process that runs JAX may hang.
        result = evaluate_expert(candidate, settings.env_name, SELECTION_EPISODES, SELECTION_SEED, num_workers=0)
        record.evaluations.append((steps, result["mean"], result["std"]))
        record.seconds = time.monotonic() - self._began
        save_checkpoint(settings, self.model, record)
        progress = f"{steps:,} of {settings.last_step:,} steps in {record.seconds / 60:.0f} minutes"
        print(f"{settings.env_name}: {progress}; return {result['mean']:.0f} ± {result['std']:.0f}", flush=True)


def policy_file(settings: ExpertSettings, steps: int) -> Path:
    """Path of the policy that was evaluated after ``steps``."""
    return settings.checkpoint_dir / f"policy_{steps}.pkl"


def save_checkpoint(settings: ExpertSettings, model: Any, record: Record) -> None:
    """Save a checkpoint, then remove older ones, so a complete one always exists; raise InvalidInput on failure."""
    checkpoint = settings.checkpoint_dir / f"checkpoint_{len(record.evaluations):06d}"
    unfinished = settings.checkpoint_dir / "unfinished"
    model.expert_settings, model.expert_record = settings.fixed(), record  # `model.save` writes them
    with writing(checkpoint):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        model.save(unfinished / MODEL)
        model.get_vec_normalize_env().save(str(unfinished / NORMALIZER))
        if hasattr(model, "replay_buffer"):
            model.save_replay_buffer(unfinished / REPLAY_BUFFER)
        older = list(settings.checkpoint_dir.glob("checkpoint_*"))
        replace_file(unfinished, checkpoint)
        for path in older:
            shutil.rmtree(path)


def load_checkpoint(settings: ExpertSettings) -> tuple[Any, Record] | None:
    """Load the model and the record from the newest checkpoint of this task and seed; None when there is none.

    The files of the checkpoint are unpickled, which can execute code. The environments begin new episodes. Raises
    InvalidInput when the checkpoint can't be read, or was written with other settings.
    """
    checkpoint = max(settings.checkpoint_dir.glob("checkpoint_*"), default=None)
    if checkpoint is None:
        return None
    with reading(checkpoint, "a checkpoint of this training", "; move it away, or choose other --checkpoints"):
        saved: Any = load_from_zip_file(checkpoint / MODEL)[0]
        for name, value in settings.fixed().items():
            if (other := saved["expert_settings"][name]) != value:
                raise InvalidInput(f"it has --{name} {other}, not {value}")
        envs = VecNormalize.load(str(checkpoint / NORMALIZER), make_vec_env(settings).venv)
        model = algorithm_class(settings.algorithm).load(checkpoint / MODEL, env=envs)
        if hasattr(model, "replay_buffer"):
            model.load_replay_buffer(checkpoint / REPLAY_BUFFER)
    model.set_random_seed(settings.seed + model.num_timesteps)
    print(f"resuming from {checkpoint}: {model.num_timesteps:,} of {settings.last_step:,} steps", flush=True)
    return model, model.expert_record
