"""The project's own answers to the blanks."""

import ast
from pathlib import Path
from typing import Any

from cs285.homework.blanks import Blank
from tests.conftest import ROOT


def body_lines(source: str, function: str) -> slice:
    """Slice of the lines of a function's body after the docstring; line numbers begin at 0."""
    node: Any = ast.parse(source)
    for name in function.split("."):
        node = next(part for part in node.body if getattr(part, "name", None) == name)
    assert ast.get_docstring(node) is not None
    return slice(node.body[0].end_lineno, node.end_lineno)


def answer(folder: Path, blank: Blank) -> None:
    """Write the project's own bodies into a blank of a student edition."""
    for body in blank.bodies:
        given, empty = (root.joinpath(body.file).read_text(encoding="utf-8") for root in (ROOT, folder))
        lines, solution = empty.splitlines(keepends=True), given.splitlines(keepends=True)
        lines[body_lines(empty, body.function)] = solution[body_lines(given, body.function)]
        (folder / body.file).write_text("".join(lines), encoding="utf-8")
