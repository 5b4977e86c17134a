"""A grid is every combination, and jobs hold every run once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cs285.infrastructure.many_learners import check_same_shape
from hypothesis import given
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.shipped import input_files
from cs285.errors import InvalidInput
from cs285.sweeps.grid import (
    MOST_TOGETHER,
    complete_runs,
    make_grid,
    make_jobs,
    missing_runs,
    without_repeats,
)
from cs285.sweeps.run import run_sweep
from tests.fake_runs import write_run

DATA = Path("data")


def test_every_combination_is_there_once() -> None:
    grid = make_grid(["size=32,64", "env_name=Ant-v5,Hopper-v5", "do_dagger=false,true"], 3, DATA)
    points = [(c.size, c.env_name, c.do_dagger, c.seed) for c in grid]
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 3
    assert {seed for *_, seed in points} == {1, 2, 3}
    assert all(c.logdir == DATA for c in grid)


def test_values_have_their_types_and_names_are_of_folders() -> None:
    (one, *_) = make_grid(["learning_rate=1e-3,5e-3", "expert_data=a/b.pkl", "seed=7"], None, DATA)
    assert (one.learning_rate, one.seed) == (1e-3, 7)
    assert one.expert_data == Path("a/b.pkl").absolute()
    assert one.exp_name == "bc_learning_rate=0.001_seed7"
    assert make_grid([], None, DATA) == [Config(exp_name="bc_seed1", logdir=DATA)]
    assert make_grid(["exp_name=mine", "size=3,4"], None, DATA)[1].exp_name == "mine_size=4_seed1"


@pytest.mark.parametrize(
    ("assignments", "seeds", "parts"),
    [
        (["colour=red"], None, ("colour=red", "learning_rate")),
        (["size"], None, ("--set size", "NAME=VALUE")),
        (["size=3", "size=4"], None, ("size is set twice",)),
        (["size=3,3"], None, ("size=3,3", "there twice")),
        (["size=8,16,08"], None, ("--set size", "8 and 08 are the same")),
        (
            ["env_name=Ant-v5,Hopper-v5", "learning_rate=5e-3,0.005"],
            2,
            ("learning_rate", "5e-3 and 0.005 are the same"),
        ),
        (["expert_data=a/b.pkl,./a/b.pkl"], None, ("expert_data", "a/b.pkl and ./a/b.pkl are the same")),
        (["size=0"], None, ("--size is 0",)),
        (["size=big"], None, ("--size", "'big'")),
        (["do_dagger=yes"], None, ("do_dagger=yes", "true or false")),
        (["logdir=x"], None, ("--logdir",)),
        (["seeds=1,2"], None, ("--seeds",)),
        (["seed=1,2"], 3, ("--seeds 3", "seed=1,2")),
    ],
)
def test_what_is_no_grid_is_refused(assignments: Sequence[str], seeds: int | None, parts: Sequence[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_grid(assignments, seeds, DATA)
    assert all(part in str(refused.value) for part in parts)


def test_only_complete_runs_are_done(tmp_path: Path) -> None:
    grid = make_grid(["env_name=Hopper-v5", "do_dagger=true", "n_iter=2"], 4, tmp_path)
    assert missing_runs(grid, tmp_path / "nowhere") == grid
    write_run(tmp_path, [1.0, 2.0], seed=1)
    cut = write_run(tmp_path, [1.0, 2.0], seed=2)
    (cut / "log.csv").write_bytes((cut / "log.csv").read_bytes()[:-3])
    write_run(tmp_path, [1.0, 2.0], seed=3, size=32)
    write_run(tmp_path / ".unfinished", [1.0, 2.0], seed=4)
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [2, 3, 4]


@pytest.mark.parametrize("changed", ["expert_data", "expert_policy_file"])
def test_runs_with_other_files_are_not_done(tmp_path: Path, changed: str) -> None:
    files = {name: tmp_path / f"{name}.pkl" for name in ("expert_policy_file", "expert_data")}
    for name, path in files.items():
        path.write_text(name)
    digests = {name: digest(path) for name, path in files.items()}
    with_them = write_run(tmp_path / "runs", [1.0], seed=1, **files, inputs=digests)
    says_nothing = write_run(tmp_path / "runs", [1.0], seed=2, **files)
    write_run(tmp_path / "runs", [1.0], seed=4, **files, inputs=digests)
    assignments = ["env_name=Hopper-v5", *(f"{name}={path}" for name, path in files.items())]
    grid = make_grid(assignments, 3, tmp_path)
    assert [run.path for run in complete_runs(grid, tmp_path)] == [with_them, says_nothing]
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [3]
    files[changed].write_text("another")
    assert [run.path for run in complete_runs(grid, tmp_path)] == [says_nothing]
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [1, 3]


def test_the_files_that_ship_are_compared_too(tmp_path: Path) -> None:
    grid = make_grid(["env_name=Hopper-v5"], 2, tmp_path)
    write_run(tmp_path, [1.0], seed=1, inputs={name: digest(path) for name, path in input_files(grid[0]).items()})
    write_run(tmp_path, [1.0], seed=2, inputs={"expert_data": "1" * 64, "expert_policy_file": "2" * 64})
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [2]


@pytest.mark.parametrize("left", [".unfinished-ab/run/log.csv", "half/log.csv"])
def test_what_a_killed_sweep_left_is_no_run(tmp_path: Path, left: str) -> None:
    grid = make_grid(["env_name=Hopper-v5"], 2, tmp_path)
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).write_text("itr,Eval")
    assert missing_runs(grid, tmp_path) == grid
    assert run_sweep([], tmp_path, None, None).tables == []


def test_a_whole_dagger_run_is_recognised_by_its_default_iterations(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0] * 10, seed=1)
    assert missing_runs(make_grid(["env_name=Hopper-v5", "do_dagger=true"], None, tmp_path), tmp_path) == []


def test_repeats_are_left_out() -> None:
    first = Config(video_log_freq=5, exp_name="filmed")
    assert without_repeats([first, Config(), Config(seed=2)]) == [first, Config(seed=2)]


@given(
    st.lists(st.tuples(st.sampled_from([32, 64]), st.sampled_from([1e-3, 5e-3]), st.integers(0, 20)), max_size=40),
    st.integers(1, 9),
)
def test_jobs_hold_every_run_once_and_only_what_trains_together(
    points: list[tuple[int, float, int]], slots: int
) -> None:
    configs = [Config(size=size, learning_rate=rate, seed=seed) for size, rate, seed in dict.fromkeys(points)]
    jobs = make_jobs(configs, slots)
    assert sorted(map(str, (c for job in jobs for c in job.configs))) == sorted(map(str, configs))
    for job in jobs:
        check_same_shape(job.configs)
        assert len(job.configs) <= MOST_TOGETHER
    assert [job.work for job in jobs] == sorted((job.work for job in jobs), reverse=True)


def test_seeds_train_together_and_every_slot_is_busy() -> None:
    seeds = [Config(seed=seed) for seed in range(6)]
    assert [len(job.configs) for job in make_jobs(seeds, 1)] == [6]
    assert [len(job.configs) for job in make_jobs(seeds, 2)] == [3, 3]
    both = [*seeds, *(replace(config, size=32) for config in seeds)]
    assert [len(job.configs) for job in make_jobs(both, 2)] == [6, 6]
