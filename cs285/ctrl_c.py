"""Imported first by the scripts: Ctrl-C ends them in one line already while the rest is imported.

From `cs285.command_line.run` on, that function sees to it.
"""

from __future__ import annotations

import os
import signal
import sys
from types import TracebackType


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(128 + signal.SIGINT)  # the interpreter would end by the signal, which is another exit code


if "multiprocessing.spawn" not in sys.modules:  # a worker, which imports the script too, leaves the line to its parent
    sys.excepthook = _report
