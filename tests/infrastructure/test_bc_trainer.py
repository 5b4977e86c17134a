"""From settings to a run: the same seed repeats it, and what can't work is refused before it starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from cs285.config import Config
from cs285.data.shipped import find_shipped
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer, find_expert, load_initial_data
from tests.fakes import (
    CHOICE,
    OB_DIM,
    POINT_SPEC,
    choice_rule,
    course_episode,
    expert_content,
    expert_rule,
    make_trajectory,
    pickle_file,
)

TIMES = ("TimeSinceStart",)


def parameters(trainer: BC_Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in trainer.rl_trainer.agent.actor.parameters()])


def run(config: Config, expert: Any = expert_rule) -> tuple[torch.Tensor, list[dict[str, float]]]:
    trainer = BC_Trainer(config, expert)
    rows = trainer.run_training_loop()
    return parameters(trainer), [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


def test_the_seed_decides_the_whole_run_and_nothing_else_does(tiny: Config) -> None:
    first, rows = run(tiny)
    torch.manual_seed(99)
    np.random.seed(99)
    again, same_rows = run(tiny)
    other, _ = run(replace(tiny, seed=2))
    assert torch.equal(first, again)
    assert rows == same_rows
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("3", 3), ("0", 1), ("many", 1)])
def test_one_thread_unless_more_are_asked_for(
    asked: str | None, threads: int, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    with threadpool_limits(limits=None):  # leaves all as they were, torch's OpenMP too
        BC_Trainer(tiny, expert_rule).rl_trainer.rollouts.close()
        in_numpy = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        assert (torch.get_num_threads(), in_numpy) == (threads, {threads})


def test_a_run_leaves_the_global_generators_alone(tiny: Config) -> None:
    in_torch, in_numpy = torch.get_rng_state(), np.random.get_state()[1].tolist()
    run(tiny)
    assert torch.equal(in_torch, torch.get_rng_state())
    assert in_numpy == np.random.get_state()[1].tolist()


def test_workers_change_nothing(tiny: Config, tmp_path: Path) -> None:
    expert = pickle_file(tmp_path / "expert.pkl", expert_content())
    runs = [run(replace(tiny, expert_policy_file=expert, num_workers=n), expert=None) for n in (0, 2)]
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


def test_dagger_learns_to_act_as_the_expert(tiny: Config) -> None:
    trainer = BC_Trainer(
        replace(tiny, n_iter=5, num_agent_train_steps_per_iter=150, learning_rate=0.01, size=32), expert_rule
    )
    trainer.run_training_loop()
    states = np.random.default_rng(0).normal(size=(200, OB_DIM))
    error = trainer.rl_trainer.agent.actor.get_action(states) - expert_rule(states)
    assert np.square(error).mean() < 0.1 * expert_rule(states).var()


def test_discrete_tasks(tiny: Config, tmp_path: Path) -> None:
    episode = course_episode(2023, steps=200)
    data = [episode | {"action": choice_rule(episode["observation"])}]
    config = replace(
        tiny,
        env_name=CHOICE,
        expert_data=pickle_file(tmp_path / "choices.pkl", data),
        num_agent_train_steps_per_iter=200,
        learning_rate=0.01,
    )
    trainer = BC_Trainer(config, choice_rule)
    trainer.run_training_loop()
    states = np.random.default_rng(0).normal(size=(300, OB_DIM))
    assert (trainer.rl_trainer.agent.actor.get_action(states) == choice_rule(states)).mean() > 0.9


def test_the_folder_tells_how_the_run_was_made(tiny: Config) -> None:
    trainer = BC_Trainer(replace(tiny, save_params=True), expert_rule)
    trainer.run_training_loop()
    settings = json.loads((trainer.run_dir / "config.json").read_text())["settings"]
    assert {**settings, "expert_data": Path(settings["expert_data"]), "logdir": Path(settings["logdir"])} == vars(
        replace(tiny, save_params=True)
    )
    left = {path.name for path in trainer.run_dir.iterdir() if not path.name.startswith("events")}
    parameters = {f"policy_itr_{n}.pt" for n in range(3)}
    assert left == {"config.json", "log.csv", "learning_curve.png", "checkpoint", *parameters}
    assert trainer.run_dir.name.startswith("q2_dagger_tests-Point-v0_")


def test_the_number_of_iterations_is_written_down_when_it_was_the_default(tiny: Config) -> None:
    trainer = BC_Trainer(replace(tiny, n_iter=None), expert_rule)
    assert json.loads((trainer.run_dir / "config.json").read_text())["settings"]["n_iter"] == 10


EXPERTS_THAT_DO_NOT_FIT = {
    "actions too long": lambda observations: np.zeros((len(observations), 5)),
    "no action numbers": lambda observations: np.zeros(len(observations)),
    "NaN": lambda observations: np.full((len(observations), 2), np.nan),
    "not one for each": lambda observations: np.zeros((3, 2)),
    "no policy at all": 3,
}


@pytest.mark.parametrize("name", list(EXPERTS_THAT_DO_NOT_FIT))
def test_an_expert_that_does_not_fit_is_refused_before_anything_is_written(tiny: Config, name: str) -> None:
    with pytest.raises(InvalidInput):
        BC_Trainer(tiny, EXPERTS_THAT_DO_NOT_FIT[name])
    assert not tiny.logdir.exists()


def test_dagger_without_an_expert_and_a_task_without_data_are_refused(tiny: Config) -> None:
    with pytest.raises(InvalidInput, match=r"no expert ships for tests/Point-v0; .*--expert_policy_file"):
        BC_Trainer(tiny)
    with pytest.raises(InvalidInput, match=r"no expert data ships for tests/Point-v0; .*--expert_data"):
        BC_Trainer(replace(tiny, expert_data=None), expert_rule)
    assert find_expert(replace(tiny, do_dagger=False, n_iter=1), POINT_SPEC) is None
    assert not tiny.logdir.exists()


@pytest.mark.parametrize(
    ("change", "discrete", "message"),
    [
        ({"action": np.zeros((12, 5))}, False, "actions of 5 numbers, but tests/Point-v0 has 2"),
        ({"action": np.zeros(12, int)}, False, "its actions are discrete, but those of .* are continuous"),
        ({"action": np.zeros((12, 2))}, True, "its actions are continuous, but those of .* are discrete"),
        ({"action": np.full(12, 2)}, True, "from 2 to 2, but .* has choices 0 to 1"),
        ({"action": np.full(12, -1)}, True, "from -1 to -1, but .* has choices 0 to 1"),
        ({"observation": np.zeros((12, 9)), "next_observation": np.zeros((12, 9))}, False, "9 numbers, but .* has 3"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    tiny: Config, tmp_path: Path, change: dict[str, Any], discrete: bool, message: str
) -> None:
    path = pickle_file(tmp_path / "wrong.pkl", [course_episode(2023) | change])
    with pytest.raises(InvalidInput, match=message):
        load_initial_data(replace(tiny, expert_data=path), replace(POINT_SPEC, discrete=discrete))


@pytest.mark.parametrize("edition", [2020, 2023])
def test_data_of_another_layout_are_converted_with_a_notice(
    tiny: Config, tmp_path: Path, edition: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ob_dim = {2020: 111, 2023: 27}[edition]
    path = pickle_file(tmp_path / "ant.pkl", [course_episode(edition, ob_dim=ob_dim, ac_dim=8)])
    config = replace(tiny, env_name="Ant-v5", expert_data=path)
    (trajectory,) = load_initial_data(config, TaskSpec((105,), np.dtype(np.float32), 8, False, 1000, 20))
    assert trajectory.observations.shape == trajectory.next_observations.shape == (12, 105)
    assert f"from {ob_dim} to 105 numbers" in capsys.readouterr().err


@pytest.mark.parametrize("ep_len", [None, 5])
def test_recorded_time_limits_are_no_terminations(tiny: Config, ep_len: int | None) -> None:
    """The data's episodes end at the task's limit, wherever this run cuts its own."""
    trainer = BC_Trainer(replace(tiny, ep_len=ep_len), expert_rule)
    assert [(len(path), path.truncated) for path in trainer.initial_expertdata] == [(12, True)] * 2


def test_files_that_ship_are_found_here_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_shipped(Path("nosuch.pkl")) is None
    found = find_shipped(Path("pyproject.toml"))
    assert found is not None
    assert found.is_absolute()
    (tmp_path / "pyproject.toml").touch()
    assert find_shipped(Path("pyproject.toml")) == Path("pyproject.toml")


@pytest.mark.parametrize("task", ["HalfCheetah", "Hopper", "Ant"])
def test_the_courses_files_run(course: Path, tmp_path: Path, task: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(
        env_name=f"{task}-v4",
        expert_policy_file=course / "experts" / f"{task}.pkl",
        expert_data=course / "expert_data" / f"expert_data_{task}-v4.pkl",
        do_dagger=True,
        n_iter=2,
        ep_len=20,
        batch_size=20,
        eval_batch_size=20,
        num_agent_train_steps_per_iter=50,
        num_workers=0,
        logdir=tmp_path / "runs",
    )
    losses = [row["Training Loss"] for row in BC_Trainer(config).run_training_loop()]
    assert np.isfinite(losses).all()
    assert ("converting" in capsys.readouterr().err) == (task == "Ant")


def test_what_learns_lives_on_the_device_that_was_chosen(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's "meta" stands in for a GPU."""
    asked = []

    def choose(no_gpu: bool, which_gpu: int) -> torch.device:
        asked.append((no_gpu, which_gpu))
        return torch.device("meta")

    monkeypatch.setattr("cs285.infrastructure.pytorch_utils.choose_device", choose)
    agent = BC_Trainer(replace(tiny, no_gpu=True, which_gpu=3), expert_rule).agent
    agent.add_to_replay_buffer([make_trajectory()])
    assert asked == [(True, 3)]
    assert {tensor.device.type for tensor in (*agent.actor.parameters(), *agent.sample(2))} == {"meta"}
