"""Reading of run folders with checks of every field, and the versions and git commit that config.json records."""

import csv
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

from cs285.config import Config, config_from_settings, is_plain
from cs285.data.whole_files import read_whole, reading
from cs285.errors import InvalidInput

PACKAGES = ("torch", "numpy", "gymnasium", "mujoco", "tensorboardX")  # versions of these are in config.json
ROOT = Path(__file__).parents[2]
MAX_CONFIG, MAX_LOG = 2**23, 2**25  # largest sizes of config.json and log.csv in bytes
MAX_VALUES = 2**21  # values in log.csv; each takes about 100 bytes of memory
REQUIRED_COLUMNS = ("itr", "Eval_AverageReturn", "Eval_StdReturn", "Initial_DataCollection_AverageReturn")
# Kinds of values, for `check`. A number: (type, least value, greatest value); if the type is float, ints are valid too.
COUNT, SCALAR, STD = (int, 0, 2**53), (float, -1e100, 1e100), (float, 0, 1e100)
# Mappings: {key: kind of its value} with all required keys, or {str: kind of all values} if any text may be a key.
TEXTS = {str: str}
CONFIG_JSON = {"settings": {str: object}, "inputs": TEXTS, "versions": TEXTS, "policy": TEXTS}


def check(value: Any, kind: Any, name: str = "") -> None:
    """Raise InvalidInput, with the ``name`` of the field and its value, unless the value has the ``kind``.

    A kind is a type, a tuple for a number, or a dict for a mapping, as the comments above say.
    """
    if isinstance(kind, dict):
        fits = type(value) is dict and all(type(key) is str and is_plain(key) for key in value)
        needed = "a mapping whose keys are texts without control characters"
    elif isinstance(kind, tuple):
        number, least, most = kind
        fits = type(value) in (int, number) and least <= value <= most
        needed = f"{number.__name__}, from {least:g} to {most:g}"
    else:
        fits = isinstance(value, kind) and (kind is not str or is_plain(value, "\n\t"))
        needed = "text without control characters" if kind is str else f"a {kind.__name__}"
    if not fits:
        raise InvalidInput(f"{name or 'it'} is {short_repr(value):.60}; it must be {needed}")
    if isinstance(kind, dict):
        for key in value if str in kind else kind:
            check(value.get(key), kind.get(key, kind.get(str)), f"{name}.{key:.40}".lstrip("."))


@dataclass(frozen=True)
class RunFolder:
    """Settings and logged scalars of one run, complete or not.

    Attributes:
        rows: for each evaluated iteration, in order, its scalars by name; ``itr`` is the number of the iteration.
        inputs: maps each setting that names an input file to the file's SHA-256; empty when config.json has none.
        policy: the policy's description, from `describe_policy`; empty when config.json has none.
    """

    path: Path
    config: Config
    rows: Sequence[Mapping[str, float]]
    inputs: Mapping[str, str]
    policy: Mapping[str, str]

    @property
    def iterations(self) -> tuple[int, ...]:
        """The evaluated iterations."""
        return tuple(int(row["itr"]) for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether every evaluation of the run is in log.csv."""
        return self.iterations == self.config.evaluated

    @property
    def started(self) -> str:
        """Start of the run as text that sorts by time, taken from the folder's name; empty if the name has no time."""
        found = re.search(r"(\d\d)-(\d\d)-(\d{4})(_\d\d-\d\d-\d\d.*)$", self.path.name)
        return "-".join(found.group(3, 2, 1, 4)) if found else ""

    @property
    def method(self) -> str:
        """``BC`` or ``DAgger``."""
        return "DAgger" if self.config.do_dagger else "BC"


def read_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """Read the run folders at or below paths, sorted by name, except those in folders whose names begin with a dot.

    Raises InvalidInput when one of them is invalid.
    """
    folders: dict[Path, Path] = {}
    for path in paths:
        for log in sorted(path.rglob("log.csv")):
            hidden = any(part.startswith(".") for part in log.relative_to(path).parts)
            if not hidden and (log.parent / "config.json").exists():
                folders[log.parent.resolve()] = log.parent
    return [read_run(folder) for folder in sorted(folders.values(), key=lambda folder: (folder.name, folder))]


def read_run(folder: Path) -> RunFolder:
    """Read one run folder, ignoring an unfinished last line of log.csv; raise InvalidInput for an invalid field."""
    path, table = folder / "config.json", folder / "log.csv"
    if not is_plain(str(folder)):
        raise InvalidInput(f"{folder} has control characters or lone surrogates in its name")
    config, content = read_config(path), read_content(path)
    return RunFolder(folder, config, _read_rows(table, config.iterations), content["inputs"], content["policy"])


def read_config(path: Path) -> Config:
    """Read the settings in config.json, ignoring unknown names; raise InvalidInput for an invalid value."""
    settings = read_content(path)["settings"]
    with reading(path, "the settings of a run"):
        return config_from_settings(settings)


def read_content(path: Path) -> dict[str, Any]:
    """Read config.json into a dict with the fields of `CONFIG_JSON`; raise InvalidInput for other content."""
    with reading(path, "the config.json of a run"):
        loaded = {name: value for name, value in json.loads(read_whole(path, MAX_CONFIG)).items() if value is not None}
        content = {"inputs": {}, "versions": {}, "policy": {}, **loaded}
        check(content, CONFIG_JSON)
        return content


def saved_file(path: Path) -> Path:
    """The ``policy_itr_<n>.pt`` with the largest n in a run folder; a ``path`` of a file is returned unchanged.

    Raises InvalidInput for a folder without such a file.
    """
    saved = {path.stem.removeprefix("policy_itr_"): path for path in path.glob("policy_itr_*.pt")}
    numbers = [number for number in saved if number.isdecimal()]
    if path.is_dir() and not numbers:
        raise InvalidInput(f"{path} is a folder without policy_itr_<n>.pt, which a run with --save_params writes")
    return saved[max(numbers, key=int)] if numbers else path


def _read_rows(path: Path, iterations: int) -> list[dict[str, float]]:
    """Read the rows of a log.csv, each with its values by column, ignoring an incomplete last line.

    Raises InvalidInput for a value that is missing or out of range; the column ``itr`` must rise from row to row and
    stay below ``iterations``.
    """
    rows, content = list[dict[str, float]](), read_whole(path, MAX_LOG)
    with reading(path, "the log of a run"):
        if (count := content.count(b",")) > MAX_VALUES:
            raise ValueError(f"it has {count} commas; at most {MAX_VALUES} are allowed")
        reader = csv.reader(content[: content.rfind(b"\n") + 1].decode().splitlines(), strict=True)
        names = next(reader, [])
        if len(set(names)) < len(names) or not all(map(is_plain, names)):
            raise ValueError("its columns have equal names, or names with control characters")
        if names and (absent := [name for name in REQUIRED_COLUMNS if name not in names]):
            raise ValueError(f"it has no column {absent[0]}")
        for number, line in enumerate(reader, 1):
            if len(line) != len(names):
                raise ValueError(f"row {number} has {len(line)} values for {len(names)} columns")
            row = dict(zip(names, map(float, line), strict=True))
            for name, value in row.items():
                check(value, STD if name.endswith("StdReturn") else SCALAR, f"{name} in row {number}")
            itr = row["itr"]
            least = int(rows[-1]["itr"]) + 1 if rows else 0
            check(int(itr) if itr.is_integer() else itr, (int, least, iterations - 1), "itr")
            rows.append(row)
    return rows


def versions() -> dict[str, str]:
    """The versions of Python and of `PACKAGES`, the processor's model and the number of torch's threads, by name."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text("utf-8", "replace") if cpuinfo.exists() else "")
    packages = {package: importlib.metadata.version(package) for package in PACKAGES}
    processor, threads = model[1] if model else platform.processor(), os.environ.get("OMP_NUM_THREADS", "1")
    return {"python": platform.python_version(), **packages, "processor": processor, "threads": threads}


def git_commit() -> str | None:
    """Hash of the project's git commit, with ``-dirty`` when files differ from the commit; None without a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_CEILING_DIRECTORIES"] = str(ROOT.parent)  # git ignores a repository around the project's folder
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode().strip() or None
