"""The experts and the data that come with the project, found by the task's name, and those that a run reads."""

from __future__ import annotations

from pathlib import Path

from cs285.config import Config

PROJECT_ROOT = Path(__file__).parents[2]


def shipped_expert(env_name: str) -> Path | None:
    """The expert of a task, if there is one."""
    return find_shipped(Path("policies/experts") / f"{env_name}.pkl")


def shipped_data(env_name: str) -> Path | None:
    """The recorded episodes of a task's expert, if there are any."""
    return find_shipped(Path("expert_data") / f"expert_data_{env_name}.pkl")


def shipped_tasks() -> list[str]:
    """The tasks that an expert and data ship for, in alphabetical order."""
    found = {path.stem for root in (Path(), PROJECT_ROOT) for path in (root / "policies/experts").glob("*.pkl")}
    return sorted(task for task in found if shipped_data(task) is not None)


def input_files(config: Config, expert: object | None = None) -> dict[str, Path]:
    """The files that a run reads, by setting; an expert that is given as an object is none."""
    files = {"expert_data": config.expert_data or shipped_data(config.env_name)}
    if expert is None:
        files["expert_policy_file"] = config.expert_policy_file or shipped_expert(config.env_name)
    return {name: path for name, path in files.items() if path is not None}


def find_shipped(relative: Path) -> Path | None:
    """A file below the current folder or the project's own."""
    candidates = (root / relative for root in (Path(), PROJECT_ROOT))
    return next((path for path in candidates if path.is_file()), None)
