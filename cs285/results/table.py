"""Runs as one tidy table: a row for each evaluation, a column for each setting and scalar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cs285.config import Config
from cs285.data.run_folders import RunFolder
from cs285.data.whole_files import whole_file

LEFT_OUT = ("logdir", "seeds")  # they say nothing of a single run


def tidy_rows(runs: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """A row for each evaluation of each run.

    Returns:
        Dicts with the same names: ``run``, the folder's name; ``method``; the settings; ``itr`` and
        the scalars; None where a run has no such value.
    """
    settings = [field.name for field in fields(Config) if field.name not in LEFT_OUT]
    scalars = list(dict.fromkeys(name for run in runs for row in run.rows for name in row))
    return [
        {
            "run": run.path.name,
            "method": run.method,
            **{name: _plain(getattr(run.config, name)) for name in settings},
            **{name: row.get(name) for name in scalars},
            "itr": int(row["itr"]),
        }
        for run in runs
        for row in run.rows
    ]


def write_tables(runs: Sequence[RunFolder], folder: Path) -> list[Path]:
    """Write the tidy table as ``results.csv`` and ``results.parquet``, each whole or not at all.

    Returns:
        The two files.

    Raises:
        InvalidInput: when they can't be written.
    """
    import pyarrow
    from pyarrow import csv, parquet

    table = pyarrow.Table.from_pylist(tidy_rows(runs))
    writers: dict[str, Callable[[Any, Any], Any]] = {
        "results.csv": csv.write_csv,
        "results.parquet": parquet.write_table,
    }
    for name, write in writers.items():
        with whole_file(folder / name) as file:
            write(table, file)
    return [folder / name for name in writers]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
