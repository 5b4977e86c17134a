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
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, Outcome, runs_below

SCRIPT = "cs285/scripts/run_hw1.py"
LINES = re.findall(rf"^python {SCRIPT} (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
SMALL = ("--ep_len", "10", "--batch_size", "10", "--eval_batch_size", "10", "--num_agent_train_steps_per_iter", "2")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with the files that the assignment brings: Ant's, of the edition of 2020."""
    course = tmp_path / "cs285"
    shutil.copytree(ROOT / "cs285", course, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in [
        ("policies/experts/Ant.pkl", fakes.expert_content(ob_dim=111, ac_dim=8)),
        ("expert_data/expert_data_Ant-v2.pkl", [fakes.course_episode(2020, ob_dim=111, ac_dim=8)]),
    ]:
        (course / name).parent.mkdir(parents=True)
        fakes.pickle_file(course / name, content)
    return tmp_path


def run(*arguments: str, folder: Path) -> Outcome:
    command = [sys.executable, SCRIPT, *arguments]
    done = subprocess.run(command, cwd=folder, env=USERS_ENVIRONMENT, capture_output=True, text=True, timeout=120)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("line", "rows"), [*zip(LINES, (1, 10), strict=True)], ids=["bc", "dagger"])
def test_the_assignment_s_command(line: str, rows: int, project: Path) -> None:
    ended = run(*shlex.split(line), *SMALL, folder=project)
    assert ended.code == 0, ended
    assert ended.err.count("\n") == 1  # the notice about the physics of -v2 tasks
    (finished,) = runs_below(project / "data")
    assert len(finished.rows) == rows
    assert finished.settings["env_name"] == "Ant-v2"


def test_a_mistake_in_it_is_one_line(project: Path) -> None:
    run("--env_name", "Ant-v3", folder=project).refused("Ant-v3")
