"""Rollouts of whole episodes, the fewest that are needed, and relabelling with the expert's actions."""

from __future__ import annotations

import itertools

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
from tests.fakes import CHOICE_SPEC, POINT_SPEC, FakePolicy, PointEnv, ScriptedEnv, choice_rule, expert_rule

LONG_SPEC = TaskSpec((3,), np.dtype(np.float32), 2, discrete=False, max_episode_steps=1000, fps=60)


def test_actions_beyond_the_box_reach_the_environment_unclipped() -> None:
    env = PointEnv()
    trajectory = sample_trajectory(env, LONG_SPEC, FakePolicy(expert_rule), seed=1)
    assert np.abs(env.received).max() > 3  # the box ends at 1
    np.testing.assert_array_equal(np.float32(env.received), trajectory.actions)
    np.testing.assert_allclose(trajectory.actions, expert_rule(trajectory.observations), rtol=1e-5)


def test_each_row_is_one_step() -> None:
    trajectory = sample_trajectory(PointEnv(), LONG_SPEC, FakePolicy(expert_rule), seed=1)
    np.testing.assert_array_equal(trajectory.observations[1:], trajectory.next_observations[:-1])
    followed = 0.9 * trajectory.observations + 0.1 * trajectory.actions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(trajectory.next_observations, followed, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trajectory.rewards, -np.abs(trajectory.next_observations).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("ends_by", "lasts", "cut_at", "terminated"),
    [
        ("termination", 5, 1000, True),
        ("termination", 5, 5, True),  # in the very step in which it would have been cut
        ("termination", 6, 5, False),
        ("truncation", 5, 1000, False),
        ("truncation", 9, 5, False),
    ],
)
def test_terminated_and_truncated_are_told_apart(ends_by: str, lasts: int, cut_at: int, terminated: bool) -> None:
    spec = TaskSpec((3,), np.dtype(np.float32), 2, discrete=False, max_episode_steps=cut_at, fps=60)
    trajectory = sample_trajectory(ScriptedEnv(ends_by), spec, FakePolicy(expert_rule), seed=lasts)
    assert len(trajectory) == min(lasts, cut_at)
    assert (trajectory.terminated, trajectory.truncated) == (terminated, not terminated)


class ReusingEnv(PointEnv):
    """Returns the same array after each step, as some environments do."""

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, object]]:
        before = self.state
        observation, *rest = super().step(action)
        before[:] = observation
        self.state = before
        return (before, *rest)


def test_observations_are_copied() -> None:
    one, other = (sample_trajectory(env, LONG_SPEC, FakePolicy(expert_rule), 1) for env in (PointEnv(), ReusingEnv()))
    np.testing.assert_array_equal(one.observations, other.observations)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=10), data=st.data())
def test_the_fewest_whole_episodes_that_add_up(lengths: list[int], data: st.DataObject) -> None:
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


def test_a_policy_gets_observations_in_the_dtype_of_the_trajectory_and_may_change_them() -> None:
    def act_in_place(observations: Array) -> Array:
        actions = expert_rule(observations)
        observations *= 0
        return actions

    policies = FakePolicy(expert_rule), FakePolicy(act_in_place)
    plain, changed = (sample_trajectory(PointEnv(), LONG_SPEC, policy, seed=1) for policy in policies)
    np.testing.assert_array_equal(plain.observations, changed.observations)
    np.testing.assert_array_equal(np.stack(policies[0].asked), plain.observations)
    assert {asked.dtype for asked in policies[0].asked} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("fps", "stride"), [(20, 1), (60, 2), (125, 4)])
def test_a_frame_every_few_steps_from_the_first_state_on(fps: int, stride: int) -> None:
    frames: list[Array] = []
    spec = TaskSpec((3,), np.dtype(np.float32), 2, discrete=False, max_episode_steps=1000, fps=fps)
    sample_trajectory(ScriptedEnv(), spec, FakePolicy(expert_rule), seed=11, on_frame=frames.append)
    assert [frame[0, 0, 0] // 10 for frame in frames] == list(range(0, 11, stride))


@pytest.mark.parametrize(("spec", "rule"), [(POINT_SPEC, expert_rule), (CHOICE_SPEC, choice_rule)])
def test_relabelling_changes_the_actions_and_nothing_else(spec: TaskSpec, rule: object) -> None:
    env, zeros = (
        PointEnv(discrete=spec.discrete),
        FakePolicy(lambda o: np.zeros(len(o), int) if spec.discrete else o[:, :2]),
    )
    paths = [sample_trajectory(env, spec, zeros, seed) for seed in range(3)]
    before = [path.actions.copy() for path in paths]
    expert = FakePolicy(rule)  # type: ignore[arg-type]
    for path, old, new in zip(paths, before, relabel_with_expert(paths, expert, spec), strict=True):
        np.testing.assert_allclose(new.actions, rule(path.observations), rtol=1e-5)  # type: ignore[operator]
        assert new.actions.dtype == path.actions.dtype
        np.testing.assert_array_equal(path.actions, old)
        for name in ("observations", "rewards", "next_observations", "terminated", "truncated"):
            assert getattr(new, name) is getattr(path, name)
    assert [len(asked) for asked in expert.asked] == [len(path) for path in paths]  # one call for each


@pytest.mark.parametrize(
    ("answer", "spec", "message"),
    [
        (np.zeros((4, 3)), POINT_SPEC, r"shape \(3,\), the environment's \(2,\)"),
        (np.zeros(4), POINT_SPEC, r"shape \(\), the environment's \(2,\)"),
        (np.zeros((4, 2)), CHOICE_SPEC, r"shape \(2,\), the environment's \(\)"),
        (np.full((4, 2), np.nan), POINT_SPEC, "step 0 holds NaN or infinity"),
        (np.full((4, 2), -np.inf), POINT_SPEC, "NaN or infinity"),
        (np.full(4, 2), CHOICE_SPEC, "2"),
        (np.full(4, -1), CHOICE_SPEC, "-1"),
        (np.full(4, 0.5), CHOICE_SPEC, "0.5"),
    ],
)
def test_actions_that_do_not_fit_are_refused(answer: Array, spec: TaskSpec, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        expert_actions(FakePolicy(lambda _: answer), np.zeros((4, 3)), spec)


@pytest.mark.parametrize(
    ("action", "spec", "message"),
    [
        (np.zeros((1, 2)), POINT_SPEC, r"the policy's action for one observation \(3,\) is \(1, 2\), not \(2,\)"),
        (np.zeros(2), CHOICE_SPEC, r"is \(2,\), not \(\)"),
        (np.array(0.5), CHOICE_SPEC, "an action is 0.5; the environment's choices are 0 to 1"),
        (np.array(2), CHOICE_SPEC, "an action is 2; the environment's choices are 0 to 1"),
    ],
)
def test_policies_whose_actions_do_not_fit_are_refused(action: Array, spec: TaskSpec, message: str) -> None:
    policy = FakePolicy(lambda _: action)
    policy.get_action = policy.act  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match=message):
        sample_trajectory(PointEnv(discrete=spec.discrete), spec, policy, seed=1)
