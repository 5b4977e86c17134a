"""submit.zip in the layout that a course requires: event files of the runs, code and commands."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cs285.data.run_folders import RunFolder
from cs285.data.shipped import PROJECT_ROOT, input_files
from cs285.data.whole_files import check_new, digest, read_whole, whole_file
from cs285.errors import InvalidInput
from cs285.results.series import Series

MAX_BYTES = 15 * 10**6  # the largest submission that the course allows
FOLDERS = {"expert_policy_file": Path("policies/experts"), "expert_data": Path("expert_data")}  # folders in the zip
README = """# Homework 1: imitation learning

The runs in {runs}/, and the commands that repeat them, from this folder:

```bash
python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && source .venv/bin/activate
```

"""
MISSING = "The zip would be too large with experts and data: copy them to policies/experts/ and expert_data/.\n\n"
EDITIONS = {  # names in each course's zip: folder of the runs, package, file that has the commands, script
    "cs285": ("run_logs", "cs285", "README.md", "cs285/scripts/run_hw1.py"),
    "rob831": ("run_logs", "rob831", "RUN.md", "rob831/scripts/run_hw1.py"),
    "xcs224r": ("data", "xcs224r", "README.md", "run_hw1.py"),
}


def write_submission(runs: Sequence[RunFolder], output: Path, edition: str = "cs285") -> int:
    """Write a zip with the runs, their commands, the code, and the experts and data that the runs read.

    If the zip would be too large, experts and data are left out. Returns the size in bytes. Raises InvalidInput when a
    run of BC (q1_) or DAgger (q2_) is missing, folders have the same name, or the zip is too large or can't be written.
    """
    names = sorted(run.path.name for run in runs)
    for prefix in ("q1_", "q2_"):
        if not any(name.startswith(prefix) for name in names):
            raise InvalidInput(f"no {prefix} run among {len(runs)} runs; q1_ is behavioural cloning, q2_ is DAgger")
    if len(set(names)) < len(names):
        raise InvalidInput(f"run folders have the same name: {', '.join(names)}")
    check_new(output)
    folder, package, readme, script = EDITIONS[edition]
    code = PROJECT_ROOT / "cs285"
    files = {path: f"{package}/{path.relative_to(code).as_posix()}" for path in sorted(code.rglob("*.py"))}
    own = {Path(Series([run]).script) for run in runs} - {Path("scripts/run_hw1.py")}
    files |= {path: path.name for path in sorted(own) if path.name == str(path) and path.is_file()}
    content = {name: re.sub(rb"\bcs285\b", package.encode(), read_whole(path)) for path, name in files.items()}
    content[script] = content[f"{package}/scripts/run_hw1.py"]
    content["requirements.txt"] = read_whole(PROJECT_ROOT / "requirements.txt")
    inputs, commands = dict[str, bytes](), ""
    for run in runs:
        if not (events := sorted(run.path.glob("events.out.tfevents.*"))):
            raise InvalidInput(f"{run.path} has no event file (events.out.tfevents.*)")
        content |= {f"{folder}/{run.path.name}/{path.name}": read_whole(path) for path in events}
        series = Series([_move_inputs(run, inputs)])
        name = f" --exp_name {run.config.exp_name}" if run.config.exp_name else ""
        command = series.command().replace("scripts/run_hw1.py", script, 1)
        commands += f"{run.path.name}\n\n```bash\n{command}{name}\n```\n\n"
    for note, more in (("", inputs), (MISSING, {})):
        zipped = zip_files({**content, **more, readme: (README.format(runs=folder) + note + commands).encode()})
        if len(zipped) <= MAX_BYTES:
            with whole_file(output) as file:
                file.write(zipped)
            return len(zipped)
    raise InvalidInput(f"the zip of {len(runs)} runs has {len(zipped) / 1e6:.2f} MB, more than 15 MB; use --runs")


def _move_inputs(run: RunFolder, content: dict[str, bytes]) -> RunFolder:
    """Add a run's unchanged input files to ``content`` by their paths in the zip; return the run with these paths."""
    for name, path in input_files(run.config).items():
        if path.is_file() and digest(path) == run.inputs.get(name):
            target = FOLDERS[name] / path.name
            if content.setdefault(target.as_posix(), read_whole(path)) == read_whole(path):
                given: dict[str, Any] = {} if getattr(run.config, name) is None else {name: target}
                run = replace(run, config=replace(run.config, **given))
    return run


def zip_files(contents: Mapping[str, bytes], executable: Sequence[str] = ()) -> bytes:
    """Return a zip of ``contents``, which maps names to bytes; the files in ``executable`` get execute permission."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        for name in executable:
            archive.getinfo(name).external_attr = 0o755 << 16
    return zipped.getvalue()
