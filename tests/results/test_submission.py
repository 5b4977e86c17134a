"""The submission has what the course asks for, no images, and at most the allowed size."""

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
from cs285.results.submission import remove_images, write_submission
from tests.fake_runs import write_run
from tests.fakes import expert_rule, read_events

CODE = PROJECT_ROOT / "cs285"


@pytest.fixture
def runs(tiny: Config) -> Path:
    """A BC run and a DAgger run, both with videos."""
    for dagger in (False, True):
        config = replace(tiny, do_dagger=dagger, n_iter=2 if dagger else 1, video_log_freq=1)
        BC_Trainer(config, expert_rule).run_training_loop()
    return tiny.logdir


def test_the_zip_has_the_runs_without_images_the_code_and_the_commands(runs: Path, tmp_path: Path) -> None:
    (next(runs.glob("q1_*")) / "log.csv").write_text("")  # a run without an evaluation has its commands too
    size = write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip")
    assert size == (tmp_path / "submit.zip").stat().st_size < 15e6
    with zipfile.ZipFile(tmp_path / "submit.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        readme = archive.read("README.md").decode()
        archive.extractall(tmp_path / "unpacked")
    logs = [name for name in names if name.startswith("run_logs/")]
    assert sorted(name.split("/")[1][:3] for name in logs) == ["q1_", "q2_"]
    assert all(name.split("/")[2].startswith("events.out.tfevents.") for name in logs)
    code = {f"cs285/{path.relative_to(CODE).as_posix()}" for path in CODE.rglob("*.py")}
    assert set(names) == {*logs, *code, "README.md"}
    for run in read_runs([runs]):
        assert run.path.name in readme
        events = read_events(run.path)
        without_images = [e for e in events if not any(v.HasField("image") for v in e.summary.value)]
        assert read_events(tmp_path / "unpacked" / "run_logs" / run.path.name) == without_images
        assert len(run.rows) < len(without_images) < len(events)
    assert "--do_dagger" in readme
    assert "python scripts/run_hw1.py --expert_data" in readme


def test_an_unfinished_record_at_the_end_is_removed(runs: Path) -> None:
    (path,) = next(iter(runs.iterdir())).glob("events.*")
    content = path.read_bytes()
    whole = remove_images(content, path)
    assert remove_images(whole, path) == whole
    assert whole.startswith(remove_images(content[:-3], path))


def test_missing_runs_and_invalid_event_files_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0])
    with pytest.raises(InvalidInput, match=r"no q2_ run among 1 runs; .* DAgger"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    write_run(tmp_path, [1.0, 2.0])
    with pytest.raises(InvalidInput, match="has no event file"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    for folder in tmp_path.glob("q*"):
        (folder / "events.out.tfevents.1").write_bytes(b"\x05" + b"\x00" * 7 + b"not an event at all, whatever")
    with pytest.raises(InvalidInput, match="is not an event file"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")
    assert not (tmp_path / "submit.zip").exists()


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", [1.0])
    write_run(tmp_path / "a", [1.0, 2.0])
    write_run(tmp_path / "b", [1.0]).rename(tmp_path / "b" / first.name)
    with pytest.raises(InvalidInput, match="same name"):
        write_submission(read_runs([tmp_path]), CODE, tmp_path / "submit.zip")


def test_a_zip_above_the_limit_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"at most 0\.02 MB are allowed"):
        write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip", limit=20_000)
    assert not (tmp_path / "submit.zip").exists()


def test_an_existing_file_is_not_overwritten(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "submit.zip").write_text("mine")
    with pytest.raises(InvalidInput, match=r"submit\.zip exists"):
        write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip")
    assert (tmp_path / "submit.zip").read_text() == "mine"
