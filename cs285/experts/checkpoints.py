"""Checkpoints of an expert's training, and the record of how it went."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cs285.data.whole_files import read_whole, whole_file, writing
from cs285.errors import InvalidInput
from cs285.experts.algorithms import make_model
from cs285.experts.settings import ExpertSettings
from cs285.experts.state import MODEL, load_state, save_state

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

    def __post_init__(self) -> None:
        if not isinstance(self.exploring, list) or not isinstance(self.evaluations, list):
            raise TypeError("its points are not lists")
        numbers = [self.seconds]
        for length, points in ((2, self.exploring), (3, self.evaluations)):
            for point in points:
                if len(point) != length or type(point[0]) is not int or point[0] < 1:
                    raise ValueError(f"a point is {point!r:.40}")
                numbers += point
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            raise ValueError("something in it is not a finite number")

    def best(self) -> tuple[int, float, float]:
        """The evaluation with the highest mean less standard deviation: good, and reliably so."""
        return max(self.evaluations, key=lambda evaluation: evaluation[1] - evaluation[2])


def load_or_make_model(settings: ExpertSettings) -> tuple[BaseAlgorithm, Record]:
    """The model and the record of the last checkpoint, whose environments begin new episodes, or new ones."""
    checkpoint = find_checkpoint(settings)
    model = make_model(settings)
    if checkpoint is None:
        return model, Record()
    _, record = _read(checkpoint)
    load_state(model, checkpoint)
    model.set_random_seed(settings.seed + model.num_timesteps)
    if record.evaluations:  # whose best it is
        copy_file(checkpoint / BEST, settings.best_file)
    print(f"resuming from {checkpoint}: {model.num_timesteps} of {settings.last_step} steps", flush=True)
    return model, record


def find_checkpoint(settings: ExpertSettings) -> Path | None:
    """The newest whole checkpoint of a training with the same settings.

    Raises:
        InvalidInput: when there is one of other settings, which is never overwritten, or one that can't be read.
    """
    found = sorted(settings.checkpoint_dir.glob("step_*[0-9]"))
    if not found:
        return None
    saved, _ = _read(found[-1])
    for name, value in settings.of_training().items():
        if saved[name] != value:
            raise InvalidInput(
                f"{settings.checkpoint_dir} holds a training with --{name} {saved[name]!s:.100}, not {value}; "
                "move it away, or choose another --checkpoints folder"
            )
    return found[-1]


def _read(checkpoint: Path) -> tuple[dict[str, Any], Record]:
    """A checkpoint's settings and record.

    Raises:
        InvalidInput: when they can't be read or are none, or the model is not there as plain arrays.
    """
    if not (checkpoint / MODEL).exists():
        raise InvalidInput(f"{checkpoint} has no {MODEL}, so nothing can go on from it; move its folder away")
    path = checkpoint / STATE
    text = read_whole(path)
    try:
        content = json.loads(text)
        record = Record(**{name: content["record"][name] for name in asdict(Record())})
        return {**asdict(ExpertSettings()), **content["settings"]}, record
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{path} is not the state of a training: {error!r:.200}; move its folder away") from error


def save_checkpoint(settings: ExpertSettings, model: BaseAlgorithm, record: Record) -> None:
    """Write a checkpoint beside the last one, then remove the last one: one of them is always whole.

    Raises:
        InvalidInput: when it can't be written.
    """
    checkpoint = settings.checkpoint_dir / f"step_{model.num_timesteps:010d}"
    if checkpoint.exists():
        return
    unfinished = checkpoint.with_suffix(".unfinished")
    with writing(checkpoint):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        save_state(model, unfinished)
        if record.evaluations:
            copy_file(settings.best_file, unfinished / BEST)
        with whole_file(unfinished / STATE) as file:
            file.write(json.dumps({"settings": settings.of_training(), "record": asdict(record)}).encode())
        older = list(settings.checkpoint_dir.glob("step_*[0-9]"))
        os.replace(unfinished, checkpoint)
        for path in older:
            shutil.rmtree(path)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, which appears whole or not at all.

    Raises:
        InvalidInput: when the one can't be read or the other can't be written.
    """
    content = read_whole(source)
    with whole_file(target) as file:
        file.write(content)
