"""Series that differ have names that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cs285.data.run_folders import read_runs
from cs285.results.series import group_by_settings
from cs285.results.series_names import series_names
from tests.fake_runs import write_run

ONE, OTHER = "12ab34cd" * 8, "98fe76dc" * 8
CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a number": ([{"size": 8}, {"size": 64}], ["size=8", "size=64"]),
    "files": ([{"expert_data": "a/one.pkl"}, {"expert_data": "a/two.pkl"}], ["expert_data=one", "expert_data=two"]),
    "the one that ships": ([{}, {"expert_data": "one.pkl"}], ["expert_data=expert_data_Hopper-v5", "expert_data=one"]),
    "experts": (
        [{"expert_policy_file": "a.pkl"}, {"expert_policy_file": "b.pkl"}],
        ["expert_policy_file=a", "expert_policy_file=b"],
    ),
    "engines": (
        [{"env_name": "Ant-v2", "backend": b} for b in ("mujoco", "mujoco_py")],
        ["backend=mujoco", "backend=mujoco_py"],
    ),
    "what is in a file": (
        [{"inputs": {"expert_data": ONE}}, {"inputs": {"expert_data": OTHER}}],
        ["expert_data=12ab34", "expert_data=98fe76"],
    ),
    "files of one name": (
        [
            {"expert_data": "a/one.pkl", "inputs": {"expert_data": ONE}},
            {"expert_data": "b/one.pkl", "inputs": {"expert_data": OTHER}},
        ],
        ["expert_data=12ab34", "expert_data=98fe76"],
    ),
    "files of one name, of which nothing is known": (
        [{"expert_data": "a/one.pkl"}, {"expert_data": "b/one.pkl"}],
        ["expert_data=a/one.pkl unknown", "expert_data=b/one.pkl unknown"],
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_name_says_what_differs(tmp_path: Path, what: str) -> None:
    runs, names = CASES[what]
    for number, settings in enumerate(runs):
        write_run(tmp_path, [1.0, 2.0], exp_name=f"run{number}", **settings)
    assert series_names(group_by_settings(read_runs([tmp_path]))) == [f"DAgger {name}" for name in names]
