"""Parsing of command lines into dataclasses, and exit codes of scripts."""

from __future__ import annotations

import errno
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from unittest import mock

import pytest
from tyro.conf import UseAppendAction, arg

from cs285.command_line import parse, run
from cs285.errors import InvalidInput, ProcessFailed

NO_PROCESS = "error: no further process or thread can be started (%s): end some, or raise `ulimit -u`\n"


@dataclass(frozen=True)
class Settings:
    """Settings with one field of each type that the scripts' settings have."""

    count: Annotated[int, arg(aliases=["-c"])] = 3
    limit: int | None = None
    rate: float = 0.5
    name: str = "x"
    file: Annotated[Path | None, arg(aliases=["-f"])] = None
    loud: Annotated[bool, arg(aliases=["-l"])] = False
    kind: Literal["a", "b"] = "a"
    where: UseAppendAction[tuple[tuple[str, ...], ...]] = ()


def test_every_type_is_parsed() -> None:
    argv = "-c 5 --limit 7 --rate 1e-3 --name ab -f d/e.pkl -l --kind b --where x=1 y=2 --where z=3"
    expected = Settings(5, 7, 1e-3, "ab", Path("d/e.pkl"), True, "b", (("x=1", "y=2"), ("z=3",)))
    assert parse(Settings, "", argv.split()) == expected
    default = Settings(count=7, name="y", loud=True)
    assert parse(Settings, "", ["--name", "z", "-l"], default=default) == Settings(count=7, name="z", loud=True)
    assert parse(Settings, "", ["--count", "-4"]) == Settings(count=-4)


@pytest.mark.parametrize("argv", ["--count 1.5", "--kind c", "--nosuch 1", "--cou 3", "--count", "stray"])
def test_wrong_command_line(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(Settings, "", argv.split())
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert argv.split()[0] in output.err


def exit_code(error: BaseException | None) -> object:
    with pytest.raises(SystemExit) as stopped:
        run(mock.Mock(side_effect=error))
    return stopped.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InvalidInput("two\nlines \x1b[31m \0 \udc80 ±"), 2, "error: two lines \\x1b[31m \\x00 \\udc80 ±\n"),
        (InvalidInput("long" * 10**6), 2, f"error: {'long' * 200}"[:500] + "\n"),
        (ProcessFailed("killed"), 1, "error: killed\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BlockingIOError(errno.EAGAIN, "Resource"), 2, NO_PROCESS % "[Errno 11] Resource"),
        (RuntimeError("can't start new thread"), 2, NO_PROCESS % "can't start new thread"),
        (MemoryError(), 2, "error: out of memory\n"),
        (OSError(errno.ENOSPC, "No space left", "log.csv"), 2, "error: [Errno 28] No space left: 'log.csv'\n"),
        (None, 0, ""),
    ],
)
def test_exit_codes(error: BaseException | None, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(error) == code
    assert capsys.readouterr().err == line


def users_code() -> None:
    raise FileNotFoundError("no table")


def test_an_exception_in_the_users_code_is_named_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(users_code)
    line = r"error: FileNotFoundError: no table \(.*test_command_line\.py, line \d+\)\n"
    assert re.fullmatch(line, capsys.readouterr().err)


def test_debug_shows_the_traceback_of_a_wrong_input(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", "--debug"])
    assert exit_code(InvalidInput("no")) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("\nerror: no\n")
    monkeypatch.setattr(sys, "argv", ["script.py"])
    assert exit_code(ZeroDivisionError("no")) == 1  # an error of the project itself has a traceback without the flag
    assert "Traceback" in capsys.readouterr().err
