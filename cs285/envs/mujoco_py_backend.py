"""The original engine: mujoco-py and MuJoCo 2.1, in a virtual environment of its own.

mujoco-py needs numpy 1 and its libraries on the loader's path before Python starts, so a
command with ``--backend mujoco_py`` is handed over to that environment's interpreter.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

from cs285.errors import InvalidInput

VENV_VARIABLE = "CS285_MUJOCO_PY_VENV"
VENV_NAME = ".venv-mujoco-py"
PROJECT_ROOT = Path(__file__).parents[2]
FINISHED = "cs285-finished"  # the installer's last act is to write this file
LIBRARY = Path("mj210/mujoco_py/binaries/linux/mujoco210")
INSTALL = "run scripts/install_mujoco_py.sh"
PROBE = """
import numpy
print(numpy.__version__, flush=True)
if numpy.__version__ < "2":
    import gymnasium_robotics, mujoco_py
"""
PROBE_SECONDS = 60.0


def hand_over(backend: str) -> None:
    """With ``mujoco_py``, start this process's command again in the environment that has it.

    Call it as soon as the settings are read. It returns when there is nothing to hand over:
    on the official bindings, or inside that environment.

    Raises:
        InvalidInput: when the environment is missing or not in order, with what to do.
    """
    if backend != "mujoco_py":
        return
    venv = find_venv()
    if is_inside(venv):
        return
    probe(venv)
    python = str(venv / "bin/python")
    os.execve(python, [python, *sys.orig_argv[1:]], environment(venv))


def find_venv() -> Path:
    """The environment: the one that $CS285_MUJOCO_PY_VENV names, or .venv-mujoco-py here or in the project.

    Raises:
        InvalidInput: when there is none, or its installation never finished.
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
        raise InvalidInput(f"the installation of mujoco-py in {venv} is half-finished; {INSTALL} again")
    return venv.absolute()


def environment(venv: Path) -> dict[str, str]:
    """This process's environment variables, with those that mujoco-py reads."""
    library = venv / LIBRARY
    search_path = [str(library / "bin"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    import_path = [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        VENV_VARIABLE: str(venv),
        "MUJOCO_PY_MUJOCO_PATH": str(library),
        "LD_LIBRARY_PATH": os.pathsep.join(search_path),
        "PYTHONPATH": os.pathsep.join(import_path),
    }


def is_inside(venv: Path) -> bool:
    """Whether this process runs in the environment, its libraries on the loader's path."""
    search_path = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return Path(sys.prefix).resolve() == venv.resolve() and str(venv / LIBRARY / "bin") in search_path


def check_inside() -> None:
    """Refuse to import mujoco-py in a process that was not started for it.

    Raises:
        InvalidInput: with what to do.
    """
    venv = find_venv()
    if not is_inside(venv):
        library = venv / LIBRARY
        raise InvalidInput(
            f"mujoco-py runs in an environment of its own: use the scripts with --backend mujoco_py, or start "
            f"{venv}/bin/python with LD_LIBRARY_PATH={library}/bin MUJOCO_PY_MUJOCO_PATH={library}"
        )


def probe(venv: Path, seconds: float = PROBE_SECONDS) -> None:
    """Import mujoco_py in a process of its own.

    Raises:
        InvalidInput: when that fails, takes longer than ``seconds``, or numpy is too new.
    """
    # Where its compiled module does not load, mujoco_py compiles for minutes; a compiler that fails cuts it short.
    variables = environment(venv) | {"CC": "false"}
    try:
        process = subprocess.Popen(
            [str(venv / "bin/python"), "-c", PROBE],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    except OSError as error:
        raise InvalidInput(f"can't start {venv}/bin/python ({error.strerror}); {INSTALL} again") from error
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise InvalidInput(f"mujoco_py in {venv} takes more than {seconds:g} s to import; {INSTALL} again") from None
    numpy_version = output.split("\n")[0]
    if numpy_version and not numpy_version.startswith("1."):
        raise InvalidInput(
            f"{venv} has numpy {numpy_version}, mujoco-py needs numpy 1: {venv}/bin/python -m pip install numpy==1.26.4"
        )
    if process.returncode != 0:
        raise InvalidInput(f"mujoco_py does not import in {venv} ({_cause(output + errors)}); {INSTALL} again")


def _cause(output: str) -> str:
    """The line of a failed import that says most: what is missing, else the last one."""
    lines = output.strip().splitlines() or ["no message"]
    missing = [line for line in lines if "cannot open shared object" in line or "missing MuJoCo" in line]
    return (missing or lines)[-1].strip()
