"""How an expert's returns are summed up."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cs285.errors import InvalidInput
from tests.fakes import AC_DIM, OB_DIM, POINT, TIME_LIMIT, expert_content, pickle_file

pytest.importorskip("scipy", reason="cards of experts need scipy (the extra named experts)")

from cs285.experts.card import evaluate_expert, write_training_curve


def test_an_experts_evaluation_repeats_and_is_consistent(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(OB_DIM, AC_DIM))
    result = evaluate_expert(path, POINT, 12)
    assert result == evaluate_expert(path, POINT, 12)
    assert result["episodes"] == 12
    assert result["min"] <= result["iqm_95_low"] <= result["iqm"] <= result["iqm_95_high"] <= result["max"]
    assert result["min"] < result["mean"] < result["max"]
    assert 0 < result["ended_early"] < 12  # the point lives 3 to 19 steps, the limit is 12
    assert TIME_LIMIT == 12


def test_an_expert_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(OB_DIM + 1, AC_DIM))
    with pytest.raises(InvalidInput, match="4 numbers"):
        evaluate_expert(path, POINT, 2)


@pytest.mark.parametrize("points", [0, 1, 2])
def test_the_training_curve_is_drawn(tmp_path: Path, points: int) -> None:
    exploring, evaluations = [(1000, -5.0), (2000, 10.0)][:points], [(1000, 5.0, 1.0), (2000, 20.0, 2.0)][:points]
    write_training_curve(tmp_path / "curve.png", "PPO on Hopper-v5", exploring, evaluations, 3000.0)
    assert Image.open(tmp_path / "curve.png").format == "PNG"
