"""Settings of a run: allowed values, the assignment's flags, and reading them back from JSON."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.command_line import parse
from cs285.config import Config, config_from_settings, setting_from_text, setting_types
from cs285.errors import InvalidInput

SMALLEST = {
    **dict.fromkeys(("num_agent_train_steps_per_iter", "batch_size", "eval_batch_size", "train_batch_size"), 1),
    **dict.fromkeys(("size", "max_replay_buffer_size", "ep_len"), 1),
    **dict.fromkeys(("n_layers", "which_gpu", "seed", "num_workers"), 0),
    **dict.fromkeys(("video_log_freq", "scalar_log_freq", "checkpoint_freq"), -1),
}


def test_smallest_values() -> None:
    assert Config(**SMALLEST)
    for name, value in SMALLEST.items():
        with pytest.raises(InvalidInput, match=f"--{name} is {value - 1}; it must be "):
            Config(**{name: value - 1})


@given(n_iter=st.one_of(st.none(), st.integers(-2, 20)), do_dagger=st.booleans())
def test_cloning_has_one_iteration_and_dagger_more(n_iter: int | None, do_dagger: bool) -> None:
    allowed = n_iter is None or (n_iter >= 2 if do_dagger else n_iter == 1)
    if allowed:
        assert Config(n_iter=n_iter, do_dagger=do_dagger).iterations == n_iter or (10 if do_dagger else 1)
    else:
        with pytest.raises(InvalidInput, match="n_iter"):
            Config(n_iter=n_iter, do_dagger=do_dagger)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "l1"},
        {"exp_name": "a/b"},
        {"batch_size": float("nan")},
        {"checkpoint_freq": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"size": "64"},
        {"seed": True},
        {"do_dagger": 1},
        {"env_name": None},
        {"expert_data": "data.pkl"},
    ],
)
def test_values_are_refused_by_the_name_of_their_flag(wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(InvalidInput) as refused:
        Config(**wrong)
    assert str(refused.value).startswith(f"--{name} is {value!r}; it ")


JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))


@given(name=st.sampled_from(list(setting_types())), value=JSON)
def test_any_json_value_is_taken_or_refused(name: str, value: Any) -> None:
    with contextlib.suppress(InvalidInput):
        config = config_from_settings({name: value})
        assert str(getattr(config, name)) == str(Path(value) if Path in setting_types()[name] and value else value)


def test_settings_survive_json() -> None:
    config = Config(expert_data=Path("a/b.pkl"), do_dagger=True, n_iter=5, learning_rate=1.0, exp_name="mine")
    text = json.dumps(asdict(config) | {"from_a_later_version": 1}, default=str)
    assert config_from_settings(json.loads(text)) == config


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"env_name": "tests/Point-v0", "exp_name": "mine"}, "q1_mine_tests-Point-v0"),
        ({"env_name": "gym:CartPole-v1"}, "q1_bc_gym-CartPole-v1"),
        ({"env_name": "Ant-v4", "exp_name": "dagger_ant", "do_dagger": True}, "q2_dagger_ant_Ant-v4"),
    ],
)
def test_run_folders_are_named_as_in_the_assignment(settings: dict[str, Any], name: str) -> None:
    assert Config(**settings).run_name == name


COURSE_COMMAND = (
    "--expert_policy_file experts/Ant.pkl --expert_data data/Ant-v4.pkl --env_name Ant-v4 --exp_name dagger_ant "
    "--n_iter 10 --ep_len 100 --num_agent_train_steps_per_iter 200 --batch_size 300 --eval_batch_size 400 "
    "--train_batch_size 50 --n_layers 3 --size 32 --learning_rate 0.001 --video_log_freq 5 --scalar_log_freq 2 "
    "--which_gpu 1 --max_replay_buffer_size 5000 --seed 7"
)


def test_the_command_line_of_the_course() -> None:
    argv = COURSE_COMMAND.split()
    config = parse(Config, "", [*argv, "--do_dagger", "--no_gpu", "--save_params"])
    assert (config.do_dagger, config.no_gpu, config.save_params) == (True, True, True)
    given = dict(zip(argv[::2], argv[1::2], strict=True))
    assert {flag: str(getattr(config, flag[2:])) for flag in given} == given


def test_the_short_flags_of_the_course() -> None:
    argv = "-epf a.pkl -ed b.pkl -env Hopper-v4 -exp mine -n 5 -lr 0.1 -ngpu"
    config = parse(Config, "", [*argv.split(), "--do_dagger"])
    assert (config.expert_policy_file, config.expert_data) == (Path("a.pkl"), Path("b.pkl"))
    assert (config.env_name, config.exp_name, config.n_iter) == ("Hopper-v4", "mine", 5)
    assert (config.learning_rate, config.no_gpu) == (0.1, True)


def test_an_empty_command_line_gives_the_defaults() -> None:
    assert parse(Config, "", []) == Config()


def test_settings_from_text() -> None:
    text = {"size": "32", "learning_rate": "1e-3", "do_dagger": "true", "n_iter": "3", "loss": "nll", "logdir": "a"}
    settings = {name: setting_from_text(name, value) for name, value in text.items()}
    expected = Config(size=32, learning_rate=1e-3, do_dagger=True, n_iter=3, loss="nll", logdir=Path("a"))
    assert Config(**settings) == expected
    for name, wrong in (("size", "many"), ("do_dagger", "yes"), ("loss", "l1"), ("n_iter", "2.5")):
        with pytest.raises(InvalidInput, match=f"--{name} is '{wrong}'; it must be"):
            Config(**{name: setting_from_text(name, wrong)})
