"""Parsing of command lines into dataclasses, one-line errors and exit codes of the scripts."""

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import tyro

from cs285 import process
from cs285.errors import NO_THREAD, InvalidInput, ProcessFailed, describe, users_frames

Settings = TypeVar("Settings")

MAX_LINE = 500  # largest number of characters of an error message
EXPECTED = (InvalidInput, ProcessFailed, OSError, MemoryError)  # these end a script without a traceback


def parse(
    settings_class: type[Settings], description: str, argv: Sequence[str] | None = None, default: Settings | None = None
) -> Settings:
    """Parse ``argv``, or this process's command line, into a dataclass; every field is a flag of the same name.

    ``--help`` shows ``description`` and the docstrings of the fields. ``default`` has the values of flags that are not
    given. Exits with code 2 when a flag is unknown or has the wrong type; the dataclass may raise InvalidInput.
    """
    # With ``default``, every on/off flag also has a --no_ form, which turns off what ``default`` turns on.
    options: dict[str, Any] = {"config": (tyro.conf.FlagCreatePairsOff,)} if default is None else {"default": default}
    options["description"] = f"{description.strip()}\n--debug prints the traceback of an error."
    arguments = [argument for argument in (sys.argv[1:] if argv is None else argv) if argument != "--debug"]
    settings: Settings = tyro.cli(settings_class, args=arguments, use_underscores=True, **options)
    return settings


def check_at_least(minimum: float, settings: object, *names: str) -> None:
    """Raise InvalidInput if one of the named settings is below ``minimum`` or not finite; None is allowed."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not minimum <= value < float("inf"):
            raise InvalidInput(f"--{name} is {value}; it must be at least {minimum}")


def run(main: Callable[..., object], settings_class: type | None = None, description: str | None = None) -> NoReturn:
    """Call a script's ``main`` and exit; if ``settings_class`` is given, ``main`` gets the settings that `parse` reads.

    Exit codes: 0 for success; 1 when a worker was killed, runs of a sweep failed or the project has an error; 2 for
    invalid input, an exception in the user's code, an error of the operating system or too little memory; 130 after
    SIGINT; 143 after SIGTERM; 141 when the reader of stdout has closed it. Python also finds modules in the current
    folder, such as the one of a task ``module:id``.
    """
    process.prepare()
    sys.path.append("")  # the current folder
    code = 0
    try:
        main(*([parse(settings_class, description or "")] if settings_class else []))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout again when it exits
        code = 128 + 13
    except Exception as error:
        code = report(error)
    except KeyboardInterrupt:  # raised by a library that has its own handler of SIGINT
        print("interrupted", file=sys.stderr)
        code = 128 + 2
    finally:
        process.restore_default_signals()
        gc.freeze()  # skips a garbage collection at exit, which is slow because torch has many objects
    sys.exit(code)


def report(error: Exception, context: str = "") -> int:
    """Print an error as one line on stderr, and return the exit code.

    With ``--debug``, and for an error of the project itself, the traceback is printed first.
    """
    expected = isinstance(error, EXPECTED) or users_frames(error) or NO_THREAD in str(error)
    with contextlib.suppress(OSError):  # the terminal may be gone
        if "--debug" in sys.argv or not expected:
            traceback.print_exception(error)
        text = context + describe(error)
        escaped = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:MAX_LINE])
        print(f"error: {escaped}"[:MAX_LINE], file=sys.stderr)
    return 2 if expected and not isinstance(error, ProcessFailed) else 1
