"""The submission has what the course asks for, and at most the allowed size."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from cs285.data.run_folders import read_run, read_runs
from cs285.data.shipped import PROJECT_ROOT
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from cs285.results import submission
from cs285.results.submission import write_submission
from tests.fake_runs import write_run
from tests.scripts.conftest import finish, start

CODE = PROJECT_ROOT / "cs285"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A BC run without an evaluation and a DAgger run; the event files of both are empty."""
    for returns in ([], [1.0, 2.0]):
        (write_run(tmp_path / "runs", returns, exp_name="mine") / "events.out.tfevents.1").touch()
    return tmp_path / "runs"


def test_the_zip_has_the_runs_the_code_and_the_commands(runs: Path, tmp_path: Path) -> None:
    code = {path.relative_to(CODE).as_posix() for path in CODE.rglob("*.py")}
    folders = [folder.name for folder in runs.iterdir()]
    for edition, (logs, package, readme, script) in submission.EDITIONS.items():
        size = write_submission(read_runs([runs]), tmp_path / f"{edition}.zip", edition)
        assert size == (tmp_path / f"{edition}.zip").stat().st_size < 15e6
        with zipfile.ZipFile(tmp_path / f"{edition}.zip") as archive:
            assert archive.testzip() is None
            names, commands = archive.namelist(), archive.read(readme).decode()
        expected = {f"{package}/{name}" for name in code} | {readme, script, "requirements.txt"}
        assert {*names} == expected | {f"{logs}/{name}/events.out.tfevents.1" for name in folders}
        assert all(name in commands for name in folders)
        assert f"python {script} --env_name Hopper-v5 --do_dagger --n_iter 2 --seed 1 --exp_name mine" in commands


@pytest.mark.slow
def test_the_unzipped_commands_repeat_the_runs(tmp_path: Path) -> None:
    """The expert data are deleted, and the package has another name; the text `cs285.` is nowhere in its code."""
    data, flags = tmp_path / "mine.pkl", "--do_dagger --n_iter 2 --num_agent_train_steps_per_iter 5 --ep_len 20"
    shutil.copy(PROJECT_ROOT / "expert_data/expert_data_CartPole-v1.pkl", data)
    flags += f" --env_name CartPole-v1 --num_workers 0 --batch_size 20 --eval_batch_size 40 --expert_data {data}"
    first = run_in(tmp_path, f"{PROJECT_ROOT}/scripts/run_hw1.py {flags} --exp_name both_seed2 --seed 2")
    (write_run(tmp_path / "data", [1.0]) / "events.out.tfevents.1").touch()
    write_submission(read_runs([tmp_path / "data"]), tmp_path / "submit.zip", "rob831")
    data.unlink()
    with zipfile.ZipFile(tmp_path / "submit.zip") as archive:
        archive.extractall(tmp_path / "unzipped")
    (command,) = re.findall("python (.*do_dagger.*)", (tmp_path / "unzipped/RUN.md").read_text(encoding="utf-8"))
    assert first.name.startswith("q2_both_seed2_")
    again = run_in(tmp_path / "unzipped", command)
    assert again.name[:30] == first.name[:30]
    for run_dir in (first, again):
        rows = [{**row, "TimeSinceStart": 0.0} for row in read_run(run_dir).rows]
        assert rows == [{**row, "TimeSinceStart": 0.0} for row in read_run(first).rows]
    used = [path for path in (tmp_path / "unzipped/rob831").rglob("*.py") if b"cs285." in path.read_bytes()]
    assert used == []


def run_in(folder: Path, command: str) -> Path:
    """Run a command in a folder; return the run folder below ``folder``/data."""
    script, *flags = command.split()
    assert finish(start(folder / script, *flags, cwd=folder)).code == 0
    (run_dir,) = (folder / "data").glob("q2_*")
    return run_dir


def test_inputs_are_left_out_of_a_zip_that_they_would_make_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "mine.pkl"
    data.write_bytes(os.urandom(300_000))
    for returns in ([1.0], [1.0, 2.0]):
        inputs = {"expert_data": digest(data)}
        run_dir = write_run(tmp_path / "runs", returns, inputs=inputs, expert_data=data)
        (run_dir / "events.out.tfevents.1").touch()
    for limit, present in ((10**6, True), (300_000, False)):
        monkeypatch.setattr(submission, "MAX_BYTES", limit)
        write_submission(read_runs([tmp_path / "runs"]), tmp_path / f"{limit}.zip")
        with zipfile.ZipFile(tmp_path / f"{limit}.zip") as archive:
            assert ("expert_data/mine.pkl" in archive.namelist()) == present
            readme = archive.read("README.md").decode()
        assert "--expert_data expert_data/mine.pkl" in readme
        assert ("too large" in readme) == (not present)


def refused(folder: Path, match: str) -> None:
    output = folder / "submit.zip"
    before = output.exists()
    with pytest.raises(InvalidInput, match=match):
        write_submission(read_runs([folder]), output)
    assert output.exists() == before


def test_unsuitable_runs_are_refused(tmp_path: Path) -> None:
    first = write_run(tmp_path, [1.0])
    refused(tmp_path, r"no q2_ run among 1 runs; .* DAgger")
    write_run(tmp_path, [1.0, 2.0])
    refused(tmp_path, "has no event file")
    write_run(tmp_path / "b", [1.0]).rename(tmp_path / "b" / first.name)
    refused(tmp_path, "same name")


def test_a_zip_above_the_limit_and_an_existing_one_are_refused(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "MAX_BYTES", 20_000)
    refused(runs, r"the zip of 2 runs has 0\.\d\d MB")
    (runs / "submit.zip").write_text("mine", encoding="utf-8")
    refused(runs, r"submit\.zip exists")
