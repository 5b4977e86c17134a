"""Grids of settings: every combination once, and the runs of them that are complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.shipped import input_files
from cs285.errors import InvalidInput
from cs285.sweeps.grid import complete_runs, make_grid, missing_runs
from tests.fake_runs import write_run

DATA = Path("data")


def test_every_combination_is_there_once() -> None:
    grid = make_grid(["size=32,64", "env_name=Ant-v5,Hopper-v5", "do_dagger=false,true"], 3, DATA)
    points = [(c.size, c.env_name, c.do_dagger, c.seed) for c in grid]
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 3
    assert {seed for *_, seed in points} == {1, 2, 3}
    assert all(c.logdir == DATA for c in grid)
    assert len({c.run_name for c in grid}) == len(grid)


def test_values_have_their_types_and_name_the_experiment() -> None:
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
        (["size=3", "size=4"], None, ("size=3 size=4", "at once")),
        (["size=8,16,08"], None, ("--set size=8,16,08", "two of the values are equal")),
        (["learning_rate=5e-3,0.005"], 2, ("learning_rate=5e-3,0.005", "equal")),
        (["expert_data=a/b.pkl,./a/b.pkl"], None, ("expert_data=a/b.pkl,./a/b.pkl", "equal")),
        (["size=0"], None, ("--size is 0",)),
        (["size=big"], None, ("--size", "'big'")),
        (["do_dagger=yes"], None, ("--do_dagger", "'yes'")),
        (["logdir=x"], None, ("--logdir",)),
        (["seed=1,2"], 3, ("--seeds 3", "seed=[1, 2]")),
    ],
)
def test_an_invalid_grid_is_refused(assignments: Sequence[str], seeds: int | None, parts: Sequence[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_grid(assignments, seeds, DATA)
    assert all(part in str(refused.value) for part in parts)


def test_only_complete_runs_with_equal_settings_are_done(tmp_path: Path) -> None:
    grid = make_grid(["env_name=Hopper-v5", "do_dagger=true", "n_iter=2"], 4, tmp_path)
    assert missing_runs(grid, tmp_path / "nowhere") == grid
    write_run(tmp_path, [1.0, 2.0], seed=1)
    cut = write_run(tmp_path, [1.0, 2.0], seed=2)
    (cut / "log.csv").write_bytes((cut / "log.csv").read_bytes()[:-3])
    write_run(tmp_path, [1.0, 2.0], seed=3, size=32)
    write_run(tmp_path / ".unfinished-ab", [1.0, 2.0], seed=4)  # as a killed sweep leaves it
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [2, 3, 4]


@pytest.mark.parametrize("changed", ["expert_data", "expert_policy_file"])
def test_runs_with_other_input_files_are_not_done(tmp_path: Path, changed: str) -> None:
    files = {name: tmp_path / f"{name}.pkl" for name in ("expert_policy_file", "expert_data")}
    for name, path in files.items():
        path.write_text(name)
    digests = {name: digest(path) for name, path in files.items()}
    same = write_run(tmp_path / "runs", [1.0], seed=1, **files, inputs=digests)
    unknown = write_run(tmp_path / "runs", [1.0], seed=2, **files)
    write_run(tmp_path / "runs", [1.0], seed=4, **files, inputs=digests)
    assignments = ["env_name=Hopper-v5", *(f"{name}={path}" for name, path in files.items())]
    grid = make_grid(assignments, 3, tmp_path)
    assert [run.path for run in complete_runs(grid, tmp_path)] == [same, unknown]
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [3]
    files[changed].write_text("another")
    assert [run.path for run in complete_runs(grid, tmp_path)] == [unknown]


def test_shipped_input_files_are_compared_too(tmp_path: Path) -> None:
    grid = make_grid(["env_name=Hopper-v5"], 2, tmp_path)
    write_run(tmp_path, [1.0], seed=1, inputs={name: digest(path) for name, path in input_files(grid[0]).items()})
    write_run(tmp_path, [1.0], seed=2, inputs={"expert_data": "1" * 64, "expert_policy_file": "2" * 64})
    assert [config.seed for config in missing_runs(grid, tmp_path)] == [2]


def test_a_dagger_run_is_complete_after_its_default_iterations(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0] * 10, seed=1)
    assert missing_runs(make_grid(["env_name=Hopper-v5", "do_dagger=true"], None, tmp_path), tmp_path) == []
