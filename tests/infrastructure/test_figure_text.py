"""Wrapped names keep every letter and are as narrow as asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cs285.infrastructure.figure_text import task_name, text_width, wrapped


@given(st.text("aBW_-/ =5", max_size=60), st.integers(20, 300))
def test_no_letter_is_lost_and_no_line_is_too_wide(text: str, points: int) -> None:
    lines = wrapped(text, points, "small").splitlines()
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line, "small") <= points for line in lines)


def test_names_break_at_their_joints() -> None:
    assert wrapped("one two", text_width("one two", 10), 10) == "one two"
    assert wrapped("one two/three", text_width("one two/", 10), 10) == "one two/\nthree"
    assert wrapped("one two", text_width("one t", 10), 10) == "one\ntwo"


def test_a_task_without_its_module() -> None:
    assert task_name("some.module:Space/Task-v1") == "Space/Task-v1"
    assert task_name("Hopper-v5") == "Hopper-v5"
