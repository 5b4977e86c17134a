"""How an expert's returns are summed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cs285.errors import InvalidInput
from tests.fakes import AC_DIM, OB_DIM, POINT, TIME_LIMIT, expert_content, pickle_file

pytest.importorskip("scipy", reason="cards of experts need scipy (the extra named experts)")

from cs285.infrastructure.expert_card import (
    evaluate_expert,
    interquartile_mean,
    iqm_interval,
    write_training_curve,
)


def test_the_interquartile_mean_is_of_the_middle_half() -> None:
    assert interquartile_mean([-1e9, 1, 2, 3, 4, 5, 6, 1e9]) == 3.5
    np.testing.assert_array_equal(interquartile_mean(np.array([[0.0, 1, 3, 100], [5, 5, 5, 5]]), axis=1), [2, 5])


def test_the_interval_covers_as_it_says() -> None:
    covered = 0
    for seed in range(20):
        low, high = iqm_interval(np.random.default_rng(seed).normal(3.0, 1.0, size=40))
        covered += low <= 3.0 <= high
        assert high - low < 1.2
    assert covered >= 16


def test_the_interval_of_equal_values_is_that_value_and_others_repeat() -> None:
    assert iqm_interval(np.full(5, 7.0)) == (7.0, 7.0)
    values = np.arange(10.0)
    assert iqm_interval(values) == iqm_interval(values)


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
    write_training_curve(tmp_path / "curve.png", "Hopper-v5", exploring, evaluations, 3000.0)
    assert Image.open(tmp_path / "curve.png").format == "PNG"
