"""Verdicts on the blanks: each check runs in a process of its own, with a time limit and captured output."""

from __future__ import annotations
import __future__

import ast
import faulthandler
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
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any
from unittest.mock import MagicMock

import cs285
from cs285.homework.blanks import BLANKS, BY_NAME, Blank, Body, NotWritten
from cs285.homework.checks.mistake import Mistake

ROOT = Path(cs285.__file__).resolve().parents[1]
REPLACEMENT = "<replacement>"  # the file name of an answer that is not in its file
LIMIT = 3.0  # seconds for a blank
START_LIMIT = 60.0  # seconds for a process to start
LIBRARIES = [
    "numpy",
    "torch",
    "torch.distributions",
    "threadpoolctl",
    "PIL.Image",
    "concurrent.futures.process",
    "cloudpickle",
    "tensorboardX",
]
LIBRARIES += ["cs285.config", "cs285.envs.make_env", "cs285.data.checkpoint", "cs285.data.expert_data"]
LIBRARIES += ["cs285.infrastructure.logger", "cs285.policies.loaded_gaussian_policy"]
STATUSES = ("ok", "works, but", "not started", "wrong")


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        blank: its name.
        status: one of `STATUSES`; the first two are passes.
        key: of the mistake, or of what costs something.
        words: what is wrong, with the numbers that show it.
        where: file and line.
    """

    blank: str
    status: str
    key: str = ""
    words: str = ""
    where: str = ""

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status in STATUSES[:2]

    def __str__(self) -> str:
        blank = BY_NAME[self.blank]
        found = {"ok": "ok", "wrong": self.words}.get(self.status, f"{self.status} {self.words}".strip())
        reading = f"; read on: question {blank.question} of the handout, {blank.read_on}"
        place = f" ({self.where}{'' if self.passed else reading})" if self.where else ""
        return " ".join(f"{self.blank}: {found}{place}".split())

    def as_json(self) -> dict[str, Any]:
        """The fields, the line, and points won and possible."""
        points = BY_NAME[self.blank].points
        return {**asdict(self), "line": str(self), "points": points * self.passed, "max_points": points}


def check_all(names: list[str] | None = None, limit: float = LIMIT) -> Iterator[Verdict]:
    """Check the blanks with these names (None: all), in the assignment's order, each as `check` does."""
    for blank in BLANKS:
        if names is None or blank.name in names:
            yield check(blank.name, limit=limit)


def check(name: str, replacement: str | None = None, limit: float = LIMIT) -> Verdict:
    """Check a blank of the installed or current cs285.

    Args:
        name: of the blank.
        replacement: source of functions to check in place of the blank's; None: the answer in the files.
        limit: seconds, after which the answer is said to hang.
    """
    method = "fork" if sys.platform.startswith("linux") else "spawn"
    if method == "fork":
        load_libraries()  # once for all blanks
    context: Any = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = context.Process(target=_run, args=(sender, name, replacement, limit, Path(folder)), daemon=True)
        process.start()
        sender.close()
        content = b""
        if receiver.poll(limit + START_LIMIT):
            try:
                content = receiver.recv_bytes(100_000)
            except (EOFError, OSError):
                process.join(1)
        exit_code = process.exitcode
        process.kill()
        process.join()
        if content:
            fields = json.loads(content)  # JSON, because answers may write to the pipe
            if set(fields) == set(Verdict.__dataclass_fields__) and fields["status"] in STATUSES:
                return Verdict(**{key: str(value) for key, value in fields.items()})
        trace = Path(folder, "trace").read_text() if Path(folder, "trace").exists() else ""
    blank = BY_NAME[name]
    frames = re.findall(r'File "(.+)", line (\d+)', trace)  # the innermost comes first
    lines = [f"{_shown(file)}:{line}" for file, line in frames if _is_answer(file, blank)]
    where = lines[0] if lines else blank.file
    if trace or exit_code is None:
        return Verdict(name, "wrong", "hangs", f"it did not end within {limit:g} s: a loop without end?", where)
    return Verdict(name, "wrong", "exits", f"it ended the whole process, with exit code {exit_code}", where)


def load_libraries() -> None:
    """Import what the answers import, but not their own files."""
    for library in LIBRARIES:
        importlib.import_module(library)
    torch: Any = sys.modules["torch"]
    torch.set_num_threads(1)  # more of them wait for each other on numbers as few as these
    torch.distributions.MultivariateNormal(torch.zeros(1), torch.eye(1))  # imports more, once


def _run(connection: Connection, name: str, replacement: str | None, limit: float, folder: Path) -> None:
    """Send the verdict on a blank; runs in a process of its own."""
    load_libraries()
    before = _global_state()
    sys.stdout, sys.stderr = (open(folder / stream, "w") for stream in ("stdout", "stderr"))  # noqa: SIM115
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stderr.fileno(), 2)
    blank, trace, costs = BY_NAME[name], open(folder / "trace", "w"), list[Mistake]()  # noqa: SIM115
    faulthandler.dump_traceback_later(limit, exit=True, file=trace)
    try:
        _forbid_seeding(blank)
        _import_answers(blank)
        if replacement is not None:
            _place(blank, replacement)
        faulthandler.dump_traceback_later(limit, exit=True, file=trace)  # the limit is that of the check by itself
        module = importlib.import_module(f"cs285.homework.checks.{Path(blank.file).stem.lower()}")
        costs += getattr(module, name)() or ()
        changed = [key for key, value in _global_state().items() if value != before[key]]
        if changed:
            raise Mistake("global state", f"it changes the {changed[0]} of the whole process")
        sys.stdout.flush()
        printed = (folder / "stdout").read_text().split("\n")
        if printed[0]:
            costs.append(Mistake("prints", f"it prints ({printed[0]!r:.60}), which slows a run and hides its lines"))
        words = "; ".join(cost.words for cost in costs)
        key = ", ".join(cost.key for cost in costs)
        where = _place_of(blank, None) if costs else ""
        verdict = Verdict(name, "works, but" if costs else "ok", key, words, where)
    except BaseException as error:
        verdict = _explain(blank, error)
    faulthandler.cancel_dump_traceback_later()
    connection.send_bytes(json.dumps(asdict(verdict)).encode())
    os._exit(0)  # without the threads and exit handlers of the answer


def _explain(blank: Blank, error: BaseException) -> Verdict:
    """The verdict on an answer whose check raised something."""
    where = _place_of(blank, error)
    if isinstance(error, Mistake):
        return Verdict(blank.name, "wrong", error.key, error.words, where)
    empty = [body.function for body in blank.bodies if NotWritten.__name__ in getattr(_code(body), "co_names", ())]
    other = [name for name, other in BY_NAME.items() if other is not blank and other.not_written in str(error)]
    if isinstance(error, NotWritten) and not other:
        if len(empty) in (0, len(blank.bodies)):
            return Verdict(blank.name, "not started", "not started", "", where)
        return Verdict(blank.name, "wrong", "half written", f"{' and '.join(empty)} is not written yet", where)
    kind, text = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        text = f"{error.msg}: {(error.text or '').strip()}"
        return Verdict(blank.name, "wrong", "syntax error", f"Python can't read the file: {text:.200}", where)
    if isinstance(error, SystemExit):
        return Verdict(blank.name, "wrong", "exits", f"it ends the program (sys.exit({error.code!r:.40}))", where)
    words = f"{getattr(error, 'case', '')}it raises {kind}: {text or 'no message'}"
    return Verdict(blank.name, "wrong", f"raises {kind}", words[:400], where)


def _place_of(blank: Blank, error: BaseException | None) -> str:
    """File and line of the innermost call in the answer, or of the blank."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename)}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__ if error else None)):
        if _is_answer(frame.filename, blank):
            return f"{_shown(frame.filename)}:{frame.lineno}"
    words = getattr(error, "words", "")
    named = [body for body in blank.bodies if body.function.split(".")[-1] in words] + [blank.bodies[0]]
    code = _code(named[0])
    return blank.file if code is None else f"{_shown(code.co_filename)}:{code.co_firstlineno}"


def _is_answer(file: str, blank: Blank) -> bool:
    return file == REPLACEMENT or any(Path(file) == ROOT / body.file for body in blank.bodies)


def _shown(file: str) -> str:
    return Path(file).relative_to(ROOT).as_posix() if Path(file).is_relative_to(ROOT) else file


def _owner(body: Body) -> Any:
    """The module or class that has the function; None when its file can't be imported."""
    owner = sys.modules.get(body.module)
    for name in body.function.split(".")[:-1]:
        owner = getattr(owner, name, None)
    return owner


def _code(body: Body) -> CodeType | None:
    function = getattr(_owner(body), body.function.split(".")[-1], None)
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return code if isinstance(code, CodeType) else None


def _import_answers(blank: Blank) -> None:
    """Import the files with blanks. One that can't be imported is replaced, unless it is this blank's own."""
    own = {body.module for body in blank.bodies}
    for module in dict.fromkeys(body.module for other in BLANKS for body in other.bodies):
        try:
            importlib.import_module(module)
        except BaseException:
            if module in own:
                raise
            sys.modules[module] = MagicMock()


def _place(blank: Blank, replacement: str) -> None:
    """Define the functions of a source text in place of the blank's, or of other methods of its classes."""
    names = [node.name for node in ast.parse(replacement).body if isinstance(node, ast.FunctionDef)]
    code = compile(replacement, REPLACEMENT, "exec", __future__.annotations.compiler_flag)
    for body in blank.bodies:
        owner, scope, before = _owner(body), vars(sys.modules[body.module]), dict(vars(sys.modules[body.module]))
        exec(code, scope)
        for name in names:
            new, old = scope[name], before.get(name)
            if isinstance(owner, type) and hasattr(owner, name):
                setattr(owner, name, new)
            if old is not None and body.function != name:  # imported from the file of another body
                scope[name] = old
            elif old is not None:
                for module in {other.module for other in blank.bodies}:
                    if vars(sys.modules[module]).get(name) is old:
                        setattr(sys.modules[module], name, new)


def _forbid_seeding(blank: Blank) -> None:
    """Let the functions that seed a global generator raise a `Mistake` when the answer calls them."""
    for owner, name in ((random, "seed"), (sys.modules["numpy"].random, "seed"), (sys.modules["torch"], "manual_seed")):
        setattr(owner, name, _guarded(getattr(owner, name), f"{owner.__name__}.{name}", blank))


def _guarded(function: Callable[..., Any], name: str, blank: Blank) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if _is_answer(sys._getframe(1).f_code.co_filename, blank):
            raise Mistake("global state", f"{name} changes the random numbers of the whole run, which has one --seed")
        return function(*args, **kwargs)

    return guarded


def _global_state() -> dict[str, Any]:
    """What an answer must leave as it was."""
    np, torch = sys.modules["numpy"], sys.modules["torch"]
    return {
        "current folder": os.getcwd(),
        "default dtype": torch.get_default_dtype(),
        "gradient mode": torch.is_grad_enabled(),
        "handling of floating-point errors": np.geterr(),
        "environment variables": dict(os.environ),
    }
