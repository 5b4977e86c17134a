"""Files that appear whole or not at all, whatever ends the process or the machine meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cs285.errors import InvalidInput

UNFINISHED = ".unfinished"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name, and takes the place of the one that had it, once it is whole.

    It is on the disk by then, so that even a power cut leaves the one or the other.

    Raises:
        InvalidInput: when it can't be written; what was at ``path`` before still is.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder that can't be written.

    Raises:
        InvalidInput: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"can't write {path}: {error.strerror or error}") from error


def check_writable(folder: Path) -> None:
    """Find out whether files can be made in a folder; one that is not there yet is not there afterwards.

    Raises:
        InvalidInput: naming the folder.
    """
    with writing(folder):
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        finally:
            for place in missing:
                with suppress(OSError):
                    place.rmdir()


def sync_file(path: Path) -> None:
    """Wait until what was written into a file is on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had begun to write, in a folder and those in it."""
    for path in folder.rglob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)
