"""Signals, standard streams and thread counts of a script's process."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def prepare() -> None:
    """Handle SIGINT and SIGTERM, open missing streams and limit numpy to one thread; call it before importing numpy.

    Does nothing in a worker process, which imports the script too. Calling it twice is the same as once.
    """
    if multiprocessing.parent_process() is not None:
        return
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads would spin against those of the workers
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # else the next file opened would get the stream's descriptor
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - stays open until the process ends
            os.set_inheritable(getattr(sys, name).fileno(), True)
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler):  # not ignored, as in nohup
            signal.signal(signum, _stop)


def restore_default_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once."""
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) is _stop:
            signal.signal(signum, signal.SIG_DFL)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    """End the script in order, with one line as its last; the next signal ends the process at once."""
    restore_default_signals()
    atexit.register(print, STOP_SIGNALS[signal.Signals(signum)], file=sys.stderr, flush=True)
    raise SystemExit(128 + signum)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the block ends, also in processes started within it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set(STOP_SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
