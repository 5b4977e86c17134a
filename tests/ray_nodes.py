"""Ray nodes of the tests' own, and their end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

STARTS_WITHIN = 150.0  # seconds
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
SOON = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "4"}  # a death is noticed


def ray_environment(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment of processes that use Ray.

    jsonschema, which Ray imports in each of its processes, loads rfc3987_syntax where it is
    installed (by Jupyter, say), and that takes longer than all the rest; here it is hidden.
    """
    (folder / "rfc3987_syntax.py").write_text('raise ImportError("hidden by the tests: slow")\n')
    places = [str(folder), environment.get("PYTHONPATH", "")]
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_AUTH_MODE": "disabled",  # all of it is on this machine
    }


def ray_is_too_slow(reason: str) -> None:
    """Skip where Ray does not start in time, on a busy machine; fail where CS285_REQUIRE_RAY is set."""
    if os.environ.get("CS285_REQUIRE_RAY"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Cluster:
    """Two nodes of one slot each on this machine.

    Attributes:
        address: of the head.
        worker: the process that the other node lives and dies with.
    """

    address: str
    worker: subprocess.Popen[bytes]

    def jobs_on_the_worker(self) -> list[psutil.Process]:
        """The processes of the other node that are in the middle of a job."""
        return [p for p in family(self.worker) if "train_together" in " ".join(p.cmdline())]

    def kill_the_worker(self) -> None:
        """End the other node as a power cut would."""
        kill(self.worker)


@contextmanager
def two_nodes(environment: dict[str, str]) -> Iterator[Cluster]:
    """Start a head and another node, and kill what is left of them in the end."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # sockets need short paths
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        here = ["--node-ip-address", "127.0.0.1", "--num-cpus", "1", "--object-store-memory", "100000000", "--block"]
        port = ["--head", "--port", address.partition(":")[2], "--include-dashboard", "false", "--temp-dir", folder]
        nodes = []
        try:
            for name, arguments in (("head", port), ("worker", ["--address", address])):
                log = Path(folder) / f"{name}.log"
                nodes.append(start_node([*arguments, *here], {**environment, **SOON}, log))
            yield Cluster(address, nodes[1])
        finally:
            for node in nodes:
                kill(node)


def start_node(arguments: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """``ray start`` with some arguments, once it runs; what it says goes into a file."""
    command = [*RAY, "start", *arguments]
    with log.open("wb") as said:
        node = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and node.poll() is None:
        if b"Ray runtime started" in log.read_bytes():
            return node
        time.sleep(0.1)
    kill(node)
    ray_is_too_slow(f"a Ray node did not start within {STARTS_WITHIN:.0f} s: {log.read_text()[-300:]}")
    raise AssertionError("unreachable")


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The process and all that it started."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that we started, and all that it started."""
    for member in family(process):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
