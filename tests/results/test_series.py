"""Runs are grouped by everything that decides their result, and named by what differs."""

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
    NON_RESULT_SETTINGS,
    RESULT_SETTINGS,
    Series,
    differing,
    group_by_parameter,
    group_by_settings,
    numeric_settings,
    series_names,
)
from tests.fake_runs import write_run

ONE, OTHER = "12ab34cd" * 8, "98fe76dc" * 8


def series_of(folder: Path) -> list[Series]:
    return group_by_settings(read_runs([folder]))


def test_seeds_make_a_series(tmp_path: Path) -> None:
    for seed in (3, 1, 2):
        write_run(tmp_path, [10.0 * seed, 20.0 * seed], std=seed, seed=seed, exp_name=f"s{seed}", num_workers=seed)
    (series,) = series_of(tmp_path)
    assert series.seeds == (1, 2, 3)
    assert (series.method, series.task, series.iterations, series.last) == ("DAgger", "Hopper-v5", (0, 1), 1)
    assert series.values("Eval_AverageReturn", 1) == [20, 40, 60]
    assert series.summary(1).mean == 40
    assert series.rollout_std(0) == pytest.approx(np.sqrt((1 + 4 + 9) / 3))
    assert series.expert() == (100, 2)


def test_an_incomplete_seed_counts_in_the_iterations_it_has(tmp_path: Path) -> None:
    for seed, returns in ((1, [1.0, 2.0, 3.0]), (2, [3.0, 6.0])):
        write_run(tmp_path, returns, seed=seed, n_iter=3)
    (series,) = series_of(tmp_path)
    assert (series.iterations, series.last) == ((0, 1, 2), 1)
    assert [series.summary(itr).seeds for itr in (0, 1, 2)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"size": 32}, ["size"]),
        ({"loss": "nll"}, ["loss"]),
        ({"expert_data": Path("a.pkl")}, ["expert_data"]),
        ({"inputs": {"expert_data": OTHER}}, ["expert_data"]),
        ({"policy": {"make_policy": "mine:make"}}, ["make_policy"]),
        ({"policy": {"architecture": "ReLU"}}, []),
    ],
)
def test_every_difference_that_decides_the_result_makes_another_series(
    tmp_path: Path, change: dict[str, Any], names: list[str]
) -> None:
    usual: dict[str, Any] = {"inputs": {"expert_data": ONE}, "policy": {"architecture": "Tanh"}}
    write_run(tmp_path, [1.0], **usual)
    write_run(tmp_path, [1.0], **{**usual, **change})
    series = series_of(tmp_path)
    assert len(series) == 2
    assert differing(series) == names
    texts = series_names(series)
    assert len(set(texts)) == 2
    assert all(f"{name}={s.facts[name]}" in text for s, text in zip(series, texts, strict=True) for name in names)


def test_a_group_differs_in_one_parameter_and_is_sorted_by_it(tmp_path: Path) -> None:
    for size in (32, 8, 16):
        write_run(tmp_path, [1.0], size=size, inputs={"expert_data": ONE})
    write_run(tmp_path, [1.0], size=64, inputs={"expert_data": OTHER})
    series = series_of(tmp_path)
    assert numeric_settings(series) == ["size"]
    assert [[s.config.size for s in group] for group in group_by_parameter(series, "size")] == [[8, 16, 32]]


def test_the_command_repeats_the_runs_in_a_shell(tmp_path: Path) -> None:
    data = Path("my files") / "it's $HOME.pkl"
    for seed in (1, 2):
        write_run(tmp_path, [1.0, 2.0], expert_data=data, seed=seed)
    words = shlex.split(series_of(tmp_path)[0].command())
    assert words[:2] == ["python", "scripts/run_hw1.py"]
    pairs = [("--expert_data", str(data)), ("--env_name", "Hopper-v5"), ("--n_iter", "2"), ("--seeds", "1,2")]
    assert {(words[n], words[n + 1]) for n in range(2, len(words) - 1)} >= set(pairs)
    assert len(words) == 2 + 2 * len(pairs) + 1  # and --do_dagger
    write_run(tmp_path / "mine", [1.0, 2.0], policy={"make_policy": "mine:make"})
    assert series_of(tmp_path / "mine")[0].command().endswith("--seed 1 # make_policy=mine:make")


def test_the_same_run_twice_is_refused_with_both_folders(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, [1.0], seed=4) for name in ("a", "b")]
    with pytest.raises(InvalidInput, match="two runs with seed 4") as refused:
        series_of(tmp_path)
    assert all(str(folder) in str(refused.value) for folder in folders)


def test_runs_without_an_evaluation_are_left_out(tmp_path: Path) -> None:
    empty = write_run(tmp_path, [], seed=1)
    with pytest.raises(InvalidInput, match=f"no run has an evaluation: {empty}"):
        series_of(tmp_path)
    write_run(tmp_path, [1.0], seed=1)
    assert [s.seeds for s in series_of(tmp_path)] == [(1,)]


def test_every_setting_is_known_to_decide_the_result_or_not() -> None:
    known = (
        "expert_policy_file expert_data env_name backend do_dagger ep_len loss num_agent_train_steps_per_iter n_iter "
        "batch_size eval_batch_size train_batch_size n_layers size learning_rate learning_rate_schedule "
        "ob_normalization max_replay_buffer_size"
    )
    assert set(RESULT_SETTINGS) == set(known.split())
    assert {field.name for field in fields(Config)} - set(known.split()) == NON_RESULT_SETTINGS
