"""Provenance of a run's results besides its settings: versions, hardware, and digests of the input files."""

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from cs285.data.whole_files import open_regular, writing

PACKAGES = ("torch", "numpy", "gymnasium", "mujoco", "tensorboardX")
ROOT = Path(__file__).parents[2]


def versions() -> dict[str, str]:
    """The versions of Python and of `PACKAGES`, the processor's model and the number of torch's threads, by name."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text("utf-8", "replace") if cpuinfo.exists() else "")
    packages = {package: importlib.metadata.version(package) for package in PACKAGES}
    processor, threads = model[1] if model else platform.processor(), os.environ.get("OMP_NUM_THREADS", "1")
    return {"python": platform.python_version(), **packages, "processor": processor, "threads": threads}


def git_commit() -> str | None:
    """Hash of the project's git commit, with ``-dirty`` when files differ from the commit; None without a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_CEILING_DIRECTORIES"] = str(ROOT.parent)  # git ignores a repository around the project's folder
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode().strip() or None


def digest(path: Path) -> str:
    """SHA-256, as hexadecimal text, of a file, or of the names and contents of the files in a Minari data set."""
    total = hashlib.sha256()
    for part in sorted(path.rglob("*")) if (path / "metadata.json").is_file() else [path]:
        if part == path or part.is_file():
            total.update(str(part.relative_to(path)).encode() if part != path else b"")
            with open_regular(part) as file, writing(part, verb="read"):
                while block := file.read(2**20):
                    total.update(block)
    return total.hexdigest()
