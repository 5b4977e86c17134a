"""Grids of settings, and selection of the runs of a grid that are complete or missing."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cs285.command_line import parse
from cs285.config import Config
from cs285.data.run_folders import RunFolder, any_run_below, read_runs
from cs285.data.shipped import input_files
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from cs285.results.series import identity

NOT_IN_A_GRID = {"logdir", "resume"}
IN_THE_RUN_NAME = {"env_name", "do_dagger", "seed", "exp_name"}


def make_grid(assignments: Sequence[str], seeds: int | None, logdir: Path) -> list[Config]:
    """Make a `Config` for every combination of values; experiments are named after the settings that vary.

    ``assignments`` have the form ``size=32,64`` or ``do_dagger=true``, at most one for each setting of run_hw1.py.
    Each combination runs with the seeds 1 to ``seeds``. If ``seeds`` is None, it runs with the seeds in ``assignments``
    or, if there are none, with the default seed. Paths become absolute, since Ray's workers run in other folders.
    Raises InvalidInput when a setting is given twice or not allowed, and exits as `parse` does for a wrong value.
    """
    if seeds is not None:
        assignments = [*assignments, f"seed={','.join(map(str, range(1, seeds + 1)))}"]
    values = {name: texts.split(",") for name, _, texts in (text.partition("=") for text in assignments)}
    if len(values) < len(assignments) or NOT_IN_A_GRID & values.keys():
        raise InvalidInput(
            f"--set {' '.join(assignments)}: each setting once, with all its values; no logdir or resume"
        )
    swept = [name for name, several in values.items() if len(several) > 1 and name not in IN_THE_RUN_NAME]
    grid = []
    for point in itertools.product(*values.values()):
        flags = {"true": "--{}", "false": ""}
        words = [flags.get(text, "--{}={}").format(name, text) for name, text in zip(values, point, strict=True)]
        config = parse(Config, "", list(filter(None, words)))
        parts = [config.experiment, *(f"{name}={getattr(config, name)}" for name in swept), f"seed{config.seed}"]
        changes: dict[str, Any] = {"exp_name": re.sub(r"[^\w.+=,-]", "-", "_".join(parts)), "logdir": logdir}
        paths = {name: path for name, path in vars(config).items() if isinstance(path, Path) and path.exists()}
        grid.append(replace(config, **{**{name: path.absolute() for name, path in paths.items()}, **changes}))
    return grid


def find_runs(configs: Sequence[Config], logdir: Path) -> tuple[list[RunFolder], list[Config]]:
    """Find the complete run folders of the configs below ``logdir``; also return the configs that have none.

    The run folder of a config has the same settings and seed, and was made from the same input files. Raises
    InvalidInput when a run folder or an input file can't be read.
    """
    wanted = {_key(c, {name: digest(path) for name, path in input_files(c).items()}): c for c in configs}
    runs = read_runs([logdir]) if any_run_below(logdir) else []
    found = {run.path: _key(run.config, run.inputs) for run in runs if run.complete}
    missing = [config for key, config in wanted.items() if key not in found.values()]
    return [run for run in runs if found.get(run.path) in wanted], missing


def _key(config: Config, inputs: Mapping[str, str]) -> tuple[Any, ...]:
    return (*identity(config), config.seed, *sorted(inputs.items()))
