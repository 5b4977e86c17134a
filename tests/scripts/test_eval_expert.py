"""eval_expert.py: each flag does what it says, and returns other than the card's are an error."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import pytest

from cs285.experts.card import evaluate_expert
from tests import fakes
from tests.scripts.conftest import Script, load_script

pytest.importorskip("scipy", reason="scipy, of the extra `experts`, is missing")

TASK, LONG_TASK = "PointTask-v0", "LongPointTask-v0"


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    """Tasks whose ids can be file names."""
    gym.register(TASK, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT)
    gym.register(LONG_TASK, fakes.PointEnv, max_episode_steps=3)


@pytest.fixture
def expert(workplace: Path) -> Path:
    """An expert with its card, where experts ship."""
    folder = workplace / "policies/experts"
    folder.mkdir(parents=True)
    path = fakes.pickle_file(folder / f"{TASK}.pkl", fakes.expert_content())
    evaluation = evaluate_expert(path, TASK, 20)
    path.with_suffix(".json").write_text(json.dumps({"evaluation": evaluation}))
    return path


def table(said: str) -> list[list[str]]:
    """The cells of the rows below the head, the interval in two."""
    return [line.replace("[", "").replace("]", "").replace(",", "").split() for line in said.splitlines()[1:]]


def test_all_that_ship_are_compared_with_their_cards(script: Script, expert: Path) -> None:
    (row,) = table(script("eval_expert").succeeded().out)
    card = json.loads(expert.with_suffix(".json").read_text())["evaluation"]
    names = ("mean", "std", "min", "max", "iqm", "iqm_95_low", "iqm_95_high", "ended_early", "mean")
    assert row == [TASK, *(str(card[name]) for name in names)]


def test_expert_policy_file(script: Script, expert: Path, tmp_path: Path) -> None:
    other = fakes.pickle_file(tmp_path / f"{LONG_TASK}.pkl", fakes.expert_content(seed=1))
    (row,) = table(script("eval_expert", "-epf", other).succeeded().out)
    assert row[0] == LONG_TASK
    assert row[-1] == "none"


def test_a_card_counts_for_its_own_task_only(script: Script, expert: Path) -> None:
    card = expert.with_suffix(".json")
    card.write_text(json.dumps({"task": TASK, **json.loads(card.read_text())}))
    for task, shown in [(LONG_TASK, "none"), (TASK, str(json.loads(card.read_text())["evaluation"]["mean"]))]:
        (row,) = table(script("eval_expert", "-epf", expert, "-env", task).succeeded().out)
        assert row[-1] == shown


def test_env_name(script: Script, expert: Path, tmp_path: Path) -> None:
    other = fakes.pickle_file(tmp_path / "mine.pkl", fakes.expert_content())
    rows = [table(script("eval_expert", "-epf", other, "-env", name).succeeded().out)[0] for name in (TASK, LONG_TASK)]
    assert [row[0] for row in rows] == [TASK, LONG_TASK]
    assert rows[0][1:] != rows[1][1:]


def test_episodes(script: Script, expert: Path) -> None:
    (row,) = table(script("eval_expert", "-n", 7).succeeded().out)
    assert row[1] == str(evaluate_expert(expert, TASK, 7)["mean"]) != row[-1]


def test_every_flag_has_a_test() -> None:
    assert {field.name for field in fields(load_script("eval_expert").Settings)} == {
        "expert_policy_file",
        "env_name",
        "episodes",
        "backend",  # tests/envs/test_mujoco_py_backend.py has the backend
    }


def test_other_returns_than_on_the_card(script: Script, expert: Path) -> None:
    card = expert.with_suffix(".json")
    content = json.loads(card.read_text())
    content["evaluation"]["mean"] += 5 * content["evaluation"]["std"]
    card.write_text(json.dumps(content))
    outcome = script("eval_expert").refused("other returns than on the card", str(expert.relative_to(Path.cwd())))
    assert len(table(outcome.out)) == 1


def test_without_scipy_it_says_what_to_install(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    script("eval_expert", "-n", 2).refused("SciPy", "pip install scipy")
