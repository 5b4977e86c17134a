import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from cs285.homework.blanks import BLANKS, BY_NAME
from cs285.homework.checks import mlp_policy, pytorch_utils, replay_buffer, rl_trainer, runner, utils  # noqa: F401 - forked processes then need not import them
from cs285.homework.checks.runner import Verdict, check, check_all
from tests.conftest import ROOT, copied_project, edit
from tests.homework.answers import read_answers
from tests.scripts.conftest import finish, load_script, start

WRONG, RIGHT = read_answers("wrong_answers"), read_answers("right_answers")
RIGHT_BUILD_MLP = RIGHT[0].source


def check_source(name: str, source: str, limit: float = runner.LIMIT) -> Verdict:
    """Check a blank after functions in ``source`` replaced those of the same names in its classes or modules."""
    blank = BY_NAME[name]

    def import_answers(_: object) -> None:
        for body in blank.bodies:
            module, functions = sys.modules[body.module], dict[str, Any]()
            exec(compile(source, ROOT / body.file, "exec"), vars(module), functions)
            kind = body.function.rpartition(".")[0]
            owners = [getattr(module, kind)] if kind else [sys.modules[other.module] for other in blank.bodies]
            for owner in owners:
                for function in functions.keys() & set(dir(owner)):
                    setattr(owner, function, functions[function])

    if runner.METHOD != "fork":
        pytest.skip("only a forked process has the replaced functions")
    with mock.patch.object(runner, "_import_answers", import_answers):
        return check(name, limit)


def test_the_blanks_are_functions_of_the_core_with_the_courses_points() -> None:
    for blank in BLANKS:
        for body in blank.bodies:
            source = (ROOT / body.file).read_text(encoding="utf-8")
            assert re.search(rf"^ *def {body.function.split('.')[-1]}\(", source, re.MULTILINE)
        assert len(blank.hints.strip().splitlines()) >= 3
    bc, dagger = ([b.points for b in BLANKS if (b.question == "2") == later] for later in (False, True))
    assert (len(bc), sum(bc), len(dagger), sum(dagger)) == (9, 22, 2, 8)


def test_there_are_enough_wrong_answers() -> None:
    counts = Counter(answer.blank for answer in WRONG)
    assert set(counts) == set(BY_NAME)
    assert sum(counts.values()) >= 80
    assert min(counts.values()) >= 6
    assert len(RIGHT) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("blank", BY_NAME)
def test_wrong_answers_are_refused_and_their_mistake_is_named(blank: str) -> None:
    for answer in WRONG:
        if answer.blank == blank:
            verdict = check_source(blank, answer.source)
            assert (verdict.status, answer.words in verdict.words) == ("wrong", True), f"{answer.title}: {verdict}"
            # The message does not contain names of the checks' fakes.
            assert not re.search(r"\b_[A-Z]|homework\.checks|SimpleNamespace", verdict.words)
            assert re.search(r":\d+$", verdict.where)


@pytest.mark.slow
def test_right_answers_written_differently_pass() -> None:
    for answer in RIGHT:
        verdict = check_source(answer.blank, answer.source)
        words = [] if answer.words == "ok" else answer.words.split(", ")
        assert verdict.status == ("works, but" if words else "ok"), f"{answer.title}: {verdict}"
        for part, cost in zip(words, verdict.words.split("; ") if verdict.words else [], strict=True):
            assert part in cost
        assert verdict.passed


def test_the_cores_own_answers_are_ok() -> None:
    verdicts = list(check_all())
    assert [(verdict.blank, verdict.status) for verdict in verdicts] == [(name, "ok") for name in BY_NAME]


def test_empty_blanks_are_not_started() -> None:
    for name in BY_NAME:
        verdict = check_source(name, "".join(empty_bodies(name)))
        assert (verdict.status, verdict.where.partition(":")[0]) == ("not started", BY_NAME[name].file)


def empty_bodies(name: str) -> list[str]:
    message = BY_NAME[name].not_written
    functions = [body.function.split(".")[-1] for body in BY_NAME[name].bodies]
    return [f"def {name}(*args, **kwargs):\n    raise NotImplementedError({message!r})\n" for name in functions]


MISBEHAVIOUR = {
    "prints": ("    print('building', input_size)\n", "works, but", "'building 3'"),
    "hangs": ("    while True: pass\n", "wrong", "0.5 s"),
    "reads": ("    input('press a key')\n", "wrong", "raises EOFError"),
    "exits": ("    import sys; sys.exit(3)\n", "wrong", "SystemExit: 3"),
    "ends the process": ("    import os; os._exit(3)\n", "wrong", "exit code 3"),
    "seeds numpy": ("    import numpy; numpy.random.seed(0)\n", "wrong", "numpy.random.seed"),
    "seeds torch": ("    torch.manual_seed(0)\n", "wrong", "torch.manual_seed"),
    "seeds random": ("    import random; random.seed(0)\n", "wrong", "random.seed"),
    "changes the dtype": ("    torch.set_default_dtype(torch.float16)\n", "wrong", "default dtype"),
    "changes the folder": ("    import os; os.chdir('/')\n", "wrong", "current folder"),
    "sets the environment": ("    import os; os.environ['X'] = '1'\n", "wrong", "environment"),
    "turns gradients off": ("    torch.set_grad_enabled(False)\n", "wrong", "gradient mode"),
    "raises": ("    raise KeyError('size')\n", "wrong", "KeyError: 'size'"),
    "recurses": ("    return build_mlp(1, 1, 1, 1)\n", "wrong", "recursion"),
    "returns a string": ("    return 'a network'\n", "wrong", "a str, not an nn.Module"),
    "returns nothing": ("    return\n", "wrong", "nothing (None)"),
    "is empty": (f"    raise NotImplementedError({BY_NAME['build_mlp'].not_written!r})\n", "not started", ""),
    "calls an empty blank": (
        f"    raise NotImplementedError({BY_NAME['update'].not_written!r})\n",
        "wrong",
        "raises NotImplementedError: update is not written yet",
    ),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_answers_that_misbehave_get_one_line(name: str) -> None:
    line, status, words = MISBEHAVIOUR[name]
    head, rest = RIGHT_BUILD_MLP.split("\n", 1)
    limit = 0.5 if name == "hangs" else 20
    before = os.getcwd(), dict(os.environ)
    verdict = check_source("build_mlp", f"{head}\n{line}{rest}", limit)
    assert (verdict.status, words in verdict.words) == (status, True)
    assert "\n" not in str(verdict)
    place = ":2" if name in ("hangs", "exits") else ""
    assert verdict.where.startswith(BY_NAME["build_mlp"].file + place)
    assert (os.getcwd(), dict(os.environ)) == before


@pytest.mark.slow
def test_checks_run_without_fork_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "METHOD", "spawn")
    verdicts = list(check_all(["train_agent", "sample_n_trajectories"], limit=20))
    found = [(verdict.blank, verdict.status) for verdict in verdicts]
    assert found == [("train_agent", "ok"), ("sample_n_trajectories", "ok")]


@pytest.mark.slow
def test_the_script_checks_each_blank_of_a_project_on_its_own(tmp_path: Path) -> None:
    folder = copied_project(tmp_path)
    policy = folder / "cs285/policies/MLP_policy.py"
    edit(policy, '        return {"Training Loss"', '        return {{"Training Loss"')
    rollouts = folder / "cs285/infrastructure/utils.py"
    edit(rollouts, "        while timesteps < min_timesteps:", "        while len(paths) < min_timesteps:")
    result = finish(start(folder / "scripts/check_hw1.py", "--run", "--json", "verdicts.json", cwd=folder), within=240)
    assert result.code == 1, result.err
    lines = dict(line.split(": ", 1) for line in result.out.splitlines()[:-1])
    assert list(lines) == list(BY_NAME)
    wrong = {"get_action", "forward", "update", "sample_trajectories"}
    assert {name for name, line in lines.items() if line != "ok"} == wrong
    broken = policy.read_text(encoding="utf-8").splitlines()
    place = next(n for n, line in enumerate(broken, 1) if "{{" in line)
    assert f"raises SyntaxError: '{{' was never closed (MLP_policy.py, line {place})" in lines["update"]
    assert (
        "min_timesteps counts steps, and ntraj counts episodes (cs285/infrastructure/utils.py:"
        in lines["sample_trajectories"]
    )
    assert result.out.splitlines()[-1] == "7 of 11 are right"
    verdicts = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert [verdict["blank"] for verdict in verdicts] == list(BY_NAME)
    assert sum(verdict["points"] for verdict in verdicts) == 30 - sum(BY_NAME[name].points for name in wrong)


@pytest.mark.slow
def test_the_script_takes_one_blank_and_with_run_says_whether_it_learned() -> None:
    finish(start("check_hw1", "--blank", "train", cwd=ROOT)).refused("--blank is train; the blanks are build_mlp, get_")
    result = finish(start("check_hw1", "--blank", "update", "--run", cwd=ROOT), within=240)
    assert result.code == 0, result.err
    assert result.out.startswith("update: ok\n1 of 1 are right\n")
    line = r"^the policy learned: its return on CartPole-v1 is \d+, that of the recorded episodes is \d+$"
    assert re.search(line, result.out, re.MULTILINE)


def test_learning_is_measured_by_the_recorded_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"Eval_AverageReturn": 10.0, "Expert_AverageReturn": 10.0, "Initial_DataCollection_AverageReturn": 500.0}
    trainer = SimpleNamespace(run_training_loop=lambda: [row])
    monkeypatch.setattr("cs285.infrastructure.bc_trainer.BC_Trainer", lambda _: trainer)
    assert not load_script("check_hw1").try_learning()


def test_a_verdict_is_one_line_with_its_place_and_where_to_read_on() -> None:
    verdict = Verdict("update", "wrong", "the second step's\ngradient", "cs285/policies/MLP_policy.py:1")
    assert str(verdict) == (
        "update: the second step's gradient (cs285/policies/MLP_policy.py:1; read on: question 1.1 of the handout, "
        "'Optimizing Model Parameters' in PyTorch's tutorials)"
    )
    assert verdict.as_json()["points"] == 0
