"""Imported first by the scripts: how their process is stopped, and streams that are there.

Ctrl-C or SIGTERM, the first one, ends what is under way in order; more of them would only cut that
short, so they are ignored from then on. It is one line already while the rest is imported; later
`cs285.command_line.run` sees to it.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType


class Stopped(KeyboardInterrupt):
    """The process was told to stop."""

    def __init__(self, signum: int) -> None:
        """Remember by which signal."""
        super().__init__()
        self.signum = signum


def ignore_stops() -> None:
    """Take no notice of Ctrl-C and SIGTERM any more: the process is about to end."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)


def told(error: KeyboardInterrupt) -> tuple[str, int]:
    """What to say of a stop, and the exit code: 130 for Ctrl-C, 143 for SIGTERM."""
    signum = error.signum if isinstance(error, Stopped) else signal.SIGINT
    return "interrupted" if signum == signal.SIGINT else "terminated", 128 + signum


def _stop(signum: int, frame: FrameType | None) -> None:
    ignore_stops()
    raise Stopped(signum)


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    line, code = told(error)
    print(line, file=sys.stderr, flush=True)
    os._exit(code)  # the interpreter would end by the signal, which is another exit code


def _open_missing_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr an empty one: no file may take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in the order of their descriptors, of which the lowest free one is taken
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the life of the process


_open_missing_streams()
if "multiprocessing.spawn" not in sys.modules:  # a worker, which imports the script too, leaves stops to its parent
    sys.excepthook = _report
    for _signum, _default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(_signum) is _default:  # a shell's background job, say, ignores Ctrl-C
            signal.signal(_signum, _stop)
