"""Exceptions that end a script with one line on stderr."""

import errno
import itertools
import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).parent
PROJECT = (f"{PACKAGE}{os.sep}", f"{PACKAGE.parent / 'scripts'}{os.sep}")
INSTALLED = (*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),)


class InvalidInput(Exception):
    """A setting, file or environment that the project can't work with; the message names it and what is allowed."""

    has_context = False  # whether the message names the task and the iteration


class Stopped(SystemExit):
    """The end of a script by SIGINT or SIGTERM."""


class WorkerDied(RuntimeError):
    """A worker process was killed or ran out of memory; scripts exit with code 1."""


class RunsFailed(RuntimeError):
    """Some runs of a sweep failed twice and the others completed; scripts exit with code 1."""


@contextmanager
def error_context(env_name: str, itr: int) -> Iterator[None]:
    """Context manager that adds task and iteration to messages of `InvalidInput` and of errors in the user's code."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if getattr(error, "has_context", not is_users(error)):
            raise
        with_context = InvalidInput(f"{env_name}, iteration {itr}: {describe(error).removeprefix(f'{env_name}, ')}")
        with_context.has_context = True
        raise with_context from error


def message_of(error: BaseException) -> str:
    """The message of an exception in one line; a clearer text if the system has no more memory or processes."""
    if isinstance(error, MemoryError):
        return "out of memory"
    message = " ".join(str(error).split())
    if lacks_processes(error):
        return f"no further process or thread can be started ({message}): end some, or raise `ulimit -u`"
    return message


def lacks_processes(error: BaseException) -> bool:
    """Whether the system refused to start a process or a thread."""
    return getattr(error, "errno", None) == errno.EAGAIN or "can't start new thread" in str(error)


def describe(error: BaseException) -> str:
    """Type, message, file and line of an exception in one line; for exceptions of this module, the message only."""
    message = message_of(error)
    if isinstance(error, (InvalidInput, WorkerDied, RunsFailed)):
        return message
    last = [*_lines(error.__traceback__), *_users_lines(error)][-1:]
    return f"{type(error).__name__}: {message}" + "".join(f" ({file}, line {line})" for file, line in last)


def is_users(error: BaseException) -> bool:
    """Whether an exception comes from the user's code, which is neither the project's nor an installed package's."""
    return not isinstance(error, Stopped) and bool(_users_lines(error))


def _users_lines(error: BaseException) -> list[tuple[str, int]]:
    """Files and lines of the user's code that the project had called, outermost first."""
    lines = _lines(error.__traceback__)
    inside = itertools.dropwhile(lambda line: not line[0].startswith(PROJECT), lines)
    return [line for line in inside if not line[0].startswith(PROJECT + INSTALLED) and "-packages" not in line[0]]


def _lines(trace: TracebackType | None) -> list[tuple[str, int]]:
    lines = ((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace))
    return [line for line in lines if not line[0].startswith("<frozen")]
