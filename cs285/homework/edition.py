"""The student edition, in which blanks have empty bodies, and Gradescope's autograder.zip with the edition's code."""

import ast
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from cs285.data.shipped import PROJECT_ROOT
from cs285.data.whole_files import check_new, whole_file, whole_folder, write_files
from cs285.errors import InvalidInput
from cs285.homework.blanks import BLANKS, Blank
from cs285.results.submission import zip_files

SCRIPTS = (
    "_checkout check_hw1 collect_expert_data describe_data eval_policy make_report make_submission plot_results run_hw1"
)
# Patterns of paths; * in a pattern also matches /.
INCLUDED = (
    *("LICENSE", ".gitignore", "requirements.txt", "docs/editions.md", "docs/homework/handout.md"),
    *("docs/homework/*.png", "notebooks/homework.ipynb", "expert_data/*.pkl", "policies/experts/*.pkl"),
    *("cs285/*.py", "cs285/*.jinja", *(f"scripts/{name}.py" for name in SCRIPTS.split())),
)
GRADER = "cs285/homework/grade.py"
# Files that are not copied: one that contains an answer to a blank, and others that no copied file imports.
LEFT_OUT = (
    *("cs285/policies/fast_update.py", "cs285/sweeps/*", "cs285/experts/[!_r]*", "cs285/homework/edition.py"),
    GRADER,
)
README = "docs/homework/student_readme.md"  # this file becomes the edition's README.md
SETUP = """#!/usr/bin/env bash
# Builds the autograder's image; Gradescope runs it once, as root.
set -euo pipefail
python=python3
if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; then
  apt-get update -qq && apt-get install -y -qq python3-pip python3-venv
  python3 -m venv /opt/uv && /opt/uv/bin/pip install -q uv
  export UV_PYTHON_INSTALL_DIR=/opt/python  # unprivileged users can read this folder
  /opt/uv/bin/uv python install 3.12
  python=$(/opt/uv/bin/uv python find 3.12)
fi
cd "${1:-/autograder}"
"$python" -m venv venv
venv/bin/pip install -q "$(grep ^torch== source/edition/requirements.txt)" --index-url https://download.pytorch.org/whl/cpu
venv/bin/pip install -q -r source/edition/requirements.txt
"""
RUN = """#!/usr/bin/env bash
# Grades one submission; Gradescope runs it, as root. Another folder than /autograder can be given.
set -euo pipefail
root=${1:-/autograder}
cd "$root/source/edition"
exec "${PYTHON:-$root/venv/bin/python}" -B -m cs285.homework.grade "$root" .
"""


def write_edition(folder: Path, blanks: Sequence[Blank] = BLANKS) -> int:
    """Write the student edition atomically into a new or empty folder; return the edition's number of files.

    The functions of ``blanks`` are empty in the edition, and those of other blanks have the project's bodies.
    Raises InvalidInput if ``folder`` is a file, is not empty or can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} exists and is not an empty folder; name a new one")
    with whole_folder(folder) as unfinished:
        files = edition_files(blanks)
        write_files(unfinished, files)
    return len(files)


def edition_files(blanks: Sequence[Blank] = BLANKS) -> dict[str, bytes]:
    """Map the path of each file of the student edition, relative to the edition's folder, to the file's bytes."""
    files = {"README.md": (PROJECT_ROOT / README).read_bytes()}
    for top in sorted({name.partition("/")[0] for name in INCLUDED}):
        for path in sorted([*(PROJECT_ROOT / top).rglob("*"), PROJECT_ROOT / top]):
            name = path.relative_to(PROJECT_ROOT).as_posix()
            included, left_out = (any(fnmatch(name, each) for each in names) for names in (INCLUDED, LEFT_OUT))
            if included and not left_out and path.is_file():
                files[name] = path.read_bytes()
    for blank in blanks:
        for body in blank.bodies:
            files[body.file] = empty_body(files[body.file].decode(), body.function, blank).encode()
    return files


def empty_body(source: str, function: str, blank: Blank) -> str:
    """Replace the body of a "function" or "Class.method" in a module's source text by hints and a NotImplementedError.

    All other lines stay unchanged. The blank's first function gets all hints. The blank's other functions get a comment
    that names the first function.
    """
    node: Any = ast.parse(source)
    for name in function.split("."):
        (node,) = (part for part in node.body if getattr(part, "name", None) == name)
    first = node.body[0]
    begin = first.end_lineno if ast.get_docstring(node, clean=False) is not None else first.lineno - 1
    whole = function == blank.bodies[0].function
    hints = blank.hints if whole else [f"The hints are in {blank.name}, {blank.file}."]
    lines, indent = source.splitlines(keepends=True), " " * first.col_offset
    emptied = [*(f"{indent}# {hint}\n" for hint in hints), f"{indent}raise NotImplementedError(\n"]
    emptied += [f'{indent}    "{blank.not_written}"\n', f"{indent})\n"]
    return "".join([*lines[:begin], *emptied, *lines[node.end_lineno :]])


def write_autograder(output: Path) -> int:
    """Write autograder.zip, and return its size in bytes; raise InvalidInput if ``output`` exists or writing fails."""
    check_new(output)
    files = {f"edition/{name}": content for name, content in edition_files().items() if name.endswith(".py")}
    experts = PROJECT_ROOT.glob("policies/experts/*.json")
    for path in (PROJECT_ROOT / GRADER, PROJECT_ROOT / "requirements.txt", *experts):
        files[f"edition/{path.relative_to(PROJECT_ROOT).as_posix()}"] = path.read_bytes()
    scripts = {"setup.sh": SETUP.encode(), "run_autograder": RUN.encode()}
    zipped = zip_files({**files, **scripts}, [*scripts])
    with whole_file(output) as file:
        file.write(zipped)
    return len(zipped)
