"""Rollouts, the actions of experts and policies in them, and the random streams of a run."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.trajectory import Array
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.seeding import Stream, episode_seeds, generator, integer_seed
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.base_policy import expert_actions
from tests.fakes import CHOICE_SPEC, POINT_SPEC, FakePolicy, PointEnv, expert_rule

LONG_SPEC = replace(POINT_SPEC, max_episode_steps=1000)


class ReusingEnv(PointEnv):
    """An environment that returns the same array, with new numbers in it, after each step, as some environments do."""

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


@pytest.mark.parametrize(
    ("answer", "spec", "message"),
    [
        (np.zeros((4, 3)), POINT_SPEC, r"the expert's action has shape \(4, 3\); .* it must be \(4, 2\)"),
        (np.zeros((4, 2)), CHOICE_SPEC, r"the expert's action has shape \(4, 2\); .* it must be \(4,\)"),
        (np.full((4, 2), np.nan), POINT_SPEC, "step 0 holds NaN or infinity"),
        (np.full(4, -1), CHOICE_SPEC, "-1"),
        (np.full(4, 0.5), CHOICE_SPEC, "0.5"),
    ],
)
def test_actions_that_do_not_fit_are_refused(answer: Array, spec: TaskSpec, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        expert_actions(FakePolicy(lambda _: answer), np.zeros((4, 3)), spec)


def test_policies_whose_actions_do_not_fit_are_refused() -> None:
    shape = r"the action has shape \(1, 2\); for the environment, it must be \(2,\)"
    with pytest.raises(InvalidInput, match=shape):
        sample_trajectory(PointEnv(), POINT_SPEC, FakePolicy(lambda _: np.zeros((1, 1, 2))), seed=1)
    with pytest.raises(InvalidInput, match=r"an action is 0\.5; the environment's choices are 0 to 1"):
        sample_trajectory(PointEnv(discrete=True), CHOICE_SPEC, FakePolicy(lambda _: np.array([0.5])), seed=1)


def test_streams_iterations_episodes_and_seeds_differ() -> None:
    drawn = [
        value
        for seed in range(5)
        for stream in Stream
        for itr in range(10)
        for value in itertools.islice(episode_seeds(seed, stream, itr), 20)
    ]
    assert len(set(drawn)) > 0.999 * len(drawn)  # a few of so many numbers of 32 bits may coincide
    firsts = [tuple(generator(seed, stream).integers(2**32, size=3)) for seed in range(20) for stream in Stream]
    assert len(set(firsts)) == len(firsts)


@given(seed=st.integers(0, 2**64), stream=st.sampled_from(Stream), itr=st.integers(0, 1000))
def test_the_same_seed_gives_the_same_numbers_which_fit_the_libraries(seed: int, stream: Stream, itr: int) -> None:
    one, other = (list(itertools.islice(episode_seeds(seed, stream, itr), 4)) for _ in range(2))
    assert one == other
    assert generator(seed, stream).random() == generator(seed, stream).random()
    assert 0 <= integer_seed(seed, stream, itr) < 2**32
