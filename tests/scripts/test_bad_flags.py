"""Values of flags, and ids of environments, that can not be. One clear line, exit code 2, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests import fakes
from tests.scripts.conftest import PointFiles, finish, small_run, start


@pytest.mark.parametrize(
    ("env_name", "parts"),
    [
        ("HalfCheetah-v9", ("HalfCheetah-v9", "`v5`")),
        ("Hoper-v5", ("Hoper-v5", "Did you mean: `Hopper`")),
        ("cartpole-v1", ("Did you mean: `CartPole`",)),
        ("nothing like it", ("'nothing like it'",)),
        ("", ("''",)),
        ("no_such_module:Hopper-v5", ("no_such_module",)),
        ("nowhere/Hopper-v5", ("nowhere/Hopper-v5",)),
        ("Swimmer-v2", ("Swimmer-v2", "Ant-v2", "others have -v4 or -v5")),
        ("tests/Endless-v0", ("no time limit", "--ep_len")),
    ],
)
@pytest.mark.parametrize("name", ["run_hw1", "collect_expert_data"])
def test_bad_environments(
    env_name: str, parts: Sequence[str], name: str, refused: Callable[..., None], point_files: PointFiles
) -> None:
    if name == "run_hw1":
        refused(parts, name, *small_run(point_files, "-env", env_name))
    else:
        refused(parts, name, "-epf", point_files.expert, "-env", env_name)


AT_LEAST_1 = (
    *("ep_len", "num_agent_train_steps_per_iter", "n_iter", "batch_size", "eval_batch_size", "train_batch_size"),
    *("size", "max_replay_buffer_size"),
)
FREQUENCIES = ("video_log_freq", "scalar_log_freq", "checkpoint_freq")
OUT_OF_RANGE = {
    "run_hw1": [
        *((name, value) for name in AT_LEAST_1 for value in ("0", "-3", "nan", "inf", "2.5", "many", "")),
        *((name, value) for name in ("n_layers", "which_gpu", "seed", "num_workers") for value in ("-1", "nan", "one")),
        *(("learning_rate", value) for value in ("0", "-1e-3", "nan", "inf", "-inf", "fast")),
        *((name, v) for name in FREQUENCIES for v in ("0", "-2", "nan", "1.5", "often")),
        *(("loss", value) for value in ("mae", "")),
        *(("exp_name", value) for value in ("a/b", "", "a b", "a\nb")),
        *(("size", "100000"), ("n_iter", "1000001"), ("num_workers", "1001"), ("train_batch_size", "1000001")),
        *(("seeds", value) for value in ("1,1", "-1,2", "", "1,,2", "one", "1.5", "nan")),
    ],
    "collect_expert_data": [
        *((name, value) for name in ("episodes", "ep_len") for value in ("0", "-1", "nan", "two")),
        *(("seed", "-1"), ("episodes", "100001")),
    ],
    "eval_policy": [
        *((name, value) for name in ("episodes", "ep_len") for value in ("0", "-1", "nan", "two")),
        *(("seed", "-1"), ("video", "film.gif"), ("episodes", "99999999999999999999999")),
    ],
    "eval_expert": [("episodes", value) for value in ("1", "0", "-2", "inf", "all", "100001")],
    "train_expert": [
        *(
            (name, value)
            for name in (
                "total_steps",
                "n_layers",
                "size",
                "n_envs",
                "n_steps",
                "n_epochs",
                "eval_episodes",
                "batch_size",
                "evaluations",
            )
            for value in ("0", "-1", "nan", "many")
        ),
        *(
            (name, value)
            for name in ("gamma", "gae_lambda", "clip_range", "target_kl", "vf_coef", "ent_coef")
            for value in ("-0.1", "nan", "inf", "much")
        ),
        *(("learning_rate", value) for value in ("0", "-1", "nan", "inf", "fast")),
        *(("initial_log_std", value) for value in ("nan", "inf", "-inf", "wide")),
        ("eval_episodes", "100001"),
        *(("gamma", "1.5"), ("gae_lambda", "1.1"), ("seed", "-1"), ("ob_dim", "0"), ("ob_dim", "-4")),
    ],
}


@pytest.mark.parametrize(
    ("name", "flag", "value"), [(name, flag, value) for name, pairs in OUT_OF_RANGE.items() for flag, value in pairs]
)
def test_values_out_of_range(
    name: str, flag: str, value: str, refused: Callable[..., None], point_files: PointFiles
) -> None:
    if name == "run_hw1":
        arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert)
    elif name == "eval_policy":
        arguments = ("-p", "policy_itr_0.pt")
    elif name in ("eval_expert", "collect_expert_data"):
        arguments = ("-epf", point_files.expert, "-env", fakes.POINT)
    else:
        arguments = ("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 1, "--n_steps", 4, "--batch_size", 4)
    refused((f"--{flag}",), name, *arguments, f"--{flag}={value}")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--do_dagger", "--n_iter", "1"), ("--do_dagger", "--n_iter 1", "--n_iter 2")),
        (("--n_iter", "3"), ("--n_iter is 3", "--do_dagger")),
        (("--do_dagger",), ("no expert ships for tests/Point-v0", "--expert_policy_file")),
        (("--no_such_flag",), ("--no_such_flag",)),
        (("--learn", "1"), ("--learn",)),
        (("--seed",), ("--seed",)),
    ],
)
def test_contradictions_and_unknown_flags(
    arguments: Sequence[str], parts: Sequence[str], refused: Callable[..., None], point_files: PointFiles
) -> None:
    refused(parts, "run_hw1", *small_run(point_files, *arguments))


def test_no_data_for_the_task(refused: Callable[..., None]) -> None:
    refused(("no expert data ships for tests/Point-v0", "--expert_data"), "run_hw1", "-env", fakes.POINT)


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("run_hw1", ("-env", "CartPole-v1", "-ed", "nowhere.pkl"), "nowhere.pkl"),
        ("run_hw1", ("-env", "Swimmer-v2"), "others have -v4 or -v5"),
        ("run_hw1", ("--batch_size", "0"), "--batch_size is 0"),
        ("collect_expert_data", ("-env", "CartPole-v7"), "`v1`"),
    ],
)
def test_as_a_user_sees_it(name: str, arguments: Sequence[str], part: str, tmp_path: Path) -> None:
    outcome = finish(start(name, *arguments, cwd=tmp_path)).refused(part)
    assert outcome.out == ""
    assert list(tmp_path.iterdir()) == []
