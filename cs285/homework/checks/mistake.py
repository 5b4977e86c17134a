"""Mistakes that a check finds in an answer, and the cases of a check."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class Mistake(Exception):
    """A mistake in an answer, with a key that identifies the mistake in tests and a clause for the student."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(key, words)
        self.key, self.words = key, words


def require(condition: object, key: str, words: str) -> None:
    """Raise a `Mistake` with this key and these words unless the condition holds."""
    if not condition:
        raise Mistake(key, words)


def require_type(value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Raise a `Mistake` unless a returned value has the type ``kind``; ``wanted`` describes the type in the message."""
    found = "nothing (None)" if value is None else f"a {type(value).__name__}"
    require(isinstance(value, kind), "type", f"it returns {found}, not {wanted}")


def require_trajectories(paths: Any) -> None:
    """Raise a `Mistake` unless a returned value is a list of trajectories."""
    require_type(paths, (list, tuple), "a list of trajectories")
    kinds = {type(path).__name__ for path in paths} - {"Trajectory"}
    require(not kinds, "type", f"it returns {kinds} in a list or tuple; it must return only a list of trajectories")


def require_equal(
    found: Any, wanted: Any, key: str, name: str, hint: str = "", others: Mapping[str, tuple[Any, str]] | None = None
) -> None:
    """Raise a `Mistake` unless two arrays have the same shape and nearly equal numbers.

    ``name`` begins the message, and ``hint`` ends the message. ``others`` maps the key of each known mistake to the
    numbers that the mistake leads to, and to a hint. If ``found`` has these numbers, the `Mistake` that is raised has
    the known mistake's key and hint.
    """
    if not close(found, wanted):
        same = [(name, clause) for name, (other, clause) in (others or {}).items() if close(found, other)]
        key, hint = [*same, (key, hint)][0]
        if np.ndim(wanted) == 2 and np.shape(found) == np.shape(wanted):
            row = [close(a, b) for a, b in zip(found, wanted, strict=True)].index(False)
            name, found, wanted = f"{name}, in row {row}:", found[row], wanted[row]
        raise Mistake(key, f"{name} {show(found)}, not {show(wanted)}{hint}")


def close(found: Any, wanted: Any) -> bool:
    """Whether two arrays have the same shape and nearly equal numbers."""
    a, b = (_array(value) for value in (found, wanted))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-4, atol=1e-4))


def show(numbers: Any) -> str:
    """Format numbers, shortened, for a message to a student."""
    text = np.array2string(_array(numbers), precision=3, threshold=14, edgeitems=3, separator=", ")
    return text.replace("\n", "")


def _array(numbers: Any) -> Any:
    return np.asarray(numbers.detach() if isinstance(numbers, torch.Tensor) else numbers)


@contextmanager
def case(name: str) -> Iterator[None]:
    """Prefix the message of an error in the block with the name of the case."""
    try:
        yield
    except Mistake as mistake:
        raise Mistake(mistake.key, f"{name}: {mistake.words}") from None
    except Exception as error:
        error.case = f"{name}: {getattr(error, 'case', '')}"  # type: ignore[attr-defined]
        raise


def run_cases(check: Callable[..., Any], cases: Mapping[str, tuple[Any, ...]]) -> Iterator[Mistake]:
    """Call a check for each case and yield the mistakes; ``cases`` maps the names of cases to the check's arguments."""
    for name, arguments in cases.items():
        with case(name):
            yield from check(*arguments) or ()
