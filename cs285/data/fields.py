"""Types and ranges of the fields in files of runs: config.json, log.csv and checkpoints; settings are in `Config`."""

from reprlib import repr as short_repr
from typing import Any

from cs285.config import is_plain
from cs285.errors import InvalidInput

# Kind of a number: (type, least value, greatest value). Where the type is float, an int is valid too.
COUNT, SECONDS, ADAM_STEP = (int, 0, 2**53), (float, 0, 1e12), (float, 0, 2**53)
SCALAR, STD = (float, -1e100, 1e100), (float, 0, 1e100)
# Kind of a mapping: a dict with the kind of the value of each required key, or {str: kind of the value of every key}.
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
        "evaluation": {"pending": object, "log": {"size": COUNT, "sha256": str}},
    },
}
PENDING = {"itr": COUNT, "scalars": {str: SCALAR}}


def check(value: Any, kind: Any, name: str = "") -> None:
    """Raise InvalidInput with the field's name and value unless the value has the ``kind``.

    A kind is a type, a tuple for a number, or a dict for a mapping, as described above.
    """
    if isinstance(kind, dict):
        if type(value) is dict and all(type(key) is str and is_plain(key) for key in value):
            for key in value if str in kind else kind:
                check(value.get(key), kind.get(key, kind.get(str)), f"{name}.{key:.40}".lstrip("."))
            return
        needed = "a mapping whose keys are texts without control characters"
    elif isinstance(kind, tuple):
        number, least, most = kind
        if type(value) in (int, number) and least <= value <= most:
            return
        needed = f"{number.__name__}, from {least:g} to {most:g}"
    else:
        if isinstance(value, kind) and (kind is not str or is_plain(value, "\n\t")):
            return
        needed = "text without control characters" if kind is str else f"a {kind.__name__}"
    raise InvalidInput(f"{name or 'it'} is {short_repr(value):.60}; it must be {needed}")
