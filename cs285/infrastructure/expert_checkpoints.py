"""Checkpoints of an expert's training, and the record of how it went."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cs285.errors import InvalidInput
from cs285.infrastructure.expert_algorithms import load_model, make_model, save_model
from cs285.infrastructure.expert_settings import ExpertSettings

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

STATE, BEST = "state.json", "best.pkl"


@dataclass
class Record:
    """What happened so far in a training, over all the sessions it was resumed in.

    Attributes:
        exploring: environment steps, and mean return of the last 100 episodes with exploration.
        evaluations: environment steps, and mean and standard deviation of the return of the
            exported mean action.
        seconds: the time it took.
    """

    exploring: list[tuple[int, float]] = field(default_factory=list)
    evaluations: list[tuple[int, float, float]] = field(default_factory=list)
    seconds: float = 0.0

    def best(self) -> tuple[int, float, float]:
        """The evaluation with the highest mean less standard deviation: good, and reliably so."""
        return max(self.evaluations, key=lambda evaluation: evaluation[1] - evaluation[2])


def load_or_make_model(settings: ExpertSettings) -> tuple[BaseAlgorithm, Record]:
    """The model and the record of the last checkpoint, or new ones."""
    checkpoint = find_checkpoint(settings)
    if checkpoint is None:
        return make_model(settings), Record()
    if (checkpoint / BEST).exists():
        shutil.copy(checkpoint / BEST, settings.best_file)
    record = Record(**json.loads((checkpoint / STATE).read_text())["record"])
    model = load_model(settings, checkpoint)
    print(f"resuming from {checkpoint}: {model.num_timesteps} of {settings.last_step} steps", flush=True)
    return model, record


def find_checkpoint(settings: ExpertSettings) -> Path | None:
    """The newest whole checkpoint of a training with the same settings.

    Raises:
        InvalidInput: when there is one of other settings; it is never overwritten.
    """
    found = sorted(settings.checkpoint_dir.glob("step_*[0-9]"))
    if not found:
        return None
    saved = asdict(ExpertSettings()) | json.loads((found[-1] / STATE).read_text())["settings"]
    for name, value in settings.of_training().items():
        if saved[name] != value:
            raise InvalidInput(
                f"{settings.checkpoint_dir} holds a training with --{name} {saved[name]}, not {value}; "
                "move it away, or choose another --checkpoints folder"
            )
    return found[-1]


def save_checkpoint(settings: ExpertSettings, model: BaseAlgorithm, record: Record) -> None:
    """Write a checkpoint beside the last one, then remove the last one: one of them is always whole."""
    checkpoint = settings.checkpoint_dir / f"step_{model.num_timesteps:010d}"
    if checkpoint.exists():
        return
    unfinished = checkpoint.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save_model(model, unfinished)
    if settings.best_file.exists():  # the record knows it
        shutil.copy(settings.best_file, unfinished / BEST)
    state = {"settings": settings.of_training(), "record": asdict(record)}
    (unfinished / STATE).write_text(json.dumps(state))
    older = list(settings.checkpoint_dir.glob("step_*[0-9]"))
    os.replace(unfinished, checkpoint)
    for path in older:
        shutil.rmtree(path)
