"""Mistakes that a check finds in an answer, and the cases of a check."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class Mistake(Exception):
    """A mistake in an answer, or a disadvantage of an answer that works; the text is a clause for the student."""


def require(condition: object, text: str) -> None:
    """Raise a `Mistake` with this text unless the condition holds."""
    if not condition:
        raise Mistake(text)


def require_type(value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Raise a `Mistake` unless a returned value has the type ``kind``; ``wanted`` describes the type in the message."""
    found = "nothing (None)" if value is None else f"a {type(value).__name__}"
    require(isinstance(value, kind), f"it returns {found}, not {wanted}")


def require_trajectories(paths: Any) -> None:
    """Raise a `Mistake` unless a returned value is a list of trajectories."""
    require_type(paths, (list, tuple), "a list of trajectories")
    kinds = {type(path).__name__ for path in paths} - {"Trajectory"}
    require(not kinds, f"it returns a list or tuple in which there are {kinds}; all must be of the type Trajectory")


def require_equal(found: Any, wanted: Any, name: str, hint: str = "", known: Mapping[str, Any] | None = None) -> None:
    """Raise a `Mistake` unless two arrays have the same shape and nearly equal numbers.

    ``name`` begins the message and ``hint`` ends it. ``known`` maps the names of common mistakes to the numbers that
    they lead to. The first mistake that leads to ``found`` replaces the hint.
    """
    if not close(found, wanted):
        common = [f"; the likely mistake: {mistake}" for mistake, other in (known or {}).items() if close(found, other)]
        if np.ndim(wanted) == 2 and np.shape(found) == np.shape(wanted):
            row = [close(a, b) for a, b in zip(found, wanted, strict=True)].index(False)
            name, found, wanted = f"{name}, in row {row}:", found[row], wanted[row]
        raise Mistake(f"{name} {show(found)}, not {show(wanted)}{[*common, hint][0]}")


def close(found: Any, wanted: Any) -> bool:
    """Whether two arrays have the same shape and nearly equal numbers."""
    a, b = (_array(value) for value in (found, wanted))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-4, atol=1e-4))


def show(numbers: Any) -> str:
    """Format numbers, shortened, for a message to a student."""
    return np.array2string(_array(numbers), precision=3, threshold=14, edgeitems=3, separator=", ").replace("\n", "")


def _array(numbers: Any) -> Any:
    return np.asarray(numbers.detach() if isinstance(numbers, torch.Tensor) else numbers)


@contextmanager
def case(name: str) -> Iterator[None]:
    """Add the name of a case to the notes of an error in the block; the message to the student begins with it."""
    try:
        yield
    except Exception as error:
        error.__notes__ = [*getattr(error, "__notes__", []), name]  # Python 3.10 has no add_note
        raise


def run_cases(check: Callable[..., Any], cases: Mapping[str, tuple[Any, ...]]) -> Iterator[Mistake]:
    """Call a check for each case and yield the mistakes; ``cases`` maps the names of cases to the check's arguments."""
    for name, arguments in cases.items():
        with case(name):
            yield from check(*arguments) or ()
