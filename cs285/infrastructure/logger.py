"""What a run leaves in its folder: event files for TensorBoard, log.csv, config.json, videos."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import itertools
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboardX import SummaryWriter
from tensorboardX.proto.summary_pb2 import Summary

from cs285.errors import InvalidInput
from cs285.infrastructure.video import CLIP_FPS

PACKAGES = ("torch", "numpy", "gymnasium", "mujoco", "tensorboardX")


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
        run_dir: the folder; it exists and belongs to this run alone.
    """

    def __init__(self, run_dir: Path) -> None:
        """Start logging into ``run_dir``, an empty folder."""
        self.run_dir = run_dir
        self._writer = SummaryWriter(str(run_dir), flush_secs=1)
        self._csv = (run_dir / "log.csv").open("w", newline="")
        self._rows: csv.DictWriter[str] | None = None

    def log_config(self, settings: Mapping[str, Any]) -> None:
        """Write config.json: the settings, the command, versions, and the git commit if there is one."""
        content = {
            "settings": settings,
            "command": sys.argv,
            "versions": {
                "python": platform.python_version(),
                **{package: importlib.metadata.version(package) for package in PACKAGES},
            },
            "git_commit": _git_commit(),
        }
        (self.run_dir / "config.json").write_text(json.dumps(content, indent=2, default=str) + "\n")

    def log_scalars(self, scalars: Mapping[str, float], itr: int) -> None:
        """Write one row of scalars; each call has the same names."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._writer.file_writer.add_summary(Summary(value=values), itr)  # add_scalar writes Training_Loss
        if self._rows is None:
            self._rows = csv.DictWriter(self._csv, ["itr", *scalars])
            self._rows.writeheader()
        self._rows.writerow({"itr": itr, **scalars})
        self.flush()

    def video_path(self, name: str, itr: int) -> Path:
        """Where a video of an iteration belongs; its folder exists."""
        folder = self.run_dir / "videos"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}_itr_{itr}.mp4"

    def log_clip(self, name: str, clip: Sequence[Image.Image], itr: int) -> None:
        """Write the first few seconds of a video into TensorBoard's images tab."""
        self._writer.file_writer.add_summary(_animation(name, clip), itr)
        self.flush()

    def flush(self) -> None:
        """Bring everything onto the disk that was logged so far."""
        self._csv.flush()
        self._writer.flush()

    def close(self) -> None:
        """End the event file and the table."""
        self._csv.close()
        self._writer.close()


def _animation(name: str, pictures: Sequence[Image.Image]) -> Summary:
    """An animated picture for TensorBoard's images tab."""
    encoded = io.BytesIO()
    pictures[0].save(encoded, "GIF", save_all=True, append_images=pictures[1:], duration=1000 // CLIP_FPS, loop=0)
    width, height = pictures[0].size
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue())
    return Summary(value=[Summary.Value(tag=name, image=image)])


def _git_commit() -> str | None:
    """The commit of the project's checkout, with ``-dirty`` when files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
