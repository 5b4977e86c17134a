"""The original engine, mujoco-py with MuJoCo 2.1, in a virtual environment of its own.

mujoco-py needs numpy 1, and its libraries in LD_LIBRARY_PATH before Python starts, so a script with
``--backend mujoco_py`` starts again in the interpreter of that environment.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from cs285.errors import InvalidInput

VENV_VARIABLE = "CS285_MUJOCO_PY_VENV"
VENV_NAME = ".venv-mujoco-py"
PROJECT_ROOT = Path(__file__).parents[2]
FINISHED = "cs285-finished"  # written last by the installer
LIBRARY = Path("mj210/mujoco_py/binaries/linux/mujoco210")
INSTALL = "run scripts/install_mujoco_py.sh"
PROBE = """
import numpy
assert numpy.__version__ < "2", f"numpy is {numpy.__version__}, and mujoco-py needs numpy 1"
import gymnasium_robotics, mujoco_py
"""
PROBE_SECONDS = 60.0


def hand_over(backend: str) -> None:
    """Replace this process by the same command in mujoco-py's environment, when ``backend`` is ``mujoco_py``.

    Call it as soon as the settings are parsed. It returns for the official bindings, and inside that environment.

    Raises:
        InvalidInput: when the environment is missing or broken, with what to do.
    """
    if backend == "mujoco_py" and not is_inside(venv := find_venv()):
        probe(venv)
        python = str(venv / "bin/python")
        os.execve(python, [python, *sys.orig_argv[1:]], environment(venv))


def find_venv() -> Path:
    """The environment's folder: $CS285_MUJOCO_PY_VENV, or .venv-mujoco-py in the current folder or the project's.

    Raises:
        InvalidInput: when there is none, or its installation did not finish.
    """
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise InvalidInput(
            f"--backend mujoco_py runs on Linux x86_64, this is {machine}; "
            "without it the -v2 tasks run on the official bindings"
        )
    named = os.environ.get(VENV_VARIABLE)
    candidates = [Path(named)] if named else [Path(VENV_NAME), PROJECT_ROOT / VENV_NAME]
    venv = next((path for path in candidates if path.is_dir()), None)
    if venv is None:
        raise InvalidInput(f"mujoco-py is not installed: there is no {candidates[-1]}; {INSTALL}")
    if not (venv / FINISHED).is_file():
        raise InvalidInput(f"the installation of mujoco-py in {venv} is incomplete; {INSTALL} again")
    return venv.absolute()


def environment(venv: Path) -> dict[str, str]:
    """This process's environment variables, extended by those that mujoco-py reads."""
    added = {"LD_LIBRARY_PATH": venv / LIBRARY / "bin", "PYTHONPATH": PROJECT_ROOT}
    paths = {name: os.pathsep.join(filter(None, [str(path), os.environ.get(name)])) for name, path in added.items()}
    return os.environ | paths | {VENV_VARIABLE: str(venv), "MUJOCO_PY_MUJOCO_PATH": str(venv / LIBRARY)}


def is_inside(venv: Path) -> bool:
    """Whether this process runs in the environment, with its libraries in LD_LIBRARY_PATH."""
    search_path = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return Path(sys.prefix).resolve() == venv.resolve() and str(venv / LIBRARY / "bin") in search_path


def check_inside() -> None:
    """Check that mujoco-py can be imported in this process.

    Raises:
        InvalidInput: when the process runs in another environment, with what to do.
    """
    if not is_inside(venv := find_venv()):
        raise InvalidInput(
            "mujoco-py runs in an environment of its own: use the scripts with --backend mujoco_py, or start "
            f"{venv}/bin/python with LD_LIBRARY_PATH={venv / LIBRARY}/bin MUJOCO_PY_MUJOCO_PATH={venv / LIBRARY}"
        )


def probe(venv: Path, seconds: float = PROBE_SECONDS) -> None:
    """Import mujoco_py in a process of its own.

    Raises:
        InvalidInput: when that fails or takes longer than ``seconds``.
    """
    # Where its compiled module can't be loaded mujoco_py compiles it for minutes; a failing compiler prevents that.
    command, variables = [str(venv / "bin/python"), "-c", PROBE], environment(venv) | {"CC": "false"}
    try:
        done = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
    except OSError as error:
        raise InvalidInput(f"can't start {venv}/bin/python ({error.strerror}); {INSTALL} again") from error
    except subprocess.TimeoutExpired:
        raise InvalidInput(f"mujoco_py in {venv} takes more than {seconds:g} s to import; {INSTALL} again") from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no message"]
        missing = [line for line in lines if "cannot open shared object" in line or "missing MuJoCo" in line]
        raise InvalidInput(f"mujoco_py can't be imported in {venv} ({(missing or lines)[-1].strip()}); {INSTALL} again")
