"""How the process of a script is stopped or ends, and streams that are there.

Ctrl-C or SIGTERM ends what is under way in order. Pressed again within seconds it is the same stop, which
would only cut that short; later it is another one.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SAME_STOP = 3.0  # seconds


class Stopped(KeyboardInterrupt):
    """The process was told to stop."""

    def __init__(self, signum: int) -> None:
        """Remember by which signal."""
        super().__init__()
        self.signum = signum


class _Stops:
    """The handler of the signals that stop a script."""

    def __init__(self) -> None:
        self.last = -SAME_STOP
        self.ending = self.finished = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if time.monotonic() - self.last < SAME_STOP:
            return
        self.last = time.monotonic()
        if self.ending:  # nobody is left who would catch it
            os._exit(128 + signum)
        raise Stopped(signum)


_stops = _Stops()


def take_stops() -> None:
    """Let Ctrl-C and SIGTERM raise `Stopped`, and be told in one line, from now on."""
    if "multiprocessing.spawn" in sys.modules:  # a worker, which imports the script too, leaves stops to its parent
        return
    sys.excepthook = _report
    for signum, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(signum) is default:  # a shell's background job, say, ignores Ctrl-C
            signal.signal(signum, _stops)
            atexit.register(signal.signal, signum, signal.SIG_IGN)  # the interpreter would end by it while it ends


def ending() -> None:
    """The script's work is over or given up: a stop within the next seconds has nothing left to stop."""
    _stops.last, _stops.ending = time.monotonic(), True


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Ctrl-C and SIGTERM reach this process afterwards, and the processes that it starts when they let them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_at_once_when_finished() -> None:
    """Spare the interpreter from taking all modules apart, torch's among them, at the end of a script that finished.

    To be called before anything else registers what it does at exit: that all comes first then.
    """
    atexit.register(_leave)


def finished() -> None:
    """The script is through: nothing but the exit is left."""
    _stops.finished = True


def _leave() -> None:
    if _stops.finished:
        with contextlib.suppress(OSError):  # nobody reads the output any more, which the usual way out tells
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def told(error: KeyboardInterrupt) -> tuple[str, int]:
    """What to say of a stop, and the exit code: 130 for Ctrl-C, 143 for SIGTERM."""
    signum = error.signum if isinstance(error, Stopped) else signal.SIGINT
    return "interrupted" if signum == signal.SIGINT else "terminated", 128 + signum


def open_missing_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr an empty one: no file may take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in the order of their descriptors, of which the lowest free one is taken
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the life of the process
            os.set_inheritable(getattr(sys, name).fileno(), True)  # or a process started from here would lack it


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    line, code = told(error)
    print(line, file=sys.stderr, flush=True)
    os._exit(code)  # the interpreter would end by the signal, which is another exit code
