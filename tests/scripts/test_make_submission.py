"""make_submission.py: the zip from run folders, and one line for what is missing."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scripts.conftest import PointFiles, Script, files_below, small_run


def test_from_runs_to_the_zip(
    script: Script, workplace: Path, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("run_hw1", *small_run(point_files)).succeeded()
    before = files_below(workplace)
    script("make_submission").refused("no q2_ run among 1 runs")
    script("make_submission", "-r", "nowhere").refused("no run folders", "nowhere")
    assert files_below(workplace) == before
    script("run_hw1", *small_run(point_files), "--do_dagger", "-epf", point_files.expert, "-n", 2).succeeded()
    typed = io.StringIO("typed at the prompt\n")
    monkeypatch.setattr(sys, "stdin", typed)
    assert script("make_submission").succeeded().out.startswith("submit.zip: 2 runs, 0.")
    assert typed.tell() == 0
    with zipfile.ZipFile("submit.zip") as archive:
        assert archive.testzip() is None
    script("make_submission").refused("submit.zip exists")
