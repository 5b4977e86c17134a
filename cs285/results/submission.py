"""The course's submit.zip: event files of the runs without images, the code, and a README with the commands."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from cs285.data.run_folders import RunFolder
from cs285.data.whole_files import read_whole, whole_file
from cs285.errors import InvalidInput
from cs285.results.series import Series

MAX_BYTES = 15 * 10**6  # the course's limit
README = """# CS285 homework 1: imitation learning

The runs in run_logs/ and the commands that repeat them. The commands need a checkout of the homework with its
scripts/, experts and expert data; this zip has the code in cs285/ only.

"""
HEADER_BYTES, FOOTER_BYTES = 12, 4  # of a record in an event file: length and its checksum; checksum of the content


def write_submission(runs: Sequence[RunFolder], code: Path, output: Path) -> int:
    """Write run_logs/, cs285/ and README.md into a zip.

    Args:
        runs: at least one of BC (q1_) and one of DAgger (q2_), with different names.
        code: the folder cs285.
        output: the zip, a new file of at most `MAX_BYTES`.

    Returns its size in bytes. Raises InvalidInput when one of these conditions is not met, or the zip can't be written.
    """
    names = [run.path.name for run in runs]
    for prefix, method in (("q1_", "behavioural cloning"), ("q2_", "DAgger (--do_dagger)")):
        if not any(name.startswith(prefix) for name in names):
            raise InvalidInput(f"no {prefix} run among {len(runs)} runs; a submission needs one of {method}")
    if len(set(names)) < len(names):
        raise InvalidInput(f"two run folders have the same name: {', '.join(sorted(str(run.path) for run in runs))}")
    if output.exists():
        raise InvalidInput(f"--output: {output} exists; it is not overwritten")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for run in runs:
            if not (paths := sorted(run.path.glob("events.out.tfevents.*"))):
                raise InvalidInput(f"{run.path} has no event file (events.out.tfevents.*)")
            for path in paths:
                archive.writestr(f"run_logs/{run.path.name}/{path.name}", remove_images(path))
        for path in sorted(code.rglob("*.py")):
            archive.write(path, f"cs285/{path.relative_to(code).as_posix()}")
        for script in sorted({Series([run]).script for run in runs} - {"scripts/run_hw1.py"}):
            if Path(script).name == script and Path(script).is_file():
                archive.write(script)
        commands = [f"{run.path.name}\n\n```bash\n{Series([run]).command()}\n```\n" for run in runs]
        archive.writestr("README.md", README + "\n".join(commands))
    if (size := zipped.tell()) > MAX_BYTES:
        raise InvalidInput(f"the zip of {len(runs)} runs has {size / 1e6:.2f} MB, more than the 15 allowed; use --runs")
    with whole_file(output) as file:
        file.write(zipped.getvalue())
    return size


def remove_images(path: Path) -> bytes:
    """Read an event file without records with images, and without an unfinished record at its end.

    Raises InvalidInput when it is not an event file.
    """
    events, kept, start = read_whole(path), [], 0
    while start + HEADER_BYTES <= len(events):
        (length,) = struct.unpack_from("<Q", events, start)
        end = start + HEADER_BYTES + length + FOOTER_BYTES
        if end > len(events):
            break
        try:
            event = Event.FromString(events[start + HEADER_BYTES : end - FOOTER_BYTES])
        except Exception as error:  # DecodeError of whichever protobuf implementation is installed
            raise InvalidInput(f"{path} is not an event file: {error}") from error
        if not any(value.HasField("image") for value in event.summary.value):
            kept.append(events[start:end])
        start = end
    return b"".join(kept)
