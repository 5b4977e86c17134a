"""The way to the original engine: whatever is missing or broken on it is one line that says what to do."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cs285.envs import mujoco_py_backend as backend
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput

ROOT = Path(__file__).parents[2]
INSTALLER = ROOT / "scripts" / "install_mujoco_py.sh"

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="mujoco-py runs on Linux x86_64 only"
)


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the environment; nothing is there yet."""
    path = tmp_path / "venv"
    monkeypatch.setenv(backend.VENV_VARIABLE, str(path))
    return path


def install_fake(venv: Path, script: str) -> Path:
    """A finished installation whose interpreter is a shell script."""
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    (venv / backend.FINISHED).touch()
    return venv


def refusal(venv: Path, seconds: float = 10) -> str:
    with pytest.raises(InvalidInput) as refused:
        backend.probe(backend.find_venv(), seconds)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_it_the_message_says_how_to_install(venv: Path) -> None:
    assert "run scripts/install_mujoco_py.sh" in refusal(venv)


def test_a_half_finished_installation(venv: Path) -> None:
    install_fake(venv, "exit 0")
    (venv / backend.FINISHED).unlink()
    assert "half-finished; run scripts/install_mujoco_py.sh again" in refusal(venv)


def test_numpy_2_in_it(venv: Path) -> None:
    install_fake(venv, "echo 2.3.1")
    assert "has numpy 2.3.1" in refusal(venv)
    assert "pip install numpy==1.26.4" in refusal(venv)


@pytest.mark.parametrize(
    "missing",
    [
        "ImportError: libEGL.so.1: cannot open shared object file",
        "You appear to be missing MuJoCo.  We expected to find the file here: /nowhere",
    ],
)
def test_an_import_that_fails_is_told_by_its_cause(venv: Path, missing: str) -> None:
    install_fake(venv, f"echo 1.26.4; echo '{missing}' >&2; echo 'CompileError: false failed' >&2; exit 1")
    assert missing in refusal(venv)


@pytest.mark.parametrize("module", ["gymnasium_robotics", "mujoco_py"])
def test_the_probe_imports_what_a_run_will(venv: Path, tmp_path: Path, module: str) -> None:
    for name in ("gymnasium_robotics", "mujoco_py"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it is broken')" if name == module else "")
    (tmp_path / "numpy.py").write_text("__version__ = '1.26.4'")
    install_fake(venv, f'cd {tmp_path} && exec {sys.executable} "$@"')
    assert "does not import" in refusal(venv)
    assert "it is broken" in refusal(venv)


def test_an_import_that_compiles_is_stopped_with_all_it_started(venv: Path, tmp_path: Path) -> None:
    started = tmp_path / "compiler"
    install_fake(venv, f"echo 1.26.4; sleep 600 & echo $! > {started}; wait")
    begin = time.monotonic()
    assert "takes more than 0.5 s to import" in refusal(venv, seconds=0.5)
    assert time.monotonic() - begin < 5
    deadline = time.monotonic() + 5
    while (state := Path(f"/proc/{int(started.read_text())}/stat")).exists() and time.monotonic() < deadline:
        if state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not state.exists()


def test_the_probe_has_a_compiler_that_fails(venv: Path) -> None:
    install_fake(venv, 'echo 1.26.4; test "$CC" = false')
    backend.probe(backend.find_venv())


def test_an_interpreter_that_is_gone(venv: Path) -> None:
    (install_fake(venv, "") / "bin" / "python").unlink()
    assert "can't start" in refusal(venv)


def test_on_another_platform(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    told = refusal(venv)
    assert "Linux x86_64" in told
    assert "Darwin arm64" in told


def test_the_command_is_handed_over_as_it_stands(venv: Path) -> None:
    install_fake(venv, 'if [ "$1" = -c ]; then echo 1.26.4; else echo "$LD_LIBRARY_PATH"; echo "$@"; fi')
    command = ["scripts/run_hw1.py", "--env_name", "Ant-v2", "--exp_name", "a=b", "--backend", "mujoco_py"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    search_path, arguments = done.stdout.splitlines()
    assert search_path.split(os.pathsep)[0] == str(venv / backend.LIBRARY / "bin")
    assert arguments == " ".join(command)


@pytest.mark.parametrize("script", ["run_hw1", "collect_expert_data", "eval_expert", "eval_policy", "train_expert"])
def test_every_script_refuses_in_one_line(venv: Path, script: str) -> None:
    command = [sys.executable, f"scripts/{script}.py", "--backend", "mujoco_py"]
    if script == "collect_expert_data":
        command += ["--output", str(venv / "new.pkl")]
    if script == "eval_policy":
        command += ["--policy", "policy_itr_0.pt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "install_mujoco_py.sh" in done.stderr


def test_the_official_bindings_hand_nothing_over(venv: Path) -> None:
    backend.hand_over("mujoco")


def test_an_environment_is_refused_in_a_process_that_was_not_started_for_it(venv: Path) -> None:
    install_fake(venv, "")
    with pytest.raises(InvalidInput, match="an environment of its own"):
        make_env("Ant-v2", backend="mujoco_py")


def run_installer(path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", **variables}
    return subprocess.run([INSTALLER, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_the_installer_starts_nothing_when_it_is_only_asked(venv: Path, tmp_path: Path) -> None:
    done = run_installer(tmp_path, "--help")
    assert done.returncode == 2
    assert "takes no arguments" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not venv.exists()


@pytest.mark.parametrize(
    ("stand_in", "script", "told"),
    [
        ("uname", "echo Darwin", "Linux x86_64 only"),
        ("python3.11", "exit 1", "needs CPython 3.11"),
        ("python3.11", 'case "$2" in *ensurepip*) exit 1;; esac', "apt-get install python3.11-venv"),
        ("python3.11", 'case "$2" in *libEGL*) exit 1;; esac', "apt-get install libegl1 libopengl0"),
    ],
)
def test_the_installer_checks_the_platform_first(
    venv: Path, tmp_path: Path, stand_in: str, script: str, told: str
) -> None:
    program = tmp_path / "bin" / stand_in
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    done = run_installer(program.parent, PYTHON="python3.11")
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not venv.exists()


def test_the_installer_leaves_other_folders_alone(venv: Path, tmp_path: Path) -> None:
    venv.mkdir()
    (venv / "precious").touch()
    python = tmp_path / "bin" / "python3.11"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    done = run_installer(python.parent, PYTHON="python3.11")
    assert done.returncode == 2
    assert "move it away" in done.stderr
    assert (venv / "precious").exists()
