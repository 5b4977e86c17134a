"""The restart in mujoco-py's virtual environment, and the installer; a line names the remedy if a part is missing."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from cs285.envs import mujoco_py_backend as backend
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="mujoco-py runs on Linux x86_64 only"
)


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the virtual environment, which does not exist yet."""
    path = tmp_path / "venv"
    monkeypatch.setenv(backend.VENV_VARIABLE, str(path))
    return path


def write_script(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def install_fake(venv: Path, script: str = "") -> None:
    """A complete installation whose interpreter is a shell script."""
    write_script(venv / "bin" / "python", script)
    (venv / backend.FINISHED).touch()


def test_a_missing_or_incomplete_installation_is_refused(venv: Path) -> None:
    for prepare in (lambda: None, venv.mkdir):
        prepare()
        with pytest.raises(InvalidInput, match=r"\A.*run scripts/install_mujoco_py.sh.*\Z"):
            backend.restart_in_mujoco_py_venv("mujoco_py")
    backend.restart_in_mujoco_py_venv("mujoco")


def test_the_same_command_is_restarted_in_the_environment(venv: Path) -> None:
    install_fake(venv, 'echo "$LD_LIBRARY_PATH"; echo "$MUJOCO_PY_MUJOCO_PATH"; echo "$@"')
    command = ["scripts/run_hw1.py", "--env_name", "Ant-v2", "--exp_name", "a=b", "--backend", "mujoco_py"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    search_path, library, arguments = done.stdout.splitlines()
    assert search_path.split(os.pathsep)[0] == str(venv / backend.LIBRARY / "bin")
    assert library == str(venv / backend.LIBRARY)
    assert arguments == " ".join(command)


def test_another_environment_and_a_failing_import_are_refused_without_compiling(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake(venv)
    with pytest.raises(InvalidInput, match="a separate environment"):
        make_env("Ant-v2", backend="mujoco_py")
    with pytest.raises(InvalidInput, match=r"runs Ant-v2.* not Hopper-v5"):
        make_env("Hopper-v5", backend="mujoco_py")
    monkeypatch.setattr(sys, "prefix", str(venv))
    monkeypatch.setattr(os, "environ", backend.environment(venv))
    (tmp_path / "gymnasium_robotics.py").touch()
    (tmp_path / "mujoco_py.py").write_text(
        "import os\nif os.environ['CC'] == 'false': raise OSError('it is\\nbroken')", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mujoco_py", raising=False)
    with pytest.raises(InvalidInput, match=r"can't be imported in .*\(OSError: it is broken\); run scripts/install"):
        backend.import_mujoco_py()


def test_the_installer_does_not_touch_a_folder_that_it_did_not_make(venv: Path, tmp_path: Path) -> None:
    precious = write_script(venv / "precious", "")
    environment = {**os.environ, "PYTHON": str(write_script(tmp_path / "python", "exit 0"))}
    done = subprocess.run(ROOT / "scripts/install_mujoco_py.sh", env=environment, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "move it away" in done.stderr
    assert [*venv.iterdir()] == [precious]
