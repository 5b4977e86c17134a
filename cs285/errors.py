"""Exceptions that end a script with one line on stderr."""

import errno
import itertools
import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).parent
PROJECT = (f"{PACKAGE}{os.sep}", f"{PACKAGE.parent / 'scripts'}{os.sep}")
INSTALLED = ("<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
NO_THREAD = "can't start new thread"  # the message of Python's RuntimeError


class InvalidInput(Exception):
    """A setting, file or environment that the project can't work with; the message names it and what is allowed."""


class Stopped(SystemExit):
    """The end of a script by SIGINT or SIGTERM."""


class ProcessFailed(RuntimeError):
    """A worker process was killed, or runs of a sweep failed; scripts exit with code 1."""


@contextmanager
def error_context(env_name: str, itr: int) -> Iterator[None]:
    """Context manager that adds task and iteration to messages of `InvalidInput` and of errors in the user's code."""
    try:
        yield
    except Exception as error:
        if ", iteration " in str(error) or not (isinstance(error, InvalidInput) or users_frames(error)):
            raise
        reason = describe(error).removeprefix(f"{env_name}, ")
        raise InvalidInput(f"{env_name}, iteration {itr}: {reason}") from error


def describe(error: BaseException) -> str:
    """An exception in one line: its type, message, file and line.

    For an exception of this module, and for an OSError outside the user's code, the line is the message only.
    """
    message = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "out of memory"
    if getattr(error, "errno", None) == errno.EAGAIN or NO_THREAD in message:
        return f"no further process or thread can be started ({message}): end some, or raise `ulimit -u`"
    frames = users_frames(error)
    if isinstance(error, (InvalidInput, ProcessFailed)) or (isinstance(error, OSError) and not frames):
        return message
    last = (frames or traceback.extract_tb(error.__traceback__))[-1:]
    return f"{type(error).__name__}: {message}" + "".join(f" ({frame.filename}, line {frame.lineno})" for frame in last)


def users_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The calls of the user's code, neither the project's nor an installed package's, that led to an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = itertools.dropwhile(lambda frame: not frame.filename.startswith(PROJECT), frames)
    others = PROJECT + INSTALLED
    return [f for f in inside if not f.filename.startswith(others) and "-packages" not in f.filename]
