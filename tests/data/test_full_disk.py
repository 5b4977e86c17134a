"""A run on a full disk: it ends with one line, keeps its complete files, and resumes once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints
from cs285.data.run_folders import read_config, read_run
from tests.data.stopped_runs import assert_same, ended, outcome, run_dirs, train
from tests.fakes import expert_content, pickle_file

PAGE = 4096
ROOM = range(1, 60, 1 if os.environ.get("CS285_EVERY_PAGE") else 15)  # in pages; the whole run takes about 50


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function of a number of pages: it gives one file system that size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(pages: int) -> Path:
        options = f"size={pages * PAGE}" if not os.path.ismount(folder) else f"remount,size={pages * PAGE}"
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"a small file system can't be mounted here: {made.stderr.strip()}")
        return folder

    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("a small file system can be mounted by root only")
    yield resize
    subprocess.run(["umount", folder], check=False)


@pytest.fixture
def job(tiny: Config, tmp_path: Path) -> Config:
    """A DAgger run with an expert from a file, parameters and a video."""
    expert = pickle_file(tmp_path / "expert.pkl", expert_content())
    return replace(tiny, expert_policy_file=expert, save_params=True, video_log_freq=2)


@pytest.mark.slow
def test_a_disk_without_room(job: Config, disk: Callable[[int], Path], tmp_path: Path) -> None:
    whole = replace(job, logdir=tmp_path / "whole")
    train(whole)
    codes = []
    for pages in ROOM:
        config = replace(job, logdir=disk(pages) / str(pages))
        code, said = outcome(lambda config=config: train(config), tmp_path / f"stderr_{pages}")
        codes.append(code)
        if code:
            assert (code, said.count("\n")) == (2, 1), said
            assert said.startswith("error: ")
            assert "can't " in said
        folders = run_dirs(config)
        for folder in folders:
            assert not [path for path in folder.rglob("*") if path.name.endswith(".unfinished")]
            if (folder / "config.json").exists():
                assert read_config(folder / "config.json").size == job.size
                assert [row["itr"] for row in read_run(folder).rows] == list(range(len(read_run(folder).rows)))
            if Checkpoints(folder).exists():
                Checkpoints(folder).load()
        disk(10_000)
        assert_same(ended(config), run_dirs(whole)[0])
        subprocess.run(["rm", "-r", config.logdir], check=True)
    assert codes[0] == 2
    assert codes[-1] == 0
