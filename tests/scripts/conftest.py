"""Fixtures that run the scripts, in this process or in a new one."""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from cs285.data.run_folders import RunFolder, read_runs
from tests import fakes

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("[a-z]*.py"))
USERS_ENVIRONMENT = dict(os.environ)  # copied before an import of the project sets MUJOCO_GL
FOLDERS = (ROOT / "scripts", ROOT / "docs/examples")
sys.path += map(str, FOLDERS)

Script = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a script."""

    code: int
    out: str
    err: str

    def succeeded(self) -> Outcome:
        """Check for exit code 0 and an empty stderr."""
        assert (self.code, self.err) == (0, "")
        return self

    def refused(self, *parts: str) -> Outcome:
        """Check for exit code 2, and that stderr has one line or tyro's explanation, and contains all ``parts``."""
        assert self.code == 2, self
        if "For full helptext" not in self.err:
            assert self.err.startswith("error: "), self
            assert self.err.endswith("\n"), self
            assert self.err.count("\n") == 1, self
        for part in parts:
            assert part in self.err
        return self


def runs_below(folder: Path) -> list[RunFolder]:
    return sorted(read_runs([folder]), key=lambda run: run.path.stat().st_mtime_ns)


def load_script(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roll out in this process, which is faster for a few episodes."""
    monkeypatch.setattr("cs285.infrastructure.rollout_workers.usable_cores", lambda: 0)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def script(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Script:
    """Call ``script(name, *arguments)`` to run a script in this process, in an empty current folder."""

    def call(name: str, *arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(next(str(p) for f in FOLDERS if (p := f / f"{name}.py").exists()), run_name="__main__")
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, captured.out, captured.err)

    return call


def start(
    name: str | Path, *arguments: object, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a script in a new process and session; ``name`` is the name of a script of the project, or a file."""
    return subprocess.Popen(
        [sys.executable, ROOT / "scripts" / f"{name}.py" if isinstance(name, str) else name, *map(str, arguments)],
        cwd=cwd,
        env={**USERS_ENVIRONMENT, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], within: float = 120) -> Outcome:
    try:
        out, err = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Outcome(process.returncode, out, err)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class PointFiles(NamedTuple):
    expert: Path
    data: Path


@pytest.fixture(scope="session")
def point_files(tmp_path_factory: pytest.TempPathFactory) -> PointFiles:
    folder = tmp_path_factory.mktemp("point")
    episodes = [fakes.course_episode(2023, seed=n) for n in range(2)]
    expert = fakes.pickle_file(folder / "expert.pkl", fakes.expert_content())
    return PointFiles(expert, fakes.pickle_file(folder / "data.pkl", episodes))


def small_run(point_files: PointFiles, *more: object) -> Sequence[object]:
    """Arguments with which run_hw1.py takes a fraction of a second; ``more`` adds arguments or overrides these."""
    sizes = "--num_agent_train_steps_per_iter 4 --batch_size 20 --eval_batch_size 20 --train_batch_size 8 --size 8"
    return ("-env", fakes.POINT, "-ed", point_files.data, *sizes.split(), "--num_workers", 0, *more)
