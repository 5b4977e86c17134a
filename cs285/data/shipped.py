"""Experts and recorded episodes that ship, found by the task's name, and the input files of a run."""

import re
from contextlib import suppress
from pathlib import Path

from cs285.config import Config, file_name
from cs285.data.formats import minari_folder, minari_name
from cs285.data.run_folders import saved_file
from cs285.errors import InvalidInput

PROJECT_ROOT = Path(__file__).parents[2]
ROOTS = (Path(), PROJECT_ROOT)  # the current folder comes first


def shipped_expert(env_name: str) -> Path | None:
    """The expert of a task, if there is one."""
    return find_shipped(f"policies/experts/{file_name(env_name)}.pkl")


def shipped_data(env_name: str) -> Path | None:
    """The recorded episodes of a task's expert, if there are any."""
    return find_shipped(f"expert_data/expert_data_{file_name(env_name)}.pkl")


def shipped_tasks() -> list[str]:
    """The tasks with both an expert and recorded episodes, in alphabetical order."""
    experts = {path.stem for root in ROOTS for path in root.glob("policies/experts/*.pkl")}
    return sorted(task for task in experts if shipped_data(task))


def versions_with_files(env_name: str) -> str:
    """Text to end a message on a missing file: versions of the task that have an expert and data, or an empty text."""
    versions = [task for task in shipped_tasks() if task.rpartition("-v")[0] == env_name.rpartition("-v")[0]]
    return f", such as the course's; files for {', '.join(versions)} ship" if versions else ""


def object_name(path: Path) -> tuple[str, str] | None:
    """The two names in ``module:object``; None for the path of a file, which may contain a colon too, as on Windows."""
    named = re.fullmatch(r"([A-Za-z_][\w.]+):([A-Za-z_][\w.]*)", str(path))
    return None if named is None or path.exists() else (named[1], named[2])


def input_files(config: Config, expert: object | None = None) -> dict[str, Path]:
    """Paths of a run's expert data and expert file by setting's name; an expert that is an object has no file."""
    data, policy = config.expert_data or shipped_data(config.env_name), None
    if data is not None and (name := minari_name(data)) is not None:
        data = None
        with suppress(InvalidInput):  # it may be gone
            data = minari_folder(name)
    if expert is None:
        policy = config.expert_policy_file or shipped_expert(config.env_name)
        policy = None if policy is None or object_name(policy) else saved_file(policy)
    return {name: path for name, path in (("expert_data", data), ("expert_policy_file", policy)) if path is not None}


def find_shipped(relative: str) -> Path | None:
    """Find a file by its relative path below the current folder, or else below the project's folder."""
    return next((root / relative for root in ROOTS if (root / relative).is_file()), None)
