"""Conversion between the observation layouts of one task, and the refusal of other sizes."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.envs.layouts import LAYOUTS, convert_observations, print_conversion, task_of
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput

PAIRS = [
    (task, small, large) for task, sizes in LAYOUTS.items() for small in sizes for large in sizes if small <= large
]


@given(pair=st.sampled_from(PAIRS), lead=st.lists(st.integers(0, 3), max_size=2), seed=st.integers(0, 99))
def test_converting_to_a_larger_layout_and_back_changes_nothing(
    pair: tuple[str, int, int], lead: list[int], seed: int
) -> None:
    task, small, large = pair
    observations = np.random.default_rng(seed).normal(size=(*lead, small)).astype(np.float32)
    enlarged = convert_observations(observations, f"{task}-v5", large)
    assert (enlarged.shape, enlarged.dtype) == ((*lead, large), np.float32)
    np.testing.assert_array_equal(convert_observations(enlarged, f"{task}-v5", small), observations)
    assert np.count_nonzero(enlarged) == np.count_nonzero(observations)


@pytest.mark.parametrize(
    ("task", "options", "sizes"),
    [("Ant", {"use_contact_forces": True}, [27, 105, 111]), ("Humanoid", {}, [45, 348, 376])],
)
@pytest.mark.filterwarnings("ignore:.*out of date")
def test_converted_observations_equal_those_of_v4_and_v5_in_one_state(
    task: str, options: dict[str, bool], sizes: list[int]
) -> None:
    make_env(f"{task}-v5")  # called because it turns MuJoCo's warnings into Python's
    old, new = gym.make(f"{task}-v4", **options).unwrapped, gym.make(f"{task}-v5").unwrapped
    rng = np.random.default_rng(0)
    old.reset(seed=0)
    for _ in range(30):  # after these steps the body touches the floor, so that there are contact forces
        old.step(rng.uniform(-0.4, 0.4, old.action_space.shape))
    new.reset(seed=0)
    for name in ("qpos", "qvel", "cinert", "cvel", "qfrc_actuator", "cfrc_ext", "xpos"):
        getattr(new.data, name)[:] = getattr(old.data, name)
    observed_old, observed_new = old._get_obs(), new._get_obs()
    assert [*LAYOUTS[task]] == sizes == [sizes[0], len(observed_new), len(observed_old)]
    assert np.any(observed_new[-60:] != 0)
    np.testing.assert_allclose(convert_observations(observed_new, f"{task}-v5", len(observed_old)), observed_old)
    np.testing.assert_allclose(convert_observations(observed_old, f"{task}-v4", len(observed_new)), observed_new)
    np.testing.assert_allclose(convert_observations(observed_old, f"{task}-v4", sizes[0]), observed_old[: sizes[0]])


def test_other_sizes_are_refused_and_notices_count_the_added_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match=r"file: .* of 28 numbers .* to 105 numbers \(Ant-v5; .* 27 and 105 and 111"):
        print_conversion("Ant-v5", 28, 105, what="file")
    with pytest.raises(InvalidInput, match=r"12 numbers .* to 11 numbers \(Hopper-v4\)$"):
        print_conversion("Hopper-v4", 12, 11, what="file")
    assert convert_observations(np.ones((2, 7)), "Hopper-v4", 7).shape == (2, 7)
    for size, ob_dim, added in ((27, 111, " (84 of them set to 0)"), (111, 27, "")):
        print_conversion("Ant-v4", size, ob_dim, what="x.pkl")
        notice = f"x.pkl: converting Ant observations from {size} to {ob_dim} numbers{added}\n"
        assert capsys.readouterr().err == notice
    assert {task_of(env_name) for env_name in ("module:Ant-v5", "gym:Ant-v2", "mujoco/Ant-v9", "Ant")} == {"Ant"}
