"""A user's own experts: accepted objects, the arguments of their calls, and refused answers."""

from typing import Any

import numpy as np
import pytest

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.policies.external_policy import as_policy
from tests.fakes import FakePolicy, expert_rule


class Recorder:
    """A user's expert that records its seeds and the shapes of its observations, and changes the observations."""

    def __init__(self) -> None:
        self.recorded: list[Any] = []

    def get_action(self, observations: Array) -> Array:
        self.recorded.append(observations.shape)
        actions = expert_rule(observations.reshape(len(observations), -1))
        observations -= 100
        return actions

    def reset(self, seed: int) -> None:
        self.recorded.append(seed)


def test_functions_and_objects_with_get_action_become_policies() -> None:
    observations = np.random.default_rng(0).normal(size=(4, 3))
    before = observations.copy()
    for expert in (expert_rule, Recorder(), FakePolicy(expert_rule), lambda batch: expert_rule(batch).tolist()):
        policy = as_policy(expert)
        np.testing.assert_array_equal(policy.get_action(observations), expert_rule(before))
        np.testing.assert_array_equal(policy.get_action(observations[1]), expert_rule(before)[1])
        np.testing.assert_array_equal(observations, before)
        policy.reset(3)  # `reset` has no effect if the expert is a function
        assert as_policy(policy) is policy


@pytest.mark.parametrize(("ob_ndim", "shape"), [(1, (3,)), (3, (4, 2, 1))])
def test_experts_get_batches_of_vectors_or_images_and_the_seeds_of_episodes(ob_ndim: int, shape: Any) -> None:
    expert = Recorder()
    policy = as_policy(expert, ob_ndim)
    policy.get_action(np.zeros(shape))
    policy.get_action(np.zeros((5, *shape)))
    policy.reset(7)
    assert expert.recorded == [(1, *shape), (5, *shape), 7]


WRONG_ANSWERS = [np.zeros((3, 2)), np.zeros(2), np.float64(1.0), np.zeros((5, 2, 1)), (np.zeros((5, 2)), None)]


@pytest.mark.parametrize("answer", WRONG_ANSWERS)
def test_an_answer_without_one_action_for_each_observation_is_refused(answer: Any) -> None:
    with pytest.raises(InvalidInput, match=r"5 observations .* one action for each|the expert failed: .*inhomogeneous"):
        as_policy(lambda _: answer).get_action(np.zeros((5, 3)))
