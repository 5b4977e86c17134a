"""Run folders are read as they were written, complete or not, and refused where a field is invalid."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.run_folders import any_run_below, read_config, read_run, read_runs
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.fake_runs import write_run
from tests.fakes import expert_rule


@pytest.mark.parametrize("freq", [1, 3])
def test_a_run_is_read_as_it_was_written(tiny: Config, freq: int) -> None:
    trainer = BC_Trainer(replace(tiny, n_iter=4, scalar_log_freq=freq, learning_rate=1e-3), expert_rule)
    written = trainer.run_training_loop()
    (run,) = read_runs([tiny.logdir])
    assert run.path == trainer.run_dir
    assert run.config == replace(trainer.config, n_iter=4)
    assert [{name: value for name, value in row.items() if name != "itr"} for row in run.rows] == written
    assert run.inputs == {"expert_data": digest(tiny.expert_data or Path())}
    assert run.iterations == {1: (0, 1, 2, 3), 3: (0, 3)}[freq]
    assert run.complete


def test_every_run_below_is_found_once_and_hidden_ones_are_ignored(tmp_path: Path) -> None:
    deep = write_run(tmp_path / "a" / "b", [1.0])
    write_run(tmp_path / "a" / ".unfinished", [1.0])
    other = write_run(tmp_path, [2.0], exp_name="other")
    assert {run.path for run in read_runs([tmp_path, tmp_path / "a", deep])} == {deep, other}
    assert any_run_below(tmp_path / "a")


@pytest.mark.parametrize("place", ["", "nowhere", "file"])
def test_a_path_without_runs_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    assert not any_run_below(tmp_path / place)
    with pytest.raises(InvalidInput, match=f"no run folders .* below {tmp_path / place}"):
        read_runs([tmp_path / place])


@pytest.mark.parametrize("lost", [1, 3, 60])
def test_a_row_cut_short_at_the_end_is_left_out(tmp_path: Path, lost: int) -> None:
    folder = write_run(tmp_path, [1.0, 2.0, 3.0])
    content = (folder / "log.csv").read_bytes()[:-lost]
    (folder / "log.csv").write_bytes(content)
    run = read_run(folder)
    assert [row["Eval_AverageReturn"] for row in run.rows] == [1.0, 2.0, 3.0][: content.count(b"\n") - 1]
    assert not run.complete
    (folder / "log.csv").write_text("itr,Eval_Av")
    assert list(read_run(folder).rows) == []


def setting(**settings: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        content["settings"].update(settings)
        (folder / "config.json").write_text(json.dumps(content))

    return change


def config(text: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_bytes(text) and None


def table(rows: bytes, head: bytes = b"itr,Eval_AverageReturn,Eval_StdReturn,Initial_DataCollection_AverageReturn\n"):
    return lambda folder: (folder / "log.csv").write_bytes(head + rows) and None


INVALID: dict[str, tuple[Callable[[Path], None], str]] = {
    "no json": (config(b"{"), "not the config.json of a run"),
    "no settings": (config(b"{}"), "settings"),
    "nested too deep": (config(b"[" * 100_000), "not the config.json of a run"),
    "digests": (config(b'{"settings": {}, "inputs": {"expert_data": []}}'), "not strings"),
    "policy": (config(b'{"settings": {}, "policy": "mine"}'), "policy is a str"),
    "range": (setting(size=0), "--size is 0"),
    "repeated iteration": (table(b"0,1,1,1\n1,1,1,1\n0,2,1,1\n"), "itr is 0; it must be an integer from 2"),
    "iteration out of range": (table(b"2,1,1,1\n"), "itr is 2; it must be an integer from 0 to 1"),
    "text": (table(b"0,fast,1,1\n"), "'fast', after row 0"),
    "not finite": (table(b"0,nan,1,1\n"), "Eval_AverageReturn is nan"),
    "negative deviation": (table(b"0,1,-1,1\n"), "Eval_StdReturn is -1"),
    "short row": (table(b"0,1\n1,1,1,1\n"), "no value of Eval_StdReturn"),
    "long row": (table(b"0,1,1,1,1\n"), "more values than columns"),
    "no column": (table(b"0,1\n", head=b"itr,other\n"), "no value of Eval_AverageReturn"),
}


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_field_is_refused_with_the_file(tmp_path: Path, what: str) -> None:
    folder = write_run(tmp_path, [1.0, 2.0])
    spoil, reason = INVALID[what]
    spoil(folder)
    with pytest.raises(InvalidInput) as refused:
        read_runs([tmp_path])
    assert str(folder) in str(refused.value)
    assert reason in str(refused.value)


def test_unknown_settings_are_ignored_and_old_runs_get_the_settings_they_had(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [1.0], size=32)
    setting(from_the_future=1)(folder)
    assert read_run(folder).config.size == 32
    (folder / "config.json").write_text('{"settings": {"env_name": "Ant-v5"}}')
    assert read_config(folder / "config.json").learning_rate_schedule == "constant"
