"""The submission has what the course asks for, no images, and at most the allowed size."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.run_folders import read_runs
from cs285.data.shipped import PROJECT_ROOT
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.results import submission
from cs285.results.submission import remove_images, write_submission
from tests.fake_runs import write_run
from tests.fakes import expert_rule, read_events

CODE = PROJECT_ROOT / "cs285"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A BC run, which has no evaluation, and a DAgger run, with empty event files."""
    for returns in ([], [1.0, 2.0]):
        (write_run(tmp_path / "runs", returns) / "events.out.tfevents.1").touch()
    return tmp_path / "runs"


def test_the_zip_has_the_runs_the_code_and_the_commands(runs: Path, tmp_path: Path) -> None:
    size = write_submission(read_runs([runs]), CODE, tmp_path / "submit.zip")
    assert size == (tmp_path / "submit.zip").stat().st_size < 15e6
    with zipfile.ZipFile(tmp_path / "submit.zip") as archive:
        assert archive.testzip() is None
        names, readme = archive.namelist(), archive.read("README.md").decode()
    code = {f"cs285/{path.relative_to(CODE).as_posix()}" for path in CODE.rglob("*.py")}
    folders = [folder.name for folder in runs.iterdir()]
    assert {*names} == {*code, "README.md", *(f"run_logs/{name}/events.out.tfevents.1" for name in folders)}
    assert all(name in readme for name in folders)
    assert "python scripts/run_hw1.py --env_name Hopper-v5 --do_dagger --n_iter 2 --seed 1" in readme


def test_images_and_an_unfinished_record_at_the_end_are_removed(tiny: Config, tmp_path: Path) -> None:
    trainer = BC_Trainer(replace(tiny, n_iter=2, video_log_freq=1), expert_rule)
    rows = trainer.run_training_loop()
    (path,) = trainer.run_dir.glob("events.*")
    events = read_events(trainer.run_dir)
    without_images = [e for e in events if not any(v.HasField("image") for v in e.summary.value)]
    assert len(rows) < len(without_images) < len(events)
    copy = tmp_path / "events.out.tfevents.copy"
    copy.write_bytes(remove_images(path))
    assert read_events(tmp_path) == without_images
    cut = shutil.copy(path, tmp_path / "cut")
    cut.write_bytes(path.read_bytes()[:-3])
    assert copy.read_bytes().startswith(remove_images(cut))


def refused(folder: Path, match: str) -> None:
    output = folder / "submit.zip"
    before = output.exists()
    with pytest.raises(InvalidInput, match=match):
        write_submission(read_runs([folder]), CODE, output)
    assert output.exists() == before


def test_unsuitable_runs_are_refused(tmp_path: Path) -> None:
    first = write_run(tmp_path, [1.0])
    refused(tmp_path, r"no q2_ run among 1 runs; .* DAgger")
    write_run(tmp_path, [1.0, 2.0])
    refused(tmp_path, "has no event file")
    for folder in tmp_path.glob("q*"):
        (folder / "events.out.tfevents.1").write_bytes(b"\x05" + b"\x00" * 7 + b"not an event at all, whatever")
    refused(tmp_path, "is not an event file")
    write_run(tmp_path / "b", [1.0]).rename(tmp_path / "b" / first.name)
    refused(tmp_path, "same name")


def test_a_zip_above_the_limit_and_an_existing_one_are_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "MAX_BYTES", 20_000)
    refused(runs, r"the zip of 2 runs has 0\.\d\d MB")
    (runs / "submit.zip").write_text("mine")
    refused(runs, r"submit\.zip exists")
