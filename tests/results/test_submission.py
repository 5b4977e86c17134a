"""The zip has what the course asks for, no pictures, and never more than the limit."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.run_folders import read_runs
from cs285.data.shipped import PROJECT_ROOT
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.results.submission import without_pictures, write_submission
from tests.fake_runs import write_run
from tests.fakes import expert_rule, read_events

CODE = PROJECT_ROOT / "cs285"


@pytest.fixture
def runs(tiny: Config) -> Path:
    """A filmed BC run and a filmed DAgger run."""
    for dagger in (False, True):
        config = replace(tiny, do_dagger=dagger, n_iter=2 if dagger else 1, video_log_freq=1)
        BC_Trainer(config, expert_rule).run_training_loop()
    return tiny.logdir


def test_the_zip_has_the_runs_the_code_and_the_commands(runs: Path, tmp_path: Path) -> None:
    size = write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip")
    assert size == (tmp_path / "submit.zip").stat().st_size < 15e6
    with zipfile.ZipFile(tmp_path / "submit.zip") as archive:
        names = archive.namelist()
        readme = archive.read("README.md").decode()
        archive.extractall(tmp_path / "unpacked")
    logs = [name for name in names if name.startswith("run_logs/")]
    assert sorted(name.split("/")[1][:3] for name in logs) == ["q1_", "q2_"]
    assert all(name.split("/")[2].startswith("events.out.tfevents.") for name in logs)
    code = {f"cs285/{path.relative_to(CODE).as_posix()}" for path in CODE.rglob("*.py")}
    assert {name for name in names if name.startswith("cs285/")} == code
    assert set(names) == {*logs, *code, "README.md"}
    for run in read_runs([runs]):
        assert run.path.name in readme
        kept = read_events(tmp_path / "unpacked" / "run_logs" / run.path.name)
        assert not [value for event in kept for value in event.summary.value if value.HasField("image")]
        all_of_it = [e for e in read_events(run.path) if not any(v.HasField("image") for v in e.summary.value)]
        assert kept == all_of_it
        assert len(kept) == 1 + len(run.rows)
    assert "--do_dagger" in readme
    assert "in a checkout of the homework" in readme  # the zip has no scripts/
    assert "python scripts/run_hw1.py --expert_data" in readme


def test_an_event_file_that_is_still_written(runs: Path) -> None:
    (events,) = next(iter(runs.iterdir())).glob("events.*")
    content = events.read_bytes()
    whole = without_pictures(content)
    assert without_pictures(whole) == whole
    assert whole.startswith(without_pictures(content[:-3]))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0])
    with pytest.raises(InvalidInput, match=r"no q2_ run among 1 runs; .* DAgger"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    run = write_run(tmp_path, [1.0, 2.0])
    with pytest.raises(InvalidInput, match="has no event file"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    for folder in tmp_path.glob("q*"):
        (folder / "events.out.tfevents.1").write_bytes(b"\x05" + b"\x00" * 7 + b"what is this, no events at all")
    with pytest.raises(InvalidInput, match="is not an event file"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    assert run.exists()
    assert not (tmp_path / "submit.zip").exists()


def test_what_is_too_large_says_what_to_drop(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip", limit=20_000)
    assert "0.02 MB is the limit; drop some of " in str(refused.value)
    assert "run_logs/q2_" in str(refused.value)
    assert [path.name for path in tmp_path.iterdir() if "submit" in path.name] == []


def test_nothing_is_overwritten(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "submit.zip").write_text("mine")
    with pytest.raises(InvalidInput, match=r"submit\.zip exists"):
        write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip")
    assert (tmp_path / "submit.zip").read_text() == "mine"
