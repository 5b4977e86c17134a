"""Recorded episodes in common layouts: steps are split into episodes, and actions are converted for the task."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.data import formats
from cs285.data.expert_data import load_expert_data, write_expert_data
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from tests.fakes import course_episode, expert_content, make_trajectory, pickle_file

RNG = np.random.default_rng(0)
STATES, ACTIONS = RNG.normal(size=(31, 3)), RNG.normal(size=(30, 2)).astype(np.float32)
REWARDS, ENDS = np.ones(30), np.arange(30) % 10 == 9
FLAT = {"observation": STATES[:-1], "action": ACTIONS, "reward": REWARDS, "next_observation": STATES[1:]}


def plural(episode: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}s": value for name, value in episode.items()}


def save(path: Path, content: Any) -> Path:
    """Write an .npz file if the path ends in .npz, or else a pickle; return the path.

    An .npz file is compressed if its name contains "compressed".
    """
    if path.suffix == ".npz":
        (np.savez_compressed if "compressed" in path.name else np.savez)(path, **content)
        return path
    return pickle_file(path, content)


@pytest.mark.parametrize("name", ["x.npz", "compressed.npz", "x.pkl"])
@pytest.mark.parametrize("named", [dict, plural])
def test_several_episodes_in_one_dict_are_split_at_their_ends(tmp_path: Path, name: str, named: Any) -> None:
    path = save(tmp_path / name, named(FLAT | {"terminal": ENDS}))
    trajectories = load_expert_data(path, time_limit=10)
    assert [t.total_reward for t in trajectories] == [10, 10, 10]
    assert [(t.terminated, t.truncated) for t in trajectories] == [(False, True)] * 3
    np.testing.assert_array_equal(trajectories[1].next_observations, np.float32(STATES[11:21]))
    np.testing.assert_array_equal(trajectories[2].actions, ACTIONS[20:])
    assert all(t.observations.flags.writeable for t in trajectories)
    for marks, longest in (({}, 30), ({"terminal": 0 * ENDS}, 30), ({"terminal": np.arange(30) == 9}, 20)):
        with pytest.raises(InvalidInput, match=f"{longest} steps, and the task allows 10; mark the ends"):
            load_expert_data(save(tmp_path / name, named(FLAT | marks)), time_limit=10)
    joined = {"next_observation": np.where(ENDS[:, None], 9.0, STATES[1:])}
    with pytest.raises(InvalidInput, match="differ from the observations that follow; mark the ends"):
        load_expert_data(save(tmp_path / name, named(FLAT | joined)), time_limit=200)


def test_d4rls_layout_has_timeouts_no_next_observations_and_an_unfinished_end(tmp_path: Path) -> None:
    terminals, timeouts = np.arange(30) == 9, np.arange(30) == 19
    flat = {"observations": STATES[:-1], "actions": ACTIONS, "rewards": REWARDS, "infos/qpos": STATES}
    path = save(tmp_path / "x.npz", flat | {"terminals": terminals, "timeouts": timeouts})
    trajectories = load_expert_data(path, time_limit=10)
    assert [(t.terminated, t.truncated) for t in trajectories] == [(True, False), (False, True), (False, True)]
    for n, trajectory in enumerate(trajectories):
        states = np.float32(STATES[10 * n : 10 * n + 10])
        np.testing.assert_array_equal(trajectory.states, np.concatenate([states, states[-1:]]))


def test_only_observations_and_actions_are_required_also_as_lists_and_with_a_last_observation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In the course's files of 2018, actions have the shape (T, 1, ac_dim).
    pairs = {"observations": STATES[:30].tolist(), "actions": ACTIONS[:, None].tolist()}
    (trajectory,) = load_expert_data(save(tmp_path / "x.pkl", pairs), time_limit=10)
    assert (len(trajectory), trajectory.total_reward) == (30, 0)
    np.testing.assert_array_equal(trajectory.actions, ACTIONS)
    notices = capsys.readouterr().err
    assert "30 steps without rewards or marked ends are read as one episode" in notices
    assert "no rewards; returns of the expert's data are logged as 0" in notices
    (trajectory,) = load_expert_data(save(tmp_path / "x.pkl", [{"observation": STATES, "action": ACTIONS}]))
    np.testing.assert_array_equal(trajectory.states, np.float32(STATES))
    several = {"observation": STATES, "action": ACTIONS, "terminal": ENDS}
    with pytest.raises(InvalidInput, match="31 observations of several episodes"):
        load_expert_data(save(tmp_path / "x.pkl", several))
    with pytest.raises(InvalidInput, match="both 'action' and 'actions'"):
        load_expert_data(save(tmp_path / "x.pkl", {"action": ACTIONS, "actions": ACTIONS, "obs": STATES}))


@pytest.mark.parametrize(
    ("discrete", "given", "expected"),
    [
        (False, np.uint8([[1], [0], [2]]), np.float32([[1], [0], [2]])),
        (False, np.array([0.5, 1.0, 2.0]), np.float32([[0.5], [1], [2]])),
        (False, np.array([0, 1, 2]), np.float32([[0], [1], [2]])),
        (True, np.float64([[1.0], [0.0], [2.0]]), np.int64([1, 0, 2])),
        (True, np.array([True, False, True]), np.int64([1, 0, 1])),
    ],
)
def test_the_task_decides_whether_actions_are_discrete(
    tmp_path: Path, discrete: bool, given: Any, expected: Any
) -> None:
    path = pickle_file(tmp_path / "x.pkl", [course_episode(2023, steps=3) | {"action": given}])
    (trajectory,) = load_expert_data(path, discrete=discrete)
    np.testing.assert_array_equal(trajectory.actions, expected, strict=True)


IMAGES = RNG.integers(0, 256, (13, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("format_", ["course", "npz", "minari"])
@pytest.mark.parametrize("image", [False, True], ids=["vectors", "images and choices"])
def test_a_round_trip_is_exact(tmp_path: Path, format_: str, image: bool) -> None:
    changes = [{}, {"start": 20.0, "steps": 12}]
    if image:
        changes = [
            {"steps": 12, "observations": IMAGES[:-1], "next_observations": IMAGES[1:], "actions": np.arange(12)}
        ]
    written = [make_trajectory(terminated=n == 0 and not image, **change) for n, change in enumerate(changes)]
    path = tmp_path / "set-v0"
    if format_ == "minari":
        pytest.importorskip("minari")
        formats.write_minari(written, path, "tests/Point-v0")
        path = Path(f"minari:{path}")
        assert len(digest(formats.minari_folder(str(tmp_path / "set-v0")))) == 64
    else:
        (formats.write_npz if format_ == "npz" else write_expert_data)(written, path)
    for one, other in zip(written, load_expert_data(path, time_limit=12, discrete=image), strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name), strict=isinstance(value, np.ndarray))


def test_minari_sets_are_found_by_id_flattened_and_import_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    space = gym.spaces.Dict({"b": gym.spaces.Box(-9, 9, (2, 2)), "a": gym.spaces.Discrete(3)})
    observations = {"b": np.arange(16, dtype=np.float32).reshape(4, 2, 2), "a": np.array([0, 2, 1, 0])}
    buffer = minari.data_collector.EpisodeBuffer(
        observations=observations,
        actions=ACTIONS[:3],
        rewards=np.ones(3),
        terminations=np.array([False, False, True]),
        truncations=np.zeros(3, bool),
    )
    box = gym.spaces.Box(-np.inf, np.inf, (2,))
    minari.create_dataset_from_buffers(
        "mine/set-v0", [buffer, buffer], observation_space=space, action_space=box, data_format="hdf5"
    )
    first, second = load_expert_data(Path("minari:mine/set-v0"))
    expected = [gym.spaces.flatten(space, {name: value[t] for name, value in observations.items()}) for t in range(4)]
    np.testing.assert_array_equal(second.states, expected)
    assert first.terminated
    with pytest.raises(InvalidInput, match="minari download other/set-v1"):
        load_expert_data(Path("minari:other/set-v1"))
    metadata = tmp_path / "mine/set-v0/data/metadata.json"
    content = json.loads(metadata.read_text(encoding="utf-8"))
    del content["observation_space"]
    metadata.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InvalidInput, match="no observation_space"):
        load_expert_data(Path("minari:mine/set-v0"))
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(InvalidInput, match=r"pip install 'minari\[hdf5\]'"):
        load_expert_data(Path("minari:mine/set-v0"))


def test_archives_beyond_the_budget_or_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, observations=np.zeros((3000, 3000)), actions=ACTIONS)
    with pytest.raises(InvalidInput, match="far more memory"):
        load_expert_data(path)
    np.savez(path, observations=STATES, actions=np.array([{}]))
    with pytest.raises(InvalidInput, match="bject arrays"):
        load_expert_data(path)
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000,), }".ljust(
        118
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("observations.npy", b"\x93NUMPY\x01\x00v\x00" + header)
    with pytest.raises(InvalidInput, match="9000000000000"):
        load_expert_data(path)
    np.savez(path, unknown=STATES)
    with pytest.raises(InvalidInput, match=r"has none of the arrays .*unknown"):
        load_expert_data(path)
    for content, message in (
        (expert_content(), "two flags swapped"),
        ([], "not a list of at least one"),
        (np.float32(1), "not a list"),
    ):
        with pytest.raises(InvalidInput, match=message):
            load_expert_data(pickle_file(path, content))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory is read from /proc")
@pytest.mark.parametrize("name", ["episodes.pkl", "flat.npz", "d4rl.npz"])
def test_reading_takes_little_more_memory_than_the_file(tmp_path: Path, name: str) -> None:
    """One process reads a file of at least 12 MB, and another process reads a small file.

    The peaks of their memory differ by less than 1.6 times the size of the large file.
    """
    states = RNG.normal(size=(10_001, 300)).astype(np.float32)
    episode = {"observation": states[:-1], "next_observation": states[1:], "action": np.zeros((10_000, 2), np.float32)}
    episode |= {"reward": np.ones(10_000, np.float32), "terminal": np.arange(10_000) % 1000 == 999}
    parts = [{k: v[1000 * n : 1000 * n + 1000] for k, v in episode.items()} for n in range(10)]
    small = [{k: v[:2] for k, v in episode.items()}]
    if name == "d4rl.npz":
        del episode["next_observation"]
    if name.endswith("npz"):
        np.savez(tmp_path / name, **episode)
        np.savez(tmp_path / f"small-{name}", **small[0])
    else:
        pickle_file(tmp_path / name, parts)
        pickle_file(tmp_path / f"small-{name}", small)
    code = "import sys, pathlib; from cs285.data.expert_data import load_expert_data as load;"
    code += "kept = load(pathlib.Path(sys.argv[1])); print(open('/proc/self/status').read())"
    root = Path(__file__).parents[2]
    peaks = []
    for file in (f"small-{name}", name):
        command = [sys.executable, "-c", code, str(tmp_path / file)]
        status = subprocess.run(command, cwd=root, capture_output=True, check=True, encoding="utf-8").stdout
        peaks.append(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]))
    assert (peaks[1] - peaks[0]) * 1024 < 1.6 * (tmp_path / name).stat().st_size
