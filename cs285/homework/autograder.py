"""autograder.zip for Gradescope: setup.sh, run_autograder, and the student edition with the grader."""

from pathlib import Path

from cs285.data.shipped import PROJECT_ROOT
from cs285.data.whole_files import check_new, whole_file
from cs285.homework.edition import edition_files
from cs285.results.submission import zip_files

GRADER = "cs285/homework/grade.py"
SETUP = """#!/usr/bin/env bash
# Builds the autograder's image; Gradescope runs it once, as root.
set -euo pipefail
python=python3
if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; then
  apt-get update -qq && apt-get install -y -qq python3-pip python3-venv
  python3 -m venv /opt/uv && /opt/uv/bin/pip install -q uv
  export UV_PYTHON_INSTALL_DIR=/opt/python  # which an unprivileged user can read
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


def write_autograder(output: Path) -> int:
    """Write the zip and return its size in bytes; raise InvalidInput when the file exists or can't be written."""
    check_new(output)
    files = {name: content for name, content in edition_files().items() if name.endswith(".py")}
    experts = PROJECT_ROOT.glob("policies/experts/*.json")
    for path in (PROJECT_ROOT / GRADER, PROJECT_ROOT / "requirements.txt", *experts):
        files[path.relative_to(PROJECT_ROOT).as_posix()] = path.read_bytes()
    scripts = {"setup.sh": SETUP.encode(), "run_autograder": RUN.encode()}
    zipped = zip_files({**{f"edition/{name}": content for name, content in files.items()}, **scripts}, [*scripts])
    with whole_file(output) as file:
        file.write(zipped)
    return len(zipped)
