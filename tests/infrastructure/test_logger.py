"""What a run leaves on disk: folders of its own, tables, events and videos that are whole or not there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from cs285.errors import InvalidInput
from cs285.infrastructure.logger import Logger, make_run_dir
from cs285.infrastructure.video import EXCERPT_SECONDS, VideoWriter, excerpt
from tests.fakes import read_events


def frames(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Pictures of a bar that grows: each differs from the next."""
    pictures = [np.zeros((height, width, 3), np.uint8) for _ in range(count)]
    for n, picture in enumerate(pictures):
        picture[:, : 1 + n * width // count] = (255, 128, 0)
    return pictures


def test_run_folders_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "31-12-2026_23-59-59")  # all in one second
    folders = [make_run_dir(tmp_path / "data", "q1_x") for _ in range(4)]
    assert len(set(folders)) == 4
    assert folders[0].name == "q1_x_31-12-2026_23-59-59"
    assert all(folder.is_dir() and folder.name.startswith(folders[0].name) for folder in folders)


def test_a_run_folder_has_the_assignments_name(tmp_path: Path) -> None:
    assert make_run_dir(tmp_path, "q2_dagger_Ant-v4").match("q2_dagger_Ant-v4_[0-3][0-9]-[01][0-9]-20[0-9][0-9]_[0-2]*")


def test_a_run_folder_that_cannot_be_made_is_invalid_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="can't make the run folder"):
        make_run_dir(tmp_path / "file", "q1_x")
    monkeypatch.setattr("time.strftime", lambda form: "now")
    (tmp_path / "q1_x_now").touch()
    with pytest.raises(InvalidInput, match=r"q1_x_now: a file is in its way"):
        make_run_dir(tmp_path, "q1_x")


def test_the_event_file_and_the_table_say_the_same(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    rows = {
        0: {"Eval_AverageReturn": 1.5, "Training Loss": 0.1},
        2: {"Eval_AverageReturn": -1e6, "Training Loss": 1e-9},
    }
    for itr, scalars in rows.items():
        logger.log_scalars(scalars, itr)
        with (tmp_path / "log.csv").open(newline="") as file:  # readable after every row
            assert int(list(csv.DictReader(file))[-1]["itr"]) == itr
    logger.close()
    with (tmp_path / "log.csv").open(newline="") as file:
        table = {int(row.pop("itr")): {name: float(x) for name, x in row.items()} for row in csv.DictReader(file)}
    assert table == rows
    events: dict[int, dict[str, float]] = {}
    for event in read_events(tmp_path):
        for value in event.summary.value:
            events.setdefault(event.step, {})[value.tag] = value.simple_value
    assert {step: set(scalars) for step, scalars in events.items()} == {step: set(row) for step, row in rows.items()}
    for step, row in rows.items():
        assert events[step] == pytest.approx(row, rel=1e-6)


def test_config_json_keeps_the_settings_and_what_produced_them(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    logger.log_config({"seed": 1, "expert_data": Path("a/b.pkl"), "ep_len": None}, {"expert_data": "12ab"})
    logger.close()
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["settings"] == {"seed": 1, "expert_data": "a/b.pkl", "ep_len": None}
    assert content["inputs"] == {"expert_data": "12ab"}
    assert content["versions"]["numpy"] == np.__version__
    assert isinstance(content["command"], list)
    assert "git_commit" in content


@pytest.mark.parametrize(("count", "fps", "shape"), [(1, 30.0, (48, 64)), (25, 31.25, (48, 64)), (90, 30.0, (45, 70))])
def test_a_video_is_a_whole_h264_file(tmp_path: Path, count: int, fps: float, shape: tuple[int, int]) -> None:
    logger = Logger(tmp_path)
    with VideoWriter(logger.video_path("eval_rollouts", 3), fps) as video:
        for frame in frames(count, *shape):
            video.add(frame)
        assert not (tmp_path / "videos" / "eval_rollouts_itr_3.mp4").exists()
    logger.close()
    path = tmp_path / "videos" / "eval_rollouts_itr_3.mp4"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    read = iio.imread(path, plugin="FFMPEG")
    assert read.shape[:3] == (count, shape[0] + shape[0] % 2, shape[1] + shape[1] % 2)  # H.264 needs even sizes
    meta = iio.immeta(path, plugin="FFMPEG")
    assert meta["codec"] == "h264"
    assert meta["pix_fmt"].startswith("yuv420p")  # what browsers play
    assert meta["fps"] == pytest.approx(fps, abs=0.01)
    assert imageio_ffmpeg.count_frames_and_secs(str(path))[1] == pytest.approx(count / fps, abs=0.05)
    sent = frames(count, *shape)[-1]
    assert np.abs(read[-1][: shape[0], : shape[1]].astype(int) - sent).mean() < 20


def test_tensorboard_gets_a_short_moving_clip(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    with VideoWriter(logger.video_path("train_rollouts", 1), 30.0) as video:
        for frame in frames(200, 320, 320):
            video.add(frame)
    logger.log_clip("train_rollouts", video.clip, 1)
    logger.close()
    (event,) = [event for event in read_events(tmp_path) if event.summary.value]
    (value,) = event.summary.value
    (tmp_path / "clip.gif").write_bytes(value.image.encoded_image_string)
    clip = Image.open(tmp_path / "clip.gif")
    assert (value.tag, event.step) == ("train_rollouts", 1)
    assert 1 < clip.n_frames <= 40
    assert clip.size == (value.image.width, value.image.height)
    assert len(value.image.encoded_image_string) < 500_000


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("count", [0, 7])
def test_an_unfinished_video_leaves_nothing(tmp_path: Path, error: type[BaseException], count: int) -> None:
    logger = Logger(tmp_path)
    with pytest.raises(error), VideoWriter(logger.video_path("eval_rollouts", 0), 30.0) as video:  # noqa: PT012
        for frame in frames(count):
            video.add(frame)
        raise error
    logger.close()
    assert list((tmp_path / "videos").iterdir()) == []


def test_an_excerpt_is_the_beginning_of_a_video(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "film.mp4", 2.0) as video:
        for frame in frames(2 * EXCERPT_SECONDS + 20, 640, 640):
            video.add(frame)
    (tmp_path / "short.mp4").write_bytes(excerpt(tmp_path / "film.mp4"))
    meta = iio.immeta(tmp_path / "short.mp4", plugin="FFMPEG")
    assert (meta["codec"], meta["size"]) == ("h264", (320, 320))
    assert meta["duration"] == pytest.approx(EXCERPT_SECONDS, abs=0.6)
    (tmp_path / "none.mp4").write_bytes(b"no video")
    with pytest.raises(InvalidInput, match=r"can't read the video .*none\.mp4"):
        excerpt(tmp_path / "none.mp4")
