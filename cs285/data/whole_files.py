"""Atomic writing of files, and reading, digests and kinds of regular files; errors become InvalidInput."""

import hashlib
import os
import pickle
import re
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, BinaryIO

from cs285.errors import InvalidInput

BUDGET = 16  # the unpacked parts of a compressed file may take this many times the file's size, plus 64 MiB
FOLDER, PICKLE, NPZ = "a folder", "a pickle", "a numpy archive"
SB3_ZIP, TORCH_FILE = "a zip of stable-baselines3", "a torch checkpoint"
# Kinds of files that can't be read: a regular expression for the first bytes, and the kind's description for messages.
BEGINNINGS = {
    rb"\x1f\x8b|BZh|\xfd7zXZ": "compressed by gzip, bzip2 or xz; unpack it first",
    rb"\x89HDF": "HDF5 (a Minari data set is given as minari:<id or folder>)",
    rb"version https://git-lfs": "a Git LFS pointer, not the file itself; run git lfs pull",
    rb"\x93NUMPY": "a single numpy array (.npy)",
    rb"\s*<(!doctype|html|\?xml)": "a web page, not the file that it links to",
}


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
            for _ in range(20 if sys.platform == "win32" else 0):  # another program may have the file open for a moment
                with suppress(PermissionError):
                    os.replace(unfinished, path)
                    return
                time.sleep(0.05)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def write_pickle(content: Any, path: Path) -> None:
    """Write arrays and containers as a pickle that every Python 3 and numpy reads; raise InvalidInput if that fails."""
    module, old = b"cnumpy._core.multiarray\n_reconstruct", b"cnumpy.core.multiarray\n_reconstruct"
    with whole_file(path) as file:  # numpy 1 has no numpy._core; a pickle names it once, before the first array
        file.write(pickle.dumps(content, protocol=3).replace(module, old, 1))


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
        has_reason = isinstance(error, InvalidInput | ValueError)
        why = " ".join(f"{'' if has_reason else f'it may be damaged, {type(error).__name__}: '}{error}".split())
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


def digest(path: Path) -> str:
    """SHA-256, as hexadecimal text, of a file, or of the names and contents of the files in a Minari data set."""
    total = hashlib.sha256()
    if (path / "metadata.json").is_file():
        parts = (part for part in sorted(path.rglob("*")) if part.is_file())
        total.update("".join(f"{part.relative_to(path)} {digest(part)}\n" for part in parts).encode())
        return total.hexdigest()
    with open_regular(path) as file, writing(path, verb="read"):
        while block := file.read(2**20):
            total.update(block)
    return total.hexdigest()


def kind_of(path: Path) -> str:
    """Return `FOLDER`, `PICKLE`, `NPZ`, `SB3_ZIP` or `TORCH_FILE`, or a text that describes another kind in a message.

    A file that is of no known kind counts as a pickle. Raises InvalidInput when the file can't be read.
    """
    if path.is_dir():
        return FOLDER
    with open_regular(path) as file:
        start = file.read(1024)
    for beginning, kind in BEGINNINGS.items():
        if re.match(beginning, start, re.DOTALL | re.IGNORECASE):
            return kind
    if not start.startswith(b"PK"):
        return PICKLE if start else "empty"
    with reading(path, "a zip"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if {"data", "policy.pth"} <= set(names):
        return SB3_ZIP
    if any(name.endswith("data.pkl") for name in names):
        return TORCH_FILE
    return NPZ if names and all(name.endswith(".npy") for name in names) else "a zip of other files"
