"""Expert data: files of every edition of the course are read, pickle reads written files, wrong files are refused."""

import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cs285.data.expert_data import load_expert_data, write_expert_data
from cs285.data.restricted_pickle import load_pickle
from cs285.data.whole_files import write_pickle
from cs285.errors import InvalidInput
from tests.data.stopped_runs import bits
from tests.fakes import course_episode, make_trajectory, pickle_file, pickled_by_python_2

plain_dtypes = st.one_of(
    npst.boolean_dtypes(), npst.integer_dtypes(endianness="?"), npst.floating_dtypes(endianness="?", sizes=(16, 32, 64))
)
arrays = st.builds(
    lambda array, order: order(array),
    npst.arrays(plain_dtypes, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    st.sampled_from([np.asarray, np.asfortranarray, np.transpose, lambda a: np.atleast_1d(a)[::-1]]),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=300), st.binary(max_size=300)
)
contents = st.recursive(
    st.one_of(leaves, arrays),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_pickles_of_every_protocol_and_written_ones_are_read(tmp_path: Path, content: Any, protocol: int) -> None:
    expected, path = bits(content, native=True), tmp_path / "x.pkl"
    assert bits(load_pickle(pickle_file(path, content, protocol))) == expected
    write_pickle(content, path)
    assert bits(load_pickle(path)) == bits(pickle.loads(path.read_bytes())) == expected


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    content = {"nonlin_type": "tanh", "W": np.arange(300.0).reshape(20, 15), "terminal": [np.array([True, False])]}
    for protocol in range(3):
        (tmp_path / "x.pkl").write_bytes(pickled_by_python_2(content, protocol))
        assert bits(load_pickle(tmp_path / "x.pkl")) == bits(content)


def test_written_pickles_name_only_what_older_pythons_and_numpys_have(tmp_path: Path) -> None:
    tricky = "numpy._core.multiarray\ncnumpy._core.multiarray\n_reconstruct\n"
    content = [np.eye(3), np.zeros(0, np.uint8), tricky, np.frombuffer(tricky.encode(), np.uint8)]
    write_pickle(content, tmp_path / "x.pkl")
    opcodes = list(pickletools.genops((tmp_path / "x.pkl").read_bytes()))
    assert max(opcode.proto for opcode, *_ in opcodes) <= 3
    named = {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    assert named <= {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    assert load_pickle(tmp_path / "x.pkl")[2] == tricky


@pytest.mark.parametrize("edition", [2020, 2023])
def test_data_of_both_editions_of_the_course_are_read(tmp_path: Path, edition: int) -> None:
    """The last episode has the terminal 0 at every step, and its observations are a list of rows."""
    episodes: list[dict[str, Any]] = [course_episode(edition, steps=n, seed=n) for n in (4, 7, 5)]
    episodes[2] |= {"terminal": np.zeros(5), "observation": list(episodes[2]["observation"])}
    trajectories = load_expert_data(pickle_file(tmp_path / "data.pkl", episodes), time_limit=7)
    for trajectory, episode in zip(trajectories, episodes, strict=True):
        np.testing.assert_array_equal(trajectory.observations, np.float32(episode["observation"]))
        np.testing.assert_array_equal(trajectory.next_observations, np.float32(episode["next_observation"]))
        np.testing.assert_array_equal(trajectory.actions, episode["action"])
        np.testing.assert_array_equal(trajectory.rewards, np.float32(episode["reward"]))
    assert [(t.terminated, t.truncated) for t in trajectories] == [(True, False), (False, True), (False, True)]


def test_discrete_actions_of_every_layout_are_read(tmp_path: Path) -> None:
    """Actions are discrete if they are integers (T,) or (T, 1), or whole floats (T,). Floats (T, 1) are continuous."""
    for actions in (np.array([0, 2, 1]), np.uint8([[0], [2], [1]]), np.float32([0, 2, 1]), np.float32([[0], [2], [1]])):
        episode = course_episode(2023, steps=3) | {"action": actions}
        (trajectory,) = load_expert_data(pickle_file(tmp_path / "data.pkl", [episode]))
        assert trajectory.discrete == (actions.shape == (3,) or actions.dtype == np.uint8)
        assert trajectory.actions.tolist() == ([0, 2, 1] if trajectory.discrete else [[0], [2], [1]])


IMAGES = np.random.default_rng(0).integers(0, 256, (101, 16, 16, 1), np.uint8)


@pytest.mark.parametrize(("states", "discrete"), [(IMAGES, True), (np.float32(IMAGES), False)])
def test_written_episodes_are_read_also_by_plain_pickle(tmp_path: Path, states: Any, discrete: bool) -> None:
    changes = {"actions": np.arange(100)} if discrete else {}
    written = make_trajectory(100, observations=states[:-1], next_observations=states[1:], **changes)
    apart = make_trajectory(100, observations=states[:-1], next_observations=states[:0:-1], **changes)
    write_expert_data([written], tmp_path / "data.pkl")
    assert (tmp_path / "data.pkl").stat().st_size < 1.1 * states.nbytes
    write_expert_data([written, apart], tmp_path / "data.pkl")
    for one, other in zip([written, apart], load_expert_data(tmp_path / "data.pkl", time_limit=100), strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name))
        assert other.observations.dtype == states.dtype
    # The course's code of fall 2020 reads expert data with plain pickle, too.
    (episode, _) = pickle.loads((tmp_path / "data.pkl").read_bytes())
    np.testing.assert_array_equal(episode["next_observation"], states[1:])
    assert episode["image_obs"].shape == (0,)
    assert episode["terminal"].tolist() == [0] * 99 + [1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observation": [np.zeros(3), np.zeros(4)]}, "has no array 'observation'"),
        ({"observation": np.zeros((2**20, 0))}, "has no array 'observation'"),
        ({"reward": None}, "has no array 'reward'"),
        ({"action": np.zeros((3, 2))}, "reward has 5 entries for 3 actions"),
        ({"observation": np.full((5, 3), np.nan)}, "observation holds NaN, infinity"),
        ({"next_observation": np.zeros((5, 4))}, r"next_observations \(5, 4\)"),
        ({"action": np.full(5, 0.5)}, r"actions \(5,\)"),
        ({"terminal": np.ones(7, bool)}, "terminal"),
    ],
)
def test_a_wrong_episode_is_refused_by_number_and_field(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    episodes = [course_episode(2023, steps=5), course_episode(2023, steps=5) | change]
    with pytest.raises(InvalidInput, match=rf"data\.pkl, episode 1.*{message}"):
        load_expert_data(pickle_file(tmp_path / "data.pkl", episodes))


def test_other_content_is_refused(tmp_path: Path) -> None:
    sizes = [course_episode(2023), course_episode(2023, ob_dim=9)]
    for content, why in (([3], "is a int"), ({"GaussianPolicy": {}}, "an expert"), (sizes, "different sizes")):
        with pytest.raises(InvalidInput, match=f"data.pkl.*{why}"):
            load_expert_data(pickle_file(tmp_path / "data.pkl", content))


@pytest.mark.parametrize("task", ["Ant", "HalfCheetah", "Hopper"])
def test_data_of_the_course_are_read(course: Path, task: str) -> None:
    trajectories = load_expert_data(course / "expert_data" / f"expert_data_{task}-v4.pkl", time_limit=1000)
    assert [(len(t), t.truncated) for t in trajectories] == [(1000, True)] * 2
    recorded = {"Ant": 4681.89, "HalfCheetah": 4034.80, "Hopper": 3717.51}[task]
    assert np.mean([t.total_reward for t in trajectories]) == pytest.approx(recorded, abs=0.01)
    for trajectory in trajectories:
        np.testing.assert_array_equal(trajectory.observations[1:], trajectory.next_observations[:-1])
