"""Experts of one's own: which objects are accepted, with what they are called and which answers are refused."""

from __future__ import annotations

import numpy as np
import pytest

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.policies.external_policy import as_policy
from tests.fakes import FakePolicy, expert_rule


class Recorder:
    """A user's expert, which records the shapes of its observations and its seeds, and changes its argument."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.seeds: list[int] = []

    def get_action(self, observations: Array) -> Array:
        self.shapes.append(observations.shape)
        actions = expert_rule(observations.reshape(len(observations), -1))
        observations -= 100
        return actions

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)


def test_functions_and_objects_with_get_action_become_policies() -> None:
    observations = np.random.default_rng(0).normal(size=(4, 3))
    before = observations.copy()
    for expert in (expert_rule, Recorder(), FakePolicy(expert_rule), lambda batch: expert_rule(batch).tolist()):
        policy = as_policy(expert)
        np.testing.assert_array_equal(policy.get_action(observations), expert_rule(before))
        np.testing.assert_array_equal(policy.get_action(observations[1]), expert_rule(before)[1])
        np.testing.assert_array_equal(observations, before)
        policy.reset(3)  # a function has nothing to reset
        assert as_policy(policy) is policy


def test_experts_get_batches_of_vectors_or_images_and_the_seeds_of_episodes() -> None:
    expert = Recorder()
    for policy, shapes in ((as_policy(expert), [(3,), (5, 3)]), (as_policy(expert, 3), [(4, 2, 1), (5, 4, 2, 1)])):
        for shape in shapes:
            policy.get_action(np.zeros(shape))
        policy.reset(len(shapes[0]))
    assert expert.shapes == [(1, 3), (5, 3), (1, 4, 2, 1), (5, 4, 2, 1)]
    assert expert.seeds == [1, 3]


@pytest.mark.parametrize("answer", [np.zeros((3, 2)), np.zeros(2), np.float64(1.0), np.zeros((5, 2, 1))])
def test_an_answer_without_one_action_for_each_observation_is_refused(answer: Array) -> None:
    with pytest.raises(InvalidInput, match=r"5 observations .* one action for each"):
        as_policy(lambda _: answer).get_action(np.zeros((5, 3)))


@pytest.mark.parametrize("thing", [3, "expert.pkl", None, object()])
def test_other_objects_are_refused(thing: object) -> None:
    with pytest.raises(InvalidInput, match=type(thing).__name__):
        as_policy(thing)
