"""The training loop: its data, what is logged in which iteration, and independence of training from logging."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.run_folders import read_run
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rl_trainer import RL_Trainer
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import LocalRollouts, sample_trajectories
from cs285.policies.saved_policy import load_run_policy
from tests.fakes import PointEnv, expert_rule

EVALUATED = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")
SCALARS = {
    *(f"{who}_{name}" for who in ("Eval", "Train") for name in EVALUATED),
    *("Random_AverageReturn", "Random_StdReturn", "Train_EnvstepsSoFar", "Train_ExpertLabelsSoFar"),
    *("TimeSinceStart", "Training Loss", "Initial_DataCollection_AverageReturn"),
}


def run(config: Config, expert: Any = expert_rule) -> tuple[BC_Trainer, Path, list[dict[str, float]]]:
    """Run a trainer; returns the trainer, its run folder and its rows."""
    trainer = BC_Trainer(config, expert)
    rows = trainer.run_training_loop()
    assert trainer.run_dir is not None
    return trainer, trainer.run_dir, rows


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Trajectory]]:
    """The trajectories that each iteration adds to the replay buffer."""
    groups: list[Sequence[Trajectory]] = []
    log = RL_Trainer.perform_logging
    monkeypatch.setattr(RL_Trainer, "perform_logging", lambda *args: (groups.append(args[2]), log(*args)))
    return groups


def test_dagger_learns_the_experts_actions_in_the_policys_own_states(
    tiny: Config, added: list[Sequence[Trajectory]]
) -> None:
    trainer, run_dir, _ = run(replace(tiny, save_params=True))
    assert added[0] is trainer.inputs.initial_expertdata
    for itr in (1, 2):
        policy = load_run_policy(run_dir / f"policy_itr_{itr - 1}.pt")[0]
        lengths = [len(path) for path in added[itr]]
        assert sum(lengths) >= tiny.batch_size > sum(lengths[:-1])
        for path in added[itr]:
            np.testing.assert_allclose(path.actions, expert_rule(path.observations), rtol=1e-5)
            pushed = 0.1 * policy.get_action(path.observations).mean(axis=1, keepdims=True)
            np.testing.assert_allclose(path.next_observations, 0.9 * path.observations + pushed, rtol=1e-4, atol=1e-5)
    assert len(trainer.agent.replay_buffer) == sum(len(path) for paths in added for path in paths)


def test_each_row_belongs_to_the_policy_after_its_iteration(tiny: Config) -> None:
    _, run_dir, rows = run(replace(tiny, save_params=True))
    for itr, row in enumerate(rows):
        policy, env, spec = load_run_policy(run_dir / f"policy_itr_{itr}.pt")
        seeds = episode_seeds(tiny.seed, Stream.EVALUATION, itr)
        paths, _ = sample_trajectories(LocalRollouts(env, spec), policy, tiny.eval_batch_size, seeds)
        expected = return_statistics(paths, "Eval")
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("frequency", "logged"), [(1, [0, 1, 2]), (2, [0, 2]), (-1, [])])
def test_scalars_have_the_assignments_names_and_are_logged_when_due(
    tiny: Config, frequency: int, logged: list[int], added: list[Sequence[Trajectory]]
) -> None:
    trainer, run_dir, rows = run(replace(tiny, scalar_log_freq=frequency))
    in_files = read_run(run_dir)
    assert (in_files.config, in_files.iterations, in_files.complete) == (trainer.config, tuple(logged), True)
    assert in_files.inputs == {"expert_data": digest(tiny.expert_data or Path())}
    assert in_files.rows == [{"itr": itr, **row} for itr, row in zip(logged, rows, strict=True)]
    for itr, row in zip(logged, rows, strict=True):
        assert row.keys() - {"Eval_NormalizedScore"} == SCALARS | {"Expert_AverageReturn", "Expert_StdReturn"}
        steps = [sum(len(path) for path in paths) for paths in added]
        assert row["Train_EnvstepsSoFar"] == sum(steps[1 : itr + 1])  # the expert's data cost no environment steps
        assert row["Train_ExpertLabelsSoFar"] == sum(steps[: itr + 1])
        assert row["Train_AverageReturn"] == pytest.approx(np.mean([path.total_reward for path in added[itr]]))


def test_cloning_needs_no_expert_and_then_films_the_policy_only(tiny: Config) -> None:
    _, run_dir, rows = run(replace(tiny, do_dagger=False, n_iter=None, video_log_freq=1), expert=None)
    assert [set(row) for row in rows] == [SCALARS]
    assert [path.name for path in run_dir.glob("videos/*")] == ["eval_rollouts_itr_0.mp4"]


@pytest.mark.parametrize("num_workers", [0, 1])  # with 1, a worker evaluates during training
def test_rows_before_a_diverging_loss_stay_readable(tiny: Config, num_workers: int) -> None:
    def diverge(observations: Array) -> Array:
        return np.full((len(observations), 2), 1e30)

    trainer = BC_Trainer(replace(tiny, num_workers=num_workers), diverge)
    with pytest.raises(InvalidInput, match=r"^tests/Point-v0, iteration 1: Training Loss became inf in step \d; try"):
        trainer.run_training_loop()
    (row,) = read_run(trainer.run_dir or Path()).rows
    assert row["itr"] == 0
    assert np.isfinite(row["Eval_AverageReturn"])


@pytest.mark.filterwarnings("error")  # the run reports the error without a warning of numpy
@pytest.mark.parametrize(("what", "bad"), [("next observation", float("nan")), ("reward", float("inf"))])
def test_an_environment_that_is_not_finite_is_reported_with_task_iteration_and_step(
    tiny: Config, what: str, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, relabel = PointEnv.step, RL_Trainer.do_relabel_with_expert

    def spoil(self: PointEnv, action: Any) -> Any:
        observation, reward, *rest = step(self, action)
        if self.steps == 3:
            return (observation * bad, reward, *rest) if what == "next observation" else (observation, bad, *rest)
        return observation, reward, *rest

    def relabel_then_spoil(self: RL_Trainer, paths: Sequence[Trajectory]) -> Any:
        monkeypatch.setattr(PointEnv, "step", spoil)  # the evaluation of iteration 1 is the first with spoiled steps
        return relabel(self, paths)

    monkeypatch.setattr(RL_Trainer, "do_relabel_with_expert", relabel_then_spoil)
    message = rf"^tests/Point-v0, iteration 1: the environment's {what} in step 2 of the episode with seed \d+ holds"
    with pytest.raises(InvalidInput, match=message):
        run(tiny)


@given(frequency=st.integers(1, 7), iterations=st.integers(2, 12))
def test_multiples_of_the_frequency_and_the_last_iteration_are_due(frequency: int, iterations: int) -> None:
    config = Config(do_dagger=True, n_iter=iterations)
    assert set(config.due(frequency)) == {*range(0, iterations, frequency), iterations - 1}
    assert not config.due(-1)


def test_videos_are_logged_when_due_and_show_the_first_two_episodes(
    tiny: Config, added: list[Sequence[Trajectory]]
) -> None:
    videos = run(replace(tiny, video_log_freq=2, scalar_log_freq=-1))[1] / "videos"
    expected = {f"{who}_rollouts_itr_{itr}.mp4" for who in ("train", "eval") for itr in (0, 2)}
    assert {path.name for path in videos.iterdir()} == expected
    film = iio.imread(videos / "train_rollouts_itr_2.mp4", plugin="FFMPEG")
    assert len(film) == sum(-(-len(path) // 2) for path in added[2][:2])  # the video has every second frame
