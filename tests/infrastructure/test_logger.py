"""Run folders, log.csv, event files and config.json that the logger writes, and what it refuses when a run resumes."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cs285.data.provenance import digest
from cs285.errors import InvalidInput
from cs285.infrastructure.logger import Logger, make_run_dir
from tests.data.stopped_runs import scalars

OTHERS = {"Eval_StdReturn": 0.0, "Initial_DataCollection_AverageReturn": 2.0}
ROWS = {0: {"Eval_AverageReturn": 1.5, "Training Loss": 0.1, **OTHERS}}
ROWS[2] = {"Eval_AverageReturn": -1e6, "Training Loss": 1e-9, **OTHERS}


def read_table(run_dir: Path) -> dict[int, dict[str, float]]:
    with (run_dir / "log.csv").open(newline="") as file:
        return {int(row.pop("itr")): {name: float(x) for name, x in row.items()} for row in csv.DictReader(file)}


def test_run_folders_have_the_name_of_the_assignment_and_are_never_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = "q2_dagger_Ant-v4_[0-3][0-9]-[01][0-9]-20[0-9][0-9]_[0-2]*"
    assert make_run_dir(tmp_path, "q2_dagger_Ant-v4").match(pattern)
    monkeypatch.setattr("time.strftime", lambda form: "31-12-2026_23-59-59")  # all in one second
    folders = [make_run_dir(tmp_path / "data", "q1_x") for _ in range(4)]
    assert [folder.name.removeprefix("q1_x_31-12-2026_23-59-59") for folder in folders] == ["", "_2", "_3", "_4"]
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nothing")
    for parent in ("file", "dangling"):
        with pytest.raises(InvalidInput, match=f"can't write .*{parent}"):
            make_run_dir(tmp_path / parent, "q1_x")


def test_log_csv_and_the_event_file_have_the_same_scalars(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    for itr, row in ROWS.items():
        logger.log_scalars(row, itr)
        assert list(read_table(tmp_path))[-1] == itr  # written after every row
    logger.close()
    assert read_table(tmp_path) == ROWS
    expected = {(itr, name.replace(" ", "_")): x for itr, row in ROWS.items() for name, x in row.items()}
    assert scalars(tmp_path) == pytest.approx(expected, rel=1e-6)


def test_a_row_with_other_columns_is_refused(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    logger.log_scalars({"a": 1.0, "b": 2.0}, 0)
    with pytest.raises(InvalidInput, match=r"iteration 1 must log the same scalars .* \['b', 'c'\]"):
        logger.log_scalars({"a": 1.0, "c": 2.0}, 1)
    logger.close()
    assert read_table(tmp_path) == {0: {"a": 1.0, "b": 2.0}}


def test_a_run_folder_that_was_removed_or_replaced_ends_the_run(tmp_path: Path) -> None:
    run = make_run_dir(tmp_path, "q1_x")
    logger = Logger(run)
    run.rename(tmp_path / "moved")
    with pytest.raises(InvalidInput, match=r"can't write .*log\.csv: No such file"):
        logger.log_scalars(ROWS[0], 0)
    shutil.copytree(tmp_path / "moved", run)
    with pytest.raises(InvalidInput, match=r"can't write .*log\.csv: another file has replaced it"):
        logger.log_scalars(ROWS[0], 0)
    logger.close()


def stopped(run_dir: Path) -> dict[str, object]:
    """Log a row, take the state, and log one more row."""
    logger = Logger(run_dir)
    logger.log_scalars(ROWS[0], 0)
    state = logger.state_dict()
    logger.log_scalars({**ROWS[2], "Training Loss": 7.0}, 2)
    logger.close()
    return state


def test_a_resumed_run_has_the_rows_until_its_checkpoint_and_those_after_the_resume(tmp_path: Path) -> None:
    state = stopped(tmp_path)
    logger = Logger(tmp_path, state)
    assert logger.rows == [ROWS[0]]
    logger.log_scalars(ROWS[2], 2)
    logger.close()
    assert read_table(tmp_path) == ROWS
    assert scalars(tmp_path)[2, "Training_Loss"] == pytest.approx(1e-9)
    assert len(scalars(tmp_path)) == 8


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda table: table[:9],
    "other line ends": lambda table: table.replace(b"\r\n", b"\n") + b"\n" * 9,
    "another return": lambda table: table.replace(b"1.5", b"9.5"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_table_is_refused_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    state, path = stopped(tmp_path), tmp_path / "log.csv"
    changed = CHANGES[name](path.read_bytes())
    path.write_bytes(changed)
    with pytest.raises(InvalidInput, match=r"log\.csv does not begin with the rows of the run's last checkpoint"):
        Logger(tmp_path, state)
    assert path.read_bytes() == changed


def test_a_state_of_a_table_that_no_run_writes_is_refused(tmp_path: Path) -> None:
    for table in (b"itr,a\r\n1.5,1\r\n", b"a\r\nx\r\n", b"\xff\n"):
        (tmp_path / "log.csv").write_bytes(table)
        with pytest.raises(InvalidInput, match=r"log\.csv is not the log of a run"):
            Logger(tmp_path, {"size": len(table), "sha256": digest(tmp_path / "log.csv")})
    (tmp_path / "log.csv").unlink()
    os.mkfifo(tmp_path / "log.csv")
    with pytest.raises(InvalidInput, match=r"can't write .*log\.csv"):
        Logger(tmp_path, {"size": 0, "sha256": ""})


def test_a_run_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    state = stopped(tmp_path)
    with closing(Logger(tmp_path, state)), pytest.raises(InvalidInput, match="being written by another process"):
        Logger(tmp_path, state)
    Logger(tmp_path, state).close()


def test_without_semaphores_there_is_a_notice_and_no_event_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def queue(size: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("multiprocessing.Queue", queue)
    logger = Logger(tmp_path)
    logger.log_scalars(ROWS[0], 0)
    logger.close()
    assert capsys.readouterr().err.startswith("no event files for TensorBoard ([Errno 38] Function not implemented)")
    assert read_table(tmp_path) == {0: ROWS[0]}


def test_config_json_has_the_settings_and_keeps_earlier_sessions(tmp_path: Path) -> None:
    policy = {"make_policy": "cs285.policies.make_policy:make_mlp_policy", "architecture": "MLP\n  (0)"}
    logger = Logger(tmp_path)
    for seed in (1, 2):
        logger.log_config({"seed": seed, "expert_data": Path("a/b.pkl"), "ep_len": None}, {"expert_data": "12"}, policy)
    logger.close()
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["settings"] == {"seed": 2, "expert_data": "a/b.pkl", "ep_len": None}
    assert content["inputs"] == {"expert_data": "12"}
    assert content["policy"] == policy
    assert content["versions"]["numpy"] == np.__version__
    assert {"processor", "threads", "python"} < set(content["versions"])
    assert content["earlier"] == [{name: content[name] for name in ("command", "versions", "git_commit")}]
