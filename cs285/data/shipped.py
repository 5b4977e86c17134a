"""Shipped experts and recorded episodes, found by the task's name, and the files that a run reads."""

from __future__ import annotations

from pathlib import Path

from cs285.config import Config

PROJECT_ROOT = Path(__file__).parents[2]
ROOTS = (Path(), PROJECT_ROOT)  # the current folder comes first


def shipped_expert(env_name: str) -> Path | None:
    """The expert of a task, if there is one."""
    return find_shipped(Path("policies/experts") / f"{env_name}.pkl")


def shipped_data(env_name: str) -> Path | None:
    """The recorded episodes of a task's expert, if there are any."""
    return find_shipped(Path("expert_data") / f"expert_data_{env_name}.pkl")


def shipped_tasks() -> list[str]:
    """The tasks with both an expert and recorded episodes, in alphabetical order."""
    return sorted(
        {path.stem for root in ROOTS for path in root.glob("policies/experts/*.pkl") if shipped_data(path.stem)}
    )


def input_files(config: Config, expert: object | None = None) -> dict[str, Path]:
    """The files that a run reads, by the name of the setting; none for an expert given as an object."""
    policy = config.expert_policy_file or shipped_expert(config.env_name)
    files = {
        "expert_data": config.expert_data or shipped_data(config.env_name),
        "expert_policy_file": policy if expert is None else None,
    }
    return {name: path for name, path in files.items() if path is not None}


def find_shipped(relative: Path) -> Path | None:
    """A file below the current folder or else the project's own."""
    return next((root / relative for root in ROOTS if (root / relative).is_file()), None)
