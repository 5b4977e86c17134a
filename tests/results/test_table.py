"""The table of runs has a row for each evaluation, in CSV and in Parquet alike."""

import csv
from pathlib import Path

import pytest

from cs285.data.run_folders import read_runs
from cs285.results.table import table_rows, write_tables
from tests.fake_runs import write_run

parquet = pytest.importorskip("pyarrow.parquet")


def test_both_files_have_a_row_for_each_evaluation(tmp_path: Path) -> None:
    write_run(tmp_path, [1.5, 2.5, 3.5], seed=1)
    write_run(tmp_path, [4.5], seed=2, env_name="Ant-v5", expert_data=Path("a.pkl"), learning_rate=1)
    runs = read_runs([tmp_path])
    files = write_tables(runs, tmp_path)
    assert [path.name for path in files] == ["results.csv", "results.parquet"]
    with files[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted((r["env_name"], r["method"], r["seed"], r["itr"], r["Eval_AverageReturn"]) for r in rows) == [
        ("Ant-v5", "BC", "2", "0", "4.5"),
        ("Hopper-v5", "DAgger", "1", "0", "1.5"),
        ("Hopper-v5", "DAgger", "1", "1", "2.5"),
        ("Hopper-v5", "DAgger", "1", "2", "3.5"),
    ]
    assert {row["run"] for row in rows} == {run.path.name for run in runs}
    assert parquet.read_table(files[1]).to_pylist() == table_rows(runs)
