"""The student edition, in which blanks have empty bodies, and Gradescope's autograder.zip with the edition's code."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cs285.data.shipped import PROJECT_ROOT
from cs285.data.whole_files import check_new, whole_file, whole_folder, write_files
from cs285.homework.blanks import BLANKS, Blank
from cs285.results.submission import zip_files

SCRIPTS = (
    "_checkout check_hw1 collect_expert_data describe_data eval_policy make_report make_submission plot_results run_hw1"
)
INCLUDED = (
    *("LICENSE", ".gitignore", "requirements.txt", "docs/editions.md", "docs/homework/handout.md"),
    *("docs/homework/*.png", "notebooks/homework.ipynb", "expert_data/*.pkl", "policies/experts/*.pkl"),
    *("cs285/**/*.py", "cs285/**/*.jinja", *(f"scripts/{name}.py" for name in SCRIPTS.split())),
)
# Files that are not copied: one that contains an answer to a blank, and others that no copied file imports.
LEFT_OUT = (
    *("cs285/policies/fast_update.py", "cs285/sweeps/*", "cs285/experts/training.py"),
    *("cs285/homework/edition.py", "cs285/homework/grade.py"),
)
README = "docs/homework/student_readme.md"  # this file becomes the edition's README.md


def write_edition(folder: Path, blanks: Sequence[Blank] = BLANKS) -> int:
    """Write the student edition atomically into a new or empty folder; return the edition's number of files.

    Only the functions of ``blanks`` are empty. Raises InvalidInput if the folder is not empty or can't be written.
    """
    with whole_folder(folder) as unfinished:
        files = edition_files(blanks)
        write_files(unfinished, files)
    return len(files)


def edition_files(blanks: Sequence[Blank] = BLANKS) -> dict[str, bytes]:
    """Map the path of each file of the student edition, relative to the edition's folder, to the file's bytes."""
    included = {path for pattern in INCLUDED for path in PROJECT_ROOT.glob(pattern)}
    left_out = {path for pattern in LEFT_OUT for path in PROJECT_ROOT.glob(pattern)}
    files = {"README.md": (PROJECT_ROOT / README).read_bytes()}
    files |= {path.relative_to(PROJECT_ROOT).as_posix(): path.read_bytes() for path in sorted(included - left_out)}
    for blank in blanks:
        for body in blank.bodies:
            files[body.file] = empty_body(files[body.file].decode(), body.function, blank).encode()
    return files


def empty_body(source: str, function: str, blank: Blank) -> str:
    """Replace the body of a "function" or "Class.method" in a module's source text by hints and a NotImplementedError.

    Other lines stay unchanged. The blank's first function gets the hints; the others get a comment that names it.
    """
    node: Any = ast.parse(source)
    for name in function.split("."):
        (node,) = (part for part in node.body if getattr(part, "name", None) == name)
    docstring = node.body[0]
    indent = " " * docstring.col_offset
    first = function == blank.bodies[0].function
    hints = blank.hints.strip().splitlines() if first else [f"The hints are in {blank.name}, {blank.file}."]
    emptied = [*(f"{indent}# {hint}\n" for hint in hints), f"{indent}raise NotImplementedError(\n"]
    emptied += [f'{indent}    "{blank.not_written}"\n', f"{indent})\n"]
    lines = source.splitlines(keepends=True)
    return "".join([*lines[: docstring.end_lineno], *emptied, *lines[node.end_lineno :]])


def write_autograder(output: Path) -> int:
    """Write autograder.zip, and return its size in bytes; raise InvalidInput if ``output`` exists or writing fails."""
    check_new(output)
    files = {f"edition/{name}": content for name, content in edition_files().items() if name.endswith(".py")}
    for pattern in ("cs285/homework/grade.py", "requirements.txt", "policies/experts/*.json"):
        for path in PROJECT_ROOT.glob(pattern):
            files[f"edition/{path.relative_to(PROJECT_ROOT).as_posix()}"] = path.read_bytes()
    scripts = {path.name: path.read_bytes() for path in (PROJECT_ROOT / "docs/homework/autograder").iterdir()}
    zipped = zip_files({**files, **scripts}, [*scripts])
    with whole_file(output) as file:
        file.write(zipped)
    return len(zipped)
