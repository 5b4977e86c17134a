"""Whether files can be written somewhere is found out without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs285.data.whole_files import check_writable
from cs285.errors import InvalidInput


@pytest.mark.parametrize("place", ["", "there", "there/not/yet", "neither/is/this"])
def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path, place: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    check_writable(tmp_path / place)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there"]


def test_a_place_that_cannot_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in ("file/below", "file/far/below"):
        with pytest.raises(InvalidInput, match=f"can't write {tmp_path / place}: "):
            check_writable(tmp_path / place)
    with pytest.raises(InvalidInput, match="too long"):
        check_writable(tmp_path / "new" / ("x" * 300))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
