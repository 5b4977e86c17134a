"""Rollouts of the fewest whole episodes that have enough steps, and relabelling with the expert's actions."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.actions import expert_actions
from cs285.infrastructure.utils import (
    LocalRollouts,
    relabel_with_expert,
    sample_n_trajectories,
    sample_trajectories,
    sample_trajectory,
)
from tests.fakes import CHOICE_SPEC, POINT_SPEC, FakePolicy, PointEnv, ScriptedEnv, expert_rule

LONG_SPEC = replace(POINT_SPEC, max_episode_steps=1000)


def test_each_row_is_one_step_and_raw_actions_reach_the_environment() -> None:
    env = PointEnv()
    path = sample_trajectory(env, LONG_SPEC, FakePolicy(expert_rule), seed=1)
    assert np.abs(env.received).max() > 3  # the action space ends at 1
    np.testing.assert_array_equal(np.float32(env.received), path.actions)
    np.testing.assert_allclose(path.actions, expert_rule(path.observations), rtol=1e-5)
    np.testing.assert_array_equal(path.observations[1:], path.next_observations[:-1])
    followed = 0.9 * path.observations + 0.1 * path.actions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(path.next_observations, followed, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(path.rewards, -np.abs(path.next_observations).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("ends_by", "lasts", "cut_at", "terminated"),
    [
        ("termination", 5, 1000, True),
        ("termination", 5, 5, True),  # both ends are due in the same step
        ("termination", 6, 5, False),
        ("truncation", 5, 1000, False),
    ],
)
def test_terminated_and_truncated_are_distinguished(ends_by: str, lasts: int, cut_at: int, terminated: bool) -> None:
    spec = replace(POINT_SPEC, max_episode_steps=cut_at)
    trajectory = sample_trajectory(ScriptedEnv(ends_by), spec, FakePolicy(expert_rule), seed=lasts)
    assert len(trajectory) == min(lasts, cut_at)
    assert (trajectory.terminated, trajectory.truncated) == (terminated, not terminated)


class ReusingEnv(PointEnv):
    """An environment that returns the same array after each step, as some environments do."""

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, object]]:
        before = self.state
        before[:], *rest = super().step(action)
        self.state = before
        return (before, *rest)


def test_environments_and_policies_may_change_observations() -> None:
    def act_in_place(observations: Array) -> Array:
        actions = expert_rule(observations)
        observations *= 0
        return actions

    policy = FakePolicy(expert_rule)
    plain = sample_trajectory(PointEnv(), LONG_SPEC, policy, seed=1)
    np.testing.assert_array_equal(np.stack(policy.asked), plain.observations)
    assert {asked.dtype for asked in policy.asked} == {np.dtype(np.float32)}
    for env, other in ((ReusingEnv(), policy), (PointEnv(), FakePolicy(act_in_place))):
        changed = sample_trajectory(env, LONG_SPEC, other, seed=1)
        np.testing.assert_array_equal(plain.observations, changed.observations)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=10), data=st.data())
def test_rollouts_stop_with_the_episode_that_reaches_min_timesteps(lengths: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, sum(lengths)))
    rollouts, seeds = LocalRollouts(ScriptedEnv(), LONG_SPEC), itertools.chain(lengths, itertools.repeat(99))
    trajectories, steps = sample_trajectories(rollouts, FakePolicy(expert_rule), wanted, seeds)
    assert [len(trajectory) for trajectory in trajectories] == lengths[: len(trajectories)]
    assert steps == sum(len(trajectory) for trajectory in trajectories) >= wanted
    assert steps - len(trajectories[-1]) < wanted


def test_an_episode_depends_on_its_seed_alone() -> None:
    policy, rollouts = FakePolicy(expert_rule), LocalRollouts(PointEnv(), LONG_SPEC)
    first = sample_n_trajectories(rollouts, policy, 3, itertools.count(5))
    (again,) = sample_n_trajectories(rollouts, policy, 1, itertools.count(7))
    np.testing.assert_array_equal(first[2].observations, again.observations)
    assert not np.array_equal(first[0].observations[0], first[1].observations[0])
    assert len(first) == 3
    assert policy.seeds == [5, 6, 7, 7]  # reset before each episode


def test_relabelling_changes_the_actions_and_nothing_else() -> None:
    zeros, expert = FakePolicy(lambda observations: 0 * observations[:, :2]), FakePolicy(expert_rule)
    paths = [sample_trajectory(PointEnv(), POINT_SPEC, zeros, seed) for seed in range(3)]
    for path, new in zip(paths, relabel_with_expert(paths, expert, POINT_SPEC), strict=True):
        np.testing.assert_allclose(new.actions, expert_rule(path.observations), rtol=1e-5)
        assert new.actions.dtype == path.actions.dtype
        assert not path.actions.any()
        for name in ("observations", "rewards", "next_observations", "terminated", "truncated"):
            assert getattr(new, name) is getattr(path, name)
    assert [len(asked) for asked in expert.asked] == [len(path) for path in paths]  # one call for each episode


@pytest.mark.parametrize(
    ("answer", "spec", "message"),
    [
        (np.zeros((4, 3)), POINT_SPEC, r"shape \(3,\), the environment's \(2,\)"),
        (np.zeros((4, 2)), CHOICE_SPEC, r"shape \(2,\), the environment's \(\)"),
        (np.full((4, 2), np.nan), POINT_SPEC, "step 0 holds NaN or infinity"),
        (np.full(4, -1), CHOICE_SPEC, "-1"),
        (np.full(4, 0.5), CHOICE_SPEC, "0.5"),
    ],
)
def test_actions_that_do_not_fit_are_refused(answer: Array, spec: TaskSpec, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        expert_actions(FakePolicy(lambda _: answer), np.zeros((4, 3)), spec)


def test_policies_whose_actions_do_not_fit_are_refused() -> None:
    shape = r"the policy's action for an observation of shape \(3,\) has shape \(1, 2\), not \(2,\)"
    with pytest.raises(InvalidInput, match=shape):
        sample_trajectory(PointEnv(), POINT_SPEC, FakePolicy(lambda _: np.zeros((1, 1, 2))), seed=1)
    with pytest.raises(InvalidInput, match=r"an action is 0\.5; the environment's choices are 0 to 1"):
        sample_trajectory(PointEnv(discrete=True), CHOICE_SPEC, FakePolicy(lambda _: np.array([0.5])), seed=1)
