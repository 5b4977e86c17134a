"""Shipped experts and recorded episodes, found by the task's name, and the files that a run reads."""

import re
from pathlib import Path

from cs285.config import Config, file_name
from cs285.data.formats import minari_folder, minari_name
from cs285.data.run_folders import saved_file

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
    """The end of a message on a missing file: other versions of the task that have an expert and data, if any."""
    versions = [task for task in shipped_tasks() if task.rpartition("-v")[0] == env_name.rpartition("-v")[0]]
    return f", such as the course's; files for {', '.join(versions)} ship" if versions else ""


def object_name(path: Path) -> tuple[str, str] | None:
    """Module and object of ``module:object``; None for a path, which may hold a colon too, as on Windows."""
    named = re.fullmatch(r"([A-Za-z_][\w.]+):([A-Za-z_][\w.]*)", str(path))
    return None if named is None or path.exists() else (named[1], named[2])


def input_files(config: Config, expert: object | None = None) -> dict[str, Path]:
    """The files that a run reads, by the name of the setting; none for an expert that is an object."""
    data, policy = config.expert_data or shipped_data(config.env_name), None
    if data is not None and (name := minari_name(data)) is not None:
        data = minari_folder(name)
    if expert is None:
        policy = config.expert_policy_file or shipped_expert(config.env_name)
        policy = None if policy is None or object_name(policy) else saved_file(policy)
    return {name: path for name, path in (("expert_data", data), ("expert_policy_file", policy)) if path is not None}


def find_shipped(relative: str) -> Path | None:
    """A file below the current folder or else the project's own."""
    return next((root / relative for root in ROOTS if (root / relative).is_file()), None)
