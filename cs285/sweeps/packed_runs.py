"""Run folders on their way from the machine that made them to the one that keeps them."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import tempfile
from pathlib import Path

from cs285.errors import InvalidInput


def pack_runs(folder: Path, logdir: Path) -> bytes:
    """The run folders in ``folder`` as a tar file, their config.json with the folder they are going to."""
    for path in folder.glob("*/config.json"):
        content = json.loads(path.read_text())
        content["settings"]["logdir"] = str(logdir)
        path.write_text(json.dumps(content, indent=2) + "\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for run_dir in sorted(folder.iterdir()):
            tar.add(run_dir, run_dir.name)
    return packed.getvalue()


def unpack_runs(packed: bytes, logdir: Path) -> list[Path]:
    """Put packed run folders into ``logdir``: each is there whole or not at all, whatever happens meanwhile.

    Returns:
        Where they are; a number follows the name where it is taken.

    Raises:
        InvalidInput: when they can't be written.
    """
    try:
        logdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=logdir) as scratch:
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                tar.extractall(scratch, filter="data")
            return [_move(run_dir, logdir / run_dir.name) for run_dir in sorted(Path(scratch).iterdir())]
    except OSError as error:
        raise InvalidInput(f"can't write run folders into {logdir}: {error.strerror or error}") from error


def _move(run_dir: Path, wanted: Path) -> Path:
    names = itertools.chain([wanted.name], (f"{wanted.name}_{n}" for n in itertools.count(2)))
    free = next(place for place in map(wanted.with_name, names) if not place.exists())
    return run_dir.rename(free)
