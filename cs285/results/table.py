"""Table of runs: one row for each evaluation, one column for each setting and scalar."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cs285.data.run_folders import RunFolder
from cs285.data.whole_files import whole_file


def table_rows(runs: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """Build one row for each evaluation of each run; all rows have the same keys, with None for missing values."""
    scalars = dict.fromkeys(name for run in runs for row in run.rows for name in row)
    rows = []
    for run in runs:
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(run.config).items()}
        facts = {"run": run.path.name, "method": run.method, **settings}
        rows += [{**facts, **scalars, **row, "itr": int(row["itr"])} for row in run.rows]
    return rows


def write_tables(runs: Sequence[RunFolder], folder: Path) -> list[Path]:
    """Write the table as ``results.csv`` and ``results.parquet``; return the paths. Raise InvalidInput on failure."""
    import pyarrow
    from pyarrow import csv, parquet

    table = pyarrow.Table.from_pylist(table_rows(runs))
    files = {folder / "results.csv": csv.write_csv, folder / "results.parquet": parquet.write_table}
    for path, write in files.items():
        with whole_file(path) as file:
            write(table, file)
    return list(files)
