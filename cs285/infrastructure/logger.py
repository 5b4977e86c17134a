"""The folder of a run, and the files in it that log the run: log.csv, TensorBoard's event files and config.json."""

import contextlib
import csv
import itertools
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from cs285.data.run_folders import git_commit, versions
from cs285.data.whole_files import whole_file, writing
from cs285.errors import InvalidInput

if sys.platform != "win32":
    import fcntl


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

    def __init__(self, run_dir: Path, logged: Mapping[int, Mapping[str, float]] | None = None) -> None:
        """Open the files of a new run; or of a run to resume, in which the rows ``logged`` replace those of log.csv.

        ``logged`` has the scalars by iteration. Raises InvalidInput, and changes no file, when the folder can't be
        written or another process is writing it.
        """
        self.run_dir, self._table, self.rows = run_dir, run_dir / "log.csv", list[dict[str, float]]()
        with writing(self._table):
            self._csv = self._table.open("a", newline="", encoding="utf-8")
            try:
                if sys.platform != "win32":
                    fcntl.flock(self._csv, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidInput(f"{run_dir} is being written by another process") from None
            except OSError:
                pass  # some file systems have no locks
            self._csv.truncate(0)
        # A killed run may have lost events. So a resumed run purges the earlier event files, and logs all rows again.
        suffix = f".{sessions}" if (sessions := len(list(run_dir.glob("events.out.tfevents.*")))) else ""
        try:
            self._events = SummaryWriter(str(run_dir), purge_step=0, max_queue=0, flush_secs=1, filename_suffix=suffix)
        except OSError as error:  # SummaryWriter needs semaphores, and so /dev/shm
            print(f"no event files for TensorBoard ({error}); {self._table} has all scalars", file=sys.stderr)
            self._events = SummaryWriter(str(run_dir), write_to_disk=False)
        for itr, scalars in (logged or {}).items():
            self.log_scalars(scalars, itr)

    def log_config(self, settings: Mapping[str, Any], inputs: Mapping[str, str], policy: Mapping[str, str]) -> None:
        """Write config.json; ``inputs`` is `RunInputs.digests`, and ``policy`` is from `describe_policy`."""
        content: dict[str, Any] = {"settings": settings, "inputs": inputs, "policy": policy, "command": sys.argv}
        content |= {"versions": versions(), "git_commit": git_commit()}
        with whole_file(self.run_dir / "config.json") as file:
            file.write(json.dumps(content, indent=2, default=str).encode() + b"\n")

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
            for name, value in scalars.items():
                self._events.add_scalar(name, value, itr)
        self.rows.append(dict(scalars))

    def check_folder(self) -> None:
        """Raise InvalidInput if the run's folder was deleted or renamed, or another file has replaced log.csv."""
        with writing(self._table):
            if not os.path.samestat(os.fstat(self._csv.fileno()), self._table.stat()):
                raise InvalidInput(f"can't write {self._table}: another file has replaced it")

    def close(self) -> None:
        """Close the files. Errors are ignored, since all rows are written before."""
        with contextlib.suppress(OSError):
            self._csv.close()
            self._events.close()
