"""What a run's numbers depend on beside its settings: the versions of the code, and the files it reads."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from cs285.data.whole_files import read_whole

PACKAGES = ("torch", "numpy", "gymnasium", "mujoco", "tensorboardX")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that compute."""
    return {
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def git_commit() -> str | None:
    """The commit of the project's checkout, with ``-dirty`` when files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def digest(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        InvalidInput: when it can't be read, or is no regular file.
    """
    return hashlib.sha256(read_whole(path)).hexdigest()
