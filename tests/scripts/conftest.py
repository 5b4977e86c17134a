"""Fixtures that run the scripts, in this process or in one of their own."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch

from cs285 import command_line
from tests import fakes

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("[a-z]*.py"))

USERS_ENVIRONMENT = dict(os.environ)  # before importing the project sets MUJOCO_GL

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
        """Check for exit code 2 and one line on stderr, or tyro's explanation, that contains all the parts."""
        assert self.code == 2, self
        if "For full helptext" not in self.err:
            assert self.err.startswith("error: "), self
            assert self.err.endswith("\n"), self
            assert self.err.count("\n") == 1, self
        for part in parts:
            assert part in self.err
        return self


@dataclass(frozen=True)
class Run:
    """The run folder of a finished run_hw1.py."""

    folder: Path

    @property
    def rows(self) -> list[dict[str, float]]:
        """The rows of log.csv."""
        with (self.folder / "log.csv").open(newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in config.json."""
        settings: dict[str, Any] = json.loads((self.folder / "config.json").read_text())["settings"]
        return settings

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the final weights, layer by layer."""
        return [tuple(value.shape) for name, value in self.parameters().items() if name.endswith("weight")]

    def parameters(self, itr: int | None = None) -> dict[str, torch.Tensor]:
        """The parameters saved in an iteration; None: in the last one."""
        files = sorted(self.folder.glob("policy_itr_*.pt"), key=lambda path: int(path.stem.rpartition("_")[2]))
        parameters: dict[str, torch.Tensor] = torch.load(files[-1 if itr is None else itr], weights_only=True)
        return parameters


def runs_below(folder: Path) -> list[Run]:
    """The runs in a --logdir, oldest first."""
    return [Run(path) for path in sorted(folder.glob("q[12]_*"), key=lambda path: path.stat().st_mtime_ns)]


def load_script(name: str) -> ModuleType:
    """Import a script from its file."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where the annotations of a dataclass are looked up
    if str(ROOT / "scripts") not in sys.path:
        sys.path.append(str(ROOT / "scripts"))  # for _checkout
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def script(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Script:
    """Call ``script(name, *arguments)`` to run a script in this process, from an empty folder."""

    def call(name: str | ModuleType, *arguments: object) -> Outcome:
        module = load_script(name) if isinstance(name, str) else name
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            command_line.run(module.main)
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, captured.out, captured.err)

    return call


def start(
    name: str, *arguments: object, cwd: Path, environment: dict[str, str] | None = None, stdin: Any = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start a script in a process of its own, in its own session."""
    return subprocess.Popen(
        [sys.executable, ROOT / "scripts" / f"{name}.py", *map(str, arguments)],
        cwd=cwd,
        env={**USERS_ENVIRONMENT, **(environment or {})},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], within: float = 120) -> Outcome:
    """Wait until a started script ends."""
    out, err = process.communicate(timeout=within)
    return Outcome(process.returncode, out, err)


def files_below(folder: Path) -> list[str]:
    """All files and folders below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class PointFiles(NamedTuple):
    """Files of an expert of `fakes.POINT` and of its recorded episodes."""

    expert: Path
    data: Path


@pytest.fixture(scope="session")
def point_files(tmp_path_factory: pytest.TempPathFactory) -> PointFiles:
    folder = tmp_path_factory.mktemp("point")
    episodes = [fakes.course_episode(2023, seed=n) for n in range(2)]
    expert = fakes.pickle_file(folder / "expert.pkl", fakes.expert_content())
    return PointFiles(expert, fakes.pickle_file(folder / "data.pkl", episodes))


def small_run(point_files: PointFiles, *more: object) -> Sequence[object]:
    """Arguments of a run_hw1.py that takes a fraction of a second; ``more`` overrides them."""
    sizes = "--num_agent_train_steps_per_iter 4 --batch_size 20 --eval_batch_size 20 --train_batch_size 8 --size 8"
    return ("-env", fakes.POINT, "-ed", point_files.data, *sizes.split(), "--num_workers", 0, *more)


@pytest.fixture(scope="session")
def cartpole_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded episodes of CartPole."""
    episodes = [fakes.course_episode(2020, ob_dim=4, ac_dim=1, seed=n) for n in range(2)]
    for episode in episodes:
        episode["action"] = (episode["observation"][:, 2] > 0).astype("int64")
    return fakes.pickle_file(tmp_path_factory.mktemp("cartpole") / "data.pkl", episodes)


@pytest.fixture
def refused(script: Script, workplace: Path) -> Callable[..., None]:
    """Run a script, check that it refuses with a line that contains ``parts`` and leaves no file behind."""

    def refused(parts: Sequence[str], name: str, *arguments: object) -> None:
        before = files_below(workplace)
        outcome = script(name, *arguments)
        outcome.refused(*parts)
        if name != "eval_expert":  # prints the head of its table first
            assert outcome.out == ""
        assert files_below(workplace) == before

    return refused
