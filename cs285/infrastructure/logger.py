"""What a run leaves in its folder: event files for TensorBoard, log.csv, config.json, videos."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from PIL import Image
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from cs285.data.checkpoint import LogState
from cs285.data.provenance import digest, git_commit, versions
from cs285.data.run_folders import read_content
from cs285.data.whole_files import whole_file, writing
from cs285.errors import InvalidInput
from cs285.infrastructure.video import CLIP_FPS

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TABLE, CONFIG, EVENTS = "log.csv", "config.json", "events.out.tfevents.*"


def make_run_dir(logdir: Path, run_name: str) -> Path:
    """Make a new folder ``<run_name>_<dd-mm-YYYY_HH-MM-SS>``; a number follows where that is taken.

    Raises:
        InvalidInput: when it can't be made.
    """
    stamp = time.strftime("%d-%m-%Y_%H-%M-%S")
    for suffix in itertools.chain([""], (f"_{n}" for n in itertools.count(2))):
        run_dir = logdir / f"{run_name}_{stamp}{suffix}"
        try:
            run_dir.mkdir(parents=True)
        except FileExistsError:
            if not run_dir.is_dir():
                raise InvalidInput(f"can't make the run folder {run_dir}: a file is in its way") from None
        except OSError as error:
            raise InvalidInput(f"can't make the run folder {run_dir}: {error.strerror or error}") from error
        else:
            return run_dir
    raise AssertionError("unreachable: the suffixes are endless")


class Logger:
    """Writes everything about one run into one folder.

    Attributes:
        run_dir: the folder; it belongs to this run alone, which one process writes at a time.
        rows: the scalars of each iteration logged, in log.csv's order.
    """

    def __init__(self, run_dir: Path, state: LogState | None = None) -> None:
        """Start logging, or go on.

        Args:
            run_dir: an empty folder, or one that a stopped run wrote.
            state: None for an empty folder; else what `state` gave once: what was logged since is removed.

        Raises:
            InvalidInput: when the folder can't be written, another process is writing it, or its files are not
                those; they are left as they were.
        """
        self.run_dir = run_dir
        with writing(run_dir / TABLE):
            self._csv = (run_dir / TABLE).open("w+" if state is None else "r+", newline="")
        with writing(run_dir):
            lock(self._csv, run_dir)
            if state is not None:
                _check_logs(run_dir, state)
                _cut_back(run_dir, state)
            self.rows = _read_rows(self._csv, run_dir / TABLE)
            sessions = len(list(run_dir.glob(EVENTS)))
            self._events = EventsWriter(str(run_dir / "events"), f".{sessions}" if sessions else "")

    def log_config(self, settings: Mapping[str, Any], inputs: Mapping[str, str] | None = None) -> None:
        """Write config.json: the settings, the command, versions, and the git commit if there is one.

        When a run goes on, what it said of the sessions before is kept as ``earlier``.

        Args:
            settings: of the run.
            inputs: SHA-256 of the files that it reads, by setting.

        Raises:
            InvalidInput: when it can't be written.
        """
        content: dict[str, Any] = {
            "settings": settings,
            "inputs": inputs or {},
            "command": sys.argv,
            "versions": versions(),
            "git_commit": git_commit(),
        }
        path = self.run_dir / CONFIG
        if path.exists():
            before = read_content(path)
            earlier = {name: before.get(name) for name in ("command", "versions", "git_commit")}
            content["earlier"] = [*before["earlier"], earlier]
        with whole_file(path) as file:
            file.write(json.dumps(content, indent=2, default=str).encode() + b"\n")

    def log_scalars(self, scalars: Mapping[str, float], itr: int) -> None:
        """Write one row of scalars; each call has the same names.

        Raises:
            InvalidInput: when it can't be written.
        """
        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        with writing(self.run_dir):
            rows = csv.DictWriter(self._csv, ["itr", *scalars])
            if not self.rows:
                rows.writeheader()
            rows.writerow({"itr": itr, **scalars})
            self._csv.flush()
            self._log_event(Summary(value=values), itr)  # SummaryWriter.add_scalar writes Training_Loss
        self.rows.append(dict(scalars))

    def video_path(self, name: str, itr: int) -> Path:
        """Where a video of an iteration belongs; its folder exists."""
        folder = self.run_dir / "videos"
        with writing(folder):
            folder.mkdir(exist_ok=True)
        return folder / f"{name}_itr_{itr}.mp4"

    def log_clip(self, name: str, clip: Sequence[Image.Image], itr: int) -> None:
        """Write the first few seconds of a video into TensorBoard's images tab.

        Raises:
            InvalidInput: when it can't be written.
        """
        with writing(self.run_dir):
            self._log_event(_animation(name, clip), itr)

    def _log_event(self, summary: Summary, itr: int) -> None:
        self._events.write_event(Event(wall_time=time.time(), step=itr, summary=summary))
        self._events.flush()

    def state(self) -> LogState:
        """Where log.csv and the event files stand, once they are on the disk as they are now.

        Raises:
            InvalidInput: when they can't be written.
        """
        files = [self.run_dir / TABLE, *self.run_dir.glob(EVENTS)]
        with writing(self.run_dir):
            for path in files:
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            return LogState({path.name: path.stat().st_size for path in files}, digest(files[0]))

    def close(self) -> None:
        """End the event file and the table; every row is in them already."""
        with contextlib.suppress(OSError):  # a disk that is full has been told of
            self._csv.close()
            self._events.close()


def lock(file: TextIO, run_dir: Path) -> None:
    """Keep other processes from writing a run as long as this one has the file open.

    Raises:
        InvalidInput: when another has it.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InvalidInput(f"{run_dir} is being written by another process: that run has not ended") from None
    except OSError:
        pass  # a file system without locks


def _check_logs(run_dir: Path, state: LogState) -> None:
    """Refuse logs that don't begin with what was logged by then."""
    for name, size in {TABLE: 0, **state.sizes}.items():
        path = run_dir / name
        if Path(name).name != name or not path.is_file():
            raise InvalidInput(f"{path} is missing, but the run's last checkpoint was written with it")
        if size > path.stat().st_size:
            raise InvalidInput(f"{path} is shorter than when its run's last checkpoint was written")
    if sha256((run_dir / TABLE).read_bytes()[: state.sizes.get(TABLE, 0)]).hexdigest() != state.table:
        raise InvalidInput(
            f"{run_dir / TABLE} is not what the run's last checkpoint was written with: "
            "it was changed, or the checkpoint is another run's"
        )


def _cut_back(run_dir: Path, state: LogState) -> None:
    """Remove what was logged since; an event file begun since stays under a name that TensorBoard ignores."""
    for name, size in state.sizes.items():
        os.truncate(run_dir / name, size)
    for path in run_dir.glob(EVENTS):
        if path.name not in state.sizes:
            path.rename(path.with_name(path.name.replace("tfevents", "superseded")))


def _read_rows(file: TextIO, path: Path) -> list[dict[str, float]]:
    """The rows of a table, without their iterations; the file is then at its end."""
    try:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        file.seek(0, os.SEEK_END)
        return [{name: value for name, value in row.items() if name != "itr"} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise InvalidInput(f"{path} is not the table of a run: {error}") from error


def _animation(name: str, pictures: Sequence[Image.Image]) -> Summary:
    """An animated picture for TensorBoard's images tab."""
    encoded = io.BytesIO()
    pictures[0].save(encoded, "GIF", save_all=True, append_images=pictures[1:], duration=1000 // CLIP_FPS, loop=0)
    width, height = pictures[0].size
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue())
    return Summary(value=[Summary.Value(tag=name, image=image)])
