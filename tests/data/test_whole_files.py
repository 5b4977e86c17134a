"""Atomic writing, reading of regular files, and the check that a file can be written."""

from __future__ import annotations

import errno
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


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    with whole_file(tmp_path / "file") as file:
        file.write(b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_whole(tmp_path / "file") == b"content"
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path, "it is a directory"),
        (tmp_path / "pipe", "it is not a regular file"),
        (Path("/dev/zero"), "it is not a regular file"),
        (tmp_path / "none", "No such file"),
        (Path("a\0b"), "it is not a regular file"),
    ):
        with pytest.raises(InvalidInput, match=f"can't read .*: {why}"):
            read_whole(path)


def test_the_check_of_a_place_leaves_no_trace_and_names_a_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    for place in ("", "there", "there/not/yet", "neither/is/this"):
        check_writable(tmp_path / place)
    for place in ("there/file/far/below", "new/" + "x" * 300):
        with pytest.raises(InvalidInput, match=f"can't write {tmp_path / place}: "):
            check_writable(tmp_path / place)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there"]
