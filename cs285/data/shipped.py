"""Paths of the experts and recorded episodes that ship with the project, and of the input files of a run."""

import re
from contextlib import suppress
from pathlib import Path

from cs285.config import Config, file_name
from cs285.data.formats import minari_folder, minari_name
from cs285.data.run_folders import saved_file
from cs285.errors import InvalidInput

PROJECT_ROOT = Path(__file__).parents[2]
ROOTS = (Path(), PROJECT_ROOT)  # `find_shipped` looks for files in the current folder first


def shipped_expert(env_name: str) -> Path | None:
    """Path of the expert that ships for a task; None if there is none."""
    return find_shipped(f"policies/experts/{file_name(env_name)}.pkl")


def shipped_data(env_name: str) -> Path | None:
    """Path of the recorded episodes that ship for a task; None if there are none."""
    return find_shipped(f"expert_data/expert_data_{file_name(env_name)}.pkl")


def shipped_tasks() -> list[str]:
    """The tasks for which both an expert and recorded episodes ship, in alphabetical order."""
    experts = {path.stem for root in ROOTS for path in root.glob("policies/experts/*.pkl")}
    return sorted(task for task in experts if shipped_data(task))


def object_name(path: Path) -> tuple[str, str] | None:
    """Split ``module:object`` into its two names; None for another text, and for the path of an existing file."""
    named = re.fullmatch(r"([A-Za-z_][\w.]+):([A-Za-z_][\w.]*)", str(path))
    return None if named is None or path.exists() else (named[1], named[2])


def input_files(config: Config, expert: object | None = None) -> dict[str, Path]:
    """Map the settings expert_data and expert_policy_file to the paths of the files that a run reads.

    A setting that is None stands for the file that ships. An expert that is an object has no file and is left out.
    """
    data, policy = config.expert_data or shipped_data(config.env_name), None
    if data is not None and (name := minari_name(data)) is not None:
        data = None
        with suppress(InvalidInput):  # a data set that was removed is left out
            data = minari_folder(name)
    if expert is None:
        policy = config.expert_policy_file or shipped_expert(config.env_name)
        policy = None if policy is None or object_name(policy) else saved_file(policy)
    return {name: path for name, path in (("expert_data", data), ("expert_policy_file", policy)) if path is not None}


def find_shipped(relative: str) -> Path | None:
    """Find a file by its relative path below the current folder, or else below the project's; None if there is none."""
    return next((root / relative for root in ROOTS if (root / relative).is_file()), None)
