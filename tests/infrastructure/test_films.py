"""Videos are complete or absent, play in browsers, and show the same episodes as rollouts without videos."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v3 as iio
import numpy as np
import pytest
from imageio_ffmpeg import count_frames_and_secs

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.films import EXCERPT_SECONDS, excerpt, film, write_video
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.policies.numpy_policy import NumpyPolicy
from tests.fakes import AC_DIM, OB_DIM, POINT, PointEnv, expert_rule

HOPPER = "Hopper-v5"


def make_policy(ob_dim: int, ac_dim: int) -> NumpyPolicy:
    return NumpyPolicy([np.ones((ob_dim, ac_dim), np.float32)], [np.zeros(ac_dim, np.float32)], "tanh", discrete=False)


def write(path: Path, count: int, fps: float = 30.0, height: int = 48, width: int = 64) -> None:
    """Write a video of a growing bar."""
    with write_video(path, fps) as add:
        for n in range(count):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:, : (n + 1) * width // count] = (255, 128, 0)
            add(picture)
            assert not path.exists()


def test_a_video_has_every_frame_in_a_format_that_browsers_play(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", 25, 31.25, 45, 70)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    frames = iio.imread(tmp_path / "film.mp4", plugin="FFMPEG")
    assert frames.shape[:3] == (25, 46, 70)  # a row of pixels is added, because H.264 needs even sizes
    assert frames[-1][:45].mean(axis=(0, 1)) == pytest.approx((255, 128, 0), abs=12)
    meta = iio.immeta(tmp_path / "film.mp4", plugin="FFMPEG")
    assert (meta["codec"], meta["fps"]) == ("h264", pytest.approx(31.25, abs=0.01))
    assert meta["pix_fmt"].startswith("yuv420p")


def test_an_unfinished_video_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), write_video(tmp_path / "film.mp4", 30.0) as add:  # noqa: PT012
        add(np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")  # ffmpeg prints nothing


def test_an_excerpt_is_the_beginning_of_a_video(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", 2 * EXCERPT_SECONDS + 20, 2.0, 640, 640)
    (tmp_path / "short.mp4").write_bytes(excerpt(tmp_path / "film.mp4"))
    meta = iio.immeta(tmp_path / "short.mp4", plugin="FFMPEG")
    assert (meta["codec"], meta["size"]) == ("h264", (320, 320))
    assert meta["duration"] == pytest.approx(EXCERPT_SECONDS, abs=0.6)
    (tmp_path / "none.mp4").write_bytes(b"no video")
    with pytest.raises(InvalidInput, match=r"none\.mp4 can't be read as a video: "):
        excerpt(tmp_path / "none.mp4")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_film_shows_the_episodes_of_its_seeds(num_workers: int, tmp_path: Path) -> None:
    policy = make_policy(OB_DIM, AC_DIM)
    with RolloutWorkers(POINT, None, num_workers, films=True) as rollouts:
        paths = list(rollouts.episodes(policy, iter([3, 4])))
        rollouts.wait(rollouts.start_film(tmp_path / "film.mp4", policy, [3, 4]))
        with pytest.raises(InvalidInput, match="can't write"):
            rollouts.wait(rollouts.start_film(Path("/dev/null/film.mp4"), policy, [3]))
    frames = sum((len(path) + 1) // 2 for path in paths)  # a video shows every second frame of this task
    assert count_frames_and_secs(tmp_path / "film.mp4")[0] == frames


@pytest.mark.rendering
def test_a_worker_films_though_this_process_has_rendered(gl: None, tmp_path: Path) -> None:
    film(tmp_path / "here.mp4", HOPPER, make_policy(11, 3), [3, 4], ep_len=8)
    with RolloutWorkers(HOPPER, 8, 1, films=True) as workers:
        assert workers.can_render()
        workers.wait(workers.start_film(tmp_path / "there.mp4", make_policy(11, 3), [3, 4]))
    frames = [iio.imread(tmp_path / name, plugin="FFMPEG") for name in ("here.mp4", "there.mp4")]
    np.testing.assert_array_equal(*frames)


class ChangingFrames(PointEnv):
    """An environment whose frames have the type ``dtype``, and twice the height after the first step."""

    dtype: type = np.uint8

    def render(self) -> Any:
        return super().render().repeat(1 + (self.steps > 0), axis=0).astype(self.dtype)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dtype": float}, "a frame is of float64; it must be (height, width, 3) uint8"),
        ({"render": sys.exit}, "RuntimeError: it raised SystemExit"),
    ],
)
def test_frames_that_make_no_video_are_noticed_before_the_run(
    changes: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env_name = f"tests/{next(iter(changes))}-v0"
    gym.register(env_name, type("Wrong", (ChangingFrames,), changes), max_episode_steps=9)
    with RolloutWorkers(env_name, num_workers=0, films=True) as rollouts:
        assert not rollouts.can_render()
    assert capsys.readouterr().out.startswith(f"no videos: {reason}")


def test_a_run_without_its_videos_and_figure_is_complete(
    tiny: Config, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env_name = "tests/Changing-v0"
    gym.register(env_name, ChangingFrames, max_episode_steps=9)
    monkeypatch.setattr("cs285.infrastructure.learning_curve.save_figure", lambda *_: (tiny.logdir / "no").read_bytes())
    config = replace(tiny, env_name=env_name, video_log_freq=1, n_iter=2)
    rows = BC_Trainer(config, expert=expert_rule).run_training_loop()
    assert len(rows) == 2
    *films, figure = capfd.readouterr().err.splitlines()
    assert figure.startswith("no learning curve: FileNotFoundError")
    assert len(films) == 4
    for n, line in enumerate(films):
        name = ("train_rollouts", "eval_rollouts")[n % 2]
        assert re.match(rf"no video {name} of iteration {n // 2}: can't write .*: ValueError: All images in a", line)
