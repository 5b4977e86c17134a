"""eval_expert.py: the table of returns, and an error when they differ from the card's."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import pytest

from tests import fakes
from tests.scripts.conftest import Script

pytest.importorskip("scipy", reason="of the extra `experts`")

from cs285.experts.card import evaluate_expert

TASK, LONG_TASK = "PointTask-v0", "LongPointTask-v0"


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    """Tasks whose ids can be file names."""
    gym.register(TASK, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT)
    gym.register(LONG_TASK, fakes.PointEnv, max_episode_steps=3)


@pytest.fixture
def expert(workplace: Path) -> Path:
    """An expert with its card, in the folder of shipped experts."""
    folder = workplace / "policies/experts"
    folder.mkdir(parents=True)
    path = fakes.pickle_file(folder / f"{TASK}.pkl", fakes.expert_content())
    evaluation = evaluate_expert(path, TASK, 20, num_workers=0)
    path.with_suffix(".json").write_text(json.dumps({"task": TASK, "evaluation": evaluation}))
    return path


def table(out: str) -> list[list[str]]:
    """The cells of the rows below the head, the interval in two."""
    return [line.replace("[", "").replace("]", "").replace(",", "").split() for line in out.splitlines()[1:]]


def test_shipped_experts_are_compared_with_their_cards(script: Script, expert: Path) -> None:
    (row,) = table(script("eval_expert").succeeded().out)
    card = json.loads(expert.with_suffix(".json").read_text())["evaluation"]
    names = ("mean", "std", "min", "max", "iqm", "iqm_95_low", "iqm_95_high", "ended_early", "mean")
    assert row == [TASK, *(str(card[name]) for name in names)]


def test_one_expert_with_a_number_of_episodes(script: Script, expert: Path, tmp_path: Path) -> None:
    other = fakes.pickle_file(tmp_path / f"{LONG_TASK}.pkl", fakes.expert_content(seed=1))
    (row,) = table(script("eval_expert", "-epf", other, "-n", 7).succeeded().out)
    assert (row[0], row[-1]) == (LONG_TASK, "none")
    assert row[1] == str(evaluate_expert(other, LONG_TASK, 7, num_workers=0)["mean"])


def test_a_card_counts_only_for_its_task(script: Script, expert: Path) -> None:
    rows = [table(script("eval_expert", "-epf", expert, "-env", task).succeeded().out)[0] for task in (TASK, LONG_TASK)]
    assert [(row[0], row[-1] == "none") for row in rows] == [(TASK, False), (LONG_TASK, True)]


def test_other_returns_than_on_the_card_are_an_error(script: Script, expert: Path) -> None:
    card = expert.with_suffix(".json")
    content = json.loads(card.read_text())
    content["evaluation"]["mean"] += 5 * content["evaluation"]["std"]
    card.write_text(json.dumps(content))
    outcome = script("eval_expert").refused("other returns than on the card", str(expert.relative_to(Path.cwd())))
    assert len(table(outcome.out)) == 1


def test_a_task_without_an_expert_is_refused(script: Script) -> None:
    script("eval_expert", "-env", TASK).refused("--env_name", "--expert_policy_file")
