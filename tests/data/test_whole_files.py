"""Atomic writing, reading of regular files, and the check that a file can be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cs285.data.whole_files import check_writable, read_whole, whole_file
from cs285.errors import InvalidInput


def test_a_file_is_replaced_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"first", b"second"):
        with whole_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write({b"": b"third"}[b"missing"])
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_whole(tmp_path / "file") == b"content"
    os.mkfifo(tmp_path / "pipe")
    for name, why in ((".", "it is a directory"), ("pipe", "it is not a regular"), ("none", "No such file")):
        with pytest.raises(InvalidInput, match=f"can't read .*: {why}"):
            read_whole(tmp_path / name)


def test_the_check_of_a_place_leaves_no_trace_and_names_a_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("", "not/yet"):
        check_writable(tmp_path / place)
    for place in ("file/far/below", "new/" + "x" * 300):
        with pytest.raises(InvalidInput, match=f"can't write {tmp_path / place}: "):
            check_writable(tmp_path / place)
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]
