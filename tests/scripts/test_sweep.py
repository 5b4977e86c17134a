"""sweep.py with Ray itself: on this machine, on a cluster that loses a node, with failed runs, and repeated."""

import time
from pathlib import Path

import pytest

from cs285.data.run_folders import read_runs
from tests.ray_nodes import family, kill, ray_environment, ray_is_too_slow, two_nodes
from tests.scripts.conftest import USERS_ENVIRONMENT, Script, files_below, finish, start

pytest.importorskip("ray", reason="ray, of the extra `sweep`, is missing")
pytest.importorskip("pyarrow", reason="pyarrow, of the extra `sweep`, is missing")

SMALL = ("env_name=CartPole-v1", "eval_batch_size=20", "train_batch_size=8", "num_agent_train_steps_per_iter=5")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "hidden"
    folder.mkdir()
    return ray_environment(folder, USERS_ENVIRONMENT)


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
        assert head.poll() is None  # a sweep stops only the Ray that it started
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
