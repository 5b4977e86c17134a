"""What counts as an expert, and how it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.policies.base_policy import as_policy
from cs285.policies.loaded_gaussian_policy import ConvertedLayoutPolicy
from tests.fakes import FakePolicy, expert_rule


class Brought:
    """A user's expert."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def get_action(self, observations: Array) -> Array:
        self.asked.append(observations.shape)
        return expert_rule(observations)


def test_functions_and_objects_with_get_action_become_policies() -> None:
    observations = np.random.default_rng(0).normal(size=(4, 3))
    for expert in (expert_rule, Brought(), FakePolicy(expert_rule)):
        policy = as_policy(expert)
        np.testing.assert_array_equal(policy.get_action(observations), expert_rule(observations))
        np.testing.assert_array_equal(policy.get_action(observations[1]), expert_rule(observations)[1])
    assert as_policy(policy) is policy


def test_an_expert_is_always_asked_with_a_batch() -> None:
    expert = Brought()
    policy = as_policy(expert)
    policy.get_action(np.zeros(3))
    policy.get_action(np.zeros((5, 3)))
    assert expert.asked == [(1, 3), (5, 3)]


def test_answers_may_be_lists() -> None:
    policy = as_policy(lambda observations: [[1.0, 2.0]] * len(observations))
    np.testing.assert_array_equal(policy.get_action(np.zeros((2, 3))), [[1, 2], [1, 2]])


@pytest.mark.parametrize("answer", [np.zeros((3, 2)), np.zeros(2), np.float64(1.0), np.zeros((5, 2, 1))])
def test_an_answer_without_one_action_for_each_is_refused(answer: Array) -> None:
    with pytest.raises(InvalidInput, match=r"5 observations .* one action for each"):
        as_policy(lambda _: answer).get_action(np.zeros((5, 3)))


@pytest.mark.parametrize("thing", [3, "expert.pkl", None, object()])
def test_other_things_are_no_experts(thing: object) -> None:
    with pytest.raises(InvalidInput, match=type(thing).__name__):
        as_policy(thing)


def test_a_policy_of_another_layout_sees_its_own() -> None:
    seen = FakePolicy(lambda observations: observations[:, :8])
    policy = ConvertedLayoutPolicy(seen, "Ant-v5", 111)
    for shape in ((105,), (4, 105), (4, 27), (111,)):
        policy.get_action(np.ones(shape))
        assert seen.asked[-1].shape == (*shape[:-1], 111)
    with pytest.raises(InvalidInput, match="28"):
        policy.get_action(np.ones((4, 28)))


def test_an_expert_may_change_what_it_is_given() -> None:
    def normalise_in_place(observations: np.ndarray) -> np.ndarray:
        observations -= 100.0
        return observations[:, :2]

    observations = np.ones((3, 4))
    as_policy(normalise_in_place).get_action(observations)
    np.testing.assert_array_equal(observations, np.ones((3, 4)))
