"""sweep.py with the real Ray: on this machine, on a cluster that loses a node, with failed runs, and a second time."""

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

from cs285.data.run_folders import read_runs
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, Script, files_below, finish, start

pytest.importorskip("ray", reason="ray, of the extra `sweep`, is missing")
pytest.importorskip("pyarrow", reason="pyarrow, of the extra `sweep`, is missing")

SMALL = ("env_name=CartPole-v1", "eval_batch_size=20", "train_batch_size=8", "num_agent_train_steps_per_iter=5")
STARTS_WITHIN = 150.0  # limit in seconds for the start of Ray
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
FAST_HEALTH_CHECKS = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "4"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Environment variables of processes that use Ray.

    The variables hide the package rfc3987_syntax. Otherwise Ray's processes would import this package through
    jsonschema, and the import would take most of the time that a process needs to start.
    """
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "rfc3987_syntax.py").write_text('raise ImportError("hidden by the tests: slow")\n', encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(folder), str(ROOT), USERS_ENVIRONMENT.get("PYTHONPATH", "")]))
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled"}
    return {**USERS_ENVIRONMENT, **settings, "PYTHONPATH": path}


def ray_is_too_slow(reason: str) -> None:
    """Skip the test, because the machine is too busy for Ray; if CS285_REQUIRE_RAY is set, fail the test."""
    if os.environ.get("CS285_REQUIRE_RAY"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def two_nodes(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Start a head and a worker with one CPU each, and kill both at the end.

    Yields the head's HOST:PORT and both processes.
    """
    # The folder's path is short, because Ray makes sockets in the folder, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
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


@pytest.mark.slow
def test_failed_runs_do_not_stop_others_and_complete_ones_are_not_repeated(
    tmp_path: Path, environment: dict[str, str], script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = ("--set", *SMALL, "learning_rate=0.005,1e38", "--seeds", 2, "--num_cpus", 1)
    ended = finish(start("sweep", *grid, cwd=tmp_path, environment=environment), within=300)
    if "Ray did not start" in ended.err:
        ray_is_too_slow(ended.err)
    assert ended.code == 1, ended
    assert ended.err.startswith("error: 2 of 4 runs failed twice: "), ended.err
    assert ended.err.count("\n") == 1
    assert "learning_rate=1e+38" in ended.err
    assert "try a smaller --learning_rate" in ended.out  # the message of the failed run
    runs = read_runs([tmp_path / "data/sweep"])
    seen = [(run.config.seed, run.config.learning_rate, run.complete) for run in runs]
    assert seen == [(1, 0.005, True), (2, 0.005, True)]
    assert len((tmp_path / "data/sweep/results.csv").read_text(encoding="utf-8").splitlines()) - 1 == 2
    names = {"results.csv", "results.parquet", *(run.path.name for run in runs)}
    assert {path.name for path in (tmp_path / "data/sweep").iterdir()} == names

    monkeypatch.chdir(tmp_path)
    again = script("sweep", "--set", *SMALL, "--seeds", 2).succeeded()
    assert again.out.startswith("2 runs, 2 of them done already\n")
    assert read_runs([tmp_path / "data/sweep"]) == runs


@pytest.mark.slow
def test_a_sweep_survives_the_death_of_a_node(environment: dict[str, str], tmp_path: Path) -> None:
    grid = ("--set", *SMALL[:-1], "num_agent_train_steps_per_iter=4000", "size=8,9,10,11")
    with two_nodes(environment) as (address, head, worker):
        sweep = start("sweep", *grid, "--ray_address", address, cwd=tmp_path, environment=environment)
        end = time.monotonic() + 200
        while not any("train_run" in " ".join(process.cmdline()) for process in family(worker)):
            assert sweep.poll() is None and time.monotonic() < end, finish(sweep)  # noqa: PT018
            time.sleep(0.05)
        kill(worker)
        ended = finish(sweep, within=300).succeeded()
        assert head.poll() is None  # a sweep does not stop a Ray that it did not start
    runs = read_runs([tmp_path / "data/sweep"])
    assert sorted(run.config.size for run in runs) == [8, 9, 10, 11]
    assert all(run.complete for run in runs)
    assert len((tmp_path / "data/sweep/results.csv").read_text(encoding="utf-8").splitlines()) - 1 == 4
    assert "failed twice" not in ended.out


def test_mistakes_of_the_user_are_reported_in_one_line(script: Script, workplace: Path) -> None:
    for arguments, *parts in (
        ("--set env_name=Hoper-v5", "Hoper-v5", "Hopper"),
        ("--set env_name=CartPole-v1 expert_data=nowhere.pkl", "nowhere.pkl"),
        (f"--set {' '.join(SMALL)} --ray_address somewhere", "'somewhere'", "HOST:PORT"),
        (f"--set {' '.join(SMALL)} --ray_address ray://127.0.0.1:10001", "HOST:PORT"),
    ):
        script("sweep", *arguments.split()).refused(*parts)
    assert files_below(workplace) == []
