"""The assignment's own lines, as the README shows them, run as they stand from the project's folder."""

from __future__ import annotations

import re
import shlex
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
    """The project's folder, with the files that the assignment brings: Ant's, of the edition of 2020."""
    course = tmp_path / "cs285"
    for name, content in [
        ("policies/experts/Ant.pkl", fakes.expert_content(ob_dim=111, ac_dim=8)),
        ("expert_data/expert_data_Ant-v2.pkl", [fakes.course_episode(2020, ob_dim=111, ac_dim=8)]),
    ]:
        (course / name).parent.mkdir(parents=True)
        fakes.pickle_file(course / name, content)
    (course / "scripts").mkdir()
    (course / "scripts" / "run_hw1.py").write_text((ROOT / SCRIPT).read_text())
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    return tmp_path


def run(*arguments: str, folder: Path) -> Outcome:
    command = [sys.executable, SCRIPT, *arguments]
    done = subprocess.run(command, cwd=folder, env=USERS_ENVIRONMENT, capture_output=True, text=True, timeout=120)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("line", "rows"), [*zip(LINES, (1, 10), strict=True)], ids=["bc", "dagger"])
def test_the_assignment_s_line(line: str, rows: int, project: Path) -> None:
    ended = run(*shlex.split(line), *SMALL, folder=project)
    assert ended.code == 0, ended
    assert ended.err.count("\n") == 1  # which physics it is
    (finished,) = runs_below(project / "data")
    assert len(finished.rows) == rows
    assert finished.settings["env_name"] == "Ant-v2"


def test_its_mistakes_are_told_as_ever(project: Path) -> None:
    run("--env_name", "Ant-v3", folder=project).refused("Ant-v3")
