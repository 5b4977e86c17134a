"""Runs of the same settings are one series, and every other difference is seen."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.config import Config
from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.series import (
    RESULT_SETTINGS,
    Series,
    check_one_task,
    differing_settings,
    group_by_settings,
    studies,
    usual,
)
from tests.fake_runs import write_run


def series_of(folder: Path) -> list[Series]:
    return group_by_settings(read_runs([folder]))


def test_seeds_make_a_series(tmp_path: Path) -> None:
    for seed in (3, 1, 2):
        write_run(tmp_path, [10.0 * seed, 20.0 * seed], std=seed, seed=seed, exp_name=f"s{seed}", num_workers=seed)
    (series,) = series_of(tmp_path)
    assert series.seeds == (1, 2, 3)
    assert (series.method, series.task, series.iterations, series.last) == ("DAgger", "Hopper-v5", (0, 1), 1)
    assert series.values("Eval_AverageReturn", 1) == [20, 40, 60]
    assert series.summary("Eval_AverageReturn", 1).mean == 40
    assert series.rollout_std(0) == pytest.approx(np.sqrt((1 + 4 + 9) / 3))
    assert series.expert == (100, 2)


def test_a_seed_that_was_cut_short_counts_as_far_as_it_came(tmp_path: Path) -> None:
    for seed, returns in ((1, [1.0, 2.0, 3.0]), (2, [3.0, 6.0])):
        write_run(tmp_path, returns, seed=seed, n_iter=3)
    (series,) = series_of(tmp_path)
    assert (series.iterations, series.last) == ((0, 1, 2), 1)
    assert [series.summary("Eval_AverageReturn", itr).count for itr in (0, 1, 2)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("env_name", "Ant-v5"), ("size", 32), ("learning_rate", 1e-3), ("eval_batch_size", 10_000), ("loss", "nll")],
)
def test_other_differences_make_other_series(tmp_path: Path, name: str, value: Any) -> None:
    write_run(tmp_path, [1.0])
    write_run(tmp_path, [1.0], **{name: value})
    series = series_of(tmp_path)
    assert len(series) == 2
    assert differing_settings(series) == [name]


def test_runs_that_read_other_files_are_apart(tmp_path: Path) -> None:
    for seed, digest in ((1, "1a"), (2, "1a"), (1, "2b")):
        write_run(tmp_path, [1.0], seed=seed, inputs={"expert_data": digest})
    series = series_of(tmp_path)
    assert [(s.seeds, s.inputs["expert_data"]) for s in series] == [((1, 2), "1a"), ((1,), "2b")]
    assert differing_settings(series) == ["expert_data"]
    assert studies(series) == {}


def test_a_run_that_does_not_say_what_it_read_belongs_to_the_only_others(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0], seed=1)
    assert series_of(tmp_path)[0].inputs == {}
    write_run(tmp_path, [1.0], seed=2, inputs={"expert_data": "1a"})
    (series,) = series_of(tmp_path)
    assert (series.seeds, series.inputs) == ((1, 2), {"expert_data": "1a"})
    write_run(tmp_path, [1.0], seed=3, inputs={"expert_data": "2b"})
    assert sorted(s.seeds for s in series_of(tmp_path)) == [(1,), (2,), (3,)]


def test_a_study_has_one_set_of_files(tmp_path: Path) -> None:
    for size in (8, 16, 32):
        write_run(tmp_path, [1.0], size=size, inputs={"expert_data": "1a" if size < 20 else "2b"})
    assert [s.config.size for s in studies(series_of(tmp_path))["size"]] == [8, 16]


@pytest.mark.parametrize("method", ["BC", "DAgger"])
def test_of_many_settings_those_nearest_to_the_defaults_are_usual(tmp_path: Path, method: str) -> None:
    returns = [1.0, 2.0] if method == "DAgger" else [1.0]
    for number, size in enumerate((8, 16, 32, 64, 128)):
        write_run(tmp_path, returns, size=size, exp_name=f"run{number}")
        write_run(tmp_path, returns, size=size, learning_rate=1e-3, exp_name=f"run{number}")
    (chosen,) = usual(series_of(tmp_path), method)
    assert (chosen.config.size, chosen.config.learning_rate) == (64, 5e-3)


def test_the_command_survives_a_shell(tmp_path: Path) -> None:
    data = Path("my files") / "it's $HOME.pkl"
    write_run(tmp_path, [1.0], expert_data=data)
    (series,) = series_of(tmp_path)
    words = shlex.split(series.command)
    assert words[words.index("--expert_data") + 1] == str(data)


def test_the_same_run_twice_is_refused_with_both_names(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, [1.0], seed=4) for name in ("a", "b")]
    with pytest.raises(InvalidInput, match="two values for seed 4, iteration 0") as refused:
        series_of(tmp_path)
    assert all(str(folder) in str(refused.value) for folder in folders)


def test_runs_without_an_evaluation_do_not_count(tmp_path: Path) -> None:
    empty = write_run(tmp_path, [], seed=1)
    with pytest.raises(InvalidInput, match=f"no run was evaluated yet: {empty}"):
        series_of(tmp_path)
    write_run(tmp_path, [1.0], seed=1)
    assert [s.seeds for s in series_of(tmp_path)] == [(1,)]


def test_different_tasks_are_named(tmp_path: Path) -> None:
    write_run(tmp_path, [1.0])
    write_run(tmp_path, [1.0], env_name="Ant-v5")
    with pytest.raises(InvalidInput, match=r"different tasks in one curve: Ant-v5, Hopper-v5; .*--env_name"):
        check_one_task(series_of(tmp_path), "one curve")


def test_every_setting_is_known_to_decide_the_result_or_not() -> None:
    known = {
        *("expert_policy_file", "expert_data", "env_name", "backend", "do_dagger", "ep_len", "loss"),
        *("num_agent_train_steps_per_iter", "n_iter", "batch_size", "eval_batch_size", "train_batch_size", "n_layers"),
        *("size", "learning_rate", "learning_rate_schedule", "ob_normalization", "max_replay_buffer_size"),
    }
    assert set(RESULT_SETTINGS) == known < {field.name for field in fields(Config)}
