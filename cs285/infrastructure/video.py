"""Video files that are written frame by frame."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import imageio
import imageio_ffmpeg
from PIL import Image

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput

CLIP_FRAMES = 40
CLIP_SIZE = (160, 160)
CLIP_FPS = 10
EXCERPT_SECONDS = 15


class VideoWriter:
    """An H.264 file that grows frame by frame, so that a video is never whole in memory.

    Used as a context manager; the file appears under its name when it is whole.

    Attributes:
        clip: small pictures of the first few seconds, `CLIP_FPS` a second.
    """

    def __init__(self, path: Path, fps: float) -> None:
        """Begin a video of ``fps`` frames a second that will be at ``path``, an MP4."""
        self.clip: list[Image.Image] = []
        self._path, self._unfinished = path, path.with_name(f".{path.name}")
        self._file = imageio.get_writer(
            self._unfinished, fps=fps, codec="libx264", macro_block_size=2, ffmpeg_log_level="quiet"
        )
        self._clip_stride = max(1, round(fps / CLIP_FPS))
        self._frames = 0

    def add(self, frame: Array) -> None:
        """Append a frame, (height, width, 3) uint8.

        Raises:
            InvalidInput: when it can't be written.
        """
        try:
            self._file.append_data(frame)
        except OSError as error:  # of imageio: a page about ffmpeg's command line
            raise InvalidInput(f"can't write {self._path}: ffmpeg gave up") from error
        if self._frames % self._clip_stride == 0 and len(self.clip) < CLIP_FRAMES:
            picture = Image.fromarray(frame)
            picture.thumbnail(CLIP_SIZE)
            self.clip.append(picture)
        self._frames += 1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if error is None and _is_whole(self._unfinished):
            os.replace(self._unfinished, self._path)
            return
        self._unfinished.unlink(missing_ok=True)
        if error is None:
            raise InvalidInput(f"can't write {self._path}: the disk took a part of it only")


def _is_whole(path: Path) -> bool:
    """Whether an MP4 file has all its parts; ffmpeg ends without a word where a disk is full."""
    kinds, position = set(), 0
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:  # the smallest part, ``free``, has no more
            length, kind = struct.unpack(">I4s", head)
            kinds.add(kind)
            position += int.from_bytes(file.read(8), "big") if length == 1 else max(length, 8)
            file.seek(position)
    return position == path.stat().st_size and b"moov" in kinds


def excerpt(path: Path) -> bytes:
    """The first seconds of a video, small, as an MP4 for a page that holds several.

    Raises:
        InvalidInput: when the file can't be read as a video.
    """
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "excerpt.mp4"
        cut = ["-t", str(EXCERPT_SECONDS), "-vf", "scale='min(320,iw)':-2", "-an", "-c:v", "libx264", "-crf", "30"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), *cut, "-pix_fmt", "yuv420p"]
        done = subprocess.run(
            [*command, "-movflags", "+faststart", str(small)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise InvalidInput(f"can't read the video {path}: {done.stderr.decode(errors='replace')[-200:]}")
        return small.read_bytes()
