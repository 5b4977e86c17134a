"""Grids of settings, and selection of the runs of a grid that are complete or missing."""

import itertools
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cs285.config import Config, setting_types
from cs285.data.run_folders import RunFolder, any_run_below, read_runs
from cs285.data.shipped import input_files
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from cs285.results.series import identity

NOT_IN_A_GRID = ("logdir", "resume")
IN_THE_RUN_NAME = ("env_name", "do_dagger", "seed", "exp_name")


def make_grid(assignments: Sequence[str], seeds: int | None, logdir: Path) -> list[Config]:
    """Make a `Config` for every combination of values; experiments are named after the settings that vary.

    ``assignments`` have the form ``size=32,64`` or ``do_dagger=true``, at most one for each setting of run_hw1.py.
    Each combination runs with the seeds 1 to ``seeds``. If ``seeds`` is None, it runs with the seeds in ``assignments``
    or, if there are none, with the default seed.
    Raises InvalidInput for an unknown setting, a setting or value given twice, or a value that `Config` refuses.
    """
    values = dict(_read_assignment(assignment) for assignment in assignments)
    if len(values) < len(assignments):
        raise InvalidInput(f"--set {' '.join(assignments)}: give all values of a setting at once, with commas")
    if seeds is not None:
        if "seed" in values:
            raise InvalidInput(f"--seeds {seeds} and --set seed={values['seed']}: give only one of them")
        values["seed"] = list(range(1, seeds + 1))
    swept = [name for name, several in values.items() if len(several) > 1 and name not in IN_THE_RUN_NAME]
    grid = []
    for point in itertools.product(*values.values()):
        config = Config(**dict(zip(values, point, strict=True)), logdir=logdir)
        parts = [config.experiment, *(f"{name}={getattr(config, name)}" for name in swept), f"seed{config.seed}"]
        grid.append(replace(config, exp_name=re.sub(r"[^\w.+=,-]", "-", "_".join(parts))))
    return grid


def missing_runs(configs: Sequence[Config], logdir: Path) -> list[Config]:
    """Select the configs without a complete run folder below ``logdir``; raise InvalidInput as `complete_runs` does."""
    done = {_key(run.config) for run in complete_runs(configs, logdir)}
    return [config for config in configs if _key(config) not in done]


def complete_runs(configs: Sequence[Config], logdir: Path) -> list[RunFolder]:
    """Find the complete run folders below ``logdir`` with the settings and input files of one of the configs.

    A run folder that does not record digests of its input files is assumed to have used the same files. Raises
    InvalidInput when a run folder or an input file can't be read.
    """
    if not any_run_below(logdir):
        return []
    inputs = {_key(c): {name: digest(path) for name, path in input_files(c).items()} for c in configs}
    runs = [run for run in read_runs([logdir]) if run.complete and _key(run.config) in inputs]
    return [run for run in runs if run.inputs in ({}, inputs[_key(run.config)])]


def _key(config: Config) -> tuple[Any, ...]:
    return (*identity(config), config.seed)


def _read_assignment(assignment: str) -> tuple[str, list[Any]]:
    """Split "NAME=VALUE,..." into name and values; paths become absolute, since Ray's workers run in other folders."""
    name, equals, texts = assignment.partition("=")
    known = [name for name in setting_types() if name not in NOT_IN_A_GRID]
    if name not in known or not equals:
        raise InvalidInput(f"--set {assignment}: give NAME=VALUE,VALUE,...; NAME is one of {', '.join(known)}")
    values = [_read_value(text, setting_types()[name]) for text in texts.split(",")]
    if any(values.count(value) > 1 for value in values):
        raise InvalidInput(f"--set {assignment}: two of the values are equal")
    return name, values


def _read_value(text: str, kinds: tuple[Any, ...]) -> Any:
    if Path in kinds:
        return Path(text).absolute()
    with suppress(ValueError):
        return text if str in kinds else json.loads(text)
    return text
