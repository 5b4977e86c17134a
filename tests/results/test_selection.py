"""Selection of run folders by their settings, and a line for each incomplete one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs285.command_line import parse
from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.selection import RunSelection, report_incomplete, select
from tests.fake_runs import write_run


def test_runs_that_meet_all_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "other", "third"):
        for size in (8, 16):
            write_run(tmp_path / folder, [1.0], size=size, env_name=f"{folder}-v5")
    assert {run.config.env_name for run in parse(RunSelection, "", []).read()} == {"data-v5"}
    flags = "-r data other -r third -w size=8 -w env_name=third-v5"
    (run,) = parse(RunSelection, "", flags.split()).read()
    assert (run.config.size, run.config.env_name) == (8, "third-v5")
    runs = read_runs([tmp_path])
    with pytest.raises(InvalidInput, match="size=9: no run has it; size is 16, 8"):
        select(runs, ["size=9"])
    with pytest.raises(InvalidInput, match="colour=red: it must be SETTING=VALUE"):
        select(runs, ["colour=red"])


def test_incomplete_runs_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [write_run(tmp_path, [1.0, 2.0], seed=seed, n_iter=n_iter) for seed, n_iter in ((1, 2), (2, 3))]
    assert report_incomplete(read_runs([tmp_path])) == [f"{folders[1]}: incomplete run, 2 of 3 evaluations used"]
    assert capsys.readouterr().err == f"{folders[1]}: incomplete run, 2 of 3 evaluations used\n"
