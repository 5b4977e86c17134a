"""Runs of the same settings are one series, and every other difference is seen."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.errors import InvalidInput
from cs285.infrastructure.config import Config
from cs285.infrastructure.run_folders import read_runs
from cs285.infrastructure.series import (
    RESULT_SETTINGS,
    Series,
    check_one_task,
    differing_settings,
    group_by_settings,
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
