"""Atomic writing of files, and reading of regular files; errors become InvalidInput with the file's name."""

import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import BinaryIO

from cs285.errors import InvalidInput

BUDGET = 16  # the unpacked parts of a compressed file may take this many times the file's size, plus 64 MiB


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces ``path`` once it is complete and on the disk; raise InvalidInput if that fails."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.unlink(missing_ok=True)
            with unfinished.open("xb") as file:  # mode "x" creates the file, and does not follow a link
                yield file
                file.flush()
                os.fsync(file.fileno())
            replace_file(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        with suppress(OSError):  # Windows and some file systems can't sync the names in a folder
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Make a folder that becomes ``path``, a new or empty one, when the block ends; raise InvalidInput on failure."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as scratch:
            unfinished = Path(scratch) / path.name
            unfinished.mkdir()
            yield unfinished
            if path.exists():
                path.rmdir()
            unfinished.rename(path)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder; ``contents`` has the bytes of each file by its relative path. Raises OSError."""
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def replace_file(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``; on Windows, retry for a second, since another program may have a file open."""
    for _ in range(20 if sys.platform == "win32" else 0):
        with suppress(PermissionError):
            return os.replace(source, target)
        time.sleep(0.05)
    return os.replace(source, target)


@contextmanager
def writing(path: Path, verb: str = "write") -> Iterator[None]:
    """Convert OSError, and UnicodeEncodeError due to the path, to InvalidInput "can't <verb> <path>: <why>"."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        raise InvalidInput(f"can't {verb} {path}: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def reading(path: object, kind: str, advice: str = "") -> Iterator[None]:
    """Convert an exception of any type to InvalidInput "<path> can't be read as <kind>: <why><advice>"."""
    try:
        yield
    except Exception as error:  # a damaged file can raise nearly any type
        damaged = (
            "" if isinstance(error, (InvalidInput, ValueError)) else f"it may be damaged, {type(error).__name__}: "
        )
        why = " ".join(f"{damaged}{error}".split())
        raise InvalidInput(f"{path} can't be read as {kind}: {why:.300}{advice}") from error


def check_writable(path: Path) -> None:
    """Raise InvalidInput unless ``path``, or a file in it if it is a folder, can be created; leave nothing behind."""
    folder = path if path.is_dir() else next(parent for parent in path.absolute().parents if parent.exists())
    with writing(path), NamedTemporaryFile(dir=folder, prefix=f".{path.name}."):
        pass


def check_new(output: Path) -> None:
    """Raise InvalidInput if ``output``, the value of --output, exists or can't be written; leave nothing behind."""
    if output.exists():
        raise InvalidInput(f"--output: {output} exists; it is not overwritten")
    check_writable(output)


def read_whole(path: Path, most: float = float("inf")) -> bytes:
    """Read a regular file of at most ``most`` bytes; raise InvalidInput if it is larger or not regular."""
    with open_regular(path) as file, writing(path, verb="read"):
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise InvalidInput(f"can't read {path}: it has {size} bytes, and at most {most} are allowed")
        return file.read()


def check_budget(path: Path, sizes: Iterable[int]) -> None:
    """Raise InvalidInput if the unpacked parts of a compressed file, with ``sizes`` in bytes, exceed `BUDGET`."""
    if sum(sizes) > BUDGET * path.stat().st_size + 2**26:
        raise InvalidInput("its content would take far more memory than the file has bytes")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; raise InvalidInput for anything else, such as a pipe, which may have no end."""
    with writing(path, verb="read"):
        if "\0" in str(path) or (path.exists() and not path.is_file()):
            raise InvalidInput(f"can't read {path}: it is {'a directory' if path.is_dir() else 'not a regular file'}")
        return path.open("rb")


def check_no_links(folder: Path) -> None:
    """Raise InvalidInput if there is a link or a special file below a folder whose files will be changed."""
    with writing(folder, verb="read"):
        for path in folder.rglob("*"):
            kind = path.lstat()
            # Hard links of other files do no harm, since only log.csv is changed in place.
            linked = path.name == "log.csv" and kind.st_nlink > 1
            if linked or not (stat.S_ISDIR(kind.st_mode) or stat.S_ISREG(kind.st_mode)):
                raise InvalidInput(f"{path} is a link, or no regular file; --resume allows neither")
