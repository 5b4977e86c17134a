"""Ray on this machine, or a cluster of it that is there already."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cs285.errors import InvalidInput, RunsFailed

ANSWERS_WITHIN = 5.0  # seconds
FRAME_HEADER, SETTINGS = 9, b"\x04"  # of HTTP/2 (RFC 9113): bytes of a frame's header, and the type in its fourth
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + b"\0\0\0\0\0"
JOINED_WITHIN = 15.0  # seconds, of a process of its own that has imported Ray
JOIN = """
import sys
from ray._raylet import GcsClient
print(flush=True)
try:
    GcsClient(address=sys.argv[1])
except Exception as error:
    print(error)
    sys.exit(1)
"""
OBJECT_STORE = 256 * 1024**2  # bytes; a job's results are a few megabytes


@contextmanager
def connected(address: str | None, num_cpus: int) -> Iterator[int]:
    """Ray, started on this machine or joined on a cluster, and left when the block ends.

    Args:
        address: HOST:PORT of a cluster's head; None: this machine alone.
        num_cpus: jobs at once on this machine.

    Yields:
        How many jobs can run at once.

    Raises:
        InvalidInput: when Ray is not installed, or nothing answers at the address.
        RunsFailed: when it does not start here.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InvalidInput('a sweep needs Ray: pip install -e ".[sweep]"') from error
    if address is None:
        try:
            ray.init(
                "local",
                num_cpus=num_cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # nothing narrower is raised
            raise RunsFailed(f"Ray did not start on this machine; it may be too busy: {error}") from error
    else:
        _check_address(address)
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise InvalidInput(f"--ray_address is {address}; no Ray cluster could be joined there: {error}") from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Find out soon whether anything is there that speaks as Ray does; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise InvalidInput(f"--ray_address is {address!r}; it must be HOST:PORT, as `ray start --head` prints it")
    try:
        connection = socket.create_connection((host, int(port)), timeout=ANSWERS_WITHIN)
    except OSError as error:
        raise InvalidInput(f"--ray_address is {address}; nothing answers there: {error.strerror or error}") from error
    with connection:
        if os.environ.get("RAY_USE_TLS", "0") == "0" and not _speaks_http2(connection):
            raise InvalidInput(f"--ray_address is {address}; what answers there is not Ray")
    if (reason := _why_it_cannot_be_joined(address)) is not None:
        raise InvalidInput(f"--ray_address is {address}; no Ray cluster could be joined there: {reason}")


def _why_it_cannot_be_joined(address: str) -> str | None:
    """What Ray says of an address when it asks once, in a process whose complaints nobody sees; None: all is well."""
    command = [sys.executable, "-c", JOIN, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # Ray is imported, which takes long on a busy machine
        try:
            said, _ = process.communicate(timeout=JOINED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"it did not answer as Ray does within {JOINED_WITHIN:.0f} s"
    return None if process.returncode == 0 else said.strip() or f"Ray ended with {process.returncode} when it asked"


def _speaks_http2(connection: socket.socket) -> bool:
    """Whether a server answers the greeting of HTTP/2, which gRPC and so Ray is built on, with its settings."""
    try:
        connection.sendall(HTTP2_GREETING)
        with connection.makefile("rb") as answer:
            return answer.read(FRAME_HEADER)[3:4] == SETTINGS
    except OSError:
        return False
