"""Expert policies in the course's layout: they act as with the course's loader; wrong files are refused."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.expert_data import load_expert_data
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy, load_expert, write_gaussian_policy
from tests.fakes import AC_DIM, OB_DIM, act_like_the_course, expert_content, pickle_file

activations, sizes = st.sampled_from(["tanh", "lrelu"]), st.integers(1, 30)


def observe(ob_dim: int, count: int = 20) -> Any:
    return np.random.default_rng(1).normal(size=(count, ob_dim))


@given(widths=st.lists(sizes, max_size=4), activation=activations, ob_dim=sizes, ac_dim=sizes)
def test_actions_equal_those_of_the_courses_loader(
    tmp_path: Path, widths: list[int], activation: str, ob_dim: int, ac_dim: int
) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(ob_dim, ac_dim, widths, activation))
    expert, observations = LoadedGaussianPolicy(path), observe(ob_dim)
    assert (expert.ob_dim, expert.ac_dim) == (ob_dim, ac_dim)
    expected = act_like_the_course(path, observations)
    np.testing.assert_allclose(expert.get_action(observations), expected, rtol=1e-5, atol=1e-6)


def test_constant_dimensions_are_ignored(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(ob_dim=6, constant=[1, 4]))
    observations = observe(6)
    moved = observations.copy()
    moved[:, [1, 4]] += 0.01
    expected, found = (LoadedGaussianPolicy(path).get_action(each) for each in (observations, moved))
    np.testing.assert_array_equal(found, expected)
    assert not np.allclose(act_like_the_course(path, moved), act_like_the_course(path, observations))


def test_actions_of_single_observations_and_discrete_tasks(tmp_path: Path) -> None:
    path, observations = pickle_file(tmp_path / "x.pkl", expert_content(ac_dim=4)), observe(OB_DIM)
    expert, choosing = LoadedGaussianPolicy(path), LoadedGaussianPolicy(path, discrete=True)
    expected = act_like_the_course(path, observations)
    np.testing.assert_array_equal(choosing.get_action(observations), expected.argmax(axis=1))
    for observation, action in zip(observations, expected, strict=True):
        np.testing.assert_allclose(expert.get_action(observation), action, rtol=1e-5, atol=1e-6)
        assert choosing.get_action(observation) == action.argmax()


@given(hidden=st.lists(st.integers(1, 12), max_size=7), constant=st.sets(st.integers(0, 4)))
def test_a_written_expert_acts_the_same_in_the_courses_loader(
    tmp_path: Path, hidden: list[int], constant: set[int]
) -> None:
    rng = np.random.default_rng(len(hidden))
    weights = [rng.normal(size=shape).astype(np.float32) for shape in itertools.pairwise([5, *hidden, 2])]
    biases = [rng.normal(size=size).astype(np.float32) for size in (*hidden, 2)]
    mean, variance = rng.normal(size=5), rng.uniform(0.5, 2.0, size=5)
    variance[list(constant)] = 0.0
    path = tmp_path / "x.pkl"
    write_gaussian_policy(path, mean, variance, weights, biases, np.zeros(2))
    observations = observe(5)
    actions = LoadedGaussianPolicy(path).get_action(observations)
    np.testing.assert_allclose(actions, act_like_the_course(path, observations), rtol=1e-4, atol=1e-5)
    x = np.where(variance > 0, (observations - mean) / np.where(variance > 0, np.sqrt(variance), 1), 0)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = np.tanh(x @ weight + bias)
    np.testing.assert_allclose(actions, x @ weights[-1] + biases[-1], rtol=1e-3, atol=1e-4)


def test_an_expert_of_another_layout_is_converted_with_a_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content(111, 8))
    expert = load_expert(path, "Ant-v5", TaskSpec((105,), np.dtype(np.float32), 8, False, 1000, 20))
    v5 = observe(105)
    v2 = np.insert(v5, [27] * 6, 0.0, axis=1)
    np.testing.assert_allclose(expert.get_action(v5), act_like_the_course(path, v2), rtol=1e-5, atol=1e-6)
    assert "from 105 to 111" in capsys.readouterr().err


def test_an_expert_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = pickle_file(tmp_path / "x.pkl", expert_content())
    for env_name, ob_dim, ac_dim, message in (
        ("Ant-v5", 105, AC_DIM, "105 numbers can't be converted to 3 .*Ant-v5; .*27 and 105 and 111"),
        ("Hopper-v4", OB_DIM, 5, "actions of 2 numbers, but Hopper-v4 has 5"),
    ):
        with pytest.raises(InvalidInput, match=message):
            load_expert(path, env_name, TaskSpec((ob_dim,), np.dtype(np.float32), ac_dim, False, 1000, 20))


DAMAGES: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "no nonlin_type": lambda content, _: content.pop("nonlin_type"),
    "unknown nonlin_type": lambda content, _: content.update(nonlin_type="gelu"),
    "layer without a number": lambda _, policy: policy["hidden"]["FeedforwardNet"].update(x={}),
    "weights of a list": lambda _, policy: policy["out"]["AffineLayer"].update(W=[[1.0]]),
    "weights do not chain": lambda _, policy: policy["out"]["AffineLayer"].update(W=np.zeros((7, 2))),
    "NaN in a weight": lambda _, policy: policy["out"]["AffineLayer"]["W"].fill(np.nan),
    "mean too short": lambda _, policy: policy["obsnorm"]["Standardizer"].update(mean_1_D=np.zeros((1, 2))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, damage: Callable[..., Any]) -> None:
    content = expert_content()
    damage(content, content["GaussianPolicy"])
    with pytest.raises(InvalidInput, match=r"x\.pkl can't be read as an expert policy"):
        LoadedGaussianPolicy(pickle_file(tmp_path / "x.pkl", content))


@pytest.mark.parametrize("task", ["HalfCheetah", "Hopper"])
def test_data_of_the_course_are_the_actions_of_its_experts(course: Path, task: str) -> None:
    expert = LoadedGaussianPolicy(course / "experts" / f"{task}.pkl")
    for trajectory in load_expert_data(course / "expert_data" / f"expert_data_{task}-v4.pkl"):
        np.testing.assert_allclose(expert.get_action(trajectory.observations), trajectory.actions, rtol=1e-3, atol=1e-4)
        assert np.abs(trajectory.actions).max() > 2  # the course's experts leave the action space
