"""The assignment's commands, as the README shows them, from the project's folder without installing it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fakes
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, Outcome, Script, runs_below

SCRIPT = "cs285/scripts/run_hw1.py"
LINES = re.findall(rf"^python {SCRIPT} (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
SMALL = "--ep_len 10 --batch_size 10 --eval_batch_size 10 --num_agent_train_steps_per_iter 2 --num_workers 0"


@pytest.fixture
def project(workplace: Path) -> Path:
    """A checkout with the files that the assignment brings: Ant's, of the edition of 2020."""
    course = workplace / "cs285"
    shutil.copytree(ROOT / "cs285", course, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in [
        ("policies/experts/Ant.pkl", fakes.expert_content(ob_dim=111, ac_dim=8)),
        ("expert_data/expert_data_Ant-v2.pkl", [fakes.course_episode(2020, ob_dim=111, ac_dim=8)]),
    ]:
        (course / name).parent.mkdir(parents=True)
        fakes.pickle_file(course / name, content)
    return workplace


def test_the_assignments_commands(project: Path, script: Script) -> None:
    bc, dagger = (shlex.split(f"{line} {SMALL}") for line in LINES)
    done = subprocess.run(
        [sys.executable, SCRIPT, *bc], cwd=project, env=USERS_ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    for outcome in (Outcome(done.returncode, done.stdout, done.stderr), script("run_hw1", *dagger)):
        assert outcome.code == 0, outcome
        assert outcome.err.count("\n") <= 1  # the notice about the physics of -v2 tasks, once in a process
    runs = runs_below(project / "data")
    assert [len(run.rows) for run in runs] == [1, 10]
    assert {run.settings["env_name"] for run in runs} == {"Ant-v2"}
