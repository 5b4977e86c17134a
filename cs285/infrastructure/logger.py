"""The folder of a run, and the files in it that log the run: log.csv, TensorBoard's event files and config.json."""

import contextlib
import csv
import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from cs285.data.run_folders import MAX_LOG, git_commit, read_content, read_rows, versions
from cs285.data.whole_files import read_whole, whole_file, writing
from cs285.errors import InvalidInput

try:
    import fcntl
except ImportError:  # Windows has no fcntl
    fcntl = None  # type: ignore[assignment]


def make_run_dir(logdir: Path, run_name: str) -> Path:
    """Make the folder ``<run_name>_<dd-mm-YYYY_HH-MM-SS>``; if it exists, add a number to the name."""
    stamp = time.strftime("%d-%m-%Y_%H-%M-%S")
    with writing(logdir):
        logdir.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            run_dir = logdir / (f"{run_name}_{stamp}" + (f"_{number}" if number > 1 else ""))
            with contextlib.suppress(FileExistsError):
                run_dir.mkdir()
                break
    return run_dir


class Logger:
    """Logs one run into the folder ``run_dir``; ``rows`` are the scalars of each logged iteration."""

    def __init__(self, run_dir: Path, resume_state: Mapping[str, Any] | None = None) -> None:
        """Open the files of a new run, or of a run to resume.

        ``resume_state`` is None in a new run. In a resumed run it is the `state_dict` of the last checkpoint, and rows
        that were logged after the checkpoint are removed. Raises InvalidInput, and changes no file, when the folder
        can't be written, another process is writing it, or log.csv does not begin with the rows of the checkpoint.
        """
        self.run_dir, self._table = run_dir, run_dir / "log.csv"
        with writing(self._table):
            self._csv = self._table.open("w" if resume_state is None else "r+", newline="", encoding="utf-8")
            try:
                if fcntl is not None:
                    fcntl.flock(self._csv, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidInput(f"{run_dir} is being written by another process") from None
            except OSError:
                pass  # some file systems have no locks
        rows = []
        if resume_state is not None:
            content = read_whole(self._table, MAX_LOG)[: resume_state["size"]]
            if hashlib.sha256(content).hexdigest() != resume_state["sha256"]:
                raise InvalidInput(f"{self._table} does not begin with the rows of the run's last checkpoint")
            rows = read_rows(self._table, content)
            with writing(self._table):
                self._csv.seek(self._csv.truncate(len(content)))
        # A killed run may have lost events. So a resumed run purges the earlier event files, and logs all rows again.
        suffix = f".{sessions}" if (sessions := len(list(run_dir.glob("events.out.tfevents.*")))) else ""
        try:
            self._events = SummaryWriter(str(run_dir), purge_step=0, max_queue=0, flush_secs=1, filename_suffix=suffix)
        except OSError as error:  # SummaryWriter needs semaphores, and so /dev/shm
            print(f"no event files for TensorBoard ({error}); {self._table} has all scalars", file=sys.stderr)
            self._events = SummaryWriter(str(run_dir), write_to_disk=False)
        self.rows: list[dict[str, float]] = []
        for row in rows:
            itr = int(row.pop("itr"))
            self._add_scalars(row, itr)
            self.rows.append(row)

    def log_config(self, settings: Mapping[str, Any], inputs: Mapping[str, str], policy: Mapping[str, str]) -> None:
        """Write config.json, or raise InvalidInput.

        ``inputs`` maps each setting that names an input file to the file's SHA-256; ``policy`` is from
        `describe_policy`. Each time that a run is resumed, its last command and versions join the list ``earlier``.
        """
        path = self.run_dir / "config.json"
        content: dict[str, Any] = {"settings": settings, "inputs": inputs, "policy": policy}
        session = {"command": sys.argv, "versions": versions(), "git_commit": git_commit()}
        if path.exists():
            before = read_content(path)
            content["earlier"] = [*before["earlier"], {name: before.get(name) for name in session}]
        with whole_file(path) as file:
            file.write(json.dumps({**content, **session}, indent=2, default=str).encode() + b"\n")

    def log_scalars(self, scalars: Mapping[str, float], itr: int) -> None:
        """Append a row to log.csv and TensorBoard; raise InvalidInput if the names change or writing fails."""
        if self.rows and (changed := self.rows[0].keys() ^ scalars.keys()):
            raise InvalidInput(f"iteration {itr} must log the same scalars as the first; {sorted(changed)} differ")
        self.check_folder()
        with writing(self._table):
            table = csv.DictWriter(self._csv, ["itr", *scalars])
            if not self.rows:
                table.writeheader()
            table.writerow({"itr": itr, **scalars})
            self._csv.flush()
            self._add_scalars(scalars, itr)
        self.rows.append(dict(scalars))

    def check_folder(self) -> None:
        """Raise InvalidInput if the run's folder was deleted or renamed, or another file has replaced log.csv."""
        with writing(self._table):
            if not os.path.samestat(os.fstat(self._csv.fileno()), self._table.stat()):
                raise InvalidInput(f"can't write {self._table}: another file has replaced it")

    def _add_scalars(self, scalars: Mapping[str, float], itr: int) -> None:
        for name, value in scalars.items():
            self._events.add_scalar(name, value, itr)

    def state_dict(self) -> dict[str, Any]:
        """Flush log.csv to the disk and return its size in bytes and SHA-256; raise InvalidInput when writing fails."""
        with writing(self._table):
            os.fsync(self._csv.fileno())
            content = self._table.read_bytes()
        return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def close(self) -> None:
        """Close the files. Errors are ignored, since all rows are written before."""
        with contextlib.suppress(OSError):
            self._csv.close()
            self._events.close()
