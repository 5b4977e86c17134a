"""Videos of a policy's episodes, as MP4 files. A file appears under its final name only when it is complete."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import imageio.v2
import imageio_ffmpeg
import numpy as np

from cs285.data.trajectory import Array
from cs285.data.whole_files import open_regular, reading, whole_file
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput, describe
from cs285.infrastructure.utils import LocalRollouts, sample_n_trajectories
from cs285.policies.base_policy import BasePolicy

EXCERPT_SECONDS = 15  # duration of the excerpts in reports


def film(
    path: Path, env_name: str, policy: BasePolicy, seeds: Sequence[int], ep_len: int | None = None, **options: Any
) -> None:
    """Write one video with an episode for each seed; raise InvalidInput on failure. ``options`` are for `make_env`."""
    env, spec = make_env(env_name, ep_len, render=True, **options)
    try:
        with closing(env), write_video(path, spec.video_fps) as add:
            sample_n_trajectories(LocalRollouts(env, spec, on_frame=add), policy, len(seeds), iter(seeds))
    except NotImplementedError:  # raised by a blank of the homework
        raise
    except Exception as error:  # imageio and ffmpeg raise exceptions of several classes, with long texts
        raise InvalidInput(f"can't write {path}: {describe(error):.300}") from error


@contextmanager
def write_video(path: Path, fps: float) -> Iterator[Callable[[Array], None]]:
    """Context manager that writes an H.264 video; if the video is complete, the context's end moves it to ``path``.

    ``fps`` is the number of frames per second. Yields a function that adds a frame, (height, width, 3) uint8. When the
    video can't be written, InvalidInput or an exception of imageio is raised.
    """
    frames = 0

    def add(frame: Array) -> None:
        nonlocal frames
        if frame.dtype != np.uint8:  # imageio would scale the values of each frame
            raise InvalidInput(f"a frame is of {frame.dtype}; it must be (height, width, 3) uint8")
        writer.append_data(frame)
        frames += 1

    with tempfile.TemporaryDirectory() as folder:
        unfinished = Path(folder) / "video.mp4"
        options: Any = {"fps": fps, "macro_block_size": 2, "ffmpeg_log_level": "quiet"}
        writer: Any = imageio.v2.get_writer(unfinished, "FFMPEG", **options)
        with writer:
            yield add
        written, _ = imageio_ffmpeg.count_frames_and_secs(unfinished)
        if not 0 < frames == written:  # checked here, since ffmpeg does not report a full disk
            raise InvalidInput("ffmpeg wrote only a part of the video; the disk may be full")
        with whole_file(path) as file:
            file.write(unfinished.read_bytes())


def excerpt(path: Path) -> bytes:
    """The first `EXCERPT_SECONDS` of a video as a small MP4 file; raises InvalidInput if the file is no video."""
    with tempfile.TemporaryDirectory() as folder, reading(path, "a video"):
        open_regular(path).close()  # raises for a pipe, which may have no end
        short = Path(folder) / "excerpt.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-t", str(EXCERPT_SECONDS), "-i", str(path)]
        command += ["-vf", "scale='min(320,iw)':-2", "-pix_fmt", "yuv420p", str(short)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise InvalidInput(done.stderr.decode(errors="replace").partition("\n")[0])
        return short.read_bytes()
