"""Video files that are written frame by frame."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import imageio
from PIL import Image

from cs285.infrastructure.trajectory import Array

CLIP_FRAMES = 40
CLIP_SIZE = (160, 160)
CLIP_FPS = 10


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
        self._file = imageio.get_writer(self._unfinished, fps=fps, codec="libx264", macro_block_size=2)
        self._clip_stride = max(1, round(fps / CLIP_FPS))
        self._frames = 0

    def add(self, frame: Array) -> None:
        """Append a frame, (height, width, 3) uint8."""
        self._file.append_data(frame)
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
        if error is None:
            os.replace(self._unfinished, self._path)
        else:
            self._unfinished.unlink(missing_ok=True)
