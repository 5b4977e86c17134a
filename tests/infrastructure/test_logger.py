"""Run folders, log.csv, event files and config.json that the logger writes, and errors that it raises."""

import csv
import json
import multiprocessing.synchronize
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.infrastructure.logger import Logger, make_run_dir
from tests.data.stopped_runs import scalars

OTHERS = {"Eval_StdReturn": 0.0, "Initial_DataCollection_AverageReturn": 2.0}
ROWS = {0: {"Eval_AverageReturn": 1.5, "Training Loss": 0.1, **OTHERS}}
ROWS[2] = {"Eval_AverageReturn": -1e6, "Training Loss": 1e-9, **OTHERS}


def read_table(run_dir: Path) -> dict[int, dict[str, float]]:
    with (run_dir / "log.csv").open(newline="", encoding="utf-8") as file:
        return {int(row.pop("itr")): {name: float(x) for name, x in row.items()} for row in csv.DictReader(file)}


def test_run_folders_have_the_name_of_the_assignment_and_are_never_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = "q2_dagger_Ant-v4_[0-3][0-9]-[01][0-9]-20[0-9][0-9]_[0-2]*"
    assert make_run_dir(tmp_path, "q2_dagger_Ant-v4").match(pattern)
    monkeypatch.setattr("time.strftime", lambda form: "31-12-2026_23-59-59")  # all folders are made in one second
    folders = [make_run_dir(tmp_path / "data", "q1_x") for _ in range(4)]
    assert [folder.name.removeprefix("q1_x_31-12-2026_23-59-59") for folder in folders] == ["", "_2", "_3", "_4"]


def test_log_csv_and_the_event_file_have_the_same_scalars(tmp_path: Path) -> None:
    logger = Logger(tmp_path)
    for itr, row in ROWS.items():
        logger.log_scalars(row, itr)
        assert list(read_table(tmp_path))[-1] == itr  # each row is in the file as soon as it is logged
    logger.close()
    assert read_table(tmp_path) == ROWS
    expected = {(itr, name.replace(" ", "_")): x for itr, row in ROWS.items() for name, x in row.items()}
    assert scalars(tmp_path) == pytest.approx(expected, rel=1e-6)


def test_a_row_with_other_columns_is_refused(tmp_path: Path) -> None:
    with closing(Logger(tmp_path)) as logger:
        logger.log_scalars({"a": 1.0, "b": 2.0}, 0)
        with pytest.raises(InvalidInput, match=r"iteration 1 must log the same scalars .* \['b', 'c'\]"):
            logger.log_scalars({"a": 1.0, "c": 2.0}, 1)
    assert read_table(tmp_path) == {0: {"a": 1.0, "b": 2.0}}


def test_a_run_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    with closing(Logger(tmp_path)) as logger:
        logger.log_scalars(ROWS[0], 0)
        with pytest.raises(InvalidInput, match="being written by another process"):
            Logger(tmp_path, {})
        assert read_table(tmp_path) == {0: ROWS[0]}
    Logger(tmp_path, ROWS).close()
    assert read_table(tmp_path) == ROWS


def test_a_folder_that_was_renamed_is_an_error(tmp_path: Path) -> None:
    with closing(Logger(make_run_dir(tmp_path, "q1_a"))) as logger:
        logger.log_scalars(ROWS[0], 0)
        logger.run_dir.rename(tmp_path / "renamed")
        for write in (logger.check_folder, lambda: logger.log_scalars(ROWS[2], 1)):
            with pytest.raises(InvalidInput, match=r"can't write .*log\.csv: No such file"):
                write()
    assert [path.name for path in tmp_path.iterdir()] == ["renamed"]


def test_without_semaphores_there_are_no_event_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_space(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", no_space)
    with closing(Logger(make_run_dir(tmp_path, "q1_a"))) as logger:
        logger.log_scalars(ROWS[0], 0)
        logger.check_folder()
        assert [path.name for path in logger.run_dir.iterdir()] == ["log.csv"]
    said = (
        f"no event files for TensorBoard ([Errno 28] No space left on device); {logger.run_dir}/log.csv has all scalars"
    )
    assert capsys.readouterr().err == f"{said}\n"


def test_config_json_has_the_settings_of_the_last_session(tmp_path: Path) -> None:
    policy = {"make_policy": "cs285.policies.make_policy:make_mlp_policy", "architecture": "MLP\n  (0)"}
    logger = Logger(tmp_path)
    for seed in (1, 2):
        logger.log_config({"seed": seed, "expert_data": Path("a/b.pkl"), "ep_len": None}, {"expert_data": "12"}, policy)
    logger.close()
    content = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert content["settings"] == {"seed": 2, "expert_data": "a/b.pkl", "ep_len": None}
    assert content["inputs"] == {"expert_data": "12"}
    assert content["policy"] == policy
    assert content["versions"]["numpy"] == np.__version__
    assert {"processor", "threads", "python"} < set(content["versions"])
