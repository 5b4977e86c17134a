"""Grids of settings, the selection of complete runs, one run of a sweep, and the tables of all runs."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.run_folders import read_run, read_runs
from cs285.data.shipped import input_files
from cs285.data.whole_files import digest, write_files
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests import fakes
from tests.fake_runs import write_run

pytest.importorskip("pyarrow", reason="pyarrow, of the extra `sweep`, is missing")

from pyarrow import parquet

from cs285.sweeps import run as sweep
from cs285.sweeps.run import find_runs, make_grid

DATA = Path("data")


def test_every_combination_is_there_once_with_typed_values_and_a_name() -> None:
    grid = make_grid(["size=32,64", "env_name=Ant-v5,Hopper-v5", "do_dagger=false,true"], 3, DATA)
    points = [(c.size, c.env_name, c.do_dagger, c.seed) for c in grid]
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 3
    assert {seed for *_, seed in points} == {1, 2, 3}
    assert all(c.logdir == DATA for c in grid)
    assert len({c.run_name for c in grid}) == len(grid)

    expert_data = f"expert_data={os.path.relpath(__file__)}"
    (one, *_) = make_grid(["learning_rate=1e-3,5e-3", expert_data, "seed=7"], None, DATA)
    assert (one.learning_rate, one.seed, one.exp_name) == (1e-3, 7, "bc_learning_rate=0.001_seed7")
    assert one.expert_data == Path(__file__)
    (one,) = make_grid(["loss=nll", "n_iter=3", "do_dagger=true", "exp_name=7"], None, DATA)
    assert (one.loss, one.n_iter, one.do_dagger, one.exp_name) == ("nll", 3, True, "7_seed1")
    assert make_grid([], None, DATA) == [Config(exp_name="bc_seed1", logdir=DATA)]
    assert make_grid(["exp_name=mine", "size=3,4"], None, DATA)[1].exp_name == "mine_size=4_seed1"


@pytest.mark.parametrize(
    ("assignments", "seeds", "message"),
    [
        ("size=3 size=4", None, "--set size=3 size=4: name each setting once"),
        ("seed=1,2", 3, "--set seed=1,2 seed=1,2,3: name each setting once"),
        ("logdir=x", None, "--set logdir=x: .* neither logdir"),
        ("size=0", None, "--size is 0"),
    ],
)
def test_an_invalid_grid_is_refused(assignments: str, seeds: int | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_grid(assignments.split(), seeds, DATA)


@pytest.mark.parametrize("assignment", ["colour=red", "size", "size=many", "do_dagger=yes", "loss=l1", "n_iter=2.5"])
def test_unknown_settings_and_wrong_values_end_as_on_the_command_line(
    assignment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        make_grid([assignment], None, DATA)
    assert (ended.value.code, assignment.partition("=")[2] in capsys.readouterr().err) == (2, True)


def test_only_complete_runs_with_equal_settings_are_done(tmp_path: Path) -> None:
    grid = make_grid(["env_name=Hopper-v5", "do_dagger=true", "n_iter=2"], 4, tmp_path)
    assert find_runs(grid, tmp_path / "nowhere") == ([], grid)
    inputs = {name: digest(path) for name, path in input_files(grid[0]).items()}
    done = write_run(tmp_path, [1.0, 2.0], seed=1, inputs=inputs)
    cut = write_run(tmp_path, [1.0, 2.0], seed=2, inputs=inputs)
    (cut / "log.csv").write_bytes((cut / "log.csv").read_bytes()[:-3])
    write_run(tmp_path, [1.0, 2.0], seed=3, size=32, inputs=inputs)
    write_run(tmp_path / ".unfinished-ab", [1.0, 2.0], seed=4, inputs=inputs)  # a killed sweep leaves such a folder
    found, missing = find_runs(grid, tmp_path)
    assert ([run.path for run in found], [config.seed for config in missing]) == ([done], [2, 3, 4])


@pytest.mark.parametrize("changed", ["expert_data", "expert_policy_file"])
def test_runs_with_other_input_files_are_not_done(tmp_path: Path, changed: str) -> None:
    files = {name: tmp_path / f"{name}.pkl" for name in ("expert_policy_file", "expert_data")}
    for name, path in files.items():
        path.write_text(name, encoding="utf-8")
    digests = {name: digest(path) for name, path in files.items()}
    same = write_run(tmp_path / "runs", [1.0], seed=1, **files, inputs=digests)
    write_run(tmp_path / "runs", [1.0], seed=4, **files, inputs=digests)
    assignments = ["env_name=Hopper-v5", *(f"{name}={path}" for name, path in files.items())]
    grid = make_grid(assignments, 3, tmp_path)
    found, missing = find_runs(grid, tmp_path)
    assert ([run.path for run in found], [config.seed for config in missing]) == ([same], [2, 3])
    files[changed].write_text("another", encoding="utf-8")
    assert find_runs(grid, tmp_path) == ([], grid)


def test_a_run_of_a_sweep_equals_the_run_alone(tmp_path: Path, tiny: Config) -> None:
    expert = fakes.pickle_file(tmp_path / "expert.pkl", fakes.expert_content())
    config = replace(tiny, expert_policy_file=expert, num_workers=None, logdir=tmp_path / "home")
    contents = sweep.train_run(config, ["the", "sweep"])
    assert {"config.json", "log.csv", "learning_curve.png"} < set(contents)
    write_files(tmp_path / "home", contents)
    run = read_run(tmp_path / "home")
    assert run.complete
    rows = BC_Trainer(replace(config, logdir=tmp_path / "alone", num_workers=0)).run_training_loop()
    for swept, alone in zip(run.rows, rows, strict=True):
        assert {**swept, "TimeSinceStart": 0} == {**alone, "TimeSinceStart": 0, "itr": swept["itr"]}


def test_large_runs_take_the_gpus_in_turn(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = list[int | None]()
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(sweep, "BC_Trainer", lambda config: taken.append(config.which_gpu))
    large = {"size": 1000, "train_batch_size": 1000}
    for number, other in enumerate([large, large, large, {**large, "which_gpu": 5}, {**large, "no_gpu": True}, {}]):
        # The fake BC_Trainer returns None. A `with` statement raises TypeError for None, which is no context manager.
        with pytest.raises(TypeError):
            sweep.train_run(replace(tiny, **other), [], number)
    assert taken == [0, 1, 0, 5, None, None]


def test_a_folder_that_cannot_be_written_is_refused_before_ray_starts(
    tmp_path: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "connected", None)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InvalidInput, match="can't write"):
        sweep.run_missing([replace(tiny, do_dagger=False, n_iter=None)], tmp_path / "file/runs")


def test_both_files_of_the_table_have_a_row_for_each_evaluation(tmp_path: Path) -> None:
    write_run(tmp_path, [1.5, 2.5, 3.5], seed=1)
    write_run(
        tmp_path, [4.5], seed=2, env_name="Ant-v5", expert_data=Path("a.pkl"), env_kwargs={"a": 1}, learning_rate=1
    )
    runs = read_runs([tmp_path])
    files = sweep.write_tables(runs, tmp_path)
    assert [path.name for path in files] == ["results.csv", "results.parquet"]
    with files[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted((r["env_name"], r["method"], r["seed"], r["itr"], r["Eval_AverageReturn"]) for r in rows) == [
        ("Ant-v5", "BC", "2", "0", "4.5"),
        ("Hopper-v5", "DAgger", "1", "0", "1.5"),
        ("Hopper-v5", "DAgger", "1", "1", "2.5"),
        ("Hopper-v5", "DAgger", "1", "2", "3.5"),
    ]
    assert {row["run"] for row in rows} == {run.path.name for run in runs}
    names = ("run", "itr", "env_kwargs", "expert_data", "exp_name", "Eval_AverageReturn")
    stored = [[row[name] for name in names] for row in parquet.read_table(files[1]).to_pylist()]
    assert [["" if value is None else str(value) for value in row] for row in stored] == [
        [row[name].replace('"', "'") for name in names] for row in rows
    ]
