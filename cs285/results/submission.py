"""The zip that the course wants handed in: event files of the runs, the code, and a README with the commands."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from cs285.data.run_folders import RunFolder
from cs285.data.whole_files import whole_file
from cs285.errors import InvalidInput
from cs285.results.series import Series

LIMIT = 15 * 10**6  # bytes, the course's 15 MB
LENGTH_AND_ITS_CHECK, CONTENTS_CHECK = 12, 4  # bytes around each record of an event file


def write_submission(runs: Sequence[RunFolder], code: Path, output: Path, limit: int = LIMIT) -> int:
    """Write run_logs/, cs285/ and README.md into a zip.

    Args:
        runs: at least one of BC (q1_) and one of DAgger (q2_).
        code: the folder cs285.
        output: the zip, a new file.
        limit: its largest size in bytes.

    Returns:
        Its size in bytes.

    Raises:
        InvalidInput: when runs are missing, the zip would be too large, exists, or can't be written.
    """
    for prefix, method in (("q1_", "behavioural cloning"), ("q2_", "DAgger (--do_dagger)")):
        if not any(run.path.name.startswith(prefix) for run in runs):
            raise InvalidInput(f"no {prefix} run among {len(runs)} runs; a submission needs one of {method}")
    files = {name: content for run in runs for name, content in _event_files(run)}
    if len({run.path.name for run in runs}) < len(runs):
        raise InvalidInput(f"two run folders have the same name: {', '.join(sorted(str(run.path) for run in runs))}")
    for path in sorted(code.rglob("*.py")):
        files[f"cs285/{path.relative_to(code).as_posix()}"] = path.read_bytes()
    files["README.md"] = _readme(runs).encode()
    content, sizes = _zip(files)
    if len(content) > limit:
        raise InvalidInput(_what_to_drop(len(content), limit, sizes))
    if output.exists():
        raise InvalidInput(f"--output: {output} exists; it is not overwritten")
    with whole_file(output) as file:
        file.write(content)
    return len(content)


def without_pictures(events: bytes) -> bytes:
    """An event file without its pictures and clips; every other record stays as it is, to the bit.

    What follows the last whole record, of a run that is still going on, is left out.
    """
    return b"".join(record for record in _records(events) if not _has_picture(record))


def _records(events: bytes) -> Iterator[bytes]:
    start = 0
    while start + LENGTH_AND_ITS_CHECK <= len(events):
        (length,) = struct.unpack_from("<Q", events, start)
        end = start + LENGTH_AND_ITS_CHECK + length + CONTENTS_CHECK
        if end > len(events):
            return
        yield events[start:end]
        start = end


def _has_picture(record: bytes) -> bool:
    event = Event.FromString(record[LENGTH_AND_ITS_CHECK:-CONTENTS_CHECK])
    return any(value.HasField("image") for value in event.summary.value)


def _event_files(run: RunFolder) -> Iterator[tuple[str, bytes]]:
    found = sorted(run.path.glob("events.out.tfevents.*"))
    if not found:
        raise InvalidInput(f"{run.path} has no event file (events.out.tfevents.*)")
    for path in found:
        try:
            yield f"run_logs/{run.path.name}/{path.name}", without_pictures(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InvalidInput(f"can't read {path}: {error}") from error
        except Exception as error:  # the protobuf library's own
            raise InvalidInput(f"{path} is not an event file: {error}") from error


def _readme(runs: Sequence[RunFolder]) -> str:
    lines = [
        "# CS285 homework 1: imitation learning",
        "",
        "The runs in run_logs/, and the commands that give them. These run in a checkout of the homework, which has",
        "scripts/run_hw1.py and the experts and data that ship; this zip has the code alone.",
        "",
    ]
    for run in runs:
        lines += [f"{run.path.name}", "", "```bash", Series((run,)).command, "```", ""]
    return "\n".join(lines)


def _zip(files: dict[str, bytes]) -> tuple[bytes, dict[str, int]]:
    """The zip, and the size in it of each folder of run_logs/ and of the code."""
    written = io.BytesIO()
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        for info in archive.infolist():
            folder = "/".join(info.filename.split("/")[: 2 if info.filename.startswith("run_logs/") else 1])
            sizes[folder] = sizes.get(folder, 0) + info.compress_size
    return written.getvalue(), sizes


def _what_to_drop(size: int, limit: int, sizes: dict[str, int]) -> str:
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    listed = ", ".join(f"{name} ({_megabytes(one)})" for name, one in largest)
    return f"the zip would have {_megabytes(size)}, and {_megabytes(limit)} is the limit; drop some of {listed}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
