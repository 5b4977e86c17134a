"""make_submission.py: the zip from run folders, and one line for what is missing."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below


def test_from_runs_to_the_zip(script: Script, workplace: Path) -> None:
    (write_run(workplace / "data", [1.0]) / "events.out.tfevents.1").touch()
    before = files_below(workplace)
    script("make_submission").refused("no q2_ run among 1 runs")
    script("make_submission", "-r", "nowhere").refused("no run folders", "nowhere")
    assert files_below(workplace) == before
    (write_run(workplace / "data", [1.0, 2.0]) / "events.out.tfevents.1").touch()
    assert script("make_submission").succeeded().out.startswith("submit.zip: 2 runs, 0.")
    with zipfile.ZipFile("submit.zip") as archive:
        assert archive.testzip() is None
    script("make_submission").refused("submit.zip exists")
