"""Environments and flags that are refused: one line, exit code 2, no file left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cs285.command_line import parse
from cs285.errors import InvalidInput
from cs285.scripts.run_hw1 import read_settings
from tests import fakes
from tests.scripts.conftest import PointFiles, Script, files_below, load_script, small_run

BAD_ENVIRONMENTS = {
    "HalfCheetah-v9": ("HalfCheetah-v9", "`v5`"),
    "Hoper-v5": ("Hoper-v5", "Did you mean: `Hopper`"),
    "cartpole-v1": ("Did you mean: `CartPole`",),
    "nothing like it": ("'nothing like it'",),
    "": ("''",),
    "no_such_module:Hopper-v5": ("no_such_module",),
    "nowhere/Hopper-v5": ("nowhere/Hopper-v5",),
    "Swimmer-v2": ("Swimmer-v2",),
    "tests/Endless-v0": ("no time limit", "--ep_len"),
}


@pytest.mark.parametrize("env_name", BAD_ENVIRONMENTS)
def test_bad_environment(env_name: str, refused: Callable[..., None], point_files: PointFiles) -> None:
    parts = BAD_ENVIRONMENTS[env_name]
    refused(parts, "run_hw1", *small_run(point_files, "-env", env_name))
    refused(parts, "run_hw1", *small_run(point_files, "-env", env_name, "--seeds", "1,2"))
    refused(parts, "collect_expert_data", "-epf", point_files.expert, "-env", env_name)


OUT_OF_RANGE = {
    "collect_expert_data": {"episodes": "0 -1", "ep_len": "0 -1", "seed": "-1"},
    "eval_policy": {"episodes": "0 -1", "ep_len": "0 -1", "seed": "-1", "video": "film.gif"},
    "eval_expert": {"episodes": "1 0 -2"},
    "sweep": {"seeds": "0", "num_cpus": "0"},
    "reproduce": {"seeds": "0", "tasks": ","},
}


@pytest.mark.parametrize(("name", "flag"), [(name, flag) for name, flags in OUT_OF_RANGE.items() for flag in flags])
def test_value_out_of_range(name: str, flag: str, workplace: Path) -> None:
    settings = load_script(name).Settings
    needed = ["-p", "policy_itr_0.pt"] if name == "eval_policy" else []
    for value in OUT_OF_RANGE[name][flag].split():
        with pytest.raises(InvalidInput, match=f"--{flag}"):
            parse(settings, "", [*needed, f"--{flag}={value}"])


@pytest.mark.parametrize("seeds", ["1,1", "-1,2", "", "1,,2", "one", "1.5", "nan", "1,2,", "²"])
def test_bad_seeds(seeds: str) -> None:
    with pytest.raises(InvalidInput, match="--seeds is"):
        read_settings([f"--seeds={seeds}"])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--do_dagger", "--n_iter", "1"), ("--do_dagger", "--n_iter 1", "--n_iter 2")),
        (("--n_iter", "3"), ("--n_iter is 3", "--do_dagger")),
        (("--do_dagger",), ("no expert ships for tests/Point-v0", "--expert_policy_file")),
        (("--exp_name", "a/b"), ("--exp_name is 'a/b'",)),
        (("--resume", "nowhere"), ("--resume is nowhere",)),
    ],
)
def test_bad_combination(
    arguments: Sequence[str], parts: Sequence[str], refused: Callable[..., None], point_files: PointFiles
) -> None:
    refused(parts, "run_hw1", *small_run(point_files, *arguments))


@pytest.mark.parametrize(
    "arguments",
    ["--no_such_flag", "--num_agent_train_steps 1", "--seed", "--size many", "--seed 1.5", "--loss mae", "stray"],
)
def test_bad_command_line(arguments: str, script: Script, workplace: Path) -> None:
    outcome = script("run_hw1", *arguments.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert arguments.split()[0] in outcome.err
    assert files_below(workplace) == []


def test_no_data_for_the_task(refused: Callable[..., None]) -> None:
    refused(("no expert data ships for tests/Point-v0", "--expert_data"), "run_hw1", "-env", fakes.POINT)
