"""Verdicts on the blanks: each check runs in a process of its own, with a time limit and captured output."""

import faulthandler
import functools
import importlib
import inspect
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch

import cs285.data.expert_data  # three modules that answers need: forks of this process need not import them again
import cs285.infrastructure.logger
import cs285.policies.loaded_gaussian_policy
from cs285.homework.blanks import BLANKS, BY_NAME, Blank
from cs285.homework.checks.mistake import Mistake, require

ROOT = Path(cs285.__file__).absolute().parents[1]
LIMIT = 3.0  # seconds for the check of one blank
METHOD = "fork" if sys.platform.startswith("linux") else "spawn"
torch.distributions.MultivariateNormal(torch.zeros(1), torch.eye(1))  # imports parts of torch, so that forks need not


@dataclass(frozen=True)
class Verdict:
    """Result of the check of one blank."""

    blank: str  # name of the blank
    status: str  # "ok", "works, but", "not started" or "wrong"; an answer with one of the first two passes
    words: str = ""  # what is wrong, with the numbers that show it, or the disadvantages of an answer that works
    where: str = ""  # file and line of the mistake

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status in ("ok", "works, but")

    def __str__(self) -> str:
        blank = BY_NAME[self.blank]
        found = {"ok": "ok", "wrong": self.words}.get(self.status, f"{self.status} {self.words}".strip())
        reading = f"; read on: question {blank.question} of the handout, {blank.read_on}"
        place = f" ({self.where}{'' if self.passed else reading})" if self.where else ""
        return " ".join(f"{self.blank}: {found}{place}".split())

    def as_json(self) -> dict[str, Any]:
        """A dict of the fields and the message (``line``), with ``points`` reached and ``max_points`` possible."""
        points = BY_NAME[self.blank].points
        return {**asdict(self), "line": str(self), "points": points * self.passed, "max_points": points}


def check_all(names: Sequence[str] = tuple(BY_NAME), limit: float = LIMIT) -> Iterator[Verdict]:
    """Check the blanks with these names, each as `check` does."""
    # Spawned processes start slowly, so several of them run at the same time; forks run one after another.
    with ThreadPoolExecutor(1 if METHOD == "fork" else os.cpu_count()) as pool:
        yield from pool.map(functools.partial(check, limit=limit), names)


def check(name: str, limit: float = LIMIT) -> Verdict:
    """Check the blank with this name; an answer that takes more than ``limit`` seconds counts as one that hangs."""
    context: Any = multiprocessing.get_context(METHOD)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found, trace = Path(folder, "verdict"), Path(folder, "trace")
        process = context.Process(target=_run, args=(name, limit, Path(folder)), daemon=True)
        process.start()
        process.join(limit + 60)  # + 60: the process may start slowly, and the limit begins after its start
        process.kill()
        process.join()
        if found.exists():
            return Verdict(name, *json.loads(found.read_bytes()))
        calls = trace.read_text(encoding="utf-8") if trace.exists() else ""
    ended = f"it ended the whole process, with exit code {process.exitcode}"
    words = f"it did not return within {limit:g} s; does a loop never end?" if calls else ended
    frames = re.findall(r'File "(.+)", line (\d+)', calls)  # the innermost frame comes first
    return Verdict(name, "wrong", words, _place(BY_NAME[name], frames))


def _run(name: str, limit: float, folder: Path) -> None:
    """Check a blank and write the verdict to ``folder``/verdict; this function runs in a process of its own."""
    torch.set_num_threads(1)  # with tensors as small as these, more threads are slower
    files = (folder / name for name in ("stdout", "stderr", "trace"))
    sys.stdout, sys.stderr, trace = (open(file, "w", encoding="utf-8") for file in files)  # noqa: SIM115
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stderr.fileno(), 2)
    blank = BY_NAME[name]
    faulthandler.dump_traceback_later(limit, exit=True, file=trace)
    try:
        _forbid_seeding(blank)
        _import_answers(blank)
        faulthandler.dump_traceback_later(limit, exit=True, file=trace)  # again: the limit begins after the imports
        module = importlib.import_module(f"cs285.homework.checks.{Path(blank.file).stem.lower()}")
        before = _global_state()
        disadvantages = list(dict.fromkeys(map(str, getattr(module, name)() or ())))  # without repetitions
        changed = [key for key, value in _global_state().items() if value != before[key]]
        require(not changed, f"it changes the {' and the '.join(changed)} of the whole process")
        sys.stdout.flush()
        if printed := (folder / "stdout").read_text("utf-8", "replace").strip().split("\n")[0]:
            disadvantages.append(f"it prints {printed!r:.60}; printing slows a run and hides the run's own lines")
        text = "; ".join(disadvantages)
        verdict = ("works, but", text, _place(blank)) if text else ("ok", "", "")
    except BaseException as error:
        verdict = _explain(blank, error)
    faulthandler.cancel_dump_traceback_later()
    (folder / "verdict").write_bytes(json.dumps(verdict).encode())
    os._exit(0)  # ends the process without waiting for threads or exit handlers of the answer


def _explain(blank: Blank, error: BaseException) -> tuple[str, str, str]:
    """Status, words and place of the verdict on an answer whose check raised an error."""
    frames = [(frame.filename, frame.lineno) for frame in reversed(traceback.extract_tb(error.__traceback__))]
    place = _place(blank, frames)
    if isinstance(error, NotImplementedError) and blank.not_written in str(error):
        return "not started", "", place
    words = str(error) if isinstance(error, Mistake) else f"it raises {type(error).__name__}: {error}"
    words = ": ".join([*reversed(getattr(error, "__notes__", [])), words])
    return "wrong", re.sub(r"\b(cs285\.homework\.checks\.\w+\.)?_(?=[A-Z])", "", words)[:500], place


def _place(blank: Blank, frames: Sequence[tuple[str, object]] = ()) -> str:
    """File and line of the first frame that is in the blank's files; without one, of the blank's first function."""
    answers = {ROOT / body.file: body.file for body in blank.bodies}
    for file, line in frames:
        if Path(file) in answers:
            return f"{answers[Path(file)]}:{line}"
    function: Any = sys.modules.get(blank.bodies[0].module)  # None when the file can't be imported
    for name in blank.bodies[0].function.split("."):
        function = getattr(function, name, None)
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{blank.file}:{code.co_firstlineno}" if code else blank.file


def _import_answers(blank: Blank) -> None:
    """Import the files with blanks; a mock replaces a file that can't be imported and has no function of ``blank``."""
    own = {body.module for body in blank.bodies}
    for name in dict.fromkeys(body.module for other in BLANKS for body in other.bodies):
        try:
            importlib.import_module(name)
        except BaseException:
            if name in own:
                raise
            sys.modules[name] = MagicMock()


def _forbid_seeding(blank: Blank) -> None:
    """Make the functions that seed a global generator raise a `Mistake` when the answer calls them."""
    answers = [ROOT / body.file for body in blank.bodies]

    def guarded(name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
        text = f"it calls {name}, which changes the random numbers of the whole run (they come from --seed)"
        require(Path(sys._getframe(1).f_code.co_filename) not in answers, text)
        return function(*args, **kwargs)

    for owner, name in ((random, "seed"), (np.random, "seed"), (torch, "manual_seed")):
        setattr(owner, name, functools.partial(guarded, f"{owner.__name__}.{name}", getattr(owner, name)))


def _global_state() -> dict[str, Any]:
    """Parts of the process's state that an answer must not change; the keys are their names in messages."""
    state = {"current folder": os.getcwd(), "environment variables": dict(os.environ)}
    return {**state, "default dtype": torch.get_default_dtype(), "gradient mode": torch.is_grad_enabled()}
