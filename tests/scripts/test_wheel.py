"""The built wheel has the whole package: a job runs from it, in a folder that knows nothing of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT

JOB = """
import json, sys
from pathlib import Path
import cs285
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.config import Config

config = Config(env_name="CartPole-v1", expert_data=Path(sys.argv[1]), num_agent_train_steps_per_iter=2,
                eval_batch_size=10, num_workers=0)
rows = BC_Trainer(config).run_training_loop()
print(json.dumps({"file": cs285.__file__, "rows": len(rows)}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was unpacked into."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # building leaves files behind
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "cs285", source / "cs285", ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("cs285_imitation-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_every_module_and_nothing_else(installed: Path) -> None:
    def modules(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in (root / "cs285").rglob("*.py")}

    assert modules(installed) == modules(ROOT) - {"cs285/scripts/run_hw1.py"}  # that one leads to a checkout's scripts/
    assert (installed / "cs285/py.typed").exists()
    assert [path.name for path in installed.iterdir() if path.name != "cs285"] == ["cs285_imitation-1.0.0.dist-info"]


def test_a_job_runs_from_the_wheel(installed: Path, tmp_path: Path, cartpole_data: Path) -> None:
    environment = {**USERS_ENVIRONMENT, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", JOB, str(cartpole_data)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1]) == {"file": os.path.join(installed, "cs285/__init__.py"), "rows": 1}
    assert len(list(tmp_path.glob("data/q1_bc_CartPole-v1_*/log.csv"))) == 1
