"""Dataclasses as command lines, and exit codes of scripts."""

from __future__ import annotations

import errno
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from tyro.conf import UseAppendAction, arg

from cs285.command_line import check_at_least, parse, run
from cs285.errors import InvalidInput, RunsFailed, WorkerDied


@dataclass(frozen=True)
class Settings:
    """One field of each type in use."""

    count: Annotated[int, arg(aliases=["-c"])] = 3  # How many
    limit: int | None = None
    """The largest number
    allowed."""
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


def test_flags_not_given_have_the_default() -> None:
    assert parse(Settings, "", ["--count", "-4"]) == Settings(count=-4)
    default = Settings(count=7, name="y", loud=True)
    assert parse(Settings, "", ["--name", "z", "-l"], default=default) == Settings(count=7, name="z", loud=True)


@pytest.mark.parametrize("argv", ["--count 1.5", "--kind c", "--nosuch 1", "--cou 3", "--count", "stray"])
def test_wrong_command_line(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(Settings, "", argv.split())
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert argv.split()[0] in output.err


def test_help_shows_description_flags_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(Settings, "What this script does.", ["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for expected in ("What this script does.", "--count INT", "-c INT", "How many", "default: 3", "{a,b}", "--debug"):
        assert expected in shown
    assert "The largest number allowed." in " ".join(shown.replace("│", "").split())
    assert "--no_loud" not in shown


def test_check_at_least() -> None:
    check_at_least(1, Settings(rate=1, limit=None), "rate", "limit")
    for value in (0, float("nan")):
        with pytest.raises(InvalidInput, match=f"--rate is {value}; it must be at least 1"):
            check_at_least(1, Settings(rate=value), "rate")


def exit_code(error: BaseException | None) -> object:
    """The exit code of a script whose main raises an exception."""

    def main() -> None:
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as stopped:
        run(main)
    return stopped.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InvalidInput("two\nlines \x1b[31m \0 \udc80 ±"), 2, "error: two lines \\x1b[31m \\x00 \\udc80 ±\n"),
        (InvalidInput("long" * 10**6), 2, f"error: {'long' * 200}"[:500] + "\n"),
        (WorkerDied("killed"), 1, "error: killed\n"),
        (RunsFailed("1 of 2 runs failed"), 1, "error: 1 of 2 runs failed\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (MemoryError(), 2, "error: out of memory\n"),
        (OSError(errno.ENOSPC, "No space left", "log.csv"), 2, "error: [Errno 28] No space left: 'log.csv'\n"),
        (None, 0, ""),
    ],
)
def test_exit_codes(error: BaseException | None, code: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(error) == code
    assert capsys.readouterr().err == line


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", "--debug"])
    assert exit_code(InvalidInput("no")) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("\nerror: no\n")


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(ZeroDivisionError())


def test_settings_are_parsed_without_importing_torch() -> None:
    code = "import sys, cs285.scripts.run_hw1; sys.exit(bool({'torch', 'gymnasium', 'mujoco'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
