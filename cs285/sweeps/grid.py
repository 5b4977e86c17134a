"""Sweeps: a grid of settings to runs, and runs to jobs that train together."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from cs285.config import Config, setting_from_text
from cs285.data.provenance import digest
from cs285.data.run_folders import RunFolder, any_run_below, read_runs
from cs285.data.shipped import input_files
from cs285.errors import InvalidInput
from cs285.results.series import identity

NOT_IN_A_GRID = {"logdir": "--logdir", "seeds": "--seeds or --set seed=...", "resume": "run_hw1.py"}
IN_THE_FOLDERS_NAME_ANYWAY = ("env_name", "do_dagger", "seed", "exp_name")
MOST_TOGETHER = 10


@dataclass(frozen=True)
class Job:
    """Runs that one process trains together.

    Attributes:
        configs: they differ in seed, learning rate and name only.
        attempt: how many times they were tried before.
    """

    configs: tuple[Config, ...]
    attempt: int = 0

    @property
    def work(self) -> float:
        """How long it takes, roughly: gradient steps and environment steps."""
        return float(sum(_work(config) for config in self.configs))


def make_grid(assignments: Sequence[str], seeds: int | None, logdir: Path) -> list[Config]:
    """Every combination of the values of some settings.

    Args:
        assignments: such as ``size=32,64``, each of another setting of run_hw1.py; settings that
            are on or off take ``true`` and ``false``.
        seeds: how many seeds for each combination, from 1 up; None: the one that is set.
        logdir: folder of the run folders.

    Raises:
        InvalidInput: when an assignment names no setting, or the same as another, or a value is
            out of range, has the wrong type, or is there twice, however it is written.
    """
    values = _read_assignments(assignments)
    if seeds is not None:
        if "seed" in values:
            raise InvalidInput(f"--seeds {seeds} and --set seed={','.join(values['seed'])}: give one of them")
        values["seed"] = [str(seed) for seed in range(1, seeds + 1)]
    swept = [name for name, several in values.items() if len(several) > 1 and name not in IN_THE_FOLDERS_NAME_ANYWAY]
    points = [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]
    configs = [_make_config(point, logdir) for point in points]
    _check_different(configs, points)
    return [_named(config, swept) for config in configs]


def without_repeats(configs: Sequence[Config]) -> list[Config]:
    """The first of those that would have the same result."""
    first: dict[tuple[Any, ...], Config] = {}
    for config in configs:
        first.setdefault((identity(config), config.seed), config)
    return list(first.values())


def missing_runs(configs: Sequence[Config], logdir: Path) -> list[Config]:
    """Those that have no complete run folder below ``logdir`` yet; arguments and errors as of `complete_runs`."""
    done = {(identity(run.config), run.config.seed) for run in complete_runs(configs, logdir)}
    return [config for config in configs if (identity(config), config.seed) not in done]


def complete_runs(configs: Sequence[Config], logdir: Path) -> list[RunFolder]:
    """The complete run folders below ``logdir`` of some runs, made with the files as they are now.

    A run folder that does not say what its files were passes for one.

    Raises:
        InvalidInput: when a run folder there, or a file of the runs, can't be read.
    """
    if not any_run_below(logdir):
        return []
    read = functools.cache(digest)  # many runs read one file
    files = {(identity(c), c.seed): {name: read(path) for name, path in input_files(c).items()} for c in configs}
    found = [(run, files.get((identity(run.config), run.config.seed))) for run in read_runs([logdir])]
    return [run for run, now in found if run.complete and now is not None and run.inputs in ({}, now)]


def make_jobs(configs: Sequence[Config], slots: int) -> list[Job]:
    """Put runs of the same shape into jobs that train together, yet enough jobs to keep every slot busy.

    Args:
        configs: of the runs.
        slots: how many jobs can run at once.

    Returns:
        The jobs, the longest first.
    """
    groups: dict[Config, list[Config]] = {}
    for config in configs:
        shape = replace(config, seed=1, learning_rate=1.0, exp_name=None)  # what many_learners.py lets differ
        groups.setdefault(shape, []).append(config)
    parts = math.ceil(slots / len(groups)) if groups else 1
    jobs = []
    for group in groups.values():
        size = min(MOST_TOGETHER, math.ceil(len(group) / parts))
        jobs += [Job(tuple(group[start : start + size])) for start in range(0, len(group), size)]
    return sorted(jobs, key=lambda job: -job.work)


def _read_assignments(assignments: Sequence[str]) -> dict[str, list[str]]:
    known = [field.name for field in fields(Config)]
    values: dict[str, list[str]] = {}
    for assignment in assignments:
        name, equals, several = assignment.partition("=")
        if name in NOT_IN_A_GRID:
            raise InvalidInput(f"--set {assignment}: use {NOT_IN_A_GRID[name]}")
        if name not in known or not equals:
            raise InvalidInput(f"--set {assignment}: it must be NAME=VALUE,VALUE,... with one of {', '.join(known)}")
        if name in values:
            raise InvalidInput(f"--set {assignment}: {name} is set twice; give all values at once, with commas")
        values[name] = several.split(",")
        if len(set(values[name])) < len(values[name]):
            raise InvalidInput(f"--set {assignment}: a value is there twice")
    return values


def _check_different(configs: Sequence[Config], points: Sequence[dict[str, str]]) -> None:
    first: dict[Config, dict[str, str]] = {}
    for config, point in zip(configs, points, strict=True):
        if (other := first.setdefault(config, point)) is not point:
            name = next(name for name in point if point[name] != other[name])
            raise InvalidInput(f"--set {name}: {other[name]} and {point[name]} are the same value")


def _make_config(point: dict[str, str], logdir: Path) -> Config:
    """The run that run_hw1.py would make of these settings; files keep their place wherever it runs."""
    config = Config(**{name: setting_from_text(name, value) for name, value in point.items()}, logdir=logdir)
    files = {name: getattr(config, name) for name in ("expert_policy_file", "expert_data")}
    return replace(config, **{name: path.absolute() for name, path in files.items() if path is not None})


def _named(config: Config, swept: Sequence[str]) -> Config:
    """The same, its experiment named after the settings in which the runs differ."""
    parts = [config.experiment, *(f"{name}={getattr(config, name)}" for name in swept), f"seed{config.seed}"]
    return replace(config, exp_name=re.sub(r"[^\w.+=,-]", "-", "_".join(parts)))


def _work(config: Config) -> int:
    each = config.num_agent_train_steps_per_iter + config.eval_batch_size + config.batch_size
    return config.iterations * each + config.eval_batch_size
