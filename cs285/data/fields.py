"""Types and ranges of the fields in files of runs: config.json, log.csv and checkpoints; settings are in `Config`."""

from __future__ import annotations

from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Any

from cs285.config import is_plain
from cs285.errors import InvalidInput

MAX_TEXT = 10**6  # characters; the architecture of a deep policy has many


@dataclass(frozen=True)
class Number:
    """An ``int``, or a finite ``float``, in a range that includes both ends."""

    kind: type
    least: float
    most: float


COUNT, SECONDS = Number(int, 0, 2**53), Number(float, 0, 1e12)
SCALAR, STD = Number(float, -1e100, 1e100), Number(float, 0, 1e100)

# A type; a `Number`; a mapping of each name, or of all texts (str), to the kind of its value; a tuple of alternatives.
CONFIG_JSON = {
    "settings": {str: object},
    "inputs": {str: str},
    "versions": {str: str},
    "policy": {str: str},
    "earlier": list,
}
CHECKPOINT = {
    "version": COUNT,
    "itr": COUNT,
    "settings": {str: object},
    "added": {str: str},
    "state": {
        "agent": dict,
        "total_envsteps": COUNT,
        "seconds": SECONDS,
        "evaluation": {
            "pending": ({"itr": COUNT, "scalars": {str: SCALAR}}, type(None)),
            "log": {"size": COUNT, "sha256": str},
        },
    },
}


def check(value: Any, kind: Any, name: str = "") -> None:
    """Raise InvalidInput, with the field's name and its value, unless a value is of a kind."""
    if isinstance(kind, dict):
        if type(value) is dict and all(type(key) is str and is_plain(key) for key in value):
            for key in value if str in kind else kind:
                check(value.get(key), kind.get(key, kind.get(str)), f"{name}.{key:.40}".lstrip("."))
            return
        needed = "a mapping of texts"
    elif isinstance(kind, Number):
        if type(value) in (int, kind.kind) and kind.least <= value <= kind.most:
            return
        needed = f"{kind.kind.__name__}, from {kind.least:g} to {kind.most:g}"
    elif isinstance(kind, tuple):
        return check(value, kind[isinstance(value, kind[1])], name)
    else:
        if isinstance(value, kind) and (kind is not str or (is_plain(value, "\n\t") and len(value) <= MAX_TEXT)):
            return
        needed = "text without control characters" if kind is str else f"a {kind.__name__}"
    raise InvalidInput(f"{name or 'it'} is {short_repr(value):.60}; it must be {needed}")
