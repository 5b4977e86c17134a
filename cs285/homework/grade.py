"""Grader of submissions. The autograder's ``run_autograder`` calls this grader on a folder with Gradescope's layout.

The checks in the autograder's zip run answers in separate processes, as an unprivileged user if the grader is root. Of
a submission, the grader takes only the files with blanks. It refuses a file in which `_uses` finds modules or functions
that the edition's own file does not use.
"""

import ast
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cs285.homework.blanks import BLANKS

RETURN = "Eval_AverageReturn"
LIMIT = 300.0  # seconds for all checks together
MAX_BYTES = 5 * 10**6  # a larger file of a submission is not read
NOBODY = 65534  # id of a user and a group without privileges
CHECK = """
import json
from cs285.homework.checks.runner import check_all
for verdict in check_all():
    print(json.dumps(verdict.as_json()), flush=True)
"""
# Answers may import only IMPORTS, must not contain names in HIDDEN, and must not use built-in functions in CALLS.
IMPORTS = "__future__ abc collections contextlib copy cs285 dataclasses enum functools gymnasium itertools math numpy"
IMPORTS += " random time torch tqdm typing"
HIDDEN = "_getframe builtins cloudpickle ctypes ctypeslib faulthandler gc get_type_hints homework importlib inspect io"
HIDDEN += " load loads multiprocessing os pickle shutil signal socket subprocess sys threading traceback"
CALLS = "breakpoint compile delattr eval exec getattr globals input locals open setattr vars"
# Mean returns of the course's experts on -v2 and -v4 tasks. Those of the -v5 experts are in policies/experts/*.json.
EXPERTS = {"Ant": 4751, "HalfCheetah": 4097, "Hopper": 3781, "Walker2d": 5462, "Humanoid": 10344}
# Tests of logs: prefix of run folders, fraction of the expert's return, number of tasks that must reach it, points.
LOGS = (("q1_", 0.3, 1, 4), ("q2_", 0.8, 1, 3), ("q2_", 0.8, 2, 3))


def main(root: Path, edition: Path) -> None:
    """Grade ``root/submission`` and write ``root/results/results.json``; ``edition`` is the student edition."""
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "homework"
        shutil.copytree(edition, staged)
        refused = _stage(root / "submission", staged)
        found = _check(staged, Path(scratch))
    tests = []
    for blank in BLANKS:
        reasons = [refused[body.file] for body in blank.bodies if body.file in refused]
        verdict = found.get(blank.name, {"points": 0, "line": f"{blank.name}: the checks ended before this one"})
        score, output = (0, reasons[0]) if reasons else (verdict["points"], verdict["line"])
        tests.append({"name": blank.name, "score": score, "max_score": blank.points, "output": output})
    returns = _returns(root / "submission", edition)
    for prefix, part, count, points in LOGS:
        seen = {task: value for (start, task), value in sorted(returns.items()) if start == prefix}
        score = points if sum(value >= part for value in seen.values()) >= count else 0
        name = f"runs {prefix}*: at least {part:.0%} of the expert's return on {count} task(s)"
        output = ", ".join(f"{value:.0%} on {task}" for task, value in seen.items()) or f"no evaluation in {prefix}*"
        tests.append({"name": name, "score": score, "max_score": points, "output": output})
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "results.json").write_bytes(json.dumps({"tests": tests}, indent=1).encode())


def _stage(submission: Path, staged: Path) -> dict[str, str]:
    """Copy a submission's files with blanks over the edition's files; map each file that isn't copied to the reason."""
    packages = [path.parents[1] for path in submission.rglob("infrastructure/rl_trainer.py")]
    package = min(packages, key=lambda path: (len(path.parts), path), default=submission / "cs285")
    refused = {}
    for file in dict.fromkeys(body.file for blank in BLANKS for body in blank.bodies):
        source = package / file.partition("/")[2]
        try:
            if not _readable(source):
                raise ValueError("it is not in the submission")
            text = re.sub(rf"\b{re.escape(package.name)}\.", "cs285.", source.read_bytes().decode())
            if surplus := {*_uses(text)} - {*_uses((staged / file).read_bytes().decode())}:
                raise ValueError(f"it uses {', '.join(sorted(surplus))}, which the grader does not allow")
            (staged / file).write_bytes(text.encode())
        except (ValueError, SyntaxError, RecursionError, MemoryError, OSError) as error:
            refused[file] = f"{file}: {error}"[:300]
    return refused


def _readable(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES


def _uses(source: str) -> Iterator[str]:
    """Yield what a source text uses but no answer needs, such as modules outside of IMPORTS or functions in CALLS."""
    imported = set[str]()
    for node in ast.walk(tree := ast.parse(source)):
        fields = [] if isinstance(node, ast.Constant) else [value for _, value in ast.iter_fields(node)]
        values = [value for field in fields for value in (field if isinstance(field, list) else [field])]
        names = {part for value in values if isinstance(value, str) for part in value.split(".")}
        yield from names & {*HIDDEN.split()} | {name for name in names if re.fullmatch("__.*__", name)}
        yield from {node.id} & {*CALLS.split()} if isinstance(node, ast.Name) else ()
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            modules = [node.module or "."] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from {module.partition(".")[0] or "a relative import" for module in modules} - {*IMPORTS.split()}
    for target in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
        owner: ast.expr = target
        while isinstance(owner, ast.Attribute | ast.Subscript):
            owner = owner.value
        own = isinstance(owner, ast.Name) and owner.id not in imported
        if not (own or isinstance(target.ctx, ast.Load)):
            yield f"an assignment to {ast.unparse(target)}"


def _check(staged: Path, scratch: Path) -> dict[str, dict[str, Any]]:
    """Run the checks in a student edition; return, by blank, the verdicts printed before a crash or the time limit."""
    scratch.chmod(0o755)
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": "/tmp", "OMP_NUM_THREADS": "1"}
    options: dict[str, Any] = {"cwd": staged, "env": environment, "start_new_session": True}
    users: list[dict[str, Any]] = [{"user": NOBODY, "group": NOBODY, "extra_groups": []}] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as output:
        for user in [*users, {}]:
            try:
                process = subprocess.Popen([sys.executable, "-B", "-c", CHECK], stdout=output, **options, **user)
                break
            except PermissionError:
                print(f"answers run as the grader's user: user {NOBODY} can't run {sys.executable}", file=sys.stderr)
        with suppress(subprocess.TimeoutExpired):
            process.wait(LIMIT)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # so that no process that an answer started can change the results
        process.wait()
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        with suppress(ValueError):  # the last line is incomplete if the process was killed
            found.setdefault((verdict := json.loads(line))["blank"], verdict)
    return found


def _returns(submission: Path, edition: Path) -> dict[tuple[str, str], float]:
    """Map (prefix, task), with the prefix q1_ or q2_, to the best Eval_AverageReturn as a fraction of the expert's."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    best: dict[tuple[str, str], float] = {}
    for path in submission.rglob("q[12]_*/events.out.tfevents.*"):
        name = path.parent.name
        task = next((task for task in EXPERTS if task in name), "")
        if task and _readable(path):
            card = edition / f"policies/experts/{task}-v5.json"
            expert = json.loads(card.read_bytes())["evaluation"]["mean"] if "-v5" in name else EXPERTS[task]
            events = EventAccumulator(str(path), {"scalars": 0}, purge_orphaned_data=False)
            with suppress(Exception):  # if a record of an event file is invalid, the records before this record count
                events.Reload()
            for point in events.Scalars(RETURN) if RETURN in events.Tags()["scalars"] else ():
                if math.isfinite(point.value):
                    key = (name[:3], task)
                    best[key] = max(best.get(key, 0.0), point.value / expert)
    return best


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
