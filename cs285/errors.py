"""Exceptions that end a script with one line on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InvalidInput(Exception):
    """A setting, file or environment that the project can't work with.

    The message is one line that names the value and what is allowed; scripts exit with code 2.
    """

    has_context = False  # whether the message names task and iteration


class WorkerDied(RuntimeError):
    """A worker process was killed or ran out of memory; scripts exit with code 1."""


class RunsFailed(RuntimeError):
    """Some runs of a sweep failed twice and the others completed; scripts exit with code 1."""


@contextmanager
def error_context(env_name: str, itr: int) -> Iterator[None]:
    """Prefix the message of an `InvalidInput` with the task and the iteration, unless it has them already.

    Raises:
        InvalidInput: with the prefix, from the original one.
    """
    try:
        yield
    except InvalidInput as error:
        if error.has_context:
            raise
        with_context = InvalidInput(f"{env_name}, iteration {itr}: {error}")
        with_context.has_context = True
        raise with_context from error
