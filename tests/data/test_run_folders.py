"""Run folders are read back as they were written, whole or cut short, and refused when they are something else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.run_folders import any_run_below, cut_short, read_config, read_run, read_runs
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.fake_runs import write_run
from tests.fakes import expert_rule


@pytest.mark.parametrize("freq", [1, 2, 3])
def test_what_a_run_wrote_is_read(tiny: Config, freq: int) -> None:
    trainer = BC_Trainer(replace(tiny, n_iter=4, scalar_log_freq=freq, learning_rate=1e-3), expert_rule)
    written = trainer.run_training_loop()
    (run,) = read_runs([tiny.logdir])
    assert run.path == trainer.run_dir
    assert run.config == replace(trainer.config, n_iter=4)
    assert [{name: value for name, value in row.items() if name != "itr"} for row in run.rows] == written
    assert dict(run.inputs) == {"expert_data": digest(tiny.expert_data or Path())}
    assert run.iterations == {1: (0, 1, 2, 3), 2: (0, 2, 3), 3: (0, 3)}[freq]
    assert run.complete
    assert cut_short([run]) == []


def test_every_run_below_is_found_once_and_hidden_ones_never(tmp_path: Path) -> None:
    deep = write_run(tmp_path / "a" / "b", [1.0])
    write_run(tmp_path / "a" / ".unfinished", [1.0])
    other = write_run(tmp_path, [2.0], exp_name="other")
    assert {run.path for run in read_runs([tmp_path, tmp_path / "a", deep])} == {deep, other}
    assert any_run_below(tmp_path / "a")


@pytest.mark.parametrize("place", ["", "nowhere", "file"])
def test_no_runs_is_an_error_that_names_the_path(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    assert not any_run_below(tmp_path / place)
    with pytest.raises(InvalidInput, match=f"no run folders .* below {tmp_path / place}"):
        read_runs([tmp_path / place])


class TestCutShort:
    """A run that was killed at any byte of its table has the rows that were whole."""

    @pytest.mark.parametrize("lost", [1, 2, 3, 30, 60])
    def test_in_the_middle_of_a_row(self, tmp_path: Path, lost: int) -> None:
        folder = write_run(tmp_path, [1.0, 2.0, 3.0])
        log = folder / "log.csv"
        content = log.read_bytes()
        log.write_bytes(content[:-lost])
        rows_left = content[:-lost].count(b"\n") - 1
        run = read_run(folder)
        assert [row["Eval_AverageReturn"] for row in run.rows] == [1.0, 2.0, 3.0][:rows_left]
        assert not run.complete
        assert cut_short([run]) == [f"{folder}: cut short, {rows_left} of 3 evaluations are there and used"]

    def test_before_the_first_row(self, tmp_path: Path) -> None:
        folder = write_run(tmp_path, [1.0])
        (folder / "log.csv").write_text("itr,Eval_Av")
        assert read_run(folder).rows == ()
        (folder / "log.csv").write_text("")
        assert read_run(folder).rows == ()


def change_config(**settings: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        content["settings"].update(settings)
        (folder / "config.json").write_text(json.dumps(content))

    return change


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


HEAD = b"itr,Eval_AverageReturn,Eval_StdReturn,Initial_DataCollection_AverageReturn\n"
BAD: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "no json": (write("config.json", b"{"), ("config.json",)),
    "no settings": (write("config.json", b"{}"), ("config.json", "settings")),
    "a list": (write("config.json", b"[]"), ("config.json",)),
    "deep": (write("config.json", b"[" * 100_000), ("config.json",)),
    "bytes": (write("config.json", b"\xff\xfe"), ("config.json", "not the config.json of a run")),
    "no digests": (write("config.json", b'{"settings": {}, "inputs": {"expert_data": []}}'), ("config.json", "inputs")),
    "out of range": (change_config(size=0), ("config.json", "--size is 0")),
    "wrong type": (change_config(size="big"), ("config.json",)),
    "twice": (write("log.csv", HEAD + b"0,1,1,1\n1,1,1,1\n0,2,1,1\n"), ("two values for iteration 0", "2 and 4")),
    "text": (write("log.csv", HEAD + b"0,fast,1,1\n"), ("line 2", "Eval_AverageReturn is 'fast'")),
    "not finite": (write("log.csv", HEAD + b"0,nan,1,1\n"), ("line 2", "Eval_AverageReturn is nan")),
    "short row": (write("log.csv", HEAD + b"0,1\n1,1,1,1\n"), ("line 2", "2 values for 4")),
    "no return": (write("log.csv", b"itr,other\n0,1\n"), ("no column Eval_AverageReturn",)),
    "binary": (write("log.csv", b"\x00\xff\n"), ("log.csv", "not text")),
}


@pytest.mark.parametrize("what", BAD)
def test_what_no_run_wrote_is_refused(tmp_path: Path, what: str) -> None:
    folder = write_run(tmp_path, [1.0, 2.0])
    spoil, parts = BAD[what]
    spoil(folder)
    with pytest.raises(InvalidInput) as refused:
        read_runs([tmp_path])
    for part in (str(folder), *parts):
        assert part in str(refused.value)


def test_settings_of_other_versions_are_passed_over(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [1.0], size=32)
    change_config(from_the_future=1)(folder)
    assert read_run(folder).config.size == 32


def test_videos_in_the_order_of_iterations(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [1.0])
    (folder / "videos").mkdir()
    names = [f"eval_rollouts_itr_{itr}.mp4" for itr in (0, 9, 10)]
    for name in (*names, "train_rollouts_itr_0.mp4", "eval_rollouts_itr_final.mp4", "eval_rollouts_itr_.mp4"):
        (folder / "videos" / name).touch()
    assert [path.name for path in read_run(folder).videos()] == names


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(InvalidInput, match=r"config.json: it is not a regular file"):
        read_config(tmp_path / "config.json")
