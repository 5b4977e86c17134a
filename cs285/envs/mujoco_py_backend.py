"""The original engine, mujoco-py with MuJoCo 2.1, in a separate virtual environment.

mujoco-py needs numpy 1, and LD_LIBRARY_PATH must name its libraries before Python starts. A script with
``--backend mujoco_py`` therefore restarts itself with the interpreter of that environment.
"""

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path

from cs285.errors import InvalidInput

VENV_VARIABLE = "CS285_MUJOCO_PY_VENV"
PROJECT_ROOT = Path(__file__).parents[2]
FINISHED = "cs285-finished"  # name of the file that the installer writes last
LIBRARY = Path("mj210/mujoco_py/binaries/linux/mujoco210")
INSTALL = "run scripts/install_mujoco_py.sh"


def restart_in_mujoco_py_venv(backend: str) -> None:
    """If ``backend`` is ``mujoco_py``, and this process is not in mujoco-py's virtual environment, restart it there.

    Call this right after parsing the settings. Raises InvalidInput when the environment is missing.
    """
    if backend != "mujoco_py" or is_inside(venv := find_venv()):
        return
    python = str(venv / "bin/python")
    os.execve(python, [python, *sys.orig_argv[1:]], environment(venv))


def find_venv() -> Path:
    """Find the virtual environment, $CS285_MUJOCO_PY_VENV or .venv-mujoco-py; raise InvalidInput if it is missing."""
    venv = Path(os.environ.get(VENV_VARIABLE) or PROJECT_ROOT / ".venv-mujoco-py").absolute()
    if not (venv / FINISHED).is_file():
        raise InvalidInput(f"--backend mujoco_py: mujoco-py is not completely installed in {venv}; {INSTALL}")
    return venv


def environment(venv: Path) -> dict[str, str]:
    """This process's environment variables, extended by those that mujoco-py reads."""
    added = {"LD_LIBRARY_PATH": venv / LIBRARY / "bin", "PYTHONPATH": PROJECT_ROOT}
    paths = {name: os.pathsep.join(filter(None, [str(path), os.environ.get(name)])) for name, path in added.items()}
    return os.environ | paths | {VENV_VARIABLE: str(venv), "MUJOCO_PY_MUJOCO_PATH": str(venv / LIBRARY)}


def is_inside(venv: Path) -> bool:
    """Whether this process runs in the virtual environment, with mujoco-py's libraries in LD_LIBRARY_PATH."""
    search_path = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return Path(sys.prefix).resolve() == venv.resolve() and str(venv / LIBRARY / "bin") in search_path


def import_mujoco_py() -> None:
    """Import mujoco_py, and gymnasium_robotics, which has its tasks; if that fails, InvalidInput says what to do."""
    venv = find_venv()
    if not is_inside(venv):
        restart = "cs285.envs.mujoco_py_backend.restart_in_mujoco_py_venv('mujoco_py')"
        raise InvalidInput(f"mujoco-py runs in a separate environment; call {restart} when your script starts")
    os.environ["CC"] = "false"  # without a compiler, mujoco_py fails at once if its module can't be loaded
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module("gymnasium_robotics")
            importlib.import_module("mujoco_py")
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise InvalidInput(f"mujoco_py can't be imported in {venv} ({cause}); {INSTALL} again") from error
