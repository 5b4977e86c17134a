"""sweep.py on a real Ray: one node, a cluster that loses a node, failures, and sweeps that are taken up again."""

from __future__ import annotations

import csv
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.data.run_folders import read_run, read_runs
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.sweeps import ray_cluster
from cs285.sweeps import run as ray_sweep
from cs285.sweeps.packed_runs import unpack_runs
from cs285.sweeps.run import train_together
from tests import fakes
from tests.ray_nodes import Cluster, ray_environment, ray_is_too_slow, two_nodes
from tests.scripts.conftest import USERS_ENVIRONMENT, PointFiles, Script, files_below, finish, start

grpc = pytest.importorskip("grpc", reason="grpcio, of tensorboard, is missing")
for library in ("ray", "pyarrow"):
    pytest.importorskip(library, reason=f"{library}, of the extra named sweep, is missing")

SMALL = ("env_name=CartPole-v1", "eval_batch_size=20", "train_batch_size=8", "num_agent_train_steps_per_iter=5")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "hidden"
    folder.mkdir()
    return ray_environment(folder, USERS_ENVIRONMENT)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def without_clock(rows: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name not in ("TimeSinceStart", "itr")} for row in rows]


def test_a_job_gives_what_each_run_gives_alone(tmp_path: Path, point_files: PointFiles) -> None:
    """Up to the rounding of float32, which some processors do otherwise in a batched matrix product."""
    from cs285.config import Config

    config = Config(
        *(point_files.expert, point_files.data, fakes.POINT),
        **{"do_dagger": True, "n_iter": 2, "num_agent_train_steps_per_iter": 50, "batch_size": 20, "num_workers": 0},
        **{"eval_batch_size": 20, "train_batch_size": 8, "size": 8, "logdir": tmp_path / "home"},
    )
    configs = [replace(config, seed=seed, learning_rate=rate) for seed, rate in ((1, 5e-3), (2, 5e-3), (2, 1e-3))]
    folders = unpack_runs(train_together(configs, ["the", "sweep"]), tmp_path / "home")
    assert len(folders) == 3
    for folder in folders:
        run = read_run(folder)
        assert run.config.logdir == tmp_path / "home"
        alone = BC_Trainer(replace(run.config, logdir=tmp_path / "alone")).run_training_loop()
        for together, by_itself in zip(without_clock(run.rows), without_clock(alone), strict=True):
            assert together == pytest.approx(by_itself, rel=1e-3)


def test_one_node_with_a_run_that_fails_and_a_second_start(tmp_path: Path, environment: dict[str, str]) -> None:
    grid = ("--set", *SMALL, "learning_rate=0.005,1e38", "--seeds", 2, "--num_cpus", 1)
    ended = finish(start("sweep", *grid, cwd=tmp_path, environment=environment), within=300)
    if "Ray did not start" in ended.err:
        ray_is_too_slow(ended.err)
    assert ended.code == 1, ended
    assert ended.err.startswith("error: 2 of 4 runs failed twice: "), ended.err
    assert ended.err.count("\n") == 1
    assert "tried once more: " in ended.out
    assert "learning_rate=1e+38" in ended.err
    assert "try a smaller learning rate" in ended.out  # what the run itself says
    runs = read_runs([tmp_path / "data" / "sweep"])
    assert [(run.config.seed, run.config.learning_rate, run.complete) for run in runs] == [
        (seed, 0.005, True) for seed in (1, 2)
    ]
    assert len(rows_of(tmp_path / "data/sweep/results.csv")) == 2
    names = {"results.csv", "results.parquet", *(run.path.name for run in runs)}
    assert {path.name for path in (tmp_path / "data/sweep").iterdir()} == names

    again = finish(start("sweep", "--set", *SMALL, "--seeds", 2, cwd=tmp_path, environment=environment)).succeeded()
    assert again.out.startswith("2 runs, 2 of them done already\n")
    assert read_runs([tmp_path / "data" / "sweep"]) == runs


@pytest.fixture
def cluster(environment: dict[str, str]) -> Iterator[Cluster]:
    with two_nodes(environment) as cluster:
        yield cluster


def test_a_node_that_dies_in_the_middle_takes_nothing_with_it(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    sizes = "size=8,9,10,11,12,13"  # shapes of their own: a job each
    grid = ("--set", *SMALL[:-1], "num_agent_train_steps_per_iter=4000", sizes)
    sweep = start("sweep", *grid, "--ray_address", cluster.address, cwd=tmp_path, environment=environment)
    end = time.monotonic() + 200
    while not cluster.jobs_on_the_worker() and sweep.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert cluster.jobs_on_the_worker(), finish(sweep)
    done_before = len(list(tmp_path.glob("data/sweep/q1_*")))
    cluster.kill_the_worker()
    ended = finish(sweep, within=300).succeeded()
    assert done_before < 6
    runs = read_runs([tmp_path / "data/sweep"])
    assert sorted(run.config.size for run in runs) == [8, 9, 10, 11, 12, 13]
    assert all(run.complete for run in runs)
    assert len(rows_of(tmp_path / "data/sweep/results.csv")) == 6
    assert "6 of 6 runs, about 0 s left" in ended.out
    assert "tried once more" not in ended.out  # the death of a node is not a failure of the run's


REFUSED: dict[str, tuple[Sequence[object], Sequence[str]]] = {
    "no such setting": (("--set", "colour=red"), ("colour=red",)),
    "out of range": (("--set", "size=0"), ("--size is 0",)),
    "no task": (("--set", "env_name=Hoper-v5"), ("Hoper-v5", "Hopper-v5")),
    "no data": (("--set", "env_name=CartPole-v1", "expert_data=nowhere.pkl"), ("nowhere.pkl",)),
    "no seeds": (("--seeds", 0), ("--seeds is 0",)),
    "no cores": (("--num_cpus", 0), ("--num_cpus is 0",)),
    "no address": (("--set", "env_name=CartPole-v1", "--ray_address", "somewhere"), ("'somewhere'", "HOST:PORT")),
    "Ray's other kind of address": (
        ("--set", "env_name=CartPole-v1", "--ray_address", "ray://127.0.0.1:10001"),
        ("'ray://127.0.0.1:10001'", "HOST:PORT"),
    ),
    "no port": (
        ("--set", "env_name=CartPole-v1", "--ray_address", "127.0.0.1:99999"),
        ("127.0.0.1:99999", "HOST:PORT"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, workplace: Path) -> None:
    arguments, parts = REFUSED[what]
    script("sweep", *arguments).refused(*parts)
    assert files_below(workplace) == []


def test_a_place_that_cannot_be_written_is_found_before_ray_starts(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_sweep, "connected", None)
    (workplace / "file").write_text("in the way")
    script("sweep", "--set", *SMALL, "--logdir", "file/deep/runs").refused("can't write file/deep/runs")
    assert files_below(workplace) == ["file"]


def test_an_address_where_nothing_answers(script: Script, workplace: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    begun = time.monotonic()
    script("sweep", "--set", *SMALL, "--ray_address", address).refused(address, "nothing answers there")
    assert time.monotonic() - begun < 30
    assert files_below(workplace) == []


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["another server", "one that hangs up"]
)
def test_an_address_where_something_else_answers(answer: bytes, script: Script, workplace: Path) -> None:
    """Ray itself would try to join it for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                connection.recv(1000)

        serving = threading.Thread(target=serve)
        serving.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        script("sweep", "--set", *SMALL, "--ray_address", address).refused(address, "what answers there is not Ray")
        serving.join()
    assert files_below(workplace) == []


class Silence(grpc.GenericRpcHandler):
    """Lets a call wait for as long as it is asked."""

    def service(self, handler_call_details: object) -> object:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: threading.Event().wait(40))


@pytest.mark.parametrize("handlers", [(), (Silence(),)], ids=["that knows no such call", "that is silent"])
def test_an_address_where_another_grpc_server_answers(
    handlers: Sequence[object], script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "JOINED_WITHIN", 3.0)
    server = grpc.server(ThreadPoolExecutor(4), handlers)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    begun = time.monotonic()
    script("sweep", "--set", *SMALL, "--ray_address", address).refused(address, "no Ray cluster could be joined there")
    assert time.monotonic() - begun < 60
    server.stop(0)
    assert files_below(workplace) == []
