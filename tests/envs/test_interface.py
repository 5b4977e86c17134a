"""Deviations from Gymnasium's interface: each is converted, or is refused in a line with the task and the step."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.utils import sample_n_trajectories, sample_trajectory
from tests.fakes import TIME_LIMIT, FakePolicy, PointEnv, choice_rule, expert_rule

BENT = "tests/Bent-v0"
Change = Callable[[Any, Any], Any]  # a function of an environment and an action or return value


class BentEnv(PointEnv):
    """A `PointEnv` with three functions that convert what goes in and out of ``step``; tests replace these functions.

    ``action`` converts the action, ``state_of`` the state, and ``answer`` the whole return value.
    """

    action: Change = staticmethod(lambda env, action: action)
    answer: Change = staticmethod(lambda env, answer: answer)
    state_of: Change = staticmethod(lambda env, state: state)

    def reset(self, **arguments: Any) -> Any:
        state, info = super().reset(**arguments)
        self.lifetime = 6
        return state, info

    def step(self, action: Any) -> Any:
        state, *rest = super().step(self.action(self, action))
        return self.answer(self, (self.state_of(self, state), *rest))


class Seedless(BentEnv):
    """An environment for the interface before gym 0.26: ``reset()`` takes no seed and returns only the observation."""

    def reset(self) -> Any:  # type: ignore[override]
        self.steps, self.lifetime = 0, 5
        self.state = self.np_random.normal(size=3)
        return self.state


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    yield
    gym.registry.pop(BENT, None)


def roll_out(cls: type[BentEnv] = BentEnv, discrete: bool = False, **changes: Change) -> Any:
    """Roll out two episodes of ``cls`` with some methods replaced, and return the first; both must be equal."""
    methods = {name: staticmethod(change) for name, change in changes.items()}
    gym.register(BENT, type(cls.__name__, (cls,), methods), max_episode_steps=TIME_LIMIT, kwargs={"discrete": discrete})
    env, spec = make_env(BENT)
    policy = FakePolicy(choice_rule if discrete else expert_rule)
    one, same = (sample_trajectory(env, spec, policy, seed=7) for _ in range(2))
    for name in ("observations", "actions", "rewards", "next_observations"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    del gym.registry[BENT]
    return one


def rewarded(reward: Any) -> Change:
    return lambda env, answer: (answer[0], reward, *answer[2:])


def test_deviations_that_are_converted() -> None:
    straight = roll_out(answer=rewarded(1.5))
    assert straight.terminated
    for change in (
        {"state_of": lambda env, state: list(state)},
        {"state_of": lambda env, state: state[None]},
        {"answer": rewarded(np.array([1.5]))},
        {"answer": rewarded([[1.5]])},
        {"answer": lambda env, answer: (answer[0], 1.5, answer[2], {})},
    ):
        bent = roll_out(**{"answer": rewarded(1.5), **change})
        assert vars(bent).keys() == vars(straight).keys()
        np.testing.assert_array_equal(bent.states, straight.states)
        np.testing.assert_array_equal(bent.rewards, straight.rewards)
        assert (bent.terminated, bent.truncated) == (True, False)
    cut = roll_out(answer=lambda env, answer: (*answer[:2], env.steps == 2, {"TimeLimit.truncated": True}))
    assert (len(cut), cut.terminated, cut.truncated) == (2, False, True)
    assert len(roll_out(Seedless)) == 5


def test_discrete_actions_are_those_of_the_space() -> None:
    """Actions are members of the space and hashable, so that a dictionary of moves works as in Gymnasium's tutorial."""
    moves = {0: -1.0, 1: 1.0}

    def look_up(env: BentEnv, action: Any) -> float:
        assert env.action_space.contains(action)
        return moves[action]

    assert len(roll_out(discrete=True, action=look_up)) == 6


class Flattened(BentEnv):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.observation_space = gym.spaces.Tuple([gym.spaces.Box(-np.inf, np.inf, (3,))])

    def reset(self, **arguments: Any) -> Any:
        super().reset(**arguments)
        self.state = np.zeros(3)
        return (self.state,), {}


class Spaceless(BentEnv):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        del self.observation_space


def exiting(env: BentEnv, action: Any) -> Any:
    return sys.exit() if env.steps == 2 else action


def failing(env: BentEnv, action: Any) -> Any:
    return {}["door"] if env.steps == 2 else action


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"answer": rewarded(None)}, r"step 0 .*float.*; it returned \(array.*None"),
        ({"answer": rewarded(np.ones(2))}, r"step 0 .*size 2"),
        ({"answer": lambda env, answer: answer[:3]}, r"step 0 .*expected 5, got 3"),
        ({"state_of": lambda env, state: state[: 3 - env.steps // 2]}, r"step 1 .*\(2,\).* has \(3,\)"),
        ({"state_of": lambda env, state: state + 1j}, r"step 0 .*complex128"),
        ({"state_of": lambda env, state: torch.ones(3, requires_grad=True)}, r"step 0 .*requires grad"),
        ({"action": exiting}, r"step 2 .*: SystemExit"),
        ({"action": failing}, r"step 2 .*: KeyError: 'door' \(.*test_interface\.py, line \d+\)\Z"),
    ],
)
def test_other_deviations_are_one_line_with_task_and_step(changes: dict[str, Change], line: str) -> None:
    with pytest.raises(InvalidInput, match=rf"\A{BENT}, {line}"):
        roll_out(**changes)


@pytest.mark.parametrize("what", [os.chdir, sys.exit])
def test_the_current_folder_is_restored_and_an_exit_is_an_error(what: Any, tmp_path: Path) -> None:
    here = os.getcwd()
    policy, place = FakePolicy(expert_rule), (["/"] if what is os.chdir else [0])

    def use() -> None:
        with RolloutWorkers(BENT, num_workers=0) as rollouts:
            sample_n_trajectories(rollouts, policy, 1, iter([7]))
            rollouts.wait(rollouts.start_film(tmp_path / "film.mp4", policy, [7]))

    for method in ("__init__", "reset", "step", "render", "close"):
        meddling = type("Meddling", (BentEnv,), {})
        original = getattr(BentEnv, method)
        setattr(meddling, method, lambda *args, original=original, **kw: original(*args, **kw) or what(*place))
        if method in ("reset", "step", "render"):
            setattr(meddling, method, lambda *args, original=original, **kw: what(*place) or original(*args, **kw))
        gym.register(BENT, meddling, max_episode_steps=TIME_LIMIT)
        if what is os.chdir:
            use()
        else:
            with pytest.raises(
                (InvalidInput, RuntimeError), match=r"it raised SystemExit\(0\)|SystemExit: 0 .*test_interface"
            ):
                use()
        assert os.getcwd() == here, method
        del gym.registry[BENT]


def test_an_environment_without_what_gymnasium_needs_has_its_name_in_the_line() -> None:
    with pytest.raises(InvalidInput, match=f"^can't make '{BENT}': AttributeError: .*observation_space"):
        roll_out(Spaceless)


def test_wrappers_that_flatten_add_nothing_to_the_line() -> None:
    with pytest.raises(InvalidInput, match=rf"\A{BENT}, step 2 [^,]*: KeyError"):
        roll_out(Flattened, action=failing, state_of=lambda env, state: (state,))
