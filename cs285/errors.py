"""Exceptions that end a script with one line: what the user can mend, and what befell a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InvalidInput(ValueError):
    """A setting, file or environment that the project can't work with.

    Its message is one line that names the value and what is allowed; the scripts
    print it and exit with code 2.
    """


class WorkerDied(RuntimeError):
    """A worker process ended in the middle of an episode: killed, or out of memory."""


class RunsFailed(RuntimeError):
    """Some runs of a sweep failed twice; the others are done."""


@contextmanager
def error_context(env_name: str, itr: int) -> Iterator[None]:
    """Put task and iteration before what is wrong with an episode's numbers.

    Raises:
        InvalidInput: in place of another.
    """
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{env_name}, iteration {itr}: {error}") from error
