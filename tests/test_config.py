"""The settings of a run: what is allowed, what is not, and the assignment's names on the command line."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.command_line import parse
from cs285.config import Config
from cs285.errors import InvalidInput

AT_LEAST = {
    "num_agent_train_steps_per_iter": 1,
    "batch_size": 1,
    "eval_batch_size": 1,
    "train_batch_size": 1,
    "size": 1,
    "max_replay_buffer_size": 1,
    "ep_len": 1,
    "n_layers": 0,
    "which_gpu": 0,
    "seed": 0,
}


@given(name=st.sampled_from(list(AT_LEAST)), value=st.integers(-100, 100))
def test_each_number_has_a_smallest_value(name: str, value: int) -> None:
    if value >= AT_LEAST[name]:
        assert getattr(Config(**{name: value}), name) == value
    else:
        with pytest.raises(InvalidInput, match=f"--{name} is {value}; it must be at least {AT_LEAST[name]}"):
            Config(**{name: value})


@given(rate=st.floats())
def test_the_learning_rate_is_positive_and_finite(rate: float) -> None:
    if 0 < rate < float("inf"):
        assert Config(learning_rate=rate).learning_rate == rate
    else:
        with pytest.raises(InvalidInput, match="--learning_rate"):
            Config(learning_rate=rate)


@given(name=st.sampled_from(["video_log_freq", "scalar_log_freq", "checkpoint_freq"]), value=st.integers(-5, 5))
def test_frequencies_are_never_or_positive(name: str, value: int) -> None:
    if value == -1 or value >= 1:
        Config(**{name: value})
    else:
        with pytest.raises(InvalidInput, match=f"--{name} is {value}"):
            Config(**{name: value})


@given(n_iter=st.one_of(st.none(), st.integers(-2, 20)), do_dagger=st.booleans())
def test_cloning_has_one_iteration_and_dagger_more(n_iter: int | None, do_dagger: bool) -> None:
    allowed = n_iter is None or (n_iter >= 2 if do_dagger else n_iter == 1)
    if allowed:
        expected = n_iter or (10 if do_dagger else 1)
        assert Config(n_iter=n_iter, do_dagger=do_dagger).iterations == expected
    else:
        with pytest.raises(InvalidInput, match="n_iter"):
            Config(n_iter=n_iter, do_dagger=do_dagger)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "l1"},
        {"exp_name": "a/b"},
        {"exp_name": ""},
        {"exp_name": "two words"},
        {"size": 10**9},
        {"n_layers": 10**6},
        {"batch_size": float("nan")},
        {"eval_batch_size": float("inf")},
    ],
)
def test_other_values_are_refused_by_the_name_of_their_flag(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"--{next(iter(wrong))}"):
        Config(**wrong)


def test_settings_cannot_be_changed_and_variants_are_checked_again() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 3  # type: ignore[misc]
    with pytest.raises(InvalidInput):
        dataclasses.replace(Config(), seed=-3)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"env_name": "Ant-v4"}, "q1_bc_Ant-v4"),
        ({"env_name": "Ant-v4", "do_dagger": True}, "q2_dagger_Ant-v4"),
        ({"env_name": "tests/Point-v0", "exp_name": "mine"}, "q1_mine_tests-Point-v0"),
        ({"env_name": "gym:CartPole-v1"}, "q1_bc_gym-CartPole-v1"),
        ({"env_name": "Ant-v4", "exp_name": "dagger_ant", "do_dagger": True}, "q2_dagger_ant_Ant-v4"),
    ],
)
def test_run_folders_are_named_as_in_the_assignment(settings: dict[str, Any], name: str) -> None:
    assert Config(**settings).run_name == name


COURSE_COMMAND = (
    "--expert_policy_file experts/Ant.pkl --env_name Ant-v4 --exp_name dagger_ant --n_iter 10 --do_dagger "
    "--expert_data data/Ant-v4.pkl --video_log_freq -1 --ep_len 100 --num_agent_train_steps_per_iter 200 "
    "--batch_size 300 --eval_batch_size 400 --train_batch_size 50 --n_layers 3 --size 32 --learning_rate 0.001 "
    "--scalar_log_freq 2 --no_gpu --which_gpu 1 --max_replay_buffer_size 5000 --save_params --seed 7"
)


def test_the_courses_command_line_is_understood() -> None:
    assert parse(Config, "", COURSE_COMMAND.split()) == Config(
        expert_policy_file=Path("experts/Ant.pkl"),
        expert_data=Path("data/Ant-v4.pkl"),
        env_name="Ant-v4",
        exp_name="dagger_ant",
        do_dagger=True,
        ep_len=100,
        num_agent_train_steps_per_iter=200,
        n_iter=10,
        batch_size=300,
        eval_batch_size=400,
        train_batch_size=50,
        n_layers=3,
        size=32,
        learning_rate=1e-3,
        video_log_freq=-1,
        scalar_log_freq=2,
        no_gpu=True,
        which_gpu=1,
        max_replay_buffer_size=5000,
        save_params=True,
        seed=7,
    )


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("-epf a.pkl", "--expert_policy_file a.pkl"),
        ("-ed a.pkl", "--expert_data a.pkl"),
        ("-env Hopper-v4", "--env_name Hopper-v4"),
        ("-exp mine", "--exp_name mine"),
        ("-n 5 --do_dagger", "--n_iter 5 --do_dagger"),
        ("-lr 0.1", "--learning_rate 0.1"),
        ("-ngpu", "--no_gpu"),
    ],
)
def test_the_courses_short_flags(short: str, long: str) -> None:
    assert parse(Config, "", short.split()) == parse(Config, "", long.split()) != Config()


def test_without_flags_the_command_line_gives_the_defaults() -> None:
    assert parse(Config, "", []) == Config()


VALUES = st.one_of(
    st.text(max_size=8),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(["", " ", "-", "--", "None", "nan", "-inf", "1e400", "0x10", "1_000", "1,2", ",", "\0", "a/b"]),
)


@pytest.mark.parametrize("flag", [field.name for field in dataclasses.fields(Config)])
@given(value=VALUES)
def test_any_value_of_a_flag_is_taken_or_refused(flag: str, value: str) -> None:
    flag_alone = dataclasses.fields(Config)[[f.name for f in dataclasses.fields(Config)].index(flag)].type == "bool"
    with contextlib.suppress(InvalidInput):
        config = parse(Config, "", ["--do_dagger", f"--{flag}={value}"])
        assert not flag_alone
        taken = getattr(config, flag)
        assert type(taken) in (int, float, tuple) or str(taken) == value or isinstance(taken, Path)
        assert not isinstance(taken, float) or 0 < taken < float("inf")
