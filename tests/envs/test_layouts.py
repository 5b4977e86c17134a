"""Observation layouts of one task become one another; sizes that are none are refused by name."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.envs.layouts import LAYOUTS, check_convertible, conversion_notice, convert_observations, task_of
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput

PAIRS = [
    (task, small, large) for task, sizes in LAYOUTS.items() for small in sizes for large in sizes if small <= large
]


@given(pair=st.sampled_from(PAIRS), lead=st.lists(st.integers(0, 3), max_size=2), seed=st.integers(0, 99))
def test_there_and_back_again_changes_nothing(pair: tuple[str, int, int], lead: list[int], seed: int) -> None:
    task, small, large = pair
    observations = np.random.default_rng(seed).normal(size=(*lead, small)).astype(np.float32)
    enlarged = convert_observations(observations, f"{task}-v5", large)
    assert enlarged.shape == (*lead, large)
    assert enlarged.dtype == np.float32
    np.testing.assert_array_equal(convert_observations(enlarged, f"{task}-v5", small), observations)
    assert np.count_nonzero(enlarged) == np.count_nonzero(observations)


def test_the_sizes_known_are_those_of_the_versions() -> None:
    assert {task: sorted(sizes) for task, sizes in LAYOUTS.items()} == {
        "Ant": [27, 105, 111],
        "Humanoid": [45, 348, 376],
    }


def test_ants_world_body_is_a_gap_and_not_the_end() -> None:
    v5 = np.arange(1.0, 106.0)
    v2 = convert_observations(v5, "Ant-v5", 111)
    np.testing.assert_array_equal(v2, [*range(1, 28), *[0] * 6, *range(28, 106)])
    np.testing.assert_array_equal(convert_observations(v5, "Ant-v5", 27), np.arange(1.0, 28.0))


@pytest.mark.parametrize(
    ("task", "options"), [("Ant", {"use_contact_forces": True}), ("Humanoid", {})], ids=["Ant", "Humanoid"]
)
@pytest.mark.filterwarnings("ignore:.*out of date")
def test_the_layouts_of_v4_and_v5_are_converted_as_the_simulator_orders_them(
    task: str, options: dict[str, bool]
) -> None:
    """The same state of the simulator, observed by both versions."""
    make_env(f"{task}-v5")  # silences MuJoCo
    old, new = gym.make(f"{task}-v4", **options).unwrapped, gym.make(f"{task}-v5").unwrapped
    rng = np.random.default_rng(0)
    old.reset(seed=0)
    for _ in range(30):  # until something touches the floor
        old.step(rng.uniform(-0.4, 0.4, old.action_space.shape))
    new.reset(seed=0)
    for name in ("qpos", "qvel", "cinert", "cvel", "qfrc_actuator", "cfrc_ext", "xpos"):
        getattr(new.data, name)[:] = getattr(old.data, name)
    observed_old, observed_new = old._get_obs(), new._get_obs()
    assert np.any(observed_new[-60:] != 0)
    np.testing.assert_allclose(convert_observations(observed_new, f"{task}-v5", len(observed_old)), observed_old)
    np.testing.assert_allclose(convert_observations(observed_old, f"{task}-v4", len(observed_new)), observed_new)


@pytest.mark.parametrize(
    ("env_name", "size", "wanted", "told"),
    [
        ("Ant-v5", 28, 105, ["28", "105", "27 and 105 and 111"]),
        ("Ant-v5", 105, 28, ["105", "28"]),
        ("Humanoid-v4", 46, 376, ["46", "376", "45 and 348 and 376"]),
        ("Hopper-v4", 12, 11, ["file", "12", "11", "Hopper-v4"]),
    ],
)
def test_other_sizes_are_refused_with_both_and_the_known_ones(
    env_name: str, size: int, wanted: int, told: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_convertible(env_name, size, wanted, what="file")
    assert all(text in str(refused.value) for text in told)
    with pytest.raises(InvalidInput):
        convert_observations(np.zeros((2, size)), env_name, wanted)


def test_equal_sizes_of_any_task_need_no_layout() -> None:
    observations = np.ones((2, 7))
    assert convert_observations(observations, "Hopper-v4", 7) is observations


def test_the_notice_counts_what_is_made_up() -> None:
    assert "27 to 111 numbers (84 of them set to 0)" in conversion_notice("x.pkl", "Ant-v4", 27, 111)
    assert "set to 0" not in conversion_notice("x.pkl", "Ant-v4", 111, 27)


@pytest.mark.parametrize("env_name", ["module:Ant-v5", "Ant-v5", "Ant-v4", "mujoco/Ant-v9", "Ant"])
def test_the_task_of_an_id(env_name: str) -> None:
    assert task_of(env_name) == "Ant"
