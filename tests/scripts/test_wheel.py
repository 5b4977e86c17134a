"""The built wheel: all modules, and run_hw1 as a module, away from the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, runs_below


@pytest.mark.slow
def test_the_wheel_has_every_module_and_runs_run_hw1(tmp_path: Path, cartpole_data: Path) -> None:
    source, installed = tmp_path / "source", tmp_path / "site"  # building leaves files behind
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "cs285", source / "cs285", ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("cs285_imitation-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(installed)

    def modules(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in (root / "cs285").rglob("*.py")}

    assert modules(installed) == modules(ROOT)
    assert (installed / "cs285/py.typed").exists()
    assert [path.name for path in installed.iterdir() if path.name != "cs285"] == ["cs285_imitation-1.0.0.dist-info"]

    small = ["--num_agent_train_steps_per_iter", "2", "--eval_batch_size", "10", "--num_workers", "0"]
    command = [sys.executable, "-m", "cs285.scripts.run_hw1", "-env", "CartPole-v1", "-ed", str(cartpole_data), *small]
    environment = {**USERS_ENVIRONMENT, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = runs_below(tmp_path / "data")
    assert len(run.rows) == 1
