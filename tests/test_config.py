"""Settings of a run: allowed values, the assignment's flags, and reading of settings from JSON."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cs285.command_line import parse
from cs285.config import Config, config_from_settings
from cs285.errors import InvalidInput

SMALLEST = {
    **dict.fromkeys(("num_agent_train_steps_per_iter", "batch_size", "eval_batch_size", "train_batch_size"), 1),
    **dict.fromkeys(("size", "max_replay_buffer_size", "ep_len", "expert_episodes"), 1),
    **dict.fromkeys(("n_layers", "which_gpu", "seed", "num_workers"), 0),
    **dict.fromkeys(("video_log_freq", "scalar_log_freq", "checkpoint_freq"), -1),
}


def test_smallest_values() -> None:
    assert Config(**SMALLEST)
    for name, value in SMALLEST.items():
        with pytest.raises(InvalidInput, match=f"--{name} is {value - 1}; it must be "):
            Config(**{name: value - 1})


@pytest.mark.parametrize(("do_dagger", "usual", "wrong"), [(False, 1, (0, 2)), (True, 10, (-1, 1))])
def test_cloning_has_one_iteration_and_dagger_more(do_dagger: bool, usual: int, wrong: tuple[int, int]) -> None:
    assert Config(do_dagger=do_dagger).iterations == Config(n_iter=usual, do_dagger=do_dagger).iterations == usual
    for n_iter in wrong:
        with pytest.raises(InvalidInput, match="n_iter"):
            Config(n_iter=n_iter, do_dagger=do_dagger)


WRONG = [
    *[("loss", "l1"), ("exp_name", "a/b"), ("checkpoint_freq", 0), ("learning_rate", 0.0), ("env_name", None)],
    *[("learning_rate", float("inf")), ("size", "64"), ("seed", True), ("do_dagger", 1), ("batch_size", float("nan"))],
    ("env_kwargs", [1]),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_refusals_name_the_flag_of_the_value(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        Config(**{name: value})
    assert str(refused.value).startswith(f"--{name} is {value!r}; it ")


def test_settings_survive_json() -> None:
    config = Config(expert_data=Path("a/b.pkl"), do_dagger=True, n_iter=5, learning_rate=1.0, exp_name="mine")
    text = json.dumps(asdict(config) | {"from_a_later_version": 1}, default=str)
    assert config_from_settings(json.loads(text)) == config == replace(config, expert_data="a/b.pkl", logdir="data")


def test_run_folders_are_named_as_in_the_assignment() -> None:
    # The folder's name has no colon, because Windows allows none in file names.
    assert Config(env_name="gym:ALE/Pong-v5").run_name == "q1_bc_gym-ALE-Pong-v5"
    dagger = Config(env_name="Ant-v4", exp_name="dagger_ant", do_dagger=True)
    assert dagger.run_name == "q2_dagger_ant_Ant-v4"


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
    argv = ["-epf", "a.pkl", "-ed", "b.pkl", "-env", "Hopper-v4", "-exp", "mine", "-n", "1", "-lr", "0.1", "-ngpu"]
    short = parse(Config, "", argv)
    assert (short.expert_policy_file, short.expert_data) == (Path("a.pkl"), Path("b.pkl"))
    assert (short.env_name, short.exp_name, short.n_iter) == ("Hopper-v4", "mine", 1)
    assert (short.learning_rate, short.no_gpu) == (0.1, True)
    assert parse(Config, "", []) == Config()
