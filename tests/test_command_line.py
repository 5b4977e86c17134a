"""Dataclasses as command lines, and how a script ends."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from cs285.command_line import check_at_least, option, parse, parse_given, run
from cs285.errors import InvalidInput
from cs285.process import Stopped


@dataclass(frozen=True)
class Settings:
    """One field of each type that is understood."""

    count: int = option(3, "-c", help="how many")
    limit: int | None = option(None, help="where to stop")
    rate: float = option(0.5, help="how fast")
    name: str = option("x", help="what it is called")
    file: Path | None = option(None, "-f", help="where from")
    loud: bool = option(False, "-l", help="say more")
    kind: Literal["a", "b"] = option("a", help="which of them")


def test_each_type_is_read() -> None:
    argv = ["-c", "5", "--limit", "7", "--rate", "1e-3", "--name", "ab", "-f", "d/e.pkl", "-l", "--kind", "b"]
    assert parse(Settings, "", argv) == Settings(5, 7, 1e-3, "ab", Path("d/e.pkl"), True, "b")


def test_flags_left_out_keep_their_defaults() -> None:
    assert parse(Settings, "", ["--count", "-4"]) == Settings(count=-4)


@pytest.mark.parametrize(
    "argv",
    [
        "--count many",
        "--count 1.5",
        "--rate fast",
        "--kind c",
        "--nosuch 1",
        "--cou 3",
        "--count",
        "stray",
        "--loud yes",
    ],
)
def test_a_wrong_command_line_is_one_line_on_stderr_and_code_2(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(lambda: print(parse(Settings, "", argv.split())))
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1


def test_what_is_given_is_told_from_what_is_left_out() -> None:
    assert parse_given(Settings, "", ["-c", "3", "--rate", "1"]) == {"count": 3, "rate": 1.0}


def test_help_tells_flags_defaults_and_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(Settings, "What this script does.", ["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    for expected in ("What this script does.", "--count", "-c", "how many", "default: 3", "default: 0.5", "{a,b}"):
        assert expected in told


@pytest.mark.parametrize(("value", "allowed"), [(1, True), (None, True), (0, False), (float("nan"), False)])
def test_check_at_least(value: float | None, allowed: bool) -> None:
    settings = Settings(rate=value)  # type: ignore[arg-type]
    if allowed:
        check_at_least(1, settings, "rate")
    else:
        with pytest.raises(InvalidInput, match=f"--rate is {value}; it must be at least 1"):
            check_at_least(1, settings, "rate")


def ended(error: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Exit code and stderr of a script whose main raises ``error``."""

    def main() -> None:
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as stopped:
        run(main)
    return stopped.value.code, capsys.readouterr().err


def test_a_script_ends_with_the_code_that_says_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(None, capsys) == (0, "")
    assert ended(InvalidInput("two\nlines"), capsys) == (2, "error: two lines\n")
    assert ended(KeyboardInterrupt(), capsys) == (130, "interrupted\n")
    assert ended(Stopped(signal.SIGTERM), capsys) == (143, "terminated\n")
    assert ended(MemoryError(), capsys) == (2, "error: out of memory\n")


def test_our_own_mistakes_keep_their_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys\nimport cs285.config\nsys.exit('torch' in sys.modules or 'gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_disk_that_takes_no_more_is_one_line_and_other_errors_of_the_system_are_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(OSError(errno.ENOSPC, "No space left"), capsys) == (2, "error: the output: No space left\n")
    assert ended(OSError(errno.ENAMETOOLONG, "File name too long", "aaa"), capsys) == (
        2,
        "error: aaa: File name too long\n",
    )
    with pytest.raises(FileNotFoundError):
        ended(FileNotFoundError(errno.ENOENT, "No such file"), capsys)


def test_a_script_that_finished_ends_after_all_that_was_to_come_at_its_exit(tmp_path: Path) -> None:
    """But its modules are not taken apart one by one."""
    script = tmp_path / "script.py"
    script.write_text(
        "from cs285 import start\n"
        "import atexit, os, sys\n"
        "from cs285.command_line import run\n"
        "class Left:\n"
        "    def __del__(self, write=os.write): write(1, b'taken apart')\n"
        "sys.left = Left()\n"
        "def main():\n"
        "    atexit.register(print, 'at exit', end='')\n"
        "    print('out, ', end='')\n"
        "if __name__ == '__main__':\n"
        "    run(main)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("out, at exit", "")
