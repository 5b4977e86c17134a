"""Signals, standard streams, thread counts and usable cores of a process."""

import atexit
import ctypes
import functools
import io
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from cs285.errors import Stopped

CPU_QUOTAS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))  # files of cgroups, versions 2 and 1
STOP_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def prepare() -> None:
    """Handle signals, open missing standard streams, and set numpy's threads and matplotlib's backend.

    Call it before numpy and matplotlib are imported. Standard output prints ``?`` for characters that it can't encode.
    """
    if multiprocessing.parent_process() is not None:  # a worker process, which imports the script
        return
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # more BLAS threads would slow the workers down
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:  # it was closed when the script started, and `open` takes the lowest descriptor
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
            os.set_inheritable(descriptor, True)  # child processes need it, such as one that finds MuJoCo's graphics
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    os.environ["MPLBACKEND"] = "Agg"  # draws figures into files; a backend that a notebook set may be missing here
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler):  # an ignored signal stays ignored
            signal.signal(signum, _stop)
            _reset_when_delivered(signum)


@contextmanager
def users_code() -> Iterator[None]:
    """Context manager that restores the current folder, and turns SystemExit of the user's code into a RuntimeError."""
    folder = os.getcwd()
    try:
        yield
    except (Exception, KeyboardInterrupt, Stopped):
        raise
    except BaseException as error:  # SystemExit, or the user's own subclass of BaseException
        raise RuntimeError(f"it raised {error!r:.100}").with_traceback(error.__traceback__) from error
    finally:
        os.chdir(folder)  # the project's later relative paths depend on the folder


def _reset_when_delivered(signum: int) -> None:
    """Let a second signal end the process even while C code keeps Python from handling the first."""
    libc: Any = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if hasattr(libc, "__sysv_signal"):  # glibc's signal() that resets the handler when the signal arrives
        libc.signal.restype, libc.signal.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
        libc.__sysv_signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        libc.__sysv_signal(signum, libc.signal(signum, None))


def restore_default_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    """Raise `Stopped`, which ends the script after cleanup and a printed line; a second signal kills the process."""
    restore_default_signals()
    atexit.register(print, STOP_SIGNALS[signal.Signals(signum)], file=sys.stderr, flush=True)
    raise Stopped(128 + signum)


def usable_cores(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The number of cores that this process may use, by its CPU affinity and the CPU quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for files in CPU_QUOTAS:
        with suppress(OSError, ValueError):  # without the file, or with the quota "max", there is no limit
            quota, period = map(int, " ".join((groups / file).read_text("utf-8") for file in files).split())
            cores = min(cores, math.ceil(quota / period)) if quota > 0 else cores
    return cores


def start_method(films: bool) -> str:
    """The start method: "fork" on Linux if this process has one thread and renders no films, else "spawn".

    A forked worker is ready at once, but inherits locks without the threads that release them, and graphics contexts
    that don't work in it.
    """
    single = sys.platform.startswith("linux") and len(os.listdir("/proc/self/task")) == 1
    return "fork" if single and not films and "OpenGL" not in sys.modules else "spawn"


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM within the context; processes that are started there inherit the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows can't block signals
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set(STOP_SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@functools.cache
def print_notice(line: str) -> None:
    """Print a line on stderr, once and in the main process only."""
    if multiprocessing.parent_process() is None:
        print(line, file=sys.stderr, flush=True)
