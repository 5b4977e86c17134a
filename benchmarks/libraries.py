"""Other libraries' behavioural cloning on the same data, each in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
from sizes import BATCH_SIZE, GRADIENT_STEPS

from cs285.data.expert_data import load_expert_data

HERE = Path(__file__).parent
# They can't share the project's environment: imitation 1.0.1 needs Gymnasium 0.29, and d3rlpy 2.8 needs 1.0.
REQUIREMENTS = {
    "imitation": ["imitation==1.0.1", "gymnasium==0.29.1"],
    "d3rlpy": ["d3rlpy==2.8.1"],
}


class NotInstallable(RuntimeError):
    """A library's environment could not be made; the message is pip's last line."""


def interpreter_of(library: str) -> Path:
    """The Python of the library's environment, which is made if it is not there.

    Raises:
        NotInstallable: when it can't be made.
    """
    folder = HERE / ".venvs" / library
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "installed"
    if not done.exists():
        print(f"installing {library} into {folder} ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        import torch

        same_torch = f"torch=={torch.__version__}"  # the one that all sides of the comparison run on
        command = [python, "-m", "pip", "install", "--quiet", same_torch, *REQUIREMENTS[library]]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise NotInstallable((result.stderr.strip() or "pip failed").splitlines()[-1])
        done.touch()
    return python


def write_data(path: Path, expert_data: Path) -> None:
    """Write the expert's episodes as `measure_library.py` reads them."""
    trajectories = load_expert_data(expert_data)
    names = ("observations", "actions", "rewards", "next_observations")
    arrays = {name: np.concatenate([getattr(trajectory, name) for trajectory in trajectories]) for name in names}
    ends = np.concatenate([np.arange(len(t)) == len(t) - 1 for t in trajectories])
    np.savez(path, ends=ends.astype(np.float32), **arrays)


def measure_library(library: str, expert_data: Path, folder: Path) -> dict[str, float]:
    """Gradient steps of the library's behavioural cloning, their batches included.

    Args:
        library: a key of `REQUIREMENTS`.
        expert_data: the recorded episodes.
        folder: an empty one to work in.

    Raises:
        NotInstallable: when the library's environment can't be made.
    """
    python = interpreter_of(library)
    write_data(folder / "data.npz", expert_data)
    arguments = [library, "data.npz", str(GRADIENT_STEPS), str(BATCH_SIZE)]
    command = [str(python), str(HERE / "measure_library.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        raise NotInstallable((done.stderr.strip() or "it failed").splitlines()[-1])
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result
