"""Experts and recorded episodes of a run: what is found, converted or refused before anything is written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.config import Config
from cs285.data.shipped import find_shipped
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.inputs import RunInputs, find_expert, load_initial_data
from cs285.infrastructure.metrics import final_line, normalized_score
from tests.fakes import POINT_SPEC, FakePolicy, course_episode, expert_rule, make_trajectory, pickle_file


def test_an_expert_that_does_not_fit_is_refused(tiny: Config) -> None:
    for expert in (lambda observations: np.zeros((len(observations), 5)), lambda _: np.full((1, 2), np.nan), 3):
        with pytest.raises(InvalidInput):
            RunInputs(tiny, expert)


def test_dagger_without_an_expert_and_a_task_without_data_are_refused(tiny: Config) -> None:
    with pytest.raises(InvalidInput, match=r"no expert ships for tests/Point-v0; .*--expert_policy_file"):
        RunInputs(tiny)
    with pytest.raises(InvalidInput, match=r"no expert data ships for tests/Point-v0; .*--expert_data$"):
        RunInputs(replace(tiny, expert_data=None), expert_rule)
    assert find_expert(replace(tiny, do_dagger=False, n_iter=1), POINT_SPEC, None, [make_trajectory()]) is None
    with pytest.raises(
        InvalidInput, match=r"for Hopper-v4; only for Ant-v5, .*; record some with scripts/.* --expert_data$"
    ):
        load_initial_data(replace(tiny, env_name="Hopper-v4", expert_data=None), POINT_SPEC)


def test_the_first_episodes_are_used(tiny: Config) -> None:
    every = load_initial_data(tiny, POINT_SPEC)
    (first,) = load_initial_data(replace(tiny, expert_episodes=1), POINT_SPEC)
    assert (len(every), first.total_reward) == (2, every[0].total_reward)
    with pytest.raises(InvalidInput, match=r"--expert_episodes is 3; it must be at most 2, the episodes in .*data.pkl"):
        load_initial_data(replace(tiny, expert_episodes=3), POINT_SPEC)


@pytest.mark.parametrize(
    ("change", "discrete", "message"),
    [
        ({"action": np.zeros((12, 5))}, False, r"the action has shape \(12, 5\); .* it must be \(12, 2\)"),
        ({"action": np.zeros(12, int)}, False, r"the action has shape \(12, 1\); .* it must be \(12, 2\)"),
        ({"action": np.full(12, -1)}, True, "an action is -1; the environment's choices are 0 to 1"),
        (
            {"observation": np.zeros((12, 9)), "next_observation": np.zeros((12, 9))},
            False,
            "9 numbers can't be converted to 3",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused(
    tiny: Config, tmp_path: Path, change: dict[str, Any], discrete: bool, message: str
) -> None:
    path = pickle_file(tmp_path / "wrong.pkl", [course_episode(2023) | change])
    with pytest.raises(InvalidInput, match=message):
        load_initial_data(replace(tiny, expert_data=path), replace(POINT_SPEC, discrete=discrete))


def test_data_of_another_layout_are_converted_with_a_notice(
    tiny: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pickle_file(tmp_path / "ant.pkl", [course_episode(2020, ob_dim=111, ac_dim=8)])
    config = replace(tiny, env_name="Ant-v5", expert_data=path)
    (trajectory,) = load_initial_data(config, TaskSpec((105,), np.dtype(np.float32), 8, False, 1000, 20))
    assert trajectory.observations.shape == trajectory.next_observations.shape == (12, 105)
    assert "from 111 to 105 numbers" in capsys.readouterr().err


def test_recorded_time_limits_are_no_terminations(tiny: Config) -> None:
    """Recorded episodes that end at the task's time limit are truncated, even if the run has a smaller ``ep_len``."""
    with RunInputs(replace(tiny, ep_len=5), expert_rule) as inputs:
        assert [(len(path), path.truncated) for path in inputs.initial_expertdata] == [(12, True)] * 2


def test_references_are_evaluated_once_on_the_same_episodes_for_every_seed(tiny: Config) -> None:
    measured = []
    for config in (tiny, replace(tiny, seed=2), replace(tiny, eval_batch_size=200)):
        with RunInputs(config, expert_rule) as inputs:
            inputs.start_references()
            inputs.start_references()
            measured.append(inputs.reference_scalars())
    assert set(measured[0]) == {f"{who}_{name}Return" for who in ("Expert", "Random") for name in ("Average", "Std")}
    assert measured[0] == measured[1] != measured[2]
    with RunInputs(replace(tiny, scalar_log_freq=-1), expert_rule) as inputs:
        inputs.start_references()
        assert inputs.reference_scalars() == {}


def test_the_expert_is_evaluated_over_the_given_episodes_and_not_in_the_constructor(tiny: Config) -> None:
    for episodes in (0, 2):
        expert = FakePolicy(expert_rule)
        with BC_Trainer(replace(tiny, expert_eval_episodes=episodes, do_dagger=False, n_iter=1), expert) as trainer:
            assert expert.seeds == []
            (row,) = trainer.run_training_loop()
        assert len(expert.seeds) == episodes
        assert ("Expert_AverageReturn" in row) == (episodes > 0)
        assert "Random_AverageReturn" in row


def test_the_normalised_score_is_0_for_random_and_1_for_the_expert() -> None:
    for reached, score in ((-20.0, 0.0), (60.0, 1.0), (20.0, 0.5)):
        returns = {"Eval_AverageReturn": reached, "Expert_AverageReturn": 60.0, "Random_AverageReturn": -20.0}
        assert normalized_score(returns) == {"Eval_NormalizedScore": score}
    assert normalized_score({**returns, "Expert_AverageReturn": -30.0}) == {}


def test_the_last_line_names_the_best_iteration() -> None:
    rows = [
        {"Eval_AverageReturn": mean, "Eval_StdReturn": 1.0, "Initial_DataCollection_AverageReturn": 9.0}
        for mean in (3, 7, 7, 5)
    ]
    line = final_line(rows, Config(do_dagger=True, n_iter=7, scalar_log_freq=2).evaluated)
    assert "final return 5.0 ± 1.0, best 7.0 in iteration 2," in line


def test_files_that_ship_are_found_in_the_current_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_shipped("nosuch.pkl") is None
    found = find_shipped("pyproject.toml")
    assert found is not None
    assert found.is_absolute()
    (tmp_path / "pyproject.toml").touch()
    assert find_shipped("pyproject.toml") == Path("pyproject.toml")
