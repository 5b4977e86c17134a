"""The loop: whose data it trains on, what it logs when, and that looking on changes nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rl_trainer import RL_Trainer
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_trajectories
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.saved_policy import load_run_policy
from tests.fakes import PointEnv, expert_rule

EVALUATED = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")
SCALARS = {
    *(f"{who}_{name}" for who in ("Eval", "Train") for name in EVALUATED),
    *("Train_EnvstepsSoFar", "TimeSinceStart", "Training Loss", "Initial_DataCollection_AverageReturn"),
}


def run(config: Config, expert: Any = expert_rule) -> tuple[BC_Trainer, list[dict[str, float]]]:
    trainer = BC_Trainer(config, expert)
    return trainer, trainer.run_training_loop()


def table(run_dir: Path) -> list[dict[str, float]]:
    """The rows of log.csv."""
    with (run_dir / "log.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@given(frequency=st.integers(1, 7), iterations=st.integers(2, 12))
def test_due_every_so_often_and_at_both_ends(frequency: int, iterations: int) -> None:
    trainer = RL_Trainer.__new__(RL_Trainer)
    trainer.config = Config(do_dagger=True, n_iter=iterations)
    due = {itr for itr in range(iterations) if trainer.is_due(frequency, itr)}
    assert due == {*range(0, iterations, frequency), iterations - 1}
    assert not any(trainer.is_due(-1, itr) for itr in range(iterations))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Trajectory]]:
    """What each iteration adds to the buffer."""
    groups: list[Sequence[Trajectory]] = []
    collect = RL_Trainer.collect_training_trajectories

    def collect_and_keep(self: RL_Trainer, *arguments: Any) -> Sequence[Trajectory]:
        groups.append(collect(self, *arguments))
        return groups[-1]

    monkeypatch.setattr(RL_Trainer, "collect_training_trajectories", collect_and_keep)
    return groups


def test_dagger_learns_the_experts_actions_in_the_policys_own_states(
    tiny: Config, added: list[Sequence[Trajectory]]
) -> None:
    trainer, _ = run(replace(tiny, save_params=True))
    assert added[0] is trainer.initial_expertdata
    for itr in (1, 2):
        policy = load_run_policy(trainer.run_dir / f"policy_itr_{itr - 1}.pt")[0]
        lengths = [len(path) for path in added[itr]]
        assert sum(lengths) >= tiny.batch_size > sum(lengths[:-1])
        for path in added[itr]:
            np.testing.assert_allclose(path.actions, expert_rule(path.observations), rtol=1e-5)
            pushed = 0.1 * policy.get_action(path.observations).mean(axis=1, keepdims=True)
            np.testing.assert_allclose(path.next_observations, 0.9 * path.observations + pushed, rtol=1e-4, atol=1e-5)
    buffer = trainer.rl_trainer.agent.replay_buffer  # type: ignore[attr-defined]
    assert len(buffer) == sum(len(path) for paths in added for path in paths)


@pytest.mark.parametrize(
    "logging",
    [
        {"scalar_log_freq": -1},
        {"scalar_log_freq": 2},
        {"eval_batch_size": 100},
        {"video_log_freq": 1},
        {"save_params": False},
        {"scalar_log_freq": -1, "video_log_freq": 2},
    ],
)
def test_looking_on_changes_nothing(tiny: Config, added: list[Sequence[Trajectory]], logging: dict[str, Any]) -> None:
    plain, _ = run(tiny)
    mine = list(added)
    added.clear()
    looked_on, _ = run(replace(tiny, **logging))
    for one, other in zip(mine, added, strict=True):
        for path, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(path.observations, same.observations)
    for a, b in zip(
        plain.rl_trainer.agent.actor.parameters(), looked_on.rl_trainer.agent.actor.parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_each_row_is_of_the_policy_after_its_iteration(tiny: Config) -> None:
    trainer, rows = run(replace(tiny, save_params=True))
    for itr, row in enumerate(rows):
        policy, env, spec = load_run_policy(trainer.run_dir / f"policy_itr_{itr}.pt")
        seeds = episode_seeds(tiny.seed, Stream.EVALUATION, itr)
        paths, _ = sample_trajectories(env, spec, policy, tiny.eval_batch_size, seeds)
        expected = return_statistics(paths, "Eval")
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("frequency", "logged"), [(1, [0, 1, 2]), (2, [0, 2]), (9, [0, 2]), (-1, [])])
def test_scalars_have_the_assignments_names_and_come_when_due(
    tiny: Config, frequency: int, logged: list[int], added: list[Sequence[Trajectory]]
) -> None:
    trainer, rows = run(replace(tiny, scalar_log_freq=frequency))
    in_file = table(trainer.run_dir)
    assert [row.pop("itr") for row in in_file] == logged
    assert in_file == [pytest.approx(row) for row in rows]
    for itr, row in zip(logged, rows, strict=True):
        assert set(row) == SCALARS | {"Expert_AverageReturn", "Expert_StdReturn"}
        steps = [sum(len(path) for path in paths) for paths in added]
        assert row["Train_EnvstepsSoFar"] == sum(steps[1 : itr + 1])  # the expert's data cost none
        assert row["Train_AverageReturn"] == pytest.approx(np.mean([path.total_reward for path in added[itr]]))


def test_cloning_needs_no_expert(tiny: Config) -> None:
    _, rows = run(replace(tiny, do_dagger=False, n_iter=None), expert=None)
    assert [set(row) for row in rows] == [SCALARS]


class StubAgent:
    """Reports the losses it was told."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses
        self.sampled: list[int] = []
        self.actor = MLPPolicy(ac_dim=1, ob_dim=1, n_layers=0, size=1)

    def sample(self, batch_size: int) -> int:
        self.sampled.append(batch_size)
        return batch_size

    def train(self, batch: int) -> dict[str, torch.Tensor]:
        return {"Training Loss": torch.tensor(self.losses[len(self.sampled) - 1])}


def test_training_takes_the_steps_asked_for_and_reports_the_last(tiny: Config) -> None:
    loop = BC_Trainer(tiny, expert_rule).rl_trainer
    loop.agent = StubAgent([5.0, 4.0, 3.0, 2.0, 1.5])  # type: ignore[assignment]
    assert loop.train_agent(0) == {"Training Loss": 1.5}
    assert loop.agent.sampled == [8] * 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_where_it_began(tiny: Config, bad: float) -> None:
    loop = BC_Trainer(tiny, expert_rule).rl_trainer
    loop.agent = StubAgent([5.0, 4.0, bad, bad, 1.0])  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match=rf"became {bad} in iteration 4, step 2; .*learning rate"):
        loop.train_agent(4)


def test_what_was_logged_before_a_failure_stays_readable(tiny: Config) -> None:
    trainer = BC_Trainer(tiny, expert=lambda observations: np.full((len(observations), 2), 1e30))
    with pytest.raises(InvalidInput, match=r"became inf in iteration 1, step .* tests/Point-v0"):
        trainer.run_training_loop()
    assert [row["itr"] for row in table(trainer.run_dir)] == [0]


def test_a_mad_learning_rate_stops_the_run(tiny: Config) -> None:
    trainer = BC_Trainer(replace(tiny, learning_rate=1e30), expert_rule)
    with pytest.raises(InvalidInput, match=r"in iteration 0, step 1; .*1e\+30"):
        trainer.run_training_loop()
    assert table(trainer.run_dir) == []


@pytest.mark.parametrize(("frequency", "filmed"), [(1, [0, 1, 2]), (2, [0, 2]), (-1, [])])
def test_videos_come_when_due(tiny: Config, frequency: int, filmed: list[int]) -> None:
    trainer, _ = run(replace(tiny, video_log_freq=frequency, scalar_log_freq=-1))
    expected = {f"{who}_rollouts_itr_{itr}.mp4" for who in ("train", "eval") for itr in filmed}
    assert {path.name for path in trainer.run_dir.glob("videos/*")} == expected


def test_a_video_shows_the_first_two_episodes_of_its_iteration(tiny: Config, added: list[Sequence[Trajectory]]) -> None:
    trainer, _ = run(replace(tiny, video_log_freq=1))
    for itr in (1, 2):
        film = iio.imread(trainer.run_dir / "videos" / f"train_rollouts_itr_{itr}.mp4", plugin="FFMPEG")
        assert len(film) == sum(-(-len(path) // 2) for path in added[itr][:2])  # every second step of 60 a second


def test_cloning_without_an_expert_films_the_policy_alone(tiny: Config) -> None:
    trainer, _ = run(replace(tiny, do_dagger=False, n_iter=None, video_log_freq=1), expert=None)
    assert [path.name for path in trainer.run_dir.glob("videos/*")] == ["eval_rollouts_itr_0.mp4"]


def test_a_machine_that_cannot_render_goes_on(
    tiny: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PointEnv, "render", lambda self: None)
    trainer, rows = run(replace(tiny, video_log_freq=1))
    assert len(rows) == 3
    assert not list(trainer.run_dir.glob("videos/*"))
    assert capsys.readouterr().out.count("going on without videos") == 1


def test_a_network_that_the_last_step_ruins_stops_the_run(tiny: Config) -> None:
    trainer = BC_Trainer(replace(tiny, num_agent_train_steps_per_iter=1, learning_rate=1e39), expert_rule)
    with pytest.raises(InvalidInput, match="iteration 0, step 0"):
        trainer.run_training_loop()


@pytest.mark.filterwarnings("error")  # and numpy has nothing to add
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("observation", "the environment's next observation in step 2 of the episode with seed"),
        ("reward", "the environment's reward in step 2 of the episode with seed"),
    ],
)
def test_an_environment_that_gives_no_number_is_told_with_task_iteration_and_step(
    tiny: Config, bad: float, what: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = BC_Trainer(tiny, expert_rule)
    step, train = PointEnv.step, RL_Trainer.train_agent

    def spoil(self: PointEnv, action: Any) -> Any:
        observation, reward, *rest = step(self, action)
        if self.steps == 3:
            return (observation * bad, reward, *rest) if what == "observation" else (observation, bad, *rest)
        return observation, reward, *rest

    def train_then_spoil(self: RL_Trainer, itr: int) -> Any:
        if itr == 1:  # which evaluates in a spoiled environment
            monkeypatch.setattr(PointEnv, "step", spoil)
        return train(self, itr)

    monkeypatch.setattr(RL_Trainer, "train_agent", train_then_spoil)
    with pytest.raises(InvalidInput, match=rf"tests/Point-v0, iteration 1: {said} \d+ holds NaN or infinity"):
        trainer.run_training_loop()


def test_an_expert_that_gives_no_number_is_told_with_task_iteration_and_step(tiny: Config) -> None:
    asked: list[int] = []

    def expert(observations: Any) -> Any:
        asked.append(len(observations))
        actions = expert_rule(observations)
        if len(observations) > 2:  # the first two questions are a check, and single ones an evaluation
            actions[1, 0] = np.nan
        return actions

    with pytest.raises(InvalidInput, match=r"tests/Point-v0, iteration 1: the expert's answer .* step 1 holds NaN"):
        run(tiny, expert)
