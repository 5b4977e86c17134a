"""Ray nodes that belong to a test."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
STARTS_WITHIN = 150.0  # seconds
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
FAST_HEALTH_CHECKS = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "4"}


def ray_environment(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Environment variables of processes that use Ray.

    They hide the package rfc3987_syntax. Ray's processes would import it (by jsonschema), which takes most of the time
    that they need to start.
    """
    (folder / "rfc3987_syntax.py").write_text('raise ImportError("hidden by the tests: slow")\n', encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(folder), str(ROOT), environment.get("PYTHONPATH", "")]))
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled"}
    return {**environment, **settings, "PYTHONPATH": path}


def ray_is_too_slow(reason: str) -> None:
    """Skip the test on a machine that is too busy for Ray; fail it where CS285_REQUIRE_RAY is set."""
    if os.environ.get("CS285_REQUIRE_RAY"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def two_nodes(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Start two nodes with one CPU each, and kill them at the end; yields the head's HOST:PORT and both processes."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # sockets need short paths
        with socket.create_server(("127.0.0.1", 0)) as free:
            number = str(free.getsockname()[1])
        address = f"127.0.0.1:{number}"
        head = ["--head", "--port", number, "--include-dashboard", "false", "--temp-dir", folder]
        nodes: list[subprocess.Popen[bytes]] = []
        try:
            for name, arguments in (("head", head), ("worker", ["--address", address])):
                nodes.append(start_node(arguments, environment, Path(folder) / f"{name}.log"))
            yield address, nodes[0], nodes[1]
        finally:
            for node in nodes:
                kill(node)


def start_node(arguments: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a node and wait until it runs; its output goes to ``log``."""
    here = ["--node-ip-address", "127.0.0.1", "--num-cpus", "1", "--object-store-memory", "100000000", "--block"]
    command, environment = [*RAY, "start", *arguments, *here], {**environment, **FAST_HEALTH_CHECKS}
    with log.open("wb") as output:
        node = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and node.poll() is None:
        if b"Ray runtime started" in log.read_bytes():
            return node
        time.sleep(0.1)
    kill(node)
    ray_is_too_slow(f"a Ray node did not start within {STARTS_WITHIN:.0f} s: {log.read_text(encoding='utf-8')[-300:]}")
    raise AssertionError("unreachable")


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(process: subprocess.Popen[bytes]) -> None:
    for member in family(process):
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
