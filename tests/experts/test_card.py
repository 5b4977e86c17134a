"""Statistics and cards of expert files."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs285.errors import InvalidInput
from tests.fakes import AC_DIM, OB_DIM, POINT, TIME_LIMIT, expert_content, pickle_file

pytest.importorskip("scipy", reason="scipy, of the extra `experts`, is missing")

from cs285.experts.card import evaluate_expert, read_card


def test_an_evaluation_repeats_and_is_consistent(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(OB_DIM, AC_DIM))
    result = evaluate_expert(path, POINT, 12)
    assert result == evaluate_expert(path, POINT, 12, num_workers=0)
    assert result["episodes"] == 12
    assert result["min"] <= result["iqm_95_low"] <= result["iqm"] <= result["iqm_95_high"] <= result["max"]
    assert result["min"] < result["mean"] < result["max"]
    assert 0 < result["ended_early"] < 12  # the point lives 3 to 19 steps, the limit is 12
    assert TIME_LIMIT == 12


def test_an_expert_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(OB_DIM + 1, AC_DIM))
    with pytest.raises(InvalidInput, match="4 numbers"):
        evaluate_expert(path, POINT, 2)


EVALUATION = '{"evaluation": {"mean": %s, "std": %s, "episodes": %s}}'


def test_a_card_is_read(tmp_path: Path) -> None:
    assert read_card(tmp_path / "x.pkl") == {}
    (tmp_path / "x.json").write_text(EVALUATION % (1, 2.5, 3))
    assert read_card(tmp_path / "x.pkl") == {"evaluation": {"mean": 1, "std": 2.5, "episodes": 3}}


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "3", "{}", "[" * 200_000, '{"evaluation": []}', '{"evaluation": {"mean": 1}}'),
        *(EVALUATION % values for values in (("NaN", 1, 2), ("null", 1, 2), (1, '"a"', 2), (1, 1, 2.5), (1, 1, 1))),
    ],
)
def test_something_else_than_a_card_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"x\.json is not an expert's card"):
        read_card(tmp_path / "x.pkl")
