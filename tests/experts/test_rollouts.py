"""Evaluation and recording of experts, their sharpness, and their cards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.data.expert_data import load_expert_data
from cs285.errors import InvalidInput
from cs285.experts.rollouts import evaluate_expert, read_card, record_missing, sharpness
from cs285.policies.external_policy import as_policy
from tests import fakes


def test_an_evaluation_repeats_and_is_consistent(tmp_path: Path) -> None:
    path = fakes.pickle_file(tmp_path / "x.pkl", fakes.expert_content())
    result = evaluate_expert(path, fakes.POINT, 12)
    assert result == evaluate_expert(path, fakes.POINT, 12, num_workers=0)
    assert result["episodes"] == 12
    assert result["min"] <= result["iqm_95_low"] <= result["iqm"] <= result["iqm_95_high"] <= result["max"]
    assert result["min"] < result["mean"] < result["max"]
    assert 0 < result["ended_early"] < 12  # the point's episodes have 3 to 19 steps, the time limit is 12
    assert 0 < result["sharpness"] < 2


def test_demonstrations_that_exist_are_not_recorded_again(tmp_path: Path) -> None:
    for episodes in (1, 2):
        record_missing(tmp_path / "new/data.pkl", "CartPole-v1", episodes)
        assert len(load_expert_data(tmp_path / "new/data.pkl")) == 1


def test_the_sharpness_is_1_for_a_linear_policy_and_larger_for_one_that_changes_quickly() -> None:
    observations = np.random.default_rng(1).normal(5, 3, (2000, 2))

    def measured(function: Callable[[Any], Any]) -> float:
        return sharpness(as_policy(function), observations)

    assert measured(lambda obs: 7 * obs + 1) == pytest.approx(1, rel=0.05)
    assert measured(np.sin) > 2


EVALUATION = '{"evaluation": {"mean": %s, "std": %s, "episodes": %s}}'


def test_a_card_is_read_and_something_else_refused(tmp_path: Path) -> None:
    path, card = tmp_path / "x.pkl", tmp_path / "x.json"
    assert read_card(path) == {}
    card.write_text(EVALUATION % (1, 2.5, 3), encoding="utf-8")
    assert read_card(path) == {"evaluation": {"mean": 1, "std": 2.5, "episodes": 3}}
    for wrong in ("", "[]", "[" * 200_000, '{"evaluation": {"mean": 1}}', EVALUATION % ("NaN", 1, 2)):
        card.write_text(wrong, encoding="utf-8")
        with pytest.raises(InvalidInput, match=r"x\.json can't be read as an expert's card"):
            read_card(path)
