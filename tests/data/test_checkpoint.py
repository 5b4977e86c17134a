"""Checkpoints: any tree of state_dicts round-trips bit for bit, and nothing but a checkpoint of this run is loaded."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.checkpoint import MAY_CHANGE, Checkpoints, settings_to_resume
from cs285.data.provenance import digest, versions
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput
from tests.data.stopped_runs import files
from tests.fakes import make_trajectory
from tests.fuzzing import Watch, arrays, fuzz_file, numbers, spoiled

TREE: dict[str, Any] = {
    "scalars": [None, True, -(2**127), 0.1, float("nan"), float("-inf"), -0.0, "é\ud800", (1, (2.0, ())), [[]], {}],
    "keys": OrderedDict([(0, "integer"), ("0", "string"), (-1, {"state": {0: {"step": 1}}})]),
    "arrays": [np.arange(6, dtype=np.uint8).reshape(2, 3).T, np.zeros((0, 4)), np.array(True), np.float32(0.1)],
    "tensors": {str(d): torch.arange(6).to(d).reshape(2, 3) for d in (torch.bfloat16, torch.bool, torch.complex64)},
    "shapes": (torch.tensor(0.1), torch.zeros(0, 4, dtype=torch.int16), torch.rand(4, 3).T[1:], torch.rand(9)[3:5]),
    "generators": {
        "torch": torch.get_rng_state(),
        "numpy": np.random.MT19937(1).state,
        "pcg": np.random.PCG64(1).state,
    },
}


def bits(value: Any) -> bytes:
    array: Array = value.reshape(-1).view(torch.uint8).numpy() if isinstance(value, torch.Tensor) else value
    return array.tobytes()


def assert_equal(one: Any, other: Any) -> None:
    """Check that two trees have the same types and bits."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        assert [type(key) for key in one] == [type(key) for key in other]
        one, other = list(one.values()), list(other.values())
    assert type(one) is type(other)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif isinstance(one, torch.Tensor | np.ndarray | np.generic):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert bits(one) == bits(other)
    else:
        assert repr(one) == repr(other)


def test_any_tree_of_state_dicts_round_trips(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(3, TREE, [])
    itr, state, paths = Checkpoints(tmp_path).load()
    assert (itr, paths) == (3, [])
    assert_equal(TREE, state)


@pytest.mark.parametrize(
    "value", [object(), {1.5: 0}, {2**40: 0}, {True: 0}, {1, 2}, b"x", np.array(["x"]), np.array([None]), 1j, Path()]
)
def test_other_types_are_refused_with_their_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=rf"can't save agent\.optimizer\.0\.1 for --resume: a {type(value).__name__}"
    ):
        Checkpoints(tmp_path).save(0, {"agent": {"optimizer": [(1, value)]}}, [])
    assert not Checkpoints(tmp_path).exists()


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, cs285.data.checkpoint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL).returncode == 0


def episodes(itr: int) -> list[Trajectory]:
    return [make_trajectory(steps=3, start=itr), make_trajectory(steps=1, start=9.0, terminated=True)]


def test_only_new_transitions_are_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    written: dict[str, int] = {}
    for itr in range(4):
        checkpoints.save(itr, {}, episodes(itr) if itr in (1, 3) else [])
        if itr == 2:  # a resumed run keeps those before
            checkpoints = Checkpoints(tmp_path)
            checkpoints.load()
        inodes = {path.name: path.stat().st_ino for path in tmp_path.glob("checkpoint/added_*.npz")}
        assert inodes.items() >= written.items()
        written = inodes
    assert sorted(written) == ["added_1.npz", "added_3.npz"]
    paths = Checkpoints(tmp_path).load()[2]
    for path, same in zip([*episodes(1), *episodes(3)], paths, strict=True):
        assert_equal(vars(path), vars(same))


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_observations_of_any_shape_are_written_once(dtype: Any, follows: bool, discrete: bool, tmp_path: Path) -> None:
    states = np.random.default_rng(0).integers(0, 255, (101, 32, 32, 3)).astype(dtype)
    following = states[1:] if follows else states[:0:-1]
    actions = np.arange(100) if discrete else np.zeros((100, 2), np.float32)
    path = Trajectory(states[:-1], actions, np.zeros(100, np.float32), following, terminated=False, truncated=False)
    Checkpoints(tmp_path).save(1, {}, [path, path])
    for same in Checkpoints(tmp_path).load()[2]:
        assert_equal(vars(path), vars(same))
    size = (tmp_path / "checkpoint/added_1.npz").stat().st_size
    assert size < (1 if follows else 2) * 1.1 * 2 * path.observations.nbytes


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a checkpoint of iteration 2 and its transitions."""
    Checkpoints(tmp_path).save(2, {"optimizer": {"state": {0: {"step": torch.tensor(3.0)}}}}, episodes(2))
    return tmp_path


def edit(run_dir: Path, change: Callable[[dict[str, Any]], object], name: str = "state.npz") -> None:
    """Change the arrays of a file of the checkpoint, or the JSON in it, and write it whole."""
    path = run_dir / "checkpoint" / name
    with np.load(path) as file:
        content = dict(file)
    if name == "state.npz":
        facts = json.loads(content["content"].tobytes())
        change(facts)
        content["content"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    else:
        change(content)
    np.savez(path, **content)
    if name != "state.npz":
        edit(run_dir, lambda facts: facts["added"].update({name: digest(path)}))


FACTS: dict[str, Any] = {
    "version": [1, None],
    "itr": [-1, 1.5, 10**400, "2", True, None, float("nan")],
    "added": [
        {"../state.npz": ""},
        {"added_2.npz": 1},
        {"/etc/passwd": ""},
        {"added_x.npz": ""},
        [1],
        {"added_3.npz": ""},
    ],
    "settings": [1, None, "x"],
    "state": [1, [], {"dict": [[0.5, 1]]}, {"dict": [[2**70, 1]]}, {"list": [1]}, {"array": "9"}, {"tensor": ["0"]}],
}
FACTS["state"] += [
    {"dict": [["x", {"tensor": ["0", dtype, shape]}]]} for dtype in ("float64", "os") for shape in ([9], [-1, 0])
]
FACTS["state"] += [
    {"dict": [["adam", {"dict": [["state", {"dict": [[0, {"dict": [["step", step]]}]]}]]}]]}
    for step in (-1, -0.5, float("nan"), float("inf"), 10**400, None, "x")
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FACTS.items() for value in values])
def test_an_edited_state_is_refused(name: str, value: Any, saved: Path) -> None:
    edit(saved, lambda facts: facts.update({name: value}))
    before = files(saved)
    with pytest.raises(InvalidInput) as refused:
        Checkpoints(saved).load()
    assert "\n" not in str(refused.value)
    assert files(saved) == before


TRANSITIONS: dict[str, Any] = {
    "episodes": [[[9, 0, 1]], [[-1, 0, 1], [5, 0, 1]], [[0, 0, 1], [4, 0, 1]], [[4, 1, 1]], [4], 4, [[1e300, 0, 1]]],
    "rewards": [[1.0], [np.nan] * 4, [[1.0]] * 4, [1] * 4],
    "actions": [[[1.0]] * 3, [[np.inf]] * 4, 1.0],
    "states": [[[1.0] * 3] * 5, [1.0] * 6],
    "more": [[1.0] * 4],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TRANSITIONS.items() for value in values])
def test_edited_transitions_are_refused(name: str, value: Any, saved: Path) -> None:
    edit(saved, lambda content: content.update({name: np.array(value)}), "added_2.npz")
    with pytest.raises(InvalidInput, match=r"added_2\.npz does not hold the transitions"):
        Checkpoints(saved).load()


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_damaged_missing_and_linked_files_are_refused(name: str, saved: Path, tmp_path: Path) -> None:
    path = saved / "checkpoint" / name
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\x93NUMPY") + 9] ^= 1
    for damaged in (content, content[:-30], b""):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=name):
            Checkpoints(saved).load()
    path.unlink()
    with pytest.raises(InvalidInput, match=name if "added" in name else "has no checkpoint"):
        Checkpoints(saved).load()
    (tmp_path / "outside.npz").write_bytes(content)
    path.symlink_to(tmp_path / "outside.npz")
    with pytest.raises(InvalidInput, match="symbolic link"):
        Checkpoints(saved).load()


def test_a_file_of_another_run_is_refused(saved: Path, tmp_path: Path) -> None:
    Checkpoints(tmp_path / "other").save(2, {}, episodes(3))
    shutil.copy(tmp_path / "other/checkpoint/added_2.npz", saved / "checkpoint")
    with pytest.raises(InvalidInput, match=r"added_2\.npz was not written with the run's checkpoint"):
        Checkpoints(saved).load()


OTHERS: dict[str, Any] = {
    **{"env_name": "CartPole-v1", "exp_name": "other", "do_dagger": False, "ep_len": 9, "loss": "nll", "size": 9},
    **{"num_agent_train_steps_per_iter": 9, "batch_size": 9, "eval_batch_size": 9, "train_batch_size": 9},
    **{"n_layers": 1, "learning_rate": 0.1, "learning_rate_schedule": "constant", "ob_normalization": "none"},
    **{"scalar_log_freq": 2, "no_gpu": True, "max_replay_buffer_size": 9, "seed": 9, "backend": "mujoco_py"},
}


def begin(config: Config, itr: int = 0, **content: Any) -> Config:
    """Write the config.json and a checkpoint of a run; return the settings to resume it."""
    config.logdir.mkdir()
    settings = asdict(replace(config, n_iter=config.iterations))
    content = {"settings": settings, "inputs": {"expert_data": "0a"}, "versions": versions(), **content}
    (config.logdir / "config.json").write_text(json.dumps(content, default=str))
    Checkpoints(config.logdir).save(itr, {}, [])
    return settings_to_resume({"resume": config.logdir})


def check(config: Config, inputs: dict[str, str] | None = None) -> None:
    assert config.resume is not None
    checkpoints = Checkpoints(config.resume)
    checkpoints.load()
    checkpoints.check_same_run(config, inputs or {"expert_data": "0a"})


def test_settings_that_change_results_must_stay(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    config = begin(tiny)
    assert {*OTHERS, *MAY_CHANGE} >= {field.name for field in fields(Config)} - {"seeds"}
    check(replace(config, num_workers=2, logdir=Path("elsewhere"), checkpoint_freq=7, n_iter=9))
    for name, value in OTHERS.items():
        with pytest.raises(InvalidInput) as refused:
            check(replace(config, **{name: value}, **({"n_iter": 1} if name == "do_dagger" else {})))
        assert f"--{name} is {value}, but {config.resume} began with {getattr(tiny, name)}" in str(refused.value)
    with pytest.raises(InvalidInput, match=r"--n_iter is 2, but .* began with 3; it may only grow"):
        check(replace(config, n_iter=2))
    with pytest.raises(InvalidInput, match=r"the SHA-256 of --expert_data is 0b, but .* began with 0a"):
        check(config, {"expert_data": "0b"})
    with pytest.raises(InvalidInput, match=r"--n_iter is 5, .* ended with 4 and logged its last iteration"):
        check(replace(begin(replace(tiny, logdir=tiny.logdir / "odd", n_iter=4, scalar_log_freq=2), itr=3), n_iter=5))
    assert capsys.readouterr().err == ""


def test_a_setting_edited_in_config_json_is_refused(tiny: Config) -> None:
    path = begin(tiny).resume / "config.json"  # type: ignore[operator]
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(InvalidInput, match=r"--seed is 2, but .* began with 1"):
        check(settings_to_resume({"resume": path.parent}))


def test_other_versions_and_hardware_get_a_notice(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    check(begin(tiny, versions={**versions(), "numpy": "1.2.3", "threads": "64"}))
    said = capsys.readouterr().err
    assert (
        said == f"results may differ from those of an unstopped run: numpy 1.2.3 -> {np.__version__}, threads 64 -> 1\n"
    )


def test_another_policy_is_refused(tiny: Config) -> None:
    policy = {"make_policy": "mine:make", "architecture": "Net(\n  (0): " + "Linear(8)\n  " * 50 + "(9): ReLU()\n)"}
    checkpoints = Checkpoints(begin(tiny, policy=policy).resume)  # type: ignore[arg-type]
    checkpoints.check_same_policy(policy)
    with pytest.raises(InvalidInput, match=r"the policy's make_policy is x:y, but .* began with mine:make"):
        checkpoints.check_same_policy({**policy, "make_policy": "x:y"})
    with pytest.raises(
        InvalidInput, match=r"architecture is .*\(9\): Tanh.*, but .* began with .*\(9\): ReLU"
    ) as refused:
        checkpoints.check_same_policy({**policy, "architecture": policy["architecture"].replace("ReLU", "Tanh")})
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        with pytest.raises(InvalidInput, match=f"--resume is {path}; it must be the folder of a run"):
            settings_to_resume({"resume": path})


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_no_edit_ends_in_a_traceback(name: str, watch: Watch, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved / "checkpoint" / name
    sha = digest(saved / "checkpoint/added_2.npz")
    monkeypatch.setattr("cs285.data.checkpoint.digest", lambda path: sha)
    contents = st.one_of(spoiled(path.read_bytes()), archives(path))
    fuzz_file(path, contents, watch, lambda: Checkpoints(saved).load())


def archives(path: Path) -> st.SearchStrategy[bytes]:
    """Whole archives whose arrays or JSON are not those that were written."""
    with np.load(path) as file:
        whole = dict(file)

    def packed(changes: dict[str, Any], facts: Any, compressed: bool) -> bytes:
        content = {**whole, **changes}
        if "content" in whole:
            old = json.loads(whole["content"].tobytes())
            new = {**old, **facts} if isinstance(facts, dict) else facts
            content["content"] = np.frombuffer(json.dumps(new).encode(), np.uint8)
        buffer = io.BytesIO()
        (np.savez_compressed if compressed else np.savez)(buffer, **content)
        return buffer.getvalue()

    def inner(leaf: Any) -> Any:
        names = st.sampled_from(["dict", "list", "tuple", "tensor", "array", "scalar", "x"])
        return st.one_of(st.lists(leaf, max_size=3), st.dictionaries(names, leaf, max_size=2))

    plain = st.recursive(st.one_of(numbers, st.sampled_from(["0", "x", "float32"]), st.none()), inner, max_leaves=8)
    facts = st.dictionaries(st.sampled_from(["version", "itr", "settings", "added", "state"]), plain, max_size=3)
    changes = st.dictionaries(st.sampled_from(sorted(whole)), arrays, max_size=2)
    return st.builds(packed, changes, st.one_of(plain, facts), st.booleans())
