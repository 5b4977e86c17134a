"""Time one thing once, in a process of its own: ``measure.py WHO WHAT --env_name ...`` prints JSON."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import resource
import sys
import warnings
from pathlib import Path

# Nothing slow is imported here: what a job imports is part of what it takes.


def main() -> None:
    """Call the function WHAT of ``measure_WHO.py``, and print what it returns and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=["project", "textbook", "floor"])
    parser.add_argument("what")
    parser.add_argument("--env_name", required=True)
    parser.add_argument("--expert_policy_file", type=Path, required=True)
    parser.add_argument("--expert_data", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        measured = getattr(importlib.import_module(f"measure_{arguments.who}"), arguments.what)(arguments)
    print(json.dumps({**measured, "peak_mb": peak_mb(resource.getrusage(resource.RUSAGE_SELF))}))


def peak_mb(usage: resource.struct_rusage) -> float:
    """The most memory that a process has held, in MB."""
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
