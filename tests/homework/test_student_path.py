"""All steps of a student, from the folder that make_homework.py writes to the grade."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from cs285.homework.blanks import BLANKS
from cs285.homework.edition import write_autograder, write_edition
from tests.conftest import ROOT
from tests.fake_runs import write_run
from tests.homework.test_grade import graded, log
from tests.scripts.conftest import finish, start

# A program that writes the answers one by one. For each answer it prints three verdicts: on the answer's blank before
# and after the answer is written, and on the next blank.
TURNS = """
from pathlib import Path
from cs285.homework.blanks import BLANKS
from cs285.homework.checks.runner import check
from tests.homework.solution import answer
for blank, following in zip(BLANKS, [*BLANKS[1:], BLANKS[0]]):
    before = check(blank.name).status
    answer(Path(), blank)
    print(before, check(blank.name).status, check(following.name).status, sep=",")
"""
SMALL = "scripts/run_hw1.py --env_name CartPole-v1 --num_agent_train_steps_per_iter 100 --eval_batch_size 500"


@pytest.mark.slow
@pytest.mark.skipif("CS285_STUDENT_PATH" not in os.environ, reason="takes two minutes; .ci/run sets CS285_STUDENT_PATH")
def test_from_the_empty_homework_to_full_points(tmp_path: Path) -> None:
    folder = tmp_path / "homework"
    write_edition(folder)

    def run(command: str, code: int = 0) -> str:
        script, *flags = command.split()
        environment = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        done = finish(start(folder / script, *flags, cwd=folder, environment=environment), within=600)
        assert done.code == code, (command, done)
        return done.out

    run("scripts/check_hw1.py --json begin.json", code=1)
    begin = json.loads((folder / "begin.json").read_text(encoding="utf-8"))
    assert [verdict["status"] for verdict in begin] == ["not started"] * 11
    (folder / "turns.py").write_text(TURNS, encoding="utf-8")
    turns = run("turns.py").splitlines()
    assert turns == ["not started,ok,not started"] * 10 + ["not started,ok,ok"]
    run("scripts/check_hw1.py --json end.json")
    verdicts = json.loads((folder / "end.json").read_text(encoding="utf-8"))
    assert [verdict["blank"] for verdict in verdicts] == [blank.name for blank in BLANKS]
    assert sum(verdict["points"] for verdict in verdicts) == 30
    assert "final return" in run(f"{SMALL} --exp_name bc_cartpole")
    assert "final return" in run(f"{SMALL} --exp_name dagger_cartpole --do_dagger --n_iter 2")
    for task, *returns in (("Ant-v5", 2000.0), ("Ant-v5", 100.0, 5000.0), ("Hopper-v5", 100.0, 3600.0)):
        log(write_run(folder / "data", returns, env_name=task), *returns)
    run("scripts/make_report.py --runs data --output report")
    assert (folder / "report/report.pdf").stat().st_size > 10_000
    run("scripts/make_submission.py --runs data --output submit.zip")
    write_autograder(tmp_path / "autograder.zip")
    for name, place in (("homework/submit.zip", "submission"), ("autograder.zip", "source")):
        with zipfile.ZipFile(tmp_path / name) as archive:
            archive.extractall(tmp_path / "box" / place)
    tests = graded(tmp_path / "box").values()
    assert sum(test["score"] for test in tests) == sum(test["max_score"] for test in tests) == 40
