"""Unwritable places and losses that are not finite are refused in one line, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest

from tests import fakes
from tests.scripts.conftest import PointFiles, Script, files_below, runs_below, small_run


@pytest.fixture
def file(workplace: Path) -> Path:
    """A file where a folder is needed; tests may run as root, who can write everywhere else."""
    path = workplace / "file"
    path.write_text("in the way")
    return path


def test_an_unwritable_run_folder(file: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
    for logdir in (file, file / "deeper"):
        refused(("can't write", str(logdir)), "run_hw1", *small_run(point_files, "--logdir", logdir))


def test_an_unwritable_video(file: Path, script: Script, workplace: Path, point_files: PointFiles) -> None:
    script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
    (run,) = runs_below(workplace / "data")
    before = files_below(workplace)
    script("eval_policy", "-p", run.folder / "policy_itr_0.pt", "--video", file / "film.mp4").refused(f"{file}/film")
    assert files_below(workplace) == before


def test_an_unwritable_place_is_found_before_the_environment_is_made(
    file: Path, refused: Callable[..., None], point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    monkeypatch.setattr(gym, "make", None)
    recording = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert)
    refused((f"can't write {file}/x.pkl",), *recording, "-o", file / "x.pkl")
    refused((f"{file} exists",), *recording, "-o", file)
    refused((f"can't write {file}/x.pkl",), "train_expert", "-env", fakes.POINT, "-o", file / "x.pkl")
    refused(("can't write file",), "train_expert", "-env", fakes.POINT, "-o", "x.pkl", "--checkpoints", "file")
