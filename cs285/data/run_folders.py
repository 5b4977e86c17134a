"""Run folders, read back: the settings and the scalars of every run below some paths."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cs285.config import Config, config_from_settings
from cs285.data.whole_files import read_whole
from cs285.errors import InvalidInput

# What runs did whose config.json says nothing of it.
BEFORE_THERE_WAS_A_CHOICE = {"learning_rate_schedule": "constant", "ob_normalization": "none"}
NEEDED = ("itr", "Eval_AverageReturn", "Eval_StdReturn", "Initial_DataCollection_AverageReturn")


@dataclass(frozen=True)
class RunFolder:
    """One run, as far as it came.

    Attributes:
        path: the folder.
        config: its settings.
        rows: the scalars of each evaluated iteration, ``itr`` among them, in order.
        expected: the iterations that a whole run evaluates.
        inputs: SHA-256 of the files that it read, by setting; empty when it does not say.
    """

    path: Path
    config: Config
    rows: tuple[Mapping[str, float], ...]
    expected: tuple[int, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def iterations(self) -> tuple[int, ...]:
        """The iterations that it has."""
        return tuple(int(row["itr"]) for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether it came to its end."""
        return self.iterations == self.expected

    @property
    def method(self) -> str:
        """``BC`` or ``DAgger``."""
        return "DAgger" if self.config.do_dagger else "BC"

    def videos(self) -> list[Path]:
        """Its films of evaluations, in the order of their iterations; others that were put there are passed over."""
        found = {path: path.stem.rpartition("_")[2] for path in self.path.glob("videos/eval_rollouts_itr_*.mp4")}
        return sorted((path for path, itr in found.items() if itr.isdecimal()), key=lambda path: int(found[path]))


def read_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """Read every run folder below some paths, or that a path itself is.

    Folders whose names begin with a dot are passed over.

    Returns:
        The runs, in the order of their folders' names; those that came to no evaluation too,
        with no rows.

    Raises:
        InvalidInput: when there is none, or a file in one is not what a run leaves there.
    """
    folders = {folder.resolve(): folder for path in paths for folder in _folders_below(path)}
    if not folders:
        raise InvalidInput(f"no run folders (config.json and log.csv) below {', '.join(map(str, paths)) or 'no path'}")
    return [read_run(folder) for folder in sorted(folders.values(), key=lambda folder: (folder.name, folder))]


def any_run_below(path: Path) -> bool:
    """Whether `read_runs` would find a run folder there."""
    return next(_folders_below(path), None) is not None


def read_run(folder: Path) -> RunFolder:
    """Read one run folder; a last row that was cut short in the middle is left out.

    Raises:
        InvalidInput: when config.json or log.csv can't be read, holds something else, or has two
            rows for one iteration.
    """
    content = read_content(folder / "config.json")
    config = _read_settings(content, folder / "config.json")
    freq, last = config.scalar_log_freq, config.iterations - 1
    expected = tuple(itr for itr in range(config.iterations) if freq != -1 and (itr % freq == 0 or itr == last))
    return RunFolder(folder, config, tuple(_read_rows(folder / "log.csv")), expected, content["inputs"])


def cut_short(runs: Sequence[RunFolder]) -> list[str]:
    """One line for each run that did not come to its end, saying what of it is used."""
    return [
        f"{run.path}: cut short, {len(run.rows)} of {len(run.expected)} evaluations are there and used"
        for run in runs
        if not run.complete
    ]


def _folders_below(path: Path) -> Iterator[Path]:
    for log in sorted(path.rglob("log.csv")):
        hidden = any(part.startswith(".") for part in log.relative_to(path).parts)
        if not hidden and (log.parent / "config.json").exists():
            yield log.parent


def _read_text(path: Path) -> str:
    try:
        return read_whole(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not text: {error}") from error


def read_config(path: Path) -> Config:
    """The settings in config.json; those that this version does not know are passed over.

    Raises:
        InvalidInput: when they can't be read or are not those of a run.
    """
    return _read_settings(read_content(path), path)


def _read_settings(content: Mapping[str, Any], path: Path) -> Config:
    try:
        return config_from_settings({**BEFORE_THERE_WAS_A_CHOICE, **content["settings"]})
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error


def read_content(path: Path) -> dict[str, Any]:
    """What config.json holds: ``settings``, ``inputs``, ``versions`` and more, see `Logger.log_config`.

    Raises:
        InvalidInput: when it can't be read or is not that of a run.
    """
    text = read_whole(path)
    try:
        content: dict[str, Any] = {"inputs": {}, "versions": {}, "earlier": [], **json.loads(text)}
        for name in ("settings", "inputs", "versions", "earlier"):
            if not isinstance(content[name], list if name == "earlier" else dict):
                raise TypeError(f"{name} is a {type(content[name]).__name__}")
        if not all(isinstance(digest, str) for digest in content["inputs"].values()):
            raise TypeError("inputs are not texts")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{path} is not the config.json of a run: {error!r}") from error
    return content


def _read_rows(path: Path) -> Iterator[Mapping[str, float]]:
    text = _read_text(path)
    whole = text[: text.rfind("\n") + 1]  # what follows the last line's end was being written
    try:
        header, *lines = list(csv.reader(io.StringIO(whole, newline=""))) or [[]]
    except csv.Error as error:
        raise InvalidInput(f"{path} is not a table: {error}") from error
    missing = [name for name in NEEDED if name not in header]
    if header and missing:
        raise InvalidInput(f"{path} has no column {missing[0]}")
    seen: dict[float, int] = {}
    for number, line in enumerate(lines, start=2):
        row = _read_row(header, line, f"{path}, line {number}")
        if (first := seen.setdefault(row["itr"], number)) != number:
            raise InvalidInput(f"{path} has two values for iteration {row['itr']:.0f}, in lines {first} and {number}")
        yield row


def _read_row(header: Sequence[str], line: Sequence[str], where: str) -> Mapping[str, float]:
    if len(line) != len(header):
        raise InvalidInput(f"{where} has {len(line)} values for {len(header)} columns")
    row = {}
    for name, value in zip(header, line, strict=True):
        try:
            row[name] = float(value)
        except ValueError:
            raise InvalidInput(f"{where}: {name} is {value!r}, not a number") from None
        if not math.isfinite(row[name]):
            raise InvalidInput(f"{where}: {name} is {value}; it must be finite")
    return row
