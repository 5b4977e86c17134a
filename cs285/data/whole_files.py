"""Files that appear whole or not at all, whatever ends the process or the machine meanwhile; and files read whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
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
    unfinished = path.with_name(_unfinished_name(path))
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


def _unfinished_name(path: Path) -> str:
    return f".{path.name}.{os.getpid()}{UNFINISHED}"


def check_writable(path: Path) -> None:
    """Find out before the work whether a file or folder can be made, or files in a folder that is there.

    What is there stays as it is.

    Raises:
        InvalidInput: when it can't.
    """
    absolute = path.absolute()
    folder = absolute if absolute.is_dir() else next(place for place in absolute.parents if place.exists())
    with writing(path):
        probe = folder / _unfinished_name(path)
        probe.touch()
        probe.unlink()


def check_regular(path: Path) -> None:
    """Refuse what is no file with an end.

    Raises:
        InvalidInput: when it is not there, or is a folder, a device or a pipe.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidInput(f"can't read {path}: it is {'a directory' if path.is_dir() else 'not a regular file'}")
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error


def read_whole(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InvalidInput: when it can't be read, or has no end.
    """
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error


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
