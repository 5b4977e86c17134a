"""A command line made from a frozen dataclass of settings."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import gc
import os
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cs285 import process
from cs285.errors import InvalidInput, RunsFailed, WorkerDied

Settings = TypeVar("Settings")

# What the system refuses for a reason that the user can mend: room, names, limits.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
NAMES_AND_LIMITS = (
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
)


def option(default: Any, *aliases: str, help: str) -> Any:
    """Declare a dataclass field that is also a command-line flag.

    Args:
        default: the value when the flag is not given.
        aliases: short spellings, such as ``"-env"``.
        help: what ``--help`` says of it.
    """
    return dataclasses.field(default=default, metadata={"aliases": aliases, "help": help})


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message} (see --help)")


class _Extend(argparse.Action):
    """Collect the values of a flag that may be given several times."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: Any, option_string: object = None
    ) -> None:
        before = getattr(namespace, self.dest)
        given = before if isinstance(before, tuple) and before is not self.default else ()
        setattr(namespace, self.dest, (*given, *values))


def parse(settings: type[Settings], description: str, argv: Sequence[str] | None = None) -> Settings:
    """Build ``settings`` from a command line; every field is a flag under its own name.

    Args:
        settings: a dataclass whose fields were all declared with `option`.
        description: the first lines of ``--help``.
        argv: the arguments; the process's own when None.

    Raises:
        InvalidInput: when a flag is unknown or its value has the wrong type, or the dataclass itself refuses a value.
    """
    return settings(**parse_given(settings, description, argv))


def parse_given(settings: type[Any], description: str, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """The values of those flags that a command line has; arguments as of `parse`.

    Raises:
        InvalidInput: when a flag is unknown or its value has the wrong type.
    """
    parser = _OneLineParser(
        description=description,
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    annotations = typing.get_type_hints(settings)
    for field in dataclasses.fields(settings):
        parser.add_argument(
            *field.metadata["aliases"],
            f"--{field.name}",
            default=field.default,
            help=field.metadata["help"],
            **_value_arguments(annotations[field.name]),
        )
    nothing = object()
    found = argparse.Namespace(**dict.fromkeys(annotations, nothing))  # in the place of defaults
    given = {name: value for name, value in vars(parser.parse_args(argv, found)).items() if value is not nothing}
    for name in (name for name, value in given.items() if value == []):  # what argparse makes of --name=--
        parser.error(f"argument --{name}: expected one argument")
    return given


def _value_arguments(annotation: Any) -> dict[str, Any]:
    """The argparse arguments that read a value of this type."""
    if annotation is bool:
        return {"action": "store_true"}
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):  # X | None: None is to leave the flag out
        annotation = next(a for a in typing.get_args(annotation) if a is not types.NoneType)
    if typing.get_origin(annotation) is typing.Literal:
        return {"choices": typing.get_args(annotation)}
    if annotation == tuple[str, ...]:
        return {"nargs": "+", "action": _Extend, "metavar": "TEXT"}
    if annotation == tuple[Path, ...]:
        return {"nargs": "+", "action": _Extend, "type": Path, "metavar": "PATH"}
    if annotation == tuple[int, ...]:
        return {"type": integers, "metavar": "INT,INT,..."}
    return {"type": annotation, "metavar": annotation.__name__.upper()}


def integers(text: str) -> tuple[int, ...]:
    """Read numbers with commas between them."""
    return tuple(int(number) for number in text.split(","))


def check_at_least(minimum: float, settings: object, *names: str) -> None:
    """Refuse settings that are set and below ``minimum``, or are not finite.

    Raises:
        InvalidInput: naming the flag, its value and the smallest one allowed.
    """
    for name in names:
        value = getattr(settings, name)
        if value is not None and not minimum <= value < float("inf"):
            raise InvalidInput(f"--{name} is {value}; it must be at least {minimum}")


def check_at_most(maximum: int, settings: object, *names: str) -> None:
    """Refuse settings that are set and above ``maximum``.

    Raises:
        InvalidInput: naming the flag, its value and the largest one allowed.
    """
    for name in names:
        if (getattr(settings, name) or 0) > maximum:
            raise InvalidInput(f"--{name} is {getattr(settings, name)}; it must be at most {maximum}")


def run(main: Callable[[], None]) -> NoReturn:
    """Call a script's ``main`` and end the process as a command-line tool should.

    Exit codes: 0; 2 with one line on stderr for a mistake of the user's, or a disk, a limit or a name that
    the system refuses; 1 when a worker was killed or runs of a sweep failed; 130 for Ctrl-C and 143 for
    SIGTERM; 141 when nobody reads the output any more.
    """
    try:
        try:
            main()
        finally:
            process.ending()
            gc.freeze()  # or the interpreter would look through all of torch for garbage, a third of a second long
    except InvalidInput as error:
        sys.exit(_report(f"error: {error}", 2))
    except (WorkerDied, RunsFailed) as error:
        sys.exit(_report(f"error: {error}", 1))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would try to flush again
        sys.exit(128 + 13)
    except OSError as error:
        if error.errno not in (*NO_ROOM, *NAMES_AND_LIMITS):
            raise
        what = error.filename or ("the output" if error.errno in NO_ROOM else "the system")
        sys.exit(_report(f"error: {what}: {error.strerror}", 2))
    except MemoryError:
        sys.exit(_report("error: out of memory", 2))
    except KeyboardInterrupt as stop:
        sys.exit(_report(*process.told(stop)))
    if main.__module__ == "__main__":  # the process is the script's, which nothing follows
        process.finished()
    sys.exit(0)


def _report(line: str, code: int) -> int:
    with contextlib.suppress(OSError):  # a terminal that went away
        print(" ".join(line.split()), file=sys.stderr)
    return code
