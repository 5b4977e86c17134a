"""Edits of the assignment's code, in a copy of the package, take effect."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
JOB = "--env_name Hopper-v5 --ep_len 40 --do_dagger --n_iter 2 --batch_size 40 --eval_batch_size 80 --num_workers 2"
JOB += " --num_agent_train_steps_per_iter 20 --save_params --size 16"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the project that a test may edit."""
    for name in ("cs285", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("policies/experts/Hopper-v5.pkl", "expert_data/expert_data_Hopper-v5.pkl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def run_script(folder: Path, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, f"scripts/{script}.py", *flags]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def losses_of_two_runs(package: Path, logdir: Path) -> list[list[float]]:
    """The losses in log.csv of runs with seeds 1 and 2."""
    finished = run_script(package, "run_hw1", *JOB.split(), "--seeds", "1,2", "--logdir", str(logdir))
    assert finished.returncode == 0, finished.stderr
    tables = [csv.DictReader(path.open(newline="")) for path in sorted(logdir.glob("*/log.csv"))]
    assert len(tables) == 2
    return [[float(row["Training Loss"]) for row in table] for table in tables]


@pytest.fixture(scope="module")
def unedited(tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The losses of the project as it stands."""
    return losses_of_two_runs(ROOT, tmp_path_factory.mktemp("unedited"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "factor"),
    [
        ("policies/MLP_policy.py", "loss.detach()}", "10 * loss.item()}", 10),
        ("policies/MLP_policy.py", "return functional.mse_loss(", "return 10 * functional.mse_loss(", 10),
        ("infrastructure/pytorch_utils.py", "= nn.Tanh,", "= nn.ReLU,", None),
    ],
    ids=["update", "compute_loss", "build_mlp"],
)
def test_edited_code_is_what_runs(
    package: Path, unedited: list[list[float]], file: str, old: str, new: str, factor: float | None
) -> None:
    edit(package / "cs285" / file, old, new)
    found = losses_of_two_runs(package, package / "data")
    if factor is not None:  # Adam's steps do not depend on the scale of the loss
        np.testing.assert_allclose(found, factor * np.array(unedited), rtol=0.01)
        return
    assert np.abs(np.array(found) / unedited - 1).min() > 0.01
    refused = run_script(ROOT, "eval_policy", "--policy", str(next(package.glob("data/*seed1*/policy_itr_1.pt"))))
    assert refused.returncode == 2
    assert "another architecture" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_project_works_without_the_fast_update(package: Path, unedited: list[list[float]]) -> None:
    (package / "cs285/policies/fast_update.py").unlink()
    np.testing.assert_allclose(losses_of_two_runs(package, package / "data"), unedited, rtol=1e-3)
